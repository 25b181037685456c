//! Timers: a wheel for each processor, and for each thread in `block_on`.
//!
//! | file    | idea                                                              |
//! | ------- | ----------------------------------------------------------------- |
//! | `entry` | one timer, inside the future that waits for it                    |
//! | `wheel` | which entries are due                                             |
//! | `owned` | wheels live for ever, and are used again                          |
//!
//! # Wheels
//!
//! [`Timers`] is a wheel with its lock. An entry is in the wheel of the thread that polled it last: a
//! worker's, in its processor; that of the call of `block_on`, if it is this call that the entry
//! wakes; else the one of the default executor's monitor. So the lock is nearly always free and in the cache
//! of whoever takes it, though anybody may take it: the owner of an entry that has moved, and the
//! monitor.
//!
//! Why a call of `block_on` serves itself alone: its thread may sit in foreign code that waits for a
//! timer, another executor's `block_on` for example, and look at no wheel meanwhile.
//!
//! # Who looks at a wheel
//!
//! Its *driver* does: the worker between two polls, now and then and always when its queue is
//! empty, and until `next_due` it parks; likewise the thread in `block_on`. Only the driver's own
//! thread makes `next_due` earlier, and it looks at it before it parks. That is why registering wakes
//! nobody and needs no ordering: what others do to a wheel can only make `next_due` later, and the
//! driver then wakes up once for nothing.
//!
//! Some wheels have no driver: those of workers that sit in code which has announced that it blocks, those of
//! processors without a machine, and the one for threads that belong to no executor. These are the monitor's
//! business. Whoever makes `next_due` of such a wheel earlier, or leaves a wheel that is not empty, wakes the
//! monitor. It also fires the timers of workers that are late, in a poll that takes long.
//!
//! # Foreign code
//!
//! No waker is cloned, woken or dropped under the lock. Entries leave the wheel in batches; the wakers
//! of a batch are woken without the lock, and a panic in one does not concern the others.
//!
//! # The end of a wheel
//!
//! At the end of an executor, or of a call of `block_on`, entries may be left, of futures that have gone
//! elsewhere. They are *evicted*: unlinked and woken, so that they are polled, and registered in
//! the wheel of whoever polls them. An owner may learn that only under the wheel's lock: hence wheels
//! are never freed.

pub(crate) mod entry;
#[cfg(all(test, loom))]
mod models;
#[cfg(not(loom))]
pub(crate) mod owned;
mod wheel;

use crate::sync::{
    AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering, clock::NEVER, lock, panic::caught,
};
use entry::{Entry, Unlinked, release};
use std::{ptr::NonNull, task::Waker};
use wheel::Wheel;

/// How many entries are taken out of the wheel at a time.
const BATCH: usize = 32;

/// Timers that come in quick succession are fired together: after a worker has fired any, it does not
/// wake up for others within this time, in nanoseconds. A wake-up costs more than a hundred timers.
const MODERATION: u64 = 125_000;

/// A wheel; see the module's text.
pub(crate) struct Timers {
    wheel: Mutex<Wheel>,
    /// When to look at the wheel, if not [`NEVER`]; changes under the lock.
    next_due: AtomicU64,
    /// The driver does not look before this time. Its own business.
    not_before: AtomicU64,
    driven: AtomicBool,
}

impl Timers {
    /// An empty wheel without a driver.
    pub(crate) fn new() -> Timers {
        Timers {
            wheel: Mutex::new(Wheel::new()),
            next_due: AtomicU64::new(NEVER),
            not_before: AtomicU64::new(0),
            driven: AtomicBool::new(false),
        }
    }

    /// When to look at the wheel again. [`NEVER`] if and only if it is empty.
    pub(crate) fn next_due(&self) -> u64 {
        // Ordering: Relaxed; see "Who looks at a wheel".
        self.next_due.load(Ordering::Relaxed)
    }

    /// When the driver looks at the wheel again.
    pub(crate) fn next_look(&self) -> u64 {
        // Ordering: Relaxed; the driver's own.
        self.next_due().max(self.not_before.load(Ordering::Relaxed))
    }

    /// For the driver, which has just fired what was due at `now`.
    pub(crate) fn moderate(&self, now: u64) {
        if self.next_due() > now {
            self.not_before
                .store(now.saturating_add(MODERATION), Ordering::Relaxed);
        }
    }

    /// Whether somebody looks at the wheel by itself.
    pub(crate) fn is_driven(&self) -> bool {
        // Ordering: Relaxed; who needs to know it for sure has a fence, see `MonitorSleep`.
        self.driven.load(Ordering::Relaxed)
    }

    /// Sets whether the wheel has a driver. If you clear it on a wheel that is not empty, wake the monitor.
    pub(crate) fn set_driven(&self, driven: bool) {
        self.driven.store(driven, Ordering::Relaxed);
    }

    /// Advances to `now`; returns whether a timer is due. Otherwise `next_due` is later than `now` afterwards.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        if now < self.next_due() {
            return false;
        }
        let mut wheel = self.lock();
        let due = wheel.advance(now);
        self.publish(&wheel);
        due
    }

    /// Skips idle time on an empty wheel, so that the next insert need not cascade.
    #[cfg(not(loom))]
    fn skip_to(&self, now: u64) {
        self.lock().advance(now);
        self.not_before.store(0, Ordering::Relaxed);
    }

    /// Wakes whoever waits for a deadline that has come, up to a whole batch after `limit` of them;
    /// returns whether there were any.
    pub(crate) fn fire(&self, now: u64, limit: usize) -> bool {
        let mut fired = 0;
        while fired < limit && self.next_due() <= now {
            let woken = self.wake_batch(Unlinked::Fired, |wheel| wheel.pop_due(now));
            if woken == 0 {
                break;
            }
            fired += woken;
        }
        fired > 0
    }

    /// Unlinks and wakes all.
    pub(crate) fn evict(&self) {
        while self.next_due() != NEVER {
            self.wake_batch(Unlinked::Evicted, Wheel::pop);
        }
    }

    /// Wakes the entries that `pop` unlinks, a batch of them at most; returns how many there were.
    fn wake_batch(
        &self,
        why: Unlinked,
        mut pop: impl FnMut(&mut Wheel) -> Option<NonNull<Entry>>,
    ) -> usize {
        let mut wakers: [Option<Waker>; BATCH] = [const { None }; BATCH];
        let mut popped = 0;
        let mut wheel = self.lock();
        while popped < BATCH
            && let Some(entry) = pop(&mut wheel)
        {
            // SAFETY: just unlinked, under the lock.
            wakers[popped] = unsafe { release(entry, why) };
            popped += 1;
        }
        self.publish(&wheel);
        drop(wheel);
        wakers.into_iter().flatten().for_each(wake);
        popped
    }

    fn lock(&self) -> MutexGuard<'_, Wheel> {
        lock(&self.wheel)
    }

    /// Publishes when to look at the wheel again; returns whether that is earlier than before.
    fn publish(&self, wheel: &Wheel) -> bool {
        let next_due = wheel.next_due().unwrap_or(NEVER);
        let earlier = next_due < self.next_due();
        // Ordering: Relaxed; see "Who looks at a wheel".
        self.next_due.store(next_due, Ordering::Relaxed);
        earlier
    }
}

/// A waker is foreign code: its panic has been reported by the hook, and the others are woken all the
/// same.
fn wake(waker: Waker) {
    drop(caught(|| waker.wake()));
}
