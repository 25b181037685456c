//! Time as the timers count it: in nanoseconds, from an epoch long before the process.
//!
//! A `u64` of nanoseconds lasts for 584 years. What lies beyond counts as [`NEVER`], what lies
//! before the epoch as 0.

use crate::sync::Instant;
#[cfg(not(shuttle))]
use std::sync::OnceLock;
use std::time::Duration;

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

/// The present.
pub(crate) fn now() -> u64 {
    since_epoch(Instant::now())
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
    fn nothing_overflows() {
        assert_eq!(nanoseconds(Duration::MAX), NEVER);
        assert_eq!(nanoseconds(Duration::from_nanos(u64::MAX)), NEVER);
        assert!(instant(NEVER) > Instant::now() + Duration::from_secs(1 << 30));
        let long_ago = epoch().checked_sub(Duration::from_nanos(1));
        assert_eq!(long_ago.map_or(0, since_epoch), 0);
    }
}
