//! What the scheduler does, as numbers.

use super::{
    Scheduler,
    histogram::Histogram,
    population::Population,
    processor::{MeasuredTimes, Processor},
};
use crate::sync::clock;
use std::time::Duration;

/// A snapshot of an executor's state and counters.
///
/// The numbers are read one after the other while the executor goes on. So they may not be
/// consistent with each other.
///
/// The default has zero for every number. Use it as the baseline for the first comparison.
///
/// # Examples
///
/// ```
/// let executor = executor::Executor::builder().workers(2).build()?;
/// executor.block_on(executor.spawn(async {}))?;
/// let metrics = executor.metrics();
/// assert_eq!(metrics.workers(), 2);
/// assert!(metrics.processors().iter().any(|p| p.polls() > 0));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "a snapshot does nothing by itself"]
pub struct Metrics {
    workers: usize,
    threads: usize,
    idle_threads: usize,
    searching_threads: usize,
    blocked_threads: usize,
    global_queue_len: usize,
    alive_tasks: usize,
    spawned_tasks: u64,
    suspended_tasks: usize,
    handoffs: u64,
    poll_times: Histogram,
    wake_latencies: Histogram,
    processors: Vec<ProcessorMetrics>,
}

/// A snapshot of one processor: a thread's queue and counters. [`Metrics::processors`] gives it.
///
/// # Examples
///
/// ```
/// for processor in executor::Handle::current().metrics().processors() {
///     println!("P{}: {} polls", processor.index(), processor.polls());
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    busy_time: Duration,
}

macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        $($(#[$doc])* #[must_use] pub fn $name(&self) -> $type { self.$name })*
    };
}

impl Metrics {
    pub(crate) fn of(scheduler: &Scheduler) -> Metrics {
        let machines = scheduler.idle.machines();
        let Population { spawned, alive } = scheduler.population();
        let now = clock::now();
        let processors: Vec<_> = scheduler
            .processors
            .iter()
            .enumerate()
            .map(|(index, processor)| ProcessorMetrics::of(index, processor, now))
            .collect();
        let announced: u64 = scheduler
            .processors
            .iter()
            .map(|p| p.counters.handoffs.get())
            .sum();
        let measured = || scheduler.processors.iter().map(|p| &p.counters.times);
        Metrics {
            workers: scheduler.idle.permits(),
            threads: machines.total,
            idle_threads: machines.asleep,
            searching_threads: scheduler.idle.counts().searching,
            blocked_threads: processors.iter().filter(|p| p.blocked).count(),
            global_queue_len: scheduler.global.len(),
            alive_tasks: alive as usize,
            spawned_tasks: spawned,
            suspended_tasks: scheduler.suspended.len(),
            handoffs: announced + scheduler.monitor.handoffs(),
            poll_times: Histogram::of(measured().filter_map(MeasuredTimes::of_polls)),
            wake_latencies: Histogram::of(measured().filter_map(MeasuredTimes::of_wakes)),
            processors,
        }
    }

    getters! {
        /// Returns N, the number of workers: so many threads may run tasks at the same time. It is
        /// what [`Handle::set_workers`](crate::Handle::set_workers) was given last, if it was called.
        workers: usize,
        /// Returns the number of the threads that run tasks: running, asleep, blocked, being
        /// started. Neither the monitor, the thread that looks for long polls, nor the thread that
        /// prints for `EXECUTOR_SCHEDTRACE` is counted.
        threads: usize,
        /// Returns the number of threads that sleep because there is nothing to do.
        idle_threads: usize,
        /// Returns the number of threads that look for a task.
        searching_threads: usize,
        /// Returns the number of threads in a blocking call or a long poll, for which stand-ins may
        /// run tasks.
        blocked_threads: usize,
        /// Returns the number of tasks in the global queue.
        global_queue_len: usize,
        /// Returns the number of tasks that have been spawned and have not ended: Go's
        /// `runtime.NumGoroutine`. They are suspended, queued, or being polled.
        ///
        /// Whoever has heard of a task's end, by its handle, does not find it counted any more.
        alive_tasks: usize,
        /// Returns how many tasks have been spawned so far. Closures of `spawn_blocking` are tasks,
        /// and so are those that the executor has refused because it had shut down.
        spawned_tasks: u64,
        /// Returns the number of tasks that a poll has left pending at least once, and that have
        /// not ended.
        suspended_tasks: usize,
        /// Returns how often a blocked thread's right to run tasks has gone to another thread, so
        /// far.
        handoffs: u64,
    }

