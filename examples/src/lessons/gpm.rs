//! The scheduler at work, drawn from its own counters.
//!
//! Go's three letters: G is a task, M a thread, P a processor, which has a local
//! queue of tasks. Each worker has a P.
//!
//! Tasks that do not fit into a local queue overflow to the global queue. A P that
//! has nothing to do takes from there, or steals half of another P's local queue.
//!
//! When a thread blocks, a stand-in goes on with the tasks: at once if the thread
//! announces that it blocks, else when the monitor has noticed.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use ::waitgroup::WaitGroup;
use clap::Args;
use executor::{Executor, Handle, Metrics, block_in_place, spawn};

use super::ticker::{Blocker, tick_beside};
use super::workers::parse_workers;
use crate::Result;

/// Tasks in the burst: many times what a local queue holds.
const BURST: u64 = 2_000;

/// Tasks that come while all workers are blocked.
const LATECOMERS: usize = 8;

/// How long each blocked thread sleeps: an age, to a scheduler.
const BLOCKED_FOR: Duration = Duration::from_millis(300);

/// The longest bar, in characters.
const BAR: u64 = 40;

#[derive(Debug, Args)]
pub struct Options {
    /// Use this many workers
    #[arg(
        long,
        value_name = "N",
        default_value = "4",
        allow_hyphen_values = true,
        value_parser = parse_workers
    )]
    workers: usize,
}

pub fn main(options: &Options) -> Result<()> {
    let workers = options.workers;
    let executor = Executor::builder().workers(workers).build()?;
    println!("{workers} workers, each with a P: P0 to P{}.", workers - 1);

    println!(
        "\n[1] A task starts {BURST} others, and goes on running itself. Tasks waiting then:\n"
    );
    let running = WaitGroup::new();
    let in_burst = executor.block_on(executor.spawn(burst(running.clone())))?;
    draw_queues(&in_burst);

    println!("\n[2] All {BURST} have run. Who ran them and the one that started them:\n");
    executor.block_on(running.wait());
    let after_burst = executor.metrics();
    draw_polls(&after_burst, None);

    println!(
        "\n[3] {workers} tasks say that they block (`block_in_place`), and {LATECOMERS} more \
         tasks come:\n"
    );
    draw_threads("before", &after_burst);
    let blocked_since = Instant::now();
    let sleepers = block_all(&executor, workers);
    let latecomers_took = run_latecomers(&executor);
    let while_blocked = executor.metrics();
    draw_threads("blocked", &while_blocked);
    executor.block_on(sleepers.wait());
    let slept = blocked_since.elapsed();
    let afterwards = executor.metrics();
    draw_threads("after", &afterwards);
    println!(
        "\n    The {LATECOMERS} took {:.1} ms, the blocked ones {:.1} ms. Who ran which:\n",
        millis(latecomers_took),
        millis(slept)
    );
    draw_polls(&afterwards, Some(&after_burst));

    println!(
        "\n[4] {workers} tasks block for {} ms and do not say so, while another ticks every 5 ms:\n",
        BLOCKED_FOR.as_millis()
    );
    draw_tickers(&executor, workers)?;
    println!("\n    Stand-ins that nobody needs any more sleep, and end after 10 s.");
    Ok(())
}

/// Draws how late a ticker is beside tasks that block, with hand-off and without.
fn draw_tickers(executor: &Executor, workers: usize) -> Result<()> {
    let fixed = Executor::builder()
        .workers(workers)
        .handoff(false)
        .build()?;
    println!(
        "    {:9} {:17} {:>15} {:>12} {:>8}",
        "hand-off", "they", "worst tick late", "hand-offs", "threads"
    );
    for (on, word) in [(executor, "on"), (&fixed, "off")] {
        for (blocker, they) in [(Blocker::Asleep, "sleep"), (Blocker::Computing, "compute")] {
            let seen = tick_beside(on, workers, blocker, BLOCKED_FOR)?;
            println!(
                "    {word:9} {they:17} {:>12.1} ms {:>12} {:>8}",
                millis(seen.worst),
                seen.handoffs,
                seen.threads
            );
        }
    }
    Ok(())
}

