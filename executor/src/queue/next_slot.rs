//! The next slot: room for the one task that its worker runs next.
//!
//! A task that the running task makes runnable goes here. So it runs while what the two share is
//! still in the cache, and as a rule no other worker is woken for it. (Go's `runnext`, tokio's LIFO
//! slot.)
//!
//! # Protocol
//!
//! One atomic pointer, null when empty. Every transfer is a swap, so a task has one owner at any
//! moment, whoever calls. The worker that holds the processor puts and takes. A thief only takes,
//! as its last resort, where the poll in front of the task has not ended within a microsecond (see
//! `scheduler::worker::find`).

use super::Word;
use crate::sync::{AtomicPtr, Ordering};
use std::{
    marker::PhantomData,
    ptr::{self, NonNull},
};

/// Room for one task.
pub(crate) struct NextSlot<T: Word> {
    task: AtomicPtr<()>,
    _owns: PhantomData<T>,
}

impl<T: Word> NextSlot<T> {
    /// An empty slot.
    pub(crate) fn new() -> NextSlot<T> {
        NextSlot {
            task: AtomicPtr::new(ptr::null_mut()),
            _owns: PhantomData,
        }
    }

    /// Puts `task` in and returns the one it displaces.
    pub(crate) fn put(&self, task: T) -> Option<T> {
        self.swap(task.into_raw().as_ptr())
    }

    /// Takes the task out.
    pub(crate) fn take(&self) -> Option<T> {
        if self.is_empty() {
            None
        } else {
            self.swap(ptr::null_mut())
        }
    }

    /// Whether the slot looks empty from here.
    pub(crate) fn is_empty(&self) -> bool {
        // Ordering: Relaxed; a guess, the swap decides.
        self.task.load(Ordering::Relaxed).is_null()
    }

    fn swap(&self, new: *mut ()) -> Option<T> {
        // Ordering: Release hands `new` over, Acquire takes over what was put before. Both pair
        // with this swap on another thread.
        let raw = NonNull::new(self.task.swap(new, Ordering::AcqRel))?;
        // SAFETY: it came from `into_raw`, for only `put` stores pointers; and it has not been
        // taken back, for the swap hands each to one caller.
        Some(unsafe { T::from_raw(raw) })
    }
}

impl<T: Word> Drop for NextSlot<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::queue::testing::Number;

    #[test]
    fn a_task_displaces_the_one_before() {
        let slot = NextSlot::new();
        assert!(slot.is_empty());
        assert_eq!(slot.put(Number(1)), None);
        assert_eq!(slot.put(Number(2)), Some(Number(1)));
        assert_eq!(slot.take(), Some(Number(2)));
        assert_eq!(slot.take(), None);
    }
}
