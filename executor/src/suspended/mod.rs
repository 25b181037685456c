//! The register of suspended tasks: how an abort, and the end of the executor, find them.
//!
//! A runnable task is in a queue, a running one on a thread. A *suspended* task is known to nobody
//! but its wakers, wherever those are. So the first poll that leaves a task pending registers the
//! task here, with a waker, until its future is dropped. A task that is never suspended costs
//! nothing.
//!
//! The register is cut into shards, one for each worker. Each has a lock of its own, which is
//! uncontended as long as tasks end where they were first suspended. No foreign code runs under a
//! lock: the wakers are async-task's own, cloning one is an addition, and they are woken and
//! dropped outside.
//!
//! `close` closes each shard under its lock, and returns the wakers that are there. So a task is
//! either among these, or comes later, is refused, and wakes itself.
//!
//! Whoever wants to see them all walks through it page by page ([`SuspendedTasks::walk`]).
//!
//! Rejected: one slab for all (23 ns a task, and a lock that all share); links inside the tasks (16
//! bytes more for each task, and unlinking touches two neighbours' cache lines).

mod paged_slab;

#[cfg(all(unix, not(any(loom, shuttle))))]
use crate::sync::try_lock;
use crate::sync::{AtomicU8, AtomicU32, Mutex, Ordering, lock};
use crossbeam_utils::CachePadded;
use paged_slab::{PAGE, PagedSlab};
use std::{ptr::NonNull, task::Waker};

/// The limit of shards. A task has seven bits for the number of its shard, and few executors have
/// so many workers that some share one.
const MAX_SHARDS: usize = RUNNABLE as usize;

/// The bit beside the number of a task's shard that says that the task is in a queue.
const RUNNABLE: u8 = 1 << 7;

/// A task's side of the register.
///
/// One word holds the key in the shard and the request to end:
///
/// ```text
///   word = aborted (top bit) | watched (the next) | key, `NONE`, or `ENDED`
/// ```
///
/// | from    | to      | step            | by                        |
/// | ------- | ------- | --------------- | ------------------------- |
/// | `NONE`  | a key   | `insert`        | the holder, under the lock |
/// | a key   | `ENDED` | `remove`        | the holder, under the lock |
/// | `NONE`  | `ENDED` | `set_ended`     | the holder                |
/// | any     | aborted | `request_abort` | anybody                   |
/// | any     | watched, or not | `watch`, `unwatch` | the holder       |
///
/// The *holder* is the machine that holds the task's `Runnable`.
///
/// Why no abort is lost: `insert` and `request_abort` are read-modify-writes of this one word, so
/// one comes first. If the abort does, `insert` meets the request, and the task is not suspended.
/// If `insert` does, the aborter meets the key.
///
/// Beside it, for whoever looks at suspended tasks, is a bit that says whether the task has been
/// woken and not been polled since. The holder alone changes it, and so without a read-modify-write.
#[derive(Debug)]
pub(crate) struct Registration {
    /// What tells the task from others.
    id: u64,
    word: AtomicU32,
    /// The number of the task's executor, see `scheduler::executor_id`.
    executor: u16,
    /// The number of the shard, as long as there is a key; and `RUNNABLE`.
    shard: AtomicU8,
    /// A byte that would otherwise be padding, for whoever keeps the registration.
    spare: AtomicU8,
}

/// The bit that says that somebody asked for the future to be dropped.
const ABORTED: u32 = 1 << 31;
/// The bit that says that somebody watches the task: its next wake-up and its next poll look for it.
const WATCHED: u32 = 1 << 30;
/// What is no part of a key.
const FLAGS: u32 = ABORTED | WATCHED;
/// The key of a task that has not been suspended yet, and so is not registered. It has all bits of
/// a key, so that `insert` can clear those that its key has not.
const NONE: u32 = WATCHED - 1;
/// The key of a task whose future has been dropped.
const ENDED: u32 = NONE - 1;

fn key(word: u32) -> u32 {
    word & !FLAGS
}

/// The key of a task that is registered.
fn registered_key(word: u32) -> Option<usize> {
    (key(word) < ENDED).then_some(key(word) as usize)
}

impl Registration {
    /// Makes the registration of a task that has not been suspended yet.
    pub(crate) fn none(id: u64, executor: u16, spare: u8) -> Registration {
        Registration {
            id,
            word: AtomicU32::new(NONE),
            executor,
            shard: AtomicU8::new(0),
            spare: AtomicU8::new(spare),
        }
    }

    /// What tells the task from others.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The number of the task's executor.
    pub(crate) fn executor(&self) -> u16 {
        self.executor
    }

    /// Whether the task is registered. For the holder.
    pub(crate) fn is_registered(&self) -> bool {
        // Ordering: Relaxed; async-task orders what the holders do.
        registered_key(self.word.load(Ordering::Relaxed)).is_some()
    }

