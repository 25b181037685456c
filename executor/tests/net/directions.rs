//! What is known of one direction says nothing of the other, and ends and errors are told to both.

use super::sockets::{everywhere, fill, poll_once, reset_on_close, soon, tcp_pair, tcp_with_std};
use crate::common::{steady_executor, watchdog};
use executor::net::{
    Async, Interest, TcpStream,
    unix::{UnixDatagram, UnixStream},
};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{
    io::{ErrorKind, Read, Write, pipe},
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};

/// How many bytes go into the stream before it would block.
fn fill_stream(stream: &TcpStream) -> usize {
    fill(|bytes| {
        stream.try_io(Interest::WRITABLE, || {
            let fd = stream.as_fd().try_clone_to_owned().unwrap();
            std::net::TcpStream::from(fd).write(bytes)
        })
    })
}

#[test]
fn a_read_that_would_block_leaves_the_write_side_ready() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, _other) = tcp_pair().await;
        soon(one.writable()).await.unwrap();
        assert!(poll_once((&one).read(&mut [0])).is_pending());
        assert!(poll_once(one.peek(&mut [0])).is_pending());
        assert!(poll_once(one.writable()).is_ready());
        assert!(poll_once((&one).write(b"x")).is_ready());
    });
}

#[test]
fn a_write_that_would_block_leaves_the_read_side_ready() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = tcp_with_std().await;
        assert!(poll_once((&one).read(&mut [0])).is_pending());
        other.write_all(b"hello").unwrap();
        soon(one.readable()).await.unwrap();
        fill_stream(&one);
        assert!(poll_once((&one).write(b"x")).is_pending());
        assert!(poll_once(one.readable()).is_ready());
        assert!(poll_once((&one).read(&mut [0])).is_ready());
    });
}

#[test]
fn what_comes_to_be_read_makes_nothing_of_the_write_side() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = tcp_with_std().await;
        let filled = fill_stream(&one);
        assert!(poll_once((&one).write(b"x")).is_pending());
        for _ in 0..100 {
            other.write_all(b"x").unwrap();
            assert_eq!(soon((&one).read(&mut [0; 8])).await.unwrap(), 1);
        }
        assert!(poll_once((&one).write(b"x")).is_pending());
        // And room makes it ready again.
        other.read_exact(&mut vec![0; filled]).unwrap();
        assert_eq!(soon((&one).write(b"x")).await.unwrap(), 1);
    });
}

#[test]
fn a_short_read_with_the_end_in_the_same_event_is_followed_by_the_end() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut one, mut other) = tcp_with_std().await;
        assert!(poll_once(one.read(&mut [0; 100])).is_pending());
        other.write_all(b"abc").unwrap();
        drop(other);
        assert_eq!(soon(one.read(&mut [0; 100])).await.unwrap(), 3);
        assert_eq!(soon(one.read(&mut [0; 100])).await.unwrap(), 0);

        let (mut one, other) = UnixStream::pair().unwrap();
        assert!(poll_once(one.read(&mut [0; 100])).is_pending());
        let mut other = other.into_std().unwrap();
        other.write_all(b"abc").unwrap();
        drop(other);
        assert_eq!(soon(one.read(&mut [0; 100])).await.unwrap(), 3);
        assert_eq!(soon(one.read(&mut [0; 100])).await.unwrap(), 0);
    });
}

/// The task that reads is the one that writes, so on a single worker both come as one event.
#[test]
fn a_short_read_and_the_rest_in_a_later_event_are_both_read() {
    let _watchdog = watchdog(60);
    let own = steady_executor(1);
    let task = own.spawn(async {
        let (mut one, mut other) = tcp_with_std().await;
        for round in 0..1_000 {
            assert!(poll_once(one.read(&mut [0; 100])).is_pending());
            other.write_all(b"abc").unwrap();
            assert_eq!(soon(one.read(&mut [0; 100])).await.unwrap(), 3);
            if round % 2 == 0 {
                executor::yield_now().await;
            }
            other.write_all(b"de").unwrap();
            assert_eq!(soon(one.read(&mut [0; 100])).await.unwrap(), 2);
        }
    });
    own.block_on(task).unwrap();
}

#[test]
fn a_reader_of_a_pipe_sees_the_end_when_the_last_writer_closes() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (reader, writer) = pipe().unwrap();
        let mut reader = Async::new(reader).unwrap();
        let read = executor::spawn(async move { reader.read(&mut [0; 8]).await });
        executor::time::sleep(Duration::from_millis(2)).await;
        drop(writer);
        assert_eq!(soon(read).await.unwrap().unwrap(), 0);
    });
}

#[test]
fn a_writer_to_a_pipe_that_waits_learns_that_the_reader_is_gone() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (reader, writer) = pipe().unwrap();
        let mut writer = Async::new(writer).unwrap();
        let written = executor::spawn(async move { writer.write_all(&[7; 10_000_000]).await });
        executor::time::sleep(Duration::from_millis(2)).await;
        drop(reader);
        let error = soon(written).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn an_error_wakes_who_waits_in_both_directions() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = tcp_pair().await;
        fill_stream(&one);
        while let Ok(0..) = one.try_io(Interest::READABLE, || {
            Err::<usize, _>(ErrorKind::WouldBlock.into())
        }) {}
        let one = Arc::new(one);
        let (to_read, to_write) = (one.clone(), one.clone());
        let readable = executor::spawn(async move { to_read.readable().await });
        let writable = executor::spawn(async move { to_write.writable().await });
        executor::time::sleep(Duration::from_millis(2)).await;
        assert!(!readable.is_finished() && !writable.is_finished());
        reset_on_close(&other);
        drop(other);
        soon(readable).await.unwrap().unwrap();
        soon(writable).await.unwrap().unwrap();
    });
}

#[test]
fn what_is_readable_but_cannot_be_read_is_readable() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        // A pidfd: `read` does not know it.
        let mut child = std::process::Command::new("true").spawn().unwrap();
        // SAFETY: takes numbers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
        assert!(fd >= 0);
        // SAFETY: a descriptor that nobody else has.
        let fd = unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(fd as i32) };
        let ended = Async::new(fd).unwrap();
        soon(ended.readable()).await.unwrap();
        assert!(
            child
                .try_wait()
                .unwrap()
                .is_some_and(|status| status.success())
        );
        soon(ended.readable()).await.unwrap();
    });
}

#[test]
fn datagrams_that_leave_something_in_the_queue_are_all_received() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = UnixDatagram::pair().unwrap();
        assert!(poll_once(one.recv(&mut [0])).is_pending());
        for _ in 0..5 {
            other.send(b"x").await.unwrap();
        }
        // Each is shorter than the buffer, and there is another one behind it.
        for _ in 0..5 {
            assert_eq!(soon(one.recv(&mut [0; 100])).await.unwrap(), 1);
        }
        assert!(poll_once(one.recv(&mut [0])).is_pending());
    });
}
