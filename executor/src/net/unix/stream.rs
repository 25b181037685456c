//! A connection within this machine.

use super::{UCred, credentials, retry};
use crate::{
    net::{
        interest::Interest,
        socket::Socket,
        split::{self, OwnedReadHalf, OwnedWriteHalf},
        sys,
    },
    scheduler::descriptor::Direction,
};
use std::{
    fmt, io,
    mem::MaybeUninit,
    net::Shutdown,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
        unix::net::{self, SocketAddr},
    },
    path::Path,
    task::{Context, Poll},
};

/// A connection within this machine.
///
/// It reads and writes as [`TcpStream`](crate::net::TcpStream) does, and what that says of
/// references, of several tasks and of dropped futures holds here, too.
///
/// # Examples
///
/// See [`unix`](super).
pub struct UnixStream(pub(in crate::net) Socket<net::UnixStream>);

impl UnixStream {
    /// Of a stream that does not block.
    pub(super) fn new(stream: net::UnixStream) -> UnixStream {
        UnixStream(Socket::new(stream))
    }

    /// Connects to a path.
    ///
    /// While as many connections as the system allows wait to be accepted there, this tries again
    /// after 0.1 to 10 ms: nobody tells of the moment when fewer do.
    ///
    /// # Errors
    ///
    /// The system's: `NotFound` if there is no such path, `ConnectionRefused` if nobody listens.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up.
    ///
    /// # Examples
    ///
    /// See [`UnixListener`](super::UnixListener).
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        UnixStream::connect_addr(&SocketAddr::from_pathname(path)?).await
    }

    /// Connects to an address, which need not be a path; else as [`connect`](UnixStream::connect).
    ///
    /// # Errors
    ///
    /// As `connect`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up.
    ///
    /// # Examples
    ///
    /// See [`UnixListener::bind_addr`](super::UnixListener::bind_addr).
    pub async fn connect_addr(address: &SocketAddr) -> io::Result<UnixStream> {
        let stream = retry(|| mio::net::UnixStream::connect_addr(address)).await?;
        Ok(UnixStream::new(stream.into()))
    }

    /// Makes two streams that are connected with each other.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// See [`unix`](super).
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = mio::net::UnixStream::pair()?;
        Ok((UnixStream::new(one.into()), UnixStream::new(other.into())))
    }

    /// Returns who is at the other end.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    ///
    /// # Examples
    ///
    /// See [`UCred`].
    pub fn peer_cred(&self) -> io::Result<UCred> {
        credentials::of_peer(self.as_fd())
    }
}

readiness!(
    UnixStream,
    "unix::UnixStream",
    "let (socket, _other) = UnixStream::pair()?;"
);
conversions!(
    UnixStream,
    net::UnixStream,
    net::UnixStream,
    SocketAddr,
    "unix::UnixStream",
    "let (socket, _other) = UnixStream::pair()?;"
);
streams!(
    UnixStream,
    SocketAddr,
    "unix::UnixStream",
    "let (one, other) = UnixStream::pair()?;"
);
