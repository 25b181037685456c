//! Timers: a wheel for each processor, and for each thread in `block_on`.
//!
//! | file    | idea                                                              |
//! | ------- | ----------------------------------------------------------------- |
//! | `entry` | one timer, inside the future that waits for it                    |
//! | `wheel` | which entries are due                                             |
//! | `list`  | the entries of one slot of a wheel                                |
//! | `owned` | wheels live for ever, and are used again                          |
//!
//! # Wheels
//!
//! [`Timers`] is a wheel with its lock. An entry is in the wheel of the thread that polled it last:
//!
//! * on a worker, in the wheel of its processor;
//! * in a call of `block_on`, in the wheel of that call, if it is this call that the entry wakes;
//! * in such a call, if it wakes another, in the wheel of the call's executor;
//! * elsewhere in the wheel of the default executor.
//!
//! So the lock is nearly always free, and in the cache of the thread that takes it. Other threads
//! take it too: the owner of an entry that has moved, and the monitor.
//!
//! Why the wheel of a call of `block_on` serves nobody but that call: its thread may sit in foreign
//! code that waits for a timer, another executor's `block_on` for example, and looks at no wheel
//! meanwhile. A worker's wheel is the monitor's business then; without a monitor, it serves only
//! timers that wake the task which polls them. The wheel of an executor, for what is left, is
//! told of in `scheduler::outside`.
//!
//! # What is over says so
//!
//! A timer follows the clock, not whoever fires it: a poll compares the deadline with the time, and
//! takes the entry out of its wheel if nobody has fired it yet. Firing does no more than wake. So
//! whoever polls within one long poll, and does not let its thread look at any wheel, comes to an
//! end all the same.
//!
//! # Who fires a timer
//!
//! | polled last                                    | fired by                                   |
//! | ---------------------------------------------- | ------------------------------------------ |
//! | on a worker, which goes on from poll to poll   | that worker, every so often, and when it   |
//! |                                                | runs dry (`scheduler::worker::pace`)       |
//! | on a worker that sleeps now                    | that worker, if there is a permit for it;  |
//! |                                                | else another one                           |
//! | on a worker that blocks, or is stuck for       | another worker                             |
//! | `handoff_after`, or 100 ms if that is shorter  |                                            |
//! | on a worker whose thread ends                  | nobody: it is evicted                      |
//! | on a worker with `handoff(false)`              | that worker alone, if it wakes the task    |
//! |                                                | that polled it; else that or another       |
//! |                                                | worker, or a thread in `block_on` of that  |
//! |                                                | executor, whoever looks first              |
//! | in a call of `block_on`, and wakes that call   | that call's thread                         |
//! | in a call of `block_on`, and wakes another     | a worker of that executor; without a       |
//! |                                                | monitor, as above                          |
//! | elsewhere                                      | a worker of the default executor           |
//!
//! "Another" worker comes when the monitor has found something due that nobody looks after; if none
//! does, the monitor sends a thread for it (`scheduler::monitor`).
//!
//! Whoever looks at a wheel by itself is its *driver*: a worker, or a thread in `block_on`. It
//! looks between two polls, and parks no longer than until the next deadline, or some 125 µs later
//! where it has just fired others. *Stuck* is a machine whose poll does not end, whether its permit
//! was taken or not.
//!
//! Registering a timer with a wheel that has a driver wakes nobody and needs no ordering. The
//! reason is that only the driver's own thread makes `next_due` earlier, and that thread reads
//! `next_due` before it parks. What other threads do to a wheel can only make `next_due` later:
//! then the driver wakes up once for nothing.
//!
//! The monitor looks at wheels without a driver. Whoever makes `next_due` of such a wheel earlier,
//! or leaves a wheel that is not empty, wakes the monitor; where there is none, see
//! `scheduler::outside`.
//!
//! # Foreign code
//!
//! No waker is cloned, woken or dropped under the lock. Entries leave the wheel one by one, and the
//! waker of one is woken before the next leaves: if it takes its time, somebody else can fire the
//! others. A panic in one does not keep the others from being woken.
//!
//! # The end of a wheel
//!
//! When an executor, a worker or a call of `block_on` ends, its wheel may have entries left, of
//! futures that have gone elsewhere. These entries are *evicted*: unlinked and woken, so that they
//! are polled, and registered in the wheel of whoever polls them. Their owners may learn of it only
//! by taking the lock of the wheel that ended: hence wheels are never freed.

