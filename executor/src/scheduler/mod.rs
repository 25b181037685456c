//! The scheduler: what all workers of one executor share.
//!
//! | file          | idea                                                                |
//! | ------------- | ------------------------------------------------------------------- |
//! | `worker`      | a machine that holds a processor: find a task, run it, sleep        |
//! | `processor`   | local queue, next slot, tick; the table where thieves find them     |
//! | `task`        | the only file that makes tasks; what they come to is an `outcome`   |
//! | `task_id`     | their ids; the lines that spawn are in `origin`, `task_name`s apart |
//! | `refused`     | what an executor that has ended refuses is dropped                   |
//! | `aborter`     | references to tasks that end them, and do not await them             |
//! | `recycle`     | the memory of detached tasks goes back to their makers              |
//! | `driver`      | the seam for timers and whatever else wakes tasks from outside      |
//! | `shared_source` | the seam for what all workers look after together: the netpoller  |
//! | `descriptor`  | what a socket waits with                                            |
//! | `leaf`        | which driver serves a future that is polled here                    |
//! | `threads`     | the threads behind the machines: start, end, join; `helpers`: others |
//! | `monitor`     | takes the permits of machines that do not come back                 |
//! | `warnings`    | what the runtime tells the logger                                   |
//! | `system`      | what the system says about threads                                  |
//! | `thread_activity` | what a thread does, for people; the names of `system_calls`     |
//! | `boxed_output` | large outputs are put into a box at once                           |
//! | `bridge`      | the runtime of tokio that an executor's code is inside              |
//! | `allowance`   | how many ready results a poll gets before it gives way to others    |
//! | `outside`     | timers that the thread which polls them cannot answer for           |
//! | `context`     | which executor and worker the calling thread is in                  |
//! | `default`     | the executor of threads that are in no other                        |
//! | `executor_id` | the numbers of executors, and the way from a number to its executor |
//! | `config`      | settings; what the environment says is in `env`                     |
//! | `workers`     | who changes N while tasks run; the `cores` that it may follow       |
//! | `dump`        | what all tasks do at one moment; printed on a signal, for a debugger |
//! | `metrics`     | what the scheduler does, as numbers; as a line in `schedtrace`      |
//! | `histogram`   | times that are measured, as users see them                          |
//! | `population`  | how many tasks there are; how long workers are awake: `busy_time`   |
//! | `fork`        | what a forked child needs to build an executor of its own           |
//! | `care`        | what a poll heeds beside its task; what is known of it: `tracking`  |
//! | `witness`     | who is told of what happens: a `trace`, and an `observer`           |
//! | `wake_times`  | how long some tasks wait from when they are woken                   |
//! | `callers`     | who is in `block_on`                                                |
//! | `stacks`      | on what tasks wait, which they tell when they are polled            |
//! | `random`      | numbers for victims, samples and seeds                              |
//! | `calls`       | whether announced calls were long of late                           |
//! | `report`      | what the runtime writes to standard error                           |
//! | `printable`   | texts that somebody else has chosen, as people see them             |
//! | `simulation`  | all this on one thread, in virtual time, by a seed; `simulated`: what |
//! |               | the other files know of that                                        |
//! | `schedules`   | random schedules of all this, on shuttle                            |
//!
//! How an executor ends is told in `idle/README.md`.

