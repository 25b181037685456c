//! The halves of a stream.

use super::sockets::{everywhere, soon, tcp_pair};
use crate::common::watchdog;
use executor::net::unix::UnixStream;
use futures::{AsyncReadExt, AsyncWriteExt};

#[test]
fn dropping_the_write_half_ends_the_write_side_alone() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = tcp_pair().await;
        let (mut read, mut write) = one.into_split();
        write.write_all(b"question").await.unwrap();
        drop(write);
        let mut text = String::new();
        soon(other.read_to_string(&mut text)).await.unwrap();
        assert_eq!(text, "question");
        other.write_all(b"answer").await.unwrap();
        drop(other);
        let mut text = String::new();
        soon(read.read_to_string(&mut text)).await.unwrap();
        assert_eq!(text, "answer");
    });
}

#[test]
fn halves_that_are_borrowed_read_and_write_as_well() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = tcp_pair().await;
        let (read, write) = one.into_split();
        (&write).write_all(b"question").await.unwrap();
        soon(other.read_exact(&mut [0; 8])).await.unwrap();
        other.write_all(b"answer").await.unwrap();
        soon((&read).read_exact(&mut [0; 6])).await.unwrap();
        (&write).close().await.unwrap();
        assert_eq!(soon(other.read(&mut [0])).await.unwrap(), 0);
    });
}

#[test]
fn dropping_the_read_half_ends_nothing() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = tcp_pair().await;
        let (read, mut write) = one.into_split();
        drop(read);
        other.write_all(b"nobody reads that").await.unwrap();
        write.write_all(b"hello").await.unwrap();
        soon(other.read_exact(&mut [0; 5])).await.unwrap();
        write.close().await.unwrap();
        assert_eq!(soon(other.read(&mut [0])).await.unwrap(), 0);
    });
}

#[test]
fn halves_that_belong_together_are_one_stream_again() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = tcp_pair().await;
        let (read, write) = one.into_split();
        let one = read.reunite(write).unwrap();
        let (read, write) = one.into_split();
        let mut one = write.reunite(read).unwrap();
        // Nothing was shut down.
        one.write_all(b"x").await.unwrap();
        assert_eq!(soon(other.read(&mut [0; 8])).await.unwrap(), 1);
    });
}

#[test]
fn halves_that_do_not_belong_together_come_back() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = UnixStream::pair().unwrap();
        let ((read_one, write_one), (read_other, write_other)) =
            (one.into_split(), other.into_split());
        let error = read_one.reunite(write_other).unwrap_err();
        assert_eq!(error.to_string(), "the halves are of different streams");
        let mut one = error.0.reunite(write_one).unwrap();
        let mut other = read_other.reunite(error.1).unwrap();
        one.write_all(b"x").await.unwrap();
        assert_eq!(soon(other.read(&mut [0; 8])).await.unwrap(), 1);
    });
}

#[test]
fn a_write_half_that_is_forgotten_ends_nothing() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = UnixStream::pair().unwrap();
        let (read, write) = one.into_split();
        write.forget();
        read.as_ref().write_all(b"x").await.unwrap();
        assert_eq!(soon(other.read(&mut [0; 8])).await.unwrap(), 1);
        drop(read);
        assert_eq!(soon(other.read(&mut [0; 8])).await.unwrap(), 0);
    });
}
