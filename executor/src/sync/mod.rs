//! The one place that knows whether std's, loom's or shuttle's primitives are in use.
//!
//! Queues, timers, idle accounting, the parker and the scheduler import from here and from nowhere
//! else, so that the loom models run the code that ships and not a copy of it, and so do the random
//! schedules (`schedules`).
//!
//! What is a `static`, or belongs to another crate (async-task's states, the entries of the global queue),
//! is std's in each case: to loom and shuttle each use is one step, which nobody comes between.

pub(crate) mod clock;
#[cfg(all(test, loom))]
pub(crate) mod explore;
pub(crate) mod panic;
#[cfg(all(test, not(any(loom, shuttle))))]
pub(crate) mod refusals;
#[cfg(shuttle)]
pub(crate) mod shuttle;

#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::{
    hint,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{
            AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
        },
    },
    thread_local,
    time::Instant,
};

#[cfg(all(test, not(any(loom, shuttle))))]
pub(crate) use refusals::thread;
#[cfg(not(any(test, loom, shuttle)))]
pub(crate) use std::thread;

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc, Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};
#[cfg(loom)]
pub(crate) use std::time::Instant;

#[cfg(loom)]
pub(crate) use loom::cell::UnsafeCell;

#[cfg(shuttle)]
pub(crate) use {
    crate::sync::shuttle::{Condvar, Instant},
    ::shuttle::{
        hint,
        sync::{
            Arc, Mutex, MutexGuard,
            atomic::{
                AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
            },
        },
        thread, thread_local,
    },
};

/// std's cell behind loom's interface, through which loom sees two accesses that overlap.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    /// A cell around `value`.
    pub(crate) fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    /// Calls `f` with a pointer that it may write through, if nobody else has access meanwhile.
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Locks a mutex whose critical sections run no foreign code and therefore never panic.
///
/// A poisoned lock is taken all the same: the data is whole, since nothing in between can unwind.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Waits for a signal until `deadline`; `None`, and no wait, if that has come.
#[cfg(not(loom))]
pub(crate) fn wait_until<'a, T>(
    signal: &Condvar,
    guard: MutexGuard<'a, T>,
    deadline: Instant,
) -> Option<MutexGuard<'a, T>> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return None;
    }
    let waited = signal.wait_timeout(guard, left);
    Some(waited.map_or_else(|poisoned| poisoned.into_inner().0, |(guard, _)| guard))
}

/// loom's condition variable knows no time-out, so in models every deadline comes at once: that is
/// the case which a wait without a deadline has not. Others may come first.
#[cfg(loom)]
pub(crate) fn wait_until<'a, T>(
    _: &Condvar,
    _: MutexGuard<'a, T>,
    _: Instant,
) -> Option<MutexGuard<'a, T>> {
    None
}

/// The same for a mutex in a `static`. Nothing that shuttle sees is done under it.
#[cfg(not(loom))]
pub(crate) fn lock_static<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
