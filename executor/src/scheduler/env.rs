//! The environment variables that the executor reads. An empty one counts as unset.

use std::{env, time::Duration};

/// `EXECUTOR_WORKERS`, else the number of cores that this process may use.
#[track_caller]
pub(crate) fn workers() -> usize {
    number(
        "EXECUTOR_WORKERS",
        "a positive integer, or unset for one worker per core",
    )
    .unwrap_or_else(num_cpus::get)
}

/// `EXECUTOR_SCHEDTRACE`: how often to print the scheduler's state.
#[track_caller]
pub(crate) fn trace_period() -> Option<Duration> {
    let wanted = "a positive number of milliseconds, or unset for no trace";
    number("EXECUTOR_SCHEDTRACE", wanted).map(|ms| Duration::from_millis(ms as u64))
}

#[track_caller]
fn number(name: &str, wanted: &str) -> Option<usize> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    let number = value.to_str().and_then(|text| text.parse().ok());
    match number {
        None | Some(0) => panic!("{name} is {value:?}, but must be {wanted}"),
        positive => positive,
    }
}