    /// Says that the task goes into a queue. For the holder.
    #[inline]
    pub(crate) fn set_runnable(&self) {
        // Ordering: Relaxed; for show. Nobody else writes meanwhile.
        let shard = self.shard.load(Ordering::Relaxed);
        self.shard.store(shard | RUNNABLE, Ordering::Relaxed);
    }

    /// Says that the task has been taken from its queue. For the holder.
    #[inline]
    pub(crate) fn clear_runnable(&self) {
        // Ordering: Relaxed, as above.
        let shard = self.shard.load(Ordering::Relaxed);
        self.shard.store(shard & !RUNNABLE, Ordering::Relaxed);
    }

    fn shard(&self) -> u8 {
        self.shard.load(Ordering::Relaxed) & !RUNNABLE
    }

    /// Whether the task has neither been suspended nor been asked to end. A guess, unless the
    /// holder asks.
    pub(crate) fn is_fresh(&self) -> bool {
        // Ordering: Relaxed; nothing is published by the answer.
        self.word.load(Ordering::Relaxed) == NONE
    }

    /// A byte that the register has no use for.
    pub(crate) fn spare_byte(&self) -> &AtomicU8 {
        &self.spare
    }

    /// Asks for the future to be dropped at the task's next poll. Returns whether the task was
    /// registered. Then it may be suspended, and the caller wakes it, see [`SuspendedTasks::find`].
    #[must_use]
    fn request_abort(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `insert`, which publishes the shard's number.
        // Release pairs with the Acquire in `is_aborted` and `insert`: the drop comes after the
        // abort.
        registered_key(self.word.fetch_or(ABORTED, Ordering::AcqRel)).is_some()
    }

    /// Asks for the future to be dropped, and wakes the task if it may be suspended. `find` looks
    /// for the task's waker where the task is registered.
    pub(crate) fn abort(&self, find: impl FnOnce() -> Option<Waker>) {
        // A task that is not registered is about to be polled, or being polled, and will see the
        // request; or it has ended.
        if self.request_abort()
            && let Some(waker) = find()
        {
            waker.wake();
        }
    }

    /// Whether somebody asked for an abort.
    pub(crate) fn is_aborted(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `request_abort`.
        self.word.load(Ordering::Acquire) & ABORTED != 0
    }

    /// Whether a poll has something to look for here: an abort, or that it is watched.
    #[inline]
    pub(crate) fn is_flagged(&self) -> bool {
        // Ordering: Acquire, as in `is_aborted`.
        self.word.load(Ordering::Acquire) & FLAGS != 0
    }

    /// Whether somebody watches the task. For the holder.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        // Ordering: Relaxed here and in the next two; async-task orders what the holders do.
        self.word.load(Ordering::Relaxed) & WATCHED != 0
    }

    /// Says that somebody watches the task. For the holder.
    pub(crate) fn watch(&self) {
        self.word.fetch_or(WATCHED, Ordering::Relaxed);
    }

    /// Nobody does any more. For the holder.
    pub(crate) fn unwatch(&self) {
        self.word.fetch_and(!WATCHED, Ordering::Relaxed);
    }

    /// Whether the future has been dropped. For the holder.
    pub(crate) fn has_ended(&self) -> bool {
        // Ordering: Relaxed; async-task orders what the holders do.
        key(self.word.load(Ordering::Relaxed)) == ENDED
    }

    /// Says that the future of a task that is not registered has been dropped. For the holder. An
    /// abort that this overwrites came after the end, and has no effect.
    pub(crate) fn set_ended(&self) {
        // Ordering: Relaxed, as above.
        self.word.store(ENDED, Ordering::Relaxed);
    }
}

/// A suspended task in the register.
struct Suspended {
    /// Keeps the task's memory, and with it the registration.
    waker: Waker,
    registration: NonNull<Registration>,
}

// SAFETY: of the registration only what is `Sync` is used, as long as the waker keeps it.
unsafe impl Send for Suspended {}

/// A suspended task at one moment, as [`SuspendedTasks::walk`] shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: u64,
    shard: u8,
    key: u32,
    /// It has been woken, and not been polled since.
    pub(crate) is_runnable: bool,
    /// Somebody has asked for its end.
    pub(crate) is_aborted: bool,
}

impl Suspended {
    /// It is in this shard, under this key.
    fn look(&self, shard: usize, key: usize) -> Seen {
        // SAFETY: it is in the metadata of the task that the waker refers to, and so exists.
        let registration = unsafe { self.registration.as_ref() };
        Seen {
            id: registration.id,
            shard: shard as u8,
            key: key as u32,
            // Ordering: Relaxed; for show.
            is_runnable: registration.shard.load(Ordering::Relaxed) & RUNNABLE != 0,
            is_aborted: registration.is_aborted(),
        }
    }
}

#[derive(Default)]
struct Shard {
    tasks: PagedSlab<Suspended>,
    closed: bool,
}

/// All suspended tasks of one executor.
pub(crate) struct SuspendedTasks {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
}

