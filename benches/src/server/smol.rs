//! smol's sockets, which are async-io's `Async`, for hyper by smol-hyper's `FuturesIo`.

use super::net::{Datagrams, Listener, Net, Stream};
use crate::runtime::OwnedSmol;
use async_io::Async;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use smol_hyper::rt::FuturesIo;
use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::unix::net::{UnixListener, UnixStream},
};

impl Net for OwnedSmol {
    type Tcp = Async<TcpListener>;
    type Unix = Async<UnixListener>;
    type Udp = Async<UdpSocket>;
    type Http = FuturesIo<Async<TcpStream>>;

    fn tcp(listener: TcpListener) -> io::Result<Async<TcpListener>> {
        Async::new(listener)
    }

    fn unix(listener: UnixListener) -> io::Result<Async<UnixListener>> {
        Async::new(listener)
    }

    fn udp(socket: UdpSocket) -> io::Result<Async<UdpSocket>> {
        Async::new(socket)
    }

    fn http(stream: Async<TcpStream>) -> FuturesIo<Async<TcpStream>> {
        FuturesIo::new(stream)
    }
}

impl Listener for Async<TcpListener> {
    type Stream = Async<TcpStream>;

    async fn next(&self) -> io::Result<Async<TcpStream>> {
        let (stream, _) = self.accept().await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(stream)
    }
}

impl Listener for Async<UnixListener> {
    type Stream = Async<UnixStream>;

    async fn next(&self) -> io::Result<Async<UnixStream>> {
        Ok(self.accept().await?.0)
    }
}

macro_rules! stream {
    ($stream:ty) => {
        impl Stream for $stream {
            async fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.read(buffer).await
            }

            async fn write_whole(&mut self, bytes: &[u8]) -> io::Result<()> {
                self.write_all(bytes).await
            }
        }
    };
}

stream!(Async<TcpStream>);
stream!(Async<UnixStream>);

impl Datagrams for Async<UdpSocket> {
    async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_from(buffer).await
    }

    async fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.send_to(bytes, to).await
    }
}
