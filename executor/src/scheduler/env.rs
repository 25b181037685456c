//! The environment variables that the executor reads. An empty one counts as unset.
//!
//! In a program with elevated rights (set-user-ID, capabilities) only `EXECUTOR_WORKERS` is heeded:
//! whoever starts such a program must not make it write, or say more than it would.

use std::{env, ffi::OsString, time::Duration};

/// `EXECUTOR_WORKERS`.
#[track_caller]
pub(crate) fn workers() -> Option<usize> {
    number(
        "EXECUTOR_WORKERS",
        "a positive integer, or unset for one worker per core",
    )
}

/// `EXECUTOR_SCHEDTRACE`: how often to print the scheduler's state.
#[track_caller]
pub(crate) fn trace_period() -> Option<Duration> {
    if has_elevated_rights() {
        return None;
    }
    let wanted = "a positive number of milliseconds, or unset for no trace";
    number("EXECUTOR_SCHEDTRACE", wanted).map(|ms| Duration::from_millis(ms as u64))
}

/// `EXECUTOR_TRACK`: whether all executors track their tasks.
#[track_caller]
pub(crate) fn tracks() -> bool {
    let choices = [("0", false), ("1", true)];
    choice("EXECUTOR_TRACK", &choices, "1, or 0, or unset").unwrap_or(false)
}

/// What is done when all tasks are found to be asleep for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDeadlock {
    Report,
    Abort,
    Nothing,
}

/// `EXECUTOR_DEADLOCK`: what is done when all tasks are found to be asleep for ever.
#[track_caller]
pub(crate) fn on_deadlock() -> OnDeadlock {
    if has_elevated_rights() {
        // A report says more of the program than who starts it need know.
        return OnDeadlock::Nothing;
    }
    let choices = [
        ("report", OnDeadlock::Report),
        ("abort", OnDeadlock::Abort),
        ("off", OnDeadlock::Nothing),
    ];
    let wanted = "report, abort or off, or unset for report";
    choice("EXECUTOR_DEADLOCK", &choices, wanted).unwrap_or(OnDeadlock::Report)
}

/// `EXECUTOR_SEED`: the seed of simulations.
#[track_caller]
pub(crate) fn seed() -> Option<u64> {
    integer(
        "EXECUTOR_SEED",
        "the seed of a simulation, an integer of 64 bits, or unset",
    )
}

/// `EXECUTOR_SEEDS`: how many seeds simulations try that try several.
#[track_caller]
pub(crate) fn seeds() -> Option<u64> {
    let wanted = "a positive number of seeds, or unset for what the program asks for";
    match integer("EXECUTOR_SEEDS", wanted) {
        Some(0) => panic!("EXECUTOR_SEEDS is 0, but must be {wanted}"),
        seeds => seeds,
    }
}

#[track_caller]
fn integer(name: &str, wanted: &str) -> Option<u64> {
    let value = text(name)?;
    match value.to_str().and_then(|text| text.parse().ok()) {
        None => panic!("{name} is {value:?}, but must be {wanted}"),
        number => number,
    }
}

/// The choice that a variable makes among some words.
#[track_caller]
pub(super) fn choice<T: Copy>(name: &str, choices: &[(&str, T)], wanted: &str) -> Option<T> {
    let value = text(name)?;
    let chosen = choices.iter().find(|(word, _)| value == *word);
    match chosen {
        Some((_, choice)) => Some(*choice),
        None => panic!("{name} is {value:?}, but must be {wanted}"),
    }
}

/// Whether a variable that is not the number of workers is set, and heeded.
#[cfg(not(all(feature = "signal", unix, not(shuttle))))]
pub(super) fn is_set(name: &str) -> bool {
    text(name).is_some()
}

/// The value of a variable, unless the program has elevated rights.
pub(super) fn text(name: &str) -> Option<OsString> {
    value(name).filter(|_| !has_elevated_rights())
}

fn value(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

#[track_caller]
fn number(name: &str, wanted: &str) -> Option<usize> {
    let value = value(name)?;
    let number = value.to_str().and_then(|text| text.parse().ok());
    match number {
        None | Some(0) => panic!("{name} is {value:?}, but must be {wanted}"),
        positive => positive,
    }
}

/// Whether the program has rights that its caller lacks, as the C library's `secure_getenv` has it.
#[cfg(target_os = "linux")]
fn has_elevated_rights() -> bool {
    // SAFETY: takes a number, and reads what the kernel has left for this process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// As above, where the system says so in another way.
#[cfg(all(unix, not(target_os = "linux")))]
fn has_elevated_rights() -> bool {
    // SAFETY: asks for a number of this process, and cannot fail.
    let (user, group) = (unsafe { libc::getuid() }, unsafe { libc::getgid() });
    // SAFETY: as above.
    let (acting_user, acting_group) = (unsafe { libc::geteuid() }, unsafe { libc::getegid() });
    (user, group) != (acting_user, acting_group)
}

/// There are no such programs.
#[cfg(not(unix))]
fn has_elevated_rights() -> bool {
    false
}
