//! A worker: a machine that holds a processor. It finds a task (`find`), runs it, and sleeps when there is
//! none (`sleep`).
//!
//! # What wakes another worker
//!
//! A task that goes to the local queue, or to the global one. Not a lone task that goes to the next
//! slot, nor a lone task that yields: its worker runs it in a moment, and an unpark costs its
//! caller as much as two hundred polls.
//!
//! That moment is long if the poll goes on and on. So the monitor, if it sees a worker poll seldom, asks it
//! to measure how long the task waits (without a monitor it does so each 61st poll); and while that is long,
//! a lone task in the next slot wakes another worker too. That is a hint: it is lost if a searcher has
//! looked there just before, and the task then waits as it would without.

mod find;
mod sleep;

use super::{
    Scheduler, context,
    processor::{Lease, Processor},
    remains::Remains,
    thread_state,
};
use crate::{
    clock::{self, NEVER},
    crew::Crew,
    machine::Machine,
    origin::Home,
    queue::local::Owner,
    task::{self, Task},
    timer::Timers,
};
use sleep::Woken;
use std::{
    cell::Cell,
    ptr::NonNull,
    sync::{Arc, atomic::Ordering},
};

/// How long a lone task waits in the next slot for the end of the poll that has made it runnable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LoneWait {
    /// Not for long, for all that is known.
    Short,
    /// So long that another worker is worth waking.
    Long,
    /// That is being measured in this poll, from this time on.
    Measured(Option<u64>),
}

/// A wait of so many nanoseconds is long: it takes about as long to wake a worker.
const LONG_WAIT: u64 = 4_000;

/// The worker that a thread of the executor is. Lives on the thread's stack.
pub(crate) struct Worker {
    lease: Lease,
    /// Tasks taken from the next slot in a row.
    next_slot_run: Cell<u32>,
    /// How long a lone task waits in the next slot.
    lone_wait: Cell<LoneWait>,
    /// Measure that in the next poll.
    measure_next: Cell<bool>,
    /// Counted among the searchers of `idle`.
    searching: Cell<bool>,
    /// When it last fired timers, all that were due.
    last_fired: Cell<u64>,
    /// When it ends unless somebody else needs it before, if there are more machines than places.
    spare_until: Cell<u64>,
    /// How many tasks it had taken from others when that was decided.
    taken_before: Cell<u64>,
    /// It, as the tasks know it that it has made.
    pub(super) home: Home,
    /// Of tasks that others have made.
    remains: Remains,
    /// State of the generator that picks the first victim.
    random: Cell<u32>,
}

/// The life of a machine's thread.
pub(super) fn run_machine(lease: Lease) {
    let scheduler = lease.scheduler().clone();
    let worker = Worker::new(lease);
    {
        let _context = context::enter_worker(&worker);
        let Processor {
            counters, place, ..
        } = worker.processor();
        counters
            .thread
            .store(thread_state::current_thread(), Ordering::Relaxed);
        worker.is_in_no_poll();
        place.hold();
        // The hook is foreign code and may take its time: nobody may rely on this searcher.
        worker.stop_searching();
        scheduler.config.call_on_thread_start();
        worker.work();
        worker.settle_remains();
        scheduler.leave_timers(worker.processor());
        scheduler.config.call_on_thread_stop();
    }
    drop(worker);
    scheduler.machine_ended();
}

impl Worker {
    /// Whoever started the machine has counted it as active and searching.
    fn new(lease: Lease) -> Worker {
        let seed = (lease.index() as u32).wrapping_mul(0x9E37_79B9) | 1;
        Worker {
            home: Home::worker(lease.index()),
            lease,
            next_slot_run: Cell::new(0),
            lone_wait: Cell::new(LoneWait::Short),
            measure_next: Cell::new(false),
            searching: Cell::new(true),
            last_fired: Cell::new(0),
            spare_until: Cell::new(NEVER),
            taken_before: Cell::new(0),
            remains: Remains::none(),
            random: Cell::new(seed),
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

    /// Itself, as the crew counts it.
    fn machine(&self) -> Machine<'_, Scheduler> {
        Machine {
            crew: self.scheduler(),
            number: self.index(),
            place: &self.processor().place,
            searching: &self.searching,
        }
    }

    /// The shard of its processor.
    pub(super) fn timers(&self) -> &'static Timers {
        self.processor().timers.timers()
    }

    /// Whether somebody looks after this worker's timers when it does not.
    pub(super) fn has_monitor(&self) -> bool {
        self.scheduler().config.handoff
    }

    /// After the first deadline in its shard has become an earlier one. The worker sees it in time,
    /// unless it is in code without an end, for all that is known, and without its place.
    pub(super) fn tell_attendant(&self) {
        if !self.processor().place.is_held() {
            self.scheduler()
                .monitor
                .look_at_timers(self.timers().next_due());
        }
    }

