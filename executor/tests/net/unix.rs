//! Sockets of this machine.

use super::sockets::{everywhere, poll_once, soon};
use crate::common::watchdog;
use executor::{
    net::unix::{UnixDatagram, UnixListener, UnixStream},
    time::{sleep, timeout},
};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use std::{
    fs,
    future::poll_fn,
    io::{ErrorKind, IoSliceMut},
    net::Shutdown,
    os::{linux::net::SocketAddrExt, unix::net::SocketAddr},
    path::PathBuf,
    process,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

/// A path that nobody has, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static PLACES: AtomicUsize = AtomicUsize::new(0);
        let name = format!("unix-{}-{}", process::id(), PLACES.fetch_add(1, SeqCst));
        Place(std::env::temp_dir().join(name))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn connections_by_path_carry_bytes_both_ways() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let place = Place::new();
        let error = UnixStream::connect(&place.0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let listener = UnixListener::bind(&place.0).unwrap();
        assert_eq!(
            UnixListener::bind(&place.0).unwrap_err().kind(),
            ErrorKind::AddrInUse
        );
        assert_eq!(
            listener.local_addr().unwrap().as_pathname(),
            Some(&*place.0)
        );
        let mut one = soon(UnixStream::connect(&place.0)).await.unwrap();
        let (mut other, peer) = soon(listener.accept()).await.unwrap();
        assert!(peer.is_unnamed());
        one.write_all(b"question").await.unwrap();
        one.close().await.unwrap();
        let mut text = String::new();
        soon(other.read_to_string(&mut text)).await.unwrap();
        assert_eq!(text, "question");
        other.write_all(b"answer").await.unwrap();
        drop(other);
        let mut text = String::new();
        soon(one.read_to_string(&mut text)).await.unwrap();
        assert_eq!(text, "answer");
        drop(listener);
        let error = UnixStream::connect(&place.0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn abstract_names_are_addresses() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        static NAMES: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test-{}-{}", process::id(), NAMES.fetch_add(1, SeqCst));
        let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        let mut incoming = listener.incoming();
        let mut one = soon(UnixStream::connect_addr(&address)).await.unwrap();
        let peer = one.peer_addr().unwrap();
        assert_eq!(peer.as_abstract_name(), Some(name.as_bytes()));
        let mut other = soon(incoming.next()).await.unwrap().unwrap();
        one.write_all(b"x").await.unwrap();
        assert_eq!(soon(other.read(&mut [0; 8])).await.unwrap(), 1);
    });
}

#[test]
fn the_other_end_is_known_by_user_group_and_process() {
    let _watchdog = watchdog(60);
    let (one, _other) = UnixStream::pair().unwrap();
    let peer = one.peer_cred().unwrap();
    // SAFETY: returns a number.
    let user = unsafe { libc::getuid() };
    // SAFETY: returns a number.
    let group = unsafe { libc::getgid() };
    assert_eq!((peer.uid(), peer.gid()), (user, group));
    assert_eq!(peer.pid(), Some(process::id() as libc::pid_t));
}

#[test]
fn polling_accepts_as_well() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let place = Place::new();
        let listener = UnixListener::bind(&place.0).unwrap();
        assert!(poll_once(poll_fn(|cx| listener.poll_accept(cx))).is_pending());
        let _one = soon(UnixStream::connect(&place.0)).await.unwrap();
        soon(poll_fn(|cx| listener.poll_accept(cx))).await.unwrap();
    });
}

#[test]
fn a_connection_waits_while_the_backlog_is_full() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let place = Place::new();
        let listener = std::os::unix::net::UnixListener::bind(&place.0).unwrap();
        // SAFETY: takes numbers.
        let result = unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 0) };
        assert_eq!(result, 0);
        let listener = UnixListener::try_from(listener).unwrap();
        let mut streams = Vec::new();
        let begun = loop {
            let mut connect = Box::pin(UnixStream::connect(place.0.clone()));
            match timeout(Duration::from_millis(20), &mut connect).await {
                Ok(stream) => streams.push(stream.unwrap()),
                Err(_) => break connect,
            }
        };
        let accepted = soon(listener.accept()).await.unwrap();
        let mut last = soon(begun).await.unwrap();
        for _ in 1..streams.len() {
            soon(listener.accept()).await.unwrap();
        }
        let (mut other, _) = soon(listener.accept()).await.unwrap();
        last.write_all(b"x").await.unwrap();
        assert_eq!(soon(other.read(&mut [0; 8])).await.unwrap(), 1);
        drop(accepted);
    });
}

