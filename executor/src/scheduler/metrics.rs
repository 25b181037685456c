//! What the scheduler is doing, as numbers.

use super::{Scheduler, processor::Processor};
use std::sync::atomic::Ordering;

/// A snapshot of an executor's state and counters.
///
/// The numbers are read one after the other while the executor goes on, so they need not add up to
/// the last one.
///
/// # Examples
///
/// ```
/// let executor = executor::Executor::builder().workers(2).build()?;
/// executor.block_on(executor.spawn(async {})).unwrap();
/// let metrics = executor.metrics();
/// assert_eq!(metrics.workers(), 2);
/// assert!(metrics.processors().iter().any(|p| p.polls() > 0));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Metrics {
    workers: usize,
    threads: usize,
    idle_threads: usize,
    searching_threads: usize,
    blocked_threads: usize,
    global_queue_len: usize,
    suspended_tasks: usize,
    handoffs: u64,
    processors: Vec<ProcessorMetrics>,
}

/// A snapshot of one processor: a thread's queue and counters. See [`Metrics::processors`].
///
/// ```
/// for processor in executor::Handle::current().metrics().processors() {
///     println!("P{}: {} polls", processor.index(), processor.polls());
/// }
/// ```
#[derive(Debug, Clone)]
pub struct ProcessorMetrics {
    index: usize,
    local_queue_len: usize,
    blocked: bool,
    polls: u64,
    steals: u64,
    stolen_tasks: u64,
    global_tasks: u64,
    overflows: u64,
    parks: u64,
}

macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        $($(#[$doc])* pub fn $name(&self) -> $type { self.$name })*
    };
}

impl Metrics {
    pub(crate) fn of(scheduler: &Scheduler) -> Metrics {
        let machines = scheduler.idle.machines();
        let processors: Vec<_> = scheduler
            .processors
            .iter()
            .enumerate()
            .map(ProcessorMetrics::of)
            .collect();
        let announced: u64 = scheduler
            .processors
            .iter()
            .map(|p| p.counters.handoffs.get())
            .sum();
        Metrics {
            workers: scheduler.config.workers,
            threads: machines.total,
            idle_threads: machines.asleep,
            searching_threads: scheduler.idle.counts().searching,
            blocked_threads: processors.iter().filter(|p| p.blocked).count(),
            global_queue_len: scheduler.global.len(),
            suspended_tasks: scheduler.suspended.len(),
            handoffs: announced + scheduler.monitor.handoffs(),
            processors,
        }
    }

    getters! {
        /// N: the threads that may run tasks at once.
        workers: usize,
        /// All threads of the executor: running, asleep, blocked and being started.
        threads: usize,
        /// Threads that sleep because there is nothing to do.
        idle_threads: usize,
        /// Threads that look for a task.
        searching_threads: usize,
        /// Threads in a blocking call or a long poll, in whose stead others may run tasks.
        blocked_threads: usize,
        /// Tasks in the global queue.
        global_queue_len: usize,
        /// Tasks that have waited: those a poll has left pending, until they end.
        suspended_tasks: usize,
        /// Times that another thread was allowed to run tasks in a blocked one's stead, so far.
        handoffs: u64,
    }

    /// The processors, each with its local queue and counters. There is one for each thread there
    /// has been at once: numbers from [`workers`](Metrics::workers) on belong to stand-ins.
    pub fn processors(&self) -> &[ProcessorMetrics] {
        &self.processors
    }
}

impl ProcessorMetrics {
    fn of((index, processor): (usize, &Processor)) -> ProcessorMetrics {
        let counters = &processor.counters;
        ProcessorMetrics {
            index,
            local_queue_len: processor.queue.len() + usize::from(!processor.next.is_empty()),
            // Ordering: Acquire; see `Worker::block`.
            blocked: counters.blocked.load(Ordering::Acquire) || processor.permit.is_taken(),
            polls: counters.polls.get(),
            steals: counters.steals.get(),
            stolen_tasks: counters.stolen_tasks.get(),
            global_tasks: counters.global_tasks.get(),
            overflows: counters.overflows.get(),
            parks: counters.parks.get(),
        }
    }

    getters! {
        /// Its number.
        index: usize,
        /// Tasks in its local queue and next slot.
        local_queue_len: usize,
        /// Whether its thread is one of the [`blocked_threads`](Metrics::blocked_threads).
        blocked: bool,
        /// Polls of tasks so far.
        polls: u64,
        /// Times it has stolen from another processor.
        steals: u64,
        /// Tasks it has stolen.
        stolen_tasks: u64,
        /// Tasks it has taken from the global queue.
        global_tasks: u64,
        /// Times its local queue was full and gave half away.
        overflows: u64,
        /// Times its thread went to sleep.
        parks: u64,
    }
}
