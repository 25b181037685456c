//! A web service on hyper: routes, limits for all that a client could send or hold, work that
//! blocks, a page of metrics, and an end that lets requests under way end.
//!
//! Each connection is a task of a `JoinSet`, whose size is the limit of connections.

use clap::Parser;
use executor::{
    Handle, JoinSet,
    net::{TcpListener, TcpStream},
    signal::{Signal, Signals},
    spawn, spawn_blocking,
    time::{sleep, timeout},
};
use futures::StreamExt;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use sha2::{Digest, Sha256};
use std::{
    convert::Infallible,
    error::Error,
    fmt::Write,
    net::SocketAddr,
    pin::pin,
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How long the headers of a request may take, and a handler with the body.
const HEADERS_TAKE: Duration = Duration::from_secs(5);
const REQUEST_TAKES: Duration = Duration::from_secs(5);
const HEADER_BYTES: usize = 16 << 10;
const BODY_BYTES: usize = 1 << 20;
/// Whoever else connects waits to be accepted.
const CONNECTIONS: usize = 500;

const PAGES: &str = "GET /hello/NAME, GET /sleep/MS, POST /digest, GET /metrics\n";

/// How long requests under way may take when the service ends.
const GRACE: Duration = Duration::from_secs(10);

/// Serves a few pages until Ctrl-C
#[derive(Debug, Parser)]
struct Options {
    /// Port 0 has the system choose one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

#[executor::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let signals = Signals::new([Signal::Int, Signal::Term])?;
    let listener = TcpListener::bind(options.listen).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    let stop = CancellationToken::new();
    spawn(stop_on(signals, stop.clone()));
    serve(listener, stop).await;
    println!("{} requests served", SERVED.load(Ordering::Relaxed));
    Ok(())
}

/// The first signal drains the service, the second one ends it at once.
async fn stop_on(mut signals: Signals, stop: CancellationToken) {
    signals.next().await;
    println!("Requests under way have {GRACE:?} to end");
    stop.cancel();
    signals.next().await;
    process::exit(130); // as shells show it
}

/// Serves until `stop`; then accepts no more, and lets requests under way end.
async fn serve(listener: TcpListener, stop: CancellationToken) {
    let mut connections = accept(&listener, &stop).await;
    drop(listener); // whoever comes now is refused
    let ends = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, ends).await.is_err() {
        eprintln!("warning: {} connections are cut off", connections.len());
    }
}

/// Accepts connections until `stop`, and returns those that are left.
async fn accept(listener: &TcpListener, stop: &CancellationToken) -> JoinSet<()> {
    let (mut connections, mut incoming) = (JoinSet::new(), listener.incoming());
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS {
            stop.run_until_cancelled(connections.join_next()).await;
        }
        match stop.run_until_cancelled(incoming.next()).await.flatten() {
            Some(Ok(stream)) => _ = connections.spawn(serve_connection(stream, stop.clone())),
            Some(Err(error)) => eprintln!("warning: cannot accept: {error}"),
            None => return connections,
        }
    }
}

/// Serves one connection, to its end or until `stop`.
async fn serve_connection(stream: TcpStream, stop: CancellationToken) {
    // Answers are sent at once. If that fails, the connection has.
    let _ = stream.set_nodelay(true);
    let mut connection = pin!(
        http1::Builder::new()
            .timer(Handle::current())
            .header_read_timeout(HEADERS_TAKE)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(stream, service_fn(answer))
    );
    // If it fails, that is its client's affair.
    let ended = stop.run_until_cancelled(connection.as_mut()).await;
    if ended.is_none() {
        connection.as_mut().graceful_shutdown(); // after the request under way, if any
        let _ = connection.await;
    }
}

// Ordering: Relaxed; only a count.
static SERVED: AtomicU64 = AtomicU64::new(0);

/// Answers one request, in time.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = timeout(REQUEST_TAKES, route(request)).await;
    let (status, text) = answer.unwrap_or((StatusCode::SERVICE_UNAVAILABLE, "Too slow.\n".into()));
    SERVED.fetch_add(1, Ordering::Relaxed);
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    Ok(response)
}

async fn route(request: Request<Incoming>) -> (StatusCode, String) {
    let path = request.uri().path().to_owned();
    let words: Vec<_> = path.split('/').skip(1).collect();
    match (request.method(), words.as_slice()) {
        (&Method::GET, [""]) => (StatusCode::OK, PAGES.into()),
        (&Method::GET, ["hello", name]) => (StatusCode::OK, format!("Hello, {name}!\n")),
        (&Method::GET, ["sleep", millis]) => match millis.parse() {
            Ok(millis) => {
                sleep(Duration::from_millis(millis)).await;
                (StatusCode::OK, "Good morning!\n".into())
            }
            Err(error) => (StatusCode::BAD_REQUEST, format!("{millis}: {error}\n")),
        },
        (&Method::GET, ["metrics"]) => (StatusCode::OK, metrics()),
        (&Method::POST, ["digest"]) => digest(request.into_body()).await,
        _ => (StatusCode::NOT_FOUND, "There is no such page.\n".into()),
    }
}

/// The SHA-256 of what comes.
async fn digest(body: Incoming) -> (StatusCode, String) {
    let body = match Limited::new(body, BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return (StatusCode::PAYLOAD_TOO_LARGE, format!("{error}\n")),
    };
    // Some milliseconds of computing, for which other connections are not to wait.
    let digest = spawn_blocking(move || format!("{:x}\n", Sha256::digest(&body)));
    match digest.await {
        Ok(digest) => (StatusCode::OK, digest),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// What the executor does, in the text format of Prometheus.
fn metrics() -> String {
    let metrics = Handle::current().metrics();
    let rows = [
        ("http_requests_total", SERVED.load(Ordering::Relaxed)),
        ("executor_spawned_tasks_total", metrics.spawned_tasks()),
        ("executor_handoffs_total", metrics.handoffs()),
        ("executor_alive_tasks", metrics.alive_tasks() as u64),
        ("executor_workers", metrics.workers() as u64),
        ("executor_threads", metrics.threads() as u64),
        ("executor_blocked_threads", metrics.blocked_threads() as u64),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        let kind = if name.ends_with("_total") {
            "counter"
        } else {
            "gauge"
        };
        _ = writeln!(text, "# TYPE {name} {kind}\n{name} {value}");
    }
    let busy = "executor_busy_seconds_total";
    _ = writeln!(text, "# TYPE {busy} counter");
    for processor in metrics.processors() {
        let (index, seconds) = (processor.index(), processor.busy_time().as_secs_f64());
        _ = writeln!(text, "{busy}{{processor=\"{index}\"}} {seconds}");
    }
    text
}
