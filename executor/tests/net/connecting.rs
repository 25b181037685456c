//! Connections that come about, and those that do not.

use super::sockets::{everywhere, poll_once, soon};
use crate::common::{Ledger, watchdog};
use executor::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{io::ErrorKind, net::SocketAddr, time::Duration};

/// A port where nobody listens: it is bound, so that nobody else gets it, and does not listen.
struct Dead {
    address: SocketAddr,
    _socket: std::os::fd::OwnedFd,
}

impl Dead {
    fn new() -> Dead {
        use std::os::fd::{AsRawFd, FromRawFd};
        // SAFETY: takes numbers.
        let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
        assert!(fd >= 0);
        // SAFETY: a descriptor that nobody else has.
        let socket = unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) };
        let address = libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: 0,
            sin_addr: libc::in_addr {
                s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
            },
            sin_zero: [0; 8],
        };
        let length = size_of_val(&address) as libc::socklen_t;
        // SAFETY: an address of that length.
        let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
        assert_eq!(bound, 0);
        let named = std::net::TcpListener::from(socket);
        Dead {
            address: named.local_addr().unwrap(),
            _socket: named.into(),
        }
    }
}

#[test]
fn refused_connections_say_so_at_once() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let dead = Dead::new();
        for _ in 0..10 {
            let error = soon(TcpStream::connect(dead.address)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
    });
}

#[test]
fn unreachable_addresses_say_so_at_once() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        // Nobody has a TCP connection with all at once.
        let error = soon(TcpStream::connect("255.255.255.255:80")).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::NetworkUnreachable);
    });
}

#[test]
fn of_several_addresses_the_dead_ones_are_passed_over() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let dead = Dead::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        let stream = soon(TcpStream::connect(&[dead.address, alive][..]))
            .await
            .unwrap();
        assert_eq!(stream.peer_addr().unwrap(), alive);
        drop(listener);
        let error = soon(TcpStream::connect(&[alive, dead.address][..]))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn no_address_is_an_error_that_says_so() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let error = TcpStream::connect(&[][..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("no address"), "{error}");
        let error = TcpListener::bind(&[][..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

/// A listener whose backlog is full: the system leaves further connections half done.
async fn full() -> (TcpListener, Vec<TcpStream>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: takes numbers.
    let result = unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 0) };
    assert_eq!(result, 0);
    let listener = TcpListener::try_from(listener).unwrap();
    let mut streams = Vec::new();
    loop {
        let connect = TcpStream::connect(listener.local_addr().unwrap());
        match timeout(Duration::from_millis(50), connect).await {
            Ok(stream) => streams.push(stream.unwrap()),
            Err(_) => return (listener, streams),
        }
    }
}

#[test]
fn a_half_done_connection_can_be_given_up() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (listener, streams) = full().await;
        let address = listener.local_addr().unwrap();
        for _ in 0..10 {
            assert!(poll_once(TcpStream::connect(address)).is_pending());
        }
        let ledger = Ledger::new();
        let task = executor::spawn(ledger.track(TcpStream::connect(address)));
        executor::time::sleep(Duration::from_millis(2)).await;
        assert!(task.cancel().await.is_none());
        ledger.assert_settled();
        // Those that were done are whole.
        for mut stream in streams {
            stream.write_all(b"x").await.unwrap();
            let (mut accepted, _) = soon(listener.accept()).await.unwrap();
            assert_eq!(soon(accepted.read(&mut [0; 8])).await.unwrap(), 1);
        }
    });
}

#[test]
fn a_half_done_connection_is_done_when_there_is_room() {
    let _watchdog = watchdog(60);
    // The system asks the listener again after a second: once is enough.
    executor::block_on(async {
        let (listener, streams) = full().await;
        let address = listener.local_addr().unwrap();
        let connect = executor::spawn(TcpStream::connect(address));
        executor::time::sleep(Duration::from_millis(2)).await;
        for _ in &streams {
            soon(listener.accept()).await.unwrap();
        }
        soon(connect).await.unwrap().unwrap();
    });
}

#[test]
fn what_is_written_right_after_the_connection_arrives() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = executor::spawn(async move {
            for _ in 0..50 {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.read_exact(&mut [0; 5]).await.unwrap();
                stream.write_all(b"world").await.unwrap();
            }
        });
        for _ in 0..50 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            soon(stream.read_exact(&mut [0; 5])).await.unwrap();
        }
        soon(server).await.unwrap();
    });
}

#[test]
fn ipv6_works_where_there_is_some() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        if let Ok(listener) = TcpListener::bind("[::1]:0").await {
            let stream = soon(TcpStream::connect(listener.local_addr().unwrap()));
            assert!(stream.await.unwrap().peer_addr().unwrap().is_ipv6());
        }
    });
}
