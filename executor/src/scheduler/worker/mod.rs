//! A worker: a machine that holds a processor. It finds a task (`find`), runs it, makes tasks
//! runnable that it wakes or spawns (`schedule`), and sleeps when there is nothing to do (`sleep`).
//! When it looks beyond its own queue is told in `pace`, what it does while a task blocks in `call`.

mod call;
mod find;
mod pace;
mod schedule;
mod sleep;

use super::{
    Scheduler, context,
    driver::Driver,
    processor::{Counters, Lease, Processor},
    recycle::{Maker, Recycler},
    shared_source::SharedSource,
    system,
    task::{self, Task},
};
use crate::{
    idle::{pool::Pool, work_loop::WorkLoop},
    queue::local::LocalQueue,
    sync::clock::{self, NEVER},
};
use pace::Pace;
pub(super) use schedule::Arrival;
use schedule::LoneWait;
use std::{
    cell::Cell,
    ptr::NonNull,
    sync::{Arc, atomic::Ordering},
};

/// The worker that a thread of the executor is. Lives on the thread's stack.
pub(crate) struct Worker {
    lease: Lease,
    /// Tasks taken from the next slot in a row.
    next_slot_run: Cell<u32>,
    /// How long a lone task waits in the next slot.
    lone_wait: Cell<LoneWait>,
    /// It wakes tasks for what has happened outside: others are told once, when it has woken them all.
    firing: Cell<bool>,
    /// Measure that in the next poll.
    measure_next: Cell<bool>,
    /// When it looks beyond its own queue.
    pace: Pace,
    /// Find out in the next announced call whether its thread sleeps.
    examine_call: Cell<bool>,
    /// Counted among the searchers of `idle`.
    searching: Cell<bool>,
    /// When it ends unless somebody else needs it before, if there are more machines than permits.
    spare_until: Cell<u64>,
    /// How many tasks it had taken from others when `spare_until` was set: tells whether it was
    /// needed since.
    taken_before: Cell<u64>,
    /// Identifies this worker in the tasks that it makes.
    pub(super) as_maker: Maker,
    /// References to tasks that others have made.
    recycler: Recycler,
    /// State of the generator that picks the first victim.
    random: Cell<u32>,
}

/// The life of a machine's thread. Must agree with `Actor::live` in `idle::models`.
pub(super) fn run_machine(lease: Lease) {
    let scheduler = lease.scheduler().clone();
    let worker = Worker::new(lease);
    {
        let _context = context::enter_worker(&worker);
        let Processor {
            counters, permit, ..
        } = worker.processor();
        counters
            .thread
            .store(system::current_thread(), Ordering::Relaxed);
        worker.clear_current_task();
        counters.busy_time.begin(clock::now());
        permit.hold();
        // The hook is foreign code and may take its time: nobody may rely on this searcher.
        worker.machine().stop_searching();
        scheduler.hooks.call_on_thread_start();
        worker.work();
        worker.settle_recycler();
        scheduler.abandon_driver(worker.processor());
        scheduler.hooks.call_on_thread_stop();
        worker.counters().busy_time.end(clock::now());
    }
    drop(worker);
    scheduler.machine_ended();
    scheduler.thread_ends();
}

impl Worker {
    /// Whoever started the machine has counted it as active and searching.
    fn new(lease: Lease) -> Worker {
        let seed = (lease.index() as u32).wrapping_mul(0x9E37_79B9) | 1;
        Worker {
            as_maker: Maker::worker(lease.index()),
            next_slot_run: Cell::new(0),
            lone_wait: Cell::new(LoneWait::at_first(lease.scheduler())),
            firing: Cell::new(false),
            measure_next: Cell::new(false),
            pace: Pace::new(),
            examine_call: Cell::new(false),
            searching: Cell::new(true),
            spare_until: Cell::new(NEVER),
            taken_before: Cell::new(0),
            recycler: Recycler::none(),
            random: Cell::new(seed),
            lease,
        }
    }

    /// The executor's scheduler.
    pub(crate) fn scheduler(&self) -> &Arc<Scheduler> {
        self.lease.scheduler()
    }

    /// Whether this is a worker of the scheduler at that address.
    pub(crate) fn belongs_to(&self, scheduler: NonNull<Scheduler>) -> bool {
        std::ptr::eq(Arc::as_ptr(self.scheduler()), scheduler.as_ptr())
    }

    /// The number of its processor.
    pub(crate) fn index(&self) -> usize {
        self.lease.index()
    }

    fn processor(&self) -> &Processor {
        self.lease.processor()
    }

    /// What is counted on its thread.
    pub(super) fn counters(&self) -> &Counters {
        &self.processor().counters
    }

    /// The sources that it looks after.
    pub(super) fn driver(&self) -> &Driver<SharedSource> {
        &self.processor().driver
    }

    /// Whether somebody looks after this worker's sources when it does not.
    pub(super) fn has_monitor(&self) -> bool {
        self.scheduler().config.handoff
    }

    /// Call after making the first deadline in its wheel earlier. The worker sees it in time,
    /// unless it has no permit: then it is in code without an end, for all that is known.
    pub(super) fn wake_driver(&self) {
        if !self.processor().permit.is_held() {
            let due = self.driver().next_due();
            self.scheduler().monitor.rest.wake_by(due);
        }
    }

    /// Whether it is a worker of `scheduler`.
    #[cfg(any(feature = "net", all(test, shuttle)))]
    pub(super) fn is_of(&self, scheduler: &Arc<Scheduler>) -> bool {
        Arc::ptr_eq(self.scheduler(), scheduler)
    }

    /// Whether it looks at its sources as soon as it has nothing else to do, or somebody in its stead.
    #[cfg(any(feature = "net", all(test, shuttle)))]
    pub(super) fn will_look(&self) -> bool {
        self.has_monitor() && self.processor().permit.is_held()
    }

    fn queue(&self) -> &LocalQueue<Task> {
        self.lease.queue()
    }

    /// Runs a task once. Must agree with what `monitor` reads.
    fn run_unmeasured(&self, task: Task) {
        let Processor { counters, .. } = self.processor();
        // Ordering: Relaxed; the monitor guesses, and the permit decides.
        counters
            .task
            .store(task.metadata().id.as_u64(), Ordering::Relaxed);
        counters.polls.advance();
        match task.metadata().maker_if_fresh() {
            Some(maker) if maker != self.as_maker => self.run_foreign(task, maker),
            _ => task::run(task, self.scheduler()),
        }
        self.after_foreign_code();
    }

    /// Takes a permit again, if the monitor has taken this worker's meanwhile.
    #[inline]
    fn after_foreign_code(&self) {
        if self.machine().after_poll() {
            self.pace.hurry();
        }
    }

    /// Runs a task that another thread has made, and should free.
    #[inline(never)]
    fn run_foreign(&self, task: Task, maker: Maker) {
        let reference = task.waker();
        task::run(task, self.scheduler());
        let processors = &self.scheduler().processors;
        self.recycler.keep(maker, reference, processors);
    }

    /// Hands back what it keeps for others, and frees what others have handed back to it.
    fn settle_recycler(&self) {
        let mailbox = &self.processor().mailbox;
        self.recycler.settle(mailbox, &self.scheduler().processors);
    }

    /// Says that this thread is in no poll: what takes long from now on is not the fault of the
    /// last task.
    fn clear_current_task(&self) {
        self.processor().counters.task.store(0, Ordering::Relaxed);
    }
}
