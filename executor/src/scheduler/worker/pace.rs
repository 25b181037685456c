//! When a busy worker looks at what is not local: timers, other sources, the global queue.
//!
//! It does so after a millisecond, or after one poll if that takes longer; and after 61 polls,
//! however short they are. To read the clock for each poll would cost as much as a short poll. So it
//! is read at each look, and from the time that passed since the last one follows in how many polls
//! the next look is due. That number at most doubles from one look to the next.
//!
//! If polls become longer all of a sudden, others notice: the monitor asks for a look where polls
//! are few, and whoever comes back from a poll or a call in which it has lost its permit looks at
//! once. Without a monitor the clock is read for each poll after all.
//!
//! Sources: Go's 61; tokio tunes its number by the mean time of a poll.

use std::cell::Cell;

/// Polls between two looks at most: Go's figure, a prime, so that it falls in step with nothing.
pub(super) const MOST_POLLS: u32 = if cfg!(shuttle) { 5 } else { 61 };

/// Nanoseconds between two looks, if polls are shorter.
const LONGEST: u64 = 1_000_000;

/// See the module's text.
pub(super) struct Pace {
    /// Polls until the next look.
    left: Cell<u32>,
    /// Polls from the last look to the next.
    interval: Cell<u32>,
    /// When the last look was; 0 if that is of no use, for the worker has slept since.
    last: Cell<u64>,
    /// If the count stops before the next look: polls from there to the look.
    rest: Cell<u32>,
    /// The polls from one look to the next, as far as they are known.
    usual: Cell<u32>,
    /// How long a poll takes, in nanoseconds. If they become shorter, that is believed by halves.
    poll: Cell<u64>,
}

impl Pace {
    /// Of a worker that knows nothing about polls yet.
    pub(super) fn new() -> Pace {
        Pace {
            left: Cell::new(1),
            interval: Cell::new(1),
            last: Cell::new(0),
            rest: Cell::new(0),
            usual: Cell::new(1),
            poll: Cell::new(LONGEST),
        }
    }

    /// Counts a poll; returns whether a look is due.
    #[inline]
    pub(super) fn count(&self) -> bool {
        let left = self.left.get() - 1;
        self.left.set(left);
        left == 0
    }

    /// Begins a look, and says when the next is due.
    pub(super) fn look(&self, now: u64) {
        let left = self.left.get() + self.rest.replace(0);
        let polls = self.interval.get().saturating_sub(left).max(1);
        let last = self.last.replace(now);
        if last != 0 {
            let poll = (now.saturating_sub(last) / u64::from(polls)).max(1);
            let in_time = u32::try_from(LONGEST / poll).unwrap_or(MOST_POLLS);
            self.interval
                .set(in_time.clamp(1, MOST_POLLS.min(2 * polls)));
            self.poll.set(poll.max(self.poll.get() / 2));
        }
        self.left.set(self.interval.get());
        self.usual.set(self.interval.get());
    }

    /// Stops the count before one of the polls to come, up to the next look: see `go_on`.
    pub(super) fn stop_before(&self, number: u32) {
        let ahead = self.left.replace(number - 1);
        self.rest.set(ahead - (number - 1));
    }

    /// Whether the count has stopped, and no look is due.
    pub(super) fn has_stopped(&self) -> bool {
        self.left.get() == 0 && self.rest.get() > 0
    }

    /// Goes on after a stop; returns the number of polls up to the next look.
    pub(super) fn go_on(&self) -> u32 {
        let ahead = self.rest.replace(0);
        self.left.set(ahead);
        ahead
    }

    /// Polls up to the next look.
    pub(super) fn ahead(&self) -> u32 {
        self.left.get()
    }

    /// How many polls there are from one look to the next, if they take so long that it makes a
    /// difference.
    pub(super) fn usual_polls(&self) -> Option<u32> {
        Some(self.usual.get()).filter(|&polls| polls < MOST_POLLS)
    }

    /// How long so many polls will take, for all that is known, in nanoseconds.
    pub(super) fn time_of(&self, polls: usize) -> u64 {
        self.poll.get().saturating_mul(polls as u64)
    }

