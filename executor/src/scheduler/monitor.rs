//! The monitor: gives away the places of machines whose polls do not end (Go's sysmon, `retake`).
//!
//! # What it does
//!
//! One thread samples every processor. A machine that holds its place and whose tick has not moved
//! for `handoff_after` is *stuck*. While anything waits to be run, the monitor takes a stuck
//! machine's place (`Place::take`), moves what waits in its next slot and local queue to the global
//! queue, and notifies as if it had been posted just now: a machine that was asleep, or a new one,
//! comes as a searcher. What the stuck poll itself makes runnable later goes to the global queue.
//! When the poll returns, the machine counts itself as active again, and whichever machine passes a
//! scheduling point first while there is one too many steps back (`Worker::step_back`).
//!
//! Nothing is taken from the thread but its place, so there is nothing to give back.
//!
//! It looks at least ten times a second while anybody is active, however long `handoff_after` is: polls
//! of more than a second are reported, and a thread that the system has refused is asked for again.
//!
//! # Asleep or burning
//!
//! A thread asleep in the system needs no core: its place goes to another at once, as often as
//! threads may be started. A thread that burns the CPU goes on doing so, beside its stand-in: at most
//! N places of such machines are given away at a time, so that there are no more than 2 N threads
//! that compute. And it is given half a `handoff_after` more, so that a program whose polls compute
//! a little too long pays nothing. What tells them apart is `thread_state`.
//!
//! # A storm of sleepers
//!
//! A stand-in may take the next task that sleeps, and so on. Each would wait for `handoff_after`
//! before the next got its turn. So for a while after the place of a sleeper was given away, and as
//! long as work waits, the monitor looks again after a hundredth of that time, and gives away the
//! place of any machine that it finds asleep in a poll.
//!
//! # Long polls
//!
//! It asks a machine that has polled seldom since the last look to measure how long what a poll makes
//! runnable waits for its end (see `worker`). Whether polls were few because they are long, or because there
//! was nothing to do, it cannot tell.
//!
//! # When it sleeps itself
//!
//! After some rounds in which no machine was active, and nothing waited, it parks without a
//! time-out: see `doze`.
//!
//! # Timers
//!
//! It is the attendant of timers that have no other (see `timer`): it parks no longer than until the
//! first of their deadlines. The shards of machines that are stuck, or that it has taken the place
//! from, are among them. A machine that is busy and late is told so.
//!
//! # When it overslept
//!
//! If its own sleep took far too long (SIGSTOP, a suspended system, throttling), everything looks
//! stuck and nothing is: it forgets all that it had seen and starts anew.

