//! What a leaf future asks for: the wheel that its timer belongs into, and who has to be told of
//! it.
//!
//! A thread that cannot promise to look at a wheel in time leaves its timers to its executor; one
//! that belongs to none, to the default executor. See `outside`.

use super::{Scheduler, context, default};
use crate::{idle::pool::Pool, timer::Timers};
use std::{ptr, sync::Arc, task::Waker};

/// The wheel for timers that are polled on this thread and wake `waker`; see `timer`.
pub(crate) fn timers(waker: &Waker) -> &'static Timers {
    context::timers(waker).unwrap_or_else(|| with_outside(|scheduler| scheduler.outside_timers()))
}

/// Calls `f` with the executor that answers for timers for which this thread cannot.
fn with_outside<R>(f: impl FnOnce(&Arc<Scheduler>) -> R) -> R {
    context::with_current(|current| {
        // After its end an executor has nobody but the threads in its `block_on`.
        let answers = |s: &&Arc<Scheduler>| !s.is_closed() || context::is_driven_by(s);
        f(current
            .filter(answers)
            .unwrap_or_else(|| default::scheduler()))
    })
}

/// The executor whose poller is for the descriptors that are waited for here: the current one, as
/// long as it has machines, else the default one.
#[cfg(any(feature = "net", all(test, shuttle)))]
pub(super) fn poller() -> Arc<Scheduler> {
    context::with_current(|current| {
        let has_machine = |scheduler: &Arc<Scheduler>| {
            !scheduler.is_closed()
                || context::with_worker(|worker| worker.is_some_and(|w| w.is_of(scheduler)))
        };
        current.filter(|scheduler| has_machine(scheduler)).cloned()
    })
    .unwrap_or_else(|| default::scheduler().clone())
}

/// Whether this thread may make the first deadline in `timers` earlier. It then tells the driver.
pub(crate) fn is_local(timers: &Timers) -> bool {
    match context::own_timers() {
        Some(own) => ptr::eq(own, timers),
        None => context::with_current(|current| {
            let mut here = current.into_iter().chain(default::started());
            here.any(|scheduler| scheduler.is_outside_wheel(timers))
        }),
    }
}

/// Wakes the driver of `timers`, this thread's wheel, if need be. Call after making the wheel's
/// first deadline earlier.
pub(crate) fn wake_driver(timers: &Timers) {
    let is_own = context::with_worker(|worker| {
        let own = worker.filter(|worker| ptr::eq(worker.driver().timers(), timers));
        own.inspect(|worker| worker.wake_driver()).is_some()
    });
    // The wheel of a call of `block_on` on this thread, which looks at it before it parks, is
    // driven.
    if is_own || timers.is_driven() {
        return;
    }
    context::with_current(|current| match current {
        Some(current) if current.is_outside_wheel(timers) => {
            if !context::is_driven_by(current) {
                // The thread has entered the executor, and looks at no wheel.
                current.refuse_in_forked_child();
            }
            current.tell_of_outside_timers(timers);
        }
        _ => {
            let default = default::scheduler();
            if current.is_none() {
                // Nobody of an executor is here who would look.
                default.refuse_in_forked_child();
            }
            default.tell_of_outside_timers(timers);
        }
    });
}
