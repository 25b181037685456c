//! Calls that do not wait, and calls of the system that are not ours.

use super::sockets::{everywhere, fill, poll_once, soon, tcp_pair};
use crate::common::watchdog;
use executor::net::{
    Interest, UdpSocket,
    unix::{UnixDatagram, UnixStream},
};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{
    fmt::Debug,
    future::poll_fn,
    io::{self, ErrorKind},
    os::fd::{AsFd, AsRawFd},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

fn would_block<T: Debug>(result: io::Result<T>) -> bool {
    result.unwrap_err().kind() == ErrorKind::WouldBlock
}

/// For each kind of stream. `$one` and `$other` are the ends of a connection.
macro_rules! streams_try {
    ($one:ident, $other:ident) => {
        // Nobody has waited, so no event comes; it is tried all the same.
        assert!(would_block($other.try_read(&mut [0; 8])));
        assert_eq!($one.try_write(b"hello").unwrap(), 5);
        let mut buf = [0; 8];
        let read = loop {
            match $other.try_read(&mut buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => break result.unwrap(),
            }
        };
        assert_eq!(&buf[..read], b"hello");
        // What would block is waited for.
        for _ in 0..10 {
            assert!(would_block($other.try_read(&mut buf)));
            assert!(poll_once($other.readable()).is_pending());
            assert_eq!($one.try_write(b"x").unwrap(), 1);
            soon($other.readable()).await.unwrap();
            assert_eq!($other.try_read(&mut buf).unwrap(), 1);
        }
        let filled = fill(|bytes| $one.try_write(bytes));
        assert!(poll_once($one.writable()).is_pending());
        soon((&$other).read_exact(&mut vec![0; filled]))
            .await
            .unwrap();
        soon($one.writable()).await.unwrap();
        assert_eq!($one.try_write(b"x").unwrap(), 1);
        drop($one);
        soon((&$other).read_exact(&mut [0])).await.unwrap();
        assert_eq!(soon((&$other).read(&mut [0])).await.unwrap(), 0);
        assert_eq!($other.try_read(&mut buf).unwrap(), 0);
    };
}

#[test]
fn streams_read_and_write_at_once_or_say_that_they_would_block() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = tcp_pair().await;
        streams_try!(one, other);
        let (one, other) = UnixStream::pair().unwrap();
        streams_try!(one, other);
    });
}

/// For each kind of socket for datagrams. `$one` and `$other` are connected with each other.
macro_rules! datagrams_try {
    ($one:ident, $other:ident) => {
        let mut buf = [0; 8];
        assert!(would_block($other.try_recv(&mut buf)));
        assert!(would_block($other.try_recv_from(&mut buf)));
        // Also for who has never waited.
        assert_eq!($one.try_send(b"hello").unwrap(), 5);
        let received = loop {
            match $other.try_recv(&mut buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => break result.unwrap(),
            }
        };
        assert_eq!(&buf[..received], b"hello");
        for _ in 0..10 {
            assert!(would_block($other.try_recv(&mut buf)));
            assert!(poll_once($other.readable()).is_pending());
            assert_eq!($one.try_send(b"abc").unwrap(), 3);
            soon($other.readable()).await.unwrap();
            let (length, _) = $other.try_recv_from(&mut buf).unwrap();
            assert_eq!(&buf[..length], b"abc");
        }
    };
}

