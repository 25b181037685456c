//! The monitor: gives away the permits of machines whose polls do not end (Go's sysmon, `retake`).
//!
//! # What it does
//!
//! One thread samples every processor. A machine that holds its permit and whose tick has not moved
//! for `handoff_after` is *stuck*. While anything waits to be run, the monitor takes a stuck
//! machine's permit (`Permit::take`), moves what waits in its next slot and local queue to the
//! global queue, and notifies as if it had been posted just now: a machine that was asleep, or a
//! new one, comes as a searcher. What the stuck poll itself makes runnable later goes to the global
//! queue. When the poll returns, the machine counts itself as active again, and whichever machine
//! passes a scheduling point first while there is one too many steps back (`WorkLoop::step_back`).
//!
//! Permit and queue are all that is taken from the thread, so there is nothing to give back.
//!
//! While anybody is active it looks at least ten times a second, however long `handoff_after` is:
//! it reports polls of more than a second, and asks again for a thread that the system has refused.
//!
//! # Asleep or burning
//!
//! A thread asleep in the system needs no core: its permit is taken after `handoff_after`, as often
//! as threads may be started. A thread that burns the CPU goes on doing so, beside its stand-in: at
//! most N permits of such machines are given away at a time, so that there are no more than 2 N
//! threads that compute. And it is given half a `handoff_after` more, so that a program whose polls
//! compute a little too long pays nothing. What tells them apart is `thread_state`.
//!
//! # A storm of sleepers
//!
//! A stand-in may take the next task that sleeps, and so on. Each would wait for `handoff_after`
//! before the next got its turn. So for a while after the permit of a sleeper was given away, and
//! as long as work waits, the monitor looks again after a hundredth of that time, and gives away
//! the permit of any machine that it finds asleep in a poll.
//!
//! # Long polls
//!
//! If a worker has polled rarely since the last sample, the monitor asks it to measure how long a
//! woken task waits for the current poll to return (see `worker::schedule`). Whether polls were few
//! because they are long, or because there was nothing to do, the monitor cannot tell.
//!
//! # When it sleeps itself
//!
//! After some rounds in which no machine was active, and nothing waited, it parks without a next
//! round: until it is needed, or a source that it looks after is due. See `monitor_sleep`.
//!
//! # Timers and other sources
//!
//! It looks after sources whose own thread is away (see `driver`): it parks no longer than until
//! the first of their deadlines. The sources of machines that are stuck, or that it has taken the
//! permit from, are among them. It asks a machine that is busy and late for maintenance.
//!
//! # When it overslept
//!
//! If its own sleep took far too long (SIGSTOP, a suspended system, throttling), everything looks
//! stuck and nothing is: it forgets all that it had seen and starts anew.

mod samples;
pub(super) mod thread_state;

use super::{
    Scheduler,
    config::{Config, MIN_HANDOFF_AFTER},
    driver::{LoneDriver, Source},
    processor::Processor,
    task_id::TaskId,
    task_name::Called,
};
use crate::{
    idle::{monitor_sleep::MonitorSleep, pool::Pool},
    sync::{
        AtomicBool, AtomicU64, Instant, Ordering,
        clock::{self, NEVER},
        panic::caught,
        thread,
    },
    timer::Timers,
};
use samples::{InPoll, Passed, Samples};
use std::{
    io, iter,
    sync::{Arc, OnceLock},
    time::Duration,
};
use thread_state::ThreadState;

/// Samples in a `handoff_after`: with two, a poll is found between one and one and a half of it.
const SAMPLES: u32 = 2;

/// The same while sleepers are replaced in quick succession.
const STORM_SAMPLES: u32 = 100;

/// How long a storm is expected to last after the latest sleeper, in multiples of `handoff_after`.
const STORM: u32 = 3;

/// The monitor does not look more often than this, whatever `handoff_after` says.
const MIN_PERIOD: Duration = Duration::from_micros(100);

/// Nor less often: it also reports stalls, and tries again to start a thread that the system
/// refused.
const MAX_PERIOD: Duration = Duration::from_millis(100);

const _: () =
    assert!(MIN_PERIOD.saturating_mul(SAMPLES).as_nanos() <= MIN_HANDOFF_AFTER.as_nanos());

/// How many periods the monitor's sleep may take beyond a `handoff_after` before it distrusts what
/// it has seen.
const OVERSLEPT: u32 = 10;

/// Rounds without an active machine before the monitor sleeps, so that an executor that is idle for
/// moments only does not pay for waking it every time.
const IDLE_ROUNDS: u32 = 4;

/// How late a machine may be for a timer before the monitor asks for maintenance, in nanoseconds.
const EVENT_PATIENCE: u64 = 1_000_000;

/// How long a poll may delay its worker's timers at most, for a large `handoff_after`: the monitor
/// fires them then.
const STUCK_FOR_EVENTS: Duration = Duration::from_millis(100);

/// The system is asked again for the state of a thread that burned the CPU when its poll has lasted
/// longer by this part: asking takes microseconds, and there may be many to ask.
const ASK_AGAIN: u32 = 2;

