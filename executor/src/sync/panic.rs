//! Panics of foreign code, caught and kept.

use std::{
    any::Any,
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Waker,
};

/// A panic's payload that may be dropped anywhere. If its destructor panics, that panic is caught,
/// and the payload of that one is dropped likewise. After [`HOSTILE_PAYLOADS`] of them, one is
/// leaked.
pub(crate) struct Panic(ManuallyDrop<Box<dyn Any + Send + 'static>>);

// SAFETY: a shared reference gives access to nothing that is not `Sync`: `message` looks at the
// payload's type, and at a `str` or a `String`. The payload itself leaves by value only.
unsafe impl Sync for Panic {}

impl Panic {
    /// Takes a payload over.
    pub(crate) fn new(payload: Box<dyn Any + Send + 'static>) -> Panic {
        Panic(ManuallyDrop::new(payload))
    }

    /// The payload, for [`std::panic::resume_unwind`].
    pub(crate) fn into_payload(self) -> Box<dyn Any + Send + 'static> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used after this, nor dropped, for it is a `ManuallyDrop`.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }

    /// Whether the payload is of this type.
    pub(crate) fn is<T: Any>(&self) -> bool {
        (**self.0).is::<T>()
    }

    /// The message, if the payload is one, as that of a `panic!` is.
    pub(crate) fn message(&self) -> Option<&str> {
        let payload = &**self.0;
        payload
            .downcast_ref::<&'static str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
    }
}

/// How many payloads are dropped in a row, each one thrown by the destructor of the one before.
/// What goes on beyond that may go on for ever.
const HOSTILE_PAYLOADS: usize = 8;

impl Drop for Panic {
    fn drop(&mut self) {
        // SAFETY: the payload is not used after this, for `self` is being dropped; and it has not
        // been taken before, for `into_payload` keeps `self` from being dropped.
        let mut payload = unsafe { ManuallyDrop::take(&mut self.0) };
        for _ in 0..HOSTILE_PAYLOADS {
            match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                Ok(()) => return,
                Err(next) => payload = next,
            }
        }
        std::mem::forget(payload);
    }
}

/// Runs foreign code. Returns its panic, if it panics, as a payload that is safe to drop.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
    catch_unwind(AssertUnwindSafe(f)).map_err(Panic::new)
}

/// Wakes, and swallows a panic of the waker, which is foreign code: call it without a lock. The panic
/// hook has reported it, and others are still to be woken.
pub(crate) fn wake(waker: Waker) {
    drop(caught(|| waker.wake()));
}
