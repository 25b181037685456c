//! The steps that concern all machines of an executor: posting work, a last look before sleep,
//! ending.
//!
//! They know no task: the scheduler is one [`Pool`], and the one that loom's models run is another.
//! Why no wake-up is lost is said in `accounting`, why no task outlives the executor and nobody
//! sleeps through its end in `README.md`.

use super::{
    accounting::{Idle, Notify, PermitsSet},
    attention::Attention,
    monitor_sleep::MonitorSleep,
};
use crate::{
    queue::{Word, global::GlobalQueue},
    suspended::{Registration, SuspendedTasks},
};
// `self: &Arc<Self>` must be std's, and nothing here depends on what loom's would see.
use std::{sync::Arc, task::Waker};

/// The machines of an executor; see the module's text.
pub(crate) trait Pool: Sized {
    /// Who runs and who sleeps.
    fn idle(&self) -> &Idle;

    /// The register of suspended tasks.
    fn suspended(&self) -> &SuspendedTasks;

    /// What polls have to heed: the end of the executor, for one.
    fn attention(&self) -> &Attention;

    /// How the monitor rests.
    fn monitor_sleep(&self) -> &MonitorSleep;

    /// Whether a task waits in a queue.
    fn has_work(&self) -> bool;

    /// How many tasks wait in queues, more or less.
    fn waiting(&self) -> usize;

    /// Unparks a machine that `idle` has counted.
    fn unpark(&self, machine: usize);

    /// Starts a machine that `idle` has counted; returns whether it could be had.
    fn start(self: &Arc<Self>) -> bool;

    /// Work waits and no further machine is allowed.
    fn limit_reached(&self);

    /// The last machine has ended.
    fn all_ended(self: &Arc<Self>);

    /// The same, for a caller on whose stack no foreign code may run: somebody else makes the end.
    fn leave_the_end(&self);

    /// There is work: wakes a worker for it unless somebody looks already.
    fn notify(self: &Arc<Self>) {
        self.carry_out(self.idle().notify());
    }

    /// A machine is to sleep where events come: wakes or starts one, unless all permits are taken, or
    /// somebody looks already. If none can be had, the monitor has to look itself.
    fn call_watcher(self: &Arc<Self>) {
        match self.idle().notify() {
            Notify::Limit => self.monitor_sleep().wake_if_asleep(),
            decision => self.carry_out(decision),
        }
    }

    /// Does what [`Idle::notify`] decided.
    fn carry_out(self: &Arc<Self>, mut decision: Notify) {
        loop {
            match decision {
                Notify::Nobody => return,
                Notify::Wake(machine) => {
                    self.unpark(machine);
                    break;
                }
                Notify::Start if self.start() => break,
                Notify::Start => match self.idle().start_failed() {
                    Some(other) => {
                        // If that is nobody, the monitor is the one to try again.
                        self.monitor_sleep().wake_if_asleep();
                        decision = other;
                    }
                    // It was the last machine, and the caller may be a waker.
                    None => return self.leave_the_end(),
                },
                // Machines that end are in nobody's way.
                Notify::Limit if self.is_closed() => return,
                Notify::Limit => {
                    // The monitor reports it.
                    self.limit_reached();
                    break;
                }
            }
        }
        self.monitor_sleep().wake_if_asleep();
    }

    /// Notifies if there is work, for whoever stops searching. `Idle::stop_searching` came before.
    fn notify_if_work(self: &Arc<Self>) {
        self.idle().fence_before_recheck();
        if self.has_work() {
            self.notify();
        }
    }

    /// The last searcher has work in hand, and may be away for long. While it searched, whoever posted
    /// work or wanted somebody to watch for events relied on it.
    fn last_search_ends(self: &Arc<Self>) {
        self.idle().fence_before_recheck();
        if self.has_work() || self.lacks_watcher() {
            self.notify();
        }
    }

    /// Whether somebody waits for events, no machine sleeps where they come, and there is no monitor
    /// to see to that. Of a machine that falls asleep nobody asks: it sleeps there.
    fn lacks_watcher(&self) -> bool {
        false
    }

    /// For an active machine that has looked at the events.
    #[inline]
    fn see_to_watcher(self: &Arc<Self>) {
        if self.lacks_watcher() {
            self.notify();
        }
    }

    /// Takes the permit of a machine that sits in somebody's code, if `take` says that it is still to
    /// be had. What waits behind that code goes, by `give_queue_away`, to where others look; and
    /// they are told.
    fn hand_off(
        self: &Arc<Self>,
        take: impl FnOnce() -> bool,
        give_queue_away: impl FnOnce(),
    ) -> bool {
        let taken = take();
        if taken {
            self.idle().block();
            give_queue_away();
            self.notify_if_work();
        }
        taken
    }

