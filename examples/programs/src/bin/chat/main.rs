//! A WebSocket chat: what one member says, all hear, in one order.
//!
//! A member is two tasks, as with Go's gorilla: one listens to what he says, one tells him what
//! others have said. In between is a ring of messages. It waits for nobody: who falls that far
//! behind is shut out, so that one slow member costs the others nothing, and memory has a limit.
//!
//! ```sh
//! chat --listen 127.0.0.1:8080         # websocat ws://127.0.0.1:8080 is a member
//! chat --load 127.0.0.1:8080           # 1,000 members, and how long messages take to reach them
//! ```

mod load;

use async_tungstenite::tungstenite::{
    Message, Utf8Bytes,
    protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
};
use async_tungstenite::{WebSocketReceiver, WebSocketSender, accept_async_with_config};
use clap::Parser;
use executor::net::{TcpListener, TcpStream};
use executor::signal::{Signal, Signals};
use executor::{spawn, time::timeout};
use futures::future::{Either, select};
use futures::{AsyncWriteExt, SinkExt, StreamExt};
use std::{error::Error, net::SocketAddr, pin::pin, process, time::Duration};
use tokio::sync::broadcast::{self, Receiver, WeakSender, error::RecvError};
use waitgroup::WaitGroup;

/// How many messages a member may be behind.
const RING: usize = 256;

/// How many bytes a message may have.
const MAX_MESSAGE: usize = 4 << 10;

/// How long a member may take: to say that he is one, to take a message, and to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// What shells show of a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A chat, by WebSockets
#[derive(Debug, Parser)]
struct Options {
    /// Where to listen; port 0 has the system choose one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: String,

    /// Be many members of the chat there, and measure it
    #[arg(long, value_name = "ADDR", conflicts_with = "listen")]
    load: Option<SocketAddr>,

    /// How many members there may be, or are to be
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    members: usize,

    /// With --load: how many of them speak at once
    #[arg(long, value_name = "N", default_value_t = 1, requires = "load")]
    speakers: usize,

    /// With --load: for how long
    #[arg(long, value_name = "N", default_value_t = 5, requires = "load")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
}

#[executor::main]
async fn main() -> process::ExitCode {
    let options = Options::parse();
    let ended = match options.load {
        Some(address) => spawn(load::run(address, options)).await,
        None => spawn(serve(options)).await,
    };
    if let Err(error) = ended.unwrap_or_else(|panic| Err(panic.into())) {
        eprintln!("error: {error}");
        return process::ExitCode::FAILURE;
    }
    process::ExitCode::SUCCESS
}

async fn serve(options: Options) -> Result {
    let mut signals = Signals::new([Signal::Int, Signal::Term])?;
    let listener = TcpListener::bind(&*options.listen).await;
    let listener =
        listener.map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    println!("Listening on ws://{}", listener.local_addr()?);

    let (room, members) = (broadcast::Sender::new(RING), WaitGroup::new());
    let accept = async {
        let (mut incoming, mut number) = (listener.incoming(), 0);
        while let Some(stream) = incoming.next().await {
            match stream {
                Ok(mut stream) if members.count() >= options.members => {
                    // It takes that at once: nothing else was sent.
                    let full = b"HTTP/1.1 503 The chat is full\r\ncontent-length: 0\r\n\r\n";
                    let _ = stream.write(full).await;
                }
                Ok(stream) => {
                    number += 1;
                    // From here on he misses nothing.
                    let (hears, room) = (room.subscribe(), room.downgrade());
                    spawn(members.track(member(number, stream, hears, room)));
                }
                Err(error) => eprintln!("warning: cannot accept: {error}"),
            }
        }
    };
    select(pin!(accept), signals.next()).await;

    spawn(async move {
        signals.next().await;
        process::exit(INTERRUPTED);
    });
    drop(listener); // whoever comes now is refused
    drop(room); // and members have heard all when they have heard what was said up to now
    if timeout(PATIENCE, members.wait()).await.is_err() {
        eprintln!("warning: {} members are cut off", members.count());
    }
    Ok(())
}

/// A member, until he goes or has to.
async fn member(number: u64, stream: TcpStream, hears: Receiver<Utf8Bytes>, room: Room) {
    let _ = stream.set_nodelay(true);
    let limits = WebSocketConfig::default();
    let limits = limits
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let handshake = accept_async_with_config(stream, Some(limits));
    let Ok(Ok(socket)) = timeout(PATIENCE, handshake).await else {
        return; // whoever that was speaks another protocol, or not at all
    };
    let (sink, says) = socket.split();
    let hearing = spawn(hear(hears, sink)).abort_on_drop();
    match select(pin!(say(number, says, room)), hearing).await {
        Either::Left(_) => {} // he has gone
        // He has been told to go, and says that he does.
        Either::Right((Ok(Ok(())), saying)) => drop(timeout(PATIENCE, saying).await),
        Either::Right(_) => {} // he takes nothing any more
    }
}

type Room = WeakSender<Utf8Bytes>;

/// Passes on what a member says.
async fn say(number: u64, mut says: WebSocketReceiver<TcpStream>, room: Room) {
    while let Some(Ok(message)) = says.next().await {
        // What is said to a room that closes, nobody hears.
        if let (Message::Text(text), Some(room)) = (message, room.upgrade()) {
            let _ = room.send(format!("{number}: {text}").into());
        }
    }
}

/// Tells a member what is said, and at last why no more is.
async fn hear(mut hears: Receiver<Utf8Bytes>, mut sink: WebSocketSender<TcpStream>) -> Result {
    let why = loop {
        let text = match hears.recv().await {
            Ok(text) => text,
            Err(why) => break why,
        };
        let tell = async {
            sink.feed(Message::Text(text)).await?;
            // What else was said by now goes with it.
            while !hears.is_empty() {
                match hears.recv().await {
                    Ok(text) => sink.feed(Message::Text(text)).await?,
                    Err(why) => return Ok(Some(why)),
                }
            }
            sink.flush().await.map(|()| None)
        };
        if let Some(why) = timeout(PATIENCE, tell).await?? {
            break why;
        }
    };
    let (code, reason) = match why {
        RecvError::Lagged(_) => (CloseCode::Policy, "you are too slow"),
        RecvError::Closed => (CloseCode::Away, "the chat closes"),
    };
    let reason = reason.into();
    timeout(PATIENCE, sink.close(Some(CloseFrame { code, reason }))).await??;
    Ok(())
}
