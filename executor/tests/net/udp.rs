//! UDP.

use super::sockets::{everywhere, poll_once, soon};
use crate::common::watchdog;
use executor::net::{Interest, UdpSocket};
use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
};

#[test]
fn datagrams_arrive_whole_or_cut_off() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (from, to) = (one.local_addr().unwrap(), other.local_addr().unwrap());
        for text in [&b"hello"[..], b"", b"a longer one"] {
            assert_eq!(one.send_to(text, to).await.unwrap(), text.len());
        }
        let mut buf = [0; 8];
        assert_eq!(soon(other.peek_from(&mut buf)).await.unwrap(), (5, from));
        assert_eq!(soon(other.recv_from(&mut buf)).await.unwrap(), (5, from));
        assert_eq!(&buf[..5], b"hello");
        assert_eq!(soon(other.recv_from(&mut buf)).await.unwrap(), (0, from));
        assert_eq!(soon(other.recv_from(&mut buf)).await.unwrap(), (8, from));
        assert_eq!(&buf, b"a longer");
        assert!(poll_once(other.recv(&mut buf)).is_pending());
    });
}

#[test]
fn a_connected_socket_hears_nobody_else() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = one.local_addr().unwrap();
        one.connect(other.local_addr().unwrap()).await.unwrap();
        assert_eq!(one.peer_addr().unwrap(), other.local_addr().unwrap());
        stranger.send_to(b"strange", address).await.unwrap();
        other.send_to(b"x", address).await.unwrap();
        assert_eq!(soon(one.peek(&mut [0; 8])).await.unwrap(), 1);
        assert_eq!(soon(one.recv(&mut [0; 8])).await.unwrap(), 1);
        one.send(b"abc").await.unwrap();
        assert_eq!(soon(other.recv(&mut [0; 8])).await.unwrap(), 3);
    });
}

#[test]
fn nobody_at_the_other_end_is_an_error_that_passes() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = gone.local_addr().unwrap();
        drop(gone);
        one.connect(address).await.unwrap();
        one.send(b"x").await.unwrap();
        let error = soon(one.recv(&mut [0; 8])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(poll_once(one.recv(&mut [0; 8])).is_pending());
    });
}

#[test]
fn a_datagram_that_is_too_long_is_an_error() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let error = soon(one.send_to(&[7; 70_000], one.local_addr().unwrap())).await;
        assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::EMSGSIZE));
    });
}

#[test]
fn a_fast_sender_waits_and_loses_its_way_to_nobody() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = other.local_addr().unwrap();
        for _ in 0..2_000 {
            soon(one.send_to(&[7; 1_000], to)).await.unwrap();
        }
        assert_eq!(soon(other.recv(&mut [0; 2_000])).await.unwrap(), 1_000);
    });
}

#[test]
fn options_are_what_they_were_set_to() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let broadcast: SocketAddr = (Ipv4Addr::BROADCAST, 9).into();
        let error = socket.send_to(b"x", broadcast).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        socket.set_broadcast(true).unwrap();
        assert!(socket.broadcast().unwrap());
        socket.set_ttl(77).unwrap();
        socket.set_multicast_ttl_v4(7).unwrap();
        socket.set_multicast_loop_v4(false).unwrap();
        assert_eq!(socket.ttl().unwrap(), 77);
        assert_eq!(socket.multicast_ttl_v4().unwrap(), 7);
        assert!(!socket.multicast_loop_v4().unwrap());
    });
}

#[test]
fn groups_are_heard() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let group = Ipv4Addr::new(224, 0, 0, 199);
        let receiver = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        // Not every machine can.
        if receiver
            .join_multicast_v4(group, Ipv4Addr::LOCALHOST)
            .is_err()
        {
            return;
        }
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = (group, receiver.local_addr().unwrap().port());
        if sender.send_to(b"hello", to).await.is_ok() {
            assert_eq!(soon(receiver.recv(&mut [0; 8])).await.unwrap(), 5);
        }
        receiver
            .leave_multicast_v4(group, Ipv4Addr::LOCALHOST)
            .unwrap();
    });
}

#[test]
fn try_io_receives_by_other_means() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let twin = std::os::fd::AsFd::as_fd(&one).try_clone_to_owned().unwrap();
        let twin = std::net::UdpSocket::from(twin);
        let receive = || one.try_io(Interest::READABLE, || twin.recv(&mut [0; 8]));
        assert_eq!(receive().unwrap_err().kind(), ErrorKind::WouldBlock);
        one.send_to(b"abc", one.local_addr().unwrap())
            .await
            .unwrap();
        soon(one.readable()).await.unwrap();
        assert_eq!(receive().unwrap(), 3);
        assert_eq!(receive().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(poll_once(one.readable()).is_pending());
    });
}
