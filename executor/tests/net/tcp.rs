//! TCP: what a connection can do.

use super::sockets::{everywhere, poll_once, reset_on_close, soon, tcp_pair, tcp_with_std};
use crate::common::watchdog;
use executor::net::{Interest, TcpStream};
use futures::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use std::{
    future::poll_fn,
    io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    net::Shutdown,
    os::fd::AsFd,
    pin::Pin,
    time::Duration,
};

#[test]
fn bytes_arrive_in_order_and_once() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut one, mut other) = tcp_pair().await;
        let sent: Vec<u8> = (0..1_000_000_u32).map(|i| (i / 7) as u8).collect();
        let expected = sent.clone();
        let writer = executor::spawn(async move {
            one.write_all(&sent).await.unwrap();
            one.close().await.unwrap();
            one
        });
        let mut received = Vec::new();
        soon(other.read_to_end(&mut received)).await.unwrap();
        assert!(received == expected, "{} bytes", received.len());
        writer.await.unwrap();
    });
}

#[test]
fn references_read_and_write_as_well() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = tcp_pair().await;
        (&one).write_all(b"hello").await.unwrap();
        let mut text = [0; 5];
        soon((&other).read_exact(&mut text)).await.unwrap();
        assert_eq!(&text, b"hello");
    });
}

#[test]
fn several_buffers_are_read_and_written_at_once() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut one, mut other) = tcp_pair().await;
        let written = one
            .write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")])
            .await;
        assert_eq!(written.unwrap(), 5);
        let (mut first, mut second) = ([0; 1], [0; 10]);
        let bufs = &mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(soon(other.read_vectored(bufs)).await.unwrap(), 5);
        assert_eq!((&first, &second[..4]), (b"a", &b"bcde"[..]));
    });
}

#[test]
fn more_buffers_than_the_system_takes_do_not_look_like_the_end_of_what_there_is() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = tcp_with_std().await;
        // Registered, so that what comes is known by an event.
        assert!(poll_once((&one).read(&mut [0])).is_pending());
        (&other).write_all(&[7; 5_000]).unwrap();
        let mut bytes = [[0_u8; 1]; 5_000];
        let mut bufs: Vec<_> = bytes.iter_mut().map(|b| IoSliceMut::new(b)).collect();
        let mut read = 0;
        while read < 5_000 {
            let next = poll_fn(|cx| Pin::new(&mut &one).poll_read_vectored(cx, &mut bufs));
            read += soon(next).await.unwrap();
        }
        // And to write.
        let bytes = [[7_u8; 1]; 5_000];
        let bufs: Vec<_> = bytes.iter().map(|b| IoSlice::new(b)).collect();
        let mut written = 0;
        while written < 5_000 {
            written += soon((&one).write_vectored(&bufs[written..])).await.unwrap();
        }
        (&other).read_exact(&mut [0; 5_000]).unwrap();
    });
}

#[test]
fn empty_buffers_are_no_end_and_no_wait() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut one, mut other) = tcp_pair().await;
        assert_eq!(one.write(&[]).await.unwrap(), 0);
        one.write_all(b"x").await.unwrap();
        soon(other.readable()).await.unwrap();
        assert_eq!(soon(other.read(&mut [])).await.unwrap(), 0);
        assert_eq!(soon(other.read(&mut [0; 2])).await.unwrap(), 1);
    });
}

#[test]
fn peek_leaves_what_it_returns() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut one, mut other) = tcp_pair().await;
        one.write_all(b"hello").await.unwrap();
        soon(other.readable()).await.unwrap();
        let mut text = [0; 5];
        for _ in 0..3 {
            assert!(soon(other.peek(&mut text)).await.unwrap() > 0);
        }
        soon(other.read_exact(&mut text)).await.unwrap();
        assert_eq!(&text, b"hello");
        one.close().await.unwrap();
        assert_eq!(soon(other.peek(&mut text)).await.unwrap(), 0);
    });
}

#[test]
fn memory_that_is_read_into_need_not_be_initialized() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut one, other) = tcp_pair().await;
        let mut buf = [MaybeUninit::uninit(); 8];
        one.write_all(b"hello").await.unwrap();
        let read = poll_fn(|cx| other.poll_read_uninit(cx, &mut buf));
        assert_eq!(soon(read).await.unwrap(), 5);
        // SAFETY: as many have been read.
        let text = buf[..5].iter().map(|byte| unsafe { byte.assume_init() });
        assert!(text.eq(*b"hello"));
        one.close().await.unwrap();
        let read = poll_fn(|cx| other.poll_read_uninit(cx, &mut buf));
        assert_eq!(soon(read).await.unwrap(), 0);
    });
}

