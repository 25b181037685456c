//! tokio's sockets, for hyper by hyper-util's `TokioIo`.

use super::net::{Datagrams, Listener, Net, Stream};
use crate::runtime::Tokio;
use hyper_util::rt::TokioIo;
use std::{
    io,
    net::{self, SocketAddr},
    os::unix,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream},
};

impl Net for Tokio {
    type Tcp = TcpListener;
    type Unix = UnixListener;
    type Udp = UdpSocket;
    type Http = TokioIo<TcpStream>;

    fn tcp(listener: net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    }

    fn unix(listener: unix::net::UnixListener) -> io::Result<UnixListener> {
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener)
    }

    fn udp(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        UdpSocket::from_std(socket)
    }

    fn http(stream: TcpStream) -> TokioIo<TcpStream> {
        TokioIo::new(stream)
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
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

stream!(TcpStream);
stream!(UnixStream);

impl Datagrams for UdpSocket {
    async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_from(buffer).await
    }

    async fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.send_to(bytes, to).await
    }
}
