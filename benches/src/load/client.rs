//! A client: a socket, and how far its request and the answer to it have come.

use super::target::{Place, Target};
use mio::{Interest, Registry, Token};
use socket2::SockRef;
use std::{
    io::{self, Read, Write},
    net::{self, Ipv4Addr},
    os::unix,
    time::Duration,
};

/// What is longer may not be written at once.
const SMALL: usize = 4096;

/// A socket of any kind.
#[derive(Debug)]
enum Socket {
    Tcp(mio::net::TcpStream),
    Udp(mio::net::UdpSocket),
    Unix(mio::net::UnixStream),
}

/// A client, which has one request under way at most.
#[derive(Debug)]
pub struct Client {
    token: Token,
    /// None between two requests that have a connection each.
    socket: Option<Socket>,
    written: usize,
    read: usize,
}

impl Client {
    pub fn new(token: Token) -> Client {
        Client {
            token,
            socket: None,
            written: 0,
            read: 0,
        }
    }

    /// Connects; waits until that is done, unless each request has a connection.
    pub fn connect(&mut self, target: &Target, registry: &Registry) -> io::Result<()> {
        let mut socket = Socket::connect(target)?;
        // Who never waits for room asks for no event that tells of it.
        let interest = if target.connection_each || target.request.len() > SMALL {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        match &mut socket {
            Socket::Tcp(stream) => registry.register(stream, self.token, interest)?,
            Socket::Udp(socket) => registry.register(socket, self.token, interest)?,
            Socket::Unix(stream) => registry.register(stream, self.token, interest)?,
        }
        self.socket = Some(socket);
        Ok(())
    }

    /// Begins a request.
    pub fn begin(
        &mut self,
        target: &Target,
        request: &[u8],
        registry: &Registry,
    ) -> io::Result<()> {
        (self.written, self.read) = (0, 0);
        if target.connection_each {
            // Written when the connection is there.
            return self.connect(target, registry);
        }
        self.write(request)
    }

    /// Goes on with the request: whether the answer is there.
    pub fn go_on(
        &mut self,
        target: &Target,
        request: &[u8],
        buffer: &mut [u8],
    ) -> io::Result<bool> {
        if self.written < request.len() {
            self.write(request)?;
        }
        let done = self.written > 0 && self.read(target, buffer)?;
        if done && target.connection_each {
            self.socket = None;
        }
        Ok(done)
    }

    fn write(&mut self, request: &[u8]) -> io::Result<()> {
        let socket = self.socket.as_mut().expect("it is connected");
        while self.written < request.len() {
            match socket.write(&request[self.written..]) {
                Ok(written) => self.written += written,
                // Also while the connection is being made; other systems say that there is none yet.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
                    ) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether all has been read: the answer, and the end, if the connection was for it alone.
    fn read(&mut self, target: &Target, buffer: &mut [u8]) -> io::Result<bool> {
        let socket = self.socket.as_mut().expect("it is connected");
        loop {
            let read = match socket.read(buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            if read == 0 && target.connection_each && self.read == target.answer {
                return Ok(true);
            }
            if read == 0 {
                let why = format!("the connection ended after {} bytes", self.read);
                return Err(io::Error::other(why));
            }
            let expected = target.begins.get(self.read..).unwrap_or_default();
            if !buffer[..read]
                .iter()
                .zip(expected)
                .all(|(is, should)| is == should)
            {
                let answer = String::from_utf8_lossy(&buffer[..read.min(64)]);
                let why = format!("the answer is wrong: {answer:?}");
                return Err(io::Error::other(why));
            }
            self.read += read;
            if self.read > target.answer {
                let why = format!("{} bytes instead of {}", self.read, target.answer);
                return Err(io::Error::other(why));
            }
            if self.read == target.answer && !target.connection_each {
                return Ok(true);
            }
        }
    }
}

impl Socket {
    fn connect(target: &Target) -> io::Result<Socket> {
        Ok(match &target.place {
            Place::Tcp(address) if target.connection_each => {
                let stream = mio::net::TcpStream::connect(*address)?;
                leaves_nothing(SockRef::from(&stream))?;
                Socket::Tcp(stream)
            }
            Place::Tcp(address) => {
                let stream = net::TcpStream::connect(address)?;
                leaves_nothing(SockRef::from(&stream))?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                Socket::Tcp(mio::net::TcpStream::from_std(stream))
            }
            Place::Udp(address) => {
                let socket = net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
                socket.connect(address)?;
                socket.set_nonblocking(true)?;
                Socket::Udp(mio::net::UdpSocket::from_std(socket))
            }
            Place::Unix(path) => {
                let stream = unix::net::UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Socket::Unix(mio::net::UnixStream::from_std(stream))
            }
        })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buffer),
            Socket::Udp(socket) => socket.recv(buffer),
            Socket::Unix(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write(bytes),
            Socket::Udp(socket) => socket.send(bytes),
            Socket::Unix(stream) => stream.write(bytes),
        }
    }
}

/// The end of a connection is to leave nothing behind: else the system keeps ten thousands of them
/// for a minute, and what is measured next runs beside them, or has no port.
fn leaves_nothing(socket: SockRef<'_>) -> io::Result<()> {
    socket.set_linger(Some(Duration::ZERO))
}
