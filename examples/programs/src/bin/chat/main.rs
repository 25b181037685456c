//! A WebSocket chat: what one member says, all hear, in one order.
//!
//! A member is two tasks, as with Go's gorilla: one listens to what he says, one tells him what
//! others have said. In between is a ring of messages. It waits for nobody: who falls that far
//! behind is shut out, so that one slow member costs the others nothing, and memory has a limit.
//! Somebody who says a thousand things at once is listened to only as fast as he hears himself:
//! or else he would have those shut out who do read.
//!
//! ```sh
//! chat --listen 127.0.0.1:8080         # websocat ws://127.0.0.1:8080 is a member
//! chat --load 127.0.0.1:8080           # 1,000 members, and how long messages take to reach them
//! ```

mod load;
mod member;

use clap::Parser;
use executor::net::TcpListener;
use executor::signal::{Signal, Signals};
use executor::{spawn, time::timeout};
use futures::{AsyncWriteExt, StreamExt};
use member::{AHEAD, member};
use std::{error::Error, net::SocketAddr, process, time::Duration};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use waitgroup::WaitGroup;

/// For as many members the ring has room, at least and at most, if all speak at once.
const FEW: usize = 1 << 10;
const MANY: usize = 1 << 20;

/// How long a member may take: to say that he is one, to take a message, and to go. The last is
/// also how long the end takes, for which Docker has 10 s.
const PATIENCE: Duration = Duration::from_secs(8);

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
    let signals = Signals::new([Signal::Int, Signal::Term])?;
    let listener = TcpListener::bind(&*options.listen).await;
    let listener =
        listener.map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    println!("Listening on ws://{}", listener.local_addr()?);

    let stop = CancellationToken::new();
    spawn(stop_on(signals, stop.clone()));
    let ring = AHEAD * options.members.clamp(FEW, MANY);
    let (room, members) = (broadcast::Sender::new(ring), WaitGroup::new());
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
                    let member = member(number, stream, hears, room, stop.clone());
                    spawn(members.track(member));
                }
                Err(error) => eprintln!("warning: cannot accept: {error}"),
            }
        }
    };
    stop.run_until_cancelled(accept).await;

    drop(listener); // whoever comes now is refused
    drop(room); // and members have heard all when they have heard what was said up to now
    if timeout(PATIENCE, members.wait()).await.is_err() {
        eprintln!("warning: {} members are cut off", members.count());
    }
    Ok(())
}

/// The first signal ends the chat, the second one at once.
async fn stop_on(mut signals: Signals, stop: CancellationToken) {
    while let Some(caught) = signals.next().await {
        match caught {
            Ok(_) if stop.is_cancelled() => process::exit(INTERRUPTED),
            Ok(_) => stop.cancel(),
            Err(error) => return eprintln!("warning: no signal is heard any more: {error}"),
        }
    }
}
