//! How a simulation has a worker take its turns. It is the loop of `idle::work_loop`; but whether to
//! go on, and how a sleep ends, is for the simulation to say.

use super::{Stage, Worker, schedule::LoneWait};
use crate::{
    idle::{
        parker::Parked,
        work_loop::{Turn, Woken, WorkLoop},
    },
    scheduler::{processor::Lease, task::Task},
    sync::clock::{self, NEVER},
};
use std::cell::Cell;

/// What chance has a worker do in a step, if it comes to that.
pub(crate) struct Whims {
    /// A task in its next slot takes long to be polled, for all it knows, and is worth waking another
    /// worker.
    pub(crate) tells_of_lone_tasks: bool,
    /// It loses its core between finding a task and polling it: the poll is its next step. Without
    /// that, tasks of one queue would be polled in its order, whoever comes for them.
    pub(crate) is_preempted: bool,
}

/// Being stepped.
impl Worker {
    /// A worker that picks its victims by this number. As for [`new`](Worker::new), it has been
    /// counted.
    pub(crate) fn stepped(lease: Lease, random: u32) -> Worker {
        Worker {
            // Not 0, which xorshift never leaves.
            random: Cell::new(random | 1),
            ..Worker::new(lease)
        }
    }

    /// Whether it has something to do at this time.
    pub(crate) fn may_step(&self, stage: Stage, now: u64) -> bool {
        match stage {
            Stage::New | Stage::Awake | Stage::Holding => true,
            Stage::Asleep => {
                self.parker().has_token() || self.due() <= now || self.spare_until.get() <= now
            }
            Stage::Gone => false,
        }
    }

    /// By when it has to look at its sources, if it looks after them.
    pub(crate) fn due(&self) -> u64 {
        if self.driver().is_driven() {
            self.driver().next_due()
        } else {
            NEVER
        }
    }

    /// Takes one step, as the worker of this thread. `in_hand` is the task that it holds.
    pub(crate) fn step(&self, stage: Stage, whims: &Whims, in_hand: &Cell<Option<Task>>) -> Stage {
        let next = match stage {
            Stage::New => {
                self.begin();
                Stage::Awake
            }
            Stage::Awake | Stage::Holding => {
                self.lone_wait.set(match whims.tells_of_lone_tasks {
                    true => LoneWait::Long,
                    false => LoneWait::Short,
                });
                match in_hand.take() {
                    Some(task) => {
                        self.run(task);
                        Stage::Awake
                    }
                    None => self.step_awake(whims, in_hand),
                }
            }
            Stage::Asleep => self.step_asleep(),
            Stage::Gone => Stage::Gone,
        };
        if next == Stage::Gone {
            self.end();
        }
        next
    }

    fn step_awake(&self, whims: &Whims, in_hand: &Cell<Option<Task>>) -> Stage {
        let mut next = Stage::Awake;
        let turn = self.turn_by(|task| {
            if whims.is_preempted {
                in_hand.set(Some(task));
                next = Stage::Holding;
            } else {
                self.run(task);
            }
        });
        match turn {
            Turn::GoesOn => next,
            Turn::Sleeps { may_retire } => {
                self.begin_to_sleep(may_retire);
                self.counters().busy_time.end(clock::now());
                Stage::Asleep
            }
            Turn::IsOver => Stage::Gone,
        }
    }

    fn step_asleep(&self) -> Stage {
        let parked = if self.parker().take_token() {
            Parked::Unparked
        } else {
            Parked::TimedOut
        };
        self.counters().busy_time.begin(clock::now());
        let woken = self.end_doze(parked);
        match woken {
            Some(Woken::Yes) => return Stage::Awake,
            Some(Woken::No) => return Stage::Gone,
            None => {}
        }
        self.counters().busy_time.end(clock::now());
        Stage::Asleep
    }

    /// The number of the task that it polled in its last turn; 0 if it polled none, or the task has
    /// ended.
    pub(crate) fn polled(&self) -> u64 {
        // Ordering: Relaxed; this thread has written it.
        let task = &self.counters().task;
        task.load(std::sync::atomic::Ordering::Relaxed)
    }
}
