//! Ticks at a fixed distance.

use super::{Sleep, now, sleep_until};
use crate::sync::{Instant, clock};
use futures_core::Stream;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

/// Returns ticks that come every `period`, the first of them at once.
///
/// This call allocates once; the ticks allocate nothing.
///
/// # Panics
///
/// If `period` is zero.
///
/// # Examples
///
/// ```
/// use executor::time::interval;
/// use std::time::{Duration, Instant};
///
/// executor::block_on(async {
///     let start = Instant::now();
///     let mut ticks = interval(Duration::from_millis(5));
///     for _ in 0..3 {
///         ticks.tick().await;
///     }
///     assert!(start.elapsed() >= Duration::from_millis(10));
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(now(), period)
}

/// Returns ticks that come every `period`, the first of them at `start`.
///
/// # Panics
///
/// If `period` is zero.
///
/// # Examples
///
/// ```
/// use executor::time::interval_at;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now() + Duration::from_millis(5);
/// let mut ticks = interval_at(start, Duration::from_secs(1));
/// assert_eq!(executor::block_on(ticks.tick()), start);
/// assert!(Instant::now() >= start);
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(
        !period.is_zero(),
        "the period of an interval must not be zero: use `yield_now` to go on at once, but let \
         others run"
    );
    Interval {
        next: Box::pin(sleep_until(start)),
        period,
        missed_tick_behavior: MissedTickBehavior::default(),
    }
}

/// Says what an [`Interval`] does when its user came too late for a tick. The choices are tokio's.
///
/// "Too late" means by more than five milliseconds. A user who is late by less is taken to be in
/// time, and the schedule stands.
///
/// In this picture a tick is due at each `|`. The user takes the first two in time, then works for
/// two and a half periods, and takes all further ticks as soon as they come. The digits number the
/// ticks that the user gets.
///
/// ```text
/// due:    |         |         |         |         |         |         |
/// user:             [ works for long         ]
/// Burst:  1         2                        34   5         6         7
/// Delay:  1         2                        3         4         5
/// Skip:   1         2                        3    4         5         6
/// ```
///
/// # Examples
///
/// ```
/// use executor::time::{MissedTickBehavior, interval};
/// use std::time::Duration;
///
/// let mut ticks = interval(Duration::from_secs(1));
/// ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
/// assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Skip);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum MissedTickBehavior {
    /// Gives the missed ticks at once, one after the other, until the schedule is caught up with.
    #[default]
    Burst,
    /// Gives the next tick a whole period after the late one: the schedule begins anew.
    Delay,
    /// Leaves the missed ticks out, and goes on with the schedule.
    Skip,
}

/// A tick that is taken later than this is a missed one.
const LATE: Duration = Duration::from_millis(5);

impl MissedTickBehavior {
    /// Returns the tick after one that was due at `due` and is taken `now`; `None` if that is
    /// beyond all time.
    fn next(self, due: Instant, now: Instant, period: Duration) -> Option<Instant> {
        let late_by = now.saturating_duration_since(due);
        if late_by <= LATE {
            return due.checked_add(period);
        }
        match self {
            MissedTickBehavior::Burst => due.checked_add(period),
            MissedTickBehavior::Delay => now.checked_add(period),
            MissedTickBehavior::Skip => now.checked_add(period - remainder(late_by, period)),
        }
    }
}

/// Returns how much of the current period is over, `elapsed` after the beginning of some period.
fn remainder(elapsed: Duration, period: Duration) -> Duration {
    // Less than the period, which is a `Duration`: so seconds and nanoseconds both fit.
    let remainder = elapsed.as_nanos() % period.as_nanos();
    Duration::new(
        (remainder / 1_000_000_000) as u64,
        (remainder % 1_000_000_000) as u32,
    )
}

