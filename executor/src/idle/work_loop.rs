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

/// What a machine does after a turn.
#[must_use]
pub(crate) enum Turn {
    /// It takes the next one.
    GoesOn,
    /// It has given its permit away, and parks. `may_retire`: see `Idle::may_retire`.
    Sleeps { may_retire: bool },
    /// It has left, for the executor has ended.
    IsOver,
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

    /// Runs tasks until the executor ends, or this machine is not needed any more. A simulation
    /// takes the same turns, and sleeps in its own way.
    #[inline]
    fn work(&self) {
        loop {
            match self.turn() {
                Turn::GoesOn => {}
                Turn::Sleeps { may_retire } if self.park(may_retire) == Woken::Yes => {}
                Turn::Sleeps { .. } | Turn::IsOver => return,
            }
        }
    }

    /// Runs a task, or falls asleep: after this turn the machine is not active any more, and parks.
    ///
    /// After the end of the executor a run drops the future instead of polling it, and the machine
    /// leaves once none is left.
    #[inline(always)] // Once for each poll.
    fn turn(&self) -> Turn {
        self.turn_by(|task| self.run(task))
    }

    /// The same, with something else to do with the task than to run it now.
    #[inline(always)]
    fn turn_by(&self, run: impl FnOnce(Self::Task)) -> Turn {
        // Asked before the look, not after it: what is in a queue at the end was put there before.
        let is_closed = self.pool().is_closed();
        if !is_closed && self.pool().idle().surplus() && self.step_back() {
            return Turn::Sleeps { may_retire: true };
        }
        match self.find_task() {
            Some(task) => run(task),
            None if is_closed && self.pool().suspended().is_empty() => {
                self.machine().leave();
                return Turn::IsOver;
            }
            None => {
                let may_retire = self.machine().sleep();
                return Turn::Sleeps { may_retire };
            }
        }
        Turn::GoesOn
    }

    /// There is a machine too many; unless somebody else was faster, this one makes room, and
    /// parks. Returns whether it does.
    fn step_back(&self) -> bool {
        self.machine().step_back(|| self.give_queue_away())
    }

    /// Sleeps until woken, or until something is due. With machines to spare, it may end here
    /// instead.
    fn park(&self, may_retire: bool) -> Woken {
        self.begin_to_sleep(may_retire);
        loop {
            let parked = self.doze();
            if let Some(woken) = self.end_doze(parked) {
                return woken;
            }
        }
    }

    /// What comes of it that a doze has ended so. `None` if the machine sleeps on.
    fn end_doze(&self, parked: Parked) -> Option<Woken> {
        if parked == Parked::Unparked || self.wake_up_for_events() {
            self.drive_sources(true);
            self.machine().woken();
            return Some(Woken::Yes);
        }
        if parked == Parked::TimedOut && self.spare_until() <= clock::now() {
            let idle = self.pool().idle();
            if idle.retire(self.machine().number) {
                return Some(Woken::No);
            }
            // Needed after all, or being woken at this moment.
            self.set_spare_until(spare_until(idle.may_retire()));
        }
        None
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
