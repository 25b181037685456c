//! Wheels live for ever, and are used again.
//!
//! An entry knows its wheel by address, and may outlive the executor or the call of `block_on` that
//! the wheel belonged to. Counting references to wheels would cost each timer two atomic
//! operations. What lives for ever of a wheel are some 200 bytes, for as many as were ever in use
//! at once: its slots, 9 KiB, come with its first timer, and go when its user goes.

use super::Timers;
use crate::sync::clock;
#[cfg(not(shuttle))]
use crate::sync::lock_static as lock;
#[cfg(shuttle)]
use crate::sync::{Mutex, lock};
#[cfg(shuttle)]
use std::ops::Deref;
#[cfg(not(shuttle))]
use std::sync::Mutex;

#[cfg(not(shuttle))]
static FREE: Mutex<Vec<&'static Timers>> = Mutex::new(Vec::new());

#[cfg(shuttle)]
shuttle::lazy_static! {
    static ref FREE: Free = Free(Mutex::new(Vec::new()));
}

/// Under shuttle, "for ever" is one execution: the locks of one are no good in another.
#[cfg(shuttle)]
struct Free(Mutex<Vec<&'static Timers>>);

#[cfg(shuttle)]
impl Deref for Free {
    type Target = Mutex<Vec<&'static Timers>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[cfg(shuttle)]
impl Drop for Free {
    fn drop(&mut self) {
        let wheels = self.0.get_mut();
        for wheel in wheels.into_iter().flat_map(|wheels| wheels.drain(..)) {
            // SAFETY: a `Box` that `take` leaked, in the list once; nobody uses it any more, for
            // the execution is over.
            drop(unsafe { Box::from_raw(std::ptr::from_ref(wheel).cast_mut()) });
        }
    }
}

/// The right to use a wheel, until this is dropped.
pub(crate) struct OwnedTimers(&'static Timers);

impl OwnedTimers {
    /// Takes a wheel that nobody uses, or makes one.
    pub(crate) fn take() -> OwnedTimers {
        let free = lock(&FREE).pop();
        let timers = free.unwrap_or_else(|| Box::leak(Box::new(Timers::new())));
        timers.skip_to(clock::now());
        OwnedTimers(timers)
    }

    /// The wheel itself.
    pub(crate) fn timers(&self) -> &'static Timers {
        self.0
    }
}

impl Drop for OwnedTimers {
    fn drop(&mut self) {
        self.0.evict();
        self.0.shrink();
        self.0.set_driven(false);
        lock(&FREE).push(self.0);
    }
}

/// The lock, held by whoever is about to fork the process.
#[cfg(all(unix, not(shuttle)))]
pub(crate) struct Held(#[expect(dead_code)] std::sync::MutexGuard<'static, Vec<&'static Timers>>);

/// Takes the lock. The epoch of the clock, which is set once, is set by then.
#[cfg(all(unix, not(shuttle)))]
pub(crate) fn hold() -> Held {
    clock::now();
    Held(lock(&FREE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_is_used_again() {
        // Other tests take wheels too, so one of many attempts has to find its own.
        let again = (0..1_000).any(|_| {
            let first: *const Timers = OwnedTimers::take().timers();
            std::ptr::eq(first, OwnedTimers::take().timers())
        });
        assert!(again);
    }
}
