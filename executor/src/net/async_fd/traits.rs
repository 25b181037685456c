//! futures-io's traits on [`Async`], and what they ask of what is in it.

use super::Async;
use crate::scheduler::descriptor::Direction;
use futures_io::{AsyncRead, AsyncWrite};
use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    os::fd::AsFd,
    pin::Pin,
    task::{Context, Poll},
};

/// What keeps its descriptor, neither closed nor replaced, while it is read from or written to by
/// `&mut`. The idea and the name are async-io's.
///
/// [`Async<T>`](Async) needs it to read and write by `&mut T`, since the descriptor is registered
/// with the system. References read and write without it: see [`Async`].
///
/// # Safety
///
/// [`Read`] and [`Write`], where they are implemented, must leave the descriptor in place that
/// [`AsFd`] returns, and open.
///
/// # Examples
///
/// ```
/// use executor::net::{Async, IoSafe};
/// use futures::AsyncReadExt;
/// use std::{
///     io::{self, PipeReader, Read},
///     os::fd::{AsFd, BorrowedFd},
/// };
///
/// struct Counted(PipeReader, usize);
///
/// impl AsFd for Counted {
///     fn as_fd(&self) -> BorrowedFd<'_> {
///         self.0.as_fd()
///     }
/// }
///
/// impl Read for Counted {
///     fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
///         self.1 += 1;
///         self.0.read(buf)
///     }
/// }
///
/// // SAFETY: the pipe stays where it is.
/// unsafe impl IoSafe for Counted {}
///
/// # executor::block_on(async {
/// let (reader, writer) = io::pipe()?;
/// drop(writer);
/// let mut reader = Async::new(Counted(reader, 0))?;
/// assert_eq!(reader.read(&mut [0]).await?, 0);
/// assert_eq!(reader.get_ref().1, 1);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub unsafe trait IoSafe {}

/// For types of std, which have their descriptor from the beginning to the end.
macro_rules! io_safe {
    ($($io:ty),*) => {$(
        // SAFETY: std reads and writes by the descriptor, and does nothing else with it.
        unsafe impl IoSafe for $io {}
    )*};
}

io_safe!(
    std::fs::File,
    std::io::PipeReader,
    std::io::PipeWriter,
    std::net::TcpStream,
    std::os::unix::net::UnixStream,
    std::process::ChildStderr,
    std::process::ChildStdin,
    std::process::ChildStdout
);

// SAFETY: through a shared reference nothing is replaced.
unsafe impl<T: ?Sized> IoSafe for &T {}
// SAFETY: it is what is in the box.
unsafe impl<T: IoSafe + ?Sized> IoSafe for Box<T> {}

impl<T: AsFd + IoSafe + Read> AsyncRead for Async<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = |io: &mut T| io.read(buf);
        // SAFETY: `T` promises it.
        unsafe { self.get_mut().0.poll_io_mut(Direction::Read, cx, read) }
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let read = |io: &mut T| io.read_vectored(bufs);
        // SAFETY: `T` promises it.
        unsafe { self.get_mut().0.poll_io_mut(Direction::Read, cx, read) }
    }
}

impl<T: AsFd> AsyncRead for &Async<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_io(Direction::Read, cx, |mut io| io.read(buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let read = |mut io: &T| io.read_vectored(bufs);
        self.0.poll_io(Direction::Read, cx, read)
    }
}

impl<T: AsFd + IoSafe + Write> AsyncWrite for Async<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = |io: &mut T| io.write(buf);
        // SAFETY: `T` promises it.
        unsafe { self.get_mut().0.poll_io_mut(Direction::Write, cx, write) }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = |io: &mut T| io.write_vectored(bufs);
        // SAFETY: `T` promises it.
        unsafe { self.get_mut().0.poll_io_mut(Direction::Write, cx, write) }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flush = |io: &mut T| io.flush();
        let socket = &mut self.get_mut().0;
        // Most have nothing to flush, and so nothing to wait for.
        match flush(socket.get_mut()) {
            // SAFETY: `T` promises it.
            Err(error) if is_wait(&error) => unsafe {
                socket.poll_io_mut(Direction::Write, cx, flush)
            },
            result => Poll::Ready(result),
        }
    }

    /// Flushes. Only dropping it tells the other side of the end: a descriptor has no write side
    /// that could be ended alone.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// Whether an operation is to be called again, soon or when the descriptor is ready.
fn is_wait(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

impl<T: AsFd> AsyncWrite for &Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_io(Direction::Write, cx, |mut io| io.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = |mut io: &T| io.write_vectored(bufs);
        self.0.poll_io(Direction::Write, cx, write)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // As above.
        let mut io = Async::get_ref(*self);
        match io.flush() {
            Err(error) if is_wait(&error) => {
                self.0.poll_io(Direction::Write, cx, |mut io| io.flush())
            }
            result => Poll::Ready(result),
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
