//! Sockets, and whatever else has a descriptor with readiness. Needs the feature `net`.
//!
//! | type | what it is |
//! | --- | --- |
//! | [`TcpListener`], [`TcpStream`] | TCP |
//! | [`UdpSocket`] | UDP |
//! | [`unix`] | sockets within this machine |
//! | [`Async`] | anything else that has a descriptor: pipes, timers, pidfds, sockets of other crates |
//! | [`lookup`], [`ToSocketAddrs`] | from names to addresses |
//!
//! Streams are [`AsyncRead`](futures_io::AsyncRead) and [`AsyncWrite`](futures_io::AsyncWrite) of
//! `futures-io` 0.3, and so are references to them: the extension traits of `futures` and
//! `futures-lite` do the rest. With the feature `hyper` they are hyper's `rt::Read` and `rt::Write`,
//! too; with `tokio-io` tokio's `AsyncRead` and `AsyncWrite`, which need no runtime of tokio.
//!
//! # Examples
//!
//! ```
//! use executor::net::{TcpListener, TcpStream};
//! use futures::{AsyncReadExt, AsyncWriteExt, StreamExt, io::copy};
//!
//! # executor::block_on(async {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! executor::spawn(async move {
//!     let mut incoming = listener.incoming();
//!     while let Some(Ok(stream)) = incoming.next().await {
//!         executor::spawn(async move { copy(&stream, &mut &stream).await });
//!     }
//! });
//!
//! let mut stream = TcpStream::connect(address).await?;
//! stream.write_all(b"hello").await?;
//! stream.close().await?;
//! let mut text = String::new();
//! stream.read_to_string(&mut text).await?;
//! assert_eq!(text, "hello");
//! # std::io::Result::Ok(()) }).unwrap();
//! ```
//!
//! # How it works
//!
//! There is no thread for sockets: the workers ask the system themselves, when they run dry, while
//! they sleep, and now and then while they are busy, as Go's do. An operation is first tried, and
//! the task waits only if it would block. At its first wait a socket is registered with the
//! executor that the task is in; outside of this crate's executors, with the default one, which is
//! started if need be.
//!
//! In a [simulation](crate::sim), what would wait for a socket fails, with
//! [`Unsupported`](std::io::ErrorKind::Unsupported).
//!
//! So a socket needs no executor to be made. It may move from one to another, in the midst of
//! whatever it does, and outlives the one that it was first used in. Until that one ends, it is its
//! workers that hear of the socket's events: one built with
//! [`handoff(false)`](crate::Builder::handoff), whose polls block, delays them for others, too.
//!
//! # Several tasks with one socket
//!
//! A stream is read by one task at a time and written by one at a time, which may be two tasks; of
//! several that poll to read (`poll_read`, `poll_recv`, `poll_accept`, `poll_readable`), the last
//! one is woken. Any number of tasks may await the async functions of one socket at once: `accept`,
//! `incoming`, `recv`, `send_to`, `peek`, `readable`, `read_with` and the like.
//!
//! # Cancel safety
//!
//! What is lost when a future is dropped before it is ready:
//!
//! | future | what is lost |
//! | --- | --- |
//! | `accept`, the next item of `incoming` | nothing: the connection goes to the next who accepts |
//! | `AsyncReadExt::read`, `peek`, `recv`, `recv_from`, `peek_from` | nothing: what has come is there for the next read |
//! | `AsyncWriteExt::write`, `send`, `send_to` | nothing: nothing was sent |
//! | `AsyncReadExt::read_exact`, `read_to_end`, `AsyncWriteExt::write_all`, `io::copy` | how far they have come |
//! | `AsyncWriteExt::flush`, `close` | they are ready at once |
//! | `readable`, `writable` | nothing |
//! | `async_io`, [`Async::read_with`], [`Async::write_with`] | nothing: the last call of `op` returned `WouldBlock` |
//! | `connect` | the attempt: what is half connected is closed |
//! | `bind`, [`lookup`] | the attempt; a lookup that has begun ends on its thread, for nobody |
//!
//! # Giving way
//!
//! A peer that sends without end gives its reader no reason to wait. So the results of sockets count
//! with those of timers: see [`time`](crate::time#giving-way).
//!
//! # Closing
//!
//! Dropping a socket closes it, and so it does not wait for anything. `AsyncWriteExt::close`, and the
//! drop of an [`OwnedWriteHalf`], end the write side alone: the peer reads to the end, and may still
//! answer. `into_std` and [`Async::into_inner`] give the descriptor back, non-blocking; nobody
//! watches it any more.
//!
//! Whoever still waits for the socket is woken by that: dropping it, `into_std` and the like call the
//! wakers, which may be foreign code, on the caller's stack. So do it without a lock that a waker may
//! want.
//!
//! The descriptor must not be closed behind the socket's back, by its number. Nor must those that
//! an executor asks the system with; if they are all the same, it says so on standard error or to
//! the logger, and sockets are tried every 10 ms from then on.
//!
//! # Fork
//!
//! A forked child has the parent's sockets, but none of the threads. A first wait there, on the
//! executor of the parent, panics and says so, and the crate's text on fork says what becomes of
//! other waits. An executor that was built in the child serves the sockets that are used in it, also
//! those that have waited in the parent, unless another thread was at work on the very socket at the
//! moment of the fork. Dropping a socket in the child takes nothing from the
//! parent. All descriptors that are made here are closed by `exec`.
//!
//! # Systems
//!
//! Unix only; elsewhere the feature `net` does not compile. It has been run on Linux only, where it
//! is on epoll. The other systems, with kqueue or the like, nobody has tried.

#[macro_use]
mod macros;

mod addr;
mod async_fd;
mod incoming;
mod interest;
mod socket;
mod split;
mod stream;
mod sys;
mod tcp;
mod udp;
pub mod unix;

pub use addr::{ToSocketAddrs, lookup};
pub use async_fd::{Async, IoSafe};
pub use incoming::Incoming;
pub use interest::Interest;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;
