//! UDP.

use super::{
    addr::{ToSocketAddrs, resolve, resolve_one},
    interest::Interest,
    socket::Socket,
    sys,
};
use crate::scheduler::descriptor::Direction;
use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    task::{Context, Poll},
};

/// A UDP socket. (Go's `net.UDPConn`.)
///
/// Any number of tasks may send and receive at once. A datagram that is longer than the buffer it is
/// received into is cut off.
///
/// # Cancel safety
///
/// Dropping a future that sends or receives loses nothing: the datagram has been sent, or received,
/// as a whole and been told of, or not at all.
///
/// # Examples
///
/// ```
/// use executor::net::UdpSocket;
///
/// # executor::block_on(async {
/// let one = UdpSocket::bind("127.0.0.1:0").await?;
/// let other = UdpSocket::bind("127.0.0.1:0").await?;
/// one.send_to(b"hello", other.local_addr()?).await?;
/// let mut buf = [0; 100];
/// let (length, from) = other.recv_from(&mut buf).await?;
/// assert_eq!((&buf[..length], from), (&b"hello"[..], one.local_addr()?));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct UdpSocket(Socket<std::net::UdpSocket>);

impl UdpSocket {
    /// Makes a socket with an address; of several, with the first one with which that succeeds.
    /// Port 0 has the system choose one.
    ///
    /// # Errors
    ///
    /// The last address's; `InvalidInput` if there is none; those of
    /// [`lookup`](crate::net::lookup).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future, which waits for nothing but the resolver, loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::UdpSocket;
    ///
    /// # executor::block_on(async {
    /// let socket = UdpSocket::bind("[::1]:0").await.or(UdpSocket::bind("127.0.0.1:0").await)?;
    /// assert!(socket.local_addr()?.ip().is_loopback());
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn bind<A: ToSocketAddrs>(address: A) -> io::Result<UdpSocket> {
        let addresses = resolve(address).await?;
        addresses.try_each(std::net::UdpSocket::bind)?.try_into()
    }

    /// Sets the address that [`send`](UdpSocket::send) sends to and [`recv`](UdpSocket::recv)
    /// receives from; of several, the first one with which that succeeds.
    ///
    /// # Errors
    ///
    /// As [`bind`](UdpSocket::bind).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future, which waits for nothing but the resolver, loses nothing.
    ///
    /// # Examples
    ///
    /// See [`send`](UdpSocket::send).
    pub async fn connect<A: ToSocketAddrs>(&self, address: A) -> io::Result<()> {
        let addresses = resolve(address).await?;
        addresses.try_each(|address| self.0.get().connect(address))
    }

    /// Sends a datagram; to the first one of several addresses.
    ///
    /// # Errors
    ///
    /// The system's; `InvalidInput` if there is no address; those of
    /// [`lookup`](crate::net::lookup).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// See [`UdpSocket`].
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], address: A) -> io::Result<usize> {
        let address = resolve_one(address).await?;
        let send = |socket: &std::net::UdpSocket| socket.send_to(buf, address);
        self.0.io(Direction::Write, send).await
    }

    /// Sends a datagram to this address. For one task at a time: the last one that polled to write
    /// in any way is woken.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::UdpSocket;
    /// use std::future::poll_fn;
    ///
    /// # executor::block_on(async {
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
    /// let own = socket.local_addr()?;
    /// assert_eq!(poll_fn(|cx| socket.poll_send_to(cx, b"hello", own)).await?, 5);
    /// assert_eq!(socket.recv(&mut [0; 100]).await?, 5);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        address: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        let send = |socket: &std::net::UdpSocket| socket.send_to(buf, address);
        self.0.poll_io(Direction::Write, cx, send)
    }

    /// Sends a datagram to this address, and does not wait.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room: [`writable`](UdpSocket::writable) waits for it. Else the
    /// system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::UdpSocket;
    ///
    /// # executor::block_on(async {
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
    /// assert_eq!(socket.try_send_to(b"hello", socket.local_addr()?)?, 5);
    /// assert_eq!(socket.recv(&mut [0; 100]).await?, 5);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn try_send_to(&self, buf: &[u8], address: SocketAddr) -> io::Result<usize> {
        let send = |socket: &std::net::UdpSocket| socket.send_to(buf, address);
        self.0.try_now(Direction::Write, send)
    }

    /// Joins a multicast group, on the interface with this address; the system chooses one for
    /// `0.0.0.0`.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::UdpSocket;
    /// use std::net::Ipv4Addr;
    ///
    /// # executor::block_on(async {
    /// let socket = UdpSocket::bind("0.0.0.0:0").await?;
    /// let group = Ipv4Addr::new(224, 0, 0, 123);
    /// // Not every machine has an interface for that.
    /// if socket.join_multicast_v4(group, Ipv4Addr::LOCALHOST).is_ok() {
    ///     socket.leave_multicast_v4(group, Ipv4Addr::LOCALHOST)?;
    /// }
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.0.get().join_multicast_v4(&group, &interface)
    }

    /// Leaves a group that [`join_multicast_v4`](UdpSocket::join_multicast_v4) has joined.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// See [`join_multicast_v4`](UdpSocket::join_multicast_v4).
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.0.get().leave_multicast_v4(&group, &interface)
    }

    /// Joins a multicast group, on the interface with this number; the system chooses one for 0.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::UdpSocket;
    ///
    /// # executor::block_on(async {
    /// // Not every machine has IPv6, or an interface for that.
    /// if let Ok(socket) = UdpSocket::bind("[::]:0").await {
    ///     let group = "ff02::123".parse().unwrap();
    ///     if socket.join_multicast_v6(&group, 0).is_ok() {
    ///         socket.leave_multicast_v6(&group, 0)?;
    ///     }
    /// }
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.get().join_multicast_v6(group, interface)
    }

    /// Leaves a group that [`join_multicast_v6`](UdpSocket::join_multicast_v6) has joined.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Examples
    ///
    /// See [`join_multicast_v6`](UdpSocket::join_multicast_v6).
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.get().leave_multicast_v6(group, interface)
    }
}