pub(crate) mod aborter;
pub(crate) mod allowance;
mod boxed_output;
pub(crate) mod bridge;
mod busy_time;
pub(crate) mod callers;
mod calls;
mod care;
pub(crate) mod config;
pub(crate) mod context;
mod cores;
pub(crate) mod default;
#[cfg(any(feature = "net", all(test, shuttle)))]
pub(crate) mod descriptor;
pub(crate) mod driver;
pub(crate) mod dump;
pub(crate) mod env;
mod executor_id;
#[cfg(all(unix, not(shuttle)))]
mod fork;
mod helpers;
pub(crate) mod histogram;
pub(crate) mod leaf;
pub(crate) mod metrics;
mod monitor;
pub(crate) mod observer;
mod origin;
pub(crate) mod outcome;
pub(crate) mod outside;
mod population;
mod printable;
mod processor;
mod random;
mod recycle;
pub(crate) mod refused;
mod report;
pub(crate) mod schedtrace;
#[cfg(all(test, shuttle))]
pub(crate) mod schedules;
mod shared_source;
pub(crate) mod simulated;
pub(crate) mod simulation;
#[cfg(feature = "dump")]
mod stacks;
mod system;
mod system_calls;
pub(crate) mod task;
pub(crate) mod task_id;
pub(crate) mod task_name;
mod thread_activity;
mod threads;
pub(crate) mod trace;
mod tracking;
mod wake_times;
mod warnings;
mod witness;
pub(crate) mod worker;
mod workers;

use crate::{
    idle::{
        accounting::{Idle, Part},
        attention::Attention,
        monitor_sleep::MonitorSleep,
        pool::Pool,
    },
    queue::global::{Batch, GlobalQueue},
    suspended::{Registration, SuspendedTasks},
    sync::forked::Process,
};
use boxed_output::Boxing;
use calls::Calls;
use care::Heeded;
use config::{Config, HooksInUse};
use crossbeam_utils::CachePadded;
use driver::Source;
use executor_id::ExecutorId;
use monitor::Monitor;
use outside::Watchers;
use population::Elsewhere;
use processor::{Processor, Processors};
use shared_source::SharedSource;
use simulated::Simulated;
use std::{collections::VecDeque, future::Future, io, iter, mem, process, sync::Arc, task::Waker};
use task::{Joiner, Task};
use task_id::TaskId;
use task_name::Naming;
use threads::Threads;
use worker::Arrival;
use workers::Workers;

/// See the module's text.
pub(crate) struct Scheduler {
    pub(crate) id: ExecutorId,
    pub(crate) config: Config,
    hooks: HooksInUse,
    pub(crate) idle: Idle,
    pub(crate) global: GlobalQueue<Task>,
    pub(crate) processors: Processors,
    pub(crate) suspended: SuspendedTasks,
    pub(crate) shared_source: SharedSource,
    pub(crate) monitor: Monitor,
    /// Read for each announced call, seldom written.
    calls: CachePadded<Calls>,
    watchers: Watchers,
    pub(crate) workers: Workers,
    threads: Threads,
    elsewhere: CachePadded<Elsewhere>,
    /// The process that the threads are in.
    process: Process,
    heeded: Heeded,
    /// If this is the scheduler of a simulation.
    pub(super) simulated: Option<Arc<Simulated>>,
}

impl Scheduler {
    /// Makes a scheduler without a thread.
    fn new(mut config: Config) -> io::Result<Arc<Scheduler>> {
        let (workers, max_machines) = (config.workers, config.max_machines);
        let heeded = Heeded::new(&mut config);
        let scheduler = Arc::new(Scheduler {
            id: ExecutorId::take()?,
            hooks: HooksInUse::new(mem::take(&mut config.hooks)),
            idle: Idle::new(workers, max_machines),
            global: GlobalQueue::new(),
            processors: Processors::new(max_machines),
            shared_source: SharedSource::default(),
            suspended: SuspendedTasks::new(config.busy_threads()),
            monitor: Monitor::new(),
            calls: CachePadded::default(),
            watchers: Watchers::default(),
            workers: Workers::default(),
            threads: Threads::default(),
            elsewhere: CachePadded::default(),
            process: Process::this(),
            heeded,
            simulated: config.simulated.then(Arc::default),
            config,
        });
        scheduler.id.enter(&scheduler);
        Ok(scheduler)
    }

