//! hyper's traits on streams, without zeroing the buffers that are read into.

use crate::net::{OwnedReadHalf, OwnedWriteHalf, tcp::TcpStream, unix::UnixStream};
use hyper::rt::{Read, ReadBufCursor, Write};
use std::{
    io::{self, IoSlice},
    os::fd::AsFd,
    pin::Pin,
    task::{Context, Poll, ready},
};

macro_rules! hyper_traits {
    ($($stream:ty),*) => {$(
        impl Read for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut cursor: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                // SAFETY: what is initialized stays so, since it is only read into.
                let buf = unsafe { cursor.as_mut() };
                let read = ready!(self.0.poll_read_uninit(cx, buf))?;
                // SAFETY: as many bytes have been read into it.
                unsafe { cursor.advance(read) };
                Poll::Ready(Ok(()))
            }
        }

        impl Write for $stream {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write(cx, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                // The system has it all.
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.0.close_write())
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write_vectored(cx, bufs)
            }
        }
    )*};
}

hyper_traits!(TcpStream, &TcpStream, UnixStream, &UnixStream);

impl<S> Read for OwnedReadHalf<S>
where
    for<'a> &'a S: Read + Unpin,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut (*self).as_ref()).poll_read(cx, cursor)
    }
}

impl<S: AsFd> Write for OwnedWriteHalf<S>
where
    for<'a> &'a S: Write + Unpin,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut (*self).as_ref()).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut (*self).as_ref()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut (*self).as_ref()).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut (*self).as_ref()).poll_write_vectored(cx, bufs)
    }
}
