//! The one place that knows whether std's, loom's or shuttle's primitives are in use.
//!
//! Every atomic, lock, signal, thread and clock that one thread could decide by, while another
//! changes it, is imported from here. So loom's models and the random schedules
//! (`scheduler::schedules`) run the code that ships, not a copy of it, and try what may happen
//! between any two uses.
//!
//! A few things are std's in each build. To loom and shuttle a use of them is part of the step
//! before it, and nothing comes between:
//!
//! * What is `static`: the ids of executors and tasks, the names of tasks, the lines that spawn (more
//!   than one operation, but nothing waits for it), the clock's epoch. Loom's and shuttle's
//!   primitives last for one execution only. Each use is one atomic operation, or one critical
//!   section with nothing from here in it. (The start of the default executor is more than that,
//!   but models and random schedules do not use this executor.)
//! * The counters for show, `processor::Counter`: only the thread that writes one decides by it.
//!   The tick, which others decide by, is from here.
//! * The table of processors, of `OnceLock`s: a slot is filled under a lock, and read after a load
//!   of its length. Both are from here.
//! * The channel that ends `EXECUTOR_SCHEDTRACE`'s thread: random schedules do not trace.
//! * `Arc` and `Weak` in `scheduler` and `idle`: shuttle's are std's. Loom does not build the
//!   scheduler, and loom's `Arc` cannot be `self`.
//! * Other crates: async-task's states and, under shuttle, the entries of the global queue.
//!   (`concurrent-queue` knows loom, so models see its steps.)
//!
//! `Ordering` is std's in each build, wherever it is imported from.

pub(crate) mod clock;
#[cfg(all(test, loom))]
pub(crate) mod explore;
pub(crate) mod forked;
pub(crate) mod panic;
#[cfg(all(test, not(any(loom, shuttle))))]
pub(crate) mod refusals;
#[cfg(shuttle)]
pub(crate) mod shuttle;

#[cfg(all(unix, not(any(loom, shuttle))))]
use std::sync::TryLockError;
use std::sync::{LockResult, PoisonError};

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

/// std's cell behind the interface of loom's, which notices two accesses that overlap.
#[cfg(not(loom))]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    /// A cell around `value`.
    pub(crate) fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    /// Calls `f` with a pointer to the value. `f` may write through it if nobody else has access
    /// meanwhile.
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// What a lock hands out, even if a panic has poisoned it. The data is whole all the same, for our
/// critical sections run no foreign code, and nothing unwinds in them.
fn whole<T>(result: LockResult<T>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a signal.
pub(crate) fn wait<'a, T>(signal: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    whole(signal.wait(guard))
}

/// Locks a mutex.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    whole(mutex.lock())
}

/// Locks a mutex, unless somebody else has it.
#[cfg(all(unix, not(any(loom, shuttle))))]
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Locks a mutex in a `static`, which is std's in each build. Under it nothing else from here is
/// used.
#[cfg(not(loom))]
pub(crate) fn lock_static<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    whole(mutex.lock())
}

/// Lets go of a share of what others own, too, without freeing it. If they have all let go of it
/// meanwhile, it stays for ever.
#[cfg(all(unix, not(any(loom, shuttle))))]
pub(crate) fn release_without_freeing<T>(share: Arc<T>) {
    if Arc::strong_count(&share) == 1 {
        std::mem::forget(share);
    }
}

/// Waits for a signal until `deadline`. Returns `None`, without a wait, if the deadline has come.
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
    let (guard, _) = whole(signal.wait_timeout(guard, left));
    Some(guard)
}

/// In models every deadline has come at once, for loom's condition variable knows no time-out: a
/// deadline that comes is the one case that a wait without a deadline lacks. (What other threads do
/// may come before.)
#[cfg(loom)]
pub(crate) fn wait_until<'a, T>(
    _: &Condvar,
    _: MutexGuard<'a, T>,
    _: Instant,
) -> Option<MutexGuard<'a, T>> {
    None
}
