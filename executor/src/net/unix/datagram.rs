//! Datagrams within this machine.

use super::{peek::peek_from, retry};
use crate::{
    net::{interest::Interest, socket::Socket, sys},
    scheduler::descriptor::Direction,
};
use std::{
    fmt, io,
    net::Shutdown,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
        unix::net::{self, SocketAddr},
    },
    path::Path,
    task::{Context, Poll},
};

/// A Unix socket for datagrams, none of which is lost on the way.
///
/// Any number of tasks may send and receive at once. A datagram that is longer than the buffer it is
/// received into is cut off.
///
/// # Cancel safety
///
/// Dropping a future that sends or receives loses nothing: the datagram has been sent, or received,
/// as a whole and been told of, or not at all.
///
/// # Examples
///
/// ```
/// use executor::net::unix::UnixDatagram;
/// use std::{env, fs, process};
///
/// # executor::block_on(async {
/// let path = env::temp_dir().join(format!("datagram-{}", process::id()));
/// let receiver = UnixDatagram::bind(&path)?;
/// let sender = UnixDatagram::unbound()?;
/// sender.send_to(b"hello", &path).await?;
/// let mut buf = [0; 100];
/// let (length, from) = receiver.recv_from(&mut buf).await?;
/// assert_eq!(&buf[..length], b"hello");
/// assert!(from.is_unnamed());
/// fs::remove_file(path)?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct UnixDatagram(Socket<net::UnixDatagram>);

impl UnixDatagram {
    /// Makes a socket with a path as its address, which must not exist. Dropping it leaves the path,
    /// as std does.
    ///
    /// # Errors
    ///
    /// The system's: `AddrInUse` if the path exists.
    ///
    /// # Examples
    ///
    /// See [`UnixDatagram`].
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        net::UnixDatagram::bind(path)?.try_into()
    }

    /// Makes a socket with an address, which need not be a path.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// An abstract name, on Linux:
    ///
    /// ```
    /// # #[cfg(target_os = "linux")]
    /// # executor::block_on(async {
    /// use executor::net::unix::UnixDatagram;
    /// use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
    ///
    /// let address = SocketAddr::from_abstract_name(format!("datagram-{}", std::process::id()))?;
    /// let receiver = UnixDatagram::bind_addr(&address)?;
    /// let sender = UnixDatagram::unbound()?;
    /// sender.send_to_addr(b"hello", &address).await?;
    /// assert_eq!(receiver.recv(&mut [0; 100]).await?, 5);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixDatagram> {
        net::UnixDatagram::bind_addr(address)?.try_into()
    }

    /// Makes a socket without an address, to which nobody can send unless it is connected.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// See [`UnixDatagram`].
    pub fn unbound() -> io::Result<UnixDatagram> {
        net::UnixDatagram::unbound()?.try_into()
    }

    /// Makes two sockets that are connected with each other.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// See [`send`](UnixDatagram::send).
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = net::UnixDatagram::pair()?;
        Ok((one.try_into()?, other.try_into()?))
    }

    /// Sets the address that [`send`](UnixDatagram::send) sends to, and that alone is received from.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::unix::UnixDatagram;
    /// use std::{env, fs, process};
    ///
    /// # executor::block_on(async {
    /// let path = env::temp_dir().join(format!("connect-{}", process::id()));
    /// let receiver = UnixDatagram::bind(&path)?;
    /// let sender = UnixDatagram::unbound()?;
    /// sender.connect(&path)?;
    /// sender.send(b"hello").await?;
    /// assert_eq!(receiver.recv(&mut [0; 100]).await?, 5);
    /// fs::remove_file(path)?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.0.get().connect(path)
    }

    /// As [`connect`](UnixDatagram::connect), to an address, which need not be a path.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::unix::UnixDatagram;
    /// use std::{env, fs, os::unix::net::SocketAddr, process};
    ///
    /// let path = env::temp_dir().join(format!("connect-addr-{}", process::id()));
    /// let receiver = UnixDatagram::bind(&path)?;
    /// let sender = UnixDatagram::unbound()?;
    /// sender.connect_addr(&SocketAddr::from_pathname(&path)?)?;
    /// assert_eq!(sender.peer_addr()?.as_pathname(), Some(&*path));
    /// fs::remove_file(path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.0.get().connect_addr(address)
    }

    /// Sends a datagram to a path.
    ///
    /// While the receiver's queue is full, this tries again after 0.1 to 10 ms: nobody tells a
    /// socket that is not connected of the moment when there is room.
    ///
    /// # Errors
    ///
    /// The system's: `NotFound` if there is no such path, `ConnectionRefused` if nobody has it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// See [`UnixDatagram`].
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        self.send_to_addr(buf, &SocketAddr::from_pathname(path)?)
            .await
    }

    /// Sends a datagram to an address, which need not be a path; else as
    /// [`send_to`](UnixDatagram::send_to).
    ///
    /// # Errors
    ///
    /// As `send_to`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// See [`bind_addr`](UnixDatagram::bind_addr).
    pub async fn send_to_addr(&self, buf: &[u8], address: &SocketAddr) -> io::Result<usize> {
        // `None`: there was room at this end, so it is the receiver that has none.
        let sent = self.0.io(Direction::Write, |socket| {
            match socket.send_to_addr(buf, address) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sys::ready_now(socket.as_fd(), Direction::Write).map(|()| None)
                }
                result => result.map(Some),
            }
        });
        match sent.await? {
            Some(length) => Ok(length),
            None => retry(|| self.0.get().send_to_addr(buf, address)).await,
        }
    }

    /// Ends the read side, the write side, or both. Whoever waits for that side is woken.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::unix::UnixDatagram;
    /// use std::{io::ErrorKind, net::Shutdown};
    ///
    /// # executor::block_on(async {
    /// let (one, _other) = UnixDatagram::pair()?;
    /// one.shutdown(Shutdown::Write)?;
    /// assert_eq!(one.send(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.get().shutdown(how)
    }
}

readiness!(
    UnixDatagram,
    "unix::UnixDatagram",
    "let (socket, _other) = UnixDatagram::pair()?;"
);
conversions!(
    UnixDatagram,
    net::UnixDatagram,
    net::UnixDatagram,
    SocketAddr,
    "unix::UnixDatagram",
    "let (socket, _other) = UnixDatagram::pair()?;"
);
datagrams!(
    UnixDatagram,
    SocketAddr,
    peek_from,
    "unix::UnixDatagram",
    "let (one, other) = UnixDatagram::pair()?;"
);
