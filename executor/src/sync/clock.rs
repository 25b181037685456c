//! Time as the timers count it: in nanoseconds, from an epoch long before the process.
//!
//! A `u64` of nanoseconds lasts for 584 years. What lies beyond counts as [`NEVER`], what lies
//! before the epoch as 0.
//!
//! On a thread that simulates, time is *virtual*: it is what the simulation has set it to.

use crate::sync::Instant;
#[cfg(not(shuttle))]
use std::sync::OnceLock;
use std::{cell::Cell, marker::PhantomData, time::Duration};

/// A deadline that does not come.
pub(crate) const NEVER: u64 = u64::MAX;

/// How long before the first call the epoch lies; the first of these that the system can express.
/// Earlier instants must fit: an interval may have been due before anybody asked for the time.
#[cfg(not(shuttle))]
const PAST: [Duration; 3] = [
    Duration::from_secs(10 * 365 * 24 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
    Duration::from_secs(60),
];

#[cfg(shuttle)]
fn epoch() -> Instant {
    Instant::START
}

#[cfg(not(shuttle))]
fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(|| {
        let now = Instant::now();
        let mut past = PAST.iter().filter_map(|&past| now.checked_sub(past));
        past.next().unwrap_or(now)
    })
}

std::thread_local! {
    /// The present of a thread that simulates; [`REAL`] on any other.
    static VIRTUAL: Cell<u64> = const { Cell::new(REAL) };
}

/// No virtual time.
const REAL: u64 = 0;

/// When a simulation begins: about when real time does in this process. Always the same, for what a
/// wheel does with a deadline depends on the time.
pub(crate) const VIRTUAL_START: u64 = 10 * 365 * 24 * 60 * 60 * 1_000_000_000;

/// Time on this thread is virtual until this is dropped.
pub(crate) struct VirtualTime(PhantomData<*const ()>);

impl VirtualTime {
    /// Begins at [`VIRTUAL_START`].
    pub(crate) fn begin() -> VirtualTime {
        assert!(!is_virtual(), "a simulation begins outside of others");
        VIRTUAL.set(VIRTUAL_START);
        VirtualTime(PhantomData)
    }

    /// Sets the present, which does not go back.
    pub(crate) fn set(&self, time: u64) {
        assert!(time >= VIRTUAL.get());
        VIRTUAL.set(time);
    }
}

impl Drop for VirtualTime {
    fn drop(&mut self) {
        VIRTUAL.set(REAL);
    }
}

/// Whether time is virtual on this thread.
#[inline]
pub(crate) fn is_virtual() -> bool {
    VIRTUAL.get() != REAL
}

/// The present.
pub(crate) fn now() -> u64 {
    if is_virtual() {
        return virtual_now();
    }
    real_now()
}

/// The present of threads that do not simulate.
pub(crate) fn real_now() -> u64 {
    since_epoch(Instant::now())
}

// Out of line, so that all that is added to what others do is a comparison.
#[cold]
#[inline(never)]
fn virtual_now() -> u64 {
    VIRTUAL.get()
}

/// The present, as an instant.
#[inline]
pub(crate) fn now_as_instant() -> Instant {
    if is_virtual() {
        return virtual_instant();
    }
    Instant::now()
}

#[cold]
#[inline(never)]
fn virtual_instant() -> Instant {
    instant(VIRTUAL.get())
}

/// The present; or a time in the recent past, if `deadline` has come neither then nor since. To know
/// that is enough for a timer that has long to go, and takes a fraction of the time.
pub(crate) fn now_or_before(deadline: u64) -> u64 {
    if is_virtual() {
        return virtual_now();
    }
    match coarse::now() {
        Some(past) if past.saturating_add(coarse::BEHIND) < deadline => past,
        _ => now(),
    }
}

/// The clock that Linux sets forward with its ticks, a few milliseconds at a time.
#[cfg(all(target_os = "linux", not(any(loom, shuttle))))]
mod coarse {
    use crate::sync::clock;
    use std::sync::OnceLock;

    /// How far it may be behind, with a margin, in nanoseconds. (If ticks stay out for longer, a
    /// timer that is over looks as if it were not, to whoever polls it before anybody has fired it.)
    pub(super) const BEHIND: u64 = 50_000_000;

    pub(super) fn now() -> Option<u64> {
        /// What the timers' time is ahead of the system's.
        static AHEAD: OnceLock<Option<u64>> = OnceLock::new();
        let ahead = AHEAD.get_or_init(|| {
            let now = clock::now();
            Some(now.wrapping_sub(read(libc::CLOCK_MONOTONIC)?))
        });
        Some(read(libc::CLOCK_MONOTONIC_COARSE)?.wrapping_add((*ahead)?))
    }

    fn read(clock: libc::clockid_t) -> Option<u64> {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: it writes to `time`, which is ours.
        let ok = unsafe { libc::clock_gettime(clock, &raw mut time) } == 0;
        let seconds = u64::try_from(time.tv_sec).ok()?;
        let nanoseconds = u64::try_from(time.tv_nsec).ok()?;
        ok.then(|| seconds * 1_000_000_000 + nanoseconds)
    }
}

#[cfg(not(all(target_os = "linux", not(any(loom, shuttle)))))]
mod coarse {
    pub(super) const BEHIND: u64 = 0;

    pub(super) fn now() -> Option<u64> {
        None
    }
}

/// An instant as timers count it.
pub(crate) fn since_epoch(instant: Instant) -> u64 {
    nanoseconds(instant.saturating_duration_since(epoch()))
}

/// The instant that timers count as `time`. If the system cannot express it, one that is far enough
/// away for any deadline.
pub(crate) fn instant(time: u64) -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    let epoch = epoch();
    epoch
        .checked_add(Duration::from_nanos(time))
        .unwrap_or_else(|| epoch + THIRTY_YEARS)
}

/// A duration in nanoseconds; [`NEVER`] if they are too many for a `u64`.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_survive_the_way_there_and_back() {
        let soon = Instant::now() + Duration::from_nanos(1_234_567_891);
        assert_eq!(instant(since_epoch(soon)), soon);
    }

    #[test]
    fn a_time_in_the_past_is_told_only_for_what_lies_ahead() {
        const HOUR: u64 = 3_600_000_000_000;
        for _ in 0..1_000 {
            let before = now();
            let past = now_or_before(before + HOUR);
            assert!(past <= now() && before - past.min(before) < HOUR / 2);
            let deadline = now();
            assert!(now_or_before(deadline) >= deadline, "it is over");
        }
    }

    #[test]
    fn nothing_overflows() {
        assert_eq!(nanoseconds(Duration::MAX), NEVER);
        assert_eq!(nanoseconds(Duration::from_nanos(u64::MAX)), NEVER);
        assert!(instant(NEVER) > Instant::now() + Duration::from_secs(1 << 30));
        let long_ago = epoch().checked_sub(Duration::from_nanos(1));
        assert_eq!(long_ago.map_or(0, since_epoch), 0);
    }
}
