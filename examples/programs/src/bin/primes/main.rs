//! How many primes are there up to 900,000,000,000? Any number of processes count, on any number of
//! machines, and know each other through Redis alone:
//!
//! ```sh
//! primes --via redis://127.0.0.1 --up-to 900000000000   # coordinates: shows progress, and adds up
//! primes --via redis://127.0.0.1 --work                 # as often, and wherever, as you like
//! ```
//!
//! The numbers are cut into jobs: job `n` is entry `n-0` of a Redis stream. A worker takes one as a
//! consumer of the stream's group, so that nobody else gets it, and acknowledges it with its count.
//! What a worker has had for long, because it was killed or is slow, others claim. So a job may be
//! done twice; but its count is written once. All that is known is in Redis: when the coordinator
//! is killed, start it again.

#[path = "../../../../src/sieve/mod.rs"]
mod sieve;
mod worker;

use clap::{Parser, value_parser};
use executor::{Executor, net::TcpStream, spawn, time};
use indicatif::{ProgressBar, ProgressStyle};
use redis::{AsyncConnectionConfig, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue, cmd};
use redis::{ErrorKind, aio::MultiplexedConnection as Redis, streams::StreamInfoConsumersReply};
use sieve::{MAX_LIMIT, Sieve};
use std::{collections::BTreeMap, error::Error, fmt::Write, io, process, time::Duration};

/// So many jobs at most: few enough to keep Redis idle, so many that all machines end at about the
/// same time.
const JOBS: u64 = 4096;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the server is asked whether there is something new.
const PERIOD: Duration = Duration::from_millis(200);

/// How the numbers are cut; the jobs; the count of each job; how many each worker has done. (What
/// is in braces tells a cluster to keep them together.)
const KEYS: [&str; 4] = [
    "{primes}:plan",
    "{primes}:jobs",
    "{primes}:counts",
    "{primes}:workers",
];

/// What the last one has come to, for coordinators that see its end later; for so many seconds.
const RESULT: &str = "{primes}:result";
const RESULT_LASTS: u64 = 3600;

type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// Counts primes on any number of processes and machines
#[derive(Debug, Parser)]
struct Options {
    /// The Redis server that all of them know, such as redis://127.0.0.1:6379
    #[arg(long, value_name = "URL")]
    via: ConnectionInfo,

    /// Coordinate: have the primes up to this number counted
    #[arg(long, value_name = "N", required_unless_present = "work")]
    #[arg(value_parser = parse_limit)]
    up_to: Option<u64>,

    /// Work, until all is counted, or until Ctrl-C
    #[arg(long, conflicts_with = "up_to")]
    work: bool,

    /// Take over jobs that another worker has had for so many seconds
    #[arg(long, value_name = "S", default_value_t = 30, conflicts_with = "up_to")]
    #[arg(value_parser = value_parser!(u64).range(1..=86_400))]
    claim_after: u64,
}

fn parse_limit(text: &str) -> Result<u64, String> {
    let limit = text.replace('_', "").parse().ok();
    let limit = limit.filter(|limit| *limit <= MAX_LIMIT);
    limit.ok_or_else(|| format!("it must be a whole number from 0 to {MAX_LIMIT}"))
}

fn main() -> process::ExitCode {
    let options = Options::parse();
    // Nothing here blocks: stand-ins would only compete for the cores.
    let executor = Executor::builder().handoff(false).build();
    let ended = executor.map_err(Into::into).and_then(|executor| {
        let task = executor.spawn(run(options));
        executor.block_on(task)?
    });
    if let Err(error) = ended {
        eprintln!("error: {error}");
        return process::ExitCode::FAILURE;
    }
    process::ExitCode::SUCCESS
}

