//! Whose permit the monitor takes, and when.
//!
//! | the machine is                     | its permit is taken                                      |
//! | ---------------------------------- | -------------------------------------------------------- |
//! | in an announced call               | when the same call has been seen for 400 µs, or          |
//! |                                    | `handoff_after` if that is shorter                       |
//! | in a poll, its thread asleep       | after `handoff_after`; in a storm at once                |
//! | in a poll, its thread computing    | after one and a half of it, if anything waits, and       |
//! |                                    | fewer than N others compute without a permit, or more    |
//! |                                    | than N machines are active; or nothing ends              |
//!
//! *Asleep.* Such a thread needs no core: its permit is taken as often as threads may be started,
//! and also if nothing waits. What comes later then finds a permit, and the monitor can rest.
//!
//! *Computing.* Such a thread goes on beside its stand-in: so that there are no more than 2 N
//! threads which compute, at most N have one. It is given half a `handoff_after` more, so that a
//! program whose polls compute a little too long pays nothing. A poll may do one thing after the
//! other: so before anybody is refused for the sake of others, these are asked again.
//!
//! *Nothing ends.* All polls may compute until a task has run that waits. If none has ended for
//! 50 ms (in which this process had the cores, for else its polls may wait for one), one more permit
//! is taken each `handoff_after`, until one ends.
//!
//! *A storm.* The stand-in of a sleeper may take the next task that sleeps, and so on: each would
//! wait for `handoff_after` before the next got its turn. So for a while after the permit of a
//! sleeper was taken, and as long as work waits, the monitor looks again after a 200th of that
//! time, and takes the permit of any machine whose thread it finds asleep in a poll, while fewer
//! than N others compute without one. That these sleep on is a belief, until they have done so for
//! `handoff_after`: they are asked again soon, for meanwhile each 50 µs may begin one more. If many
//! of these polls end within that time all the same, the storm is none, and for a hundred times that
//! time there is no other.

use super::{
    Rounds, WATCH,
    samples::{Place, Samples},
    thread_state::{self, ThreadState},
};
use crate::{
    idle::pool::Pool,
    scheduler::{processor::Processor, trace::event::Kind},
    sync::{Instant, Ordering},
};
use std::time::Duration;

/// A thread is asked for its state again when its poll has lasted half as long again: asking takes
/// microseconds, and there may be many to ask. But it is asked within the longer of this time and
/// `handoff_after`.
const ASK_WITHIN: Duration = Duration::from_millis(10);

/// And not before the shorter of this time and half a `handoff_after`.
const ASK_AFTER: Duration = Duration::from_millis(1);

/// And one whose permit was taken because it is stuck, within this time.
const ASK_STUCK_WITHIN: Duration = Duration::from_millis(100);

/// How long a poll that computes keeps its permit.
fn computing_after(handoff_after: Duration) -> Duration {
    handoff_after * 3 / 2
}

fn ask_after(handoff_after: Duration) -> Duration {
    ASK_AFTER.min(handoff_after / 2)
}

