//! Which executor, and which of its workers, the calling thread is in.
//!
//! Thread-local pointers without a destructor, so that they can be asked at any time, also from the
//! destructor of another thread-local. They are set by guards on the stack that outlive the time they
//! are set for.

use super::{Scheduler, worker::Worker};
use crate::{executor::Executor, timer::Timers};
use std::{cell::Cell, marker::PhantomData, ptr, sync::Arc};

thread_local! {
    static WORKER: Cell<*const Worker> = const { Cell::new(ptr::null()) };
    static CURRENT: Cell<*const Arc<Scheduler>> = const { Cell::new(ptr::null()) };
    static TIMERS: Cell<Option<&'static Timers>> = const { Cell::new(None) };
}

/// Calls `f` with the worker that this thread is, if it is one.
pub(crate) fn with_worker<R>(f: impl FnOnce(Option<&Worker>) -> R) -> R {
    // SAFETY: null, or set by a `WorkerGuard` that borrows the worker until it resets the pointer.
    f(unsafe { WORKER.get().as_ref() })
}

/// Calls `f` with the executor that this thread is in, if it is in one.
pub(crate) fn with_current<R>(f: impl FnOnce(Option<&Arc<Scheduler>>) -> R) -> R {
    // SAFETY: null, or set by a `CurrentGuard` that borrows the `Arc` until it resets the pointer.
    f(unsafe { CURRENT.get().as_ref() })
}

/// The shard for timers that are polled on this thread; see `timer`.
pub(crate) fn timers() -> &'static Timers {
    TIMERS
        .get()
        .unwrap_or_else(|| Executor::default_scheduler().monitor.timers())
}

/// After the first deadline in [`timers`] has become an earlier one.
pub(crate) fn tell_attendant() {
    if timers().is_attended() {
        return;
    }
    with_worker(|worker| match worker {
        Some(worker) => worker.scheduler().monitor.look_at_timers(),
        None => Executor::default_scheduler().monitor.look_at_timers(),
    });
}

/// Makes `timers` the shard for timers that are polled on this thread, until the guard is dropped.
pub(crate) fn enter_timers(timers: &'static Timers) -> TimersGuard {
    TimersGuard {
        outer: TIMERS.replace(Some(timers)),
        _thread: PhantomData,
    }
}

/// See [`enter_timers`].
pub(crate) struct TimersGuard {
    outer: Option<&'static Timers>,
    /// Stays on its thread.
    _thread: PhantomData<*const ()>,
}

impl Drop for TimersGuard {
    fn drop(&mut self) {
        TIMERS.set(self.outer);
    }
}

/// Makes `scheduler` the current executor of this thread until the guard is dropped.
pub(crate) fn enter(scheduler: &Arc<Scheduler>) -> CurrentGuard<'_> {
    CurrentGuard {
        outer: CURRENT.replace(scheduler),
        _borrow: PhantomData,
    }
}

/// See [`enter`]. Stays on its thread and stack: it holds a raw pointer and is never handed on.
pub(crate) struct CurrentGuard<'a> {
    outer: *const Arc<Scheduler>,
    _borrow: PhantomData<&'a Arc<Scheduler>>,
}

impl Drop for CurrentGuard<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
    }
}

/// Makes this thread the worker `worker` until the guard is dropped.
pub(crate) fn enter_worker(worker: &Worker) -> WorkerGuard<'_> {
    WORKER.set(worker);
    WorkerGuard {
        _current: enter(worker.scheduler()),
        _timers: enter_timers(worker.timers()),
    }
}

/// See [`enter_worker`].
pub(crate) struct WorkerGuard<'a> {
    _current: CurrentGuard<'a>,
    _timers: TimersGuard,
}

impl Drop for WorkerGuard<'_> {
    fn drop(&mut self) {
        WORKER.set(ptr::null());
    }
}
