//! Sockets belong to no executor: they move, outlive, and wait wherever they are polled.

use super::sockets::{executors, poll_once, soon, tcp_pair, tcp_with_std};
use crate::common::{effort, executor, few_workers, steady_executor, watchdog};
use executor::{
    Executor, block_in_place,
    net::{TcpStream, unix::UnixStream},
    time::sleep,
};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{future::pending, io::Write, thread, time::Duration};

/// A stream that was waited for on `own`, and its peer.
fn used_on(own: &Executor) -> (TcpStream, std::net::TcpStream) {
    let (one, other) = own.block_on(tcp_with_std());
    own.block_on(own.spawn(async {
        let mut one = one;
        assert!(poll_once(one.read(&mut [0])).is_pending());
        (one, other)
    }))
    .unwrap()
}

#[test]
fn a_socket_is_made_without_an_executor() {
    let _watchdog = watchdog(60);
    let (one, other) = futures::executor::block_on(tcp_pair());
    for own in executors() {
        own.block_on(async {
            (&one).write_all(b"x").await.unwrap();
            assert_eq!(soon((&other).read(&mut [0; 8])).await.unwrap(), 1);
        });
    }
}

#[test]
fn a_socket_outlives_the_executor_that_it_waited_on() {
    let _watchdog = watchdog(60);
    for own in executors() {
        let (mut one, mut other) = used_on(&own);
        drop(own);
        // On another one.
        let next = executor(1);
        other.write_all(b"x").unwrap();
        let task = next.spawn(async move {
            assert_eq!(soon(one.read(&mut [0; 8])).await.unwrap(), 1);
            assert!(poll_once(one.read(&mut [0])).is_pending());
            one
        });
        let mut one = next.block_on(task).unwrap();
        drop(next);
        // On none.
        let writer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(5));
            other.write_all(b"x").unwrap();
            other
        });
        let read = futures::executor::block_on(soon(one.read(&mut [0; 8])));
        assert_eq!(read.unwrap(), 1);
        writer.join().unwrap();
    }
}

#[test]
fn who_waits_elsewhere_as_the_executor_ends_goes_on_waiting_and_is_woken() {
    let _watchdog = watchdog(60);
    for own in executors() {
        let (mut one, mut other) = used_on(&own);
        let next = executor(1);
        let read = next.spawn(async move { soon(one.read(&mut [0; 8])).await });
        thread::sleep(Duration::from_millis(5));
        drop(own);
        thread::sleep(Duration::from_millis(5));
        other.write_all(b"x").unwrap();
        assert_eq!(next.block_on(read).unwrap().unwrap(), 1);
    }
}

#[test]
fn a_read_that_began_on_one_executor_ends_on_another() {
    let _watchdog = watchdog(60);
    let rounds = 50 * effort();
    let (first, second) = (executor(1), steady_executor(1));
    let (mut one, mut other) = used_on(&first);
    for round in 0..rounds {
        let read = async move {
            let mut text = [0; 4];
            soon(one.read_exact(&mut text)).await.unwrap();
            one
        };
        let (here, there) = if round % 2 == 0 {
            (&first, &second)
        } else {
            (&second, &first)
        };
        // Begun here, in another's `block_on`, and ended there.
        let mut read = Box::pin(read);
        other.write_all(b"ab").unwrap();
        here.block_on(async {
            assert!(poll_once(&mut read).is_pending());
            sleep(Duration::from_micros(100)).await;
            assert!(poll_once(&mut read).is_pending());
        });
        let task = there.spawn(read);
        if round % 3 == 0 {
            thread::yield_now();
        }
        other.write_all(b"cd").unwrap();
        one = there.block_on(task).unwrap();
    }
}

#[test]
fn an_executor_with_a_sleeper_in_the_poller_ends() {
    let _watchdog = watchdog(120);
    let rounds = 150 * effort();
    for round in 0..rounds {
        let own = executor(few_workers(round));
        let (mut one, other) = UnixStream::pair().unwrap();
        own.spawn(async move { one.read(&mut [0]).await });
        if round % 2 == 0 {
            own.spawn(async { block_in_place(|| thread::sleep(Duration::from_micros(200))) });
        }
        match round % 3 {
            0 => thread::sleep(Duration::from_micros(300)),
            1 => thread::yield_now(),
            _ => {}
        }
        drop(own);
        drop(other);
    }
}

#[test]
fn a_task_that_is_left_drops_its_socket_with_the_executor() {
    let _watchdog = watchdog(60);
    for own in executors() {
        let (mut one, mut other) = own.block_on(tcp_pair());
        own.spawn(async move {
            let _ = one.read(&mut [0]).await;
            pending::<()>().await
        });
        thread::sleep(Duration::from_millis(2));
        drop(own);
        let read = futures::executor::block_on(soon(other.read(&mut [0])));
        assert_eq!(read.unwrap(), 0);
    }
}

#[test]
fn one_executors_worker_talks_with_anothers() {
    let _watchdog = watchdog(60);
    let (first, second) = (executor(1), steady_executor(1));
    let (mut one, mut other) = UnixStream::pair().unwrap();
    let echo = second.spawn(async move {
        let mut byte = [0];
        while other.read(&mut byte).await.unwrap() == 1 {
            other.write_all(&byte).await.unwrap();
        }
    });
    let asks = first.spawn(async move {
        for round in 0..1_000 * effort() {
            one.write_all(&[round as u8]).await.unwrap();
            let mut byte = [0];
            soon(one.read_exact(&mut byte)).await.unwrap();
            assert_eq!(byte[0], round as u8);
        }
    });
    first.block_on(asks).unwrap();
    second.block_on(soon(echo)).unwrap();
}
