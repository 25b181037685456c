//! What the monitor has seen of a processor, sample by sample.

use super::thread_state::CpuTimes;
use crate::idle::permit::Permit;
use std::time::Duration;

/// In nanoseconds. If the average poll is longer than this, it is worth measuring how long woken
/// tasks wait.
const LONG_POLL: u64 = 4_000;

/// A poll that takes longer is reported.
pub(super) const STALL: Duration = Duration::from_secs(1);

/// Where a machine is, for all that the monitor can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Asleep, or nowhere; or in a call that took its permit along.
    Away,
    /// In a call that was announced, with a permit that it offers.
    InCall,
    /// In a poll, with a permit. (Or searching, or about to sleep.)
    InPoll,
    /// In a poll, from which its permit was taken.
    Stuck,
}

impl Place {
    pub(super) fn of(permit: &Permit) -> Place {
        if permit.is_taken() {
            Place::Stuck
        } else if permit.is_held() {
            Place::InPoll
        } else if permit.is_offered() {
            Place::InCall
        } else {
            Place::Away
        }
    }
}

impl Place {
    fn is_in_poll(self) -> bool {
        matches!(self, Place::InPoll | Place::Stuck)
    }
}

/// A processor at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    pub(super) place: Place,
    /// Polls so far.
    pub(super) polls: u64,
    /// Announced calls so far.
    pub(super) calls: u64,
}

/// The time between two looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passed {
    /// In full, but for what the monitor overslept by far: then the process was stopped, or all
    /// threads waited for cores.
    pub(super) time: Duration,
    /// What of it counts as evidence of a poll that does not end: however late a sample comes, one
    /// alone proves nothing.
    pub(super) counts: Duration,
}

/// What the monitor has seen of a processor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Samples {
    pub(super) last: Sight,
    /// How long the poll has been seen to last, with a permit or after it was taken, as evidence.
    pub(super) stuck_for: Duration,
    /// The same, in full.
    pub(super) lasts_for: Duration,
    /// Polls that began since the look before.
    pub(super) polls_since: u64,
    /// How long the same announced call has been seen.
    pub(super) in_call_for: Duration,
    /// The thread of the stuck poll was found computing when it was asked last.
    pub(super) computes: bool,
    /// Ask for the thread's state again when `stuck_for` has come to this.
    pub(super) ask_again: Duration,
    pub(super) cpu_times: Option<CpuTimes>,
    /// Its permit was taken early, in the belief that it would be stuck, which it is not yet: see
    /// `handoffs`.
    pub(super) believed_stuck: bool,
    pub(super) reported: bool,
}

/// What a sample shows beside the numbers in [`Samples`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ended {
    /// A poll has ended since the last sample.
    pub(super) poll: bool,
    /// A poll has ended that was believed to be stuck, and was not.
    pub(super) belief: bool,
}

impl Samples {
    /// Of a processor that has not been looked at.
    pub(super) const NEW: Samples = Samples {
        last: Sight {
            place: Place::Away,
            polls: 0,
            calls: 0,
        },
        stuck_for: Duration::ZERO,
        lasts_for: Duration::ZERO,
        polls_since: 0,
        in_call_for: Duration::ZERO,
        computes: false,
        ask_again: Duration::ZERO,
        cpu_times: None,
        believed_stuck: false,
        reported: false,
    };

    /// Adds a look, after so much time.
    pub(super) fn add(&mut self, sight: Sight, passed: Passed, handoff_after: Duration) -> Ended {
        let last = self.last;
        let same_poll = sight.polls == last.polls;
        let was_seen = last.place != Place::Away;
        let ended = Ended {
            poll: !same_poll && (was_seen || sight.polls.wrapping_sub(last.polls) > 1),
            belief: self.believed_stuck && (!same_poll || sight.place != Place::Stuck),
        };
        // What passed in an announced call, or asleep, is no part of it.
        if same_poll && last.place.is_in_poll() && sight.place.is_in_poll() {
            self.stuck_for += passed.counts;
            self.lasts_for += passed.time;
            self.believed_stuck &= sight.place == Place::Stuck && self.lasts_for < handoff_after;
        } else {
            *self = Samples {
                in_call_for: self.in_call_for,
                reported: self.reported && same_poll,
                ..Samples::NEW
            };
        }
        if sight.place == Place::InCall && last.place == Place::InCall && sight.calls == last.calls
        {
            self.in_call_for += passed.counts;
        } else {
            self.in_call_for = Duration::ZERO;
        }
        self.polls_since = sight.polls.wrapping_sub(last.polls);
        self.last = sight;
        ended
    }

    /// Whether so few polls as there have been since the last look may each have been long.
    pub(super) fn may_have_long_polls(&self, sight: Sight, passed: Passed) -> bool {
        let polls = sight.polls.wrapping_sub(self.last.polls);
        sight.place == Place::InPoll
            && u128::from(polls) * u128::from(LONG_POLL) <= passed.time.as_nanos()
    }

