//! What all sockets have. Each is a tuple struct around a `Socket`.

#[macro_use]
mod datagrams;
#[macro_use]
mod streams;

/// Waiting for readiness. `$setup` are the lines of an example that make a `socket`.
macro_rules! readiness {
    ($name:ident, $module:literal, $setup:literal) => {
        impl $name {
            /// Waits until there may be something to read, or an error or the peer's end to be told
            /// of. Any number of tasks may wait at once.
            ///
            /// A socket may claim once that it is ready without being so, when it is new. So read by
            /// [`try_io`](Self::try_io), and wait again if that would block.
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
            #[doc = concat!("use executor::net::", $module, ";")]
            /// use futures::FutureExt;
            ///
            /// # executor::block_on(async {
            #[doc = $setup]
            /// // Nothing has come. A new socket may claim to be ready once.
            /// while socket.readable().now_or_never().is_some() {
            ///     let nothing = || Err::<(), _>(std::io::ErrorKind::WouldBlock.into());
            ///     socket.try_io(executor::net::Interest::READABLE, nothing).unwrap_err();
            /// }
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub async fn readable(&self) -> io::Result<()> {
                self.0.ready(Direction::Read).await
            }

            /// Waits until there may be room to write, or an error to be told of. Any number of
            /// tasks may wait at once.
            ///
            /// A socket may claim once that it is ready without being so, when it is new.
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
            #[doc = concat!("use executor::net::", $module, ";")]
            ///
            /// # executor::block_on(async {
            #[doc = $setup]
            /// socket.writable().await?;
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub async fn writable(&self) -> io::Result<()> {
                self.0.ready(Direction::Write).await
            }

            /// As [`readable`](Self::readable), for one task at a time: the last one that polled
            /// to read in any way is woken.
            ///
            /// # Errors
            ///
            /// If the system refuses to watch the descriptor.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            /// use std::{future::poll_fn, task::Poll};
            ///
            /// # executor::block_on(async {
            #[doc = $setup]
            /// poll_fn(|cx| Poll::Ready(socket.poll_readable(cx))).await.is_ready();
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_ready(Direction::Read, cx)
            }

            /// As [`writable`](Self::writable), for one task at a time: the last one that polled
            /// to write in any way is woken.
            ///
            /// # Errors
            ///
            /// If the system refuses to watch the descriptor.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            /// use std::future::poll_fn;
            ///
            /// # executor::block_on(async {
            #[doc = $setup]
            /// poll_fn(|cx| socket.poll_writable(cx)).await?;
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_ready(Direction::Write, cx)
            }

            /// Calls `op`, which reads or writes by other means than this type has, once, if the
            /// socket seems to be ready. The name and the meaning are tokio's.
            ///
            /// If `op` returns `WouldBlock`, the socket is not ready until the system says so: then
            /// the next call tries again, and [`readable`](Self::readable) or
            /// [`writable`](Self::writable) wait for that. So `op` must not make up that error, and
            /// must do nothing on the socket in the other direction.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if the socket is not ready; else what `op` returns.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::{Interest, ", $module, "};")]
            /// use std::os::fd::AsRawFd;
            ///
            /// # executor::block_on(async {
            #[doc = $setup]
            /// socket.writable().await?;
            /// let op = || Ok(socket.as_raw_fd()); // A system call of one's own.
            /// assert!(socket.try_io(Interest::WRITABLE, op)? > 0);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn try_io<T>(
                &self,
                interest: Interest,
                op: impl FnOnce() -> io::Result<T>,
            ) -> io::Result<T> {
                self.0.try_io(interest.0, op)
            }

            /// Calls `op`, which reads or writes by other means than this type has, as soon as the
            /// socket is ready, and again until it does something else than return `WouldBlock`.
            /// The name and the meaning are tokio's.
            ///
            /// What holds of the `op` of [`try_io`](Self::try_io) holds of this one.
            ///
            /// # Errors
            ///
            /// What `op` returns; or if the system refuses to watch the descriptor.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing: `op` has been called for the last time, and
            /// returned `WouldBlock`.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::{Interest, ", $module, "};")]
            /// use std::os::fd::AsRawFd;
            ///
            /// # executor::block_on(async {
            #[doc = $setup]
            /// let op = || Ok(socket.as_raw_fd()); // A system call of one's own.
            /// assert!(socket.async_io(Interest::WRITABLE, op).await? > 0);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub async fn async_io<T>(
                &self,
                interest: Interest,
                mut op: impl FnMut() -> io::Result<T>,
            ) -> io::Result<T> {
                self.0.io(interest.0, |_| op()).await
            }
        }
    };
}