use super::{
    Scheduler,
    processor::Processor,
    thread_state,
    thread_state::ThreadState,
    watch::{InPoll, Passed, Watch},
};
use crate::{
    builder::Config,
    clock::{self, NEVER},
    crew::Crew,
    doze::Doze,
    panic::caught,
    sync::{AtomicBool, AtomicU64, Instant, Ordering, thread},
    task_id::TaskId,
    timer::{Timers, pool::Shard},
};
use std::{
    io, iter,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// Samples in a `handoff_after`: with two, a poll is found between one and one and a half of it.
const SAMPLES: u32 = 2;

/// The same while sleepers are replaced in quick succession.
const STORM_SAMPLES: u32 = 100;

/// How long a storm is expected to last after the latest sleeper, in multiples of `handoff_after`.
const STORM: u32 = 3;

/// The monitor does not look more often than this, whatever `handoff_after` says.
const MIN_PERIOD: Duration = Duration::from_micros(100);

/// Nor less often: it also reports stalls, and tries again to start a thread that the system refused.
const MAX_PERIOD: Duration = Duration::from_millis(100);

/// What a shorter `handoff_after` is raised to.
pub(crate) const MIN_HANDOFF_AFTER: Duration = MIN_PERIOD.saturating_mul(SAMPLES);

/// How many periods the monitor's sleep may take beyond a `handoff_after` before it distrusts what it has
/// seen.
const OVERSLEPT: u32 = 10;

/// Rounds without an active machine before the monitor sleeps, so that an executor that is idle for
/// moments only does not pay for waking it every time.
const IDLE_ROUNDS: u32 = 4;

/// How late a machine may be for a timer before the monitor tells it, in nanoseconds.
const TIMER_PATIENCE: u64 = 1_000_000;

/// The monitor fires the timers of a machine that is in one poll for so long, if not before, for
/// `handoff_after`.
const STUCK_FOR_TIMERS: Duration = Duration::from_millis(100);

/// What the rest of the scheduler sees of the monitor.
pub(crate) struct Monitor {
    doze: Doze,
    handoffs: AtomicU64,
    limit_reached: AtomicBool,
    /// Of threads that belong to no executor; only the default one has any.
    timers: OnceLock<Shard>,
}

impl Monitor {
    /// A monitor that has not been started.
    pub(super) fn new() -> Monitor {
        Monitor {
            doze: Doze::new(),
            handoffs: AtomicU64::new(0),
            limit_reached: AtomicBool::new(false),
            timers: OnceLock::new(),
        }
    }

    /// The shard for timers that are polled on threads which belong to no executor.
    pub(super) fn timers(&self) -> &'static Timers {
        self.timers.get_or_init(Shard::take).timers()
    }

    /// Must be called after the first deadline in a shard without another attendant has become `due`, an
    /// earlier one.
    pub(super) fn look_at_timers(&self, due: u64) {
        self.doze.look_at(due);
    }

    /// Must be called after the count of active machines was raised. See "When it sleeps itself".
    pub(crate) fn rouse(&self) {
        self.doze.rouse();
    }

    /// Its rest.
    pub(super) fn doze(&self) -> &Doze {
        &self.doze
    }

    /// Wakes the monitor so that it sees that every machine has ended.
    pub(super) fn end(&self) {
        self.doze.wake();
    }

    /// Places taken so far.
    pub(crate) fn handoffs(&self) -> u64 {
        // Ordering: Relaxed; for show.
        self.handoffs.load(Ordering::Relaxed)
    }

    /// Work waits and no further machine is allowed. The monitor will say so, once: whoever finds
    /// out may be a waker, and a logger is foreign code.
    pub(super) fn limit_reached(&self) {
        // Ordering: Relaxed; the message is all that depends on it.
        self.limit_reached.store(true, Ordering::Relaxed);
    }
}

impl Scheduler {
    /// The machine of `processor` will not look at its timers for a while, or is no more.
    pub(super) fn leave_timers(&self, processor: &Processor) {
        processor.timers.set_attended(false);
        if !self.config.handoff {
            // There is no monitor: whoever waits registers anew, where somebody looks.
            return processor.timers.evict();
        }
        let due = processor.timers.next_due();
        if due != NEVER {
            self.monitor.look_at_timers(due);
        }
    }

    /// Starts the monitor's thread, if the executor hands over.
    pub(super) fn start_monitor(self: &Arc<Self>) -> io::Result<()> {
        if !self.config.handoff {
            return Ok(());
        }
        #[cfg(test)]
        super::threads::refusals::refuse_if_asked()?;
        let scheduler = self.clone();
        let name = self.config.thread_name.clone();
        let rounds = move || Rounds::new(&scheduler).run();
        self.threads
            .add(thread::Builder::new().name(name).spawn(rounds)?);
        Ok(())
    }
}

/// The monitor's own thread.
struct Rounds<'a> {
    scheduler: &'a Arc<Scheduler>,
    /// What has been seen of each processor.
    watches: Vec<Watch>,
    /// Until when sleepers are replaced quickly.
    storm_until: Instant,
    idle_rounds: u32,
    reported_limit: bool,
}

