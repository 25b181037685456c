//! Listeners.

use super::sockets::{everywhere, executors, poll_once, reset_on_close, soon};
use crate::common::watchdog;
use executor::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use std::{
    future::poll_fn,
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

#[test]
fn each_connection_is_accepted_once_by_whoever_waits() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let accepting: Vec<_> = (0..10)
            .map(|_| {
                let listener = listener.clone();
                executor::spawn(async move { listener.accept().await.unwrap().1 })
            })
            .collect();
        sleep(Duration::from_millis(2)).await;
        let mut connected = Vec::new();
        for _ in 0..10 {
            connected.push(TcpStream::connect(address).await.unwrap());
        }
        let mut peers = Vec::new();
        for task in accepting {
            peers.push(soon(task).await.unwrap());
        }
        let mut expected: Vec<_> = connected.iter().map(|s| s.local_addr().unwrap()).collect();
        peers.sort();
        expected.sort();
        assert_eq!(peers, expected);
    });
}

#[test]
fn several_tasks_have_an_incoming_of_one_listener() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (listener, accepted) = (listener.clone(), accepted.clone());
                executor::spawn(async move {
                    let mut incoming = listener.incoming();
                    while let Some(stream) = incoming.next().await {
                        accepted.fetch_add(1, SeqCst);
                        stream.unwrap().write_all(b"x").await.unwrap();
                    }
                })
                .abort_on_drop()
            })
            .collect();
        for _ in 0..40 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            assert_eq!(soon(stream.read(&mut [0; 8])).await.unwrap(), 1);
        }
        assert_eq!(accepted.load(SeqCst), 40);
        drop(tasks);
    });
}

#[test]
fn polling_accepts_as_well() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(poll_once(poll_fn(|cx| listener.poll_accept(cx))).is_pending());
        let stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (_, peer) = soon(poll_fn(|cx| listener.poll_accept(cx))).await.unwrap();
        assert_eq!(peer, stream.local_addr().unwrap());
    });
}

#[test]
fn a_connection_that_was_reset_before_it_is_accepted_ends_nothing() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for _ in 0..3 {
            let gone = TcpStream::connect(address).await.unwrap();
            reset_on_close(&gone);
        }
        let stays = TcpStream::connect(address).await.unwrap();
        let mut incoming = listener.incoming();
        loop {
            let stream = soon(incoming.next()).await.unwrap().unwrap();
            let is_it = stream
                .peer_addr()
                .is_ok_and(|peer| peer == stays.local_addr().unwrap());
            if is_it {
                return;
            }
        }
    });
}

#[test]
fn an_address_that_is_taken_is_an_error_and_can_be_used_again_after_the_listeners_end() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let error = TcpListener::bind(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let (one, other) = (TcpStream::connect(address).await, listener.accept().await);
        drop((listener, other, one));
        TcpListener::bind(address).await.unwrap();
    });
}

#[test]
fn of_several_addresses_the_first_that_works_is_listened_on() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taken = first.local_addr().unwrap();
        let addresses = [taken, "127.0.0.1:0".parse().unwrap()];
        let second = TcpListener::bind(&addresses[..]).await.unwrap();
        assert_ne!(second.local_addr().unwrap(), taken);
    });
}

#[test]
fn many_connections_wait_to_be_accepted() {
    let _watchdog = watchdog(60);
    for own in executors() {
        own.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            // More than std's backlog of 128 holds; a connection beyond it waits for a second.
            let mut streams = Vec::new();
            for _ in 0..200 {
                streams.push(soon(TcpStream::connect(address)).await.unwrap());
            }
            for _ in 0..200 {
                soon(listener.accept()).await.unwrap();
            }
        });
    }
}
