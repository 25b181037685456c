//! The queues that runnable tasks wait in.
//!
//! None of the queues knows what a task is. They hold [`Word`]s, so that models and unit tests run
//! them on integers.

pub(crate) mod global;
pub(crate) mod local;
#[cfg(all(test, loom))]
mod models;
pub(crate) mod next_slot;
#[cfg(all(test, not(any(loom, shuttle))))]
mod random_tests;

use std::ptr::NonNull;

/// A value that is one non-null pointer wide and can be carried through an atomic pointer.
///
/// # Safety
///
/// `from_raw(into_raw(x))` gives `x` back, on whatever thread `from_raw` is called; and a pointer
/// that is never taken back is a leak, no more.
pub(crate) unsafe trait Word: Sized + Send {
    /// Gives up ownership for a pointer.
    fn into_raw(self) -> NonNull<()>;

    /// Takes ownership back.
    ///
    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Word::into_raw) and has not been taken back since.
    unsafe fn from_raw(raw: NonNull<()>) -> Self;
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{NonNull, Word};

    /// An integer above zero, as a pointer: what models and unit tests queue.
    #[derive(Debug, PartialEq, Eq, Clone, Copy, PartialOrd, Ord, Hash)]
    pub(crate) struct Number(pub(crate) usize);

    // SAFETY: the address is the number, on every thread; and nothing is owned.
    unsafe impl Word for Number {
        fn into_raw(self) -> NonNull<()> {
            NonNull::new(std::ptr::without_provenance_mut(self.0)).expect("numbers start at 1")
        }

        unsafe fn from_raw(raw: NonNull<()>) -> Self {
            Number(raw.addr().get())
        }
    }
}