/// From and to what std has, the descriptor, and what it is bound to. `$inner` is what the `Socket`
/// is of.
macro_rules! conversions {
    ($name:ident, $inner:ty, $std:ty, $address:ty, $module:literal, $setup:literal) => {
        impl $name {
            /// Returns the socket's own address.
            ///
            /// # Errors
            ///
            /// If the system does not say.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            ///
            /// # executor::block_on(async {
            #[doc = $setup]
            /// println!("{:?}", socket.local_addr()?);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn local_addr(&self) -> io::Result<$address> {
                self.0.get().local_addr()
            }

            /// Returns std's socket, which is left non-blocking, as tokio's `into_std` leaves it.
            /// Whoever waits for this socket is woken.
            ///
            /// # Errors
            ///
            /// None today.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            ///
            /// # executor::block_on(async {
            #[doc = $setup]
            /// let std = socket.into_std()?;
            /// std.set_nonblocking(false)?;
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn into_std(self) -> io::Result<$std> {
                Ok(self.0.into_inner().into())
            }

            /// Returns the error that the system holds for this socket, and clears it
            /// (`SO_ERROR`).
            ///
            /// # Errors
            ///
            /// If the system does not say.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            ///
            /// # executor::block_on(async {
            #[doc = $setup]
            /// assert!(socket.take_error()?.is_none());
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.0.get().take_error()
            }
        }

        /// Sets the socket non-blocking.
        impl TryFrom<$std> for $name {
            type Error = io::Error;

            fn try_from(socket: $std) -> io::Result<$name> {
                socket.set_nonblocking(true)?;
                Ok($name(Socket::new(<$inner>::from(OwnedFd::from(socket)))))
            }
        }

        /// The socket is left non-blocking.
        impl From<$name> for OwnedFd {
            fn from(socket: $name) -> OwnedFd {
                socket.0.into_inner().into()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.get().as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.0.get().as_raw_fd()
            }
        }

        /// As std shows it.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

/// An option of a socket: its getter and its setter, as std has them. `$value` is one for the
/// example.
macro_rules! option {
    (
        $name:ident, $module:literal, $setup:literal,
        $get:ident, $set:ident, $type:ty, $value:literal, $what:literal
    ) => {
        impl $name {
            #[doc = concat!("Returns ", $what, ".")]
            ///
            /// # Errors
            ///
            /// If the system does not say.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            ///
            /// # executor::block_on(async {
            #[doc = $setup]
            #[doc = concat!("socket.", stringify!($set), "(", stringify!($value), ")?;")]
            #[doc = concat!("assert_eq!(socket.", stringify!($get), "()?, ", stringify!($value), ");")]
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn $get(&self) -> io::Result<$type> {
                self.0.get().$get()
            }

            #[doc = concat!("Sets ", $what, ".")]
            ///
            /// # Errors
            ///
            /// If the system refuses.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            ///
            /// # executor::block_on(async {
            #[doc = $setup]
            #[doc = concat!("socket.", stringify!($set), "(", stringify!($value), ")?;")]
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn $set(&self, value: $type) -> io::Result<()> {
                self.0.get().$set(value)
            }
        }
    };
}

/// The other end of a socket.
macro_rules! peer {
    ($name:ident, $address:ty, $module:literal, $pair:literal) => {
        impl $name {
            /// Returns the address that the socket is connected to.
            ///
            /// # Errors
            ///
            /// `NotConnected` if it is not, or not any more.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use executor::net::", $module, ";")]
            ///
            /// # executor::block_on(async {
            #[doc = $pair]
            /// assert_eq!(format!("{:?}", one.peer_addr()?), format!("{:?}", other.local_addr()?));
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn peer_addr(&self) -> io::Result<$address> {
                self.0.get().peer_addr()
            }
        }
    };
}
