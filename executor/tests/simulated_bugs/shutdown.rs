//! [granian#903](https://github.com/emmett-framework/granian/issues/903), mended by
//! [granian#910](https://github.com/emmett-framework/granian/pull/910): a worker that is told to
//! stop hangs, once in some hundred times.
//!
//! Connections hear of the end by `Notify::notify_waiters`, which wakes those that wait, and stores
//! nothing. A task that has been spawned for a connection, and has not been polled yet, does not
//! wait. If its client keeps the connection open, it waits later, and for ever. The mend is a signal
//! that stays: `SetOnce`.

use crate::{Version, common::watchdog, find, find_nothing};
use async_channel::{Receiver, Sender};
use executor::{
    sim::{FailureKind, random},
    spawn, yield_now,
};
use futures::future::{Either, select};
use std::{pin::pin, sync::Arc};
use tokio::sync::{Notify, SetOnce, watch};
use waitgroup::WaitGroup;

/// The server's end of a connection: requests, until the client closes it.
type Connection = Receiver<()>;

/// How connections hear of the end.
#[derive(Default)]
struct Signal {
    notify: Notify,
    once: SetOnce<()>,
}

impl Signal {
    fn send(&self, version: Version) {
        match version {
            Version::Broken => self.notify.notify_waiters(),
            Version::Mended => self.once.set(()).expect("it is sent once"),
        }
    }

    async fn received(&self, version: Version) {
        match version {
            Version::Broken => self.notify.notified().await,
            Version::Mended => _ = self.once.wait().await,
        }
    }
}

/// Serves a connection until the client closes it, or the signal comes while it is idle.
async fn connection(requests: Connection, signal: Arc<Signal>, version: Version) {
    let serve = pin!(async { while requests.recv().await.is_ok() {} });
    let stopped = pin!(signal.received(version));
    select(serve, stopped).await;
}

/// Accepts connections until it is stopped, and waits for them.
async fn serve(accept: Receiver<Connection>, mut stop: watch::Receiver<bool>, version: Version) {
    let (tasks, signal) = (WaitGroup::new(), Arc::new(Signal::default()));
    loop {
        let accepted = pin!(accept.recv());
        let stopped = pin!(stop.changed());
        match select(accepted, stopped).await {
            Either::Left((accepted, _)) => {
                let accepted = accepted.expect("the listener is open");
                spawn(tasks.track(connection(accepted, signal.clone(), version)));
            }
            Either::Right(_) => break signal.send(version),
        }
    }
    tasks.wait().await;
}

/// Clients connect, send a request, and keep the connection; the server is stopped at some moment.
async fn program(version: Version) {
    let (listener, accept) = async_channel::unbounded();
    let (stop, stopped) = watch::channel(false);
    let server = spawn(serve(accept, stopped, version));
    let clients: Vec<Sender<()>> = (0..3)
        .map(|_| {
            let (client, connection) = async_channel::unbounded();
            client.try_send(()).expect("there is room");
            listener.try_send(connection).expect("the server listens");
            client
        })
        .collect();
    for _ in 0..random() % 8 {
        yield_now().await;
    }
    stop.send(true).expect("the server is there");
    server.await.unwrap();
    drop(clients);
}

#[test]
fn a_connection_that_misses_the_signal_to_stop_is_found() {
    let _watchdog = watchdog(60);
    let _ = find(program, FailureKind::Deadlock);
}

#[test]
fn a_signal_to_stop_that_stays_is_missed_by_nobody() {
    let _watchdog = watchdog(60);
    find_nothing(program);
}