    /// Starts the N workers, after `prepare`.
    pub(crate) fn start(
        config: Config,
        prepare: impl FnOnce(&Scheduler),
    ) -> io::Result<Arc<Scheduler>> {
        if simulated::is_on() {
            return Err(simulated::no_executor_inside());
        }
        #[cfg(all(unix, not(shuttle)))]
        fork::prepare_children();
        let scheduler = Scheduler::new(config)?;
        prepare(&scheduler);
        let workers = scheduler.config.workers;
        // All are counted before the first one runs the user's hook: what that spawns must not call
        // for a stand-in in place of a worker that is on its way.
        (0..workers).for_each(|_| scheduler.idle.add_initial());
        for worker in 0..workers {
            if let Err(error) = scheduler.start_machine() {
                scheduler.close();
                for _ in worker..workers {
                    scheduler.idle.leave(Part::SEARCHER);
                    scheduler.machine_ended();
                }
                let thread = format!("thread {} of {workers}", worker + 1);
                return Err(scheduler.give_up(&thread, error));
            }
        }
        if let Err(error) = scheduler.start_monitor() {
            return Err(scheduler.give_up("the monitor's thread", error));
        }
        Ok(scheduler)
    }

    /// Ends a scheduler that the system refused a thread.
    fn give_up(self: &Arc<Self>, thread: &str, error: io::Error) -> io::Error {
        self.close();
        self.join_machines(None);
        let text = format!(
            "could not start {thread}: {error}; ask for fewer workers, a smaller \
             stack, or raise the system's limit of threads"
        );
        io::Error::new(error.kind(), text)
    }

    /// Spawns a task.
    pub(crate) fn spawn<F, N>(self: &Arc<Self>, id: TaskId, name: N, future: F) -> Joiner<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        N: Naming,
    {
        let (task, joiner) = self.make(id, name, future);
        self.launch(task);
        joiner
    }

    /// Makes a task, which nobody runs before it is [launched](Scheduler::launch).
    pub(crate) fn make<F, N>(&self, id: TaskId, name: N, future: F) -> (Task, Joiner<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        N: Naming,
    {
        if const { task::is_large::<F::Output>() } {
            let boxing = Boxing::new(Box::pin(future));
            let (task, join) = task::create(self, id, name, boxing);
            (task, Joiner::of_boxed(join))
        } else if const { task::is_large::<F>() } {
            let (task, join) = task::create(self, id, name, Box::pin(future));
            (task, Joiner::of_plain(join))
        } else {
            let (task, join) = task::create(self, id, name, future);
            (task, Joiner::of_plain(join))
        }
    }

    /// Makes a new task of this scheduler runnable.
    #[inline(always)] // Once for each task, and one of the things that a spawn consists of.
    pub(crate) fn launch(self: &Arc<Self>, task: Task) {
        // SAFETY: not kept beyond this function.
        let worker = unsafe { context::worker() };
        let own = worker.filter(|worker| worker.is_of(self));
        match own {
            Some(worker) => worker.counters().spawned.add(1),
            None => self.spawned_elsewhere(),
        }
        match own {
            _ if self.heeded.is_for_spawns() && !self.heeded.attend_spawn(task.metadata().id()) => {
                self.refuse(task);
            }
            Some(worker) => {
                task.metadata().maker().set(worker.as_maker);
                worker.schedule(task, Arrival::Spawned);
            }
            None => self.push_global(task),
        }
    }

    /// Takes a task from outside the workers.
    pub(crate) fn push_global(self: &Arc<Self>, task: Task) {
        if let Some(part) = &self.simulated
            && !part.is_at_hand()
        {
            return self.refuse_to_wake(part, task);
        }
        self.post_to(&self.global, task, |refused| self.refuse(refused));
    }

    /// Takes a task of a simulation that another thread has woken.
    #[cold]
    fn refuse_to_wake(self: &Arc<Self>, part: &Simulated, task: Task) {
        let id = task.metadata().id();
        // First: whatever becomes of this thread, the simulation drops the future.
        self.post_quietly(&self.global, task, |refused| self.refuse(refused));
        part.refuse_to_wake(id, context::with_worker(|worker| worker.is_some()));
    }

    /// Whether this is the scheduler of a simulation that is under way.
    pub(crate) fn is_simulated(&self) -> bool {
        let part = self.simulated.as_ref();
        part.is_some_and(|part| part.goes_on())
    }

    /// Takes several, for a caller that will notify.
    fn push_batch_quietly(self: &Arc<Self>, batch: Batch<Task>) {
        if let Err(refused) = self.global.push_batch(batch) {
            refused.into_iter().for_each(|task| self.refuse(task));
        }
    }

    /// Drops the future of a task that comes after the end, on this thread, which is in this
    /// executor meanwhile.
    fn refuse(self: &Arc<Self>, task: Task) {
        let scheduler = self.clone();
        refused::drop_in_turn(move || {
            let current = context::enter(&scheduler);
            task::cancel(task, &scheduler);
            current.leave();
        });
    }

    /// Moves what waits at `processor` to where others look first, the oldest first. Its machine will
    /// not run it soon. The caller will notify.
    fn give_queue_away(self: &Arc<Self>, processor: &Processor) {
        let queued = iter::from_fn(|| processor.queue.steal_one());
        let mut tasks = queued.chain(iter::from_fn(|| processor.next.take()));
        loop {
            let batch: VecDeque<_> = tasks.by_ref().take(Batch::<Task>::MOST).collect();
            if batch.is_empty() {
                return;
            }
            self.push_batch_quietly(batch.into());
        }
    }

    /// Whether this process was forked from the executor's own. It has the memory then, as it was
    /// at that moment, and none of the threads.
    pub(crate) fn is_in_forked_child(&self) -> bool {
        self.process.is_forked()
    }

    /// Must be called by a thread that is going to wait for others to do something, for ever.
    #[track_caller]
    pub(crate) fn refuse_in_forked_child(&self) {
        if self.is_in_forked_child() {
            panic!("{}", self.forked());
        }
    }

    /// As [`refuse_in_forked_child`](Scheduler::refuse_in_forked_child), but aborts: no caller
    /// could catch a worker's panic.
    fn abort_in_forked_child(&self) {
        if self.is_in_forked_child() {
            report::line(&format!(
                "executor: a task has forked its process, and then waited: {}",
                self.forked()
            ));
            process::abort();
        }
    }

    fn forked(&self) -> String {
        format!(
            "this process was forked from one whose executor was running (process {}); threads do \
             not survive a fork, so this would wait for ever: build an `Executor` in the child, or \
             fork before the first use",
            self.process.id()
        )
    }
}

impl Pool for Scheduler {
    fn idle(&self) -> &Idle {
        &self.idle
    }

