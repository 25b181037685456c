//! Where a task goes that becomes runnable on a worker.
//!
//! | the task                                 | goes to                                                |
//! | ---------------------------------------- | ------------------------------------------------------ |
//! | is woken or spawned                      | the next slot; what was there, to the local queue      |
//! | is woken during its own poll: it yields  | the back of the local queue                            |
//! | is woken by a source, in a batch         | the back of the local queue                            |
//! | any, while the worker has no permit      | the global queue                                       |
//! | is the 257th in the local queue          | the global queue, with the older half of the local one |
//!
//! On any other thread it goes to the global queue (`task::schedule`).
//!
//! Where there is no monitor nobody notices that a poll does not end, and it may wait for the very
//! task that it has made runnable. So there each task goes to the local queue, and wakes a worker
//! (as in Go and smol).
//!
//! # What wakes another worker
//!
//! A task that goes to the local queue, or to the global one. A batch of tasks that sources wake
//! does so once, at its end, and only if it would keep this worker busy for long (`find`). Not a lone
//! task that goes to the next slot, nor a task that yields while the local queue is empty: its worker
//! runs it in a moment, and an unpark costs its caller as much as two hundred polls. (For a task that
//! yields the wake-up is a hint, without the fence of a post: this worker is active, and comes to the
//! task itself.)
//!
//! That moment is long if the poll goes on and on. So if a worker polls rarely, the monitor asks it
//! to measure how long a woken task waits for the current poll to return. While that wait is long, a
//! lone task in the next slot wakes another worker too. The wake-up is a hint: if a searcher has
//! looked there just before, it is lost, and the task waits as it would without.

use super::Worker;
use crate::{
    idle::pool::Pool,
    scheduler::{Scheduler, task::Task},
    sync::clock,
};
use async_task::ScheduleInfo;

/// How a task has become runnable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is new.
    Spawned,
    /// It was woken.
    Woken,
    /// It was woken during its own poll, so that others come first.
    Yielded,
}

impl Arrival {
    /// Of a task that async-task schedules.
    pub(crate) fn of(info: &ScheduleInfo) -> Arrival {
        if info.woken_while_running {
            Arrival::Yielded
        } else {
            Arrival::Woken
        }
    }
}

/// How long a lone task in the next slot waits for the end of the poll that has made it runnable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LoneWait {
    /// Not for long, for all that is known.
    Short,
    /// So long that another worker is worth waking.
    Long,
    /// For ever, for all that is known: there is no monitor.
    Endless,
    /// That is being measured in this poll, from this time on.
    Measured(Option<u64>),
}

impl LoneWait {
    /// As long as nothing has been measured.
    pub(super) fn at_first(scheduler: &Scheduler) -> LoneWait {
        if scheduler.config.handoff {
            LoneWait::Short
        } else {
            LoneWait::Endless
        }
    }
}

/// Whether others are told once of what sources wake together: where there can be sockets, which wake
/// many tasks at once. Elsewhere a wake-up does not even ask.
pub(super) const BATCHES: bool = cfg!(any(feature = "net", shuttle));

/// A wait of so many nanoseconds is long: waking a worker takes about as long.
const LONG_WAIT: u64 = 4_000;

/// Making tasks runnable.
impl Worker {
    /// Takes a task that something on this thread has made runnable.
    pub(crate) fn schedule(&self, task: Task, arrival: Arrival) {
        if !self.processor().permit.is_held() {
            // Nobody would run it here before the poll, or the blocking call in it, returns.
            self.scheduler().push_global(task);
        } else if arrival == Arrival::Yielded {
            self.push_local(task);
            if self.queue().len() > 1 && self.scheduler().idle.may_notify() {
                self.scheduler().notify();
            }
        } else if BATCHES && self.firing.get() {
            // One of many, perhaps. If a waker does not return, the monitor sees to them.
            self.push_local(task);
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
            LoneWait::Endless => {
                let task = self.processor().next.take();
                task.into_iter().for_each(|task| self.push_local(task));
                self.scheduler().notify();
            }
            LoneWait::Measured(None) => self.lone_wait.set(LoneWait::Measured(Some(clock::now()))),
            LoneWait::Measured(Some(_)) | LoneWait::Short => {}
        }
    }

    /// Appends to the local queue; half of it goes to the global queue if it is full.
    pub(super) fn push_local(&self, task: Task) {
        if self.queue().push(task, |tasks| {
            self.scheduler().push_batch_quietly(tasks.into())
        }) {
            self.processor().counters.overflows.add(1);
            self.settle_recycler();
            self.scheduler().notify();
        }
    }

    /// Calls what runs a task, and measures how long a lone task waits behind it, if it makes one
    /// runnable. It wakes nobody for the lone task meanwhile: that would take long itself.
    pub(super) fn measure(&self, run: impl FnOnce()) {
        let before = self.lone_wait.replace(LoneWait::Measured(None));
        run();
        let after = match self.lone_wait.get() {
            LoneWait::Measured(Some(since)) if clock::now().saturating_sub(since) >= LONG_WAIT => {
                LoneWait::Long
            }
            LoneWait::Measured(Some(_)) => LoneWait::Short,
            _ => before,
        };
        self.lone_wait.set(after);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::{Executor, scheduler::context::with_worker, spawn, sync::hint};
    use std::time::{Duration, Instant};

    /// Whether it is known of the worker that runs this how long a lone task waits there.
    fn knows_that_waits_are_long() -> bool {
        with_worker(|worker| worker.is_some_and(|own| own.lone_wait.get() == LoneWait::Long))
    }

    fn have_it_measured() {
        with_worker(|worker| {
            worker.expect("in a task").processor().request_maintenance();
        });
    }

    #[test]
    fn how_long_a_lone_task_waits_is_measured_whether_or_not_tasks_are_tracked() {
        for tracks in [false, true] {
            let own = Executor::builder().workers(1).track(tracks);
            let own = own.build().unwrap();
            let measured = own.spawn(async {
                let start = Instant::now();
                while !knows_that_waits_are_long() {
                    assert!(start.elapsed() < Duration::from_secs(30), "nobody measures");
                    have_it_measured();
                    crate::yield_now().await;
                    let waits = spawn(async {});
                    let until = Instant::now() + Duration::from_nanos(2 * LONG_WAIT);
                    while Instant::now() < until {
                        hint::spin_loop();
                    }
                    waits.await.unwrap();
                }
            });
            own.block_on(measured).unwrap();
        }
    }
}
