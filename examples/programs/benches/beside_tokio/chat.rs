//! `chat` on tokio: the same ring, the same two tasks for a member, who is listened to as fast as
//! he hears himself.

use futures::{SinkExt, StreamExt, stream::SplitSink, stream::SplitStream};
use std::{io, sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::broadcast::{self, Receiver, WeakSender, error::RecvError};
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_async};

const AHEAD: usize = 4;
const RING: usize = AHEAD << 10;
const PATIENCE: Duration = Duration::from_secs(8);

type Socket = WebSocketStream<TcpStream>;
type Said = (u64, Utf8Bytes);

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

async fn member(number: u64, stream: TcpStream, hears: Receiver<Said>, room: WeakSender<Said>) {
    let Ok(Ok(socket)) = timeout(PATIENCE, accept_async(stream)).await else {
        return;
    };
    let (sink, says) = socket.split();
    let ahead = Arc::new(Semaphore::new(AHEAD));
    let hearing = tokio::spawn(hear(number, hears, sink, Arc::clone(&ahead)));
    say(number, says, room, &ahead).await;
    hearing.abort();
}

async fn say(
    number: u64,
    mut says: SplitStream<Socket>,
    room: WeakSender<Said>,
    ahead: &Semaphore,
) {
    while let Some(Ok(message)) = says.next().await {
        if let Message::Text(text) = message {
            let permit = ahead.acquire().await.expect("it is never closed");
            permit.forget();
            if let Some(room) = room.upgrade() {
                let _ = room.send((number, format!("{number}: {text}").into()));
            }
        }
        yield_now().await;
    }
}

async fn hear(
    number: u64,
    mut hears: Receiver<Said>,
    mut sink: SplitSink<Socket, Message>,
    ahead: Arc<Semaphore>,
) -> Result<(), Error> {
    loop {
        let (mut said, mut own) = (hears.recv().await?, 0);
        let tell = async {
            loop {
                own += usize::from(said.0 == number);
                sink.feed(Message::Text(said.1)).await?;
                if hears.is_empty() {
                    break;
                }
                said = hears.recv().await?;
            }
            sink.flush().await?;
            Ok::<_, Error>(())
        };
        timeout(PATIENCE, tell).await.map_err(|_| Error)??;
        ahead.add_permits(own);
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