    fn suspended(&self) -> &SuspendedTasks {
        &self.suspended
    }

    fn attention(&self) -> &Attention {
        &self.heeded.attention
    }

    fn monitor_sleep(&self) -> &MonitorSleep {
        &self.monitor.rest
    }

    fn has_work(&self) -> bool {
        !self.global.is_empty()
            || self.monitor.neglected.is_set()
            || self.processors.iter_in_use().any(|p| !p.queue.is_empty())
    }

    fn lacks_watcher(&self) -> bool {
        !self.config.handoff && self.shared_source.is_unwatched()
    }

    fn waiting(&self) -> usize {
        let local = self.processors.iter_in_use().map(|p| p.queue.len());
        self.global.len() + local.sum::<usize>()
    }

    fn unpark(&self, machine: usize) {
        let processor = self.processors.get(machine);
        processor
            .parker
            .unpark_or(|| self.shared_source.interrupt());
    }

    fn start(self: &Arc<Self>) -> bool {
        // In a forked child it would run tasks that the parent runs too.
        !self.is_in_forked_child() && self.start_machine().is_ok()
    }

    fn with_own_waker<R>(
        &self,
        registration: &Registration,
        waker: &Waker,
        f: impl FnOnce(&Waker) -> R,
    ) -> R {
        care::with_attended(registration, |own| f(own.unwrap_or(waker)))
    }

    fn limit_reached(&self) {
        self.monitor.limit_reached();
    }

    fn all_ended(self: &Arc<Self>) {
        let current = context::enter(self);
        self.evict_outside_timers();
        self.end();
        current.leave();
    }

    fn leave_the_end(&self) {
        self.threads.leave_the_end();
        self.monitor.rest.wake();
    }
}
