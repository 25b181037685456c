//! A TCP connection.

use crate::{
    net::{
        addr::{ToSocketAddrs, no_address, resolve},
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
    net::{Shutdown, SocketAddr},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    task::{Context, Poll},
};

/// A TCP connection. (Go's `net.TCPConn`.)
///
/// It reads and writes by [`AsyncRead`](futures_io::AsyncRead) and
/// [`AsyncWrite`](futures_io::AsyncWrite), on the stream and on references to it. So one task may
/// read while another one writes, with an `Arc` or by [`into_split`](TcpStream::into_split); of
/// several tasks that read, or write, the last one that polled is woken.
///
/// Dropping it closes the connection. `AsyncWriteExt::close` ends the write side alone. Options that
/// are not here, `SO_LINGER` for example, are set by `socket2::SockRef::from(&stream)`.
///
/// # Cancel safety
///
/// Dropping a future that reads or writes once, such as `AsyncReadExt::read`, loses nothing. One
/// that does so several times, such as `read_exact` and `write_all`, does not say how far it has
/// come.
///
/// # Examples
///
/// ```
/// use executor::net::{TcpListener, TcpStream};
/// use futures::{AsyncReadExt, AsyncWriteExt};
///
/// # executor::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let mut one = TcpStream::connect(listener.local_addr()?).await?;
/// let (mut other, _) = listener.accept().await?;
/// one.write_all(b"hello").await?;
/// let mut text = [0; 5];
/// other.read_exact(&mut text).await?;
/// assert_eq!(&text, b"hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct TcpStream(pub(in crate::net) Socket<std::net::TcpStream>);

impl TcpStream {
    /// Of a stream that does not block.
    pub(super) fn new(stream: std::net::TcpStream) -> TcpStream {
        TcpStream(Socket::new(stream))
    }

    /// Connects to an address; of several, to the first one with which that succeeds, one after the
    /// other.
    ///
    /// How long that may take is the system's business, two minutes for example. For a shorter time,
    /// see [`timeout`](crate::time::timeout).
    ///
    /// # Errors
    ///
    /// The last address's; `InvalidInput` if there is none; those of
    /// [`lookup`](crate::net::lookup).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up, and closes what is half connected.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::{TcpListener, TcpStream};
    ///
    /// # executor::block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let dead = "127.0.0.1:1".parse().unwrap();
    /// let stream = TcpStream::connect(&[dead, listener.local_addr()?][..]).await?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn connect<A: ToSocketAddrs>(address: A) -> io::Result<TcpStream> {
        let mut last = no_address();
        for address in resolve(address).await? {
            match TcpStream::connect_to(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::new(mio::net::TcpStream::connect(address)?.into());
        stream.0.io(Direction::Write, is_connected).await?;
        Ok(stream)
    }
}

/// What has become of a connection that was begun; `WouldBlock` if nothing has yet.
fn is_connected(stream: &std::net::TcpStream) -> io::Result<()> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error),
    }
}

readiness!(
    TcpStream,
    "{TcpListener, TcpStream}",
    "\
let listener = TcpListener::bind(\"127.0.0.1:0\").await?;
let socket = TcpStream::connect(listener.local_addr()?).await?;"
);
conversions!(
    TcpStream,
    std::net::TcpStream,
    std::net::TcpStream,
    SocketAddr,
    "{TcpListener, TcpStream}",
    "\
let listener = TcpListener::bind(\"127.0.0.1:0\").await?;
let socket = TcpStream::connect(listener.local_addr()?).await?;"
);
streams!(
    TcpStream,
    SocketAddr,
    "{TcpListener, TcpStream}",
    "\
let listener = TcpListener::bind(\"127.0.0.1:0\").await?;
let one = TcpStream::connect(listener.local_addr()?).await?;
let (other, _) = listener.accept().await?;"
);
option!(
    TcpStream,
    "{TcpListener, TcpStream}",
    "\
let listener = TcpListener::bind(\"127.0.0.1:0\").await?;
let socket = TcpStream::connect(listener.local_addr()?).await?;",
    nodelay,
    set_nodelay,
    bool,
    true,
    "whether small packets are sent at once (`TCP_NODELAY`; off at first)"
);
option!(
    TcpStream,
    "{TcpListener, TcpStream}",
    "\
let listener = TcpListener::bind(\"127.0.0.1:0\").await?;
let socket = TcpStream::connect(listener.local_addr()?).await?;",
    ttl,
    set_ttl,
    u32,
    64,
    "the time to live of packets (`IP_TTL`)"
);
