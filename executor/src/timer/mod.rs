//! Timers: a wheel for each processor, and for each thread in `block_on`.
//!
//! | file    | idea                                                              |
//! | ------- | ----------------------------------------------------------------- |
//! | `entry` | one timer, inside the future that waits for it                    |
//! | `wheel` | which entries are due                                             |
//! | `pool`  | shards live for ever, and are used again                          |
//!
//! # Shards
//!
//! A *shard* is a wheel with its lock. An entry is in the shard of the thread that polled it last: a
//! worker's, in its processor; that of the call of `block_on`, if it is this call that the entry
//! wakes; else the one of the default executor. So the lock is nearly always free and in the cache
//! of whoever takes it, though anybody may take it: the owner of an entry that has moved, and the
//! monitor.
//!
//! Why a call of `block_on` serves itself alone: its thread may sit in foreign code that waits for a
//! timer, another executor's `block_on` for example, and look at no shard meanwhile.
//!
//! # Who looks at a shard
//!
//! Its *attendant* does: the worker between two polls, now and then and always when its queue is
//! empty, and until `next_due` it parks; likewise the thread in `block_on`. Only the attendant's own
//! thread makes `next_due` earlier, and it looks at it before it parks. That is why registering wakes
//! nobody and needs no ordering: what others do to a shard can only make `next_due` later, and the
//! attendant then wakes up once for nothing.
//!
//! Some shards have no attendant: the one for other threads, those of workers that sit in code which
//! has announced that it blocks, those of processors without a machine. These are the monitor's
//! business. Whoever makes `next_due` of such a shard earlier, or leaves a shard that is not empty,
//! tells the monitor. It also looks after workers that are late, in a poll that takes long.
//!
//! # Foreign code
//!
//! No waker is cloned, woken or dropped under the lock. Entries leave the wheel in batches; the wakers
//! of a batch are woken without the lock, and a panic in one does not concern the others.
//!
//! # The end of a shard
//!
//! At the end of an executor, or of a call of `block_on`, entries may be left, of futures that have gone
//! elsewhere. They are *evicted*: unlinked and woken, so that they are polled, and registered in
//! the shard of whoever polls them. An owner may learn that only under the shard's lock: hence shards
//! are never freed.

pub(crate) mod entry;
#[cfg(all(test, loom))]
mod models;
#[cfg(not(loom))]
pub(crate) mod pool;
mod wheel;

use crate::{
    clock::NEVER,
    panic::caught,
    sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering, lock},
};
use entry::{Entry, Release, release};
use std::{ptr::NonNull, task::Waker};
use wheel::Wheel;

/// How many entries are taken out of the wheel at a time.
const BATCH: usize = 32;

/// A shard; see the module's text.
pub(crate) struct Timers {
    wheel: Mutex<Wheel>,
    /// When to look at the wheel, if not [`NEVER`]; changes under the lock.
    next_due: AtomicU64,
    attended: AtomicBool,
}

impl Timers {
    /// An empty shard without an attendant.
    pub(crate) fn new() -> Timers {
        Timers {
            wheel: Mutex::new(Wheel::new()),
            next_due: AtomicU64::new(NEVER),
            attended: AtomicBool::new(false),
        }
    }

    /// When to look at the shard again. [`NEVER`] if and only if it is empty.
    pub(crate) fn next_due(&self) -> u64 {
        // Ordering: Relaxed; see "Who looks at a shard".
        self.next_due.load(Ordering::Relaxed)
    }

    /// Whether somebody looks at the shard by itself.
    pub(crate) fn is_attended(&self) -> bool {
        // Ordering: Relaxed; who needs to know it for sure has a fence, see `Doze`.
        self.attended.load(Ordering::Relaxed)
    }

    /// Says so. Whoever takes the attendance from a shard that is not empty tells the monitor.
    pub(crate) fn set_attended(&self, attended: bool) {
        self.attended.store(attended, Ordering::Relaxed);
    }

    /// Whether a deadline has come. `next_due` is about the future afterwards, if not.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        if now < self.next_due() {
            return false;
        }
        let mut wheel = self.lock();
        let due = wheel.advance(now);
        self.publish(&wheel);
        due
    }

    /// For a shard that is empty: what comes next comes after `now`, and not after a long time in which
    /// nothing was.
    #[cfg(not(loom))]
    fn skip_to(&self, now: u64) {
        self.lock().advance(now);
    }

    /// Wakes whoever waits for a deadline that has come, up to a whole batch after `limit` of them;
    /// returns whether there were any.
    pub(crate) fn fire(&self, now: u64, limit: usize) -> bool {
        let mut fired = 0;
        while fired < limit && self.next_due() <= now {
            let woken = self.wake_batch(Release::Fired, |wheel| wheel.pop_due(now));
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
            self.wake_batch(Release::Evicted, Wheel::pop);
        }
    }

    /// Wakes the entries that `pop` unlinks, a batch of them at most; returns how many there were.
    fn wake_batch(
        &self,
        why: Release,
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

    /// Writes down when to look at the wheel again; returns whether that is earlier than before.
    fn publish(&self, wheel: &Wheel) -> bool {
        let next_due = wheel.next_look().unwrap_or(NEVER);
        let earlier = next_due < self.next_due();
        // Ordering: Relaxed; see "Who looks at a shard".
        self.next_due.store(next_due, Ordering::Relaxed);
        earlier
    }
}

/// A waker is foreign code: its panic has been reported by the hook, and the others are woken all the
/// same.
fn wake(waker: Waker) {
    drop(caught(|| waker.wake()));
}
