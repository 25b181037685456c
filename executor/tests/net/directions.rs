//! What is known of one direction says nothing of the other, and ends and errors are told to both.

use super::sockets::{everywhere, fill, poll_once, reset_on_close, soon, tcp_pair, tcp_with_std};
use crate::common::{executor, in_own_process, steady_executor, watchdog};
use executor::{
    net::{
        Async, Interest, TcpListener, TcpStream, UdpSocket,
        unix::{UnixDatagram, UnixStream},
    },
    time::sleep,
};
use futures::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use std::{
    future::poll_fn,
    io::{ErrorKind, IoSlice, IoSliceMut, Read, Write, pipe},
    net::Shutdown,
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

/// Each operation is true if it would have blocked; after it the one direction of `$one`, which is
/// new, is not ready any more, as far as is known, and the other one is.
macro_rules! clears {
    ($own:ident, not $other:ident, of $one:ident = $new:expr, by $($op:expr),* $(,)?) => {$(
        let ($one, _other) = $new;
        assert!($op, "{}", stringify!($op));
        let seems_ready = |interest| match interest {
            Interest::READABLE => poll_once($one.readable()).is_ready(),
            _ => poll_once($one.writable()).is_ready(),
        };
        assert!(!seems_ready(Interest::$own), "{}", stringify!($op));
        assert!(seems_ready(Interest::$other), "{}", stringify!($op));
    )*};
}

fn would_block<T>(result: std::io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// The same stream, which has no room. Nobody here has learned of that.
fn full<S: AsFd>((one, other): (S, S)) -> (S, S) {
    // Any kind of stream will do to write by.
    let twin = one.as_fd().try_clone_to_owned().unwrap();
    fill(|bytes| std::net::TcpStream::from(twin.try_clone().unwrap()).write(bytes));
    (one, other)
}

#[test]
fn each_operation_clears_its_own_direction_alone() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let nothing = || Err::<(), _>(ErrorKind::WouldBlock.into());
        let mut buf = [0; 8];
        let mut uninit = [std::mem::MaybeUninit::uninit(); 8];
        clears!(READABLE, not WRITABLE, of one = tcp_pair().await, by
            poll_once((&one).read(&mut buf)).is_pending(),
            poll_once((&one).read_vectored(&mut [IoSliceMut::new(&mut buf)])).is_pending(),
            poll_once(poll_fn(|cx| one.poll_read_uninit(cx, &mut uninit))).is_pending(),
            poll_once(one.peek(&mut buf)).is_pending(),
            poll_once(one.async_io(Interest::READABLE, nothing)).is_pending(),
            would_block(one.try_read(&mut buf)),
            would_block(one.try_io(Interest::READABLE, nothing)),
        );
        clears!(WRITABLE, not READABLE, of one = full(tcp_pair().await), by
            poll_once((&one).write(&buf)).is_pending(),
            poll_once((&one).write_vectored(&[IoSlice::new(&buf)])).is_pending(),
            poll_once(one.async_io(Interest::WRITABLE, nothing)).is_pending(),
            would_block(one.try_write(&buf)),
            would_block(one.try_io(Interest::WRITABLE, nothing)),
        );
        clears!(READABLE, not WRITABLE, of one = UnixStream::pair().unwrap(), by
            poll_once((&one).read(&mut buf)).is_pending(),
            poll_once(one.peek(&mut buf)).is_pending(),
            would_block(one.try_read(&mut buf)),
        );
        clears!(WRITABLE, not READABLE, of one = full(UnixStream::pair().unwrap()), by
            poll_once((&one).write(&buf)).is_pending(),
            would_block(one.try_write(&buf)),
        );
        clears!(READABLE, not WRITABLE, of one = UnixDatagram::pair().unwrap(), by
            poll_once(one.recv(&mut buf)).is_pending(),
            poll_once(one.recv_from(&mut buf)).is_pending(),
            poll_once(one.peek(&mut buf)).is_pending(),
            poll_once(one.peek_from(&mut buf)).is_pending(),
            poll_once(poll_fn(|cx| one.poll_recv(cx, &mut buf))).is_pending(),
            poll_once(poll_fn(|cx| one.poll_recv_from(cx, &mut buf))).is_pending(),
            would_block(one.try_recv(&mut buf)),
            would_block(one.try_recv_from(&mut buf)),
        );
        clears!(WRITABLE, not READABLE, of one = full(UnixDatagram::pair().unwrap()), by
            poll_once(one.send(&buf)).is_pending(),
            poll_once(poll_fn(|cx| one.poll_send(cx, &buf))).is_pending(),
            would_block(one.try_send(&buf)),
        );
        let udp = async || (UdpSocket::bind("127.0.0.1:0").await.unwrap(), ());
        clears!(READABLE, not WRITABLE, of one = udp().await, by
            poll_once(one.recv(&mut buf)).is_pending(),
            poll_once(one.recv_from(&mut buf)).is_pending(),
            poll_once(one.peek(&mut buf)).is_pending(),
            poll_once(one.peek_from(&mut buf)).is_pending(),
            would_block(one.try_recv(&mut buf)),
        );
        let listener = async || (TcpListener::bind("127.0.0.1:0").await.unwrap(), ());
        clears!(READABLE, not WRITABLE, of one = listener().await, by
            poll_once(one.accept()).is_pending(),
            poll_once(poll_fn(|cx| one.poll_accept(cx))).is_pending(),
        );
    });
}