/// What a sample adds to how long a poll has been stuck, at most: however late it comes, one alone
/// proves nothing.
fn most_a_sample_counts(handoff_after: Duration) -> Duration {
    handoff_after * 3 / 4
}

/// How long a poll that burns the CPU keeps its permit: half as long again as one that sleeps, so
/// that a program whose polls compute a little too long pays nothing.
fn burning_after(handoff_after: Duration) -> Duration {
    handoff_after * 3 / 2
}

/// What the rest of the scheduler sees of the monitor.
pub(crate) struct Monitor {
    pub(super) rest: MonitorSleep,
    handoffs: AtomicU64,
    limit_reached: AtomicBool,
    /// For timers that nobody else can serve; only the default executor's monitor has any.
    outside: OnceLock<LoneDriver>,
}

impl Monitor {
    /// A monitor that has not been started.
    pub(super) fn new() -> Monitor {
        Monitor {
            rest: MonitorSleep::new(),
            handoffs: AtomicU64::new(0),
            limit_reached: AtomicBool::new(false),
            outside: OnceLock::new(),
        }
    }

    /// The wheel for timers that are polled on threads which belong to no executor.
    pub(super) fn timers(&self) -> &'static Timers {
        self.outside.get_or_init(LoneDriver::lone).timers()
    }

    /// Permits taken so far.
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
    /// The machine of `processor` will not look after its sources for a while, or is no more.
    pub(super) fn leave_driver(&self, processor: &Processor) {
        if !self.config.handoff {
            processor.driver.set_driven(false);
            // There is no monitor: whoever waits registers anew, where somebody looks.
            return processor.driver.evict();
        }
        self.monitor.rest.take_over(|| {
            processor.driver.set_driven(false);
            processor.driver.next_due()
        });
        if self.shared_source.needs_monitor() {
            self.monitor.rest.wake_if_asleep();
        }
    }

    /// Starts the monitor's thread, if the executor hands off.
    pub(super) fn start_monitor(self: &Arc<Self>) -> io::Result<()> {
        if !self.config.handoff {
            return Ok(());
        }
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
    seen: Vec<Samples>,
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
            seen: Vec::new(),
            storm_until,
            idle_rounds: 0,
            reported_limit: false,
        }
    }

    /// Goes on until the last machine has ended. Must agree with what `idle::models::monitor` does
    /// in place of a round.
    fn run(mut self) {
        let handoff_after = self.scheduler.config.handoff_after;
        let period = |samples| (handoff_after / samples).clamp(MIN_PERIOD, MAX_PERIOD);
        let mut last = Instant::now();
        while self.scheduler.idle.machines().total > 0 {
            let storm = last < self.storm_until && self.scheduler.has_work();
            let samples = if storm { STORM_SAMPLES } else { SAMPLES };
            let slept = self.sleep(last + period(samples));
            let now = Instant::now();
            let time = now - last;
            let passed = if slept || time > period(SAMPLES) * OVERSLEPT + handoff_after {
                self.seen.iter_mut().for_each(Samples::forget);
                Passed {
                    time: time.min(period(SAMPLES)),
                    counts: Duration::ZERO,
                }
            } else {
                let counts = time.min(most_a_sample_counts(handoff_after));
                Passed { time, counts }
            };
            self.round(passed, storm);
            last = now;
        }
    }

    /// Sleeps until `deadline`, or for as long as nobody is active; returns whether it was the
    /// latter.
    fn sleep(&mut self, deadline: Instant) -> bool {
        let Monitor { rest, .. } = &self.scheduler.monitor;
        self.idle_rounds = if self.needed() {
            0
        } else {
            self.idle_rounds + 1
        };
        if self.idle_rounds < IDLE_ROUNDS {
            rest.nap(clock::since_epoch(deadline), || self.first_deadline());
            return false;
        }
        rest.sleep(|| self.needed(), || self.first_deadline());
        self.idle_rounds = 0;
        true
    }

    fn needed(&self) -> bool {
        let taken = |(samples, processor): (&Samples, &Processor)| {
            processor.permit.is_taken() && !samples.reported
        };
        let scheduler = self.scheduler;
        scheduler.needs_monitor()
            || scheduler.shared_source.needs_monitor()
            || self.sampled().any(taken)
    }

    /// The processors, each with what has been seen of it.
    fn sampled(&self) -> impl Iterator<Item = (&Samples, &Processor)> {
        const UNSEEN: &Samples = &Samples::NEW;
        let samples = self.seen.iter().chain(iter::repeat(UNSEEN));
        samples.zip(self.scheduler.processors.iter())
    }

    /// Whether nobody else looks after the sources of a processor at present.
    fn is_neglected(&self, (samples, processor): (&Samples, &Processor)) -> bool {
        !processor.driver.is_driven()
            || processor.permit.is_taken()
            || samples.stuck_for >= self.scheduler.config.handoff_after.min(STUCK_FOR_EVENTS)
    }

    /// The first deadline in the sources that nobody else looks after.
    fn first_deadline(&self) -> u64 {
        let neglected = self.sampled().filter(|&sampled| self.is_neglected(sampled));
        let deadlines = neglected.map(|(_, processor)| processor.driver.next_due());
        let outside = self.scheduler.monitor.outside.get();
        deadlines
            .chain(outside.map(|driver| driver.next_due()))
            .min()
            .unwrap_or(NEVER)
    }

    fn fire_events(&self) {
        let now = clock::now();
        if let Some(outside) = self.scheduler.monitor.outside.get() {
            outside.fire_all(now);
        }
        for sampled in self.sampled() {
            let processor = sampled.1;
            let driver = &processor.driver;
            if self.is_neglected(sampled) {
                driver.fire_all(now);
            } else if driver.next_due().saturating_add(EVENT_PATIENCE) <= now {
                // What it fires itself goes to its own queue. What the monitor fires goes to the
                // global one, to which a busy worker seldom looks.
                processor
                    .maintenance_requested
                    .store(true, Ordering::Relaxed);
            }
        }
    }

    fn round(&mut self, passed: Passed, storm: bool) {
        let scheduler = self.scheduler;
        self.seen.resize(scheduler.processors.len(), Samples::NEW);
        self.fire_events();
        let mut waiting = scheduler.has_work();
        let mut stuck = Vec::new();
        for (index, processor) in scheduler
            .processors
            .iter()
            .take(self.seen.len())
            .enumerate()
        {
            let samples = &mut self.seen[index];
            let tick = processor.counters.polls.get();
            let in_poll = InPoll::of(&processor.permit);
            if in_poll == InPoll::WithPermit && samples.may_have_long_polls(tick, passed) {
                processor
                    .maintenance_requested
                    .store(true, Ordering::Relaxed);
            }
            samples.add(tick, in_poll, passed);
            if samples.begin_to_stall() {
                report_stall(processor, samples.lasts_for);
            }
            if processor.permit.is_taken() {
                // What was put there while the permit was being taken.
                self.give_queue_away(processor);
            } else if processor.permit.is_held()
                && (storm || samples.stuck_for >= scheduler.config.handoff_after)
            {
                waiting |= !processor.next.is_empty();
                stuck.push(index);
            }
        }
        if waiting {
            for index in stuck {
                self.hand_off(index);
            }
        }
        if !self.reported_limit && scheduler.monitor.limit_reached.load(Ordering::Relaxed) {
            self.reported_limit = true;
            report_limit(scheduler.config.max_machines);
        }
        // Also where an earlier attempt to start a machine has failed.
        scheduler.notify_if_work();
    }

    /// Takes the permit of a machine that is stuck in a poll.
    fn hand_off(&mut self, index: usize) {
        let Config {
            handoff_after,
            workers,
            ..
        } = self.scheduler.config;
        let processor = self.scheduler.processors.get(index);
        let Samples {
            tick,
            stuck_for,
            ask_again,
            ..
        } = self.seen[index];
        if stuck_for < ask_again {
            return;
        }
        // Ordering: Relaxed; written before the machine's first poll, a stale one is a thread that
        // has ended.
        let state = thread_state::of(processor.counters.thread.load(Ordering::Relaxed));
        let burning = state == ThreadState::Burning;
        let spared = stuck_for < burning_after(handoff_after) || self.burning() >= workers;
        if burning && spared {
            if stuck_for >= handoff_after {
                self.seen[index].ask_again = stuck_for + (stuck_for / ASK_AGAIN).min(handoff_after);
                // Others may have permits left, and look for work, but not here.
                self.give_queue_away(processor);
            }
            return;
        }
        // Asking took its time.
        if processor.counters.polls.get() != tick {
            return;
        }
        // Counted before anybody can run in its stead: a task that does may ask.
        let handoffs = &self.scheduler.monitor.handoffs;
        let count = || _ = handoffs.fetch_add(1, Ordering::Relaxed);
        let give_queue_away = || self.give_queue_away(processor);
        let permit = &processor.permit;
        if !self.scheduler.hand_off(permit, count, give_queue_away) {
            return;
        }
        self.seen[index].burning = burning;
        if !burning {
            self.storm_until = Instant::now() + handoff_after * STORM;
        }
    }

    /// Machines that compute although their permits were taken.
    fn burning(&self) -> usize {
        let taken = |(samples, processor): &(&Samples, &Processor)| {
            samples.burning && processor.permit.is_taken()
        };
        self.sampled().filter(taken).count()
    }

    /// Moves what waits behind a stuck poll to where others look first.
    fn give_queue_away(&self, processor: &Processor) {
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
    let (name, site) = (id.name(), id.site());
    let task = Called(id, name.as_deref());
    // The logger is foreign code and may panic: the monitor goes on.
    drop(caught(|| {
        log::warn!(
            "{task}, spawned at {site}, has been in one poll for {stuck_for:?} and blocks its \
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
