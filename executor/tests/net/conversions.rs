//! From std's types and to them.

use super::sockets::{everywhere, poll_once, soon, tcp_pair};
use crate::common::{in_own_process, watchdog};
use executor::net::{
    Async, TcpListener, TcpStream, UdpSocket,
    unix::{UnixDatagram, UnixListener, UnixStream},
};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{
    fmt::Debug,
    fs,
    io::Read,
    net,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd, RawFd},
        unix,
    },
};

fn is_nonblocking(socket: &impl AsFd) -> bool {
    // SAFETY: takes numbers.
    let flags = unsafe { libc::fcntl(socket.as_fd().as_raw_fd(), libc::F_GETFL) };
    assert_ne!(flags, -1);
    flags & libc::O_NONBLOCK != 0
}

#[test]
fn blocking_sockets_of_std_do_not_block_any_more() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let listener = TcpListener::try_from(listener).unwrap();
        assert!(is_nonblocking(&listener));
        assert!(poll_once(listener.accept()).is_pending());
        let stream = TcpStream::try_from(net::TcpStream::connect(address).unwrap()).unwrap();
        assert!(is_nonblocking(&stream));
        assert!(poll_once((&stream).read(&mut [0])).is_pending());
        let (accepted, _) = soon(listener.accept()).await.unwrap();
        assert!(is_nonblocking(&accepted));
        let socket = UdpSocket::try_from(net::UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        assert!(is_nonblocking(&socket));
        assert!(poll_once(socket.recv(&mut [0])).is_pending());
        let (one, _other) = unix::net::UnixStream::pair().unwrap();
        assert!(poll_once(UnixStream::try_from(one).unwrap().read(&mut [0])).is_pending());
        let (one, _other) = unix::net::UnixDatagram::pair().unwrap();
        assert!(poll_once(UnixDatagram::try_from(one).unwrap().recv(&mut [0])).is_pending());
        let (one, _other) = unix::net::UnixStream::pair().unwrap();
        assert!(poll_once(Async::new(one).unwrap().read(&mut [0])).is_pending());
    });
}

#[test]
fn what_becomes_stds_again_keeps_its_connection_and_does_not_block() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut one, other) = tcp_pair().await;
        assert!(poll_once((&other).read(&mut [0])).is_pending());
        let mut other = other.into_std().unwrap();
        assert!(is_nonblocking(&other));
        other.set_nonblocking(false).unwrap();
        one.write_all(b"x").await.unwrap();
        assert_eq!(other.read(&mut [0; 8]).unwrap(), 1);
        // And ours again.
        let mut other = TcpStream::try_from(other).unwrap();
        one.write_all(b"xy").await.unwrap();
        assert_eq!(soon(other.read(&mut [0; 8])).await.unwrap(), 2);
    });
}

#[test]
fn a_descriptor_has_one_owner_all_the_time() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(listener.as_raw_fd(), listener.as_fd().as_raw_fd());
        let listener = listener.into_std().unwrap();
        assert_eq!(listener.local_addr().unwrap(), address);
        let number = listener.as_raw_fd();
        let fd = OwnedFd::from(TcpListener::try_from(listener).unwrap());
        assert_eq!(fd.as_raw_fd(), number);
    });
}

#[test]
fn all_of_them_tell_their_descriptor() {
    let _watchdog = watchdog(60);
    fn tells(it: &(impl AsFd + AsRawFd), number: RawFd) {
        assert_eq!((it.as_fd().as_raw_fd(), it.as_raw_fd()), (number, number));
    }
    everywhere(|| async {
        let (one, _other) = tcp_pair().await;
        let number = one.as_raw_fd();
        tells(&one, number);
        let (read, write) = one.into_split();
        tells(&read, number);
        tells(&write, number);
        // So what std has no option for is set by others' crates, on a half, too.
        super::sockets::reset_on_close(&write);
        let (one, _other) = UnixStream::pair().unwrap();
        let number = one.as_raw_fd();
        tells(&one, number);
        let (read, write) = one.into_split();
        tells(&read, number);
        tells(&write, number);
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let number = listener.as_raw_fd();
        tells(&TcpListener::try_from(listener).unwrap(), number);
        let socket = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let number = socket.as_raw_fd();
        tells(&UdpSocket::try_from(socket).unwrap(), number);
        let (one, _other) = unix::net::UnixDatagram::pair().unwrap();
        let number = one.as_raw_fd();
        tells(&UnixDatagram::try_from(one).unwrap(), number);
        let (reader, _writer) = std::io::pipe().unwrap();
        let number = reader.as_raw_fd();
        tells(&Async::new(reader).unwrap(), number);
    });
    let path = std::env::temp_dir().join(format!("tells-{}", std::process::id()));
    let listener = unix::net::UnixListener::bind(&path).unwrap();
    fs::remove_file(path).unwrap();
    let number = listener.as_raw_fd();
    tells(&UnixListener::try_from(listener).unwrap(), number);
}