    /// As `look`, where the clock is read for each poll: returns whether a look is due indeed.
    pub(super) fn look_if_due(&self, now: u64) -> bool {
        self.left.set(1);
        let polls = self.interval.get();
        let due = polls >= MOST_POLLS || now.saturating_sub(self.last.get()) >= LONGEST;
        if due {
            self.last.set(now);
            self.usual.set(polls);
        }
        self.interval.set(if due { 1 } else { polls + 1 });
        due
    }

    /// Makes the next look due at once: who knows how much time has passed.
    pub(super) fn hurry(&self) {
        self.left.set(1);
        self.interval.set(1);
        self.rest.set(0);
    }

    /// The worker has slept: the time since the last look says nothing about polls.
    pub(super) fn forget(&self) {
        self.last.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The polls between looks, one after the other, if each takes as long as `poll` says.
    fn intervals(pace: &Pace, poll: u64, looks: usize) -> Vec<u32> {
        let mut now = 1;
        let mut look = || {
            let mut polls = 1;
            now += poll;
            while !pace.count() {
                now += poll;
                polls += 1;
            }
            pace.look(now);
            polls
        };
        (0..looks).map(|_| look()).collect()
    }

    #[test]
    fn short_polls_are_counted() {
        let pace = Pace::new();
        let all = intervals(&pace, 50, 20);
        assert_eq!(*all.last().unwrap(), MOST_POLLS);
        assert!(all.windows(2).all(|pair| pair[1] <= 2 * pair[0]), "{all:?}");
    }

    #[test]
    fn longer_polls_are_fewer_so_that_a_millisecond_is_kept() {
        assert_eq!(
            intervals(&Pace::new(), 100_000, 20).last(),
            Some(&10.min(MOST_POLLS))
        );
        assert_eq!(intervals(&Pace::new(), 5_000_000, 20), [1; 20]);
    }

    #[test]
    fn after_polls_that_have_become_long_there_is_one_to_a_look() {
        let pace = Pace::new();
        intervals(&pace, 50, 20);
        pace.forget();
        let all = intervals(&pace, 5_000_000, 3);
        assert_eq!(all, [MOST_POLLS, MOST_POLLS, 1], "the first says nothing");
        intervals(&pace, 50, 20);
        pace.hurry();
        assert!(pace.count());
    }

    #[test]
    fn long_polls_are_believed_at_once_and_short_ones_by_and_by() {
        let pace = Pace::new();
        assert_eq!(pace.time_of(1), LONGEST, "nothing is known");
        intervals(&pace, 10_000, 20);
        assert_eq!(pace.time_of(3), 30_000);
        intervals(&pace, 5_000_000, 2);
        assert!(pace.time_of(1) >= LONGEST);
        pace.hurry();
        intervals(&pace, 10_000, 4);
        assert!(pace.time_of(1) >= 100_000);
        intervals(&pace, 10_000, 20);
        assert_eq!(pace.time_of(1), 10_000);
    }

    #[test]
    fn a_stop_on_the_way_changes_nothing_of_the_looks() {
        let pace = Pace::new();
        intervals(&pace, 50, 20);
        for number in 2..=MOST_POLLS {
            pace.stop_before(number);
            let polls = (1..).find(|_| pace.count()).unwrap();
            assert!(pace.has_stopped());
            assert_eq!(polls, number - 1);
            assert_eq!(pace.go_on(), MOST_POLLS - polls);
            let more = (1..).find(|_| pace.count()).unwrap();
            assert!(!pace.has_stopped());
            assert_eq!(polls + more, MOST_POLLS);
            pace.forget();
            pace.look(1);
        }
        pace.stop_before(MOST_POLLS);
        pace.hurry();
        assert!(pace.count() && !pace.has_stopped());
    }

    #[test]
    fn where_each_poll_asks_a_look_is_due_after_a_millisecond_or_many_polls() {
        let pace = Pace::new();
        assert!(pace.look_if_due(LONGEST));
        assert!(!pace.look_if_due(LONGEST + 1));
        assert!(pace.look_if_due(2 * LONGEST));
        let now = 2 * LONGEST + 1;
        let looks = (0..2 * MOST_POLLS).filter(|_| pace.look_if_due(now));
        assert_eq!(looks.count(), 2);
    }
}