impl<'a> Rounds<'a> {
    fn new(scheduler: &'a Arc<Scheduler>) -> Rounds<'a> {
        let storm_until = Instant::now();
        Rounds {
            scheduler,
            watches: Vec::new(),
            storm_until,
            idle_rounds: 0,
            reported_limit: false,
        }
    }

    /// Until the last machine has ended.
    fn run(mut self) {
        let handoff_after = self.scheduler.config.handoff_after;
        let period = |samples| (handoff_after / samples).clamp(MIN_PERIOD, MAX_PERIOD);
        let mut last = Instant::now();
        while self.scheduler.idle.machines().0 > 0 {
            let storm = last < self.storm_until && self.scheduler.has_work();
            let samples = if storm { STORM_SAMPLES } else { SAMPLES };
            let slept = self.sleep(last + period(samples));
            let now = Instant::now();
            let time = now - last;
            let passed = if slept || time > period(SAMPLES) * OVERSLEPT + handoff_after {
                self.watches.iter_mut().for_each(Watch::forget);
                Passed {
                    time: time.min(period(SAMPLES)),
                    counts: Duration::ZERO,
                }
            } else {
                // One look alone, however late it came, proves nothing.
                let counts = time.min(handoff_after * 3 / 4);
                Passed { time, counts }
            };
            self.round(passed, storm);
            last = now;
        }
    }

    /// Sleeps until `deadline`, or for as long as nobody is active; returns whether it was the latter.
    fn sleep(&mut self, deadline: Instant) -> bool {
        let Monitor { doze, .. } = &self.scheduler.monitor;
        self.idle_rounds = if self.needed() {
            0
        } else {
            self.idle_rounds + 1
        };
        if self.idle_rounds < IDLE_ROUNDS {
            doze.nap(clock::since_epoch(deadline), || self.first_deadline());
            return false;
        }
        doze.sleep(|| self.needed(), || self.first_deadline());
        self.idle_rounds = 0;
        true
    }

    fn needed(&self) -> bool {
        let taken = |(watch, processor): (&Watch, &Processor)| {
            processor.place.is_taken() && !watch.reported
        };
        let scheduler = self.scheduler;
        scheduler.idle.counts().active > 0 || scheduler.has_work() || self.watched().any(taken)
    }

    /// The processors, each with what has been seen of it.
    fn watched(&self) -> impl Iterator<Item = (&Watch, &Processor)> {
        const UNSEEN: &Watch = &Watch::NEW;
        let watches = self.watches.iter().chain(iter::repeat(UNSEEN));
        watches.zip(self.scheduler.processors.iter())
    }

    /// Whether nobody else looks at the timers of a processor at present.
    fn is_neglected(&self, (watch, processor): (&Watch, &Processor)) -> bool {
        !processor.timers.is_attended()
            || processor.place.is_taken()
            || watch.stuck_for >= self.scheduler.config.handoff_after.min(STUCK_FOR_TIMERS)
    }

    /// The first deadline in the shards that nobody else looks at.
    fn first_deadline(&self) -> u64 {
        let neglected = self.watched().filter(|&seen| self.is_neglected(seen));
        let deadlines = neglected.map(|(_, processor)| processor.timers.next_due());
        let outside = self.scheduler.monitor.timers.get();
        deadlines
            .chain(outside.map(|shard| shard.next_due()))
            .min()
            .unwrap_or(NEVER)
    }

    fn fire_timers(&self) {
        let now = clock::now();
        if let Some(outside) = self.scheduler.monitor.timers.get() {
            outside.fire(now, usize::MAX);
        }
        for seen in self.watched() {
            let processor = seen.1;
            let timers = &processor.timers;
            if self.is_neglected(seen) {
                timers.fire(now, usize::MAX);
            } else if timers.next_due().saturating_add(TIMER_PATIENCE) <= now {
                // What it fires itself goes to its own queue. What the monitor fires goes to the
                // global one, to which a busy worker seldom looks.
                processor.look_around.store(true, Ordering::Relaxed);
            }
        }
    }

    fn round(&mut self, passed: Passed, storm: bool) {
        let scheduler = self.scheduler;
        self.watches.resize(scheduler.processors.len(), Watch::NEW);
        self.fire_timers();
        let mut waiting = scheduler.has_work();
        let mut stuck = Vec::new();
        for (index, processor) in scheduler
            .processors
            .iter()
            .take(self.watches.len())
            .enumerate()
        {
            let watch = &mut self.watches[index];
            let tick = processor.counters.polls.get();
            let in_poll = InPoll::of(processor);
            if in_poll == InPoll::WithPlace && watch.may_have_long_polls(tick, passed) {
                processor.look_around.store(true, Ordering::Relaxed);
            }
            watch.look(tick, in_poll, passed);
            if watch.stalls() {
                report_stall(processor, watch.lasts_for);
            }
            if processor.place.is_taken() {
                // What was put there while the place was being taken.
                self.empty(processor);
            } else if processor.place.is_held()
                && (storm || watch.stuck_for >= scheduler.config.handoff_after)
            {
                waiting |= !processor.next.is_empty();
                stuck.push(index);
            }
        }
        if waiting {
            for index in stuck {
                self.hand_over(index);
            }
        }
        if !self.reported_limit && scheduler.monitor.limit_reached.load(Ordering::Relaxed) {
            self.reported_limit = true;
            report_limit(scheduler.config.max_machines());
        }
        if scheduler.has_work() {
            // Also where an earlier attempt to start a machine has failed.
            scheduler.notify();
        }
    }

    /// Takes the place of a machine that is stuck in a poll.
    fn hand_over(&mut self, index: usize) {
        let Config {
            handoff_after,
            workers,
            ..
        } = self.scheduler.config;
        let processor = self.scheduler.processors.get(index);
        let Watch {
            tick,
            stuck_for,
            ask_again,
            ..
        } = self.watches[index];
        if stuck_for < ask_again {
            return;
        }
        // Ordering: Relaxed; written before the machine's first poll, a stale one is a thread that
        // has ended.
        let state = thread_state::of(processor.counters.thread.load(Ordering::Relaxed));
        let burning = state == ThreadState::Burning;
        let spared = stuck_for < handoff_after + handoff_after / 2 || self.burning() >= workers;
        if burning && spared {
            if stuck_for >= handoff_after {
                // Asking takes microseconds, and there may be many to ask: less often from now on.
                self.watches[index].ask_again = stuck_for + (stuck_for / 2).min(handoff_after);
                // Others may have places left, and look for work, but not here.
                self.empty(processor);
            }
            return;
        }
        // Asking took its time.
        if processor.counters.polls.get() != tick || !processor.place.take() {
            return;
        }
        self.watches[index].burning = burning;
        if !burning {
            self.storm_until = Instant::now() + handoff_after * STORM;
        }
        self.scheduler
            .monitor
            .handoffs
            .fetch_add(1, Ordering::Relaxed);
        self.scheduler.idle.block();
        self.empty(processor);
        self.scheduler.notify_if_work();
    }

    /// Machines that compute although their places were taken.
    fn burning(&self) -> usize {
        let taken =
            |(watch, processor): &(&Watch, &Processor)| watch.burning && processor.place.is_taken();
        self.watched().filter(taken).count()
    }

    /// Moves what waits behind a stuck poll to where others look first.
    fn empty(&self, processor: &Processor) {
        let queued = std::iter::from_fn(|| processor.queue.steal_one());
        for task in processor.next.take().into_iter().chain(queued) {
            self.scheduler.push_global(task);
        }
    }
}

fn report_stall(processor: &Processor, stuck_for: Duration) {
    let Some(id) = TaskId::from_u64(processor.counters.task.load(Ordering::Relaxed)) else {
        return;
    };
    let site = id
        .spawned_at()
        .map_or("a line without a number".into(), ToString::to_string);
    // The logger is foreign code and may panic: the monitor goes on.
    drop(caught(|| {
        log::warn!(
            "task {id}, spawned at {site}, has been in one poll for {stuck_for:?} and blocks its \
             thread: use `spawn_blocking` or `block_in_place` for calls that block, and \
             `yield_now` in long computations"
        );
    }));
}

fn report_limit(max_machines: usize) {
    let text = format!(
        "executor: all {max_machines} threads that `max_threads` allows sit in blocking calls while \
         tasks wait; raise `Builder::max_threads`, or block in fewer tasks at once"
    );
    drop(caught(|| {
        log::error!("{text}");
        if log::max_level() == log::LevelFilter::Off {
            // No logger would have shown it.
            eprintln!("{text}");
        }
    }));
}
