//! How a worker sleeps, ends when it is one too many, and gives its permit away to block.

use super::Worker;
use crate::{
    idle::accounting::WakeUp,
    scheduler::{driver::Parked, processor::Processor},
    sync::clock::{self, NEVER},
};
use std::{sync::atomic::Ordering, time::Duration};

/// A surplus machine that sleeps this long exits.
const SPARE_LIFETIME: Duration = Duration::from_secs(10);

/// How a sleep ended.
#[must_use]
#[derive(PartialEq, Eq)]
pub(super) enum Woken {
    /// With a permit, as a searcher.
    Yes,
    /// Not at all: the machine was not needed and ends.
    No,
}

/// Sleeping, and giving the permit away.
impl Worker {
    pub(super) fn sleep(&self) -> Woken {
        let may_retire = self.machine().sleep();
        self.park(may_retire)
    }

    /// There is a machine too many; unless somebody else was faster, this one makes room.
    pub(super) fn step_back(&self) -> Woken {
        if self.machine().step_back(|| self.give_queue_away()) {
            self.park(true)
        } else {
            Woken::Yes
        }
    }

    /// Sleeps until woken, or until something is due. With machines to spare, it may end here instead.
    fn park(&self, may_retire: bool) -> Woken {
        let Processor {
            parker, counters, ..
        } = self.processor();
        self.scheduler().abort_in_forked_child();
        self.clear_current_task();
        self.settle_recycler();
        counters.parks.add(1);
        self.begin_to_be_spare(may_retire);
        loop {
            let parked = self.driver().park(parker, self.spare_until.get());
            if parked == Parked::Unparked || self.wake_up_for_events() {
                break;
            }
            if parked == Parked::TimedOut && self.spare_until.get() <= clock::now() {
                if self.scheduler().idle.retire(self.index()) {
                    return Woken::No;
                }
                // Needed after all, or being woken at this moment.
                let may_retire = self.scheduler().idle.may_retire();
                self.spare_until.set(spare_until(may_retire));
            }
        }
        self.driver().set_driven(true);
        self.machine().woken();
        Woken::Yes
    }

    /// If nobody needed it since its last sleep, the old retirement time stands. Whether it has woken up for
    /// its own sources in between says nothing: when it ends, others get them.
    fn begin_to_be_spare(&self, may_retire: bool) {
        let counters = &self.processor().counters;
        let taken = counters.stolen_tasks.get() + counters.global_tasks.get();
        let was_needed = self.taken_before.replace(taken) != taken;
        if was_needed || !may_retire || self.spare_until.get() == NEVER {
            self.spare_until.set(spare_until(may_retire));
        }
    }

    /// While asleep: if something is due, sees to it that it is fired. Returns whether the sleep is over.
    fn wake_up_for_events(&self) -> bool {
        if !self.driver().is_due() {
            return false;
        }
        let scheduler = self.scheduler();
        match scheduler.idle.wake_up(self.index()) {
            WakeUp::Done => scheduler.monitor.rest.wake_if_asleep(),
            WakeUp::BeingWoken => self.processor().parker.park(),
            WakeUp::NoPermit => {
                // Without a permit it runs no foreign code: a waker that blocks would keep it from
                // hearing when it is woken.
                scheduler.leave_driver(self.processor());
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

    /// Gives the permit away until the guard is dropped. `None` if that has been announced already,
    /// or there is nobody to take it.
    pub(crate) fn block(&self) -> Option<Blocked<'_>> {
        let Processor {
            permit, counters, ..
        } = self.processor();
        let scheduler = self.scheduler();
        // In a forked child, a stand-in would run tasks that the parent runs too.
        if permit.is_given() || !scheduler.config.handoff || scheduler.is_in_forked_child() {
            return None;
        }
        self.give_queue_away();
        self.scheduler().leave_driver(self.processor());
        if self.machine().block() {
            counters.handoffs.add(1);
        }
        self.settle_recycler();
        // Ordering: Release, so that whoever sees this in `Metrics` sees the hand-off counted.
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

/// The time in which a worker sits in foreign code without its permit.
pub(crate) struct Blocked<'a>(&'a Worker);

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        let Blocked(worker) = self;
        worker.driver().set_driven(true);
        worker
            .processor()
            .counters
            .blocked
            .store(false, Ordering::Relaxed);
        worker.come_back();
    }
}
