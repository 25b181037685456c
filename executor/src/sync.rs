//! The one place that knows whether std's or loom's primitives are in use.
//!
//! Queues, timers, idle accounting and the parker import from here and from nowhere else, so that the
//! loom models run the code that ships and not a copy of it.

pub(crate) use std::time::Instant;

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc, Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc, Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};

#[cfg(loom)]
pub(crate) use loom::cell::UnsafeCell;

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
