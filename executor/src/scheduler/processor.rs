//! Processors: what a machine needs to run tasks, and the table where others find them.
//!
//! A processor is a local queue, a next slot, a driver, a tick and counters. Its machine *holds*
//! it: the [`Lease`] is the right to push and pop. All others may steal, read and unpark. Each
//! machine holds a processor of its own, also while it is blocked. That only N machines are active
//! at once is the business of `idle`.

use super::{
    Scheduler, busy_time::BusyTime, driver::Driver, recycle::Mailbox, shared_source::SharedSource,
    task::Task,
};
use crate::{
    idle::{parker::Parker, permit::Permit},
    queue::{
        local::{LocalQueue, Stealer, local_queue},
        next_slot::NextSlot,
    },
    record::histogram::Times,
    sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, lock},
};
use crossbeam_utils::CachePadded;
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, atomic::AtomicU64 as UnseenAtomicU64},
};

/// The part of a processor that everybody sees.
pub(crate) struct Processor {
    pub(crate) queue: Stealer<Task>,
    /// Has a cache line of its own, away from what thieves read, for each wake-up writes it.
    pub(crate) next: CachePadded<NextSlot<Task>>,
    pub(crate) parker: Parker,
    /// Whether the machine has a permit. Written around sleep and announced blocking, and by the
    /// monitor.
    pub(crate) permit: CachePadded<Permit>,
    pub(crate) counters: CachePadded<Counters>,
    pub(crate) driver: Driver<SharedSource>,
    pub(super) mailbox: CachePadded<Mailbox>,
    /// Since when it is in the same poll, if the monitor has seen it there twice.
    pub(super) long_poll: LongPoll,
    /// Set by the monitor: the worker is to do its maintenance before the next task, and to measure
    /// how long a lone task waits behind that task.
    pub(crate) maintenance_requested: AtomicBool,
}

impl Processor {
    /// Has the worker look beyond its queue before the next task, and measure.
    pub(crate) fn request_maintenance(&self) {
        // Ordering: Relaxed; it publishes nothing.
        self.maintenance_requested.store(true, Ordering::Relaxed);
    }

    /// Whether no task waits here.
    pub(crate) fn is_idle(&self) -> bool {
        self.next.is_empty() && self.queue.is_empty()
    }
}

/// What the processor's machine writes, and everybody reads.
#[derive(Default)]
pub(crate) struct Counters {
    /// Polls so far. Thieves and the monitor see by it whether a worker is still in the same poll.
    pub(crate) polls: Tick,
    pub(crate) steals: Counter,
    pub(crate) stolen_tasks: Counter,
    pub(crate) global_tasks: Counter,
    pub(crate) overflows: Counter,
    pub(crate) parks: Counter,
    pub(crate) handoffs: Counter,
    pub(crate) spawned: Counter,
    pub(crate) ended: Counter,
    pub(crate) busy_time: BusyTime,
    pub(crate) times: MeasuredTimes,
    /// Announced calls so far. The monitor sees by it whether a machine is still in the same one.
    pub(crate) calls: Tick,
    /// The id of the task that is polled, or was polled last, as a number; 0 if the machine is on
    /// other business.
    pub(crate) task: AtomicU64,
    /// The thread of the machine, as the system numbers it; 0 if it does not say.
    pub(crate) thread: AtomicU64,
}

/// Times of the polls that are measured, by the processor's machine. Few processors of stand-ins ever
/// have any.
#[derive(Default)]
pub(crate) struct MeasuredTimes {
    polls: OnceLock<Box<Times>>,
    wakes: OnceLock<Box<Times>>,
}

impl MeasuredTimes {
    /// How long polls take.
    pub(crate) fn polls(&self) -> &Times {
        self.polls.get_or_init(|| Box::new(Times::new()))
    }

    /// How long woken tasks wait for their polls.
    pub(crate) fn wakes(&self) -> &Times {
        self.wakes.get_or_init(|| Box::new(Times::new()))
    }