/// The same, by polling.
macro_rules! datagrams_poll {
    ($one:ident, $other:ident) => {
        let mut buf = [0; 8];
        assert!(poll_once(poll_fn(|cx| $other.poll_recv(cx, &mut buf))).is_pending());
        assert!(poll_once(poll_fn(|cx| $other.poll_recv_from(cx, &mut buf))).is_pending());
        soon(poll_fn(|cx| $one.poll_send(cx, b"hello")))
            .await
            .unwrap();
        soon(poll_fn(|cx| $one.poll_send(cx, b"abc")))
            .await
            .unwrap();
        let received = soon(poll_fn(|cx| $other.poll_recv(cx, &mut buf))).await;
        assert_eq!(&buf[..received.unwrap()], b"hello");
        let (received, _) = soon(poll_fn(|cx| $other.poll_recv_from(cx, &mut buf)))
            .await
            .unwrap();
        assert_eq!(&buf[..received], b"abc");
        // Whoever polls is woken.
        let receiver = executor::spawn(async move {
            let mut buf = [0; 8];
            let received = poll_fn(|cx| $other.poll_recv(cx, &mut buf)).await;
            (received.unwrap(), $other)
        });
        executor::time::sleep(Duration::from_millis(2)).await;
        $one.send(b"x").await.unwrap();
        assert_eq!(soon(receiver).await.unwrap().0, 1);
    };
}

async fn udp_pair() -> (UdpSocket, UdpSocket) {
    let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    one.connect(other.local_addr().unwrap()).await.unwrap();
    other.connect(one.local_addr().unwrap()).await.unwrap();
    (one, other)
}

#[test]
fn datagrams_go_and_come_at_once_or_say_that_they_would_block() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = udp_pair().await;
        datagrams_try!(one, other);
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = receiver.local_addr().unwrap();
        assert_eq!(sender.try_send_to(b"ab", address).unwrap(), 2);
        let send = poll_fn(|cx| sender.poll_send_to(cx, b"cde", address));
        assert_eq!(soon(send).await.unwrap(), 3);
        for length in [2, 3] {
            let from = sender.local_addr().unwrap();
            let received = soon(receiver.recv_from(&mut [0; 8])).await.unwrap();
            assert_eq!(received, (length, from));
        }
        let (one, other) = UnixDatagram::pair().unwrap();
        datagrams_try!(one, other);
    });
}

#[test]
fn datagrams_go_and_come_by_polling() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = udp_pair().await;
        datagrams_poll!(one, other);
        let (one, other) = UnixDatagram::pair().unwrap();
        datagrams_poll!(one, other);
    });
}

#[test]
fn a_send_that_does_not_wait_says_that_the_queue_is_full() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let mut sent = 0;
        while one.try_send(&[7; 100]).is_ok() {
            sent += 1;
        }
        assert!(would_block(one.try_send(&[7; 100])));
        assert!(poll_once(one.writable()).is_pending());
        for _ in 0..sent {
            soon(other.recv(&mut [0; 100])).await.unwrap();
        }
        soon(one.writable()).await.unwrap();
        assert_eq!(one.try_send(&[7; 100]).unwrap(), 100);
    });
}

#[test]
fn ones_own_system_calls_wait_as_ours_do() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = tcp_pair().await;
        let (one, calls) = (Arc::new(one), Arc::new(AtomicUsize::new(0)));
        let read = executor::spawn({
            let (one, calls) = (one.clone(), calls.clone());
            async move {
                let mut buf = [0_u8; 8];
                let receive = || {
                    calls.fetch_add(1, SeqCst);
                    let (fd, place) = (one.as_fd().as_raw_fd(), buf.as_mut_ptr().cast());
                    // SAFETY: a place of that length.
                    let read = unsafe { libc::recv(fd, place, 8, 0) };
                    usize::try_from(read).map_err(|_| io::Error::last_os_error())
                };
                one.async_io(Interest::READABLE, receive).await.unwrap()
            }
        });
        // The first claim, and the event.
        while calls.load(SeqCst) == 0 {
            executor::time::sleep(Duration::from_millis(1)).await;
        }
        other.write_all(b"hello").await.unwrap();
        assert_eq!(soon(read).await.unwrap(), 5);
        assert_eq!(calls.load(SeqCst), 2);
        // Errors of its own are handed on.
        let fails = || Err::<(), _>(io::Error::from(ErrorKind::Unsupported));
        let error = one.async_io(Interest::WRITABLE, fails).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        // And what is dropped has taken nothing.
        let nothing = || Err::<(), _>(io::Error::from(ErrorKind::WouldBlock));
        assert!(poll_once(one.async_io(Interest::READABLE, nothing)).is_pending());
    });
}