    /// Whether the poll has become long enough to be reported: says so once.
    pub(super) fn begin_to_stall(&mut self) -> bool {
        let begins = self.lasts_for >= STALL && !self.reported;
        self.reported |= begins;
        begins
    }

    /// In what time a poll whose permit was taken has to be reported, unless it ends before.
    pub(super) fn until_stall(&self) -> Option<Duration> {
        let waits = self.last.place == Place::Stuck && !self.reported;
        waits.then(|| STALL.saturating_sub(self.lasts_for))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDOFF_AFTER: Duration = Duration::from_millis(10);
    const STEP: Passed = passed(Duration::from_millis(5));

    const fn passed(time: Duration) -> Passed {
        Passed { time, counts: time }
    }

    const fn in_poll(polls: u64) -> Sight {
        at(Place::InPoll, polls)
    }

    const fn at(place: Place, polls: u64) -> Sight {
        Sight {
            place,
            polls,
            calls: 0,
        }
    }

    fn add(samples: &mut Samples, sight: Sight) -> Ended {
        samples.add(sight, STEP, HANDOFF_AFTER)
    }

    #[test]
    fn one_unchanged_sample_is_not_stuck() {
        let mut samples = Samples::NEW;
        add(&mut samples, in_poll(7));
        assert_eq!(samples.stuck_for, Duration::ZERO);
        add(&mut samples, in_poll(7));
        assert_eq!(samples.stuck_for, STEP.time);
        add(&mut samples, in_poll(8));
        assert_eq!(samples.stuck_for, Duration::ZERO);
    }

    #[test]
    fn what_passed_asleep_or_in_a_call_is_no_part_of_a_poll() {
        let mut samples = Samples::NEW;
        for place in [Place::Away, Place::InCall] {
            add(&mut samples, at(place, 7));
            samples.add(in_poll(7), passed(STALL), HANDOFF_AFTER);
            assert_eq!(samples.lasts_for, Duration::ZERO);
            add(&mut samples, in_poll(7));
            assert_eq!(samples.lasts_for, STEP.time);
        }
    }

    #[test]
    fn polls_may_be_long_if_they_are_few() {
        let mut samples = Samples::NEW;
        add(&mut samples, in_poll(7));
        let few = STEP.time.as_nanos() as u64 / LONG_POLL;
        assert!(samples.may_have_long_polls(in_poll(7 + few), STEP));
        assert!(!samples.may_have_long_polls(in_poll(7 + few + 1), STEP));
    }

    #[test]
    fn a_machine_without_a_poll_is_never_stuck() {
        let mut samples = Samples::NEW;
        for place in [Place::Away, Place::InCall] {
            (0..10).for_each(|_| _ = add(&mut samples, at(place, 7)));
            assert_eq!(samples.stuck_for, Duration::ZERO);
        }
    }

    #[test]
    fn a_stall_is_reported_once_a_poll() {
        let mut samples = Samples::NEW;
        let long = passed(STALL);
        add(&mut samples, in_poll(7));
        samples.add(in_poll(7), long, HANDOFF_AFTER);
        assert!(samples.begin_to_stall());
        assert!(!samples.begin_to_stall());
        add(&mut samples, in_poll(8));
        samples.add(at(Place::Stuck, 8), long, HANDOFF_AFTER);
        assert_eq!(samples.until_stall(), Some(Duration::ZERO));
        assert!(samples.begin_to_stall(), "the next poll is another one");
        assert_eq!(samples.until_stall(), None);
    }

    #[test]
    fn the_same_call_is_told_from_the_next() {
        let mut samples = Samples::NEW;
        let call = |calls| Sight {
            calls,
            ..at(Place::InCall, 7)
        };
        add(&mut samples, call(1));
        add(&mut samples, call(1));
        assert_eq!(samples.in_call_for, STEP.time);
        add(&mut samples, call(2));
        assert_eq!(samples.in_call_for, Duration::ZERO);
    }

    #[test]
    fn the_first_poll_of_a_machine_ends_nothing() {
        let mut samples = Samples::NEW;
        assert!(!add(&mut samples, in_poll(1)).poll, "it has begun");
        assert!(!add(&mut samples, in_poll(1)).poll);
        assert!(add(&mut samples, in_poll(2)).poll);
        assert!(add(&mut samples, at(Place::Away, 3)).poll);
        assert!(!add(&mut samples, in_poll(4)).poll);
    }

    #[test]
    fn whoever_was_believed_stuck_and_ends_soon_was_not() {
        let mut samples = Samples::NEW;
        add(&mut samples, in_poll(7));
        samples.believed_stuck = true;
        assert!(!add(&mut samples, at(Place::Stuck, 7)).belief);
        assert!(add(&mut samples, in_poll(8)).belief);
        samples.believed_stuck = true;
        (0..3).for_each(|_| assert!(!add(&mut samples, at(Place::Stuck, 8)).belief));
        assert!(!samples.believed_stuck, "it is known by now");
        assert!(!add(&mut samples, in_poll(9)).belief, "it was");
    }
}
