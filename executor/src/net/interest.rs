//! What somebody wants to do with a descriptor.

use crate::scheduler::descriptor::Direction;
use std::fmt;

/// A direction in which a descriptor may be ready, for the `try_io` of sockets and of
/// [`Async`](super::Async). The name is tokio's.
///
/// # Examples
///
/// ```
/// use executor::net::{Interest, UdpSocket};
/// use std::io::ErrorKind;
///
/// # executor::block_on(async {
/// let socket = UdpSocket::bind("127.0.0.1:0").await?;
/// let nothing = || Err::<(), _>(ErrorKind::WouldBlock.into());
/// let error = socket.try_io(Interest::READABLE, nothing).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::WouldBlock);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(pub(super) Direction);

impl Interest {
    /// To read, to receive, or to accept.
    pub const READABLE: Interest = Interest(Direction::Read);

    /// To write or to send.
    pub const WRITABLE: Interest = Interest(Direction::Write);
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Direction::Read => "READABLE",
            Direction::Write => "WRITABLE",
        })
    }
}
