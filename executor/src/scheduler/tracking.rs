//! What is known of each task where somebody wants to know it: who spawned it, how often it was
//! polled, since when it waits, and how many wakers of it there are.
//!
//! Off unless `Builder::track` or `EXECUTOR_TRACK` asks for it, since it costs a poll some hundred
//! nanoseconds: each task has a [`Record`] beside it, found by its id, and is polled with a waker of
//! ours, which counts its clones and then does what the task's own does.
//!
//! # Who will never be woken
//!
//! A task waits if its last poll has left it pending and nobody has woken it since. If it waits and
//! no clone of its waker exists, nobody ever will: all but its abort and the end of its executor,
//! which find it by the register of suspended tasks. It is *leaked*.
//!
//! That must never be said of another one. A record's lock orders what would else be two steps:
//!
//! | step                                     | under the lock                                 |
//! | ---------------------------------------- | ---------------------------------------------- |
//! | somebody wakes the task                  | it is woken; *and the task's own waker is woken* |
//! | a poll begins                            | it is polled: the wake-ups so far are used up  |
//! | a run of the task is over, and async-task says that it was not woken in it | it waits, unless it is woken, or polled again |
//! | a waker is cloned, or dropped            | one more, or one less                          |
//!
//! Claim: if it waits and is not woken, the task is in no queue and no run, and no wake-up is under
//! way. A wake-up W does both its parts at once, so it comes before or after each of the other steps.
//!
//! * W before async-task begins the run whose poll begins next: that run is what W asked for.
//! * W after that, and before its poll begins, which forgets that the task is woken: async-task
//!   knows that the task was woken in this run, and so does not let it wait.
//! * W after the poll has begun: the task is woken, and does not wait before its next poll.
//!
//! And a waker that is woken is dropped afterwards. (The lock is held while our own code makes the
//! task runnable; none of that is foreign.)
//!
//! A task may also wait for leaked ones only: all its wakers are where handles wait for their
//! tasks. Such a waker is cloned as one that tells the task it waits for ([`Joining`]). How a set of
//! such tasks is told, even if they wait for each other: `dump::leaks`.
//!
//! Whoever may abort a leaked task would wake those that wait for it. So a record counts the task's
//! abort handles ([`Abortable`]). The handle itself is with the task that awaits it, and that task
//! does not run; if it has polled the handle in its last poll. So of each wait for a task the poll is
//! known that has begun it. What is not known is a handle that was passed on after it was polled, in
//! the same poll, or that tasks share under a lock, and that somebody else aborts.

use super::{observer::told_later, task_id::TaskId};
use crate::sync::{Mutex, clock, lock};
use std::{
    collections::{BTreeMap, HashMap},
    mem::ManuallyDrop,
    ptr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{RawWaker, RawWakerVTable, Waker},
};

/// So many locks, so that workers seldom want the same.
const SHARDS: usize = 64;

/// All records of an executor.
pub(crate) struct Tracking {
    shards: [Mutex<HashMap<TaskId, Arc<Record>>>; SHARDS],
}

/// Whether any executor has ever tracked its tasks.
static IS_USED: AtomicBool = AtomicBool::new(false);

/// Whether there may be records. Where nobody wants them, this is all that it costs.
#[inline]
pub(super) fn is_used() -> bool {
    // Ordering: Relaxed; whoever has a task of an executor has got it from that executor's maker.
    IS_USED.load(Ordering::Relaxed)
}

impl Default for Tracking {
    fn default() -> Tracking {
        IS_USED.store(true, Ordering::Relaxed);
        Tracking {
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl Tracking {
    fn shard(&self, id: TaskId) -> &Mutex<HashMap<TaskId, Arc<Record>>> {
        &self.shards[id.serial() as usize % SHARDS]
    }

    /// A task has been spawned.
    pub(super) fn add(&self, id: TaskId, parent: Option<TaskId>) {
        let record = Arc::new(Record::new(id, parent));
        lock(self.shard(id)).insert(id, record);
    }

    /// The record of a task that has not ended.
    pub(super) fn find(&self, id: TaskId) -> Option<Arc<Record>> {
        lock(self.shard(id)).get(&id).cloned()
    }

    /// The task has ended.
    pub(super) fn remove(&self, record: &Record) {
        lock(&record.known).phase = Phase::Ended;
        let record = lock(self.shard(record.id)).remove(&record.id);
        // With it may go the last reference to the task.
        drop(record);
    }

    /// Wakes a task that waits, though nothing has happened.
    pub(super) fn wake_for_nothing(&self, id: TaskId) {
        let record = self.find(id);
        let waits = |record: &Arc<Record>| record.known().phase == Phase::Waits;
        record.filter(waits).iter().for_each(|record| record.wake());
    }

    /// All records.
    pub(super) fn all(&self) -> Vec<Arc<Record>> {
        let shards = self.shards.iter();
        shards
            .flat_map(|shard| lock(shard).values().cloned().collect::<Vec<_>>())
            .collect()
    }
}

/// What is known of a task.
pub(crate) struct Record {
    pub(super) id: TaskId,
    /// The task in whose poll it was spawned.
    pub(super) parent: Option<TaskId>,
    /// The task's own waker, from its first poll on.
    task: OnceLock<Waker>,
    known: Mutex<Known>,
}

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) phase: Phase,
    /// Since when.
    pub(super) since: u64,
    /// Woken since its last poll began.
    pub(super) is_woken: bool,
    pub(super) polls: u64,
    /// Clones of its waker.
    pub(super) wakers: usize,
    /// Those of them that wait for the end of a task, by task.
    pub(super) joining: BTreeMap<TaskId, Joins>,
    /// Its abort handles.
    pub(super) aborters: usize,
}

/// Wakers of a task that wait for the end of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Joins {
    pub(super) wakers: usize,
    /// The poll in which the last of them has begun to wait.
    last_poll: u64,
}

