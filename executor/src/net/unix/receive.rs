//! Reading from a Unix socket.
//!
//! A read ends behind the bytes that descriptors came with, though there may be more. So one that
//! fills not all of its buffer does not say that the next would block. But Linux says of such a read
//! that it has left something out (`MSG_CTRUNC`), if it is asked by `recvmsg`. Elsewhere the next
//! read is tried.

use crate::{
    net::{socket::Stream, sys},
    scheduler::descriptor::Moved,
};
use std::{
    io::{self, IoSliceMut},
    mem::MaybeUninit,
    os::unix::net::UnixStream,
};

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Stream for UnixStream {
    fn receive(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<Moved> {
        let mut part = libc::iovec {
            iov_base: buf.as_mut_ptr().cast(),
            iov_len: buf.len(),
        };
        // SAFETY: one part, which is only written to.
        unsafe { receive_parts(self, &raw mut part, 1, buf.len()) }
    }

    fn receive_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Moved> {
        let count = bufs.len().min(sys::MOST_PARTS);
        let length = bufs[..count].iter().map(|buf| buf.len()).sum();
        // SAFETY: of the system's own layout, as std promises, and only written to.
        unsafe { receive_parts(self, bufs.as_mut_ptr().cast(), count, length) }
    }
}

/// Reads into `count` parts, with room for `length` bytes.
///
/// # Safety
///
/// The parts are where they are said to be, and may be written to.
#[cfg(any(target_os = "linux", target_os = "android"))]
unsafe fn receive_parts(
    socket: &UnixStream,
    parts: *mut libc::iovec,
    count: usize,
    length: usize,
) -> io::Result<Moved> {
    use std::os::fd::AsRawFd;

    let mut message = sys::message(parts, count);
    // SAFETY: a message as the call wants it; of the parts the caller answers for.
    let bytes = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    let bytes = sys::counted(bytes)?;
    Ok(if message.msg_flags & libc::MSG_CTRUNC == 0 {
        Moved::of(bytes, length)
    } else {
        Moved::untold(bytes)
    })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Stream for UnixStream {
    fn receive(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<Moved> {
        use std::os::fd::AsFd;

        sys::receive(self.as_fd(), buf).map(Moved::untold)
    }

    fn receive_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Moved> {
        use std::io::Read;

        (&mut &*self).read_vectored(bufs).map(Moved::untold)
    }
}
