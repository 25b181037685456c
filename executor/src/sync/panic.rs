//! Panics of foreign code, kept until somebody wants them.

use std::{
    any::Any,
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// A panic's payload that may be dropped anywhere: if its destructor panics, that panic is caught, and
/// its payload is dropped likewise. That may go on for ever, so at some point one is leaked.
pub(crate) struct Panic(ManuallyDrop<Box<dyn Any + Send + 'static>>);

// SAFETY: a shared reference gives out nothing but the type, and a `&str` (see `message`), and `str`
// and `String` are `Sync`; the payload itself leaves by value only.
unsafe impl Sync for Panic {}

impl Panic {
    /// Takes over a payload.
    pub(crate) fn new(payload: Box<dyn Any + Send + 'static>) -> Panic {
        Panic(ManuallyDrop::new(payload))
    }

    /// What [`std::panic::resume_unwind`] takes.
    pub(crate) fn into_payload(self) -> Box<dyn Any + Send + 'static> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is neither used nor dropped again.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }

    /// The text, if the payload is one, as it is after `panic!`.
    pub(crate) fn message(&self) -> Option<&str> {
        let payload = &**self.0;
        payload
            .downcast_ref::<&'static str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
    }
}

/// Payloads that panic as they are dropped, each the cause of the next, before one is leaked.
const HOSTILE_PAYLOADS: usize = 8;

impl Drop for Panic {
    fn drop(&mut self) {
        // SAFETY: dropped here and nowhere else; `into_payload` forgets `self`.
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

/// Runs foreign code; its panic comes back as a payload that is safe to drop.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
    catch_unwind(AssertUnwindSafe(f)).map_err(Panic::new)
}
