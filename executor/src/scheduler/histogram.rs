//! What users see of measured times. How they are counted: `record::histogram`.

use crate::record::histogram::{Sum, Times, lowest_of};
use std::{fmt, ops::RangeInclusive, time::Duration};

/// How long something takes, measured often: poll by poll, or wake-up by wake-up.
/// [`Metrics::poll_times`](crate::Metrics::poll_times) and
/// [`Metrics::wake_latencies`](crate::Metrics::wake_latencies) return it.
///
/// It has counts since the start of the executor, in buckets that are not wider than an eighth of the
/// times in them. The counts are estimates, for not everything is measured: of short polls one of 488
/// by chance, and that counts for 488. Unless [`Builder::measure_every`](crate::Builder::measure_every)
/// has it otherwise.
///
/// # Examples
///
/// ```
/// let executor = executor::Executor::builder().measure_every(1).build()?;
/// executor.block_on(executor.spawn(executor::yield_now()))?;
/// let times = executor.metrics().poll_times();
/// assert!(times.count() >= 1);
/// println!("half of {} polls take up to {:?}", times.count(), times.percentile(50.0));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
#[must_use = "a histogram does nothing by itself"]
pub struct Histogram(Sum);

/// Times of about the same length. [`Histogram::buckets`] returns them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    times: RangeInclusive<Duration>,
    count: u64,
}

impl Bucket {
    /// Returns the shortest and the longest time that is in it.
    #[must_use]
    pub fn times(&self) -> RangeInclusive<Duration> {
        self.times.clone()
    }

    /// Returns how many are in it.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl Histogram {
    /// Adds up what several threads have counted.
    pub(super) fn of<'a>(all: impl Iterator<Item = &'a Times>) -> Histogram {
        let mut sum = Sum::default();
        all.for_each(|times| sum.add(times));
        Histogram(sum)
    }

    /// Returns how many there were, measured or not.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.count()
    }

    /// Returns the longest time that was measured; zero if none was.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.0.longest)
    }

    /// Returns how long all of them took together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.0.nanoseconds)
    }

    /// Returns a time that so many percent of them did not exceed: `percentile(50.0)` is the median.
    /// It is the longest time of a bucket, and so up to an eighth too long; zero if none was measured.
    ///
    /// # Panics
    ///
    /// If `percent` is not from 0 to 100.
    #[must_use]
    #[track_caller]
    pub fn percentile(&self, percent: f64) -> Duration {
        assert!(
            (0.0..=100.0).contains(&percent),
            "a percentile is from 0.0 to 100.0, and not {percent}"
        );
        Duration::from_nanos(self.0.percentile(percent))
    }

    /// Returns the buckets that have any, the shortest times first.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        let counts = self.0.counts.iter().enumerate();
        let filled = counts.filter(|(_, count)| **count > 0);
        filled.map(|(bucket, &count)| Bucket {
            times: Duration::from_nanos(lowest_of(bucket))
                ..=Duration::from_nanos(self.0.highest_of(bucket)),
            count,
        })
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("p50", &self.percentile(50.0))
            .field("p99", &self.percentile(99.0))
            .field("max", &self.max())
            .finish()
    }
}
