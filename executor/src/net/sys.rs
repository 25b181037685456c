//! What std does not ask the system.

use crate::scheduler::descriptor::Direction;
use std::{
    io::{self, IoSlice},
    mem::{self, MaybeUninit},
    os::fd::{AsRawFd, BorrowedFd},
};

/// The error of a system call that returned -1.
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// The number of bytes that a system call returned, or its error.
pub(super) fn counted(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Has operations on the descriptor, and on all others that share its open file, return
/// `WouldBlock` instead of waiting.
pub(super) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let fd = fd.as_raw_fd();
    // SAFETY: takes and returns numbers.
    let flags = checked(unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    if flags & libc::O_NONBLOCK == 0 {
        // SAFETY: as above.
        checked(unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    }
    Ok(())
}

/// The kind of the file: `S_IFREG` and the like.
pub(super) fn file_type(fd: BorrowedFd<'_>) -> io::Result<libc::mode_t> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a place for what the call writes.
    checked(unsafe { libc::fstat(fd.as_raw_fd(), stat.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, so it was written.
    let stat = unsafe { stat.assume_init() };
    Ok(stat.st_mode & libc::S_IFMT)
}

/// Reads from a socket into memory that need not be initialized. As many bytes as this returns
/// are, then.
pub(super) fn receive(fd: BorrowedFd<'_>, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    let place = buf.as_mut_ptr().cast();
    // For more, some systems return an error.
    let length = buf.len().min(libc::c_int::MAX as usize);
    // SAFETY: a place of at least that length, which is only written to.
    counted(unsafe { libc::recv(fd.as_raw_fd(), place, length, 0) })
}

/// Receives from a socket, and leaves what was received there.
pub(super) fn peek(fd: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<usize> {
    let place = buf.as_mut_ptr().cast();
    // SAFETY: a place of that length, which is only written to.
    counted(unsafe { libc::recv(fd.as_raw_fd(), place, buf.len(), libc::MSG_PEEK) })
}

/// That a peer is gone is told by an error, and not by `SIGPIPE`. (Apple's systems want that set once
/// for a socket, as std does.)
const NO_SIGNAL: libc::c_int = if cfg!(target_vendor = "apple") {
    0
} else {
    libc::MSG_NOSIGNAL
};

/// As many parts as a call may have: Linux's number, elsewhere what POSIX promises.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) const MOST_PARTS: usize = libc::UIO_MAXIOV as usize;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const MOST_PARTS: usize = super::socket::SURE_BUFFERS;

/// A message of so many parts, and nothing else.
pub(super) fn message(parts: *mut libc::iovec, count: usize) -> libc::msghdr {
    // SAFETY: numbers and pointers, each of which may be 0.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = parts;
    message.msg_iovlen = count as _;
    message
}

/// Writes to a socket.
pub(super) fn send(fd: BorrowedFd<'_>, buf: &[u8]) -> io::Result<usize> {
    let length = buf.len().min(libc::c_int::MAX as usize);
    // SAFETY: a place of at least that length, which is only read.
    counted(unsafe { libc::send(fd.as_raw_fd(), buf.as_ptr().cast(), length, NO_SIGNAL) })
}

/// Writes the parts to a socket, one after the other. (std's `write_vectored` raises the signal.)
pub(super) fn send_vectored(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let parts = bufs.as_ptr().cast_mut().cast();
    let message = message(parts, bufs.len().min(MOST_PARTS));
    // SAFETY: a message as the call wants it, with parts of the system's own layout, as std promises.
    counted(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, NO_SIGNAL) })
}

/// Ends the write side of a connection.
pub(super) fn shut_down_write(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes numbers.
    checked(unsafe { libc::shutdown(fd.as_raw_fd(), libc::SHUT_WR) }).map(drop)
}

/// As many connections as the system allows may wait to be accepted, which is more than std asks
/// for. Beyond that number a connection takes a second, or several: whoever makes it asks again then.
pub(super) fn listen_for_many(fd: BorrowedFd<'_>) -> io::Result<()> {
    // Cut down to what is allowed, and still a positive number where it is kept in 16 bits.
    const MOST: libc::c_int = u16::MAX as libc::c_int;
    // SAFETY: takes numbers.
    checked(unsafe { libc::listen(fd.as_raw_fd(), MOST) }).map(drop)
}

/// `WouldBlock` unless the descriptor is ready at this moment, whatever was said of it before.
pub(super) fn ready_now(fd: BorrowedFd<'_>, direction: Direction) -> io::Result<()> {
    let events = match direction {
        Direction::Read => libc::POLLIN,
        Direction::Write => libc::POLLOUT,
    };
    let mut asked = libc::pollfd {
        fd: fd.as_raw_fd(),
        events,
        revents: 0,
    };
    // SAFETY: one entry, which lives for the call; with a timeout of 0 it waits for nothing.
    checked(unsafe { libc::poll(&mut asked, 1, 0) })?;
    match asked.revents {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        revents if revents & libc::POLLNVAL != 0 => Err(io::Error::from_raw_os_error(libc::EBADF)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Write,
        os::{fd::AsFd, unix::net::UnixStream},
    };

    #[test]
    fn readiness_is_what_it_is_at_this_moment() {
        let (one, mut other) = UnixStream::pair().unwrap();
        let now = |direction| ready_now(one.as_fd(), direction).map_err(|error| error.kind());
        assert_eq!(now(Direction::Read), Err(io::ErrorKind::WouldBlock));
        assert_eq!(now(Direction::Write), Ok(()));
        other.write_all(b"x").unwrap();
        assert_eq!(now(Direction::Read), Ok(()));
        let mut buf = [MaybeUninit::uninit(); 2];
        assert_eq!(receive(one.as_fd(), &mut buf).unwrap(), 1);
        // SAFETY: the call has said that it is initialized.
        assert_eq!(unsafe { buf[0].assume_init() }, b'x');
        assert_eq!(now(Direction::Read), Err(io::ErrorKind::WouldBlock));
        drop(other);
        assert_eq!(now(Direction::Read), Ok(()));
    }

    #[test]
    fn a_descriptor_that_does_not_block_stays_so() {
        let (one, _other) = UnixStream::pair().unwrap();
        for _ in 0..2 {
            set_nonblocking(one.as_fd()).unwrap();
            let read = receive(one.as_fd(), &mut [MaybeUninit::uninit()]);
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
    }
}
