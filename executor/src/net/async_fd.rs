//! Any descriptor with readiness.

mod traits;

pub use traits::IoSafe;

use super::{interest::Interest, socket::Socket, sys};
use crate::scheduler::descriptor::Direction;
use std::{
    fmt, io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    task::{Context, Poll},
};

/// Makes anything asynchronous that has a descriptor which the system can watch: pipes, terminals,
/// timers, `inotify`, the pidfd of a child process, sockets of other crates. (async-io's `Async`,
/// tokio's `AsyncFd`.)
///
/// It does not fit regular files, which are always ready and may block all the same: see
/// [`spawn_blocking`](crate::spawn_blocking).
///
/// Operations are closures, for [`read_with`](Async::read_with) and
/// [`write_with`](Async::write_with). Where `&T` reads or writes, so does `&Async<T>`, by
/// [`AsyncRead`](futures_io::AsyncRead) and [`AsyncWrite`](futures_io::AsyncWrite); and where `T`
/// does, and is [`IoSafe`], `Async<T>` itself, for example with
/// [`ChildStdout`](std::process::ChildStdout).
///
/// Nobody gets the `T` by `&mut`, so it keeps its descriptor.
///
/// # Examples
///
/// A pipe:
///
/// ```
/// use executor::net::Async;
/// use futures::{AsyncReadExt, AsyncWriteExt};
///
/// # executor::block_on(async {
/// let (reader, writer) = std::io::pipe()?;
/// let (mut reader, mut writer) = (Async::new(reader)?, Async::new(writer)?);
/// executor::spawn(async move { writer.write_all(b"hello").await });
/// let mut text = String::new();
/// reader.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// A timer of Linux:
///
/// ```
/// # #[cfg(target_os = "linux")]
/// # executor::block_on(async {
/// use executor::net::Async;
/// use std::{
///     fs::File,
///     io::Read,
///     os::fd::{AsRawFd, FromRawFd},
/// };
///
/// // SAFETY: it takes numbers.
/// let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) };
/// assert!(fd >= 0);
/// // SAFETY: a descriptor that nobody else has.
/// let timer = Async::new(unsafe { File::from_raw_fd(fd) })?;
/// let soon = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
/// let once = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: soon };
/// // SAFETY: a time to read, and no place for the one before.
/// unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &once, std::ptr::null_mut()) };
///
/// let mut count = [0; 8];
/// timer.read_with(|mut timer| timer.read_exact(&mut count)).await?;
/// assert_eq!(u64::from_ne_bytes(count), 1);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct Async<T: AsFd>(Socket<T>);

/// Nothing in it is pinned.
impl<T: AsFd> Unpin for Async<T> {}

impl<T: AsFd> Async<T> {
    /// Sets the descriptor non-blocking, for all who share its open file. It is registered with an
    /// executor when somebody waits for it for the first time.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a regular file, a directory or a block device, which the system cannot
    /// watch; else the system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::Async;
    /// use std::{fs::File, io::ErrorKind};
    ///
    /// let error = Async::new(File::open("Cargo.toml")?).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput);
    /// assert!(error.to_string().contains("spawn_blocking"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(io: T) -> io::Result<Async<T>> {
        let kind = match sys::file_type(io.as_fd())? {
            libc::S_IFREG => Some("a regular file"),
            libc::S_IFDIR => Some("a directory"),
            libc::S_IFBLK => Some("a block device"),
            _ => None,
        };
        if let Some(kind) = kind {
            let text = format!(
                "{kind} is always ready and may block all the same: read and write it in \
                 `spawn_blocking`"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        sys::set_nonblocking(io.as_fd())?;
        Ok(Async(Socket::new(io)))
    }

    /// Returns what was given to [`new`](Async::new). For an example, see
    /// [`into_inner`](Async::into_inner).
    pub fn get_ref(&self) -> &T {
        self.0.get()
    }

    /// Gives back what was given to [`new`](Async::new), which stays non-blocking.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::Async;
    /// use std::os::fd::AsRawFd;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let number = reader.as_raw_fd();
    /// let reader = Async::new(reader)?;
    /// assert_eq!(reader.get_ref().as_raw_fd(), number);
    /// assert_eq!(reader.into_inner().as_raw_fd(), number);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }

    /// Waits until there is something to read, or an error or the other side's end to be told of.
    /// Any number of tasks may wait at once.
    ///
    /// It does not lie: the system is asked once more before it returns. (Somebody else may read
    /// what there was, of course.)
    ///
    /// # Errors
    ///
    /// If the system refuses to watch the descriptor, as it does `/dev/null`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::Async;
    /// use futures::FutureExt;
    /// use std::io::Write;
    ///
    /// # executor::block_on(async {
    /// let (reader, mut writer) = std::io::pipe()?;
    /// let reader = Async::new(reader)?;
    /// assert!(reader.readable().now_or_never().is_none());
    /// writer.write_all(b"x")?;
    /// reader.readable().await?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn readable(&self) -> io::Result<()> {
        let ready = |io: &T| sys::ready_now(io.as_fd(), Direction::Read);
        self.0.io(Direction::Read, ready).await
    }

