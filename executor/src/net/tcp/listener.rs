//! Where TCP connections come in.

use super::TcpStream;
use crate::{
    net::{
        addr::{ToSocketAddrs, resolve},
        incoming::{Incoming, Listener},
        interest::Interest,
        socket::Socket,
        sys,
    },
    scheduler::descriptor::Direction,
};
use std::{
    fmt, io,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    task::{Context, Poll},
};

/// A TCP socket that accepts connections. (Go's `net.TCPListener`.)
///
/// Any number of tasks may [`accept`](TcpListener::accept) from one listener. It is made without an
/// executor, and dropping it closes the socket.
///
/// # Examples
///
/// An echo server, which serves one connection here:
///
/// ```
/// use executor::net::{TcpListener, TcpStream};
/// use futures::{AsyncReadExt, AsyncWriteExt, StreamExt, io::copy};
///
/// # executor::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?;
/// executor::spawn(async move {
///     let mut incoming = listener.incoming();
///     while let Some(Ok(stream)) = incoming.next().await {
///         executor::spawn(async move { copy(&stream, &mut &stream).await });
///     }
/// });
///
/// let mut stream = TcpStream::connect(address).await?;
/// stream.write_all(b"hello").await?;
/// stream.close().await?;
/// let mut text = String::new();
/// stream.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct TcpListener(Socket<mio::net::TcpListener>);

impl TcpListener {
    /// Listens on an address; of several, on the first one on which that succeeds. Port 0 has the
    /// system choose one.
    ///
    /// The address may be used again at once after its last listener is gone (`SO_REUSEADDR`), as
    /// with std. As many connections as the system allows may wait to be accepted.
    ///
    /// # Errors
    ///
    /// The last address's; `InvalidInput` if there is none; those of
    /// [`lookup`](crate::net::lookup).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future, which waits for nothing but the resolver, loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::TcpListener;
    ///
    /// # executor::block_on(async {
    /// let listener = TcpListener::bind(("localhost", 0)).await?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn bind<A: ToSocketAddrs>(address: A) -> io::Result<TcpListener> {
        let addresses = resolve(address).await?;
        let listener = addresses.try_each(mio::net::TcpListener::bind)?;
        sys::listen_for_many(listener.as_fd())?;
        Ok(TcpListener(Socket::new(listener)))
    }

    /// Waits for a connection, and returns it with the peer's address.
    ///
    /// # Errors
    ///
    /// Whatever `accept(2)` says: that no descriptor is free, for example, or that this one
    /// connection has failed. After most of them the listener goes on:
    /// [`incoming`](TcpListener::incoming) knows which.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::{TcpListener, TcpStream};
    ///
    /// # executor::block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let (_accepted, peer) = listener.accept().await?;
    /// assert_eq!(peer, stream.local_addr()?);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.io(Direction::Read, accept).await
    }

    /// As [`accept`](TcpListener::accept), for one task at a time: the last one that polled is
    /// woken.
    ///
    /// # Errors
    ///
    /// As `accept`.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::{TcpListener, TcpStream};
    /// use std::future::poll_fn;
    ///
    /// # executor::block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let (_accepted, peer) = poll_fn(|cx| listener.poll_accept(cx)).await?;
    /// assert_eq!(peer, stream.local_addr()?);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.0.poll_io(Direction::Read, cx, accept)
    }

    /// Returns the connections as they come: a [`Stream`] that never ends, and that bad days do not
    /// end either.
    ///
    /// | what `accept(2)` says | what becomes of it |
    /// | --- | --- |
    /// | this connection has failed: `ECONNABORTED`, `ECONNRESET`, `EPROTO`, `ENETDOWN`, `EHOSTDOWN` and the like | goes on with the next one |
    /// | no descriptor or no memory: `EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM` | waits for 10 ms, and tries again |
    /// | else | an item; after it, the next one is tried for after 10 ms |
    ///
    /// Several tasks may each have an `incoming` of one listener.
    ///
    /// [`Stream`]: https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html
    ///
    /// # Cancel safety
    ///
    /// Dropping the stream, or a future of its next item, loses no connection.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::{TcpListener, TcpStream};
    /// use futures::StreamExt;
    ///
    /// # executor::block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let accepted = listener.incoming().next().await.expect("it never ends")?;
    /// assert_eq!(accepted.peer_addr()?, stream.local_addr()?);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn incoming(&self) -> Incoming<'_, TcpListener> {
        Incoming::new(self)
    }
}

fn accept(listener: &mio::net::TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept()?;
    Ok((TcpStream::new(stream.into()), peer))
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept_stream(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

readiness!(
    TcpListener,
    "TcpListener",
    "let socket = TcpListener::bind(\"127.0.0.1:0\").await?;"
);
conversions!(
    TcpListener,
    mio::net::TcpListener,
    std::net::TcpListener,
    SocketAddr,
    "TcpListener",
    "let socket = TcpListener::bind(\"127.0.0.1:0\").await?;"
);
option!(
    TcpListener,
    "TcpListener",
    "let socket = TcpListener::bind(\"127.0.0.1:0\").await?;",
    ttl,
    set_ttl,
    u32,
    64,
    "the time to live of packets (`IP_TTL`), which accepted connections inherit"
);
