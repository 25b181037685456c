//! Servers that send back what comes.

use super::net::{Datagrams, Listener, Net, Stream};
use std::io;

/// As much is read at once.
const BUFFER: usize = 64 << 10;

/// The buffer of connections that mostly wait: part of their task.
const SMALL_BUFFER: usize = 64;

/// Echoes on each connection of a listener.
pub async fn streams<R: Net, L: Listener>(listener: L) -> io::Result<()> {
    loop {
        let stream = listener.next().await?;
        R::spawn_detached(async move { echo(stream, vec![0; BUFFER]).await });
    }
}

/// The same with small buffers.
pub async fn small<R: Net, L: Listener>(listener: L) -> io::Result<()> {
    loop {
        let stream = listener.next().await?;
        R::spawn_detached(async move { echo(stream, [0; SMALL_BUFFER]).await });
    }
}

/// Until the other side ends, in whichever way.
async fn echo(mut stream: impl Stream, mut buffer: impl AsMut<[u8]> + Send) {
    let buffer = buffer.as_mut();
    while let Ok(read @ 1..) = stream.read_some(buffer).await {
        if stream.write_whole(&buffer[..read]).await.is_err() {
            break;
        }
    }
}

/// Echoes each datagram.
pub async fn datagrams(socket: impl Datagrams) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let (length, from) = socket.receive(&mut buffer).await?;
        socket.send(&buffer[..length], from).await?;
    }
}
