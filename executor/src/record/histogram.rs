//! Times by their length, counted: one thread adds, anybody may look.
//!
//! The buckets are log-linear: each power of two is cut into eight, so a time is known to an eighth.
//! Times below eight nanoseconds have a bucket each.

use std::sync::atomic::{AtomicU64, Ordering};

/// As a power of two, the buckets in each power of two.
const FINE: u32 = 3;

/// As a power of two, the nanoseconds above which all times are in the last bucket: 73 minutes.
const TOP: u32 = 42;

/// The buckets.
pub(crate) const BUCKETS: usize = ((TOP - FINE + 2) << FINE) as usize;

/// The bucket of a time.
fn bucket_of(nanoseconds: u64) -> usize {
    let power = (nanoseconds | 1).ilog2();
    if power < FINE {
        return nanoseconds as usize;
    }
    let shift = power - FINE;
    let bucket = ((shift + 1) << FINE) as usize + (nanoseconds >> shift) as usize % (1 << FINE);
    bucket.min(BUCKETS - 1)
}

/// The shortest time in a bucket. That of the one after the last is no time's.
pub(crate) fn lowest_of(bucket: usize) -> u64 {
    let (coarse, fine) = (bucket >> FINE, bucket as u64 % (1 << FINE));
    match coarse.checked_sub(1) {
        None => fine,
        Some(shift) => (fine + (1 << FINE)) << shift,
    }
}

/// See the module's text. As with `Counter`, nobody decides by it: the atomics are std's in each
/// build.
pub(crate) struct Times {
    counts: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    longest: AtomicU64,
}

impl Times {
    pub(crate) fn new() -> Times {
        Times {
            counts: [const { AtomicU64::new(0) }; BUCKETS],
            sum: AtomicU64::new(0),
            longest: AtomicU64::new(0),
        }
    }

    /// Adds a time that stands for so many. For the one writer.
    pub(crate) fn add(&self, nanoseconds: u64, weight: u32) {
        // Ordering: Relaxed, here and below; numbers for show.
        let add = |to: &AtomicU64, more: u64| {
            to.store(
                to.load(Ordering::Relaxed).wrapping_add(more),
                Ordering::Relaxed,
            );
        };
        add(&self.counts[bucket_of(nanoseconds)], weight.into());
        add(&self.sum, nanoseconds.saturating_mul(weight.into()));
        if nanoseconds > self.longest.load(Ordering::Relaxed) {
            self.longest.store(nanoseconds, Ordering::Relaxed);
        }
    }
}

/// What several threads have counted, added up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sum {
    /// Of each bucket; none at all if no time was counted.
    pub(crate) counts: Vec<u64>,
    pub(crate) nanoseconds: u64,
    pub(crate) longest: u64,
}

impl Sum {
    /// Adds what one thread has counted.
    pub(crate) fn add(&mut self, times: &Times) {
        self.counts.resize(BUCKETS, 0);
        for (sum, count) in self.counts.iter_mut().zip(&times.counts) {
            *sum = sum.wrapping_add(count.load(Ordering::Relaxed));
        }
        let more = times.sum.load(Ordering::Relaxed);
        self.nanoseconds = self.nanoseconds.wrapping_add(more);
        self.longest = self.longest.max(times.longest.load(Ordering::Relaxed));
        // Who counts meanwhile may have come to the bucket, and not to the longest.
        let last = self.counts.iter().rposition(|&count| count > 0);
        self.longest = self.longest.max(last.map_or(0, lowest_of));
    }

