//! A web service on hyper: routes, limits for all that a client could send or hold, work that
//! blocks, a page of metrics, and an end that lets requests under way end.
//!
//! Each connection is a task of a `JoinSet`, whose size is the limit of connections.

use clap::Parser;
use executor::net::{TcpListener, TcpStream};
use executor::signal::{Signal, Signals};
use executor::{Handle, JoinSet, spawn, spawn_blocking, time::sleep, time::timeout};
use futures::{StreamExt, TryFutureExt, TryStreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::{Method, Request, Response, StatusCode, server::conn::http1, service::service_fn};
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{convert::Infallible, pin::pin, process, time::Duration};
use std::{fmt::Write as _, io, io::Write as _, io::stdout};
use tokio_util::sync::CancellationToken;

/// How long the headers of a request may take, and a handler with the body.
const HEADERS_TAKE: Duration = Duration::from_secs(5);
const REQUEST_TAKES: Duration = Duration::from_secs(5);
const HEADER_BYTES: usize = 16 << 10;
const BODY_BYTES: usize = 1 << 20;
/// Whoever else connects waits to be accepted. And none lasts for ever, whatever its client does.
const CONNECTIONS: usize = 500;
const CONNECTION_LASTS: Duration = Duration::from_secs(600);

const PAGES: &str = "GET /hello/NAME, GET /sleep/MS, POST /digest, GET /metrics\n";

/// How long requests under way may take when the service ends. Docker kills it after 10 s.
const GRACE: Duration = Duration::from_secs(8);

/// Serves a few pages until Ctrl-C
#[derive(Debug, Parser)]
struct Options {
    /// Port 0 has the system choose one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: String,
}

#[executor::main]
async fn main() -> io::Result<()> {
    let address = Options::parse().listen;
    let signals = Signals::new([Signal::Int, Signal::Term])?;
    let listener = TcpListener::bind(&*address).await;
    let listener = listener.unwrap_or_else(|error| {
        eprintln!("error: cannot listen on {address}: {error}");
        process::exit(1)
    });
    println!("Listening on http://{}", listener.local_addr()?);
    let stop = CancellationToken::new();
    let stops = stop_on(signals, stop.clone());
    spawn(stops.unwrap_or_else(|error| eprintln!("warning: no signals any more: {error}")));
    serve(listener, stop).await;
    let served = SERVED.load(Ordering::Relaxed);
    let _ = writeln!(stdout(), "{served} requests served"); // if anybody reads
    Ok(())
}

/// The first signal drains the service, the second one ends it at once.
async fn stop_on(mut signals: Signals, stop: CancellationToken) -> io::Result<()> {
    signals.try_next().await?;
    stop.cancel();
    let _ = writeln!(stdout(), "Requests under way have {GRACE:?} to end");
    signals.try_next().await?;
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
    let _ = stream.set_nodelay(true); // if that fails, the connection has
    let mut connection = pin!(
        http1::Builder::new()
            .timer(Handle::current())
            .header_read_timeout(HEADERS_TAKE)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(stream, service_fn(answer))
    );
    // If it fails, that is its client's affair.
    let lasts = timeout(CONNECTION_LASTS, connection.as_mut());
    if !matches!(stop.run_until_cancelled(lasts).await, Some(Ok(_))) {
        connection.as_mut().graceful_shutdown(); // after the request under way, if any
        let _ = timeout(GRACE, connection).await;
    }
}

// Ordering: Relaxed; only a count.
static SERVED: AtomicU64 = AtomicU64::new(0);

/// Answers one request, in time.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_digest = request.uri().path() == "/digest";
    let allowed = if is_digest { "POST" } else { "GET, HEAD" };
    let answer = timeout(REQUEST_TAKES, route(request)).await;
    let (status, text) = answer.unwrap_or((StatusCode::SERVICE_UNAVAILABLE, "Too slow.\n".into()));
    SERVED.fetch_add(1, Ordering::Relaxed);
    let response = Response::builder().status(status).header(ALLOW, allowed);
    let response = response.header(CONTENT_TYPE, "text/plain; charset=utf-8");
    Ok(response.body(text.into()).expect("the headers are valid"))
}

async fn route(request: Request<Incoming>) -> (StatusCode, String) {
    let path = request.uri().path().to_owned();
    let words: Vec<_> = path.split('/').skip(1).collect();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD); // hyper knows the difference
    match words.as_slice() {
        [""] if reads => (StatusCode::OK, PAGES.into()),
        ["hello", name] if reads => (StatusCode::OK, format!("Hello, {name}!\n")),
        ["sleep", millis] if reads => match millis.parse() {
            Ok(millis) => {
                sleep(Duration::from_millis(millis)).await;
                (StatusCode::OK, "Good morning!\n".into())
            }
            Err(error) => (StatusCode::BAD_REQUEST, format!("{millis}: {error}\n")),
        },
        ["metrics"] if reads => (StatusCode::OK, metrics()),
        ["digest"] if request.method() == Method::POST => digest(request.into_body()).await,
        [""] | ["hello" | "sleep", _] | ["metrics" | "digest"] => {
            (StatusCode::METHOD_NOT_ALLOWED, PAGES.into())
        }
        _ => (StatusCode::NOT_FOUND, "There is no such page.\n".into()),
    }
}

/// The SHA-256 of what comes. What is too long is read and forgotten: who sends reads no answer.
async fn digest(mut incoming: Incoming) -> (StatusCode, String) {
    let (mut body, mut length) = (Vec::new(), 0);
    while let Some(frame) = incoming.frame().await {
        let data = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(), // or trailers
            Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")),
        };
        length += data.len();
        body.extend(data.iter().take(BODY_BYTES.saturating_sub(body.len())));
    }
    if length > BODY_BYTES {
        return (StatusCode::PAYLOAD_TOO_LARGE, format!("{length} bytes\n"));
    }
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
        let kind = ["gauge", "counter"][usize::from(name.ends_with("_total"))];
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
