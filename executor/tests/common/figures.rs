//! What the system says of this process.

use std::{env, fs};

/// Threads of this process, or only those with that name.
#[cfg(target_os = "linux")]
pub fn threads(name: Option<&str>) -> usize {
    let tasks = fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(Result::ok);
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names
        .filter(|comm| name.is_none_or(|name| comm.trim_end() == name))
        .count()
}

/// Open files of this process.
#[cfg(target_os = "linux")]
pub fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Whether a sanitizer runs along, as who starts the tests says: its own memory, and what it holds
/// back of ours that has been freed, must not be measured.
pub fn sanitized() -> bool {
    env::var_os("EXECUTOR_TEST_SANITIZED").is_some()
}

/// Bytes of memory that are resident.
#[cfg(target_os = "linux")]
pub fn resident_bytes() -> usize {
    number_after(&fs::read_to_string("/proc/self/status").unwrap(), "VmRSS:") << 10
}

/// The sum over all threads of (nanoseconds on a CPU, times they went to sleep).
#[cfg(target_os = "linux")]
pub fn activity() -> (u64, usize) {
    let mut sum = (0, 0);
    for task in fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(Result::ok)
    {
        let on_cpu = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let on_cpu = on_cpu
            .split_whitespace()
            .next()
            .and_then(|ns| ns.parse::<u64>().ok());
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        sum.0 += on_cpu.unwrap_or(0);
        sum.1 += number_after(&status, "\nvoluntary_ctxt_switches:");
    }
    sum
}

#[cfg(target_os = "linux")]
fn number_after(text: &str, key: &str) -> usize {
    let rest = text.split_once(key).map_or("0", |(_, rest)| rest);
    rest.split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}
