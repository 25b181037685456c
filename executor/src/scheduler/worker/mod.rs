//! A worker: a machine that holds a processor. It finds a task (`find`), runs it, makes tasks
//! runnable that it wakes or spawns (`schedule`), and sleeps when there is nothing to do (`sleep`).
//! When it looks beyond its own queue is told in `pace`, what it does while a task blocks in `call`,
//! which polls it measures in `sampling`, and how a simulation has it do all that in `step`.

mod call;
mod find;
mod pace;
mod sampling;
mod schedule;
mod sleep;
pub(crate) mod step;
mod witness;

use super::trace::event::Kind;
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
use sampling::Sampling;
pub(super) use schedule::Arrival;
use schedule::LoneWait;
use std::{
    cell::Cell,
    ptr,
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
    /// Measure in the next run how long a lone task waits.
    measure_next: Cell<bool>,
    /// The next run is more than a plain one: something is measured, or its task is tracked.
    observe_next: Cell<bool>,
    /// Which polls are measured for the histograms.
    sampling: Sampling,
    /// The number of the executor whose tasks may be woken here without more ado.
    answers_to: Cell<u32>,
    /// When the last poll has left its task pending, if that was recorded and nothing has come
    /// since; else 0.
    poll_ended: Cell<u64>,
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
    /// Another worker, which may have lost its core: from whom to steal first if it has.
    suspect: Cell<Option<Suspect>>,
}

/// A worker at some poll, to be looked at again.
#[derive(Clone, Copy)]
struct Suspect {
    worker: usize,
    polls: u64,
}

/// Where in its life a worker is, in a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It has not begun.
    New,
    Awake,
    /// It has found a task, and not begun to poll it.
    Holding,
    Asleep,
    /// It is over.
    Gone,
}

/// The life of a machine's thread. Must agree with `Actor::live` in `idle::models`.
pub(super) fn run_machine(lease: Lease) {
    let scheduler = lease.scheduler().clone();
    let worker = Worker::new(lease);
    {
        let _context = context::enter_worker(&worker);
        let thread = &worker.counters().thread;
        thread.store(system::current_thread(), Ordering::Relaxed);
        worker.begin();
        worker.work();
        worker.end();
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
            observe_next: Cell::new(lease.scheduler().heeded.tracking.is_some()),
            sampling: Sampling::new(lease.scheduler().config.measure_every, lease.index()),
            answers_to: Cell::new(witness::NOBODY),
            poll_ended: Cell::new(0),
            pace: Pace::new(),
            examine_call: Cell::new(false),
            searching: Cell::new(true),
            spare_until: Cell::new(NEVER),
            taken_before: Cell::new(0),
            recycler: Recycler::none(),
            random: Cell::new(seed),
            suspect: Cell::new(None),
            lease,
        }
    }

    /// Before its first turn.
    fn begin(&self) {
        let Processor {
            counters, permit, ..
        } = self.processor();
        self.clear_current_task();
        self.settle_whom_to_answer();
        self.record(Kind::ThreadStarts, 0, 0);
        counters.busy_time.begin(clock::now());
        permit.hold();
        // The hook is foreign code and may take its time: nobody may rely on this searcher.
        self.machine().stop_searching();
        self.scheduler().hooks.call_on_thread_start();
    }

    /// After its last turn.
    fn end(&self) {
        let scheduler = self.scheduler();
        self.settle_recycler();
        scheduler.abandon_driver(self.processor());
        scheduler.hooks.call_on_thread_stop();
        self.record(Kind::ThreadEnds, 0, 0);
        self.counters().busy_time.end(clock::now());
    }

    /// The executor's scheduler.
    pub(crate) fn scheduler(&self) -> &Arc<Scheduler> {
        self.lease.scheduler()
    }

    /// Whether it is a worker of this scheduler.
    pub(crate) fn is_of(&self, scheduler: &Scheduler) -> bool {
        ptr::eq(&**self.scheduler(), scheduler)
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

    /// Whether it looks at its sources as soon as it has nothing else to do, or somebody in its stead.
    #[cfg(any(feature = "net", all(test, shuttle)))]
    pub(super) fn will_look(&self) -> bool {
        self.has_monitor() && self.processor().permit.is_held()
    }

    fn queue(&self) -> &LocalQueue<Task> {
        self.lease.queue()
    }

    /// Runs a task once. Returns whether it is in a queue again. Must agree with what `monitor` reads.
    #[inline(always)] // As `find_task`.
    fn run_plainly(&self, task: Task) -> bool {
        let Processor { counters, .. } = self.processor();
        // Ordering: Relaxed; the monitor guesses, and the permit decides.
        counters
            .task
            .store(task.metadata().registration.id(), Ordering::Relaxed);
        counters.polls.advance();
        let is_queued = match task.metadata().maker_if_fresh() {
            Some(maker) if maker != self.as_maker => self.run_foreign(task, maker),
            _ => task::run(task, self.scheduler()),
        };
        self.after_foreign_code();
        is_queued
    }

    /// Has the wait of a lone task measured in the next run, or not.
    fn set_measure_next(&self, measures: bool) {
        self.measure_next.set(measures);
        self.settle_how_to_run();
    }

    /// Finds out whether the next run is more than a plain one.
    fn settle_how_to_run(&self) {
        let tracks = self.scheduler().heeded.tracking.is_some();
        let measures = self.measure_next.get() || self.sampling.is_next();
        self.observe_next.set(measures || tracks);
    }

    /// Runs a task with more to do than that: measures, tracks it, or both.
    #[cold]
    fn run_observed(&self, task: Task) {
        let measures = self.measure_next.replace(false);
        let sample = self.sampling.begin(&task.metadata().registration);
        self.settle_how_to_run();
        if measures {
            self.measure(|| self.run_tracked(task));
        } else {
            self.run_tracked(task);
        }
        if let Some(sample) = sample {
            self.counters()
                .times
                .polls()
                .add(sample.took(), sample.weight);
        }
    }

    /// If this task is watched from its present poll on: for how many wake-ups its next one stands.
    pub(super) fn begins_to_watch(&self, id: u64) -> Option<u32> {
        self.sampling.begins_to_watch(id)
    }

    /// Runs a task, and keeps its record if tasks are tracked.
    fn run_tracked(&self, task: Task) {
        let tracking = self.scheduler().heeded.tracking.as_ref();
        let record = tracking.and_then(|all| all.find(task.metadata().id()));
        let polls = record.as_ref().map(|record| record.polls() + 1);
        let is_queued = self.run_plainly(task);
        if let Some(polls) = polls
            && let Some(record) = record
            && !is_queued
        {
            record.run_is_over(polls);
        }
    }

    /// Takes a permit again, if the monitor has taken this worker's meanwhile.
    #[inline]
    fn after_foreign_code(&self) {
        if self.machine().after_poll() {
            self.has_come_back();
        }
    }

    /// It has lost its permit meanwhile, and has one again.
    #[cold]
    fn has_come_back(&self) {
        self.record(Kind::PermitBack, 0, 0);
        self.pace.hurry();
    }

    /// Runs a task that another thread has made, and should free.
    #[inline(never)]
    fn run_foreign(&self, task: Task, maker: Maker) -> bool {
        let reference = task.waker();
        let is_queued = task::run(task, self.scheduler());
        let processors = &self.scheduler().processors;
        self.recycler.keep(maker, reference, processors);
        is_queued
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
        self.poll_ended.set(0);
    }
}