#[test]
fn datagrams_go_to_paths_and_come_from_them() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (here, there) = (Place::new(), Place::new());
        let one = UnixDatagram::bind(&here.0).unwrap();
        let other = UnixDatagram::bind(&there.0).unwrap();
        soon(one.send_to(b"hello", &there.0)).await.unwrap();
        let mut buf = [0; 8];
        let (length, from) = soon(other.recv_from(&mut buf)).await.unwrap();
        assert_eq!(
            (&buf[..length], from.as_pathname()),
            (&b"hello"[..], Some(&*here.0))
        );
        other.connect(&here.0).unwrap();
        soon(other.send(b"x")).await.unwrap();
        assert_eq!(soon(one.recv(&mut buf)).await.unwrap(), 1);
        drop(one);
        let error = soon(other.send(b"x")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_datagram_that_is_peeked_at_stays_and_tells_where_it_comes_from() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        static NAMES: AtomicUsize = AtomicUsize::new(0);
        let (here, there) = (Place::new(), Place::new());
        let receiver = UnixDatagram::bind(&here.0).unwrap();
        let mut buf = [0; 3];
        assert!(poll_once(receiver.peek(&mut buf)).is_pending());
        assert!(poll_once(receiver.peek_from(&mut buf)).is_pending());
        // From a path, from an abstract name, and from none.
        let name = format!("peek-{}-{}", process::id(), NAMES.fetch_add(1, SeqCst));
        let name = SocketAddr::from_abstract_name(name).unwrap();
        let senders = [
            UnixDatagram::bind(&there.0).unwrap(),
            UnixDatagram::bind_addr(&name).unwrap(),
            UnixDatagram::unbound().unwrap(),
        ];
        for sender in senders {
            sender.send_to(b"hello", &here.0).await.unwrap();
            sender.send_to(b"x", &here.0).await.unwrap();
            let from = format!("{:?}", sender.local_addr().unwrap());
            for _ in 0..2 {
                assert_eq!(soon(receiver.peek(&mut buf)).await.unwrap(), 3);
                let (length, peeked) = soon(receiver.peek_from(&mut buf)).await.unwrap();
                assert_eq!((length, format!("{peeked:?}")), (3, from.clone()));
                assert_eq!(&buf, b"hel");
                assert_eq!(
                    peeked.as_pathname(),
                    sender.local_addr().unwrap().as_pathname()
                );
                assert_eq!(peeked.is_unnamed(), from.contains("unnamed"));
            }
            // The very datagram, which is cut off as it is received.
            let (length, received) = soon(receiver.recv_from(&mut buf)).await.unwrap();
            assert_eq!((length, format!("{received:?}")), (3, from));
            assert_eq!(soon(receiver.recv(&mut buf)).await.unwrap(), 1);
        }
        assert!(poll_once(receiver.peek(&mut buf)).is_pending());
    });
}

#[test]
fn the_longest_path_is_told_as_it_is() {
    let _watchdog = watchdog(60);
    executor::block_on(async {
        // `sun_path` has room for 108 bytes, one of which std keeps for the end.
        let place = Place::new();
        let length = 107 - place.0.as_os_str().len();
        let there = Place(format!("{}{}", place.0.display(), "x".repeat(length)).into());
        let receiver = UnixDatagram::bind(&place.0).unwrap();
        let sender = UnixDatagram::bind(&there.0).unwrap();
        sender.send_to(b"x", &place.0).await.unwrap();
        let (_, from) = soon(receiver.peek_from(&mut [0])).await.unwrap();
        assert_eq!(from.as_pathname(), Some(&*there.0));
    });
}

#[test]
fn peek_leaves_what_it_returns() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        assert!(poll_once(other.peek(&mut [0])).is_pending());
        one.write_all(b"hello").await.unwrap();
        let mut text = [0; 5];
        for _ in 0..3 {
            assert_eq!(soon(other.peek(&mut text)).await.unwrap(), 5);
            assert_eq!(&text, b"hello");
        }
        soon(other.read_exact(&mut text)).await.unwrap();
        one.close().await.unwrap();
        assert_eq!(soon(other.peek(&mut text)).await.unwrap(), 0);
    });
}

