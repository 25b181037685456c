//! The environment variables that the executor reads. An empty one counts as unset.
//!
//! In a program with elevated rights (set-user-ID, capabilities) only `EXECUTOR_WORKERS` is heeded:
//! whoever starts such a program must not make it write, or say more than it would.

use std::{env, time::Duration};

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

#[track_caller]
fn number(name: &str, wanted: &str) -> Option<usize> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
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
