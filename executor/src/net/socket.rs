//! Whatever has a descriptor, together with that descriptor's readiness.

use crate::scheduler::descriptor::{Descriptor, Direction, Moved};
use std::{
    fmt,
    future::Future,
    io::{self, IoSlice, IoSliceMut, Read},
    mem::{ManuallyDrop, MaybeUninit},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    panic::{RefUnwindSafe, UnwindSafe},
    ptr,
    task::{Context, Poll},
};

use super::sys;

/// The owner of a descriptor that does not block. The registration with a poller ends before the
/// owner closes it.
pub(super) struct Socket<S: AsFd> {
    io: S,
    readiness: Descriptor,
}

/// A panic of an operation leaves the readiness whole.
impl<S: AsFd + UnwindSafe> UnwindSafe for Socket<S> {}
// As for `UnwindSafe`.
impl<S: AsFd + RefUnwindSafe> RefUnwindSafe for Socket<S> {}

impl<S: AsFd> Socket<S> {
    /// Of a descriptor that has been set not to block. The first operation in each direction is
    /// tried at once.
    pub(super) fn new(io: S) -> Socket<S> {
        Socket {
            io,
            readiness: Descriptor::claiming(),
        }
    }

    pub(super) fn get(&self) -> &S {
        &self.io
    }

    /// What it returns must neither be replaced nor have its descriptor closed.
    pub(super) fn get_mut(&mut self) -> &mut S {
        &mut self.io
    }

    /// Ends the registration, and gives the owner back.
    pub(super) fn into_inner(self) -> S {
        self.readiness.deregister(self.io.as_fd());
        let this = ManuallyDrop::new(self);
        // SAFETY: a valid field, which nobody uses or drops any more.
        drop(unsafe { ptr::read(&this.readiness) });
        // SAFETY: as above.
        unsafe { ptr::read(&this.io) }
    }

    /// See [`Descriptor::poll_io`].
    pub(super) fn poll_io<T>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let fd = self.io.as_fd();
        self.readiness.poll_io(fd, direction, cx, || op(&self.io))
    }

    /// As [`poll_io`](Socket::poll_io), for an operation that changes the owner.
    ///
    /// # Safety
    ///
    /// `op` must neither close nor replace the descriptor.
    pub(super) unsafe fn poll_io_mut<T>(
        &mut self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&mut S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let raw = self.io.as_fd().as_raw_fd();
        // SAFETY: open for as long as `op` leaves it alone, which the caller promises.
        let fd = unsafe { BorrowedFd::borrow_raw(raw) };
        let io = &mut self.io;
        self.readiness.poll_io(fd, direction, cx, || op(io))
    }

    /// See [`Descriptor::io`].
    pub(super) fn io<T>(
        &self,
        direction: Direction,
        mut op: impl FnMut(&S) -> io::Result<T>,
    ) -> impl Future<Output = io::Result<T>> {
        let fd = self.io.as_fd();
        self.readiness.io(fd, direction, move || op(&self.io))
    }

    /// See [`Descriptor::poll_ready`].
    pub(super) fn poll_ready(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.readiness.poll_ready(self.io.as_fd(), direction, cx)
    }

    /// See [`Descriptor::ready`].
    pub(super) fn ready(&self, direction: Direction) -> impl Future<Output = io::Result<()>> {
        self.readiness.ready(self.io.as_fd(), direction)
    }

    /// See [`Descriptor::try_io`].
    pub(super) fn try_io<T>(
        &self,
        direction: Direction,
        op: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        self.readiness.try_io(self.io.as_fd(), direction, op)
    }

    /// See [`Descriptor::try_now`].
    pub(super) fn try_now<T>(
        &self,
        direction: Direction,
        op: impl FnOnce(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        self.readiness.try_now(direction, || op(&self.io))
    }
}

impl<S: AsFd> Drop for Socket<S> {
    fn drop(&mut self) {
        self.readiness.deregister(self.io.as_fd());
    }
}

impl<S: AsFd + fmt::Debug> fmt::Debug for Socket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

/// Every system takes so many buffers in one call. (POSIX's `_XOPEN_IOV_MAX`.)
pub(super) const SURE_BUFFERS: usize = 16;

/// How many bytes a vectored operation moves at least, unless the next one would block. Whoever
/// takes fewer buffers or bytes than there are for a sign of that waits for ever.
fn sure_length<'a>(buffers: impl Iterator<Item = &'a [u8]>) -> usize {
    let lengths = buffers.take(SURE_BUFFERS).map(<[u8]>::len);
    lengths.fold(0, usize::saturating_add)
}

/// A stream, which reads bytes that are initialized then, and says whether it has run short.
pub(super) trait Stream: AsFd {
    fn receive(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<Moved>;

    fn receive_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Moved>;
}

impl Stream for std::net::TcpStream {
    fn receive(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<Moved> {
        let bytes = sys::receive(self.as_fd(), buf)?;
        Ok(Moved::of(bytes, buf.len()))
    }

    fn receive_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Moved> {
        let length = sure_length(bufs.iter().map(|buf| &**buf));
        let bytes = (&mut &*self).read_vectored(bufs)?;
        Ok(Moved::of(bytes, length))
    }
}

/// Streams.
impl<S: Stream> Socket<S> {
    /// See [`Descriptor::poll_stream`].
    fn poll_stream(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&S) -> io::Result<Moved>,
    ) -> Poll<io::Result<usize>> {
        self.readiness
            .poll_stream(self.io.as_fd(), direction, cx, || op(&self.io))
    }

    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let place = ptr::from_mut(buf) as *mut [MaybeUninit<u8>];
        // SAFETY: the same bytes. They stay initialized: `receive` writes no others.
        self.poll_read_uninit(cx, unsafe { &mut *place })
    }

    pub(super) fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_stream(Direction::Read, cx, |io| io.receive_vectored(bufs))
    }

    pub(super) fn poll_read_uninit(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<usize>> {
        self.poll_stream(Direction::Read, cx, |io| io.receive(buf))
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_stream(Direction::Write, cx, |io| {
            Ok(Moved::of(sys::send(io.as_fd(), buf)?, buf.len()))
        })
    }

    pub(super) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = sure_length(bufs.iter().map(|buf| &**buf));
        self.poll_stream(Direction::Write, cx, |io| {
            Ok(Moved::of(sys::send_vectored(io.as_fd(), bufs)?, length))
        })
    }

    /// Says to the peer that nothing more will come. It may know of the connection's end already.
    pub(super) fn close_write(&self) -> io::Result<()> {
        match sys::shut_down_write(self.io.as_fd()) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_buffers_only_those_count_that_every_system_takes() {
        let buffer = [0_u8; 3];
        let of = |buffers: usize| sure_length((0..buffers).map(|_| &buffer[..]));
        assert_eq!((of(0), of(1), of(16)), (0, 3, 48));
        assert_eq!((of(17), of(5_000)), (48, 48));
    }
}
