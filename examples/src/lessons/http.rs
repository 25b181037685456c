//! The smallest web server: hyper on the executor's own sockets.
//!
//! ```go
//! http.HandleFunc("/", hello)
//! server := &http.Server{Addr: "127.0.0.1:0"}
//! go server.ListenAndServe()
//! <-interrupted
//! server.Shutdown(timeout)
//! ```
//!
//! Each connection is a task, as in Go. There is no thread for sockets: a worker that
//! has nothing to do asks the system which connections are ready.
//!
//! Without options the server is under load for a moment, and says how it did, also
//! while some handlers block their threads. With `--listen` it serves until Ctrl-C.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ::waitgroup::WaitGroup;
use clap::Args;
use executor::net::{TcpListener, TcpStream};
use executor::signal::ctrl_c;
use executor::time::timeout;
use executor::{Handle, spawn};
use futures::StreamExt;
use futures::future::{Either, select};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};

use super::load;
use super::workers::Workers;
use crate::{Result, ending};

/// How long `/sleep` blocks its thread.
pub const BLOCKED_FOR: Duration = Duration::from_millis(100);

/// How long requests under way may take when the server ends. Docker kills it after 10 s.
const GRACE: Duration = Duration::from_secs(8);

#[derive(Debug, Args)]
pub struct Options {
    /// Serve on this address until Ctrl-C; port 0 has the system choose one
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    listen: Option<String>,

    #[command(flatten)]
    workers: Workers,
}

fn parse_address(text: &str) -> std::result::Result<String, String> {
    text.rsplit_once(':')
        .filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        .map(|_| text.to_owned())
        .ok_or_else(|| {
            "an address is a host and a port, \
             for example `--listen 127.0.0.1:8080` or `--listen [::1]:0`"
                .to_owned()
        })
}

pub fn main(options: &Options) -> Result<()> {
    let executor = options.workers.executor()?;
    let main = match options.listen.clone() {
        Some(address) => executor.spawn(serve_until_ctrl_c(address)),
        None => executor.spawn(serve_under_load()),
    };
    executor.block_on(main)?
}

async fn serve_until_ctrl_c(address: String) -> Result<()> {
    let listener = listen(&address).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    println!("Its pages are /, /sleep and /echo; Ctrl-C ends it.");
    let interrupted = async {
        ctrl_c().await.expect("Ctrl-C can be caught");
        println!("Requests under way have {GRACE:?} to end; Ctrl-C again ends them at once.");
        spawn(async {
            if ctrl_c().await.is_ok() {
                ending::end_as_interrupted();
            }
        });
    };
    serve(listener, interrupted).await;
    println!("{} requests served", SERVED.load(Ordering::Relaxed));
    Ok(())
}

async fn serve_under_load() -> Result<()> {
    let listener = listen("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!("Serving on http://{address}, under a load of our own.\n");

    let stop = WaitGroup::new();
    let stops = stop.guard();
    let server = spawn(serve(listener, stop.wait()));
    let asked = load::run(address).await?;
    drop(stops);
    server.await?;

    let served = SERVED.load(Ordering::Relaxed);
    println!("\n{served} requests served");
    if served != asked {
        return Err(format!("{asked} requests were made").into());
    }
    Ok(())
}

async fn listen(address: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| format!("cannot listen on {address}: {error}").into())
}

/// Serves until `stop` is ready; then accepts no more, and lets requests under way end.
async fn serve(listener: TcpListener, stop: impl Future<Output = ()>) {
    let connections = WaitGroup::new();
    let closing = WaitGroup::new();
    let closes = closing.guard();
    let accept = async {
        let mut incoming = listener.incoming();
        while let Some(stream) = incoming.next().await {
            match stream {
                Ok(stream) => {
                    spawn(connections.track(serve_connection(stream, closing.clone())));
                }
                Err(error) => eprintln!("warning: cannot accept: {error}"),
            }
        }
    };
    select(pin!(stop), pin!(accept)).await;

    drop(listener); // whoever comes now is refused
    drop(closes);
    if timeout(GRACE, connections.wait()).await.is_err() {
        eprintln!("warning: {} connections are cut off", connections.count());
    }
}

/// Serves one connection, to its end or until `closing` is over.
async fn serve_connection(stream: TcpStream, closing: WaitGroup) {
    // Answers are sent at once, as Go does. If that fails, the connection has.
    let _ = stream.set_nodelay(true);
    let connection = pin!(
        http1::Builder::new()
            .timer(Handle::current()) // for clients that never finish their headers
            .serve_connection(stream, service_fn(answer))
    );
    let ended = match select(connection, pin!(closing.wait())).await {
        Either::Left((ended, _)) => ended,
        Either::Right(((), mut connection)) => {
            connection.as_mut().graceful_shutdown(); // after the request under way, if any
            connection.await
        }
    };
    // Clients may be idle, and go when they like.
    if let Err(error) = ended
        && !error.is_timeout()
    {
        eprintln!("warning: a connection has failed: {error}");
    }
}

// Ordering: Relaxed; only a count. A task that has ended is visible to whoever waited for it.
static SERVED: AtomicU64 = AtomicU64::new(0);

type Body = http_body_util::Either<Full<Bytes>, Incoming>;

fn text(text: &'static str) -> Body {
    Body::Left(Full::from(text))
}

/// Answers one request.
async fn answer(request: Request<Incoming>) -> std::result::Result<Response<Body>, Infallible> {
    let mut response = Response::new(text("Hello, world!\n"));
    match request.uri().path() {
        "/" => {}
        "/sleep" => {
            // No task should do this; but one that does holds up nobody else.
            thread::sleep(BLOCKED_FOR);
            *response.body_mut() = text("Good morning!\n");
        }
        "/echo" => *response.body_mut() = Body::Right(request.into_body()),
        _ => {
            *response.status_mut() = StatusCode::NOT_FOUND;
            *response.body_mut() = text("There is no such page.\n");
        }
    }
    SERVED.fetch_add(1, Ordering::Relaxed);
    Ok(response)
}
