//! What every runtime has to offer to serve on its sockets, a file for each.

use crate::runtime::Runtime;
use hyper::rt;
use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
    os::unix::net::UnixListener,
};

/// A runtime with sockets.
///
/// Its sockets are made of std's, on one of its threads.
pub trait Net: Runtime {
    /// Accepts connections over TCP, and has them send at once what is written, as Go does.
    type Tcp: Listener<Stream: Unpin>;

    /// Accepts connections over a Unix socket.
    type Unix: Listener;

    /// Sends and receives datagrams.
    type Udp: Datagrams;

    /// A connection over TCP as hyper wants it.
    type Http: rt::Read + rt::Write + Send + Unpin + 'static;

    /// The runtime's listener.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    fn tcp(listener: TcpListener) -> io::Result<Self::Tcp>;

    /// The runtime's listener.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    fn unix(listener: UnixListener) -> io::Result<Self::Unix>;

    /// The runtime's socket.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    fn udp(socket: UdpSocket) -> io::Result<Self::Udp>;

    /// The connection for hyper.
    fn http(stream: <Self::Tcp as Listener>::Stream) -> Self::Http;
}

/// What accepts connections.
pub trait Listener: Send + Sync + 'static {
    /// A connection.
    type Stream: Stream;

    /// The next connection.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// A connection.
pub trait Stream: Send + 'static {
    /// Reads what there is: how many bytes, none at the end.
    fn read_some(&mut self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Writes all of it.
    fn write_whole(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}

/// A socket for datagrams.
pub trait Datagrams: Send + Sync + 'static {
    /// A datagram: how long it is, and who has sent it.
    fn receive(
        &self,
        buffer: &mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send;

    /// Sends a datagram.
    fn send(&self, bytes: &[u8], to: SocketAddr) -> impl Future<Output = io::Result<usize>> + Send;
}
