//! `chat` on tokio: the same ring, the same two tasks for a member.

use futures::{SinkExt, StreamExt, stream::SplitSink, stream::SplitStream};
use std::{io, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, Receiver, WeakSender, error::RecvError};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_async};

const RING: usize = 256;
const PATIENCE: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<TcpStream>;

pub async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("Listening on ws://{}", listener.local_addr()?);
    let room = broadcast::Sender::new(RING);
    for number in 1.. {
        let (stream, _) = listener.accept().await?;
        let _ = stream.set_nodelay(true);
        tokio::spawn(member(number, stream, room.subscribe(), room.downgrade()));
    }
    Ok(())
}

async fn member(
    number: u64,
    stream: TcpStream,
    hears: Receiver<Utf8Bytes>,
    room: WeakSender<Utf8Bytes>,
) {
    let Ok(Ok(socket)) = timeout(PATIENCE, accept_async(stream)).await else {
        return;
    };
    let (sink, says) = socket.split();
    let hearing = tokio::spawn(hear(hears, sink));
    say(number, says, room).await;
    hearing.abort();
}

async fn say(number: u64, mut says: SplitStream<Socket>, room: WeakSender<Utf8Bytes>) {
    while let Some(Ok(message)) = says.next().await {
        if let (Message::Text(text), Some(room)) = (message, room.upgrade()) {
            let _ = room.send(format!("{number}: {text}").into());
        }
    }
}

async fn hear(
    mut hears: Receiver<Utf8Bytes>,
    mut sink: SplitSink<Socket, Message>,
) -> Result<(), Error> {
    loop {
        let text = hears.recv().await?;
        let tell = async {
            sink.feed(Message::Text(text)).await?;
            while !hears.is_empty() {
                sink.feed(Message::Text(hears.recv().await?)).await?;
            }
            sink.flush().await?;
            Ok::<_, Error>(())
        };
        timeout(PATIENCE, tell).await.map_err(|_| Error)??;
    }
}

/// The member is too slow, or gone.
struct Error;

impl From<RecvError> for Error {
    fn from(_: RecvError) -> Error {
        Error
    }
}

impl From<tungstenite::Error> for Error {
    fn from(_: tungstenite::Error) -> Error {
        Error
    }
}