impl Known {
    /// Whether all its wakers are where handles wait for their tasks, and the last poll has polled
    /// those handles.
    pub(super) fn only_joins(&self) -> bool {
        let joins = || self.joining.values();
        let of_last_poll = joins().all(|joins| joins.last_poll == self.polls);
        of_last_poll && self.wakers == joins().map(|joins| joins.wakers).sum::<usize>()
    }

    /// The tasks for whose end it waits. (A handle that was dropped, or is kept and not polled, has
    /// left a waker behind.)
    pub(super) fn joined(&self) -> impl Iterator<Item = TaskId> {
        let joins = self.joining.iter();
        let present = joins.filter(|(_, joins)| joins.last_poll == self.polls);
        present.map(|(&id, _)| id)
    }
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not been polled yet.
    New,
    /// It is being polled; or is about to be again, because it was woken meanwhile.
    Polled,
    /// Its last poll has left it pending.
    Waits,
    /// It has ended. Who has found the record before may see that.
    Ended,
}

impl Record {
    fn new(id: TaskId, parent: Option<TaskId>) -> Record {
        let known = Known {
            phase: Phase::New,
            since: clock::now(),
            is_woken: false,
            polls: 0,
            wakers: 0,
            joining: BTreeMap::new(),
            aborters: 0,
        };
        Record {
            id,
            parent,
            task: OnceLock::new(),
            known: Mutex::new(known),
        }
    }

    /// What is known now.
    pub(super) fn known(&self) -> Known {
        lock(&self.known).clone()
    }

    /// How many polls have begun.
    pub(super) fn polls(&self) -> u64 {
        lock(&self.known).polls
    }

    /// A poll begins. Returns the waker for it, in place of the task's own.
    pub(super) fn begin_poll(self: &Arc<Self>, own: &Waker) -> Lent {
        self.task.get_or_init(|| own.clone());
        let mut known = lock(&self.known);
        known.phase = Phase::Polled;
        known.is_woken = false;
        known.since = clock::now();
        known.polls += 1;
        Lent::of(self)
    }

    /// A run is over that has begun poll number `polls`, if it polled at all; async-task says that
    /// the task was not woken in it.
    pub(super) fn run_is_over(&self, polls: u64) {
        let now = clock::now();
        let mut known = lock(&self.known);
        if known.polls == polls && known.phase == Phase::Polled && !known.is_woken {
            known.phase = Phase::Waits;
            known.since = now;
        }
    }

    fn wake(&self) {
        let tell = told_later(|| {
            let mut known = lock(&self.known);
            if !known.is_woken {
                known.is_woken = true;
                if known.phase == Phase::Waits {
                    known.since = clock::now();
                }
            }
            // Under the lock: see the module's text.
            self.task
                .get()
                .expect("it was polled with this waker")
                .wake_by_ref();
        });
        if let Some(tell) = tell {
            tell();
        }
    }

    fn count(&self, change: impl FnOnce(&mut Known)) {
        change(&mut lock(&self.known));
    }
}

/// What a waker of ours refers to, of which each clone counts.
trait Counted: Send + Sync + Sized + 'static {
    const VTABLE: RawWakerVTable = RawWakerVTable::new(
        clone::<Self>,
        wake::<Self>,
        wake_by_ref::<Self>,
        release::<Self>,
    );

    /// A vtable has one address only as part of a `static`.
    fn vtable() -> &'static RawWakerVTable;

    fn record(&self) -> &Record;

    /// One clone more.
    fn count(&self);

    /// One clone less.
    fn discount(&self);
}

static TRACKED: RawWakerVTable = Record::VTABLE;
static JOINING: RawWakerVTable = Join::VTABLE;

impl Counted for Record {
    fn vtable() -> &'static RawWakerVTable {
        &TRACKED
    }

    fn record(&self) -> &Record {
        self
    }

    fn count(&self) {
        Record::count(self, |known| known.wakers += 1);
    }

    fn discount(&self) {
        Record::count(self, |known| known.wakers -= 1);
    }
}

/// What a [`Joining`] refers to.
struct Join {
    record: Arc<Record>,
    joined: TaskId,
}

