//! Where connections of this machine come in.

use super::UnixStream;
use crate::{
    net::{
        incoming::{Incoming, Listener},
        interest::Interest,
        socket::Socket,
    },
    scheduler::descriptor::Direction,
};
use std::{
    fmt, io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
        unix::net::SocketAddr,
    },
    path::Path,
    task::{Context, Poll},
};

/// A Unix socket that accepts connections.
///
/// Any number of tasks may [`accept`](UnixListener::accept) from one listener. Dropping it closes
/// the socket and leaves its path, as std does.
///
/// # Examples
///
/// ```
/// use executor::net::unix::{UnixListener, UnixStream};
/// use std::{env, fs, process};
///
/// # executor::block_on(async {
/// let path = env::temp_dir().join(format!("listener-{}", process::id()));
/// let listener = UnixListener::bind(&path)?;
/// let _connected = UnixStream::connect(&path).await?;
/// let (_accepted, _) = listener.accept().await?;
/// fs::remove_file(path)?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct UnixListener(Socket<mio::net::UnixListener>);

impl UnixListener {
    /// Listens at a path, which must not exist.
    ///
    /// # Errors
    ///
    /// The system's: `AddrInUse` if the path exists.
    ///
    /// # Examples
    ///
    /// See [`UnixListener`].
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        std::os::unix::net::UnixListener::bind(path)?.try_into()
    }

    /// Listens at an address, which need not be a path.
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
    /// use executor::net::unix::{UnixListener, UnixStream};
    /// use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
    ///
    /// let name = format!("listener-{}", std::process::id());
    /// let address = SocketAddr::from_abstract_name(name)?;
    /// let listener = UnixListener::bind_addr(&address)?;
    /// let _connected = UnixStream::connect_addr(&address).await?;
    /// let (_accepted, _) = listener.accept().await?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        std::os::unix::net::UnixListener::bind_addr(address)?.try_into()
    }

    /// Waits for a connection, and returns it with the peer's address, which seldom has a name.
    ///
    /// # Errors
    ///
    /// Whatever `accept(2)` says. After most of them the listener goes on:
    /// [`incoming`](UnixListener::incoming) knows which.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection.
    ///
    /// # Examples
    ///
    /// See [`UnixListener`].
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        self.0.io(Direction::Read, accept).await
    }

    /// As [`accept`](UnixListener::accept), for one task at a time: the last one that polled is
    /// woken.
    ///
    /// # Errors
    ///
    /// As `accept`.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::unix::{UnixListener, UnixStream};
    /// use std::{env, fs, future::poll_fn, process};
    ///
    /// # executor::block_on(async {
    /// let path = env::temp_dir().join(format!("poll-accept-{}", process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let _connected = UnixStream::connect(&path).await?;
    /// let (_accepted, _) = poll_fn(|cx| listener.poll_accept(cx)).await?;
    /// fs::remove_file(path)?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        self.0.poll_io(Direction::Read, cx, accept)
    }

    /// Returns the connections as they come: a stream that never ends, and that outlives what
    /// [`TcpListener::incoming`](crate::net::TcpListener::incoming) outlives.
    ///
    /// # Cancel safety
    ///
    /// Dropping the stream, or a future of its next item, loses no connection.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::unix::{UnixListener, UnixStream};
    /// use futures::StreamExt;
    /// use std::{env, fs, process};
    ///
    /// # executor::block_on(async {
    /// let path = env::temp_dir().join(format!("incoming-{}", process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let _connected = UnixStream::connect(&path).await?;
    /// let _accepted = listener.incoming().next().await.expect("it never ends")?;
    /// fs::remove_file(path)?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn incoming(&self) -> Incoming<'_, UnixListener> {
        Incoming::new(self)
    }
}

fn accept(listener: &mio::net::UnixListener) -> io::Result<(UnixStream, SocketAddr)> {
    let (stream, peer) = listener.accept()?;
    Ok((UnixStream::new(stream.into()), peer))
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn accept_stream(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

readiness!(
    UnixListener,
    "unix::UnixListener",
    "\
let thread = std::thread::current().id(); // Each example has its own.
let path = std::env::temp_dir().join(format!(\"{}-{thread:?}\", std::process::id()));
let socket = UnixListener::bind(&path)?;
std::fs::remove_file(path)?;"
);
conversions!(
    UnixListener,
    mio::net::UnixListener,
    std::os::unix::net::UnixListener,
    SocketAddr,
    "unix::UnixListener",
    "\
let thread = std::thread::current().id(); // Each example has its own.
let path = std::env::temp_dir().join(format!(\"{}-{thread:?}\", std::process::id()));
let socket = UnixListener::bind(&path)?;
std::fs::remove_file(path)?;"
);
