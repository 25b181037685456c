//! The primes once more, and what the workers did meanwhile: one of the tasks blocks its thread.
//!
//! ```go
//! func main() {
//!     trace.Start(file)       // runtime/trace; then: go tool trace file
//!     defer trace.Stop()
//!     // ...
//! }
//! ```
//!
//! A summary is printed. With `--write` all of it is in a file, which a browser shows: no server, no
//! network. A program need not be changed for that, either: with the feature `trace`,
//! `EXECUTOR_TRACE=trace.html` has any program leave such a file.

use std::{
    cell::RefCell,
    fs::File,
    path::{self, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use clap::Args;
use executor::{
    JoinSet, TaskBuilder,
    trace::{Trace, region},
};

use super::workers::Workers;
use crate::Result;
use crate::sieve::{Scratch, Sieve};

/// Up to which number, and how many there are: what takes about half a second, also without
/// optimization.
const UP_TO: u64 = if OPTIMIZED { 1_000_000_000 } else { 50_000_000 };
const PRIMES: u64 = if OPTIMIZED { 50_847_534 } else { 3_001_134 };
const OPTIMIZED: bool = !cfg!(debug_assertions);

/// Each segment is a task; there are fewer if they would be too small.
const SEGMENTS: usize = 400;

/// As a slow disk would have it. Ten milliseconds later a stand-in is there.
const SLOW: Duration = Duration::from_millis(300);

const SLOW_TASK: &str = "slow disk";

#[derive(Debug, Args)]
pub struct Options {
    /// Write it all to this file: .html for a browser, .json for Perfetto
    #[arg(long, value_name = "FILE", value_parser = parse_file)]
    write: Option<PathBuf>,

    #[command(flatten)]
    workers: Workers,
}

fn parse_file(text: &str) -> std::result::Result<PathBuf, String> {
    let file = PathBuf::from(text);
    match file.extension() {
        Some(extension) if extension == "html" || extension == "json" => Ok(file),
        _ => Err("its name must end in .html or .json, for example `--write trace.html`".into()),
    }
}

pub fn main(options: &Options) -> Result<()> {
    let executor = options.workers.executor()?;
    let recording = executor.handle().trace();
    let primes = executor.block_on(executor.spawn(count()))??;
    let trace = recording.snapshot();
    drop(executor);

    if primes != PRIMES {
        return Err(format!("{primes} primes up to {UP_TO}? There are {PRIMES}").into());
    }
    println!(
        "{primes} primes up to {UP_TO}, each segment in a task; and one task that blocks its thread for \
         {SLOW:?}.\n"
    );
    let summary = trace.summary();
    println!("{summary}");
    let mut longest = summary.longest_polls().iter();
    if longest.any(|poll| poll.name() == Some(SLOW_TASK)) {
        println!("Among the longest polls is `{SLOW_TASK}`, and the line that spawned it.");
    } else {
        println!("This machine is so busy that other polls took even longer than `{SLOW_TASK}`.");
    }
    match &options.write {
        Some(file) => write(&trace, file)?,
        None => println!("`goroutines trace --write trace.html` has a browser show it all."),
    }
    Ok(())
}

/// Counts the primes, in tasks.
async fn count() -> Result<u64> {
    let sieve = Arc::new(Sieve::new(UP_TO, SEGMENTS));
    let (mut segments, mut slow) = (JoinSet::new(), None);
    for segment in 0..sieve.segments() {
        let sieving = Arc::clone(&sieve);
        segments.spawn(async move { count_segment(&sieving, segment) });
        if segment == sieve.segments() / 10 {
            // It should say so, by `spawn_blocking`.
            let builder = TaskBuilder::new().name(SLOW_TASK);
            slow = Some(builder.spawn(async { region("read", || thread::sleep(SLOW)) }));
        }
    }
    let mut primes = 0;
    while let Some(count) = segments.join_next().await {
        primes += count?;
    }
    if let Some(slow) = slow {
        slow.await?;
    }
    Ok(primes)
}

fn count_segment(sieve: &Sieve, segment: u64) -> u64 {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    SCRATCH.with_borrow_mut(|scratch| sieve.count(segment, scratch))
}

fn write(trace: &Trace, file: &PathBuf) -> Result<()> {
    let is_page = file
        .extension()
        .is_some_and(|extension| extension == "html");
    let shown = path::absolute(file)?;
    let failed = |error| format!("`{}` could not be written: {error}", shown.display());
    let out = File::create(file).map_err(failed)?;
    if is_page {
        trace.write_html(out).map_err(failed)?;
        println!("\nOpen it in a browser: {}\n", shown.display());
        println!("- Each worker has a track, and each poll is a slice on it.");
        println!("- Search for `slow`: one slice is much longer than the others.");
        println!(
            "- Ten milliseconds after its begin it is handed off: another worker's track begins."
        );
        println!("- Arrows go from who wakes, or spawns, to the poll that comes of it.");
        println!("- The tasks were spawned on one worker. The others have stolen theirs.");
    } else {
        trace.write_chrome(out).map_err(failed)?;
        println!("\nOpen it at https://ui.perfetto.dev: {}", shown.display());
    }
    Ok(())
}
