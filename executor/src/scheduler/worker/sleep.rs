//! How a worker sleeps. In what order is told by `idle::work_loop`.

use super::Worker;
use crate::{
    idle::{
        machine::Machine,
        parker::{Parked, Parker},
        work_loop::{WorkLoop, spare_until},
    },
    scheduler::{Scheduler, task::Task, trace::event::Kind},
    sync::clock::{self, NEVER},
};
use std::sync::Arc;

impl WorkLoop for Worker {
    type Pool = Scheduler;
    type Task = Task;

    #[inline]
    fn pool(&self) -> &Arc<Scheduler> {
        self.scheduler()
    }

    #[inline]
    fn machine(&self) -> Machine<'_, Scheduler> {
        Machine {
            pool: self.scheduler(),
            number: self.index(),
            permit: &self.processor().permit,
            searching: &self.searching,
        }
    }

    #[inline(always)] // As `find_task`.
    fn look_for_task(&self) -> Option<Task> {
        self.look_everywhere()
    }

    #[inline]
    fn run(&self, task: Task) {
        if self.observe_next.get() {
            self.run_observed(task);
        } else {
            _ = self.run_plainly(task);
        }
    }

    fn give_queue_away(&self) {
        self.scheduler().give_queue_away(self.processor());
    }

    fn begin_to_sleep(&self, may_retire: bool) {
        self.scheduler().abort_in_forked_child();
        self.clear_current_task();
        self.settle_recycler();
        self.pace.forget();
        self.processor().counters.parks.add(1);
        self.begin_to_be_spare(may_retire);
    }

    fn doze(&self) -> Parked {
        self.record(Kind::Parks, 0, 0);
        self.counters().busy_time.end(clock::now());
        let watch = || self.scheduler().idle.watch(self.index());
        let parked = self
            .driver()
            .park(self.parker(), self.spare_until.get(), watch);
        self.counters().busy_time.begin(clock::now());
        self.settle_whom_to_answer();
        self.record(Kind::Unparked, 0, 0);
        parked
    }

    fn parker(&self) -> &Parker {
        &self.processor().parker
    }

    fn is_due(&self) -> bool {
        self.driver().is_due()
    }

    fn drive_sources(&self, on: bool) {
        if on {
            self.driver().set_driven(true);
        } else {
            self.scheduler().leave_driver(self.processor());
        }
    }

    fn spare_until(&self) -> u64 {
        self.spare_until.get()
    }

    fn set_spare_until(&self, time: u64) {
        self.spare_until.set(time);
    }
}

/// Sleeping.
impl Worker {
    /// If nobody needed it since its last sleep, the old retirement time stands. Whether it has
    /// woken up for its own sources in between says nothing: when it ends, others get them.
    fn begin_to_be_spare(&self, may_retire: bool) {
        let counters = &self.processor().counters;
        let taken = counters.stolen_tasks.get() + counters.global_tasks.get();
        let was_needed = self.taken_before.replace(taken) != taken;
        if was_needed || !may_retire || self.spare_until.get() == NEVER {
            self.spare_until.set(spare_until(may_retire));
        }
    }
}
