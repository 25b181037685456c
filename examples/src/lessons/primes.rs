//! Which of the numbers from 1 to 900,000,000,000 are primes? All cores search.
//!
//! The numbers are cut into segments, and each segment is a task. Main starts
//! the tasks and adds up what they find. It lets no more tasks be under way than
//! keep every worker busy, so that memory does not grow with the limit.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use executor::Executor;
use indicatif::{ProgressBar, ProgressStyle};

use super::workers::Workers;
use crate::Result;
use crate::ending::on_interrupt;
use crate::sieve::{MAX_LIMIT, Scratch, Sieve};

/// Segments per worker, at least, if the limit is large enough. The last segments
/// end at different times; many small ones make that difference small.
const SEGMENTS_PER_WORKER: usize = 64;

/// Segments per worker that are under way at once: one is being sieved, and the
/// others wait, so that no worker has to wait for main.
const UNDER_WAY_PER_WORKER: usize = 4;

/// How long one worker sieves for the comparison, roughly. If it needs less for
/// the whole count, it repeats the whole count.
const COMPARISON: Duration = Duration::from_secs(2);

/// The shortest count that is compared. A shorter one is over before all workers
/// are awake, so its speed-up would say nothing.
const MEASURABLE: Duration = Duration::from_millis(10);

#[derive(Debug, Args)]
pub struct Options {
    /// Count the primes up to this number; underscores may group its digits
    #[arg(
        long,
        value_name = "N",
        default_value = "1_000_000_000",
        allow_hyphen_values = true,
        value_parser = parse_limit
    )]
    up_to: u64,

    #[command(flatten)]
    workers: Workers,
}

fn parse_limit(text: &str) -> std::result::Result<u64, String> {
    text.replace('_', "")
        .parse()
        .ok()
        .filter(|limit| *limit <= MAX_LIMIT)
        .ok_or_else(|| {
            format!(
                "the limit must be a whole number from 0 to {MAX_LIMIT}, \
             for example `--up-to 900000000000` or `--up-to 1_000_000`"
            )
        })
}

pub fn main(options: &Options) -> Result<()> {
    let executor = start(options.workers)?;
    let workers = executor.metrics().workers();

    let begin = Instant::now();
    let sieve = Arc::new(Sieve::new(options.up_to, workers * SEGMENTS_PER_WORKER));
    let bar = progress_bar(sieve.segments());
    let interrupted = bar.clone();
    on_interrupt(move || interrupted.finish_and_clear())?;
    let counting = Instant::now();
    let primes = executor.block_on(count(&sieve, 0..sieve.segments(), workers, &bar))?;
    let (counting, all) = (counting.elapsed(), begin.elapsed());
    bar.finish_and_clear();
    drop(executor);

    println!("{primes} primes up to {}", options.up_to);
    println!("time:     {:.3} s", all.as_secs_f64());
    println!("workers:  {workers}");
    println!("speed-up: {}", speed_up(&sieve, workers, counting)?);
    Ok(())
}

/// Starts an executor without stand-ins. Sieving is nothing but computing, so more
/// threads than workers would not help, however long a segment takes.
fn start(workers: Workers) -> Result<Executor> {
    workers.build(Executor::builder().handoff(false))
}

/// Counts the primes of these segments, each in a task of its own.
async fn count(
    sieve: &Arc<Sieve>,
    segments: impl Iterator<Item = u64>,
    workers: usize,
    bar: &ProgressBar,
) -> Result<u64> {
    let mut under_way = VecDeque::new();
    let mut primes = 0;
    for segment in segments {
        if under_way.len() == workers * UNDER_WAY_PER_WORKER
            && let Some(oldest) = under_way.pop_front()
        {
            primes += oldest.await?;
            bar.inc(1);
        }
        let sieve = Arc::clone(sieve);
        under_way.push_back(executor::spawn(count_segment(sieve, segment)));
    }
    for task in under_way {
        primes += task.await?;
        bar.inc(1);
    }
    Ok(primes)
}

async fn count_segment(sieve: Arc<Sieve>, segment: u64) -> u64 {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    // Nothing is awaited here, so the task stays on this thread.
    SCRATCH.with_borrow_mut(|scratch| sieve.count(segment, scratch))
}

/// Measures how much longer one worker takes than the `time` that `workers` took.
///
/// One worker would need minutes for a large limit. So it gets a sample: every
/// n-th segment, from the first to the last, because later segments take longer.
/// The time for all segments is computed from the sample.
fn speed_up(sieve: &Arc<Sieve>, workers: usize, time: Duration) -> Result<String> {
    if workers == 1 {
        return Ok("1.00 (this was one worker)".to_owned());
    }
    if time < MEASURABLE {
        return Ok("not measured: too little work; try `--up-to 1_000_000_000`".to_owned());
    }
    let segments = sieve.segments();
    let one_needs = time.as_secs_f64() * workers as f64;
    let every = (one_needs / COMPARISON.as_secs_f64()).ceil().max(1.0) as usize;
    let sample = || (0..segments).step_by(every);
    let share = sample().count() as f64 / segments as f64;

    let executor = start(Workers::new(Some(1)))?;
    let begin = Instant::now();
    executor.block_on(count(sieve, sample(), 1, &ProgressBar::hidden()))?;
    let one_needed = begin.elapsed().as_secs_f64() / share;

    let how = if every == 1 {
        "measured on all segments".to_owned()
    } else {
        format!("measured on a sample of {:.1} %", share * 100.0)
    };
    let speed_up = one_needed / time.as_secs_f64();
    Ok(format!(
        "{speed_up:.2} over one worker, which needs {one_needed:.3} s ({how})"
    ))
}

/// On standard error, and only if that is a terminal.
fn progress_bar(segments: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %, {elapsed} of {duration}")
        .expect("the template is well-formed");
    ProgressBar::new(segments).with_style(style)
}
