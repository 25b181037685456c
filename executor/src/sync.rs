//! The one place that knows whether std's or loom's primitives are in use.
//!
//! Queues, idle accounting and the parker import from here and from nowhere else, so that the
//! loom models run the code that ships and not a copy of it.

#[cfg(not(loom))]
pub(crate) use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence},
    },
    time::Instant,
};

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc, Condvar, Mutex, MutexGuard,
    atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence},
};

/// Locks a mutex whose critical sections run no foreign code and therefore never panic.
///
/// A poisoned lock is taken all the same: the data is whole, since nothing in between can unwind.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
