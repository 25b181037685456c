//! How the monitor rests between its rounds, and who wakes it.
//!
//! It *naps* until its next round, or a timer before that which nobody else looks at; after some
//! rounds with nothing to see it *sleeps* without a round to come. Both end with a wake-up in time
//! by this:
//!
//! | the monitor                              | whoever has something for it            |
//! | ---------------------------------------- | --------------------------------------- |
//! | `sleep`: raise `asleep`; full fence; look whether it is needed | `wake_if_asleep`: raise the count of active machines, or post the work; full fence; look at `asleep` |
//! | `nap`: publish `next_round`; full fence; look for timers | `wake_by`: leave the timer alone; full fence; look at `next_round` |
//!
//! Of the two fences one comes first, so at least one side sees the other.
//!
//! Whoever wakes it from a sleep takes the flag down, so that one of many unparks it.

use super::parker::Parker;
use crate::sync::{
    AtomicBool, AtomicU64, Ordering,
    clock::{self, NEVER},
    fence,
};

/// See the module's text.
#[derive(Debug)]
pub(crate) struct MonitorSleep {
    parker: Parker,
    asleep: AtomicBool,
    /// Until when it naps at most, if it is not `asleep`.
    next_round: AtomicU64,
}

impl MonitorSleep {
    /// Of a monitor that is awake.
    pub(crate) fn new() -> MonitorSleep {
        MonitorSleep {
            parker: Parker::new(),
            asleep: AtomicBool::new(false),
            next_round: AtomicU64::new(0),
        }
    }

    /// Ends whatever rest there is.
    pub(crate) fn wake(&self) {
        self.parker.unpark();
    }

    /// Ends a sleep. Must be called after a machine was made active, and by whoever leaves work to
    /// the monitor.
    pub(crate) fn wake_if_asleep(&self) {
        // Pairs with the fence in `sleep`.
        fence(Ordering::SeqCst);
        // Ordering: Relaxed for both, the fences order them.
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Sees to it that the monitor is awake by `due`, the deadline of a timer that it finds without
    /// a driver from now on.
    pub(crate) fn wake_by(&self, due: u64) {
        self.wake_if_asleep();
        // Ordering: Relaxed; the fence in `wake_if_asleep` orders it, and the one in `nap`.
        if due < self.next_round.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Leaves sources of events to the monitor. `leave` says where the monitor finds them that
    /// nobody else looks after them, and returns their first deadline.
    pub(crate) fn take_over(&self, leave: impl FnOnce() -> u64) {
        let due = leave();
        if due != NEVER {
            self.wake_by(due);
        }
    }

    /// For the monitor: rests until `next_round`, or the first deadline of a timer.
    pub(crate) fn nap(&self, next_round: u64, first_deadline: impl FnOnce() -> u64) {
        self.next_round.store(next_round, Ordering::Relaxed);
        // Pairs with the fence in `wake_if_asleep`, for `wake_by`.
        fence(Ordering::SeqCst);
        self.park(next_round.min(first_deadline()));
    }

    /// For the monitor: rests until it is needed, or the first deadline of a timer.
    pub(crate) fn sleep(
        &self,
        needed: impl FnOnce() -> bool,
        first_deadline: impl FnOnce() -> u64,
    ) {
        self.asleep.store(true, Ordering::Relaxed);
        // Pairs with the fence in `wake_if_asleep`.
        fence(Ordering::SeqCst);
        if !needed() {
            self.park(first_deadline());
        }
        self.asleep.store(false, Ordering::Relaxed);
    }

    fn park(&self, until: u64) {
        match until {
            NEVER => self.parker.park(),
            due => _ = self.parker.park_until(clock::instant(due)),
        }
    }
}
