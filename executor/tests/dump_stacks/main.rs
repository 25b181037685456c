//! The promises of `Handle::dump_stacks`: on what the tasks wait is told for futures of every kind,
//! and whatever tasks do meanwhile, it is told in time, and nothing else changes.
#![cfg(all(feature = "dump", not(any(loom, shuttle))))]

#[path = "../common/mod.rs"]
mod common;

mod leaves;
mod load;
mod mischief;
#[cfg(all(feature = "signal", target_os = "linux"))]
mod signal;
mod silence;

use common::eventually;
use executor::{
    Executor, JoinHandle, TaskId,
    dump::{Dump, Stack, TaskInfo},
};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Far more than a dump takes.
const LONG: Duration = Duration::from_secs(20);

/// Longer than any test takes.
const HOUR: Duration = Duration::from_secs(3600);

/// For a dump that not all tasks answer.
const SHORT: Duration = Duration::from_millis(300);

/// One test at a time: dumps take turns in the whole process, and some tests give them little time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a dump says about a task.
#[track_caller]
fn info(dump: &Dump, id: TaskId) -> &TaskInfo {
    let found = dump.tasks().iter().find(|task| task.id() == id);
    found.unwrap_or_else(|| panic!("task {id} is not in\n{dump}"))
}

/// The stacks of a task that waits.
#[track_caller]
fn stacks<T>(own: &Executor, task: &JoinHandle<T>) -> Vec<Stack> {
    info(&own.handle().dump_stacks(LONG), task.id())
        .stacks()
        .to_vec()
}

/// Waits until all tasks that were spawned wait for something.
#[track_caller]
fn all_wait(own: &Executor, tasks: usize) {
    let mut metrics = own.metrics();
    let all_wait = || {
        metrics = own.metrics();
        metrics.suspended_tasks() == tasks && common::is_at_rest(&metrics)
    };
    eventually(format_args!("{tasks} tasks wait"), all_wait);
}
