//! Timers that the thread which polls them cannot answer for.
//!
//! A timer that wakes another than the task, or the call of `block_on`, that polls it may be waited
//! for inside this very poll, by another crate's `block_on` for example: then the thread looks at no
//! wheel before the timer has fired. Or it may be one of a `FuturesUnordered`, and nobody waits
//! before the poll returns. Nothing tells the two apart. So such a timer is in a wheel of its
//! executor's, at which several look:
//!
//! | executor            | who looks                                                             |
//! | ------------------- | --------------------------------------------------------------------- |
//! | with a monitor      | a worker, when the monitor has found something due                    |
//! | `handoff(false)`    | its workers, as at a wheel of their own; the threads that wait in its |
//! |                     | `block_on`                                                            |
//! | that has ended, or  | the threads that wait in its `block_on`                               |
//! | in a forked child   |                                                                       |
//!
//! A worker of an executor with a monitor needs no such wheel: the monitor looks at the worker's
//! own one when the worker does not.
//!
//! Who is certain to look, if there is no monitor: the thread that polled, as soon as the poll is
//! over, and before it sleeps. If the poll does not end, whoever else of that executor sleeps, or
//! comes to an end of a poll. A thread that sleeps in `block_on` is always told of an earlier
//! deadline. A worker that sleeps is, unless another one is searching, and so about to look. If all
//! N workers sit in foreign code, and no thread is in `block_on`, nobody looks: as nobody runs a
//! task then.
//!
//! The wheel of an executor that ends is emptied: whoever waits is woken, and polls again. What
//! comes later is looked at by the thread in `block_on` that has polled it, and evicted when that
//! call returns.

use super::{Scheduler, context};
use crate::{
    idle::pool::Pool,
    sync::{
        Mutex,
        clock::{self, NEVER},
        lock,
    },
    timer::Timers,
};
use std::{mem, ptr, sync::Arc, task::Waker};

/// The threads that sleep in `block_on` of an executor without a monitor.
#[derive(Default)]
pub(crate) struct Watchers(Mutex<Vec<Waker>>);

impl Scheduler {
    /// The wheel; see the module's text.
    pub(super) fn outside_timers(&self) -> &'static Timers {
        if self.config.handoff {
            return self.monitor.timers();
        }
        self.shared_source.timers()
    }

    fn outside_timers_if_any(&self) -> Option<&'static Timers> {
        if self.config.handoff {
            return self.monitor.timers_if_any();
        }
        self.shared_source.timers_if_any()
    }

    /// Whether `timers` is that wheel.
    pub(super) fn is_outside_wheel(&self, timers: &Timers) -> bool {
        let own = self.outside_timers_if_any();
        own.is_some_and(|own| ptr::eq(own, timers))
    }

    /// Call after making the first deadline of that wheel earlier.
    pub(super) fn tell_of_outside_timers(self: &Arc<Self>, timers: &Timers) {
        if self.is_in_forked_child() {
            // There is only this thread, which looks before it sleeps.
        } else if self.config.handoff {
            self.monitor.rest.wake_by(timers.next_due());
        } else {
            // They come again when they sleep again.
            let watchers = mem::take(&mut *lock(&self.watchers.0));
            watchers.into_iter().for_each(Waker::wake);
            self.notify();
        }
        if self.is_closed() && !context::is_driven_by(self) {
            // It has ended meanwhile. What the timer wakes polls it once more, and it goes elsewhere.
            self.evict_outside_timers();
        }
    }

    /// Wakes all that wait in that wheel, at the end of the executor.
    pub(super) fn evict_outside_timers(&self) {
        if let Some(timers) = self.outside_timers_if_any() {
            timers.evict();
        }
    }

    /// Call before sleeping in `block_on`, with what ends the sleep.
    pub(crate) fn watch_outside_timers<'a>(&'a self, waker: &'a Waker) -> Watch<'a> {
        if !self.config.handoff {
            lock(&self.watchers.0).push(waker.clone());
        }
        Watch {
            scheduler: self,
            waker,
            has_monitor: self.config.handoff && !self.is_closed(),
        }
    }

    /// Call where a call of `block_on` does not sleep before its next poll: fires what is due, if that
    /// is for this thread to do.
    #[inline]
    pub(crate) fn fire_outside_timers(&self) {
        if !self.config.handoff || self.is_closed() || self.is_in_forked_child() {
            let timers = self.outside_timers_if_any();
            let timers = timers.filter(|timers| timers.next_due() != NEVER);
            timers.map(|timers| timers.fire(clock::now(), usize::MAX));
        }
    }

    /// Call when a call of `block_on` returns.
    pub(crate) fn leave_outside_timers(&self) {
        if self.is_closed() {
            self.evict_outside_timers();
        }
    }
}

/// The time in which a thread sleeps in `block_on`.
pub(crate) struct Watch<'a> {
    scheduler: &'a Scheduler,
    waker: &'a Waker,
    /// If it has none any more before the sleep is over, the timers are evicted.
    has_monitor: bool,
}

impl Watch<'_> {
    /// When to look at the wheel, if that is for this thread to do.
    pub(crate) fn next_due(&self) -> u64 {
        self.timers().map_or(NEVER, Timers::next_due)
    }

    /// Fires what is due.
    pub(crate) fn fire(&self, now: u64) {
        if let Some(timers) = self.timers() {
            timers.fire(now, usize::MAX);
        }
    }

    fn timers(&self) -> Option<&'static Timers> {
        let timers = self.scheduler.outside_timers_if_any()?;
        let is_waited_for = timers.next_due() != NEVER;
        let must_watch = || !self.has_monitor || self.scheduler.is_in_forked_child();
        (is_waited_for && must_watch()).then_some(timers)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !self.scheduler.config.handoff {
            let mut watchers = lock(&self.scheduler.watchers.0);
            let own = watchers
                .iter()
                .position(|other| other.will_wake(self.waker));
            let own = own.map(|own| watchers.swap_remove(own));
            drop(watchers);
            drop(own);
        }
    }
}
