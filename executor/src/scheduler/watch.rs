//! What the monitor has seen of a processor, look by look.

use super::processor::Processor;
use std::time::Duration;

/// Nanoseconds that polls take on average, if the worker does nothing else, where it is worth a look how
/// long tasks wait behind them.
const LONG_POLL: u64 = 4_000;

/// A poll that takes longer is reported.
const STALL: Duration = Duration::from_secs(1);

/// Whether a machine is in a poll, for all that the monitor can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InPoll {
    /// It has no place because it gave it away.
    No,
    /// It has a place.
    WithPlace,
    /// Its place was taken from it.
    WithoutPlace,
}

impl InPoll {
    /// Of this processor's machine.
    pub(super) fn of(processor: &Processor) -> InPoll {
        if processor.place.is_taken() {
            InPoll::WithoutPlace
        } else if processor.place.is_held() {
            InPoll::WithPlace
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
pub(super) struct Watch {
    pub(super) tick: u64,
    /// How long the tick has been seen unchanged, with a place or after it was taken; each look counts
    /// for so much at most that it takes two to tell.
    pub(super) stuck_for: Duration,
    /// The same, in full.
    pub(super) lasts_for: Duration,
    /// The place was taken from a thread that burned the CPU then.
    pub(super) burning: bool,
    /// Ask the system for the thread's state again when `stuck_for` has come to this.
    pub(super) ask_again: Duration,
    pub(super) reported: bool,
}

impl Watch {
    /// Of a processor that has not been looked at.
    pub(super) const NEW: Watch = Watch {
        tick: 0,
        stuck_for: Duration::ZERO,
        lasts_for: Duration::ZERO,
        burning: false,
        ask_again: Duration::ZERO,
        reported: false,
    };

    /// So much time has passed since the last look, of which so much is to count.
    pub(super) fn look(&mut self, tick: u64, state: InPoll, passed: Passed) {
        if state != InPoll::No && tick == self.tick {
            self.stuck_for += passed.counts;
            self.lasts_for += passed.time;
        } else {
            *self = Watch {
                tick,
                // Until the machine has seen that its place was taken.
                burning: self.burning && state == InPoll::WithoutPlace,
                ..Watch::NEW
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

    /// Time to report, for the first time?
    pub(super) fn stalls(&mut self) -> bool {
        let stalls = self.lasts_for >= STALL && !self.reported;
        self.reported |= stalls;
        stalls
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
        let mut watch = Watch::NEW;
        watch.look(7, InPoll::WithPlace, STEP);
        assert_eq!(watch.stuck_for, Duration::ZERO);
        watch.look(7, InPoll::WithPlace, STEP);
        assert_eq!(watch.stuck_for, STEP.time);
        watch.look(8, InPoll::WithPlace, STEP);
        assert_eq!(watch.stuck_for, Duration::ZERO);
    }

    #[test]
    fn polls_may_be_long_if_they_are_few() {
        let mut watch = Watch::NEW;
        watch.look(7, InPoll::WithPlace, STEP);
        let few = STEP.time.as_nanos() as u64 / LONG_POLL;
        assert!(watch.may_have_long_polls(7 + few, STEP));
        assert!(!watch.may_have_long_polls(7 + few + 1, STEP));
    }

    #[test]
    fn a_machine_without_a_poll_is_never_stuck() {
        let mut watch = Watch::NEW;
        for _ in 0..10 {
            watch.look(7, InPoll::No, STEP);
        }
        assert_eq!(watch.stuck_for, Duration::ZERO);
    }

    #[test]
    fn a_stall_is_reported_once_a_poll() {
        let mut watch = Watch::NEW;
        watch.look(7, InPoll::WithPlace, STEP);
        watch.look(7, InPoll::WithPlace, passed(STALL));
        assert!(watch.stalls());
        assert!(!watch.stalls());
        watch.look(8, InPoll::WithPlace, STEP);
        watch.look(8, InPoll::WithPlace, passed(STALL));
        assert!(watch.stalls(), "the next poll is another one");
    }
}
