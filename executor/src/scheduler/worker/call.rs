//! Code that says that it blocks.
//!
//! The worker offers its permit while it runs such code (`Machine::offer`). What becomes of the
//! offer depends on how long the code takes:
//!
//! * If it is over in a moment, the worker goes on as if nothing had been said: queue and permit are
//!   where they were. That costs two changes of the permit's state, and a look at whether the monitor
//!   rests.
//! * If the monitor sees it twice, some 400 µs apart, it takes the offer. (Earlier, if
//!   `handoff_after` is shorter.)
//! * If such calls were *long* of late, the worker takes its own offer at once, for others to run in
//!   its stead. That costs both sides some microseconds, and the call is worth it.
//!
//! A call is long if it lasts for half a millisecond; or for 50 µs and its thread slept meanwhile: a
//! core is free then, which a stand-in can use. For one that computes there is none. To find out
//! takes looks at the clock and questions to the system, so while calls are short, one of a few is
//! measured. Whether they are long is known for the executor as a whole, since the next one is often
//! on another thread: the latest to be measured decides.
//!
//! Source: Go's `entersyscall`, `exitsyscall` and `retake`, which is always as patient as it was the
//! last time it found something to take.

use super::Worker;
use crate::{
    idle::work_loop::WorkLoop,
    scheduler::{processor::Processor, system, trace::event::Kind},
    sync::clock,
};

/// A call of so many nanoseconds may be worth a stand-in, if its thread sleeps.
const MAY_BE_LONG: u64 = 50_000;

/// While calls are short, one of so many is measured.
const MEASURED: u64 = if cfg!(shuttle) { 2 } else { 16 };

/// A call of so many nanoseconds is worth a stand-in. About the time in which the monitor would have
/// seen it twice.
const LONG: u64 = 500_000;

/// Announcing a call.
impl Worker {
    /// Offers the permit until the guard is dropped. `None` if that has been announced already, or
    /// there is nobody to take it.
    pub(crate) fn begin_call(&self) -> Option<Call<'_>> {
        if !self.has_monitor() || !self.processor().permit.may_be_offered() {
            return None;
        }
        let are_long = self.scheduler().calls.are_long();
        let examine = are_long || self.examine_call.get();
        let measure = examine || self.is_measured();
        self.record(Kind::BlockingBegins, 0, 0);
        let began = measure.then(|| Began {
            at: clock::now(),
            switches: (examine && !clock::is_virtual())
                .then(system::voluntary_switches)
                .flatten(),
        });
        if are_long {
            self.give_permit();
        } else {
            self.processor().counters.calls.advance();
            self.machine().offer(|| self.give_queue_away());
        }
        Some(Call {
            worker: self,
            began,
        })
    }

    /// Gives the permit away until the guard is dropped, for a wait that has begun. `None` as for
    /// [`begin_call`](Worker::begin_call).
    pub(crate) fn begin_wait(&self) -> Option<Call<'_>> {
        if !self.has_monitor() {
            return None;
        }
        let is_first = self.processor().permit.may_be_offered();
        if is_first {
            self.record(Kind::BlockingBegins, 0, 0);
            self.give_permit();
        } else {
            self.take_offer();
        }
        // Made only if it is the first: its drop ends the outer call, too.
        is_first.then(|| Call {
            worker: self,
            began: None,
        })
    }

    /// Whether a short call is one of those that are measured.
    fn is_measured(&self) -> bool {
        let calls = self.processor().counters.calls.get();
        calls.is_multiple_of(MEASURED)
    }

    fn give_permit(&self) {
        self.machine().offer_unwatched(|| self.give_queue_away());
        self.take_offer();
    }

    /// Takes its own offer, if it is still there.
    fn take_offer(&self) {
        let Processor {
            permit, counters, ..
        } = self.processor();
        let scheduler = self.scheduler();
        // In a forked child, a stand-in would run tasks that the parent runs too.
        if !permit.is_offered() || scheduler.is_in_forked_child() {
            return;
        }
        // Counted before anybody can run in its stead: a task that does may ask.
        counters.handoffs.add(1);
        if self.machine().give_offer(|| self.give_queue_away()) {
            self.record(Kind::PermitGiven, 0, self.index() as u64);
        } else {
            counters.handoffs.take_back(1);
        }
        scheduler.driver_is_left(self.processor());
        self.settle_recycler();
    }

    /// After a call that was announced.
    fn end_call(&self, began: Option<&Began>) {
        if let Some(began) = began {
            self.learn_from(began);
        }
        self.record(Kind::BlockingEnds, 0, 0);
        if self.machine().unblock() {
            self.has_come_back();
        }
    }

    /// Decides what the next call is expected to be like.
    fn learn_from(&self, began: &Began) {
        let took = clock::now().saturating_sub(began.at);
        let may_be_long = took >= MAY_BE_LONG;
        self.examine_call.set(may_be_long);
        let calls = &self.scheduler().calls;
        if !may_be_long {
            calls.set_long(false);
        } else if took >= LONG {
            calls.set_long(true);
        } else if let Some(before) = began.switches {
            calls.set_long(system::voluntary_switches() != Some(before));
        }
    }
}

/// How a call began.
struct Began {
    at: u64,
    /// How often the thread had slept in the system, if that was asked.
    switches: Option<u64>,
}

/// The time in which a worker sits in code that said that it blocks.
pub(crate) struct Call<'a> {
    worker: &'a Worker,
    /// What is to be learnt from.
    began: Option<Began>,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.worker.end_call(self.began.as_ref());
    }
}
