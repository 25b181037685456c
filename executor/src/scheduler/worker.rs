//! A worker: a machine that holds a processor. Finding a task, running it, sleeping, blocking.
//!
//! # Where the next task comes from
//!
//! 1. every 61st poll the timers and the global queue, so that local work does not starve them; the
//!    timers also when the monitor has found them late;
//! 2. the next slot, but not for ever in a row, so that two tasks that wake each other do not
//!    starve the local queue;
//! 3. the local queue, first in, first out;
//! 4. what its timers wake, if any are due;
//! 5. the global queue, a fair share of it;
//! 6. half of another local queue; as a last resort a task in the next slot of a worker whose poll
//!    does not end.
//!
//! # What wakes another worker
//!
//! A task that goes to the local queue, or to the global one. Not a lone task that goes to the next
//! slot, nor a lone task that yields: its worker runs it in a moment, and an unpark costs its
//! caller as much as two hundred polls.

use super::{
    Scheduler, context,
    processor::{Lease, Processor},
    remains::{Home, Remains},
    thread_state,
};
use crate::{
    clock::{self, NEVER},
    crew::Crew,
    idle::WakeUp,
    machine::Machine,
    queue::local::Owner,
    sync::hint,
    task::{self, Task},
    timer::Timers,
};
use std::{
    cell::Cell,
    ptr::NonNull,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Polls between two looks at the timers and the global queue while there is local work: Go's figure,
/// a prime, so that it falls in step with nothing.
const LOOK_AROUND_INTERVAL: u64 = if cfg!(shuttle) { 5 } else { 61 };

/// Timers fired before the tasks that they woke have their turn.
const TIMERS_IN_A_ROW: usize = 64;

/// Tasks taken from the next slot in a row before the local queue has its turn. Long enough for a
/// request and its answers to stay in the cache, short beside a full local queue.
const NEXT_SLOT_RUN: u32 = if cfg!(shuttle) { 2 } else { 16 };

/// Tasks that make a queue worth stealing from at once. A theft costs both sides cache misses, as much
/// as some polls; a thief that takes each task as it comes gains nothing.
const WORTH_STEALING: usize = if cfg!(shuttle) { 2 } else { 32 };

/// How long a thief waits beside what little there is for more, or for the worker to come to it by
/// itself; in turns of the spin-wait hint: about six microseconds, the price of a wake-up.
const PATIENCE: u32 = if cfg!(shuttle) { 1 } else { 200 };

/// Timers that come in quick succession are fired together: after it has fired any, a worker does not
/// wake up for others within this time, in nanoseconds. A wake-up costs more than a hundred timers.
const TIMER_MODERATION: u64 = 125_000;

/// A machine that more machines than places are free for ends after so long a sleep.
const SPARE_LIFETIME: Duration = Duration::from_secs(10);

/// The worker that a thread of the executor is. Lives on the thread's stack.
pub(crate) struct Worker {
    lease: Lease,
    /// Tasks taken from the next slot in a row.
    next_slot_run: Cell<u32>,
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

/// Finding a task.
impl Worker {
    #[inline]
    fn find_task(&self) -> Option<Task> {
        let task = if self.is_time_to_look_around() {
            self.look_around()
        } else {
            None
        };
        let task = task
            .or_else(|| self.take_local())
            .or_else(|| self.find_elsewhere());
        if task.is_some() {
            self.stop_searching();
        }
        task
    }

    fn is_time_to_look_around(&self) -> bool {
        let Processor {
            counters,
            timers_are_late,
            ..
        } = self.processor();
        counters.polls.get() % LOOK_AROUND_INTERVAL == LOOK_AROUND_INTERVAL - 1
            || timers_are_late.load(Ordering::Relaxed)
    }

    /// Wakes what is due, and takes a task from the global queue.
    #[cold]
    fn look_around(&self) -> Option<Task> {
        self.processor()
            .timers_are_late
            .store(false, Ordering::Relaxed);
        self.fire_timers();
        let (task, rest) = self.scheduler().global.pop()?;
        self.processor().counters.global_tasks.add(1);
        if let Some(rest) = rest {
            // Only what runs now is taken: what went through the local queue could be driven out of it
            // again and again.
            self.scheduler().push_batch_quietly(rest);
            self.scheduler().notify();
        }
        Some(task)
    }

    /// Where there is no local task. Apart, so that the way to one stays short.
    #[inline(never)]
    fn find_elsewhere(&self) -> Option<Task> {
        self.remains.hand_back(&self.scheduler().processors);
        self.take_fired()
            .or_else(|| self.take_global_share())
            .or_else(|| self.steal())
    }

    #[inline]
    fn take_local(&self) -> Option<Task> {
        let run = self.next_slot_run.get();
        if let Some(task) = self.processor().next.take() {
            if run < NEXT_SLOT_RUN {
                self.next_slot_run.set(run + 1);
                return Some(task);
            }
            self.push_local(task);
        }
        if run != 0 {
            self.next_slot_run.set(0);
        }
        self.queue().pop()
    }

    fn take_fired(&self) -> Option<Task> {
        if self.fire_timers() {
            self.take_local()
        } else {
            None
        }
    }

    /// Wakes tasks whose deadlines have come; returns whether there were any.
    fn fire_timers(&self) -> bool {
        if self.timers().next_due() == NEVER {
            return false;
        }
        let now = clock::now();
        if self.next_timer() > now {
            return false;
        }
        // A waker is foreign code and may take its time: nobody may rely on this searcher.
        self.stop_searching();
        self.is_in_no_poll();
        let fired = self.timers().fire(now, TIMERS_IN_A_ROW);
        if fired && self.timers().next_due() > now {
            self.last_fired.set(now);
        }
        fired
    }

    /// When the worker has to look at its timers.
    fn next_timer(&self) -> u64 {
        let earliest = self.last_fired.get().saturating_add(TIMER_MODERATION);
        self.timers().next_due().max(earliest)
    }

    fn take_global_share(&self) -> Option<Task> {
        let scheduler = self.scheduler();
        let (task, taken) = scheduler
            .global
            .pop_share(scheduler.config.workers, self.queue())?;
        self.processor().counters.global_tasks.add(taken as u64);
        if taken > 1 && !self.searching.get() {
            // On the way from there to here nobody saw them.
            scheduler.notify();
        }
        Some(task)
    }

    fn steal(&self) -> Option<Task> {
        if !self.searching.get() {
            if !self.scheduler().idle.start_searching() {
                return None;
            }
            self.searching.set(true);
        }
        self.steal_from_queues(WORTH_STEALING)
            .or_else(|| self.take_global_share())
            .or_else(|| self.steal_patiently())
    }

    /// The other processors, from a random one on.
    fn victims(&self) -> impl Iterator<Item = &Processor> {
        let processors = &self.scheduler().processors;
        let (count, own) = (processors.in_use(), self.index());
        let start = self.next_random() as usize % count;
        (start..start + count)
            .map(move |index| index % count)
            .filter(move |&index| index != own)
            .map(|index| processors.get(index))
    }

    /// Half of a queue of at least so many tasks.
    fn steal_from_queues(&self, at_least: usize) -> Option<Task> {
        let (task, taken) = self
            .victims()
            .filter(|victim| victim.queue.len() >= at_least)
            .find_map(|victim| victim.queue.steal_into(self.queue()))?;
        self.count_theft(taken);
        Some(task)
    }

    /// What the others have not come to within a moment: a few tasks of a queue, or the task in
    /// somebody's next slot if the poll in front of it goes on and on.
    fn steal_patiently(&self) -> Option<Task> {
        let busy = self.victims().find(|victim| !victim.next.is_empty());
        if busy.is_none() && self.victims().all(|victim| victim.queue.is_empty()) {
            return None;
        }
        let polls = busy.map(|victim| victim.counters.polls.get());
        (0..PATIENCE).for_each(|_| hint::spin_loop());
        self.steal_from_queues(1).or_else(|| {
            let victim = busy.filter(|victim| Some(victim.counters.polls.get()) == polls)?;
            let task = victim.next.take()?;
            self.count_theft(1);
            Some(task)
        })
    }

    fn count_theft(&self, tasks: usize) {
        self.processor().counters.steals.add(1);
        self.processor().counters.stolen_tasks.add(tasks as u64);
    }

    fn stop_searching(&self) {
        self.machine().stop_searching();
    }

    /// Marsaglia's xorshift: victims need to be spread, not unpredictable.
    fn next_random(&self) -> u32 {
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random.set(x);
        x
    }
}

/// How a sleep ended.
#[must_use]
#[derive(PartialEq, Eq)]
enum Woken {
    /// With a place, as a searcher.
    Yes,
    /// Not at all: the machine was not needed and ends.
    No,
}

/// Sleeping, and giving the place away.
impl Worker {
    fn sleep(&self) -> Woken {
        let may_retire = self.machine().sleep();
        self.park(may_retire)
    }

    /// There is a machine too many; unless somebody else was faster, this one makes room.
    fn step_back(&self) -> Woken {
        if self.machine().step_back(|| self.give_queue_away()) {
            self.park(true)
        } else {
            Woken::Yes
        }
    }

    /// Sleeps until woken, or until a timer is due. With machines to spare, it may end here instead.
    fn park(&self, may_retire: bool) -> Woken {
        let Processor {
            parker, counters, ..
        } = self.processor();
        self.scheduler().abort_in_forked_child();
        self.is_in_no_poll();
        self.settle_remains();
        counters.parks.add(1);
        self.begin_to_be_spare(may_retire);
        loop {
            let next_timer = if self.timers().is_attended() {
                self.next_timer()
            } else {
                NEVER
            };
            let until = self.spare_until.get().min(next_timer);
            if until == NEVER {
                parker.park();
                break;
            }
            if parker.park_until(clock::instant(until)) || self.wake_up_for_timers() {
                break;
            }
            if self.spare_until.get() <= clock::now() {
                if self.scheduler().idle.retire(self.index()) {
                    return Woken::No;
                }
                // Needed after all, or being woken at this moment.
                let may_retire = self.scheduler().idle.may_retire();
                self.spare_until.set(spare_until(may_retire));
            }
        }
        self.timers().set_attended(true);
        self.machine().woken();
        Woken::Yes
    }

    /// A sleep that follows one in which it was not needed continues that. Whether it has woken up for
    /// timers of its own in between says nothing: when it ends, others get them.
    fn begin_to_be_spare(&self, may_retire: bool) {
        let counters = &self.processor().counters;
        let taken = counters.stolen_tasks.get() + counters.global_tasks.get();
        let was_needed = self.taken_before.replace(taken) != taken;
        if was_needed || !may_retire || self.spare_until.get() == NEVER {
            self.spare_until.set(spare_until(may_retire));
        }
    }

    /// While asleep: if a timer is due, sees to it that it is fired. Returns whether the sleep is over.
    fn wake_up_for_timers(&self) -> bool {
        if !self.timers().is_due(clock::now()) {
            return false;
        }
        let scheduler = self.scheduler();
        match scheduler.idle.wake_up(self.index()) {
            WakeUp::Done => scheduler.monitor.rouse(),
            WakeUp::BeingWoken => self.processor().parker.park(),
            WakeUp::NoPlace => {
                // Without a place it runs no foreign code: a waker that blocks would keep it from
                // hearing when it is woken.
                scheduler.leave_timers(self.processor());
                return false;
            }
        }
        true
    }

    /// Moves everything from the next slot and the local queue to the global queue: this machine
    /// will not run it soon, and a queue that thieves visit only when they have nothing else to do
    /// could wait for ever.
    fn give_queue_away(&self) {
        let next = self.processor().next.take();
        let queued = std::iter::from_fn(|| self.queue().pop());
        next.into_iter()
            .chain(queued)
            .for_each(|task| self.scheduler().push_global_quietly(task));
    }

    /// Gives the place away until the guard is dropped. `None` if that has been announced already,
    /// or there is nobody to take it.
    pub(crate) fn block(&self) -> Option<Blocked<'_>> {
        let Processor {
            place, counters, ..
        } = self.processor();
        let scheduler = self.scheduler();
        // In a forked child, a stand-in would run tasks that the parent runs too.
        if place.is_given() || !scheduler.config.handoff || scheduler.is_in_forked_child() {
            return None;
        }
        self.give_queue_away();
        self.settle_remains();
        self.scheduler().leave_timers(self.processor());
        if self.machine().block() {
            counters.handoffs.add(1);
        }
        // Ordering: Release, so that whoever sees this in `Metrics` sees the hand-over counted.
        counters.blocked.store(true, Ordering::Release);
        Some(Blocked(self))
    }
}

/// Until when a machine sleeps before it asks whether anybody needs it.
fn spare_until(may_retire: bool) -> u64 {
    if may_retire {
        clock::now().saturating_add(clock::nanoseconds(SPARE_LIFETIME))
    } else {
        NEVER
    }
}

/// The time in which a worker sits in foreign code without its place.
pub(crate) struct Blocked<'a>(&'a Worker);

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        let Blocked(worker) = self;
        worker.timers().set_attended(true);
        worker
            .processor()
            .counters
            .blocked
            .store(false, Ordering::Relaxed);
        worker.come_back();
    }
}