impl Rounds<'_> {
    /// Takes the permits of machines whose announced calls last.
    pub(super) fn take_offers(&mut self) {
        let long = WATCH.min(self.scheduler.config.handoff_after);
        for index in 0..self.seen.len() {
            if self.seen[index].in_call_for >= long {
                let processor = self.scheduler.processors.get(index);
                let same_call = processor.counters.calls.get() == self.seen[index].last.calls;
                if same_call && self.hand_off(processor, || processor.permit.take_offered()) {
                    self.scheduler.calls.set_long(true);
                    self.record(Kind::PermitGiven, index);
                }
            }
        }
    }

    /// Takes the permits of machines that are stuck in a poll, or will be.
    pub(super) fn take_permits(&mut self, now: Instant) {
        let handoff_after = self.scheduler.config.handoff_after;
        let workers = self.scheduler.idle.permits();
        let storm = self.storm.is_on(now);
        for index in 0..self.seen.len() {
            let samples = &self.seen[index];
            let is_stuck = samples.stuck_for >= handoff_after;
            // One that runs poll after poll is not worth the question.
            let may_be_stuck = storm && samples.polls_since <= 1;
            let is_candidate = samples.last.place == Place::InPoll && (is_stuck || may_be_stuck);
            if !is_candidate || samples.stuck_for < samples.ask_again {
                continue;
            }
            match self.ask(index) {
                // Polls that sleep for a moment and then compute would all do so at once.
                ThreadState::Asleep if is_stuck || self.computing() < workers => {
                    self.take_from_sleeper(index, now);
                }
                ThreadState::Computing
                    if self.seen[index].stuck_for >= computing_after(handoff_after)
                        && self.is_work_waiting() =>
                {
                    // While N machines are active without it, nobody comes in its stead.
                    if self.computing() < workers || self.scheduler.idle.surplus() {
                        self.take_from_computer(index);
                    } else if self.silence.lasts(now, handoff_after, workers) {
                        self.silence.use_up(now);
                        self.take_from_computer(index);
                    } else {
                        // Others may have permits left, and look for work, but not here.
                        self.give_queue_away(index);
                    }
                }
                ThreadState::Asleep | ThreadState::Computing | ThreadState::Unknown => {}
            }
        }
    }

    fn take_from_sleeper(&mut self, index: usize, now: Instant) {
        if self.take_from(index) {
            let handoff_after = self.scheduler.config.handoff_after;
            let samples = &mut self.seen[index];
            samples.computes = false;
            samples.believed_stuck = samples.stuck_for < handoff_after;
            if samples.believed_stuck {
                samples.ask_again = samples.stuck_for + ask_after(handoff_after);
            }
            self.storm.feed(now, handoff_after);
        }
    }

    fn take_from_computer(&mut self, index: usize) {
        if self.take_from(index) {
            self.seen[index].computes = true;
        }
    }

    /// Takes the permit of a machine, unless its poll has ended since it was seen.
    fn take_from(&mut self, index: usize) -> bool {
        let processor = self.scheduler.processors.get(index);
        // Asking took its time.
        let taken = processor.counters.polls.get() == self.seen[index].last.polls
            && self.hand_off(processor, || processor.permit.take());
        if taken {
            let samples = &mut self.seen[index];
            samples.last.place = Place::Stuck;
            samples.ask_again = samples.stuck_for + ASK_WITHIN;
            self.record(Kind::PermitTaken, index);
        }
        taken
    }

    /// Records what has become of a machine's permit, if anybody wants that.
    fn record(&self, kind: Kind, index: usize) {
        let heeded = &self.scheduler.heeded;
        if heeded.is_recording() {
            heeded.record(kind, 0, index as u64);
        }
    }

    fn hand_off(&self, processor: &Processor, take: impl FnOnce() -> bool) -> bool {
        // Counted before anybody can run in its stead: a task that does may ask.
        let handoffs = &self.scheduler.monitor.handoffs;
        handoffs.fetch_add(1, Ordering::Relaxed);
        let give_queue_away = || self.scheduler.give_queue_away(processor);
        let taken = self.scheduler.hand_off(take, give_queue_away);
        if !taken {
            handoffs.fetch_sub(1, Ordering::Relaxed);
        }
        taken
    }

    /// Moves what waits behind a stuck poll to where others look first.
    pub(super) fn give_queue_away(&self, index: usize) {
        let processor = self.scheduler.processors.get(index);
        if !processor.is_idle() {
            self.scheduler.give_queue_away(processor);
            self.scheduler.notify_if_work();
        }
    }

    /// Whether a task waits anywhere, also in the next slot of a worker.
    fn is_work_waiting(&self) -> bool {
        let mut processors = self.scheduler.processors.iter_in_use();
        self.scheduler.has_work() || processors.any(|processor| !processor.next.is_empty())
    }

    /// Machines that compute although their permits were taken.
    fn computing(&mut self) -> usize {
        let workers = self.scheduler.idle.permits();
        let count = |seen: &[Samples]| {
            let stuck = seen.iter().filter(|s| s.last.place == Place::Stuck);
            stuck.filter(|s| s.computes).count()
        };
        if count(&self.seen) >= workers {
            self.ask_those_without_permit(|samples| samples.computes);
        } else {
            self.ask_those_without_permit(|samples| !samples.computes);
        }
        count(&self.seen)
    }

    /// Asks for the states of machines whose permits were taken, where it is time to.
    fn ask_those_without_permit(&mut self, which: impl Fn(&Samples) -> bool) {
        for index in 0..self.seen.len() {
            let samples = &self.seen[index];
            if samples.last.place == Place::Stuck
                && samples.stuck_for >= samples.ask_again
                && which(samples)
            {
                self.seen[index].computes = self.ask(index) != ThreadState::Asleep;
            }
        }
    }

    /// Asks for the state of a machine's thread, and says when to ask again.
    fn ask(&mut self, index: usize) -> ThreadState {
        let handoff_after = self.scheduler.config.handoff_after;
        let processor = self.scheduler.processors.get(index);
        let samples = &mut self.seen[index];
        // Ordering: Relaxed; written before the machine's first poll, a stale one is a thread that
        // has ended.
        let thread = processor.counters.thread.load(Ordering::Relaxed);
        let state = thread_state::ask(thread, &mut samples.cpu_times);
        if state != ThreadState::Unknown {
            let half_as_long = samples.stuck_for / 2;
            let patience = if samples.last.place == Place::Stuck && !samples.believed_stuck {
                half_as_long.clamp(ASK_WITHIN, ASK_STUCK_WITHIN)
            } else {
                let most = ASK_WITHIN.max(handoff_after);
                half_as_long.clamp(ask_after(handoff_after), most)
            };
            samples.ask_again = samples.stuck_for + patience;
        }
        state
    }
}