impl SuspendedTasks {
    /// Makes an empty register for so many threads at a time.
    pub(crate) fn new(threads: usize) -> SuspendedTasks {
        let shards = threads.min(MAX_SHARDS);
        SuspendedTasks {
            shards: (0..shards).map(|_| CachePadded::default()).collect(),
        }
    }

    fn shard(&self, number: u8) -> &Mutex<Shard> {
        &self.shards[usize::from(number)]
    }

    /// Registers a task that a poll has left pending. `hint` picks the shard. Returns whether the
    /// task may be suspended. If not, the register is closed, or somebody asked for an abort: then
    /// the caller wakes the task itself.
    ///
    /// The registration is part of the task that `waker` wakes.
    #[must_use]
    pub(crate) fn insert(&self, hint: usize, registration: &Registration, waker: &Waker) -> bool {
        let number = (hint % self.shards.len()) as u8;
        let task = Suspended {
            waker: waker.clone(),
            registration: NonNull::from(registration),
        };
        let mut shard = lock(self.shard(number));
        if shard.closed {
            drop(shard);
            return false;
        }
        let new = u32::try_from(shard.tasks.insert(task)).ok();
        let new = new
            .filter(|&new| new < ENDED)
            .expect("fewer than 2^30 tasks are suspended in one shard");
        // Ordering: Relaxed; published by the key. The task is in no queue: it was polled just now.
        registration.shard.store(number, Ordering::Relaxed);
        // Ordering: Release and Acquire pair with those of `request_abort`.
        let before = registration.word.fetch_and(new | FLAGS, Ordering::AcqRel);
        before & ABORTED == 0
    }

    /// Unregisters a task whose future has been dropped. Returns whether the register is closed,
    /// and this shard is now empty.
    pub(crate) fn remove(&self, registration: &Registration) -> bool {
        // Ordering: Relaxed; async-task orders what the holders do.
        let number = registration.shard();
        let mut shard = lock(self.shard(number));
        // Ordering: Relaxed; the lock orders it for `find`. An abort that is overwritten has come
        // too late.
        let word = registration.word.swap(ENDED, Ordering::Relaxed);
        let task = shard.tasks.remove(key(word) as usize);
        let last = shard.tasks.is_empty() && shard.closed;
        drop(shard);
        drop(task);
        last
    }

    /// The waker of a task, if the task is registered here. (A task of an executor that has ended
    /// may name a shard that does not exist here.)
    pub(crate) fn find(&self, registration: &Registration) -> Option<Waker> {
        // Ordering: Relaxed; the caller has seen the key, with the Acquire of `request_abort`.
        let number = registration.shard();
        let shard = lock(self.shards.get(usize::from(number))?);
        // Ordering: Relaxed; the key changes under this lock only.
        let key = registered_key(registration.word.load(Ordering::Relaxed))?;
        shard.tasks.get(key).map(|task| task.waker.clone())
    }

    /// Closes the register, which refuses tasks from now on. Returns the wakers of the tasks in it.
    pub(crate) fn close(&self) -> Vec<Waker> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.closed = true;
            all.extend(shard.tasks.iter().map(|task| task.waker.clone()));
        }
        all
    }

    /// How many tasks are registered. Exact once the register is closed and nobody else runs.
    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| lock(shard).tasks.len())
            .sum()
    }

    /// Whether no task is registered.
    pub(crate) fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| lock(shard).tasks.is_empty())
    }

    /// Shows the registered tasks, page by page. Those that come or go meanwhile are seen or not. A
    /// lock is held for a page at a time, so that nobody waits for long, and not while `see` runs.
    pub(crate) fn walk(&self, mut see: impl FnMut(&[Seen])) {
        let mut page = Vec::with_capacity(PAGE);
        for number in 0..self.shards.len() {
            for index in 0.. {
                page.clear();
                match lock(&self.shards[number]).tasks.page(index) {
                    Some(tasks) => page.extend(tasks.map(|(key, task)| task.look(number, key))),
                    None => break,
                }
                see(&page);
            }
        }
    }

    /// Shows the registered tasks to a caller who may neither wait nor allocate. Returns how many
    /// shards he does not get to see, because somebody holds their lock.
    #[cfg(all(unix, not(any(loom, shuttle))))]
    pub(crate) fn walk_at_once(&self, mut see: impl FnMut(Seen)) -> usize {
        let mut skipped = 0;
        for (number, shard) in self.shards.iter().enumerate() {
            match try_lock(shard) {
                Some(shard) => {
                    let tasks = shard.tasks.iter_with_keys();
                    tasks.for_each(|(key, task)| see(task.look(number, key)));
                }
                None => skipped += 1,
            }
        }
        skipped
    }

    /// The waker of a task that was seen, if it is still registered.
    #[cfg(feature = "dump")]
    pub(crate) fn waker_of(&self, seen: &Seen) -> Option<Waker> {
        let shard = lock(self.shard(seen.shard));
        let task = shard.tasks.get(seen.key as usize)?;
        (task.look(seen.shard.into(), seen.key as usize).id == seen.id).then(|| task.waker.clone())
    }
}
