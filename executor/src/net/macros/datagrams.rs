//! What sockets for datagrams have.

/// `$pair` are the lines of an example that make `one` and `other`,
/// which are connected with each other; `$peek_from` is a function.
macro_rules! datagrams {
    ($name:ident, $address:ty, $peek_from:path, $module:literal, $pair:literal) => {
        peer!($name, $address, $module, $pair);

        impl $name {
            /// Sends a datagram to the address that the socket is connected to. Waits while there
            /// is no room for it.
            ///
            /// # Errors
            ///
            /// The system's; `ConnectionRefused` if nobody receives at that address, which UDP
            /// learns from a datagram before.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing: nothing was sent.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            ///
            /// # executor::block_on(async {
            #[doc = $pair]
            /// assert_eq!(one.send(b"hello").await?, 5);
            /// assert_eq!(other.recv(&mut [0; 100]).await?, 5);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
                self.0.io(Direction::Write, |socket| socket.send(buf)).await
            }

            /// As [`send`](Self::send), for one task at a time: the last one that polled to write
            /// in any way is woken.
            ///
            /// # Errors
            ///
            /// As `send`.
            ///
            /// # Examples
            ///
            /// See [`poll_recv`](Self::poll_recv).
            pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.0
                    .poll_io(Direction::Write, cx, |socket| socket.send(buf))
            }

            /// As [`send`](Self::send), and does not wait.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is no room: [`writable`](Self::writable) waits for it. Else as
            /// `send`.
            ///
            /// # Examples
            ///
            /// See [`try_recv`](Self::try_recv).
            pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
                self.0.try_now(Direction::Write, |socket| socket.send(buf))
            }

            /// Receives a datagram; if the socket is connected, from that address alone.
            ///
            /// # Errors
            ///
            /// The system's; `ConnectionRefused` if nobody receives at the address that the socket
            /// is connected to, as a datagram before has told.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing.
            ///
            /// # Examples
            ///
            /// See [`send`](Self::send).
            pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.io(Direction::Read, |socket| socket.recv(buf)).await
            }

            /// As [`recv`](Self::recv), for one task at a time: the last one that polled to read in
            /// any way is woken.
            ///
            /// # Errors
            ///
            /// As `recv`.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            /// use std::future::poll_fn;
            ///
            /// # executor::block_on(async {
            #[doc = $pair]
            /// poll_fn(|cx| one.poll_send(cx, b"hello")).await?;
            /// assert_eq!(poll_fn(|cx| other.poll_recv(cx, &mut [0; 100])).await?, 5);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn poll_recv(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.0
                    .poll_io(Direction::Read, cx, |socket| socket.recv(buf))
            }

            /// As [`recv`](Self::recv), and does not wait.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if nothing has come: [`readable`](Self::readable) waits for it. Else as
            /// `recv`.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            /// use std::io::ErrorKind;
            ///
            /// # executor::block_on(async {
            #[doc = $pair]
            /// let error = other.try_recv(&mut [0; 100]).unwrap_err();
            /// assert_eq!(error.kind(), ErrorKind::WouldBlock);
            /// assert_eq!(one.try_send(b"hello")?, 5);
            /// other.readable().await?;
            /// assert_eq!(other.try_recv(&mut [0; 100])?, 5);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.try_now(Direction::Read, |socket| socket.recv(buf))
            }

            /// Receives a datagram, and returns its length and where it comes from.
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
            #[doc = concat!("See [`", stringify!($name), "`].")]
            pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $address)> {
                self.0
                    .io(Direction::Read, |socket| socket.recv_from(buf))
                    .await
            }

            /// As [`recv_from`](Self::recv_from), for one task at a time: the last one that polled
            /// to read in any way is woken.
            ///
            /// # Errors
            ///
            /// As `recv_from`.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            /// use std::future::poll_fn;
            ///
            /// # executor::block_on(async {
            #[doc = $pair]
            /// one.send(b"hello").await?;
            /// let (length, _from) = poll_fn(|cx| other.poll_recv_from(cx, &mut [0; 100])).await?;
            /// assert_eq!(length, 5);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn poll_recv_from(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<(usize, $address)>> {
                self.0
                    .poll_io(Direction::Read, cx, |socket| socket.recv_from(buf))
            }

            /// As [`recv_from`](Self::recv_from), and does not wait.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if nothing has come: [`readable`](Self::readable) waits for it. Else as
            /// `recv_from`.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            ///
            /// # executor::block_on(async {
            #[doc = $pair]
            /// one.send(b"hello").await?;
            /// other.readable().await?;
            /// assert_eq!(other.try_recv_from(&mut [0; 100])?.0, 5);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $address)> {
                self.0
                    .try_now(Direction::Read, |socket| socket.recv_from(buf))
            }

            /// As [`recv`](Self::recv), and leaves the datagram there.
            ///
            /// # Errors
            ///
            /// As `recv`.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            ///
            /// # executor::block_on(async {
            #[doc = $pair]
            /// one.send(b"hello").await?;
            /// assert_eq!(other.peek(&mut [0; 100]).await?, 5);
            /// assert_eq!(other.recv(&mut [0; 100]).await?, 5);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0
                    .io(Direction::Read, |socket| sys::peek(socket.as_fd(), buf))
                    .await
            }

            /// As [`recv_from`](Self::recv_from), and leaves the datagram there.
            ///
            /// # Errors
            ///
            /// As `recv_from`.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            ///
            /// # executor::block_on(async {
            #[doc = $pair]
            /// one.send(b"hello").await?;
            /// assert_eq!(other.peek_from(&mut [0; 100]).await?.0, 5);
            /// assert_eq!(other.recv_from(&mut [0; 100]).await?.0, 5);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, $address)> {
                self.0
                    .io(Direction::Read, |socket| $peek_from(socket, buf))
                    .await
            }
        }
    };
}
