//! The two halves of a stream.

use super::{sys, tcp::TcpStream};
use futures_io::{AsyncRead, AsyncWrite};
use std::{
    error::Error,
    fmt,
    io::{self, IoSlice, IoSliceMut},
    mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    pin::Pin,
    process,
    sync::Arc,
    task::{Context, Poll},
};

/// The half of a stream that reads, from [`TcpStream::into_split`](super::TcpStream::into_split) or
/// [`UnixStream::into_split`](super::unix::UnixStream::into_split).
///
/// Dropping it ends nothing: the peer learns of the end when the write half is dropped, too. What
/// else the stream can do it does by [`AsRef`].
///
/// # Cancel safety
///
/// As for the stream: dropping a future that reads once loses nothing.
///
/// # Examples
///
/// ```
/// use executor::net::unix::UnixStream;
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
///
/// # executor::block_on(async {
/// let (one, mut other) = UnixStream::pair()?;
/// let (mut read, _write) = one.into_split();
/// other.write_all(b"hello").await?;
/// other.close().await?;
/// let mut text = String::new();
/// read.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct OwnedReadHalf<S = TcpStream>(Arc<S>);

/// The half of a stream that writes, from [`TcpStream::into_split`](super::TcpStream::into_split) or
/// [`UnixStream::into_split`](super::unix::UnixStream::into_split).
///
/// Dropping it ends the write side of the connection: the peer reads to the end. What else the
/// stream can do it does by [`AsRef`].
///
/// # Cancel safety
///
/// As for the stream: a future that writes once and is dropped before it is done has written nothing.
///
/// # Examples
///
/// ```
/// use executor::net::unix::UnixStream;
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
///
/// # executor::block_on(async {
/// let (one, mut other) = UnixStream::pair()?;
/// let (_read, mut write) = one.into_split();
/// write.write_all(b"hello").await?;
/// drop(write);
/// let mut text = String::new();
/// other.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct OwnedWriteHalf<S: AsFd = TcpStream>(Arc<S>, u32);

/// See `into_split` of the streams.
pub(super) fn split<S: AsFd>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    // With whose it is: see its drop.
    let write = OwnedWriteHalf(stream.clone(), process::id());
    (OwnedReadHalf(stream), write)
}

fn reunite<S: AsFd>(
    read: OwnedReadHalf<S>,
    write: OwnedWriteHalf<S>,
) -> Result<S, ReuniteError<S>> {
    if !Arc::ptr_eq(&read.0, &write.0) {
        return Err(ReuniteError(read, write));
    }
    write.forget();
    Ok(Arc::into_inner(read.0).expect("there are two halves, and one is gone"))
}

impl<S: AsFd> OwnedReadHalf<S> {
    /// Makes one stream of the two halves again.
    ///
    /// # Errors
    ///
    /// If the halves are of different streams. The error has them.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::unix::UnixStream;
    ///
    /// # executor::block_on(async {
    /// let (one, other) = UnixStream::pair()?;
    /// let (read, write) = one.into_split();
    /// let (_, foreign) = other.into_split();
    /// let read = read.reunite(foreign).unwrap_err().0;
    /// let one = read.reunite(write).unwrap();
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn reunite(self, write: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        reunite(self, write)
    }
}

impl<S: AsFd> OwnedWriteHalf<S> {
    /// Makes one stream of the two halves again.
    ///
    /// # Errors
    ///
    /// If the halves are of different streams. The error has them.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::unix::UnixStream;
    ///
    /// # executor::block_on(async {
    /// let (one, _other) = UnixStream::pair()?;
    /// let (read, write) = one.into_split();
    /// let one = write.reunite(read).unwrap();
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn reunite(self, read: OwnedReadHalf<S>) -> Result<S, ReuniteError<S>> {
        reunite(read, self)
    }

    /// Drops this half without ending the write side. The read half keeps the connection, and can
    /// still write by [`AsRef`].
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::unix::UnixStream;
    /// use futures::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// # executor::block_on(async {
    /// let (one, mut other) = UnixStream::pair()?;
    /// let (read, write) = one.into_split();
    /// write.forget();
    /// read.as_ref().write_all(b"still here").await?;
    /// other.read_exact(&mut [0; 10]).await?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn forget(self) {
        let mut this = mem::ManuallyDrop::new(self);
        // SAFETY: a valid place, which nobody uses any more.
        unsafe { std::ptr::drop_in_place(&mut this.0) };
    }
}

impl<S: AsFd> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if self.1 != process::id() {
            // In a forked child: it would end the parent's connection, which is the same.
            return;
        }
        // The connection may be at its end already, and nobody is there to be told of errors.
        let _ = sys::shut_down_write(self.0.as_fd());
    }
}

impl<S> AsRef<S> for OwnedReadHalf<S> {
    fn as_ref(&self) -> &S {
        &self.0
    }
}

impl<S: AsFd> AsRef<S> for OwnedWriteHalf<S> {
    fn as_ref(&self) -> &S {
        &self.0
    }
}

/// The descriptor is that of the whole stream.
impl<S: AsFd> AsFd for OwnedReadHalf<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The descriptor is that of the whole stream.
impl<S: AsFd> AsFd for OwnedWriteHalf<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<S: AsFd> AsRawFd for OwnedReadHalf<S> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<S: AsFd> AsRawFd for OwnedWriteHalf<S> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

macro_rules! futures_traits {
    ($read:ty, $write:ty) => {
        impl<S> AsyncRead for $read
        where
            for<'a> &'a S: AsyncRead + Unpin,
        {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self.0).poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self.0).poll_read_vectored(cx, bufs)
            }
        }

        impl<S: AsFd> AsyncWrite for $write
        where
            for<'a> &'a S: AsyncWrite + Unpin,
        {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self.0).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self.0).poll_write_vectored(cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut &*self.0).poll_flush(cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut &*self.0).poll_close(cx)
            }
        }
    };
}

futures_traits!(OwnedReadHalf<S>, OwnedWriteHalf<S>);
futures_traits!(&OwnedReadHalf<S>, &OwnedWriteHalf<S>);

/// Two halves that do not belong together, from [`OwnedReadHalf::reunite`] and
/// [`OwnedWriteHalf::reunite`]. It gives them back.
///
/// # Examples
///
/// ```
/// use executor::net::unix::UnixStream;
///
/// # executor::block_on(async {
/// let (one, other) = UnixStream::pair()?;
/// let error = one.into_split().0.reunite(other.into_split().1).unwrap_err();
/// assert_eq!(error.to_string(), "the halves are of different streams");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct ReuniteError<S: AsFd = TcpStream>(
    /// The half that was to read.
    pub OwnedReadHalf<S>,
    /// The half that was to write.
    pub OwnedWriteHalf<S>,
);

impl<S: AsFd> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of different streams")
    }
}

impl<S: AsFd + fmt::Debug> Error for ReuniteError<S> {}
