//! A load for the web server, and how long its answers took: a part of the lesson
//! `http`.
//!
//! As many clients as there are connections; each asks, waits for the answer, and
//! asks again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use executor::net::TcpStream;
use executor::{JoinSet, spawn};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;

use super::http::BLOCKED_FOR;
use crate::Result;

const CONNECTIONS: usize = 16;

/// How long each part of the load takes.
const DURATION: Duration = Duration::from_millis(700);

/// Of so many requests one is for the page whose handler blocks.
const ONE_IN: usize = 100;

/// The longest bar, in characters.
const BAR: usize = 40;

/// How long answers took.
#[derive(Default)]
struct Latencies {
    /// Those of handlers that do not block.
    prompt: Vec<Duration>,
    blocked: Vec<Duration>,
}

/// Loads the server, first without handlers that block, then with. Returns how many requests were
/// made.
pub async fn run(address: SocketAddr) -> Result<u64> {
    println!("[1] {CONNECTIONS} connections, a request after the other on each:\n");
    let calm = load(address, false).await?;
    draw(&calm.prompt);

    println!(
        "\n[2] The same, but the handler of each {ONE_IN}th request blocks its thread for {} ms. \
         The others:\n",
        BLOCKED_FOR.as_millis()
    );
    let beside = load(address, true).await?;
    draw(&beside.prompt);
    println!("\n    Those that blocked; meanwhile their connections asked for nothing else:\n");
    summarize(&beside.blocked);

    let all = [calm.prompt, beside.prompt, beside.blocked];
    Ok(all.iter().map(|some| some.len() as u64).sum())
}

async fn load(address: SocketAddr, blocks: bool) -> Result<Latencies> {
    let end = Instant::now() + DURATION;
    let clients: JoinSet<_> = (0..CONNECTIONS)
        .map(|number| ask_until(end, address, number, blocks))
        .collect();
    let mut all = Latencies::default();
    for one in clients.join_all().await {
        let one = one?;
        all.prompt.extend(one.prompt);
        all.blocked.extend(one.blocked);
    }
    all.prompt.sort_unstable();
    all.blocked.sort_unstable();
    Ok(all)
}

/// One client, with a connection of its own.
async fn ask_until(
    end: Instant,
    address: SocketAddr,
    number: usize,
    blocks: bool,
) -> Result<Latencies> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut client, connection) = handshake(stream).await?;
    let connection = spawn(connection);

    let mut latencies = Latencies::default();
    // Not all clients ask for the page that blocks at the same time.
    for request in number * ONE_IN / CONNECTIONS.. {
        let begin = Instant::now();
        if begin >= end {
            break;
        }
        let is_blocked = blocks && request % ONE_IN == ONE_IN - 1;
        ask(&mut client, if is_blocked { "/sleep" } else { "/" }).await?;
        let kind = if is_blocked {
            &mut latencies.blocked
        } else {
            &mut latencies.prompt
        };
        kind.push(begin.elapsed());
    }

    drop(client); // which ends the connection
    connection.await??;
    Ok(latencies)
}

async fn ask(client: &mut SendRequest<Empty<Bytes>>, path: &str) -> Result<()> {
    let request = Request::get(path).header(HOST, "localhost");
    client.ready().await?;
    let response = client.send_request(request.body(Empty::new())?).await?;
    if !response.status().is_success() {
        return Err(format!("{path}: {}", response.status()).into());
    }
    response.into_body().collect().await?;
    Ok(())
}

/// Draws how many answers took how long. `latencies` are sorted.
fn draw(latencies: &[Duration]) {
    summarize(latencies);
    let mut rest = latencies;
    let mut limit = Duration::from_micros(1);
    while !rest.is_empty() {
        let (bucket, longer) = rest.split_at(rest.partition_point(|took| *took < limit));
        if !bucket.is_empty() {
            let bar = "#".repeat((bucket.len() * BAR).div_ceil(latencies.len()));
            println!("    < {:>8.3} ms |{bar} {}", millis(limit), bucket.len());
        }
        (rest, limit) = (longer, 2 * limit);
    }
}

fn summarize(latencies: &[Duration]) {
    let Some(longest) = latencies.last() else {
        println!("    none");
        return;
    };
    let percentile = |percent| millis(latencies[(latencies.len() - 1) * percent / 100]);
    println!(
        "    {:.0} requests/s; p50 {:.3} ms, p90 {:.3} ms, p99 {:.3} ms, max {:.3} ms",
        latencies.len() as f64 / DURATION.as_secs_f64(),
        percentile(50),
        percentile(90),
        percentile(99),
        millis(*longest)
    );
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
