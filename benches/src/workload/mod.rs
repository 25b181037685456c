//! The workloads, each written once for every Rust runtime; Go's versions are in `go/`.
//!
//! The table `WORKLOADS` names them, with their sizes and units, and `run` is the child's side of
//! it: a size goes in, a figure for each of the workload's rows comes out.

mod blocked;
#[cfg(feature = "channels")]
mod channels;
mod countdown;
mod cpu;
mod memory;
mod messages;
mod service;
mod sleeps;
mod spawn;
mod table;
mod task_sets;
mod timers;
mod wait_group;
mod wake;
mod work;
mod yields;

#[cfg(feature = "channels")]
pub use self::channels::run_channels;
pub use self::{
    blocked::{Blocker, PERIOD, ticker},
    cpu::{STEPS_PER_MICRO, compute, cpu_bound},
    memory::{pending_tasks, sleeping_tasks},
    messages::{fan_in, pairs, ping_pong},
    service::{Call, service},
    sleeps::{lone_sleeps, sleeps},
    spawn::{chained, detached, one_at_a_time, outside, skynet, spawn_join},
    table::{Better, Figure, Group, RunsIn, WORKLOADS, Workload, find},
    task_sets::{set_at_random, set_in_order},
    timers::{abandoned, kept_limits},
    wait_group::{AwaitGroup, Count, OurGroup, PeerGroup, hammer},
    wake::{idle_cpu, wake_parked},
    work::{forks, pipeline},
    yields::yields,
};

use crate::runtime::{Runtime, run_as_task};
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Runs a workload once on a started runtime: a value for each of its figures.
///
/// # Errors
///
/// If the workload is unknown, or cannot be had on this system.
pub fn run<R: Runtime, G: Count>(
    name: &str,
    size: usize,
    workers: usize,
) -> Result<Vec<f64>, String> {
    // A workload that yields a time for each of its `size` operations.
    let each = |took: Duration| vec![took.as_nanos() as f64 / size as f64];
    let millis = |took: Duration| vec![took.as_secs_f64() * 1e3];
    let hammering = |tasks| {
        let took = timed::<R, _>(hammer::<R, G>(tasks, size / tasks));
        vec![took.as_nanos() as f64 / (size / tasks * tasks) as f64]
    };
    let abandoning = |tasks| {
        let took = timed::<R, _>(abandoned::<R>(tasks, size / tasks));
        vec![took.as_nanos() as f64 / (size / tasks * tasks) as f64]
    };
    let serving = |call, at_once| {
        let took = run_as_task::<R, _>(service::<R>(call, at_once, size));
        vec![took.as_secs_f64() * 1e6 / size as f64]
    };
    Ok(match name {
        "spawn-join" => each(timed::<R, _>(spawn_join::<R>(size))),
        "set-in-order" => each(timed::<R, _>(set_in_order::<R>(size))),
        "set-at-random" => each(timed::<R, _>(set_at_random::<R>(size))),
        "one-at-a-time-main" => {
            let start = Instant::now();
            R::block_on(one_at_a_time::<R>(size));
            each(start.elapsed())
        }
        "one-at-a-time-task" => each(timed::<R, _>(one_at_a_time::<R>(size))),
        "detached" => each(timed::<R, _>(detached::<R>(size))),
        "outside" => each(outside::<R>(size)),
        "chained" => each(timed::<R, _>(chained::<R>(size))),
        "skynet" => millis(timed::<R, _>(skynet::<R>(size))),
        "yields" => each(timed::<R, _>(yields::<R>(200, size / 200))),
        "pairs" => each(timed::<R, _>(pairs::<R>(size))),
        "ping-pong" => each(timed::<R, _>(ping_pong::<R>(size))),
        "fan-in" => each(timed::<R, _>(fan_in::<R>(8, size / 8))),
        "forks" => each(timed::<R, _>(forks::<R>(size))),
        "pipeline" => each(timed::<R, _>(pipeline::<R>(size))),
        "service-5us-64" => serving(Call::Announced(5), 64),
        "service-5us-256" => serving(Call::Announced(5), 256),
        "service-20us-64" => serving(Call::Announced(20), 64),
        "service-20us-256" => serving(Call::Announced(20), 256),
        "service-100us-64" => serving(Call::Announced(100), 64),
        "service-100us-256" => serving(Call::Announced(100), 256),
        "service-1ms-64" => serving(Call::Announced(1_000), 64),
        "service-1ms-256" => serving(Call::Announced(1_000), 256),
        "service-inline-5us-64" => serving(Call::Inline(5), 64),
        "service-inline-5us-256" => serving(Call::Inline(5), 256),
        "service-inline-20us-64" => serving(Call::Inline(20), 64),
        "service-inline-20us-256" => serving(Call::Inline(20), 256),
        "service-inline-100us-64" => serving(Call::Inline(100), 64),
        "service-inline-100us-256" => serving(Call::Inline(100), 256),
        "service-inline-1ms-64" => serving(Call::Inline(1_000), 64),
        "service-inline-1ms-256" => serving(Call::Inline(1_000), 256),
        "service-asleep-100us-64" => serving(Call::Asleep(100), 64),
        "wake-parked" => wake_parked::<R>(size),
        "idle-cpu" => vec![idle_cpu(Duration::from_millis(size as u64))?],
        "speed-up" => millis(timed::<R, _>(cpu_bound::<R>(size))),
        "ticker-asleep" => millis(ticker::<R>(workers, size, Blocker::Asleep)),
        "ticker-spinning" => millis(ticker::<R>(workers, size, Blocker::Spinning)),
        "sleeps" => sleeps::<R>(size, 100)?,
        "million-sleeps" => sleeps::<R>(size, 1_000)?,
        "lone-sleep" => lone_sleeps::<R>(size),
        "abandoned-sleep-1" => abandoning(1),
        "abandoned-sleep-2" => abandoning(2),
        "abandoned-sleep-8" => abandoning(8),
        "timeout" => each(timed::<R, _>(kept_limits::<R>(size))),
        "rss-pending" => vec![pending_tasks::<R>(size)?],
        "rss-sleeping" | "rss-sleeping-fewer" => vec![sleeping_tasks::<R>(size)?],
        "waitgroup-1" => hammering(1),
        "waitgroup-2" => hammering(2),
        "waitgroup-8" => hammering(8),
        _ => return Err(format!("there is no workload '{name}'")),
    })
}

/// How long a future takes as a task, as that task sees it: the way in and out is not counted.
fn timed<R: Runtime, F>(future: F) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    run_as_task::<R, _>(async move {
        let start = Instant::now();
        future.await;
        start.elapsed()
    })
}