impl Counted for Join {
    fn vtable() -> &'static RawWakerVTable {
        &JOINING
    }

    fn record(&self) -> &Record {
        &self.record
    }

    fn count(&self) {
        Record::count(&self.record, |known| {
            known.wakers += 1;
            let joins = known.joining.entry(self.joined).or_default();
            joins.wakers += 1;
            joins.last_poll = known.polls;
        });
    }

    fn discount(&self) {
        Record::count(&self.record, |known| {
            known.wakers -= 1;
            if let Some(joins) = known.joining.get_mut(&self.joined) {
                joins.wakers -= 1;
                if joins.wakers == 0 {
                    known.joining.remove(&self.joined);
                }
            }
        });
    }
}

/// An abort handle of a task that is tracked: each clone counts.
pub(super) struct Abortable(Arc<Record>);

impl Abortable {
    /// One more of the task of this record.
    pub(super) fn of(record: Arc<Record>) -> Abortable {
        record.count(|known| known.aborters += 1);
        Abortable(record)
    }
}

impl Clone for Abortable {
    fn clone(&self) -> Abortable {
        Abortable::of(self.0.clone())
    }
}

impl Drop for Abortable {
    fn drop(&mut self) {
        self.0.count(|known| known.aborters -= 1);
    }
}

/// Whether this is the waker of a task that is tracked.
#[inline]
pub(super) fn is_tracked(waker: &Waker) -> bool {
    ptr::eq(waker.vtable(), &raw const TRACKED)
}

/// The waker with which a task that is tracked waits for the end of another.
pub(super) struct Joining {
    /// First: it refers to the other.
    lent: Lent,
    _join: Arc<Join>,
}

impl Joining {
    /// For the task with this waker, which is tracked.
    #[cold]
    #[inline(never)]
    pub(super) fn of(own: &Waker, joined: TaskId) -> Joining {
        assert!(is_tracked(own));
        let record = own.data().cast::<Record>();
        // SAFETY: the address of a `Record` in an `Arc`, which exists for `own`, as its vtable says.
        unsafe { Arc::increment_strong_count(record) };
        // SAFETY: the share that was added just now.
        let record = unsafe { Arc::from_raw(record) };
        let join = Arc::new(Join { record, joined });
        Joining {
            lent: Lent::of(&join),
            _join: join,
        }
    }

    /// The waker.
    pub(super) fn waker(&self) -> &Waker {
        self.lent.waker()
    }
}

/// A waker that is lent: it counts as none.
pub(super) struct Lent(ManuallyDrop<Waker>);

impl Lent {
    /// A waker that refers to `counted`, which outlives it.
    fn of<C: Counted>(counted: &Arc<C>) -> Lent {
        let raw = RawWaker::new(Arc::as_ptr(counted).cast(), C::vtable());
        // SAFETY: the functions are for the address of a `C` in an `Arc`. This waker has no share of
        // it, and is never dropped, nor handed out but by reference.
        let waker = unsafe { Waker::from_raw(raw) };
        Lent(ManuallyDrop::new(waker))
    }

    /// The waker.
    pub(super) fn waker(&self) -> &Waker {
        &self.0
    }
}

unsafe fn borrow<'a, C: Counted>(data: *const ()) -> &'a C {
    // SAFETY: the caller has a waker, or is lent one, and so the `C` exists for as long as he looks.
    unsafe { &*data.cast::<C>() }
}

unsafe fn clone<C: Counted>(data: *const ()) -> RawWaker {
    // SAFETY: the caller's waker.
    unsafe { borrow::<C>(data) }.count();
    // SAFETY: the address of a `C` in an `Arc`, which exists for the caller's waker.
    unsafe { Arc::increment_strong_count(data.cast::<C>()) };
    RawWaker::new(data, C::vtable())
}

unsafe fn wake<C: Counted>(data: *const ()) {
    // SAFETY: the caller's waker, which is used up by this.
    let share = unsafe { Share::<C>::of(data) };
    // It may panic: in a simulation, wake-ups from other threads do.
    share.0.record().wake();
}

unsafe fn wake_by_ref<C: Counted>(data: *const ()) {
    // SAFETY: the caller's waker.
    unsafe { borrow::<C>(data) }.record().wake();
}

unsafe fn release<C: Counted>(data: *const ()) {
    // SAFETY: the caller's waker, which is used up by this.
    drop(unsafe { Share::<C>::of(data) });
}

/// What a waker has had that is used up.
struct Share<C: Counted>(Arc<C>);

impl<C: Counted> Share<C> {
    /// # Safety
    ///
    /// A waker refers to `data`, was cloned, and is not used again.
    unsafe fn of(data: *const ()) -> Share<C> {
        // SAFETY: `clone` has added this share for the waker.
        Share(unsafe { Arc::from_raw(data.cast::<C>()) })
    }
}

impl<C: Counted> Drop for Share<C> {
    fn drop(&mut self) {
        self.0.discount();
    }
}