fn shows(value: &impl Debug, parts: &[&str]) {
    let text = format!("{value:?}");
    for part in parts {
        assert!(text.contains(part), "{text}: {part}");
    }
}

#[test]
fn debug_shows_what_std_shows() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, _other) = tcp_pair().await;
        let fd = format!("fd: {}", one.as_raw_fd());
        shows(
            &one,
            &["TcpStream", "addr: 127.0.0.1:", "peer: 127.0.0.1:", &fd],
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        shows(&listener, &["TcpListener", "addr: 127.0.0.1:"]);
        shows(&listener.incoming(), &["Incoming(TcpListener"]);
        shows(&UnixStream::pair().unwrap().0, &["UnixStream"]);
        shows(&UnixDatagram::pair().unwrap().0, &["UnixDatagram"]);
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        shows(&socket, &["UdpSocket", "addr: 127.0.0.1:"]);
        let (reader, _writer) = std::io::pipe().unwrap();
        shows(&Async::new(reader).unwrap(), &["Async(PipeReader"]);
        let (read, write) = one.into_split();
        shows(
            &(read, write),
            &["OwnedReadHalf(TcpStream", "OwnedWriteHalf(TcpStream"],
        );
    });
}

#[test]
fn exec_closes_all_descriptors_that_are_made_here() {
    in_own_process(|| {
        let open = || {
            let numbers = fs::read_dir("/proc/self/fd").unwrap();
            numbers.map(|entry| {
                entry
                    .unwrap()
                    .file_name()
                    .into_string()
                    .unwrap()
                    .parse()
                    .unwrap()
            })
        };
        let before: Vec<i32> = open().collect();
        let (mut one, mut other) = executor::block_on(tcp_pair());
        let listener = executor::block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let socket = executor::block_on(UdpSocket::bind("127.0.0.1:0")).unwrap();
        let path = std::env::temp_dir().join(format!("exec-{}", std::process::id()));
        let unix = (
            UnixStream::pair().unwrap(),
            UnixDatagram::pair().unwrap(),
            UnixDatagram::unbound().unwrap(),
            UnixListener::bind(&path).unwrap(),
        );
        fs::remove_file(path).unwrap();
        executor::block_on(async {
            // Something waits, so that the poller is there.
            let read = executor::spawn(async move { one.read(&mut [0]).await });
            executor::time::sleep(std::time::Duration::from_millis(5)).await;
            other.write_all(b"x").await.unwrap();
            soon(read).await.unwrap().unwrap();
        });
        let mut seen = 0;
        for number in open().filter(|number| !before.contains(number)) {
            // SAFETY: takes numbers. (That of the folder itself is closed by now.)
            let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
            assert!(flags == -1 || flags & libc::FD_CLOEXEC != 0, "{number}");
            seen += 1;
        }
        assert!(seen > 10, "{seen}");
        drop((listener, socket, unix));
    });
}

#[test]
fn they_may_go_to_other_threads_and_across_panics() {
    let _watchdog = watchdog(60);
    fn check<T: Send + Sync + Unpin + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    check::<TcpListener>();
    check::<TcpStream>();
    check::<UdpSocket>();
    check::<UnixListener>();
    check::<UnixStream>();
    check::<UnixDatagram>();
    check::<Async<net::TcpStream>>();
    check::<executor::net::OwnedReadHalf>();
    check::<executor::net::OwnedWriteHalf>();
    check::<executor::net::ReuniteError>();
    check::<executor::net::Interest>();
    check::<executor::net::Incoming<'_>>();
    check::<executor::net::Incoming<'_, UnixListener>>();
    check::<executor::net::unix::OwnedReadHalf>();
    check::<executor::net::unix::OwnedWriteHalf>();
    check::<executor::net::unix::UCred>();
    fn is_send(_: impl Send) {}
    is_send(TcpStream::connect(String::new()));
    is_send(async {
        let socket = UdpSocket::bind(("localhost", 0)).await.unwrap();
        socket.send_to(&[], "localhost:1").await.unwrap();
        socket.recv_from(&mut []).await.unwrap();
        let (mut reader, mut writer) = UnixStream::pair().unwrap();
        writer.write_all(&[]).await.unwrap();
        reader.read_exact(&mut []).await.unwrap();
    });
}
