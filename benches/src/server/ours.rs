//! This project's sockets, which hyper takes as they are.

use super::net::{Datagrams, Listener, Net, Stream};
use crate::runtime::OwnedExecutor;
use executor::net::{
    TcpListener, TcpStream, UdpSocket,
    unix::{UnixListener, UnixStream},
};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use std::{
    io,
    net::{self, SocketAddr},
    os::unix,
};

impl Net for OwnedExecutor {
    type Tcp = TcpListener;
    type Unix = UnixListener;
    type Udp = UdpSocket;
    type Http = TcpStream;

    fn tcp(listener: net::TcpListener) -> io::Result<TcpListener> {
        listener.try_into()
    }

    fn unix(listener: unix::net::UnixListener) -> io::Result<UnixListener> {
        listener.try_into()
    }

    fn udp(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        socket.try_into()
    }

    fn http(stream: TcpStream) -> TcpStream {
        stream
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
