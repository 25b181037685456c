//! A hundred thousand tasks, all alive at once. Threads could not do that.
//!
//! Every task reports that it is there, waits at a gate, and reports that it is
//! done. Each of the three is a `WaitGroup`: main waits for the reports, the tasks
//! wait for the gate.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use ::waitgroup::{Guard, WaitGroup};
use clap::Args;
use memory_stats::memory_stats;

use super::workers::Workers;
use crate::Result;

/// The largest accepted number of tasks: ten times what 24 GiB are known to hold.
const MAX_TASKS: usize = 100_000_000;

#[derive(Debug, Args)]
pub struct Options {
    /// Start this many tasks; underscores may group the digits
    #[arg(
        long,
        value_name = "N",
        default_value = "100_000",
        allow_hyphen_values = true,
        value_parser = parse_tasks
    )]
    tasks: usize,

    #[command(flatten)]
    workers: Workers,
}

fn parse_tasks(text: &str) -> std::result::Result<usize, String> {
    let tasks = text.replace('_', "").parse().ok();
    tasks
        .filter(|tasks| (1..=MAX_TASKS).contains(tasks))
        .ok_or_else(|| {
            format!(
                "the number of tasks must be from 1 to {MAX_TASKS}, \
             for example `--tasks 100000` or `--tasks 1_000_000`"
            )
        })
}

// Counted beside the WaitGroups, so that the printed figures prove something.
// Ordering: Relaxed; what comes before a guard's drop is visible after the `wait`.
static BEGUN: AtomicUsize = AtomicUsize::new(0);
static ENDED: AtomicUsize = AtomicUsize::new(0);

async fn task(arrived: Guard, gate: WaitGroup, _finished: Guard) {
    BEGUN.fetch_add(1, Ordering::Relaxed);
    drop(arrived);
    gate.wait().await;
    ENDED.fetch_add(1, Ordering::Relaxed);
}

pub fn main(options: &Options) -> Result<()> {
    options.workers.executor()?.block_on(async {
        let begin = Instant::now();
        let (arrived, gate, finished) = (WaitGroup::new(), WaitGroup::new(), WaitGroup::new());
        let closed = gate.guard();

        let before = resident_bytes();
        for _ in 0..options.tasks {
            executor::spawn(task(arrived.guard(), gate.clone(), finished.guard()));
        }
        arrived.wait().await;

        let alive = BEGUN.load(Ordering::Relaxed) - ENDED.load(Ordering::Relaxed);
        println!("{alive} tasks alive at once");
        match before.zip(resident_bytes()) {
            Some((before, now)) => println!(
                "{} bytes a task (resident memory; the task and what it holds to wait at the gate)",
                now.saturating_sub(before) / options.tasks
            ),
            None => println!("this system does not tell how much memory is resident"),
        }

        drop(closed);
        finished.wait().await;
        let ended = ENDED.load(Ordering::Relaxed);
        println!(
            "{ended} tasks finished, {:.3} s in all",
            begin.elapsed().as_secs_f64()
        );
        if (alive, ended) != (options.tasks, options.tasks) {
            return Err(format!("{} tasks were started", options.tasks).into());
        }
        Ok(())
    })
}

/// Returns how much memory of this process is resident.
fn resident_bytes() -> Option<usize> {
    memory_stats().map(|stats| stats.physical_mem)
}
