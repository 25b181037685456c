//! Sockets of this machine, with paths, or on Linux abstract names, as addresses. (Go's
//! `net.UnixConn`.)
//!
//! Addresses are [`std::os::unix::net::SocketAddr`]. Those without a path come from its
//! `from_abstract_name`, and go to the functions whose names end in `_addr`.
//!
//! # Examples
//!
//! ```
//! use executor::net::unix::UnixStream;
//! use futures::{AsyncReadExt, AsyncWriteExt};
//!
//! # executor::block_on(async {
//! let (mut one, mut other) = UnixStream::pair()?;
//! one.write_all(b"hello").await?;
//! let mut text = [0; 5];
//! other.read_exact(&mut text).await?;
//! assert_eq!(&text, b"hello");
//! # std::io::Result::Ok(()) }).unwrap();
//! ```

mod credentials;
mod datagram;
mod listener;
mod peek;
mod receive;
mod stream;

pub use credentials::UCred;
pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use stream::UnixStream;

/// The half of a [`UnixStream`] that reads.
///
/// # Examples
///
/// ```
/// use executor::net::unix::{OwnedReadHalf, UnixStream};
///
/// # executor::block_on(async {
/// let (one, _other) = UnixStream::pair()?;
/// let (read, _write): (OwnedReadHalf, _) = one.into_split();
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub type OwnedReadHalf = super::OwnedReadHalf<UnixStream>;

/// The half of a [`UnixStream`] that writes.
///
/// # Examples
///
/// ```
/// use executor::net::unix::{OwnedWriteHalf, UnixStream};
///
/// # executor::block_on(async {
/// let (one, _other) = UnixStream::pair()?;
/// let (_read, _write): (_, OwnedWriteHalf) = one.into_split();
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub type OwnedWriteHalf = super::OwnedWriteHalf<UnixStream>;

use crate::{scheduler::allowance::poll_leaf, time::sleep};
use std::{future::poll_fn, io, task::Poll, time::Duration};

/// The first and the longest pause of [`retry`].
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Repeats `op` until it does something else than say that the *other* socket, its backlog or its
/// queue, is full. The system tells nobody when that is over, unless they block.
async fn retry<T>(mut op: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut pause = FIRST_PAUSE;
    loop {
        // A result that comes at once counts as that of a leaf, which this is then.
        match poll_fn(|cx| poll_leaf(cx, |_| Poll::Ready(op()))).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(pause).await,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => return result,
        }
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}