readiness!(
    UdpSocket,
    "UdpSocket",
    "let socket = UdpSocket::bind(\"127.0.0.1:0\").await?;"
);
conversions!(
    UdpSocket,
    std::net::UdpSocket,
    std::net::UdpSocket,
    SocketAddr,
    "UdpSocket",
    "let socket = UdpSocket::bind(\"127.0.0.1:0\").await?;"
);
datagrams!(
    UdpSocket,
    SocketAddr,
    std::net::UdpSocket::peek_from,
    "UdpSocket",
    "\
let one = UdpSocket::bind(\"127.0.0.1:0\").await?;
let other = UdpSocket::bind(\"127.0.0.1:0\").await?;
one.connect(other.local_addr()?).await?;
other.connect(one.local_addr()?).await?;"
);

/// An option of a UDP socket.
macro_rules! udp_option {
    ($get:ident, $set:ident, $type:ty, $value:literal, $what:literal) => {
        option!(
            UdpSocket,
            "UdpSocket",
            "let socket = UdpSocket::bind(\"127.0.0.1:0\").await?;",
            $get,
            $set,
            $type,
            $value,
            $what
        );
    };
}
udp_option!(
    broadcast,
    set_broadcast,
    bool,
    true,
    "whether datagrams may be sent to broadcast addresses (`SO_BROADCAST`; off at first)"
);
udp_option!(
    ttl,
    set_ttl,
    u32,
    64,
    "the time to live of packets (`IP_TTL`)"
);
udp_option!(
    multicast_loop_v4,
    set_multicast_loop_v4,
    bool,
    false,
    "whether what is sent to a group comes back to this machine (`IP_MULTICAST_LOOP`; on at first)"
);
udp_option!(
    multicast_ttl_v4,
    set_multicast_ttl_v4,
    u32,
    2,
    "the time to live of packets to groups (`IP_MULTICAST_TTL`; 1 at first)"
);

impl UdpSocket {
    /// Returns whether what is sent to an IPv6 group comes back to this machine
    /// (`IPV6_MULTICAST_LOOP`; on at first).
    ///
    /// # Errors
    ///
    /// If the system does not say, or the socket is of IPv4.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::net::UdpSocket;
    ///
    /// # executor::block_on(async {
    /// // Not every machine has IPv6.
    /// if let Ok(socket) = UdpSocket::bind("[::1]:0").await {
    ///     socket.set_multicast_loop_v6(false)?;
    ///     assert!(!socket.multicast_loop_v6()?);
    /// }
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.0.get().multicast_loop_v6()
    }

    /// Sets whether what is sent to an IPv6 group comes back to this machine
    /// (`IPV6_MULTICAST_LOOP`; on at first).
    ///
    /// # Errors
    ///
    /// If the system refuses, or the socket is of IPv4.
    ///
    /// # Examples
    ///
    /// See [`multicast_loop_v6`](UdpSocket::multicast_loop_v6).
    pub fn set_multicast_loop_v6(&self, value: bool) -> io::Result<()> {
        self.0.get().set_multicast_loop_v6(value)
    }
}
