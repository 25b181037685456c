//! Sources whose own thread does not come to them.
//!
//! While a machine is blocked, or stuck in a poll, nobody looks after its driver; and timers that
//! are polled on threads of no executor have none. The monitor parks no longer than until the first
//! of their deadlines. It fires nothing itself, for wakers are foreign code and may take their time:
//! it says that something is *neglected*, and notifies as for a task in the global queue. A worker
//! fires it, and if the waker does not return, that worker is stuck, and another one comes. (In Go,
//! `stealWork` runs the timers of the P that it steals from.)
//!
//! If no worker has come after a while, all are blocked, and no more threads are allowed, or to be
//! had. What they wait for may be what is due: so the monitor sends a thread of its own for it, an
//! *errand*, which ends when it has fired what there is.
//!
//! At the source that all machines share, one of them sleeps, or looks now and then. If none has for
//! a while, the polls of all that are active take long: then the monitor looks itself, and has a
//! machine woken or started, which finds nothing to do and sleeps there. (Go's sysmon polls the
//! network if nobody has for 10 ms.)
//!
//! It asks a machine that is busy and late for maintenance: what that fires itself goes to its own
//! queue.

use super::{Rounds, samples::Samples};
use crate::{
    idle::pool::Pool,
    scheduler::{
        Scheduler,
        driver::{LoneDriver, Source},
        processor::Processor,
    },
    sync::{
        Instant, Ordering,
        clock::{self, NEVER},
        thread,
    },
    timer::Timers,
};
use std::{iter, sync::Arc, time::Duration};

/// How late a machine may be for a timer before somebody else does something about it, in
/// nanoseconds.
const PATIENCE: u64 = 1_000_000;

/// When no worker has fired within this time what is neglected, an errand does.
const ERRAND_AFTER: Duration = Duration::from_millis(5);

/// Errands that may be under way at once: each may sit in a waker that takes its time.
const MOST_ERRANDS: usize = 16;

/// When no machine has looked at the shared source for so long, in nanoseconds, the monitor does.
const UNWATCHED: u64 = 4_000_000;

/// How long a poll may delay its worker's timers at most, for a large `handoff_after`.
const STUCK: Duration = Duration::from_millis(100);

impl super::Monitor {
    /// The wheel for timers that their own threads cannot answer for.
    pub(crate) fn timers(&self) -> &'static Timers {
        self.outside.get_or_init(LoneDriver::lone).timers()
    }

    /// That wheel, if there is one yet.
    pub(crate) fn timers_if_any(&self) -> Option<&'static Timers> {
        self.outside.get().map(LoneDriver::timers)
    }
}

impl Scheduler {
    /// The machine of `processor` will not look after its sources for a while.
    pub(crate) fn driver_is_left(&self, processor: &Processor) {
        self.monitor.rest.take_over(|| processor.driver.next_due());
        if self.shared_source.is_unwatched() {
            self.monitor.rest.wake_if_asleep();
        }
    }

    /// The machine of `processor` sleeps, and may not look after its sources.
    pub(crate) fn leave_driver(&self, processor: &Processor) {
        processor.driver.set_driven(false);
        if self.config.handoff {
            self.driver_is_left(processor);
        } else {
            // There is no monitor: whoever waits registers anew, where somebody looks.
            processor.driver.evict();
        }
    }

    /// The machine of `processor` ends: whoever waits there registers anew.
    pub(crate) fn abandon_driver(&self, processor: &Processor) {
        self.leave_driver(processor);
        // A waker may take its time; the monitor looks after the others meanwhile.
        processor.driver.evict();
    }

    /// Fires what is due in sources that nobody else looks after, at most `limit` in each. Returns
    /// whether there was anything.
    pub(crate) fn fire_neglected(self: &Arc<Self>, limit: usize) -> bool {
        let now = clock::now();
        let late = now.saturating_sub(PATIENCE);
        let (mut fired, mut is_more) = (false, false);
        if let Some(outside) = self.monitor.outside.get() {
            fired |= outside.fire(now, limit);
            is_more |= outside.next_due() <= now;
        }
        for processor in self.processors.iter_in_use() {
            let driver = &processor.driver;
            if has_no_driver(processor) || driver.next_due() <= late {
                fired |= driver.fire(now, limit);
                is_more |= driver.next_due() <= now;
            }
        }
        if is_more {
            self.monitor.neglected.set();
            self.notify();
        }
        fired
    }

    /// What the monitor would wake up for, where there is none: in a simulation.
    pub(crate) fn first_neglected(&self) -> u64 {
        let neglected = self.processors.iter_in_use().filter(|p| has_no_driver(p));
        let deadlines = neglected.map(|processor| processor.driver.next_due());
        let outside = self.monitor.outside.get().map(LoneDriver::next_due);
        let first = deadlines.chain(outside).min().unwrap_or(NEVER);
        if self.monitor.neglected.is_set() && first <= clock::now() {
            // Somebody has been told.
            return NEVER;
        }
        first
    }