    /// Waits until there is room to write, or an error to be told of. Any number of tasks may wait
    /// at once. It does not lie either.
    ///
    /// # Errors
    ///
    /// If the system refuses to watch the descriptor.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::Async;
    ///
    /// # executor::block_on(async {
    /// let (_reader, writer) = std::io::pipe()?;
    /// Async::new(writer)?.writable().await?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn writable(&self) -> io::Result<()> {
        let ready = |io: &T| sys::ready_now(io.as_fd(), Direction::Write);
        self.0.io(Direction::Write, ready).await
    }

    /// As [`readable`](Async::readable), for one task at a time: the last one that polled to read
    /// in any way is woken.
    ///
    /// # Errors
    ///
    /// As `readable`.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::Async;
    /// use std::{future::poll_fn, io::Write};
    ///
    /// # executor::block_on(async {
    /// let (reader, mut writer) = std::io::pipe()?;
    /// let reader = Async::new(reader)?;
    /// writer.write_all(b"x")?;
    /// poll_fn(|cx| reader.poll_readable(cx)).await?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ready = |io: &T| sys::ready_now(io.as_fd(), Direction::Read);
        self.0.poll_io(Direction::Read, cx, ready)
    }

    /// As [`writable`](Async::writable), for one task at a time: the last one that polled to write
    /// in any way is woken.
    ///
    /// # Errors
    ///
    /// As `writable`.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::Async;
    /// use std::future::poll_fn;
    ///
    /// # executor::block_on(async {
    /// let (_reader, writer) = std::io::pipe()?;
    /// let writer = Async::new(writer)?;
    /// poll_fn(|cx| writer.poll_writable(cx)).await?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ready = |io: &T| sys::ready_now(io.as_fd(), Direction::Write);
        self.0.poll_io(Direction::Write, cx, ready)
    }

    /// Calls `op`, which reads, until it does something other than return `WouldBlock` (or
    /// `Interrupted`); in between waits until that may be. Any number of tasks may do so at once.
    ///
    /// `op` must not make up `WouldBlock`: nobody wakes for something that has come already.
    ///
    /// # Errors
    ///
    /// `op`'s; the system's, if it refuses to watch the descriptor.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: `op` has been called for the last time, and returned
    /// `WouldBlock`.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::Async;
    /// use std::{io::Write, os::unix::net::UnixDatagram};
    ///
    /// # executor::block_on(async {
    /// let (one, other) = UnixDatagram::pair()?;
    /// let one = Async::new(one)?;
    /// other.send(b"hello")?;
    /// let mut buf = [0; 100];
    /// assert_eq!(one.read_with(|one| one.recv(&mut buf)).await?, 5);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn read_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.0.io(Direction::Read, op).await
    }

    /// As [`read_with`](Async::read_with), for an `op` that writes.
    ///
    /// # Errors
    ///
    /// `op`'s; the system's, if it refuses to watch the descriptor.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: `op` has been called for the last time, and returned
    /// `WouldBlock`.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::Async;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// # executor::block_on(async {
    /// let (one, other) = UnixDatagram::pair()?;
    /// Async::new(one)?.write_with(|one| one.send(b"hello")).await?;
    /// assert_eq!(other.recv(&mut [0; 100])?, 5);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn write_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.0.io(Direction::Write, op).await
    }

    /// Calls `op` once, if the descriptor seems to be ready.
    ///
    /// If `op` returns `WouldBlock`, the descriptor is not ready until the system says so: then the
    /// next call tries again. So `op` must not make up that error, and must do nothing in the other
    /// direction.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the descriptor is not ready; else what `op` returns.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::{Async, Interest};
    /// use std::io::{ErrorKind, Read};
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let reader = Async::new(reader)?;
    /// let read = |mut pipe: &std::io::PipeReader| pipe.read(&mut [0]);
    /// let error = reader.try_io(Interest::READABLE, read).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_io<R>(
        &self,
        interest: Interest,
        op: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.0.try_io(interest.0, || op(self.0.get()))
    }
}

impl<T: AsFd> AsFd for Async<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get().as_fd()
    }
}

impl<T: AsFd> AsRawFd for Async<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Async<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Async").field(self.0.get()).finish()
    }
}
