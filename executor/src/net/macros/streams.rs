//! What streams have, besides reading and writing by traits.

/// `$pair` are the lines of an example that make the ends `one` and `other` of a
/// connection.
macro_rules! streams {
    ($name:ident, $address:ty, $module:literal, $pair:literal) => {
        peer!($name, $address, $module, $pair);

        impl $name {
            /// Receives what has come, and leaves it there for the next read.
            ///
            /// # Errors
            ///
            /// The system's.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            /// use futures::AsyncWriteExt;
            ///
            /// # executor::block_on(async {
            #[doc = $pair]
            /// (&one).write_all(b"x").await?;
            /// for _ in 0..2 {
            ///     assert_eq!(other.peek(&mut [0; 5]).await?, 1);
            /// }
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0
                    .io(Direction::Read, |stream| sys::peek(stream.as_fd(), buf))
                    .await
            }

            /// Reads what has come, and does not wait. 0 is the end, unless `buf` is empty.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if nothing has come: [`readable`](Self::readable) waits for it. Else
            /// the system's.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            /// use std::io::ErrorKind;
            ///
            /// # executor::block_on(async {
            #[doc = $pair]
            /// assert_eq!(other.try_read(&mut [0; 5]).unwrap_err().kind(), ErrorKind::WouldBlock);
            /// assert_eq!(one.try_write(b"x")?, 1);
            /// other.readable().await?;
            /// assert_eq!(other.try_read(&mut [0; 5])?, 1);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.try_now(Direction::Read, |mut stream| {
                    io::Read::read(&mut stream, buf)
                })
            }

            /// Writes as much as there is room for, and does not wait.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is no room: [`writable`](Self::writable) waits for it. Else
            /// the system's.
            ///
            /// # Examples
            ///
            /// See [`try_read`](Self::try_read).
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.0.try_now(Direction::Write, |mut stream| {
                    io::Write::write(&mut stream, buf)
                })
            }

            /// Reads into memory that need not be initialized. As many bytes as this returns are,
            /// then; 0 is the end, unless `buf` is empty. For one task at a time, as
            /// `AsyncRead::poll_read`.
            ///
            /// # Errors
            ///
            /// The system's.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            /// use futures::AsyncWriteExt;
            /// use std::{future::poll_fn, mem::MaybeUninit};
            ///
            /// # executor::block_on(async {
            #[doc = $pair]
            /// (&one).write_all(b"x").await?;
            /// let mut buf = [MaybeUninit::uninit(); 100];
            /// assert_eq!(poll_fn(|cx| other.poll_read_uninit(cx, &mut buf)).await?, 1);
            /// // SAFETY: one byte has been read.
            /// assert_eq!(unsafe { buf[0].assume_init() }, b'x');
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn poll_read_uninit(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [MaybeUninit<u8>],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_read_uninit(cx, buf)
            }

            /// Ends the read side, the write side, or both. Whoever waits for that side is woken.
            ///
            /// # Errors
            ///
            /// The system's; `NotConnected` if the connection has ended already.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            /// use futures::AsyncReadExt;
            /// use std::net::Shutdown;
            ///
            /// # executor::block_on(async {
            #[doc = $pair]
            /// one.shutdown(Shutdown::Write)?;
            /// assert_eq!((&other).read(&mut [0]).await?, 0);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.0.get().shutdown(how)
            }

            /// Splits the stream into two halves, which may go to different tasks. No lock is
            /// between them. The name and the meaning are tokio's.
            ///
            /// Dropping the write half ends the write side of the connection;
            /// [`reunite`](OwnedReadHalf::reunite) makes one stream of the halves again. Where both
            /// stay in one task, `&stream` reads and writes as well.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            ///
            /// # executor::block_on(async {
            #[doc = $pair]
            /// let (read, write) = one.into_split();
            /// let one = read.reunite(write).expect("they belong together");
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            #[must_use = "dropping the write half ends the write side"]
            pub fn into_split(self) -> (OwnedReadHalf<$name>, OwnedWriteHalf<$name>) {
                split::split(self)
            }
        }
    };
}