/// The receiver of datagrams, whose queue is full of what `send` has sent.
async fn sends_wait_for_room(
    receiver: UnixDatagram,
    send: impl AsyncFn() -> std::io::Result<usize>,
) {
    let mut sent = 0;
    while timeout(Duration::from_millis(20), send()).await.is_ok() {
        sent += 1;
    }
    assert!(sent > 0);
    let mut waiting = Box::pin(send());
    assert!(poll_once(&mut waiting).is_pending());
    for _ in 0..sent {
        assert_eq!(soon(receiver.recv(&mut [0; 100])).await.unwrap(), 5);
    }
    assert_eq!(soon(waiting).await.unwrap(), 5);
    assert_eq!(soon(receiver.recv(&mut [0; 100])).await.unwrap(), 5);
    assert!(poll_once(receiver.recv(&mut [0; 100])).is_pending());
}

#[test]
fn sends_to_a_path_wait_while_the_receivers_queue_is_full() {
    let _watchdog = watchdog(60);
    executor::block_on(async {
        let place = Place::new();
        let receiver = UnixDatagram::bind(&place.0).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sends_wait_for_room(receiver, async || sender.send_to(b"hello", &place.0).await).await;
    });
}

#[test]
fn sends_to_the_connected_one_wait_while_its_queue_is_full() {
    let _watchdog = watchdog(60);
    executor::block_on(async {
        let place = Place::new();
        let receiver = UnixDatagram::bind(&place.0).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect(&place.0).unwrap();
        sends_wait_for_room(receiver, async || sender.send(b"hello").await).await;
        let (one, other) = UnixDatagram::pair().unwrap();
        sends_wait_for_room(other, async || one.send(b"hello").await).await;
    });
}

#[test]
fn shutdown_wakes_who_waits() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, _other) = UnixStream::pair().unwrap();
        let one = std::sync::Arc::new(one);
        let read = executor::spawn({
            let one = one.clone();
            async move { (&*one).read(&mut [0]).await }
        });
        sleep(Duration::from_millis(2)).await;
        one.shutdown(Shutdown::Both).unwrap();
        assert_eq!(soon(read).await.unwrap().unwrap(), 0);
    });
}

/// A read ends after bytes that descriptors came with, though there is more.
#[test]
fn what_follows_a_descriptor_is_read() {
    let _watchdog = watchdog(60);
    everywhere(async || {
        for is_vectored in [false, true] {
            let (mut one, other) = UnixStream::pair().unwrap();
            let other = other.into_std().unwrap();
            assert!(poll_once(one.read(&mut [0; 8])).is_pending());
            send_with_descriptor(&other, b"a");
            std::io::Write::write_all(&mut &other, b"b").unwrap();
            let mut text = Vec::new();
            while text.len() < 2 {
                let mut buf = [0; 100];
                let count = if is_vectored {
                    let (begin, rest) = buf.split_at_mut(1);
                    let mut parts = [IoSliceMut::new(begin), IoSliceMut::new(rest)];
                    soon(one.read_vectored(&mut parts)).await.unwrap()
                } else {
                    soon(one.read(&mut buf)).await.unwrap()
                };
                text.extend_from_slice(&buf[..count]);
            }
            assert_eq!(text, b"ab");
        }
    });
}

/// Sends bytes along with a descriptor.
fn send_with_descriptor(socket: &std::os::unix::net::UnixStream, bytes: &[u8]) {
    use std::{mem, os::fd::AsRawFd, ptr};
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let mut control = [0_u64; 4];
    // SAFETY: a structure of numbers and pointers, which may be null.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: it computes a length.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(4) } as _;
    // SAFETY: the message has room for one control message.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    let header = libc::cmsghdr {
        // SAFETY: it computes a length.
        cmsg_len: unsafe { libc::CMSG_LEN(4) } as _,
        cmsg_level: libc::SOL_SOCKET,
        cmsg_type: libc::SCM_RIGHTS,
    };
    // SAFETY: room for a header, and aligned as `control` is.
    unsafe { ptr::write(first, header) };
    // SAFETY: room for a number comes after the header.
    let data = unsafe { libc::CMSG_DATA(first) };
    // SAFETY: as above.
    unsafe { ptr::write_unaligned(data.cast(), socket.as_raw_fd()) };
    // SAFETY: everything that the message points to lives during the call.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, 0) };
    assert_eq!(sent, bytes.len() as isize);
}
