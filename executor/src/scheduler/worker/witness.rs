//! What a worker does where somebody wants to know of it.
//!
//! Of polls and spawns `care` knows. A wake-up on a worker's thread costs nothing where nobody wants
//! to know: it compares the number of the task's executor with what the worker answers to
//! (`task::schedule`), and where somebody does, a worker answers to nothing. It finds that out when
//! it looks beyond its queue, when it wakes up, and when it polls with care.

use super::Worker;
use crate::{
    scheduler::{
        task::Task,
        trace::{
            event::{Ending, Event, Kind, Queue},
            recorder::Recorder,
        },
    },
    sync::clock,
};

use super::Arrival;

/// No executor has this number.
pub(super) const NOBODY: u32 = u32::MAX;

impl Worker {
    /// Whether a wake-up of a task of the executor with this number may come here without more ado.
    #[inline]
    pub(crate) fn answers_to(&self, executor: u16) -> bool {
        self.answers_to.get() == u32::from(executor)
    }

    /// Finds out whether anybody wants to know of wake-ups.
    pub(crate) fn settle_whom_to_answer(&self) {
        let scheduler = self.scheduler();
        self.answers_to.set(if scheduler.heeded.is_for_wakes() {
            NOBODY
        } else {
            scheduler.id.get().into()
        });
    }

    /// Takes a task that was woken on this thread, and tells of it whoever wants to know.
    #[cold]
    #[inline(never)]
    pub(crate) fn schedule_with_care(&self, task: Task, arrival: Arrival) {
        self.settle_whom_to_answer();
        let heeded = &self.scheduler().heeded;
        let meta = task.metadata();
        if meta.registration.is_watched() {
            heeded.wake_times.woken(meta.id(), clock::now());
        }
        if heeded.is_for_wakes() {
            heeded.tell_of_wake(meta.id(), self.queue_for(arrival));
        }
        self.schedule(task, arrival);
    }

    /// Where a task goes. Must agree with `schedule`.
    fn queue_for(&self, arrival: Arrival) -> Queue {
        if !self.processor().permit.is_held() {
            Queue::Global
        } else if arrival == Arrival::Yielded || self.firing.get() || !self.has_monitor() {
            Queue::Local
        } else {
            Queue::NextSlot
        }
    }

    /// Records an event, if anybody wants that.
    #[inline]
    pub(super) fn record(&self, kind: Kind, argument: u8, payload: u64) {
        let heeded = &self.scheduler().heeded;
        if heeded.is_recording() {
            heeded.record(kind, argument, payload);
        }
    }

    /// Records an event. Where a task yields, its poll ends, it is woken, and the next poll begins
    /// at one time, so that the clock is read once. Not where foreign code comes in between: an
    /// observer, and where a task ends, the drop of its output and whom that wakes.
    pub(crate) fn record_with(&self, recorder: &Recorder, kind: Kind, argument: u8, payload: u64) {
        self.answers_to.set(NOBODY);
        let before = self.poll_ended.take();
        let time = match kind {
            Kind::PollBegins | Kind::Woken if before != 0 => before,
            _ => clock::now(),
        };
        let has_left_pending = kind == Kind::PollEnds
            && argument == Ending::Pending as u8
            && self.scheduler().heeded.observing.is_none();
        if has_left_pending || kind == Kind::Woken && time == before {
            self.poll_ended.set(time);
        }
        let event = Event {
            time,
            kind,
            argument,
            payload,
        };
        recorder.record(self.index(), event);
    }
}
