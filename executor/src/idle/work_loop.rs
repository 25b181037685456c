//! The life of a worker: what it does after what, over the steps of its [`Machine`].
//!
//! The scheduler's worker is one [`WorkLoop`], and those that loom's models run are others: so the
//! loops that are proved are the ones that ship.

use super::{
    accounting::WakeUp,
    machine::Machine,
    parker::{Parked, Parker},
    pool::Pool,
};
use crate::sync::clock;
use std::{sync::Arc, time::Duration};

/// A surplus machine that sleeps this long exits.
const SPARE_LIFETIME: Duration = Duration::from_secs(10);

/// How a sleep ended.
#[must_use]
#[derive(PartialEq, Eq)]
pub(crate) enum Woken {
    /// With a permit, as a searcher; or it did not sleep after all.
    Yes,
    /// Not at all: the machine was not needed and ends.
    No,
}

/// See the module's text.
pub(crate) trait WorkLoop {
    type Pool: Pool;
    type Task;

    /// The executor's machines.
    fn pool(&self) -> &Arc<Self::Pool>;

    /// The machine that works here.
    fn machine(&self) -> Machine<'_, Self::Pool>;

    /// Looks everywhere for a task.
    fn look_for_task(&self) -> Option<Self::Task>;

    /// Runs a task once, then calls [`Machine::after_poll`].
    fn run(&self, task: Self::Task);

    /// Moves everything from the next slot and the local queue to where others look: this machine
    /// will not run it soon.
    fn give_queue_away(&self);

    /// Called before each sleep. `may_retire`: see `Idle::may_retire`.
    fn begin_to_sleep(&self, may_retire: bool);

    /// Sleeps until unparked, until a source has to be looked at, or until the time that the
    /// machine ends at as a spare.
    fn doze(&self) -> Parked;

    /// Where the machine is unparked.
    fn parker(&self) -> &Parker;

    /// Whether a source has something to fire.
    fn is_due(&self) -> bool;

    /// Says that this machine looks after its sources, or leaves them to the monitor.
    fn drive_sources(&self, on: bool);

    /// When the machine ends, if nobody needs it before.
    fn spare_until(&self) -> u64;

    /// Sets that time.
    fn set_spare_until(&self, time: u64);

    /// Finds a task. Whoever has one in hand is no searcher any more.
    #[inline(always)] // Once for each poll: a call of it would cost as much as it does itself.
    fn find_task(&self) -> Option<Self::Task> {
        let task = self.look_for_task();
        if task.is_some() {
            self.machine().stop_searching();
        }
        task
    }

    /// Runs tasks until the executor ends, or this machine is not needed any more.
    #[inline]
    fn work(&self) {
        while !self.pool().is_closed() {
            if self.pool().idle().surplus() && self.step_back() == Woken::No {
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

    /// After the end of the executor, when a run drops the future instead of polling it: runs tasks
    /// until none is left.
    fn drain(&self) {
        loop {
            while let Some(task) = self.find_task() {
                self.run(task);
            }
            if self.pool().suspended().is_empty() {
                return self.machine().leave();
            }
            if self.sleep() == Woken::No {
                return;
            }
        }
    }

    /// Sleeps until there is something to do.
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

    /// Sleeps until woken, or until something is due. With machines to spare, it may end here
    /// instead.
    fn park(&self, may_retire: bool) -> Woken {
        self.begin_to_sleep(may_retire);
        loop {
            let parked = self.doze();
            if parked == Parked::Unparked || self.wake_up_for_events() {
                break;
            }
            if parked == Parked::TimedOut && self.spare_until() <= clock::now() {
                let idle = self.pool().idle();
                if idle.retire(self.machine().number) {
                    return Woken::No;
                }
                // Needed after all, or being woken at this moment.
                self.set_spare_until(spare_until(idle.may_retire()));
            }
        }
        self.drive_sources(true);
        self.machine().woken();
        Woken::Yes
    }

    /// While asleep: if something is due, sees to it that it is fired. Returns whether the sleep is
    /// over.
    fn wake_up_for_events(&self) -> bool {
        if !self.is_due() {
            return false;
        }
        match self.machine().wake_up() {
            WakeUp::Done => true,
            WakeUp::BeingWoken => {
                self.parker().park();
                true
            }
            WakeUp::NoPermit => {
                // Without a permit it runs no foreign code: a waker that blocks would keep it from
                // hearing when it is woken.
                self.drive_sources(false);
                false
            }
        }
    }
}

/// Until when a machine sleeps before it asks whether anybody needs it.
pub(crate) fn spare_until(may_retire: bool) -> u64 {
    if may_retire {
        clock::now().saturating_add(clock::nanoseconds(SPARE_LIFETIME))
    } else {
        clock::NEVER
    }
}
