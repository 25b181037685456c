//! Names and addresses.

use super::sockets::{everywhere, soon};
use crate::common::{executor, steady_executor, watchdog};
use executor::net::{TcpListener, TcpStream, UdpSocket, lookup};
use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

#[test]
fn literal_addresses_are_ready_at_once_and_start_nothing() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    own.block_on(async {
        let spawned = own.metrics().spawned_tasks();
        let v4 = SocketAddr::from(([127, 0, 0, 1], 80));
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 80));
        assert_eq!(lookup("127.0.0.1:80").await.unwrap(), [v4]);
        assert_eq!(lookup(("127.0.0.1", 80)).await.unwrap(), [v4]);
        assert_eq!(lookup(String::from("[::1]:80")).await.unwrap(), [v6]);
        assert_eq!(
            lookup((IpAddr::from(Ipv4Addr::LOCALHOST), 80))
                .await
                .unwrap(),
            [v4]
        );
        assert_eq!(lookup(&[v4, v6][..]).await.unwrap(), [v4, v6]);
        assert_eq!(lookup(&[][..]).await.unwrap(), []);
        assert_eq!(own.metrics().spawned_tasks(), spawned);
    });
}

#[test]
fn names_are_looked_up_elsewhere() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let addresses = soon(lookup("localhost:80")).await.unwrap();
        assert!(!addresses.is_empty());
        assert!(
            addresses
                .iter()
                .all(|a| a.ip().is_loopback() && a.port() == 80)
        );
        let listener = TcpListener::bind(("localhost", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        soon(TcpStream::connect(("localhost", port))).await.unwrap();
        soon(TcpStream::connect(format!("localhost:{port}")))
            .await
            .unwrap();
        let socket = UdpSocket::bind("localhost:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        soon(socket.send_to(b"x", ("localhost", port)))
            .await
            .unwrap();
        assert_eq!(soon(socket.recv(&mut [0; 8])).await.unwrap(), 1);
    });
    let own = steady_executor(1);
    own.block_on(own.spawn(lookup("localhost:80")))
        .unwrap()
        .unwrap();
}

#[test]
fn what_is_no_address_is_an_error() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        for text in ["", "127.0.0.1", "localhost", "127.0.0.1:99999"] {
            let error = TcpStream::connect(text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
        }
    });
}
