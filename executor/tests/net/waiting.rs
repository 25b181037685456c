//! Several tasks with one socket, and none of them is forgotten.

use super::sockets::{everywhere, executors, poll_once, soon, tcp_pair, tcp_with_std};
use crate::common::{Bell, effort, eventually, executor, watchdog};
use executor::{
    net::{Async, UdpSocket, unix::UnixStream},
    time::sleep,
};
use futures::{
    AsyncReadExt, AsyncWriteExt,
    future::{join, join_all},
};
use std::{
    future::{Future, poll_fn},
    io::{Read, Write},
    pin::pin,
    sync::Arc,
    task::Context,
    thread,
    time::Duration,
};

/// Long enough for the tasks before to wait.
const MOMENT: Duration = Duration::from_millis(5);

#[test]
fn an_event_wakes_all_who_wait_for_readiness_and_the_one_who_reads() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = tcp_with_std().await;
        let one = Arc::new(one);
        assert!(poll_once(one.peek(&mut [0])).is_pending());
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let one = one.clone();
                executor::spawn(async move { one.readable().await })
            })
            .collect();
        let peek = executor::spawn({
            let one = one.clone();
            async move { one.peek(&mut [0]).await }
        });
        let read = executor::spawn({
            let one = one.clone();
            async move { poll_fn(|cx| one.poll_readable(cx)).await }
        });
        sleep(MOMENT).await;
        assert!(waiting.iter().all(|task| !task.is_finished()) && !read.is_finished());
        other.write_all(b"x").unwrap();
        for task in waiting {
            soon(task).await.unwrap().unwrap();
        }
        soon(read).await.unwrap().unwrap();
        assert_eq!(soon(peek).await.unwrap().unwrap(), 1);
    });
}

#[test]
fn any_number_of_tasks_receive_from_one_socket() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = socket.local_addr().unwrap();
        let receivers: Vec<_> = (0..10)
            .map(|_| {
                let socket = socket.clone();
                executor::spawn(async move { socket.recv(&mut [0; 8]).await })
            })
            .collect();
        sleep(MOMENT).await;
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..10 {
            sender.send_to(b"x", address).await.unwrap();
        }
        for receiver in receivers {
            assert_eq!(soon(receiver).await.unwrap().unwrap(), 1);
        }
    });
}

#[test]
fn a_waiter_that_gives_up_takes_nobodys_wake_up_along() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = UnixStream::pair().unwrap();
        let one = Arc::new(one);
        assert!(poll_once((&*one).read(&mut [0])).is_pending());
        for _ in 0..20 {
            // The first leaves its waker, and goes.
            assert!(poll_once(one.readable()).is_pending());
            let stays = executor::spawn({
                let one = one.clone();
                async move { one.readable().await }
            });
            let mut goes = Box::pin(one.readable());
            assert!(poll_once(&mut goes).is_pending());
            sleep(Duration::from_micros(200)).await;
            drop(goes);
            other.write_all(b"x").await.unwrap();
            soon(stays).await.unwrap().unwrap();
            assert_eq!(soon((&*one).read(&mut [0; 8])).await.unwrap(), 1);
            assert!(poll_once((&*one).read(&mut [0])).is_pending());
        }
    });
}

#[test]
fn the_last_one_that_polls_is_woken() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    own.block_on(async {
        let (one, other) = tcp_with_std().await;
        let (first, first_waker) = Bell::new();
        let (second, second_waker) = Bell::new();
        for waker in [&first_waker, &second_waker] {
            let cx = &mut Context::from_waker(waker);
            assert!(pin!((&one).read(&mut [0])).poll(cx).is_pending());
        }
        (&other).write_all(b"x").unwrap();
        eventually("the second is woken", || second.rings() > 0);
        assert_eq!(first.rings(), 0);
    });
}

#[test]
fn who_waits_for_a_socket_that_is_dropped_is_woken() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, _other) = tcp_pair().await;
        let (bell, waker) = Bell::new();
        let cx = &mut Context::from_waker(&waker);
        assert!(pin!((&one).read(&mut [0])).poll(cx).is_pending());
        drop(one);
        assert_eq!(bell.rings(), 1);
    });
}