/// Starts the tasks of the burst. Returns where they wait when all are started.
async fn burst(running: WaitGroup) -> Metrics {
    for _ in 0..BURST {
        spawn(running.track(compute()));
    }
    Handle::current().metrics()
}

/// Works for some ten microseconds.
async fn compute() {
    for i in 0..10_000 {
        black_box(i);
    }
}

/// Blocks as many threads as there are workers, and returns when all are asleep.
fn block_all(executor: &Executor, workers: usize) -> WaitGroup {
    let (asleep, sleepers) = (WaitGroup::new(), WaitGroup::new());
    for _ in 0..workers {
        let falls_asleep = asleep.guard();
        executor.spawn(sleepers.track(async move {
            block_in_place(|| {
                drop(falls_asleep);
                thread::sleep(BLOCKED_FOR);
            });
        }));
    }
    executor.block_on(asleep.wait());
    sleepers
}

fn run_latecomers(executor: &Executor) -> Duration {
    let begin = Instant::now();
    let latecomers = WaitGroup::new();
    for _ in 0..LATECOMERS {
        executor.spawn(latecomers.track(compute()));
    }
    executor.block_on(latecomers.wait());
    begin.elapsed()
}

/// Draws where tasks wait: the global queue and each P's local queue.
fn draw_queues(metrics: &Metrics) {
    let global = metrics.global_queue_len() as u64;
    let locals = || {
        metrics
            .processors()
            .iter()
            .map(|p| (p.index(), p.local_queue_len() as u64))
    };
    let longest = locals().map(|(_, len)| len).fold(global, u64::max);
    println!(
        "    {:12} {} {global}",
        "global queue",
        bar(global, longest)
    );
    for (index, len) in locals() {
        println!(
            "    {:12} {} {len}",
            name(metrics, index),
            bar(len, longest)
        );
    }
    let overflows: u64 = metrics.processors().iter().map(|p| p.overflows()).sum();
    println!(
        "    A local queue was full, and half of it moved to the global one, {overflows} times."
    );
}

/// Draws how many tasks each P ran (since `since`), and where it got them.
fn draw_polls(metrics: &Metrics, since: Option<&Metrics>) {
    let earlier = |index: usize| {
        since.and_then(|since| since.processors().iter().find(|p| p.index() == index))
    };
    let rows: Vec<_> = metrics
        .processors()
        .iter()
        .map(|p| {
            let delta = |count: fn(&executor::ProcessorMetrics) -> u64| {
                count(p) - earlier(p.index()).map_or(0, count)
            };
            let stolen = (delta(|p| p.stolen_tasks()), delta(|p| p.steals()));
            (
                p.index(),
                delta(|p| p.polls()),
                delta(|p| p.global_tasks()),
                stolen,
            )
        })
        .collect();
    let most = rows.iter().map(|(_, polls, ..)| *polls).max().unwrap_or(0);
    println!(
        "    {:12} {:42} {:>5} {:>11} {:>15}",
        "", "", "ran", "from global", "stolen (steals)"
    );
    for (index, polls, global, (stolen, steals)) in rows {
        let stolen = format!("{stolen} ({steals})");
        let name = name(metrics, index);
        println!(
            "    {name:12} {} {polls:>5} {global:>11} {stolen:>15}",
            bar(polls, most)
        );
    }
}

/// Draws a box for each thread, with what the thread does.
fn draw_threads(when: &str, metrics: &Metrics) {
    let blocked = metrics.blocked_threads();
    let others = metrics.threads().saturating_sub(blocked);
    let stand_ins = metrics.threads().saturating_sub(metrics.workers());
    println!(
        "    {when:8} {}{}  {} threads: {blocked} blocked, {stand_ins} stand-in; {} hand-offs so far",
        "[zzz]".repeat(blocked),
        "[ M ]".repeat(others),
        metrics.threads(),
        metrics.handoffs(),
    );
}

fn name(metrics: &Metrics, index: usize) -> String {
    let is_worker = index < metrics.workers();
    if is_worker {
        format!("P{index}")
    } else {
        format!("stand-in {index}")
    }
}

fn bar(value: u64, longest: u64) -> String {
    let filled = (value * BAR).div_ceil(longest.max(1)) as usize;
    format!("|{:40}|", "#".repeat(filled))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
