//! The next slot: room for the one task that its worker runs next.
//!
//! A task made runnable by the running one goes here, so that it runs while what they share is
//! still in the cache, and as a rule without waking another worker (Go's `runnext`, tokio's LIFO slot).
//!
//! # Protocol
//!
//! One atomic pointer, null when empty. Every transfer is a swap, so a task has one owner at any
//! moment, whoever calls. The worker that holds the processor puts and takes; a thief only takes,
//! as its last resort and only where the poll in front does not end (see `scheduler::worker`).

use super::Word;
use crate::sync::{AtomicPtr, Ordering};
use std::{fmt, marker::PhantomData, ptr, ptr::NonNull};

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
        // Ordering: Relaxed; a hint, the swap decides.
        self.task.load(Ordering::Relaxed).is_null()
    }

    fn swap(&self, new: *mut ()) -> Option<T> {
        // Ordering: Release hands `new` over, Acquire takes over what was put before: the partner
        // is this same swap on another thread.
        let raw = NonNull::new(self.task.swap(new, Ordering::AcqRel))?;
        // SAFETY: only `put` stores pointers, from `into_raw`, and the swap hands each to one caller.
        Some(unsafe { T::from_raw(raw) })
    }
}

impl<T: Word> Drop for NextSlot<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T: Word> fmt::Debug for NextSlot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextSlot")
            .field("is_empty", &self.is_empty())
            .finish()
    }
}

#[cfg(all(test, not(loom)))]
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
