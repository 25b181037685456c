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
use std::time::Duration;

/// All wheels.
struct Wheels {
    /// Those that nobody uses.
    free: Vec<&'static Timers>,
    all: Vec<&'static Timers>,
}

const NO_WHEELS: Wheels = Wheels {
    free: Vec::new(),
    all: Vec::new(),
};

#[cfg(not(shuttle))]
static WHEELS: Mutex<Wheels> = Mutex::new(NO_WHEELS);

#[cfg(shuttle)]
shuttle::lazy_static! {
    static ref WHEELS: OfOneExecution = OfOneExecution(Mutex::new(NO_WHEELS));
}

/// Under shuttle, "for ever" is one execution: the locks of one are no good in another.
#[cfg(shuttle)]
struct OfOneExecution(Mutex<Wheels>);

#[cfg(shuttle)]
impl Deref for OfOneExecution {
    type Target = Mutex<Wheels>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[cfg(shuttle)]
impl Drop for OfOneExecution {
    fn drop(&mut self) {
        let wheels = self.0.get_mut();
        for wheel in wheels.into_iter().flat_map(|wheels| wheels.free.drain(..)) {
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
        let free = lock(&WHEELS).free.pop();
        let timers = free.unwrap_or_else(OwnedTimers::make);
        timers.skip_to(clock::now());
        OwnedTimers(timers)
    }

    fn make() -> &'static Timers {
        let timers: &Timers = Box::leak(Box::new(Timers::new()));
        lock(&WHEELS).all.push(timers);
        timers
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
        lock(&WHEELS).free.push(self.0);
    }
}

/// Whether a timer of ours, which anybody in this process waits for, will fire while it lives: that of
/// `timeout(Duration::MAX, …)` will not.
pub(crate) fn any_will_fire() -> bool {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let late = clock::nanoseconds(CENTURY);
    let wheels = lock(&WHEELS);
    wheels.all.iter().any(|timers| timers.next_due() < late)
}

/// The lock, held by whoever is about to fork the process.
#[cfg(all(unix, not(shuttle)))]
pub(crate) struct Held(#[expect(dead_code)] std::sync::MutexGuard<'static, Wheels>);

/// Takes the lock. The epoch of the clock, which is set once, is set by then.
#[cfg(all(unix, not(shuttle)))]
pub(crate) fn hold() -> Held {
    clock::now();
    Held(lock(&WHEELS))
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
