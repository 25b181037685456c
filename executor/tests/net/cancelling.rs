//! What is lost when a future is dropped: nothing.

use super::sockets::{everywhere, fill, poll_once, soon, tcp_pair};
use crate::common::watchdog;
use executor::{
    net::{Async, TcpListener, TcpStream, UdpSocket, unix::UnixDatagram},
    time::{sleep, timeout},
};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use std::{io::Read, time::Duration};

#[test]
fn reads_that_are_dropped_lose_no_byte() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut one, mut other) = tcp_pair().await;
        let writer = executor::spawn(async move {
            for i in 0..500_u32 {
                one.write_all(&i.to_ne_bytes()).await.unwrap();
                if i % 50 == 0 {
                    sleep(Duration::from_micros(200)).await;
                }
            }
        });
        let mut received = Vec::new();
        let mut given_up = 0;
        while received.len() < 2_000 {
            let mut buf = [0; 13];
            if given_up % 2 == 1 {
                let _ = timeout(Duration::from_micros(20), other.readable()).await;
            }
            match timeout(Duration::from_micros(50), other.read(&mut buf)).await {
                Ok(length) => received.extend_from_slice(&buf[..length.unwrap()]),
                Err(_) => given_up += 1,
            }
        }
        let numbers = received
            .chunks(4)
            .map(|four| u32::from_ne_bytes(four.try_into().unwrap()));
        assert!(numbers.eq(0..500));
        soon(writer).await.unwrap();
    });
}

#[test]
fn writes_that_are_dropped_have_sent_nothing() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = tcp_pair().await;
        let filled = fill(|bytes| one.try_write(bytes));
        for _ in 0..3 {
            assert!(poll_once((&one).write(b"lost")).is_pending());
        }
        let write = timeout(Duration::from_millis(1), (&one).write(b"lost")).await;
        assert!(write.is_err());
        soon(other.read_exact(&mut vec![0; filled])).await.unwrap();
        soon((&one).write_all(b"kept")).await.unwrap();
        drop(one);
        let mut text = String::new();
        soon(other.read_to_string(&mut text)).await.unwrap();
        assert_eq!(text, "kept");
        // Datagrams.
        let (one, other) = UnixDatagram::pair().unwrap();
        let mut sent = 0;
        while one.try_send(b"first").is_ok() {
            sent += 1;
        }
        assert!(poll_once(one.send(b"lost")).is_pending());
        for _ in 0..sent {
            assert_eq!(soon(other.recv(&mut [0; 8])).await.unwrap(), 5);
        }
        soon(one.send(b"ab")).await.unwrap();
        assert_eq!(soon(other.recv(&mut [0; 8])).await.unwrap(), 2);
    });
}

#[test]
fn accepts_that_are_dropped_lose_no_connection() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut incoming = listener.incoming();
        for round in 0..20 {
            assert!(poll_once(listener.accept()).is_pending());
            assert!(poll_once(incoming.next()).is_pending());
            let stream = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            sleep(Duration::from_micros(100)).await;
            let accepted = if round % 2 == 0 {
                soon(incoming.next()).await.unwrap().unwrap()
            } else {
                soon(listener.accept()).await.unwrap().0
            };
            assert_eq!(accepted.peer_addr().unwrap(), stream.local_addr().unwrap());
        }
    });
}

#[test]
fn receives_that_are_dropped_lose_no_datagram() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        one.connect(other.local_addr().unwrap()).await.unwrap();
        for i in 0..100_u8 {
            let mut buf = [0; 8];
            assert!(poll_once(other.recv_from(&mut buf)).is_pending());
            one.send(&[i]).await.unwrap();
            assert_eq!(soon(other.recv(&mut buf)).await.unwrap(), 1);
            assert_eq!(buf[0], i);
        }
    });
}

#[test]
fn a_task_that_is_aborted_as_it_reads_closes_its_connection() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut one, mut other) = tcp_pair().await;
        let read = executor::spawn(async move { one.read(&mut [0]).await });
        sleep(Duration::from_millis(1)).await;
        assert!(read.cancel().await.is_none());
        assert_eq!(soon(other.read(&mut [0])).await.unwrap(), 0);
    });
}

#[test]
fn closures_that_are_dropped_have_not_read() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (reader, writer) = std::io::pipe().unwrap();
        let (reader, writer) = (Async::new(reader).unwrap(), Async::new(writer).unwrap());
        for _ in 0..20 {
            let mut buf = [0; 8];
            assert!(poll_once(reader.read_with(|mut pipe| pipe.read(&mut buf))).is_pending());
            (&writer).write_all(b"x").await.unwrap();
            let read = reader.read_with(|mut pipe| pipe.read(&mut buf));
            assert_eq!(soon(read).await.unwrap(), 1);
        }
    });
}