    /// How many times were counted.
    pub(crate) fn count(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, &count| sum.wrapping_add(count))
    }

    /// A time that so many percent of those counted are not longer than: the longest of its bucket.
    pub(crate) fn percentile(&self, percent: f64) -> u64 {
        /// By so much less, what is a whole number but for the rounding of floats is one.
        const ALMOST: f64 = 1.0 - 1e-12;
        let count = self.count();
        let rank = percent * count as f64 / 100.0 * ALMOST;
        let rank = (rank.ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        for (bucket, &in_bucket) in self.counts.iter().enumerate() {
            seen += in_bucket;
            if seen >= rank {
                return self.highest_of(bucket);
            }
        }
        self.longest
    }

    /// The longest time in a bucket.
    pub(crate) fn highest_of(&self, bucket: usize) -> u64 {
        if bucket + 1 < BUCKETS {
            (lowest_of(bucket + 1) - 1).min(self.longest)
        } else {
            self.longest
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_in_the_bucket_between_whose_bounds_it_lies() {
        let times = (0..1_000).chain((0..TOP).flat_map(|power| {
            let about = 1_u64 << power;
            [about - 1, about, about + 1, about + about / 3]
        }));
        for time in times {
            let bucket = bucket_of(time);
            assert!(
                lowest_of(bucket) <= time && time < lowest_of(bucket + 1),
                "{time}"
            );
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn a_bucket_is_an_eighth_wide_at_most() {
        for bucket in 8..BUCKETS - 1 {
            let (lowest, next) = (lowest_of(bucket), lowest_of(bucket + 1));
            assert!(
                next > lowest && (next - lowest) * 8 <= lowest,
                "{lowest} to {next}"
            );
        }
    }

    #[test]
    fn percentiles_are_within_a_bucket_and_never_beyond_the_longest() {
        let times = Times::new();
        (1..=1_000).for_each(|i| times.add(i * 1_000, 1));
        let mut sum = Sum::default();
        sum.add(&times);
        assert_eq!((sum.count(), sum.longest), (1_000, 1_000_000));
        assert_eq!(sum.nanoseconds, 500_500_000);
        for (percent, exact) in [(1.0, 10_000), (50.0, 500_000), (99.0, 990_000)] {
            let found = sum.percentile(percent);
            assert!(
                (exact..=exact + exact / 8).contains(&found),
                "{percent}: {found}"
            );
        }
        assert_eq!(sum.percentile(100.0), 1_000_000);
        assert!((1_000..=1_125).contains(&sum.percentile(0.0)));
    }

    #[test]
    fn who_looks_while_a_time_is_counted_sees_none_below_its_bucket() {
        let (times, mut sum) = (Times::new(), Sum::default());
        times.add(10, 1);
        let bucket = bucket_of(1_000_000);
        times.counts[bucket].store(1, Ordering::Relaxed);
        sum.add(&times);
        let lowest = lowest_of(bucket);
        assert!(sum.highest_of(bucket) >= lowest && sum.percentile(100.0) >= lowest);
        assert!(sum.longest >= sum.percentile(100.0));
    }

    #[test]
    fn a_time_may_stand_for_several() {
        let (times, mut sum) = (Times::new(), Sum::default());
        times.add(100, 99);
        times.add(1_000_000, 1);
        sum.add(&times);
        assert_eq!(sum.count(), 100);
        assert!(sum.percentile(99.0) < 120);
        assert_eq!(sum.percentile(99.5), 1_000_000);
    }

    #[test]
    fn a_percentile_counts_exactly() {
        let (times, mut sum) = (Times::new(), Sum::default());
        times.add(1_000, 999);
        times.add(1_000_000_000, 1);
        sum.add(&times);
        assert!(sum.percentile(99.9) < 2_000, "999 of 1,000 are not longer");
        assert_eq!(sum.percentile(99.91), 1_000_000_000);
        for rank in 1..100 {
            let (times, mut sum) = (Times::new(), Sum::default());
            times.add(1_000, rank);
            times.add(1_000_000, 100 - rank);
            sum.add(&times);
            assert!(sum.percentile(f64::from(rank)) < 2_000, "{rank}");
            assert_eq!(sum.percentile(f64::from(rank) + 0.01), 1_000_000, "{rank}");
        }
    }

    #[test]
    fn of_nothing_there_is_no_percentile() {
        assert_eq!(
            (Sum::default().percentile(50.0), Sum::default().count()),
            (0, 0)
        );
    }
}