    /// The first, if there are any.
    pub(super) fn of_polls(&self) -> Option<&Times> {
        self.polls.get().map(Box::as_ref)
    }

    /// The others, if there are any.
    pub(super) fn of_wakes(&self) -> Option<&Times> {
        self.wakes.get().map(Box::as_ref)
    }
}

/// A poll that has lasted for a while. Written by the monitor, for show.
#[derive(Default)]
pub(crate) struct LongPoll {
    /// Polls of the processor, this one included.
    polls: UnseenAtomicU64,
    since: UnseenAtomicU64,
}

impl LongPoll {
    /// The poll with this number was there at that time already.
    pub(super) fn set(&self, polls: u64, since: u64) {
        self.since.store(since, Ordering::Relaxed);
        self.polls.store(polls, Ordering::Release);
    }

    /// How long the poll with this number has lasted, as far as anybody has seen; in nanoseconds.
    pub(super) fn lasts(&self, polls: u64, now: u64) -> u64 {
        if self.polls.load(Ordering::Acquire) == polls {
            now.saturating_sub(self.since.load(Ordering::Relaxed))
        } else {
            0
        }
    }
}

/// A number that others decide by. It has one writer, so a load and a store do instead of a locked
/// addition.
#[derive(Default)]
pub(crate) struct Tick(AtomicU64);

impl Tick {
    /// Adds one. For the one writer.
    pub(crate) fn advance(&self) {
        // Ordering: Relaxed; it publishes nothing. Others guess by it, and something else confirms
        // the guess: the exchange of a permit, or the swap of a next slot.
        self.0.store(self.get().wrapping_add(1), Ordering::Relaxed);
    }