    /// Returns how long polls take, since the executor was started.
    ///
    /// Always measured, and for nothing: of short polls one of 488 is timed, by chance, and of longer
    /// ones about one in each millisecond of a worker. Each poll has the same chance, and what is timed
    /// counts for as many as it was chosen from. A poll counts when it has ended. The drop of an
    /// aborted task's future counts as one, as for [`ProcessorMetrics::polls`], but not for a
    /// [`Summary`](crate::trace::Summary) nor for an [`Observer`](crate::Observer).
    /// [`Builder::measure_every`](crate::Builder::measure_every) sets another rate.
    pub fn poll_times(&self) -> Histogram {
        self.poll_times.clone()
    }

    /// Returns how long tasks wait from the moment at which they are woken until they are polled, since
    /// the executor was started: Go's `/sched/latencies`.
    ///
    /// Measured as [`poll_times`](Metrics::poll_times) are: of a task whose poll is timed, the next
    /// wake-up is. The first poll of a task, which nobody has woken, is not among them.
    pub fn wake_latencies(&self) -> Histogram {
        self.wake_latencies.clone()
    }

    /// Returns the processors, each with its local queue and its counters.
    ///
    /// There are as many processors as there have been threads at the same time. Those with an
    /// [`index`](ProcessorMetrics::index) of [`workers`](Metrics::workers) or more were made for
    /// stand-ins. They may belong to any thread later: if there are more threads than workers, any
    /// one that is not needed may end. The processor of a thread that has ended keeps its counters,
    /// and goes to a thread that is started later, the lowest index first.
    #[must_use]
    pub fn processors(&self) -> &[ProcessorMetrics] {
        &self.processors
    }
}

impl ProcessorMetrics {
    fn of(index: usize, processor: &Processor, now: u64) -> ProcessorMetrics {
        let counters = &processor.counters;
        ProcessorMetrics {
            index,
            local_queue_len: processor.queue.len() + usize::from(!processor.next.is_empty()),
            blocked: processor.permit.is_missing(),
            polls: counters.polls.get(),
            steals: counters.steals.get(),
            stolen_tasks: counters.stolen_tasks.get(),
            global_tasks: counters.global_tasks.get(),
            overflows: counters.overflows.get(),
            parks: counters.parks.get(),
            busy_time: Duration::from_nanos(counters.busy_time.get(now)),
        }
    }

    getters! {
        /// Returns the processor's number: its index in [`Metrics::processors`].
        index: usize,
        /// Returns the number of tasks in the processor's local queue and next slot.
        local_queue_len: usize,
        /// Returns whether the processor's thread is one of the
        /// [`blocked_threads`](Metrics::blocked_threads).
        blocked: bool,
        /// Returns how often the processor has polled a task so far. The drop of an aborted task's
        /// future counts, too.
        polls: u64,
        /// Returns how often the processor has stolen from another one so far.
        steals: u64,
        /// Returns how many tasks the processor has stolen so far.
        stolen_tasks: u64,
        /// Returns how many tasks the processor has taken from the global queue so far.
        global_tasks: u64,
        /// Returns how often the processor's local queue was full and gave half its tasks away.
        overflows: u64,
        /// Returns how often the processor's thread went to sleep so far.
        parks: u64,
        /// Returns for how long the processor's thread has not been asleep for want of tasks, so
        /// far: running tasks, looking for them, or in a call that blocks inside of one. The rest
        /// of the time since its start it slept.
        ///
        /// The thread reads the clock as it falls asleep and as it wakes up, and at no other time.
        busy_time: Duration,
    }
}
