//! How the monitor rests between its rounds, and who wakes it.
//!
//! It *blinks* until its next round, if that is soon; or *naps*, if it is later; and after some
//! rounds with nothing to see it *sleeps*, for as long as nothing happens. Timers which nobody else
//! looks at end each rest in time. What else does:
//!
//! | the monitor                              | whoever has something for it            |
//! | ---------------------------------------- | --------------------------------------- |
//! | `sleep`: say so; full fence; look whether it is needed | `wake_if_asleep`: raise the count of active machines, or post the work; full fence; look whether it sleeps |
//! | `nap`, `sleep`: say so; full fence; look whether a permit is offered | `watch`: offer a permit; full fence; look whether it naps or sleeps |
//! | any: publish `next_round`; full fence; look for timers | `wake_by`: leave the timer alone; full fence; look at `next_round` |
//!
//! Of the two fences one comes first, so at least one side sees the other.
//!
//! Whoever wakes it sets the depth of its rest back, so that one of many unparks it.

use super::parker::Parker;
use crate::sync::{
    AtomicU8, AtomicU64, Ordering,
    clock::{self, NEVER},
    fence,
};

/// How the monitor rests: with a round to come soon, or awake.
const ATTENTIVE: u8 = 0;
/// With a round to come later.
const NAPPING: u8 = 1;
/// For as long as nothing happens.
const ASLEEP: u8 = 2;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct MonitorSleep {
    parker: Parker,
    depth: AtomicU8,
    /// Until when it rests at most.
    next_round: AtomicU64,
}

impl MonitorSleep {
    /// Of a monitor that is awake.
    pub(crate) fn new() -> MonitorSleep {
        MonitorSleep {
            parker: Parker::new(),
            depth: AtomicU8::new(ATTENTIVE),
            next_round: AtomicU64::new(0),
        }
    }

    /// Ends whatever rest there is.
    pub(crate) fn wake(&self) {
        self.parker.unpark();
    }

    /// Ends a sleep. Must be called after a machine was made active, and by whoever leaves work to
    /// the monitor.
    #[inline]
    pub(crate) fn wake_if_asleep(&self) {
        self.wake_from(ASLEEP);
    }

    /// Sees to it that the monitor looks soon, and again soon after. Must be called after a permit
    /// was offered.
    #[inline]
    pub(crate) fn watch(&self) {
        self.wake_from(NAPPING);
    }

    #[inline]
    fn wake_from(&self, depth: u8) {
        // Pairs with the fence in `rest`.
        fence(Ordering::SeqCst);
        // Ordering: Relaxed for both, the fences order them.
        if self.depth.load(Ordering::Relaxed) >= depth
            && self.depth.swap(ATTENTIVE, Ordering::Relaxed) != ATTENTIVE
        {
            self.wake();
        }
    }

    /// Sees to it that the monitor is awake by `due`, the deadline of a timer that it finds without
    /// a driver from now on.
    pub(crate) fn wake_by(&self, due: u64) {
        // Pairs with the fence in `rest`.
        fence(Ordering::SeqCst);
        // Ordering: Relaxed; the fences order it.
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

    /// For the monitor: rests until `next_round`, which comes soon, or the first deadline of a
    /// timer.
    pub(crate) fn blink(&self, next_round: u64, first_deadline: impl FnOnce() -> u64) {
        self.rest(ATTENTIVE, next_round, || false, first_deadline);
    }

    /// For the monitor: rests until `next_round`, the first deadline of a timer, or until a permit
    /// is offered.
    pub(crate) fn nap(
        &self,
        next_round: u64,
        offered: impl FnOnce() -> bool,
        first_deadline: impl FnOnce() -> u64,
    ) {
        self.rest(NAPPING, next_round, offered, first_deadline);
    }

    /// For the monitor: rests until it is needed, `until` has come, or the first deadline of a
    /// timer. Returns whether it was needed, or woken.
    pub(crate) fn sleep(
        &self,
        until: u64,
        needed: impl FnOnce() -> bool,
        first_deadline: impl FnOnce() -> u64,
    ) -> bool {
        self.rest(ASLEEP, until, needed, first_deadline)
    }

    fn rest(
        &self,
        depth: u8,
        until: u64,
        needed: impl FnOnce() -> bool,
        first_deadline: impl FnOnce() -> u64,
    ) -> bool {
        self.next_round.store(until, Ordering::Relaxed);
        self.depth.store(depth, Ordering::Relaxed);
        // Pairs with the fences in `wake_from` and `wake_by`.
        fence(Ordering::SeqCst);
        let woken = needed() || self.park(until.min(first_deadline()));
        self.depth.store(ATTENTIVE, Ordering::Relaxed);
        woken
    }

    /// Returns whether it was woken.
    fn park(&self, until: u64) -> bool {
        match until {
            NEVER => self.parker.park(),
            due => return self.parker.park_until(clock::instant(due)),
        }
        true
    }
}
