//! A process that does jobs, on all of its cores.

use crate::sieve::{Scratch, Sieve};
use crate::{JOBS, KEYS, PERIOD, Redis, Result, ask, script};
use executor::{Handle, JoinSet, signal::Signal, signal::Signals, spawn, time::sleep, yield_now};
use futures::StreamExt;
use redis::{Cmd, cmd};
use std::{process, sync::Arc};
use tokio_util::sync::CancellationToken;

/// What shells show of a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// What all cores share.
struct Worker {
    redis: Redis,
    sieve: Sieve,
    take: Cmd,
    done: Cmd,
    stop: CancellationToken,
}

/// Does what jobs there are, one at a time for each of the executor's workers.
pub async fn work(redis: &Redis, name: &str, claim_after: u64) -> Result {
    let stop = CancellationToken::new();
    let signals = Signals::new([Signal::Int, Signal::Term])?; // from here on none is missed
    spawn(stop_on_ctrl_c(signals, stop.clone()));
    println!("{name} works");
    let Some(plan) = stop.run_until_cancelled(plan(redis)).await else {
        return Ok(());
    };
    let (run, limit, segments) = plan?;
    let sieve = Sieve::new(limit, JOBS as usize);
    if sieve.segments() != segments {
        return Err("the coordinator is of another version of this program".into());
    }
    let script = |text| script(text).arg(&run).arg(name).take();
    let worker = Arc::new(Worker {
        redis: redis.clone(),
        sieve,
        take: script(include_str!("take.lua"))
            .arg(1000 * claim_after)
            .take(),
        done: script(include_str!("done.lua")),
        stop,
    });
    let cores = 0..Handle::current().metrics().workers();
    let mut lanes: JoinSet<_> = cores.map(|_| Arc::clone(&worker).do_jobs()).collect();
    let mut done = 0;
    while let Some(ended) = lanes.join_next().await {
        done += ended??;
    }
    println!("{done} jobs done");
    Ok(())
}

/// What the coordinator wants: the run, the limit, the segments. Waits for it.
async fn plan(redis: &Redis) -> Result<(String, u64, u64)> {
    loop {
        let fields = ["run", "limit", "segments"];
        let plan = ask(redis, cmd("HMGET").arg(KEYS[0]).arg(&fields)).await?;
        if let (Some(run), Some(limit), Some(segments)) = plan {
            return Ok((run, limit, segments));
        }
        sleep(PERIOD).await;
    }
}

async fn stop_on_ctrl_c(mut signals: Signals, stop: CancellationToken) {
    while let Some(caught) = signals.next().await {
        match caught {
            Ok(_) if stop.is_cancelled() => process::exit(INTERRUPTED),
            Ok(_) => {
                stop.cancel();
                eprintln!("Jobs under way come to their end; Ctrl-C again leaves them to others.");
            }
            Err(error) => return eprintln!("warning: no signal is heard any more: {error}"),
        }
    }
}

impl Worker {
    /// Does job after job. Returns how many.
    async fn do_jobs(self: Arc<Worker>) -> Result<u64> {
        let (mut scratch, mut jobs) = (Scratch::default(), 0);
        while !self.stop.is_cancelled() {
            let taken: Option<(u64, u64, u64)> = ask(&self.redis, &self.take).await?;
            let Some((job, first, after)) = taken else {
                sleep(PERIOD).await;
                continue;
            };
            if job == 0 {
                break;
            }
            let mut primes = 0;
            for segment in first..after {
                primes += self.sieve.count(segment, &mut scratch);
                yield_now().await; // a segment takes milliseconds: connections have their turn
            }
            let mut done = self.done.clone();
            ask::<()>(&self.redis, done.arg(job).arg(primes)).await?;
            jobs += 1;
        }
        Ok(jobs)
    }
}
