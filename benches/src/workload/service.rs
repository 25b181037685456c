//! A service: requests of many connections, each with a call that takes its time.

use super::{
    blocked::Blocker,
    cpu::{STEPS_PER_MICRO, compute},
};
use crate::runtime::Runtime;
use async_channel::{Receiver, Sender};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// What a server does for each request, for so many microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// It computes, in its poll.
    Inline(u64),
    /// It computes, in a call that is announced to the runtime and awaited.
    Announced(u64),
    /// It sleeps, in such a call.
    Asleep(u64),
}

impl Call {
    /// Makes the call; a seed goes in, so that nobody computes it beforehand.
    async fn make<R: Runtime>(self, seed: u64) -> u64 {
        match self {
            Call::Inline(micros) => compute(seed, micros * STEPS_PER_MICRO),
            Call::Announced(micros) => {
                R::blocking(move || compute(seed, micros * STEPS_PER_MICRO)).await
            }
            Call::Asleep(micros) => {
                let duration = Duration::from_micros(micros);
                R::blocking(move || Blocker::Asleep.block(duration)).await;
                seed
            }
        }
    }
}

/// The client's end of a connection: channels with room for one, and a server task behind them.
struct Connection {
    requests: Sender<u64>,
    answers: Receiver<u64>,
}

impl Connection {
    /// The server ends when the connection is dropped.
    fn open<R: Runtime>(call: Call) -> Connection {
        let (requests, requested) = async_channel::bounded(1);
        let (answer, answers) = async_channel::bounded(1);
        R::spawn_detached(async move {
            while let Ok(seed) = requested.recv().await {
                let result = call.make::<R>(seed).await;
                answer.send(result).await.expect("the client waits");
            }
        });
        Connection { requests, answers }
    }

    /// One request after another.
    async fn ask(self, requests: usize) -> Connection {
        for seed in 0..requests as u64 {
            self.requests.send(seed).await.expect("the server waits");
            black_box(self.answers.recv().await.expect("the server answers"));
        }
        self
    }
}

/// Each connection has a task as its client, which makes so many requests.
async fn ask_all<R: Runtime>(connections: Vec<Connection>, requests: usize) -> Vec<Connection> {
    let clients: Vec<_> = connections
        .into_iter()
        .map(|connection| R::spawn(connection.ask(requests)))
        .collect();
    let mut connections = Vec::with_capacity(clients.len());
    for client in clients {
        connections.push(client.await);
    }
    connections
}

/// How long `at_once` connections take for `requests` requests in all, which `at_once` divides.
///
/// Each makes one before: a service does not start its threads anew for each request.
pub async fn service<R: Runtime>(call: Call, at_once: usize, requests: usize) -> Duration {
    let connections = (0..at_once).map(|_| Connection::open::<R>(call)).collect();
    let connections = ask_all::<R>(connections, 1).await;
    let start = Instant::now();
    ask_all::<R>(connections, requests / at_once).await;
    start.elapsed()
}