    /// After a change of N. What waits is begun at once if there are more permits now, by several
    /// machines: a searcher would wake only the next.
    fn permits_changed(self: &Arc<Self>, PermitsSet { before, woken }: PermitsSet) {
        woken.into_iter().for_each(|machine| self.unpark(machine));
        if self.idle().permits() > before {
            for machine in self.idle().wake_several(self.waiting()) {
                self.unpark(machine);
            }
            // If too few sleep, each that comes starts the next. And what has just come is seen now.
            self.notify_if_work();
        }
        self.monitor_sleep().wake_if_asleep();
    }

    /// Whether the monitor must not fall asleep: a poll may get stuck, or work waits for a machine
    /// that could not be had.
    fn needs_monitor(&self) -> bool {
        self.idle().counts().active > 0 || self.has_work()
    }

    /// Posts a task from outside the workers. One that `queue` refuses, because the last machine
    /// has ended, is for `cancel`: it was never polled.
    fn post_to<T: Word>(self: &Arc<Self>, queue: &GlobalQueue<T>, task: T, cancel: impl FnOnce(T)) {
        self.post_quietly(queue, task, cancel);
        self.notify();
    }

    /// As [`post_to`](Pool::post_to), for a caller that will notify.
    fn post_quietly<T: Word>(&self, queue: &GlobalQueue<T>, task: T, cancel: impl FnOnce(T)) {
        if let Err(refused) = queue.push(task) {
            cancel(refused);
        }
    }

    /// After the last machine has ended: `queue` takes nothing more, and what is in it, which was
    /// never polled, is for `cancel`.
    fn close_queue<T: Word>(&self, queue: &GlobalQueue<T>, cancel: impl FnMut(T)) {
        queue.close().for_each(cancel);
    }

    /// For whoever goes to sleep or blocks, after it has said so: nothing that came meanwhile, and
    /// no end of the executor, is overlooked.
    fn recheck(self: &Arc<Self>) {
        self.notify_if_work();
        if self.is_closed() && self.suspended().is_empty() {
            self.wake_all();
        }
    }

    /// Wakes every machine that sleeps.
    fn wake_all(&self) {
        for machine in self.idle().wake_all() {
            self.unpark(machine);
        }
        self.monitor_sleep().wake_if_asleep();
    }

    /// A poll has left a task pending: registers it unless it is registered, so that an abort or
    /// the end of the executor finds it. A task that is never suspended is never registered. If it
    /// may not be suspended, it is woken.
    #[inline]
    fn suspend(&self, registration: &Registration, shard: impl FnOnce() -> usize, waker: &Waker) {
        if !registration.is_registered() {
            self.register(registration, shard(), waker);
        }
    }

    /// Calls `f` with the task's own waker, where it may have been polled with another.
    fn with_own_waker<R>(&self, _: &Registration, waker: &Waker, f: impl FnOnce(&Waker) -> R) -> R {
        f(waker)
    }

    /// Registers a task, or wakes it if it may not be suspended.
    #[inline(never)]
    fn register(&self, registration: &Registration, shard: usize, waker: &Waker) {
        self.with_own_waker(registration, waker, |own| {
            if !self.suspended().insert(shard, registration, own) {
                own.wake_by_ref();
            }
        });
    }

    /// A task's future has been dropped.
    #[inline]
    fn forget(&self, registration: &Registration) {
        if registration.is_registered() {
            self.unregister(registration);
        } else {
            registration.set_ended();
        }
    }

    /// Takes a task whose future has been dropped out of the register.
    fn unregister(&self, registration: &Registration) {
        let last = self.suspended().remove(registration);
        if last {
            // The machines wait for this to end.
            self.wake_all();
        }
    }

    /// The last step of a machine, after it has given its processor back.
    fn machine_ended(self: &Arc<Self>) {
        if !self.idle().ended() {
            // Somebody may just have wanted a machine and found one too many of them.
            return self.notify_if_work();
        }
        self.all_ended();
    }

    /// Whether the executor has been told to end.
    fn is_closed(&self) -> bool {
        self.attention().is_closed()
    }

    /// Tells the executor to end; see `README.md`. Does not wait.
    fn close(&self) {
        if self.attention().close() {
            return;
        }
        for waker in self.suspended().close() {
            waker.wake();
        }
        self.wake_all();
    }
}