pub(crate) mod entry;
mod list;
#[cfg(all(test, loom))]
mod models;
#[cfg(not(loom))]
pub(crate) mod owned;
mod wheel;

use crate::sync::{
    AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering,
    clock::{self, NEVER},
    lock,
    panic::wake,
};
use entry::{Unlinked, release};
use wheel::{Removed, Wheel};

/// Timers that come in quick succession are fired together: after a worker has fired any, it does
/// not wake up for others within this time, in nanoseconds. A wake-up costs more than a hundred
/// timers. (But for virtual time, in which nothing costs anything.)
const MODERATION: u64 = 125_000;

/// A wheel with its lock.
pub(crate) struct Timers {
    wheel: Mutex<Wheel>,
    /// When to look at the wheel; [`NEVER`] if it is empty. Changes under the lock.
    next_due: AtomicU64,
    /// The driver does not look before this time. Read and written by the driver only.
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
        // Ordering: Relaxed; see "Who fires a timer".
        self.next_due.load(Ordering::Relaxed)
    }

    /// When the driver looks at the wheel again.
    pub(crate) fn next_look(&self) -> u64 {
        // Ordering: Relaxed; the driver's own.
        self.next_due().max(self.not_before.load(Ordering::Relaxed))
    }

    /// Lets the driver look again only after [`MODERATION`]. Call on the driver's thread, after
    /// firing what was due at `now`.
    pub(crate) fn moderate(&self, now: u64) {
        if self.next_due() > now && !clock::is_virtual() {
            self.not_before
                .store(now.saturating_add(MODERATION), Ordering::Relaxed);
        }
    }

    /// Whether the wheel has a driver.
    pub(crate) fn is_driven(&self) -> bool {
        // Ordering: Relaxed; a caller that must not miss a change has a fence, see `MonitorSleep`.
        self.driven.load(Ordering::Relaxed)
    }

    /// Sets whether the wheel has a driver. If you clear it on a wheel that is not empty, wake the
    /// monitor.
    pub(crate) fn set_driven(&self, driven: bool) {
        self.driven.store(driven, Ordering::Relaxed);
    }

    /// Advances to `now`; returns whether a timer is due. Otherwise `next_due` is later than `now`
    /// afterwards.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        if now < self.next_due() {
            return false;
        }
        let mut wheel = self.lock();
        let due = wheel.advance(now);
        self.publish(&wheel);
        due
    }

    /// Sets the time of an empty wheel, so that the next insert need not cascade. In a simulation that
    /// may be earlier than where the wheel was used before, or later.
    #[cfg(not(loom))]
    fn skip_to(&self, now: u64) {
        self.lock().skip_to(now);
        self.not_before.store(0, Ordering::Relaxed);
    }

    /// Gives back what an empty wheel does not need. For one that nobody uses any more.
    #[cfg(not(loom))]
    fn shrink(&self) {
        self.lock().shrink();
    }

    /// Fires timers that are due at `now`, at most `limit`. Returns whether there were any.
    pub(crate) fn fire(&self, now: u64, limit: usize) -> bool {
        let mut fired = 0;
        while fired < limit
            && self.next_due() <= now
            && self.wake_one(Unlinked::Fired, |wheel| wheel.pop_due(now))
        {
            fired += 1;
        }
        fired > 0
    }

    /// Unlinks and wakes all entries.
    pub(crate) fn evict(&self) {
        while self.next_due() != NEVER {
            self.wake_one(Unlinked::Evicted, Wheel::pop);
        }
    }

    /// Wakes the entry that `pop` unlinks; returns whether there was one.
    fn wake_one(&self, why: Unlinked, pop: impl FnOnce(&mut Wheel) -> Option<Removed<'_>>) -> bool {
        let mut wheel = self.lock();
        let popped = pop(&mut wheel).map(|removed| release(removed, why));
        self.publish(&wheel);
        drop(wheel);
        let woken = popped.is_some();
        popped.flatten().into_iter().for_each(wake);
        woken
    }

    fn lock(&self) -> MutexGuard<'_, Wheel> {
        lock(&self.wheel)
    }

    /// Publishes when to look at the wheel again; returns whether that is earlier than before.
    fn publish(&self, wheel: &Wheel) -> bool {
        let next_due = wheel.next_due().unwrap_or(NEVER);
        let earlier = next_due < self.next_due();
        // Ordering: Relaxed; see "Who fires a timer".
        self.next_due.store(next_due, Ordering::Relaxed);
        earlier
    }
}