#[test]
fn close_ends_the_write_side_alone_and_may_be_called_again() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut one, mut other) = tcp_pair().await;
        one.write_all(b"question").await.unwrap();
        one.close().await.unwrap();
        one.close().await.unwrap();
        let mut text = String::new();
        soon(other.read_to_string(&mut text)).await.unwrap();
        assert_eq!(text, "question");
        // The half-closed peer still reads.
        other.write_all(b"answer").await.unwrap();
        other.close().await.unwrap();
        let mut text = String::new();
        soon(one.read_to_string(&mut text)).await.unwrap();
        assert_eq!(text, "answer");
        // Both sides are closed now.
        one.close().await.unwrap();
        let error = one.write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn the_end_is_told_again_and_again() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = tcp_pair().await;
        drop(one);
        for _ in 0..5 {
            assert_eq!(soon(other.read(&mut [0; 8])).await.unwrap(), 0);
        }
    });
}

#[test]
fn shutdown_of_the_read_side_wakes_who_reads() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = tcp_pair().await;
        let one = std::sync::Arc::new(one);
        let reader = one.clone();
        let read = executor::spawn(async move { (&*reader).read(&mut [0]).await });
        executor::time::sleep(Duration::from_millis(2)).await;
        one.shutdown(Shutdown::Read).unwrap();
        assert_eq!(soon(read).await.unwrap().unwrap(), 0);
        drop(other);
    });
}

#[test]
fn a_reset_is_an_error_for_who_waits_to_read_and_for_who_waits_to_write() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = tcp_pair().await;
        let fill = executor::spawn({
            let one = std::sync::Arc::new(one);
            async move {
                let read = executor::spawn({
                    let one = one.clone();
                    async move { (&*one).read(&mut [0]).await }
                });
                // More than fits.
                let written = (&*one).write_all(&vec![7; 100_000_000]).await;
                (written, read.await.unwrap())
            }
        });
        executor::time::sleep(Duration::from_millis(5)).await;
        reset_on_close(&other);
        drop(other);
        let (written, read) = soon(fill).await.unwrap();
        // Whoever comes first gets the reset, and the other learns of the end.
        let kinds = [written.unwrap_err().kind()]
            .into_iter()
            .chain(read.err().map(|e| e.kind()));
        for kind in kinds {
            assert!(
                matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
                "{kind}"
            );
        }
    });
}

#[test]
fn options_are_what_they_were_set_to() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, _other) = tcp_pair().await;
        assert!(!one.nodelay().unwrap());
        one.set_nodelay(true).unwrap();
        one.set_ttl(77).unwrap();
        assert_eq!((one.nodelay().unwrap(), one.ttl().unwrap()), (true, 77));
    });
}

#[test]
fn try_io_is_told_that_it_would_block_and_then_waits_for_the_event() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = tcp_with_std().await;
        let read = |one: &TcpStream| {
            let fd = one.as_fd().try_clone_to_owned().unwrap();
            let mut byte = [0];
            let read = std::net::TcpStream::from(fd).read(&mut byte)?;
            io::Result::Ok((read, byte[0]))
        };
        let would_block = |result: io::Result<(usize, u8)>| {
            result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        };
        // The first claim, and then what the system has said.
        for _ in 0..2 {
            assert!(would_block(one.try_io(Interest::READABLE, || read(&one))));
        }
        let mut calls = 0;
        let result = one.try_io(Interest::READABLE, || {
            calls += 1;
            read(&one)
        });
        assert!(would_block(result) && calls == 0, "called without an event");
        (&other).write_all(b"x").unwrap();
        soon(one.readable()).await.unwrap();
        let got = one.try_io(Interest::READABLE, || read(&one)).unwrap();
        assert_eq!(got, (1, b'x'));
    });
}

/// `recv` stops at the mark of urgent data: it returns less than there is.
#[test]
fn urgent_data_in_the_midst_does_not_look_like_the_end_of_what_there_is() {
    use std::os::fd::AsRawFd;
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut one, other) = tcp_with_std().await;
        let mut text = [0; 100];
        assert!(poll_once(one.read(&mut text)).is_pending());
        (&other).write_all(b"ab").unwrap();
        // SAFETY: one byte to read.
        let sent = unsafe { libc::send(other.as_raw_fd(), b"!".as_ptr().cast(), 1, libc::MSG_OOB) };
        assert_eq!(sent, 1);
        (&other).write_all(b"cd").unwrap();
        let mut got = Vec::new();
        while got.len() < 4 {
            let length = soon(one.read(&mut text)).await.unwrap();
            got.extend_from_slice(&text[..length]);
        }
        assert_eq!(got, b"abcd");
    });
}
