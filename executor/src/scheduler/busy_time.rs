//! For how long a processor's thread has not been asleep.
//!
//! One word, written when the thread falls asleep and when it wakes up, and read by anybody:
//!
//! ```text
//!   asleep:  0 | the time so far
//!   busy:    1 | when it would have begun, had it been busy all the time since
//! ```

use std::sync::atomic::{AtomicU64, Ordering};

/// See the module's text. As with `Counter`, nobody decides by it: the atomic is std's in each
/// build.
#[derive(Default)]
pub(crate) struct BusyTime(AtomicU64);

const BUSY: u64 = 1 << 63;

impl BusyTime {
    /// The thread begins, or wakes up. For the one writer.
    pub(crate) fn begin(&self, now: u64) {
        // Ordering: Relaxed, here and below; it is for show, and one word tells all.
        let so_far = self.get(now);
        self.0.store(BUSY | (now - so_far), Ordering::Relaxed);
    }

    /// The thread falls asleep, or ends. For the one writer.
    pub(crate) fn end(&self, now: u64) {
        self.0.store(self.get(now), Ordering::Relaxed);
    }

    /// The time so far, in nanoseconds, if it is `now`.
    pub(crate) fn get(&self, now: u64) -> u64 {
        let word = self.0.load(Ordering::Relaxed);
        if word & BUSY == 0 {
            return word;
        }
        // Who reads it may have read the clock before the thread did.
        now.saturating_sub(word & !BUSY)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_while_the_thread_is_busy_and_stands_while_it_sleeps() {
        let time = BusyTime::default();
        assert_eq!(time.get(1_000), 0);
        time.begin(1_000);
        assert_eq!(time.get(1_030), 30);
        time.end(1_050);
        assert_eq!((time.get(1_060), time.get(9_000)), (50, 50));
        time.begin(9_000);
        assert_eq!(time.get(9_001), 51);
        assert_eq!(time.get(1), 0, "a clock that was read too early");
        time.end(9_100);
        assert_eq!(time.get(10_000), 150);
    }

    #[test]
    fn what_begins_or_ends_twice_is_counted_once() {
        let time = BusyTime::default();
        time.begin(1_000);
        time.begin(1_010);
        assert_eq!(time.get(1_020), 20);
        time.end(1_030);
        time.end(1_040);
        assert_eq!(time.get(2_000), 30);
    }
}
