//! The register of tasks that wait: how an abort, and the end of the executor, find them.
//!
//! A runnable task is in a queue, a running one on a thread; a *waiting* one is known to nobody
//! but its wakers, wherever those are. So the first poll that leaves a task pending writes it down
//! here, with a waker, until its future is dropped. A task that never waits costs nothing.
//!
//! The register is cut into shards, one for each worker, each under a lock of its own that is
//! uncontended as long as tasks end where they first waited. No foreign code runs under a lock:
//! the wakers are async-task's own, cloning one is an addition, and they are woken and dropped
//! outside.
//!
//! Rejected: one slab for all (23 ns a task and a lock that all share); links inside the tasks
//! (16 bytes more for each task, and unlinking touches two neighbours' cache lines).

use crate::sync::{Mutex, lock};
use crossbeam_utils::CachePadded;
use slab::Slab;
use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering},
    task::Waker,
};

/// A shard that has become empty gives back the memory of more entries than this.
const ENTRIES_KEPT: usize = 1 << 10;

/// Shards there are at most: enough that few workers share one, and a task finds room for its number.
const MAX_SHARDS: usize = 1 << u8::BITS;

/// A task's side of the register. Written by the machine that holds the task's `Runnable`.
#[derive(Debug)]
pub(crate) struct Registration {
    /// The entry in its shard, `NONE`, or `ENDED`. Changes from and to an entry under the shard's
    /// lock only.
    key: AtomicU32,
    /// Whose register this is about, see `directory`.
    executor: u16,
    /// Good as long as there is a key.
    shard: AtomicU8,
    /// Someone asked for the future to be dropped.
    aborted: AtomicBool,
}

/// The task is not written down: it has not waited yet.
const NONE: u32 = u32::MAX;
/// The future has been dropped.
const ENDED: u32 = u32::MAX - 1;

fn is_entry(key: u32) -> bool {
    key < ENDED
}

impl Registration {
    /// Of a task that has not waited yet.
    pub(crate) fn none(executor: u16) -> Registration {
        Registration {
            key: AtomicU32::new(NONE),
            executor,
            shard: AtomicU8::new(0),
            aborted: AtomicBool::new(false),
        }
    }

    /// The number of the task's executor.
    pub(crate) fn executor(&self) -> u16 {
        self.executor
    }

    /// Whether the task is written down. Certain for the holder of the `Runnable`; to others a
    /// hint, which the lock confirms.
    pub(crate) fn is_registered(&self) -> bool {
        // Ordering: SeqCst, see `request_abort`; it also publishes the shard's number.
        is_entry(self.key.load(Ordering::SeqCst))
    }

    /// Asks for the future to be dropped at the task's next poll.
    pub(crate) fn request_abort(&self) {
        // Ordering: SeqCst. Aborter: *raise the flag, look for the key.* Poll that leaves the task
        // pending: *write the key, look at the flag.* At least one sees the other.
        self.aborted.store(true, Ordering::SeqCst);
    }

    /// Whether an abort was asked for.
    pub(crate) fn is_aborted(&self) -> bool {
        // Ordering: SeqCst, see `request_abort`.
        self.aborted.load(Ordering::SeqCst)
    }

    /// Whether the future is gone. For the holder of the `Runnable`, as `set_ended`.
    pub(crate) fn has_ended(&self) -> bool {
        // Ordering: Relaxed; async-task orders what the holders do.
        self.key.load(Ordering::Relaxed) == ENDED
    }

    /// Says that the future is gone, of a task that is not written down.
    pub(crate) fn set_ended(&self) {
        // Ordering: Relaxed, as above.
        self.key.store(ENDED, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Shard {
    wakers: Slab<Waker>,
    closed: bool,
}

/// All waiting tasks of one executor.
pub(crate) struct LiveTasks {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
}

impl LiveTasks {
    /// An empty register for `workers` workers.
    pub(crate) fn new(workers: usize) -> LiveTasks {
        let shards = workers.min(MAX_SHARDS);
        LiveTasks {
            shards: (0..shards).map(|_| CachePadded::default()).collect(),
        }
    }

    fn shard(&self, number: u8) -> &Mutex<Shard> {
        &self.shards[usize::from(number)]
    }

    /// Writes a task down; false if the register is closed. `hint` picks the shard.
    pub(crate) fn insert(&self, hint: usize, registration: &Registration, waker: &Waker) -> bool {
        let number = (hint % self.shards.len()) as u8;
        let waker = waker.clone();
        let mut shard = lock(self.shard(number));
        if shard.closed {
            drop(shard);
            return false;
        }
        let key = u32::try_from(shard.wakers.insert(waker))
            .ok()
            .filter(|&key| is_entry(key));
        let key = key.expect("fewer than 2^32 tasks wait in one shard");
        // Ordering: Relaxed; published by the key.
        registration.shard.store(number, Ordering::Relaxed);
        // Ordering: SeqCst, see `request_abort`.
        registration.key.store(key, Ordering::SeqCst);
        true
    }

    /// Strikes a task out, whose future has been dropped. Returns whether that left its shard of a closed register empty.
    pub(crate) fn remove(&self, registration: &Registration) -> bool {
        // Ordering: Relaxed for both; the caller holds the `Runnable`.
        let number = registration.shard.load(Ordering::Relaxed);
        let mut shard = lock(self.shard(number));
        let key = registration.key.swap(ENDED, Ordering::Relaxed);
        let waker = shard.wakers.remove(key as usize);
        let emptied = shard.wakers.is_empty();
        if emptied && shard.wakers.capacity() > ENTRIES_KEPT {
            shard.wakers = Slab::new();
        }
        let last = emptied && shard.closed;
        drop(shard);
        drop(waker);
        last
    }

    /// The waker of a task, if it is written down here. (If it is not, its shard's number may be
    /// another executor's.)
    pub(crate) fn find(&self, registration: &Registration) -> Option<Waker> {
        // Ordering: Relaxed; whoever asks has seen the key.
        let number = registration.shard.load(Ordering::Relaxed);
        let shard = lock(self.shards.get(usize::from(number))?);
        // Ordering: Relaxed; the key changes under this lock only.
        match registration.key.load(Ordering::Relaxed) {
            key if is_entry(key) => shard.wakers.get(key as usize).cloned(),
            _ => None,
        }
    }

    /// Refuses further tasks and returns the wakers of those that wait.
    pub(crate) fn close(&self) -> Vec<Waker> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.closed = true;
            all.extend(shard.wakers.iter().map(|(_, waker)| waker.clone()));
        }
        all
    }

    /// Tasks that wait now. Exact once the register is closed and nobody else runs.
    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| lock(shard).wakers.len())
            .sum()
    }

    /// Whether no task waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.shards
            .iter()
            .all(|shard| lock(shard).wakers.is_empty())
    }
}
