//! What the monitor has seen of a processor, sample by sample.

use crate::idle::permit::Permit;
use std::time::Duration;

/// In nanoseconds. If the average poll is longer than this, it is worth measuring how long woken
/// tasks wait.
const LONG_POLL: u64 = 4_000;

/// A poll that takes longer is reported.
const STALL: Duration = Duration::from_secs(1);

/// Whether a machine is in a poll, for all that the monitor can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InPoll {
    /// It has no permit because it gave it away.
    No,
    /// It has a permit.
    WithPermit,
    /// Its permit was taken from it.
    WithoutPermit,
}

impl InPoll {
    /// Of the machine with this permit.
    pub(super) fn of(permit: &Permit) -> InPoll {
        if permit.is_taken() {
            InPoll::WithoutPermit
        } else if permit.is_held() {
            InPoll::WithPermit
        } else {
            InPoll::No
        }
    }
}

/// The time between two looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passed {
    pub(super) time: Duration,
    /// What of it counts as evidence of a poll that does not end.
    pub(super) counts: Duration,
}

/// What the monitor has seen of a processor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Samples {
    pub(super) tick: u64,
    /// How long the tick has been seen unchanged, with a permit or after it was taken. Each sample
    /// adds at most 3/4 of `handoff_after`, so one late sample never proves a stall.
    pub(super) stuck_for: Duration,
    /// The same, in full.
    pub(super) lasts_for: Duration,
    /// The permit was taken from a thread that burned the CPU then.
    pub(super) burning: bool,
    /// Ask the system for the thread's state again when `stuck_for` has come to this.
    pub(super) ask_again: Duration,
    pub(super) reported: bool,
}

impl Samples {
    /// Of a processor that has not been looked at.
    pub(super) const NEW: Samples = Samples {
        tick: 0,
        stuck_for: Duration::ZERO,
        lasts_for: Duration::ZERO,
        burning: false,
        ask_again: Duration::ZERO,
        reported: false,
    };

    /// So much time has passed since the last look, of which so much is to count.
    pub(super) fn add(&mut self, tick: u64, state: InPoll, passed: Passed) {
        if state != InPoll::No && tick == self.tick {
            self.stuck_for += passed.counts;
            self.lasts_for += passed.time;
        } else {
            *self = Samples {
                tick,
                // Until the machine has seen that its permit was taken.
                burning: self.burning && state == InPoll::WithoutPermit,
                ..Samples::NEW
            };
        }
    }

    /// Whether so few polls as there have been since the last look may each have been long.
    pub(super) fn may_have_long_polls(&self, tick: u64, passed: Passed) -> bool {
        let polls = tick.wrapping_sub(self.tick);
        u128::from(polls) * u128::from(LONG_POLL) <= passed.time.as_nanos()
    }

    /// Starts to measure anew.
    pub(super) fn forget(&mut self) {
        (self.stuck_for, self.ask_again) = (Duration::ZERO, Duration::ZERO);
    }

    /// Whether the poll has become long enough to be reported: says so once.
    pub(super) fn begin_to_stall(&mut self) -> bool {
        let begins = self.lasts_for >= STALL && !self.reported;
        self.reported |= begins;
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Passed = passed(Duration::from_millis(5));

    const fn passed(time: Duration) -> Passed {
        Passed { time, counts: time }
    }

    #[test]
    fn one_unchanged_sample_is_not_stuck() {
        let mut samples = Samples::NEW;
        samples.add(7, InPoll::WithPermit, STEP);
        assert_eq!(samples.stuck_for, Duration::ZERO);
        samples.add(7, InPoll::WithPermit, STEP);
        assert_eq!(samples.stuck_for, STEP.time);
        samples.add(8, InPoll::WithPermit, STEP);
        assert_eq!(samples.stuck_for, Duration::ZERO);
    }

    #[test]
    fn polls_may_be_long_if_they_are_few() {
        let mut samples = Samples::NEW;
        samples.add(7, InPoll::WithPermit, STEP);
        let few = STEP.time.as_nanos() as u64 / LONG_POLL;
        assert!(samples.may_have_long_polls(7 + few, STEP));
        assert!(!samples.may_have_long_polls(7 + few + 1, STEP));
    }

    #[test]
    fn a_machine_without_a_poll_is_never_stuck() {
        let mut samples = Samples::NEW;
        for _ in 0..10 {
            samples.add(7, InPoll::No, STEP);
        }
        assert_eq!(samples.stuck_for, Duration::ZERO);
    }

    #[test]
    fn a_stall_is_reported_once_a_poll() {
        let mut samples = Samples::NEW;
        samples.add(7, InPoll::WithPermit, STEP);
        samples.add(7, InPoll::WithPermit, passed(STALL));
        assert!(samples.begin_to_stall());
        assert!(!samples.begin_to_stall());
        samples.add(8, InPoll::WithPermit, STEP);
        samples.add(8, InPoll::WithPermit, passed(STALL));
        assert!(samples.begin_to_stall(), "the next poll is another one");
    }
}