    /// What the monitor would do when it wakes up for that.
    pub(crate) fn find_neglected(self: &Arc<Self>) {
        self.monitor.neglected.set();
        self.notify();
    }

    /// Fires what is due in place of a worker, on a thread of its own.
    fn run_errand(self: &Arc<Self>) {
        if self.monitor.neglected.take() {
            self.fire_neglected(usize::MAX);
        }
        // Ordering: Relaxed; a limit that may be missed by one.
        self.monitor.errands.fetch_sub(1, Ordering::Relaxed);
        self.thread_ends();
    }
}

/// Whether the thread that looks after a processor's sources is away.
fn has_no_driver(processor: &Processor) -> bool {
    let permit = &processor.permit;
    !processor.driver.is_driven() || permit.is_missing() || permit.is_offered()
}

impl Rounds<'_> {
    fn send_errand(&mut self) {
        let errands = &self.scheduler.monitor.errands;
        if errands.load(Ordering::Relaxed) == MOST_ERRANDS {
            return;
        }
        self.neglected_since = None;
        errands.fetch_add(1, Ordering::Relaxed);
        let scheduler = self.scheduler.clone();
        let name = self.scheduler.config.thread_name.clone();
        let builder = thread::Builder::new().name(name);
        let run = move || scheduler.run_errand();
        if self.scheduler.start_thread(builder, run).is_err() {
            errands.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The processors, each with what has been seen of it.
    fn sampled(&self) -> impl Iterator<Item = (&Samples, &Processor)> {
        const UNSEEN: &Samples = &Samples::NEW;
        let samples = self.seen.iter().chain(iter::repeat(UNSEEN));
        samples.zip(self.scheduler.processors.iter_in_use())
    }

    /// Whether a processor's machine does not come to its sources.
    fn is_stuck(&self, samples: &Samples) -> bool {
        samples.stuck_for >= self.scheduler.config.handoff_after.min(STUCK)
    }

    /// The first deadline in the sources that nobody else looks after.
    pub(super) fn first_deadline(&self) -> u64 {
        let outside = self.scheduler.monitor.outside.get();
        let deadlines = self
            .sampled()
            .map(|sampled| self.deadline(sampled))
            .chain(outside.map(|driver| driver.next_due()));
        if !self.scheduler.monitor.neglected.is_set() {
            return deadlines.min().unwrap_or(NEVER);
        }
        // Somebody has been told of what is due, and has some time to come.
        let errand = self
            .neglected_since
            .map(|since| clock::since_epoch(since + ERRAND_AFTER));
        let now = clock::now();
        let later = deadlines.filter(|&deadline| deadline > now).chain(errand);
        later.min().unwrap_or(NEVER)
    }

    /// When the monitor has something to do for a processor's sources.
    fn deadline(&self, (samples, processor): (&Samples, &Processor)) -> u64 {
        let due = processor.driver.next_due();
        if has_no_driver(processor) {
            due
        } else if self.is_stuck(samples) {
            // Nobody else fires it before: see `fire_neglected`.
            due.saturating_add(PATIENCE)
        } else {
            NEVER
        }
    }

    /// Says so if anything is due that nobody else looks after.
    pub(super) fn find_neglected(&mut self, time: Instant) {
        if !self.scheduler.monitor.neglected.is_set() {
            self.neglected_since = None;
        } else if time >= *self.neglected_since.get_or_insert(time) + ERRAND_AFTER {
            self.send_errand();
        }
        let now = clock::now();
        let outside = self.scheduler.monitor.outside.get();
        let mut neglected = outside.is_some_and(|driver| driver.is_due());
        for (samples, processor) in self.sampled() {
            let driver = &processor.driver;
            let is_late = driver.next_due().saturating_add(PATIENCE) <= now;
            if has_no_driver(processor) || is_late && self.is_stuck(samples) {
                let may_be_due = driver.next_due() <= now || driver.is_due_at(now);
                neglected |= may_be_due && driver.is_due();
            } else if is_late {
                processor.request_maintenance();
            }
        }
        if neglected && !self.scheduler.monitor.neglected.is_set() {
            self.scheduler.monitor.neglected.set();
            self.neglected_since = Some(time);
            // The round ends with a look for work.
        }
    }

    /// Looks at the shared source, or has a machine do so, if none has for a while.
    pub(super) fn look_at_shared_source(&self) {
        let source = &self.scheduler.shared_source;
        let now = clock::now();
        if !source.is_unwatched() || now.saturating_sub(source.last_look()) < UNWATCHED {
            return;
        }
        if source.seems_due(now) {
            self.scheduler.monitor.neglected.set();
            // The round ends with a look for work.
        } else {
            self.scheduler.call_watcher();
        }
    }
}