    /// The number.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number for show, with one writer. Only the writer decides by it, so random schedules need not
/// see it: the atomic is std's in each build.
#[derive(Default)]
pub(crate) struct Counter(UnseenAtomicU64);

impl Counter {
    /// Adds `n`. For the one writer.
    pub(crate) fn add(&self, n: u64) {
        // Ordering: Relaxed; a number for show.
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    /// Takes back what was added too soon. For the one writer.
    pub(crate) fn take_back(&self, n: u64) {
        self.0.store(self.get().wrapping_sub(n), Ordering::Relaxed);
    }

    /// The number.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All processors of an executor: a table that only grows, with room for as many as there may be
/// machines.
pub(crate) struct Processors {
    table: Box<[OnceLock<Arc<Processor>>]>,
    /// Slots filled so far: those below this number.
    len: AtomicUsize,
    /// From this number on, no processor has a machine, and so none has a task. Changes under the
    /// lock of `free`.
    in_use: AtomicUsize,
    /// The queues of the processors that no machine holds. The lowest is taken first, so that
    /// thieves have few queues to look at.
    free: Mutex<BTreeMap<usize, LocalQueue<Task>>>,
}

impl Processors {
    /// Makes an empty table for at most `max_machines` machines.
    pub(crate) fn new(max_machines: usize) -> Processors {
        Processors {
            table: (0..max_machines).map(|_| OnceLock::new()).collect(),
            len: AtomicUsize::new(0),
            in_use: AtomicUsize::new(0),
            free: Mutex::new(BTreeMap::new()),
        }
    }

    /// How many processors there are, with or without a machine.
    pub(crate) fn len(&self) -> usize {
        // Ordering: Acquire pairs with the Release in `make`: the slots below are filled.
        self.len.load(Ordering::Acquire)
    }

    /// The processor with this number.
    ///
    /// # Panics
    ///
    /// If the number is not below [`len`](Processors::len).
    pub(crate) fn get(&self, index: usize) -> &Processor {
        self.table[index]
            .get()
            .expect("processors are numbered without gaps")
    }

    /// All processors.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Processor> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// How many processors, from the first on, may have tasks. After many threads were blocked,
    /// many processors have no machine any more.
    pub(crate) fn in_use(&self) -> usize {
        // Ordering: Acquire pairs with the Release in `take`: the slots below are filled. A machine
        // pushes tasks only after it has taken its processor.
        self.in_use.load(Ordering::Acquire)
    }

    /// The processors that may have tasks.
    pub(crate) fn iter_in_use(&self) -> impl Iterator<Item = &Processor> {
        (0..self.in_use()).map(|index| self.get(index))
    }

    /// Takes a processor that no machine holds, or makes one. Whoever counts machines sees to it
    /// that there is room for one.
    pub(super) fn take(&self, shared: &SharedSource) -> (usize, Arc<Processor>, LocalQueue<Task>) {
        let mut free = lock(&self.free);
        let taken = match free.pop_first() {
            Some((index, owner)) => {
                let processor = self.table[index].get();
                let processor = processor.expect("a free processor was made once");
                (index, processor.clone(), owner)
            }
            None => self.make(shared),
        };
        // Ordering: Release pairs with the Acquire in `in_use`: the slots below are filled.
        self.in_use.fetch_max(taken.0 + 1, Ordering::Release);
        taken
    }

    /// Makes a processor, under the lock of `free`.
    fn make(&self, shared: &SharedSource) -> (usize, Arc<Processor>, LocalQueue<Task>) {
        let (owner, queue) = local_queue();
        let processor = Arc::new(Processor {
            queue,
            next: CachePadded::new(NextSlot::new()),
            parker: Parker::new(),
            permit: CachePadded::new(Permit::given()),
            counters: CachePadded::default(),
            driver: Driver::new(shared.clone()),
            mailbox: CachePadded::default(),
            long_poll: LongPoll::default(),
            maintenance_requested: AtomicBool::new(false),
        });
        // Ordering: Relaxed; changed under this lock only.
        let index = self.len.load(Ordering::Relaxed);
        let is_new = self.table[index].set(processor.clone()).is_ok();
        debug_assert!(is_new, "slots are filled in order, under the lock");
        // Ordering: Release pairs with the Acquire in `len`.
        self.len.store(index + 1, Ordering::Release);
        (index, processor, owner)
    }

    fn put_back(&self, index: usize, queue: LocalQueue<Task>) {
        let mut free = lock(&self.free);
        free.insert(index, queue);
        let mut in_use = self.len();
        while in_use > 0 && free.contains_key(&(in_use - 1)) {
            in_use -= 1;
        }
        // Ordering: Release, as in `take`.
        self.in_use.store(in_use, Ordering::Release);
    }
}

/// A processor, with the right to push to its queue and to pop from it. Given back on drop.
pub(crate) struct Lease {
    scheduler: Arc<Scheduler>,
    index: usize,
    processor: Arc<Processor>,
    /// `None` only while the lease is being dropped.
    queue: Option<LocalQueue<Task>>,
}

impl Lease {
    /// Takes a processor of `scheduler`.
    pub(crate) fn new(scheduler: Arc<Scheduler>) -> Lease {
        let (index, processor, queue) = scheduler.processors.take(&scheduler.shared_source);
        processor.driver.set_driven(true);
        Lease {
            scheduler,
            index,
            processor,
            queue: Some(queue),
        }
    }

    /// The processor's number.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The executor it belongs to.
    pub(crate) fn scheduler(&self) -> &Arc<Scheduler> {
        &self.scheduler
    }

    /// The part that everybody sees.
    pub(crate) fn processor(&self) -> &Processor {
        &self.processor
    }

    /// The local queue.
    pub(crate) fn queue(&self) -> &LocalQueue<Task> {
        self.queue
            .as_ref()
            .expect("present until the lease is dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let queue = self.queue.take().expect("dropped once");
        debug_assert_eq!(queue.len(), 0, "a machine ends with an empty queue");
        self.scheduler.abandon_driver(&self.processor);
        self.scheduler.processors.put_back(self.index, queue);
    }
}