async fn run(options: Options) -> Result {
    let ConnectionAddr::Tcp(host, port) = options.via.addr() else {
        return Err(
            "the server's URL must be redis://HOST:PORT or redis://HOST:PORT/DATABASE".into(),
        );
    };
    let connected = time::timeout(PATIENCE, TcpStream::connect((&**host, *port))).await;
    let stream = connected
        .unwrap_or_else(|elapsed| Err(elapsed.into()))
        .map_err(|error| {
            format!(
                "no Redis server at {host}:{port}: {error}\n\
             To get one: `apt-get install redis-server` or `brew install redis`, and then \
             `redis-server --port {port}`"
            )
        })?;
    let name = format!("{}/{}", stream.local_addr()?.ip(), process::id());
    // Their limit of time would need a runtime of tokio's; `ask` has ours.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let settings = options.via.redis_settings();
    let connecting = time::timeout(PATIENCE, Redis::new_with_config(settings, stream, config));
    let connected = connecting.await;
    let connected = connected.unwrap_or_else(|elapsed| Err(io::Error::from(elapsed).into()));
    let (redis, driver) = connected.map_err(|error| match error.kind() {
        ErrorKind::AuthenticationFailed => format!("{host}:{port}: {error}"),
        _ => format!("{host}:{port} does not answer as Redis does: {error}"),
    })?;
    spawn(driver);
    match options.up_to {
        Some(limit) => coordinate(&redis, limit).await,
        None => worker::work(&redis, &name, options.claim_after).await,
    }
}

async fn ask<T: FromRedisValue>(redis: &Redis, command: &Cmd) -> Result<T> {
    let answer = time::timeout(PATIENCE, command.query_async(&mut redis.clone())).await;
    Ok(answer.map_err(|_| format!("the Redis server has been silent for {PATIENCE:?}"))??)
}

/// A script, which still needs its arguments.
fn script(script: &str) -> Cmd {
    cmd("EVAL").arg(script).arg(KEYS.len()).arg(&KEYS).take()
}

async fn coordinate(redis: &Redis, limit: u64) -> Result {
    let [plan, _, counts, _] = KEYS;
    let segments = Sieve::new(limit, JOBS as usize).segments();
    let mut start = script(include_str!("start.lua"));
    start.arg(limit).arg(segments).arg(segments.div_ceil(JOBS));
    let (planned, jobs): (u64, u64) = ask(redis, &start).await?;
    if planned != limit {
        return Err(format!(
            "this server's workers are counting up to {planned}. Wait for their end \
             (`--up-to {planned}` shows it), or stop them by `redis-cli DEL {plan}`, or use \
             another database: `--via redis://HOST:PORT/1`"
        )
        .into());
    }
    let bar = ProgressBar::new(jobs); // on terminals only
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {percent} %, {eta} to go\n{msg}",
    )?);
    let counts = loop {
        let counts: Vec<u64> = ask(redis, cmd("HVALS").arg(counts)).await?;
        if counts.len() as u64 == jobs {
            break counts;
        }
        if !ask(redis, cmd("EXISTS").arg(plan)).await? {
            let result: Option<String> = ask(redis, cmd("GET").arg(RESULT)).await?;
            let own = result.filter(|text| text.ends_with(&format!(" up to {limit}")));
            println!("{}", own.ok_or("somebody has removed the plan")?);
            return Ok(());
        }
        bar.set_position(counts.len() as u64);
        bar.set_message(workers(redis).await?);
        time::sleep(PERIOD).await;
    };
    bar.finish_and_clear();
    let result = format!("{} primes up to {limit}", counts.iter().sum::<u64>());
    println!("{result}\n{}", workers(redis).await?.trim_end());
    let mut set = cmd("SET");
    set.arg(RESULT).arg(result).arg("EX").arg(RESULT_LASTS);
    ask::<()>(redis, &set).await?;
    // A coordinator that is killed before this line says the same when it is started again.
    ask(redis, cmd("DEL").arg(&KEYS)).await
}

/// A line for each worker that has been heard of.
async fn workers(redis: &Redis) -> Result<String> {
    let [_, jobs, _, workers] = KEYS;
    let done: BTreeMap<String, u64> = ask(redis, cmd("HGETALL").arg(workers)).await?;
    let consumers = ask(redis, cmd("XINFO").arg("CONSUMERS").arg(jobs).arg("primes")).await;
    let consumers: StreamInfoConsumersReply = consumers.unwrap_or_default();
    let mut lines = String::new();
    for worker in consumers.consumers {
        let (name, pending, silent) = (worker.name, worker.pending, worker.idle / 1000);
        let done = done.get(&name).unwrap_or(&0);
        writeln!(
            lines,
            "{name}: {done} jobs done, {pending} under way, silent for {silent} s"
        )?;
    }
    Ok(lines)
}