#[test]
fn two_halves_on_two_tasks_never_miss_each_other() {
    let _watchdog = watchdog(60);
    let rounds = 5_000 * effort();
    for own in executors() {
        let task = own.spawn(async move {
            let (one, other) = tcp_pair().await;
            let echo = executor::spawn(async move {
                let (mut read, mut write) = other.into_split();
                let (send, receive) = async_channel::bounded(1);
                let reads = async move {
                    let mut byte = [0];
                    while let Ok(()) = read.read_exact(&mut byte).await {
                        send.send(byte[0]).await.unwrap();
                    }
                };
                let reads = executor::spawn(reads);
                while let Ok(byte) = receive.recv().await {
                    write.write_all(&[byte]).await.unwrap();
                }
                reads.await.unwrap();
            });
            let (mut read, mut write) = one.into_split();
            let writer = executor::spawn(async move {
                for round in 0..rounds {
                    write.write_all(&[round as u8]).await.unwrap();
                    if round % 100 == 99 {
                        executor::yield_now().await;
                    }
                }
            });
            for round in 0..rounds {
                let mut byte = [0];
                soon(read.read_exact(&mut byte)).await.unwrap();
                assert_eq!(byte[0], round as u8);
            }
            writer.await.unwrap();
            soon(echo).await.unwrap();
        });
        own.block_on(task).unwrap();
    }
}

#[test]
fn what_came_while_nobody_read_is_there_at_the_next_read() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut one, mut other) = tcp_with_std().await;
        assert!(poll_once(one.read(&mut [0])).is_pending());
        other.write_all(b"x").unwrap();
        // The event comes, and nobody is there.
        sleep(MOMENT).await;
        assert_eq!(soon(one.read(&mut [0])).await.unwrap(), 1);
    });
}

#[test]
fn first_waits_of_many_threads_at_once_all_end() {
    let _watchdog = watchdog(60);
    for own in executors() {
        let (sockets, peers): (Vec<_>, Vec<_>) =
            (0..64).map(|_| UnixStream::pair().unwrap()).unzip();
        let handle = own.handle();
        thread::scope(|scope| {
            for mut socket in sockets {
                let handle = handle.clone();
                scope.spawn(move || {
                    handle.block_on(async { soon(socket.read(&mut [0])).await.unwrap() })
                });
            }
            let peers = peers.into_iter().map(|peer| peer.into_std().unwrap());
            peers.for_each(|mut peer| peer.write_all(b"x").unwrap());
        });
    }
}

#[test]
fn many_sockets_wait_at_once() {
    let _watchdog = watchdog(60);
    for own in executors() {
        own.block_on(async {
            // Descriptors: the harness may have 1,024.
            let (ones, others): (Vec<_>, Vec<_>) =
                (0..200).map(|_| UnixStream::pair().unwrap()).unzip();
            let reads = ones.into_iter().map(|mut one| {
                own.spawn(async move {
                    let mut sum = 0;
                    while one.read(&mut [0]).await.unwrap() == 1 {
                        sum += 1;
                    }
                    sum
                })
            });
            let reads: Vec<_> = reads.collect();
            for _ in 0..5 {
                let writes = others.iter().map(|mut other| async move {
                    other.write_all(b"x").await.unwrap();
                });
                join(join_all(writes), sleep(Duration::from_millis(1))).await;
            }
            drop(others);
            for read in reads {
                assert_eq!(soon(read).await.unwrap(), 5);
            }
        });
    }
}

#[test]
fn numbers_that_are_used_again_and_again_get_their_own_events_alone() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let rounds = 5_000 * effort();
    let task = own.spawn(async move {
        for round in 0..rounds {
            let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
            let one = Async::new(one).unwrap();
            assert!(poll_once((&one).read(&mut [0])).is_pending());
            if round % 2 == 0 {
                // The event is on its way as the descriptor is closed.
                (&other).write_all(&[1]).unwrap();
            } else {
                (&other).write_all(&[2]).unwrap();
                let mut byte = [0];
                assert_eq!(soon((&one).read(&mut byte)).await.unwrap(), 1);
                assert_eq!(byte, [2]);
                assert!(poll_once((&one).read(&mut byte)).is_pending());
            }
            drop(other);
        }
    });
    own.block_on(task).unwrap();
}

#[test]
fn blocking_reads_of_others_do_not_confuse() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = tcp_with_std().await;
        other.write_all(b"ab").unwrap();
        soon(one.readable()).await.unwrap();
        // Behind its back.
        let behind = std::os::fd::AsFd::as_fd(&one).try_clone_to_owned().unwrap();
        let mut behind = std::net::TcpStream::from(behind);
        behind.read_exact(&mut [0; 2]).unwrap();
        assert!(poll_once((&one).read(&mut [0])).is_pending());
        other.write_all(b"c").unwrap();
        assert_eq!(soon((&one).read(&mut [0])).await.unwrap(), 1);
    });
}