/// The ticks that [`interval`] and [`interval_at`] return. Take them by [`tick`](Interval::tick),
/// or as a [`Stream`].
///
/// An interval is like Go's `time.Ticker`, with these differences:
///
/// * The first tick of [`interval`] comes at once, Go's after one period. For a later one, say
///   `interval_at(Instant::now() + period, period)`.
/// * By default, ticks that nobody took in time are made up for; Go drops them.
///   [`MissedTickBehavior`] has the other choices.
/// * A tick yields the instant at which it was due; Go's yields the time at which it was sent.
///
/// # Examples
///
/// ```
/// use executor::time::interval;
/// use futures::StreamExt;
/// use std::time::Duration;
///
/// let ticks = interval(Duration::from_millis(2)).take(3).count();
/// assert_eq!(executor::block_on(ticks), 3);
/// ```
#[derive(Debug)]
#[must_use = "an interval does nothing unless its ticks are awaited"]
pub struct Interval {
    /// Boxed, so that the interval itself can be moved.
    next: Pin<Box<Sleep>>,
    period: Duration,
    missed_tick_behavior: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick, and returns the instant at which the tick was due.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no tick.
    ///
    /// ```
    /// let mut ticks = executor::time::interval(std::time::Duration::from_secs(60));
    /// executor::block_on(ticks.tick()); // the first comes at once
    /// ```
    pub fn tick(&mut self) -> Tick<'_> {
        Tick { interval: self }
    }

    /// Polls for the next tick, as the future of [`tick`](Interval::tick) does.
    ///
    /// ```
    /// use std::{future::poll_fn, time::Duration};
    ///
    /// let mut ticks = executor::time::interval(Duration::from_secs(60));
    /// executor::block_on(poll_fn(|cx| ticks.poll_tick(cx)));
    /// ```
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.next.as_mut().poll(cx));
        let due = self.next.deadline();
        let next = self.missed_tick_behavior.next(due, now(), self.period);
        self.schedule(next);
        Poll::Ready(due)
    }

    /// Begins the schedule anew: the next tick comes a whole period from now.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let period = Duration::from_millis(5);
    /// let mut ticks = executor::time::interval(period);
    /// let start = Instant::now();
    /// ticks.reset();
    /// executor::block_on(ticks.tick());
    /// assert!(start.elapsed() >= period);
    /// ```
    pub fn reset(&mut self) {
        self.schedule(now().checked_add(self.period));
    }

    /// Begins the schedule anew: the next tick comes at once.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let mut ticks = executor::time::interval(Duration::from_secs(60));
    /// let start = Instant::now();
    /// executor::block_on(ticks.tick());
    /// ticks.reset_immediately();
    /// executor::block_on(ticks.tick());
    /// assert!(start.elapsed() < Duration::from_secs(60));
    /// ```
    pub fn reset_immediately(&mut self) {
        self.schedule(Some(now()));
    }

    /// Begins the schedule anew: the next tick comes after so long a time, and those behind it a
    /// period later each. A time that is beyond all time never comes.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let mut ticks = executor::time::interval(Duration::from_secs(60));
    /// let start = Instant::now();
    /// ticks.reset_after(Duration::from_millis(5));
    /// executor::block_on(ticks.tick());
    /// assert!(start.elapsed() >= Duration::from_millis(5));
    /// ```
    pub fn reset_after(&mut self, after: Duration) {
        self.schedule(now().checked_add(after));
    }

    /// Begins the schedule anew: the next tick comes at `deadline`, and those behind it a period
    /// later each. If that is in the past, it comes at once, and counts as missed by so much.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let mut ticks = executor::time::interval(Duration::from_secs(60));
    /// let deadline = Instant::now() + Duration::from_millis(5);
    /// ticks.reset_at(deadline);
    /// assert_eq!(executor::block_on(ticks.tick()), deadline);
    /// ```
    pub fn reset_at(&mut self, deadline: Instant) {
        self.schedule(Some(deadline));
    }

    /// Returns the time between two ticks.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let ticks = executor::time::interval(Duration::from_secs(1));
    /// assert_eq!(ticks.period(), Duration::from_secs(1));
    /// ```
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Returns what is done about missed ticks.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use executor::time::{MissedTickBehavior, interval};
    ///
    /// let ticks = interval(Duration::from_secs(1));
    /// assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Burst);
    /// ```
    #[must_use]
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Sets what is done about missed ticks.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use executor::time::{MissedTickBehavior, interval};
    ///
    /// let mut ticks = interval(Duration::from_secs(1));
    /// ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    /// ```
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed_tick_behavior = behavior;
    }

    /// Sets the next tick; `None` if it is beyond all time.
    fn schedule(&mut self, next: Option<Instant>) {
        let next = next.unwrap_or_else(|| clock::instant(clock::NEVER));
        self.next.as_mut().reset(next);
    }
}

impl Stream for Interval {
    type Item = Instant;

    /// Polls for the next tick. The stream never ends.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

/// The future that [`Interval::tick`] returns. It yields the instant at which the tick was due.
///
/// # Examples
///
/// ```
/// use executor::time::{Tick, interval};
/// use std::time::Duration;
///
/// let mut ticks = interval(Duration::from_secs(1));
/// let tick: Tick<'_> = ticks.tick();
/// executor::block_on(tick);
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Tick<'a> {
    interval: &'a mut Interval,
}

impl Future for Tick<'_> {
    type Output = Instant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        self.interval.poll_tick(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(100);

    /// Returns when the tick comes after one that was taken `late` milliseconds too late; in
    /// milliseconds, from when the late tick was due.
    fn next(behavior: MissedTickBehavior, late: u64) -> u128 {
        let due = Instant::now();
        let next = behavior.next(due, due + Duration::from_millis(late), PERIOD);
        next.unwrap().duration_since(due).as_millis()
    }

    #[test]
    fn a_tick_in_time_keeps_the_schedule_whatever_the_behavior() {
        use MissedTickBehavior::{Burst, Delay, Skip};
        for behavior in [Burst, Delay, Skip] {
            assert_eq!(next(behavior, 0), 100);
            assert_eq!(next(behavior, 5), 100);
        }
    }

    #[test]
    fn a_missed_tick_is_made_up_for_or_shifts_the_schedule_or_is_left_out() {
        assert_eq!(next(MissedTickBehavior::Burst, 250), 100);
        assert_eq!(next(MissedTickBehavior::Delay, 250), 350);
        assert_eq!(next(MissedTickBehavior::Skip, 250), 300);
        assert_eq!(
            next(MissedTickBehavior::Skip, 200),
            300,
            "never twice at once"
        );
    }

    #[test]
    fn a_period_without_an_end_overflows_nothing() {
        let now = Instant::now();
        let late = now + Duration::from_secs(1);
        assert_eq!(
            MissedTickBehavior::Burst.next(now, late, Duration::MAX),
            None
        );
        assert_eq!(
            remainder(Duration::from_secs(1), Duration::MAX),
            Duration::from_secs(1)
        );
    }
}
