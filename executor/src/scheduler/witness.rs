//! Who is told of what happens to tasks: whoever records, and the observer. Apart from what costs
//! nothing where nobody wants to know (`care`, `worker::witness`).

use super::{
    care::{Heeded, OBSERVED, RECORDED},
    context,
    observer::Happening,
    task_id::TaskId,
    trace::{
        event::{Ending, Kind, Queue},
        recorder::Recorder,
    },
};
use crate::{
    suspended::Registration,
    sync::{clock, lock},
};
use std::{ptr, sync::Arc};

impl Heeded {
    /// For a task whose next wake-up is to be measured, or has been: returns whether it begins to be
    /// watched with this poll. Not if that is its end: nobody would forget it.
    pub(super) fn attend_watched(
        &self,
        registration: &Registration,
        id: TaskId,
        is_end: bool,
    ) -> bool {
        context::with_worker(|worker| {
            if let Some(waited) = self.wake_times.polled(id, clock::now())
                && let Some(worker) = worker
            {
                let times = worker.counters().times.wakes();
                times.add(waited.nanoseconds, waited.weight);
            }
            // The same poll may be one that is measured.
            let weight = worker.and_then(|worker| worker.begins_to_watch(registration.id()));
            let weight = weight.filter(|_| !is_end);
            let begins = weight.is_some_and(|weight| self.wake_times.watch(id, weight));
            if !begins {
                registration.unwatch();
            }
            begins
        })
    }

    /// Whether events are recorded.
    #[inline]
    pub(super) fn is_recording(&self) -> bool {
        self.attention.all() & RECORDED != 0
    }

    /// Whether anybody is told of wake-ups.
    #[inline]
    pub(super) fn is_for_wakes(&self) -> bool {
        self.attention.all() & (RECORDED | OBSERVED) != 0
    }

    /// Somebody more wants events to be recorded. `make` makes a recorder, if there is none.
    pub(super) fn begin_to_record(&self, make: impl FnOnce() -> Arc<Recorder>) -> Arc<Recorder> {
        let mut recordings = lock(&self.recordings);
        let recorder = self.recorder.get_or_init(make).clone();
        *recordings += 1;
        // Under the lock, so that the last to change the number is the last to change this.
        self.attention.raise(RECORDED);
        recorder
    }

    /// Somebody does not any more.
    pub(super) fn end_to_record(&self) {
        let mut recordings = lock(&self.recordings);
        *recordings -= 1;
        if *recordings == 0 {
            self.attention.lower(RECORDED);
        }
    }

    /// Records an event of this thread's.
    #[cold]
    #[inline(never)]
    pub(super) fn record(&self, kind: Kind, argument: u8, payload: u64) {
        let Some(recorder) = self.recorder.get() else {
            return;
        };
        context::with_worker(|worker| {
            match worker.filter(|worker| ptr::eq(&worker.scheduler().heeded, self)) {
                Some(worker) => worker.record_with(recorder, kind, argument, payload),
                None => recorder.record_elsewhere(kind, argument, payload),
            }
        });
    }

    fn record_if_wanted(&self, kind: Kind, argument: u8, payload: u64) {
        if self.is_recording() {
            self.record(kind, argument, payload);
        }
    }

    fn tell(&self, id: TaskId, happening: Happening) {
        if let Some(observing) = &self.observing {
            observing.tell(id, happening);
        }
    }

    /// A task has been spawned.
    pub(super) fn tell_of_spawn(&self, id: TaskId) {
        self.record_if_wanted(Kind::Spawn, 0, id.as_u64());
        self.tell(id, Happening::Spawned);
    }

    /// A task has become runnable, and goes to this queue.
    #[cold]
    #[inline(never)]
    pub(super) fn tell_of_wake(&self, id: TaskId, queue: Queue) {
        self.record_if_wanted(Kind::Woken, queue as u8, id.as_u64());
        self.tell(id, Happening::Woken);
    }

    /// A poll begins, or what comes in its place: the future is dropped.
    pub(super) fn tell_of_poll(&self, id: TaskId, is_end: bool) {
        if !is_end {
            self.tell(id, Happening::PollBegins);
        }
        // What the observer takes is no part of the poll.
        self.record_if_wanted(Kind::PollBegins, 0, id.as_u64());
    }

    /// It is over.
    pub(super) fn tell_of_end_of_poll(&self, id: TaskId, ending: Ending) {
        let has_ended = ending != Ending::Pending;
        if self.is_recording() {
            self.record(Kind::PollEnds, ending as u8, id.as_u64());
            if has_ended && let Some(recorder) = self.recorder.get() {
                recorder.keep_name(id);
            }
        }
        if ending != Ending::Cancelled {
            self.tell(id, Happening::PollEnds { ready: has_ended });
        }
        if has_ended {
            self.tell(id, Happening::Ended);
        }
    }
}