    fn queue(&self) -> &Owner<Task> {
        self.lease.queue()
    }

    /// Runs tasks until the executor ends, or this machine is not needed any more.
    fn work(&self) {
        while !self.scheduler().is_closed() {
            if self.scheduler().idle.surplus() && self.step_back() == Woken::No {
                return;
            }
            match self.find_task() {
                Some(task) if self.measure_next.get() => self.run_measured(task),
                Some(task) => self.run(task),
                None if self.sleep() == Woken::No => return,
                None => {}
            }
        }
        self.drain();
    }

    /// Runs a task once. Must agree with what `monitor` reads.
    fn run(&self, task: Task) {
        let Processor {
            counters, place, ..
        } = self.processor();
        // Ordering: Relaxed; the monitor guesses, and the place decides.
        counters
            .task
            .store(task.metadata().id.as_u64(), Ordering::Relaxed);
        counters.polls.add(1);
        match task.metadata().registration.home_if_fresh() {
            Some(home) if home != self.home => self.run_foreign(task, home),
            _ => task::run(task, self.scheduler()),
        }
        if place.is_taken() {
            self.come_back();
        }
    }

    /// Runs a task and sees how long a lone task waits behind it, if it makes any runnable. Meanwhile it
    /// wakes nobody for that, which would take long itself.
    #[cold]
    fn run_measured(&self, task: Task) {
        self.measure_next.set(false);
        let before = self.lone_wait.replace(LoneWait::Measured(None));
        self.run(task);
        let after = match self.lone_wait.get() {
            LoneWait::Measured(Some(since)) if clock::now().saturating_sub(since) >= LONG_WAIT => {
                LoneWait::Long
            }
            LoneWait::Measured(Some(_)) => LoneWait::Short,
            _ => before,
        };
        self.lone_wait.set(after);
    }

    /// A task that another thread has made, and would better free.
    #[inline(never)]
    fn run_foreign(&self, task: Task, home: Home) {
        let reference = task.waker();
        task::run(task, self.scheduler());
        let processors = &self.scheduler().processors;
        self.remains.keep(home, reference, processors);
    }

    /// Keeps nothing for others any more, and nothing of its own tasks.
    fn settle_remains(&self) {
        let mailbox = &self.processor().mailbox;
        self.remains.settle(mailbox, &self.scheduler().processors);
    }

    /// What takes long from now on is not the fault of the task that was polled last.
    fn is_in_no_poll(&self) {
        self.processor().counters.task.store(0, Ordering::Relaxed);
    }

    /// After a poll during which the monitor gave this machine's place away. There may be one
    /// active machine too many now.
    #[cold]
    fn come_back(&self) {
        self.machine().come_back();
    }

    /// After the end of the executor, when a run drops the future instead of polling it (`task`):
    /// runs tasks until none is left.
    fn drain(&self) {
        loop {
            while let Some(task) = self.find_task() {
                self.run(task);
            }
            if self.scheduler().live.is_empty() {
                return self.machine().leave();
            }
            if self.sleep() == Woken::No {
                return;
            }
        }
    }
}

/// Making tasks runnable.
impl Worker {
    /// Takes a task that has become runnable, from whatever runs on this thread. `yielded`: it was
    /// woken during its own poll, so that others come first.
    pub(crate) fn schedule(&self, task: Task, yielded: bool) {
        if !self.processor().place.is_held() {
            // Nobody would run it here before the poll, or the blocking call in it, returns.
            self.scheduler().push_global(task);
        } else if yielded {
            self.push_local(task);
            if self.queue().len() > 1 && self.scheduler().idle.may_notify() {
                self.scheduler().notify();
            }
        } else if let Some(displaced) = self.processor().next.put(task) {
            self.push_local(displaced);
            self.scheduler().notify();
        } else if self.lone_wait.get() != LoneWait::Short {
            self.lone_task_waits();
        }
    }

    /// A lone task has come into the next slot, where tasks wait for long, or may do.
    #[cold]
    fn lone_task_waits(&self) {
        match self.lone_wait.get() {
            LoneWait::Long => self.scheduler().notify(),
            LoneWait::Measured(None) => self.lone_wait.set(LoneWait::Measured(Some(clock::now()))),
            LoneWait::Measured(Some(_)) | LoneWait::Short => {}
        }
    }

    /// Appends to the local queue; half of it goes to the global queue if it is full.
    fn push_local(&self, task: Task) {
        if self.queue().push(task, |tasks| {
            self.scheduler().push_batch_quietly(tasks.into())
        }) {
            self.processor().counters.overflows.add(1);
            self.settle_remains();
            self.scheduler().notify();
        }
    }
}
