//! A key-value server that speaks Redis' protocol: `redis-cli` and `redis-benchmark` take it for
//! Redis, for the commands that are in `store`.
//!
//! Each connection is a task, as in Go. All commands that have come are executed, and their answers
//! sent at once: what makes pipelines fast.

mod protocol;
mod store;

use clap::Parser;
use executor::net::{TcpListener, TcpStream};
use executor::signal::{Signal, Signals};
use executor::{spawn, spawn_blocking, time};
use futures::StreamExt;
use futures::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use protocol::ProtocolError;
use std::{error::Error, io, net::Shutdown, process, sync::Arc, time::Duration};
use store::{Ended, Store};
use tokio_util::sync::CancellationToken;
use waitgroup::WaitGroup;

/// What a connection reads into, at first.
const INPUT: usize = 16 << 10;

/// How many bytes a command may have, all in all.
const MAX_COMMAND: usize = 4 << 20;

/// How often what is over is looked for, and freed.
const SWEEP: Duration = Duration::from_secs(10);

/// How long clients have to take their last answers. Docker kills after 10 s.
const GRACE: Duration = Duration::from_secs(8);

/// How long a client may go on sending after its last answer.
const LINGER: Duration = Duration::from_secs(1);

/// What shells show of a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// Keeps keys and values, as Redis does
#[derive(Debug, Parser)]
struct Options {
    /// Where to listen; port 0 has the system choose one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:6379")]
    listen: String,

    /// How many clients there may be
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_clients: usize,
}

#[executor::main]
async fn main() -> process::ExitCode {
    match run(Options::parse()).await {
        Ok(()) => process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            process::ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let signals = Signals::new([Signal::Int, Signal::Term])?;
    let listener = TcpListener::bind(&*options.listen).await;
    let listener =
        listener.map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    println!("Listening on {}", listener.local_addr()?);

    let store = Arc::new(Store::default());
    let sweeper = spawn(sweep(Arc::clone(&store))).abort_on_drop();
    let (clients, stop) = (WaitGroup::new(), CancellationToken::new());
    spawn(stop_on(signals, stop.clone()));
    let accept = async {
        let mut incoming = listener.incoming();
        while let Some(stream) = incoming.next().await {
            match stream {
                Ok(mut stream) if clients.count() >= options.max_clients => {
                    // It takes that at once: nothing else was sent.
                    let _ = stream
                        .write(b"-ERR max number of clients reached\r\n")
                        .await;
                }
                Ok(stream) => {
                    spawn(clients.track(client(stream, Arc::clone(&store), stop.clone())));
                }
                Err(error) => eprintln!("warning: cannot accept: {error}"),
            }
        }
    };
    stop.run_until_cancelled(accept).await;

    drop((listener, sweeper)); // whoever comes now is refused
    if time::timeout(GRACE, clients.wait()).await.is_err() {
        eprintln!("warning: {} clients are cut off", clients.count());
    }
    Ok(())
}

/// The first signal stops the server, the second one ends it at once.
async fn stop_on(mut signals: Signals, stop: CancellationToken) {
    while let Some(caught) = signals.next().await {
        match caught {
            Ok(_) if stop.is_cancelled() => process::exit(INTERRUPTED),
            Ok(_) => stop.cancel(),
            Err(error) => return eprintln!("warning: no signal is heard any more: {error}"),
        }
    }
}

/// Serves a client until it goes; or, once it is told to stop, until all that has come is answered.
async fn client(stream: TcpStream, store: Arc<Store>, stop: CancellationToken) {
    let _ = stream.set_nodelay(true); // answers are whole, and wait for nothing
    let stream = Arc::new(stream);
    let reading = Arc::clone(&stream);
    let stops = spawn(async move {
        stop.cancelled().await;
        let _ = reading.shutdown(Shutdown::Read);
    });
    let _stops = stops.abort_on_drop();
    let _ = serve(&stream, &store).await; // an error is the client's, and it is gone
}

async fn serve(mut stream: &TcpStream, store: &Store) -> io::Result<()> {
    let (mut input, mut filled, mut out) = (vec![0; INPUT], 0, Vec::new());
    loop {
        let read = stream.read(&mut input[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let mut done = 0;
        loop {
            match store.execute(&input[done..filled], &mut out) {
                Ok(0) if filled - done < MAX_COMMAND => break,
                Ok(0) => {
                    ProtocolError("too big a command").answer(&mut out);
                    return end(stream, out).await;
                }
                Err(Ended) => return end(stream, out).await,
                Ok(executed) => done += executed,
            }
            stream.write_all(&out).await?;
            out.clear();
        }
        input.copy_within(done..filled, 0);
        filled -= done;
        if filled == input.len() {
            input.resize(2 * filled, 0);
        } else if filled < INPUT && input.len() > INPUT {
            input.truncate(INPUT);
            input.shrink_to_fit();
        }
        out.shrink_to(INPUT); // an idle client keeps little
    }
}

/// Sends the last answers, and ends the connection.
async fn end(mut stream: &TcpStream, out: Vec<u8>) -> io::Result<()> {
    stream.write_all(&out).await?;
    stream.close().await?;
    // Were it dropped with something unread, the client would learn that, and not read the answers.
    let rest = time::timeout(LINGER, copy(stream, &mut sink())).await;
    rest.map_or(Ok(()), |read| read.map(drop))
}

async fn sweep(store: Arc<Store>) {
    let mut ticks = time::interval(SWEEP);
    loop {
        ticks.tick().await;
        let store = Arc::clone(&store);
        let swept = spawn_blocking(move || store.sweep()).await; // it may take long
        swept.expect("it does not panic");
    }
}
