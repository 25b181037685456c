//! The scheduler: what all workers of one executor share.
//!
//! | file        | idea                                                             |
//! | ----------- | ---------------------------------------------------------------- |
//! | `worker`    | a machine that holds a processor: find a task, run it, sleep     |
//! | `processor` | local queue, next slot, tick; the table where thieves find them  |
//! | `remains`   | the memory of detached tasks goes back to their makers           |
//! | `threads`   | the threads behind the machines: start, end, join                |
//! | `context`   | which executor and worker the calling thread is in               |
//! | `monitor`   | gives away the places of machines whose polls do not end           |
//! | `watch` | what the monitor has seen of a processor |
//! | `thread_state` | whether a thread sleeps or burns the CPU                        |
//! | `directory` | the numbers of executors, and the way from a number to its executor |
//!
//! # The end of an executor
//!
//! (Why nobody sleeps through it: see `crew`.)
//!
//! 1. `close`: from here on nothing is polled. New tasks are dropped by whoever spawns them. The
//!    register refuses tasks, and all that wait are woken, so that they turn up in the queues.
//! 2. Workers drop what they find in the queues, until nothing is registered. A machine that is
//!    blocked in somebody's code drops its task when that code returns, then does the same.
//! 3. The last machine to end closes the global queue and drops what was spawned meanwhile.
//!
//! A waker never runs a future's destructor on its caller's stack in any of this: the caller may
//! hold a lock that the destructor wants.

pub(crate) mod context;
pub(crate) mod directory;
pub(crate) mod monitor;
pub(crate) mod processor;
pub(crate) mod remains;
mod thread_state;
pub(crate) mod threads;
mod watch;
pub(crate) mod worker;

use crate::{
    blocking::block_in_place,
    builder::Config,
    crew::Crew,
    doze::Doze,
    idle::Idle,
    join::JoinHandle,
    live::LiveTasks,
    queue::global::{Batch, GlobalQueue},
    sync::AtomicBool,
    task::{self, Task},
};
use crossbeam_utils::CachePadded;
use monitor::Monitor;
use processor::Processors;
use std::{future::Future, io, panic::Location, process, ptr::NonNull, sync::Arc};
use threads::Threads;

/// A line of the user's source.
pub(crate) type Site = &'static Location<'static>;

/// See the module's text.
pub(crate) struct Scheduler {
    pub(crate) number: directory::Number,
    pub(crate) config: Config,
    pub(crate) idle: Idle,
    pub(crate) global: GlobalQueue<Task>,
    pub(crate) processors: Processors,
    pub(crate) live: LiveTasks,
    pub(crate) monitor: Monitor,
    threads: Threads,
    /// The process that the threads are in.
    process: u32,
    /// Read for each poll, so it has a cache line away from what changes.
    closed: CachePadded<AtomicBool>,
}

impl Scheduler {
    /// Starts the N workers.
    pub(crate) fn start(config: Config) -> io::Result<Arc<Scheduler>> {
        let (workers, max_machines) = (config.workers, config.max_machines());
        let scheduler = Arc::new(Scheduler {
            number: directory::Number::take()?,
            idle: Idle::new(workers, max_machines),
            global: GlobalQueue::new(),
            processors: Processors::new(max_machines),
            live: LiveTasks::new(workers),
            monitor: Monitor::new(),
            threads: Threads::default(),
            process: process::id(),
            closed: CachePadded::new(AtomicBool::new(false)),
            config,
        });
        scheduler.number.enter(&scheduler);
        // All are counted before the first one runs the user's hook: what that spawns must not call
        // for a stand-in in place of a worker that is on its way.
        (0..workers).for_each(|_| scheduler.idle.add_initial());
        for worker in 0..workers {
            if let Err(error) = scheduler.start_machine() {
                scheduler.close();
                for _ in worker..workers {
                    scheduler.idle.leave(true, true);
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

    /// Spawns a task, for the source line `site`.
    pub(crate) fn spawn<F>(self: &Arc<Self>, site: Site, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if const { task::is_large::<F>() } {
            self.spawn_sized(site, Box::pin(future))
        } else {
            self.spawn_sized(site, future)
        }
    }

    fn spawn_sized<F>(self: &Arc<Self>, site: Site, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (task, joiner) = task::create(self, site, future);
        if self.is_closed() {
            task::cancel(task, self);
        } else {
            context::with_worker(|worker| match worker {
                Some(worker) if worker.belongs_to(NonNull::from(&**self)) => {
                    task.metadata().registration.origin.set_home(worker.home);
                    worker.schedule(task, false);
                }
                _ => self.push_global(task),
            });
        }
        JoinHandle::new(joiner)
    }

    /// Spawns a task that blocks its thread.
    pub(crate) fn spawn_blocking<F, T>(self: &Arc<Self>, site: Site, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn(site, async move { block_in_place(f) })
    }

    /// Takes a task from outside the workers.
    pub(crate) fn push_global(self: &Arc<Self>, task: Task) {
        self.push_global_quietly(task);
        self.notify();
    }

    /// The same for a caller that will notify.
    fn push_global_quietly(&self, task: Task) {
        if let Err(refused) = self.global.push(task) {
            // The last machine has ended, so the task was never polled.
            task::cancel(refused, self);
        }
    }

    /// The same for several.
    fn push_batch_quietly(&self, batch: Batch<Task>) {
        if let Err(refused) = self.global.push_batch(batch) {
            refused
                .into_iter()
                .for_each(|task| task::cancel(task, self));
        }
    }

    /// Whether this process was forked from the executor's own. It has the memory then, as it was at
    /// that moment, and none of the threads.
    pub(crate) fn is_in_forked_child(&self) -> bool {
        // A system call, so only for whoever is about to wait anyway.
        cfg!(unix) && process::id() != self.process
    }

    /// Must be called by a thread that is going to wait for others to do something, for ever.
    pub(crate) fn refuse_in_forked_child(&self) {
        if self.is_in_forked_child() {
            panic!("{}", self.forked());
        }
    }

    /// The same for a worker, above which nobody is to hear of a panic.
    fn abort_in_forked_child(&self) {
        if self.is_in_forked_child() {
            eprintln!(
                "executor: a task has forked its process, and then waited: {}",
                self.forked()
            );
            process::abort();
        }
    }

    fn forked(&self) -> String {
        format!(
            "this process was forked from one whose executor was running (process {}); threads do \
             not survive a fork, so this would wait for ever: build an `Executor` in the child, or \
             fork before the first use",
            self.process
        )
    }
}

impl Crew for Scheduler {
    fn idle(&self) -> &Idle {
        &self.idle
    }

    fn live(&self) -> &LiveTasks {
        &self.live
    }

    fn closed(&self) -> &AtomicBool {
        &self.closed
    }

    fn doze(&self) -> &Doze {
        self.monitor.doze()
    }

    fn has_work(&self) -> bool {
        !self.global.is_empty() || self.processors.iter_in_use().any(|p| !p.queue.is_empty())
    }

    fn unpark(&self, machine: usize) {
        self.processors.get(machine).parker.unpark();
    }

    fn start(self: &Arc<Self>) -> bool {
        // In a forked child it would run tasks that the parent runs too.
        !self.is_in_forked_child() && self.start_machine().is_ok()
    }

    fn limit_reached(&self) {
        self.monitor.limit_reached();
    }

    fn all_ended(self: &Arc<Self>) {
        self.end();
    }
}
