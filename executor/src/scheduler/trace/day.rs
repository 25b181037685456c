//! A moment as people write it.

use std::time::{SystemTime, UNIX_EPOCH};

/// The moment by the clock of Greenwich: `2026-11-30T11:30:00Z`. `None` if the system cannot say.
#[cfg(unix)]
pub(super) fn rfc3339(moment: SystemTime) -> Option<String> {
    use std::mem::MaybeUninit;
    let seconds = moment.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let seconds = libc::time_t::try_from(seconds).ok()?;
    let mut parts = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: it reads a number, and writes to `parts`, which is ours.
    let known = unsafe { libc::gmtime_r(&raw const seconds, parts.as_mut_ptr()) };
    if known.is_null() {
        return None;
    }
    // SAFETY: it has been written.
    let parts = unsafe { parts.assume_init() };
    Some(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        parts.tm_year + 1900,
        parts.tm_mon + 1,
        parts.tm_mday,
        parts.tm_hour,
        parts.tm_min,
        parts.tm_sec
    ))
}

/// Nobody is asked.
#[cfg(not(unix))]
pub(super) fn rfc3339(_: SystemTime) -> Option<String> {
    None
}

#[cfg(all(test, unix, not(shuttle)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn moments_are_written_by_the_clock_of_greenwich() {
        let moment = UNIX_EPOCH + Duration::from_secs(1_709_210_096);
        assert_eq!(rfc3339(moment).unwrap(), "2024-02-29T12:34:56Z");
    }
}
