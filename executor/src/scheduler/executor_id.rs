//! The numbers of executors, and the way from a number to its executor.
//!
//! A task carries the number of its executor: two bytes instead of a pointer, which makes the difference
//! of 16 bytes in what an allocator hands out for a small task. A number belongs to one executor until
//! that is dropped, and to another one some time later.
//!
//! There are two ways. [`get`] is one load, for who knows that the executor exists: a wake-up of a
//! task on a thread that is none of its workers. [`find`] is for who does not know, as the holder of a
//! `JoinHandle` that may have outlived it, and takes a lock.

use super::Scheduler;
use crate::sync::lock_static;
use std::{
    io, ptr,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicPtr, Ordering},
    },
};

/// Executors that a process can have at once.
const NUMBERS: usize = 1 << u16::BITS;

/// The executors that exist. Half a MiB of address space, of which a page is used.
static POINTERS: [AtomicPtr<Scheduler>; NUMBERS] =
    [const { AtomicPtr::new(ptr::null_mut()) }; NUMBERS];

/// The same for who does not know whether they exist, and the numbers that none has.
static REGISTER: Mutex<Register> = Mutex::new(Register {
    schedulers: Vec::new(),
    free: Vec::new(),
});

struct Register {
    schedulers: Vec<Weak<Scheduler>>,
    free: Vec<u16>,
}

/// An executor's number. Free for another one once this is dropped.
#[derive(Debug)]
pub(crate) struct ExecutorId(u16);

impl ExecutorId {
    /// A number that no executor has.
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
        // Ordering: Relaxed; who makes a task, and so lets others come across the number, has the
        // executor from whoever started it. The pointer is that of the `Arc` and not of a reference
        // into it, so that it may become one again.
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
/// It exists now, and what the caller has to do with it happens after it was entered.
pub(crate) unsafe fn get(number: u16) -> Arc<Scheduler> {
    // Ordering: Relaxed, as in `enter`; a later executor's is not stored while this one exists.
    let scheduler = POINTERS[usize::from(number)].load(Ordering::Relaxed);
    // SAFETY: the pointer came from an `Arc`, and the caller says that the scheduler exists.
    unsafe { Arc::increment_strong_count(scheduler) };
    // SAFETY: the strong count was raised for this `Arc` just above.
    unsafe { Arc::from_raw(scheduler) }
}

/// The executor with this number, or none if there is none now. It may be a later one than the one that
/// the caller means, which must be able to tell.
pub(crate) fn find(number: u16) -> Option<Arc<Scheduler>> {
    lock_static(&REGISTER)
        .schedulers
        .get(usize::from(number))?
        .upgrade()
}
