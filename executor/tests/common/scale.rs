//! How hard the stress tests try, and on how many workers: the environment's part in it.

use std::{env, sync::OnceLock};

/// The numbers of workers that a test is run with: one and two, or the one that `EXECUTOR_WORKERS`
/// asks for, as `.ci/run` does for 8 and for 64.
pub fn worker_counts() -> Vec<usize> {
    match number("EXECUTOR_WORKERS") {
        Some(workers) => vec![workers],
        None => vec![1, 2],
    }
}

/// A number of workers for a test that makes executors by the thousand: 1 or 2 by turns, or the one
/// that `EXECUTOR_WORKERS` asks for, but no crowd.
pub fn few_workers(round: usize) -> usize {
    number("EXECUTOR_WORKERS").map_or(1 + round % 2, |workers| workers.min(8))
}

/// A factor for the rounds of a race: a release build tries harder, and `EXECUTOR_TEST_EFFORT`
/// times as hard as that.
pub fn effort() -> usize {
    let build = if cfg!(debug_assertions) { 2 } else { 6 };
    build * asked_effort()
}

/// `EXECUTOR_TEST_EFFORT`: what is tried so often takes as many times as long.
pub fn asked_effort() -> usize {
    static ASKED: OnceLock<usize> = OnceLock::new();
    *ASKED.get_or_init(|| number("EXECUTOR_TEST_EFFORT").unwrap_or(1))
}

/// Says, for `scripts/marathon` to add up, how many of something a test has come through.
pub fn total(count: usize, what: &str) {
    println!("\ntotal: {count} {what}");
}

/// A positive number from the environment; empty counts as unset.
fn number(name: &str) -> Option<usize> {
    let text = env::var(name).ok().filter(|text| !text.is_empty())?;
    let number = text.parse().ok().filter(|number| *number > 0);
    Some(number.unwrap_or_else(|| panic!("{name}={text} is no positive number")))
}
