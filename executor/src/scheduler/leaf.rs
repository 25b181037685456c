//! What a leaf future asks for: the wheel that its timer belongs into, and who has to be told of
//! it.
//!
//! A thread that belongs to no executor, or cannot promise to look at a wheel in time, leaves its
//! timers to the default executor's monitor.

use super::{context, default};
use crate::timer::Timers;
use std::{ptr, task::Waker};

/// The wheel for timers that are polled on this thread and wake `waker`; see `timer`.
pub(crate) fn timers(waker: &Waker) -> &'static Timers {
    context::timers(waker).unwrap_or_else(|| default::scheduler().monitor.timers())
}

/// Whether this thread may make the first deadline in `timers` earlier. It then tells the driver.
pub(crate) fn is_local(timers: &Timers) -> bool {
    match context::own_timers() {
        Some(own) => ptr::eq(own, timers),
        None => default::started().is_some_and(|default| ptr::eq(default.monitor.timers(), timers)),
    }
}

/// Wakes the driver of `timers`, this thread's wheel, if need be. Call after making the wheel's
/// first deadline earlier.
pub(crate) fn wake_driver(timers: &Timers) {
    context::with_worker(|worker| match worker {
        Some(worker) if ptr::eq(worker.driver().timers(), timers) => worker.wake_driver(),
        // The wheel of a call of `block_on` on this thread, which looks at it before it parks.
        _ if timers.is_driven() => {}
        _ => {
            let scheduler = default::scheduler();
            scheduler.refuse_in_forked_child();
            scheduler.monitor.rest.wake_by(timers.next_due());
        }
    });
}
