//! The numbers of executors, and the way from a number to its executor.
//!
//! A task carries the number of its executor: two bytes instead of a pointer. For a small task that
//! makes 16 bytes less of what an allocator hands out. A number belongs to one executor until the
//! executor is dropped, and may belong to another one later.
//!
//! There are two ways to the executor. [`get`] is one load, for callers who know that the executor
//! exists: who wakes a task on a thread that is none of its workers. [`find`] takes a lock, for
//! callers who do not know: the holder of a `JoinHandle`, which may have outlived the executor.

use super::Scheduler;
use crate::sync::lock_static;
#[cfg(all(unix, not(shuttle)))]
use crate::sync::{release_without_freeing, try_lock};
use std::{
    io, ptr,
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicPtr, Ordering},
    },
};

/// How many executors a process can have at once: as many as two bytes can tell apart.
const NUMBERS: usize = 1 << u16::BITS;

/// Pointers to the executors that exist, by number. Half a MiB of address space, of which a page is
/// used.
static POINTERS: [AtomicPtr<Scheduler>; NUMBERS] =
    [const { AtomicPtr::new(ptr::null_mut()) }; NUMBERS];

/// Weak pointers by number, for callers who do not know whether the executor exists; and the
/// numbers that are free.
static REGISTER: Mutex<Register> = Mutex::new(Register {
    schedulers: Vec::new(),
    free: Vec::new(),
});

struct Register {
    schedulers: Vec<Weak<Scheduler>>,
    free: Vec<u16>,
}

/// The lock, held by whoever is about to fork the process.
#[cfg(unix)]
pub(super) struct Held(#[expect(dead_code)] MutexGuard<'static, Register>);

/// Takes the lock.
#[cfg(unix)]
pub(super) fn hold() -> Held {
    Held(lock_static(&REGISTER))
}

/// The number of an executor. Free for another executor once this is dropped.
#[derive(Debug)]
pub(crate) struct ExecutorId(u16);

impl ExecutorId {
    /// Takes a number that no executor has.
    pub(super) fn take() -> io::Result<ExecutorId> {
        let mut register = lock_static(&REGISTER);
        if let Some(number) = register.free.pop() {
            return Ok(ExecutorId(number));
        }
        let Ok(number) = u16::try_from(register.schedulers.len()) else {
            return Err(io::Error::other(format!(
                "this process has {NUMBERS} executors already: drop some, and the handles to those \
                 that have ended"
            )));
        };
        register.schedulers.push(Weak::new());
        Ok(ExecutorId(number))
    }

    /// Makes the executor with this number known.
    pub(super) fn enter(&self, scheduler: &Arc<Scheduler>) {
        lock_static(&REGISTER).schedulers[usize::from(self.0)] = Arc::downgrade(scheduler);
        // Ordering: Relaxed; others come across the number in a task, and whoever makes a task has
        // the executor from the thread that started it. The pointer is that of the `Arc`, and not
        // of a reference into it, so that it may become an `Arc` again.
        POINTERS[usize::from(self.0)].store(Arc::as_ptr(scheduler).cast_mut(), Ordering::Relaxed);
    }

    /// The number itself.
    pub(crate) fn get(&self) -> u16 {
        self.0
    }
}

impl Drop for ExecutorId {
    fn drop(&mut self) {
        let mut register = lock_static(&REGISTER);
        register.schedulers[usize::from(self.0)] = Weak::new();
        register.free.push(self.0);
    }
}

/// The executor with this number.
///
/// # Safety
///
/// 1. The executor exists during this call: somebody holds an `Arc` of it.
/// 2. Its [`enter`](ExecutorId::enter) happened before this call.
pub(crate) unsafe fn get(number: u16) -> Arc<Scheduler> {
    // Ordering: Relaxed; `enter` happened before, and no later executor with the number is entered
    // while this one exists.
    let scheduler = POINTERS[usize::from(number)].load(Ordering::Relaxed);
    // SAFETY: the pointer came from `Arc::as_ptr` (the caller's 2), of std's allocator, and the
    // strong count is at least 1 during this call (the caller's 1).
    unsafe { Arc::increment_strong_count(scheduler) };
    // SAFETY: as above; and the reference that this `Arc` owns is the one that was added just now.
    unsafe { Arc::from_raw(scheduler) }
}

/// The executor with this number, if there is one now. It may be a later one than the caller means:
/// the caller must be able to tell.
pub(crate) fn find(number: u16) -> Option<Arc<Scheduler>> {
    lock_static(&REGISTER)
        .schedulers
        .get(usize::from(number))?
        .upgrade()
}

/// All executors that there are now.
pub(super) fn all() -> Vec<Arc<Scheduler>> {
    let register = lock_static(&REGISTER);
    let executors = register.schedulers.iter().filter_map(Weak::upgrade);
    executors.collect()
}

/// Calls `f` with each executor that there is now, without a wait and without an allocation. Returns
/// `None` if somebody holds the lock.
#[cfg(all(unix, not(shuttle)))]
pub(super) fn try_for_each(mut f: impl FnMut(&Scheduler)) -> Option<()> {
    let register = try_lock(&REGISTER)?;
    for executor in register.schedulers.iter().filter_map(Weak::upgrade) {
        f(&executor);
        // To free it takes locks, and is a call of the allocator's.
        release_without_freeing(executor);
    }
    Some(())
}