#[test]
fn a_peer_that_has_ended_its_write_side_is_still_waited_for_until_it_reads() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = tcp_with_std().await;
        let filled = fill_stream(&one);
        assert!(poll_once((&one).read(&mut [0])).is_pending());
        assert!(poll_once((&one).write(b"x")).is_pending());
        other.shutdown(Shutdown::Write).unwrap();
        // Again and again, and nothing is made of the write side.
        for _ in 0..3 {
            assert_eq!(soon((&one).read(&mut [0])).await.unwrap(), 0);
            soon(one.readable()).await.unwrap();
            assert!(poll_once(one.writable()).is_pending());
            assert!(poll_once((&one).write(b"x")).is_pending());
        }
        let read = std::thread::spawn(move || {
            other.read_exact(&mut vec![0; filled]).unwrap();
            other
        });
        assert_eq!(soon((&one).write(b"x")).await.unwrap(), 1);
        drop(read.join().unwrap());
    });
}

/// The system tells of an error and nothing else, to whoever has asked for either direction.
#[test]
fn a_pipe_without_a_reader_is_ready_in_both_directions() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (reader, writer) = pipe().unwrap();
        let writer = Arc::new(Async::new(writer).unwrap());
        fill(|bytes| writer.get_ref().write(bytes));
        let (to_read, to_write) = (writer.clone(), writer.clone());
        let readable = executor::spawn(async move { to_read.readable().await });
        let writable = executor::spawn(async move { to_write.writable().await });
        executor::time::sleep(Duration::from_millis(2)).await;
        assert!(!readable.is_finished() && !writable.is_finished());
        drop(reader);
        soon(readable).await.unwrap().unwrap();
        soon(writable).await.unwrap().unwrap();
        let error = soon((&*writer).write(b"x")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn what_was_written_before_the_last_writer_closed_is_read_before_the_end() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (reader, mut writer) = pipe().unwrap();
        let mut reader = Async::new(reader).unwrap();
        assert!(poll_once(reader.read(&mut [0])).is_pending());
        writer.write_all(b"abc").unwrap();
        drop(writer);
        soon(reader.readable()).await.unwrap();
        for length in [2, 1, 0, 0] {
            assert_eq!(soon(reader.read(&mut [0; 2])).await.unwrap(), length);
        }
        soon(reader.readable()).await.unwrap();
    });
}

#[test]
fn a_reset_is_told_to_all_who_wait_and_as_often_as_somebody_asks() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = tcp_pair().await;
        // By `Async`, whose readiness does not lie.
        let one = Arc::new(Async::new(one.into_std().unwrap()).unwrap());
        fill(|bytes| one.get_ref().write(bytes));
        let waiting: Vec<_> = (0..4)
            .map(|number| {
                let one = one.clone();
                executor::spawn(async move {
                    if number % 2 == 0 {
                        one.readable().await
                    } else {
                        one.writable().await
                    }
                })
            })
            .collect();
        executor::time::sleep(Duration::from_millis(2)).await;
        assert!(waiting.iter().all(|task| !task.is_finished()));
        reset_on_close(&other);
        drop(other);
        for task in waiting {
            soon(task).await.unwrap().unwrap();
        }
        let error = soon((&*one).read(&mut [0])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        // Which the system tells once; after it comes the end.
        for _ in 0..2 {
            soon(one.readable()).await.unwrap();
            assert_eq!(soon((&*one).read(&mut [0])).await.unwrap(), 0);
            soon(one.writable()).await.unwrap();
            let error = soon((&*one).write(b"x")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        }
    });
}

/// In a program whose main is in C, or that prints into pipes, `SIGPIPE` is not ignored.
#[test]
fn that_a_peer_is_gone_is_an_error_and_no_signal() {
    async fn writes_until_it_fails<S: AsyncWrite + Unpin>(mut socket: S) -> ErrorKind {
        loop {
            let parts = [IoSlice::new(b"ab"), IoSlice::new(b"cd")];
            let vectored = socket.write_vectored(&parts).await;
            let result = match vectored {
                Ok(_) => socket.write(b"ef").await,
                Err(_) => vectored,
            };
            if let Err(error) = result {
                // The first may be that of a connection that was reset; this one is the signal's.
                let again = socket.write_vectored(&parts).await.unwrap_err();
                assert_eq!(again.kind(), ErrorKind::BrokenPipe, "after {error}");
                return socket.write(b"gh").await.unwrap_err().kind();
            }
            sleep(Duration::from_millis(1)).await;
        }
    }
    in_own_process(|| {
        // SAFETY: takes a signal's number, and what the system has for it.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        executor(1).block_on(async {
            let (one, other) = tcp_pair().await;
            drop(other);
            assert_eq!(writes_until_it_fails(one).await, ErrorKind::BrokenPipe);
            let (one, other) = UnixStream::pair().unwrap();
            drop(other);
            assert_eq!(writes_until_it_fails(one).await, ErrorKind::BrokenPipe);
        });
    });
}
