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
//! # When it sleeps itself
//!
//! After some rounds in which no machine was active, and nothing waited, it parks without a
//! time-out. *Monitor:* raise the flag; full fence; look whether a machine is active. *Whoever made
//! a machine active (`rouse`):* raise the count; full fence; look at the flag. One of the two sees
//! the other.
//!
//! # Timers
//!
//! It is the attendant of timers that have no other (see `timer`): it parks no longer than until the
//! first of their deadlines. The shards of machines that are stuck, or that it has taken the place
//! from, are among them; and it fires what another machine has left undone for too long.
//!
//! # When it overslept
//!
//! If its own sleep took far too long (SIGSTOP, a suspended system, throttling), everything looks
//! stuck and nothing is: it forgets all that it had seen and starts anew.

use super::{Scheduler, processor::Processor, thread_state, thread_state::ThreadState};
use crate::{
    builder::Config,
    clock::{self, NEVER},
    panic::caught,
    parker::Parker,
    task_id::TaskId,
    timer::{Timers, pool::Shard},
};
use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering, fence},
    },
    thread,
    time::{Duration, Instant},
};

/// Samples in a `handoff_after`: with two, a poll is found between one and one and a half of it.
const SAMPLES: u32 = 2;

/// The same while sleepers are replaced in quick succession.
const STORM_SAMPLES: u32 = 100;

/// How long a storm is expected to last after the latest sleeper, in multiples of `handoff_after`.
const STORM: u32 = 3;

/// The monitor does not look more often than this, whatever `handoff_after` says.
const MIN_PERIOD: Duration = Duration::from_micros(100);

/// How many times its period the monitor's sleep may take before it distrusts what it has seen.
const OVERSLEPT: u32 = 10;

/// Rounds without an active machine before the monitor sleeps, so that an executor that is idle for
/// moments only does not pay for waking it every time.
const IDLE_ROUNDS: u32 = 4;

/// How late a machine may be for a timer before the monitor fires it, in nanoseconds.
const TIMER_PATIENCE: u64 = 1_000_000;

/// A poll that takes longer is reported.
const STALL: Duration = Duration::from_secs(1);

/// What the rest of the scheduler sees of the monitor.
pub(crate) struct Monitor {
    parker: Parker,
    asleep: AtomicBool,
    /// Until when it sleeps at most, if it is not `asleep`.
    next_round: AtomicU64,
    handoffs: AtomicU64,
    limit_reached: AtomicBool,
    /// Of threads that belong to no executor; only the default one has any.
    timers: OnceLock<Shard>,
}

impl Monitor {
    /// A monitor that has not been started.
    pub(super) fn new() -> Monitor {
        Monitor {
            parker: Parker::new(),
            asleep: AtomicBool::new(false),
            next_round: AtomicU64::new(0),
            handoffs: AtomicU64::new(0),
            limit_reached: AtomicBool::new(false),
            timers: OnceLock::new(),
        }
    }

    /// The shard for timers that are polled on threads which belong to no executor.
    pub(super) fn timers(&self) -> &'static Timers {
        self.timers.get_or_init(Shard::take).timers()
    }

    /// Must be called after the first deadline in a shard without another attendant has become an
    /// earlier one.
    pub(super) fn look_at_timers(&self) {
        self.parker.unpark();
    }

    /// Must be called after the count of active machines was raised. See "When it sleeps itself".
    pub(crate) fn rouse(&self) {
        fence(Ordering::SeqCst);
        // Ordering: Relaxed for both, the fences order them.
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            self.parker.unpark();
        }
    }

    /// Wakes the monitor so that it sees that every machine has ended.
    pub(super) fn end(&self) {
        self.parker.unpark();
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
        let due = processor.timers.next_due();
        if due == NEVER {
            return;
        }
        self.monitor.rouse();
        // Ordering: Relaxed; the fence in `rouse` orders it, and the one in `Rounds::sleep`.
        if due < self.monitor.next_round.load(Ordering::Relaxed) {
            self.monitor.look_at_timers();
        }
    }

    /// Starts the monitor's thread, if the executor hands over.
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
    watches: Vec<Watch>,
    /// Until when sleepers are replaced quickly.
    storm_until: Instant,
    idle_rounds: u32,
    reported_limit: bool,
}

/// What the monitor has seen of a processor.
#[derive(Debug, Default, Clone, Copy)]
struct Watch {
    tick: u64,
    /// How long the tick has been seen unchanged, with a place or after it was taken.
    stuck_for: Duration,
    /// The place was taken from a thread that burned the CPU then.
    burning: bool,
    /// Ask the system for the thread's state again when `stuck_for` has come to this.
    ask_again: Duration,
    reported: bool,
}

impl Watch {
    /// `elapsed` has passed since the last look.
    fn look(&mut self, tick: u64, in_poll: bool, elapsed: Duration) {
        if in_poll && tick == self.tick {
            self.stuck_for += elapsed;
        } else {
            *self = Watch {
                tick,
                ..Watch::default()
            };
        }
    }

    /// Starts to measure anew.
    fn forget(&mut self) {
        (self.stuck_for, self.ask_again) = (Duration::ZERO, Duration::ZERO);
    }

    /// Time to report, for the first time?
    fn stalls(&mut self) -> bool {
        let stalls = self.stuck_for >= STALL && !self.reported;
        self.reported |= stalls;
        stalls
    }
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
        let mut last = Instant::now();
        while self.scheduler.idle.machines().0 > 0 {
            let storm = last < self.storm_until && self.scheduler.has_work();
            let samples = if storm { STORM_SAMPLES } else { SAMPLES };
            let period = (self.scheduler.config.handoff_after / samples).max(MIN_PERIOD);
            let slept = self.sleep(last + period);
            let now = Instant::now();
            let elapsed = now - last;
            if slept || elapsed > period * OVERSLEPT + self.scheduler.config.handoff_after {
                self.watches.iter_mut().for_each(Watch::forget);
                self.round(Duration::ZERO, storm);
            } else {
                // One look alone, however late it came, proves nothing.
                self.round(
                    elapsed.min(self.scheduler.config.handoff_after * 3 / 4),
                    storm,
                );
            }
            last = now;
        }
    }

    /// Sleeps until `deadline`, or for as long as nobody is active; returns whether it was the latter.
    fn sleep(&mut self, deadline: Instant) -> bool {
        let Monitor {
            parker,
            asleep,
            next_round,
            ..
        } = &self.scheduler.monitor;
        self.idle_rounds = if self.needed() {
            0
        } else {
            self.idle_rounds + 1
        };
        if self.idle_rounds < IDLE_ROUNDS {
            let deadline = clock::since_epoch(deadline);
            next_round.store(deadline, Ordering::Relaxed);
            // Pairs with the fence in `rouse`, for `leave_timers`.
            fence(Ordering::SeqCst);
            parker.park_until(clock::instant(deadline.min(self.first_deadline())));
            return false;
        }
        asleep.store(true, Ordering::Relaxed);
        // Pairs with the fence in `rouse`.
        fence(Ordering::SeqCst);
        if !self.needed() {
            match self.first_deadline() {
                NEVER => parker.park(),
                due => _ = parker.park_until(clock::instant(due)),
            }
        }
        asleep.store(false, Ordering::Relaxed);
        self.idle_rounds = 0;
        true
    }

    fn needed(&self) -> bool {
        let taken = |(watch, processor): (&Watch, &Processor)| {
            processor.place.is_taken() && !watch.reported
        };
        let scheduler = self.scheduler;
        scheduler.idle.counts().active > 0
            || scheduler.has_work()
            || self
                .watches
                .iter()
                .zip(scheduler.processors.iter())
                .any(taken)
    }

    /// The timers, and whether nobody else looks at them at present.
    fn timers(&self) -> impl Iterator<Item = (&Timers, bool)> {
        let Scheduler {
            processors,
            monitor,
            config,
            ..
        } = &**self.scheduler;
        let stuck = |index: usize| {
            let watch = self.watches.get(index);
            watch.is_some_and(|watch| watch.stuck_for >= config.handoff_after)
        };
        let outside = monitor.timers.get().map(|shard| (&**shard, true));
        let of_machines = processors
            .iter()
            .enumerate()
            .map(move |(index, processor)| {
                let timers: &Timers = &processor.timers;
                let neglected = !timers.is_attended() || processor.place.is_taken() || stuck(index);
                (timers, neglected)
            });
        of_machines.chain(outside)
    }

    /// The first deadline in the shards that nobody else looks at.
    fn first_deadline(&self) -> u64 {
        let neglected = self.timers().filter(|(_, neglected)| *neglected);
        let deadlines = neglected.map(|(timers, _)| timers.next_due());
        deadlines.min().unwrap_or(NEVER)
    }

    fn fire_timers(&self) {
        let now = clock::now();
        for (timers, neglected) in self.timers() {
            let patience = if neglected { 0 } else { TIMER_PATIENCE };
            if timers.next_due().saturating_add(patience) <= now {
                timers.fire(now, usize::MAX);
            }
        }
    }

    fn round(&mut self, elapsed: Duration, storm: bool) {
        let scheduler = self.scheduler;
        self.watches
            .resize(scheduler.processors.len(), Watch::default());
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
            watch.look(
                processor.counters.polls.get(),
                !processor.place.is_given(),
                elapsed,
            );
            if watch.stalls() {
                report_stall(processor, watch.stuck_for);
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
                // Asking takes microseconds, and there may be many to ask: less and less often.
                self.watches[index].ask_again = stuck_for + stuck_for / 2;
            }
            return;
        }
        if !processor.place.take() {
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
        self.watches
            .iter()
            .zip(self.scheduler.processors.iter())
            .filter(taken)
            .count()
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

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(5);

    #[test]
    fn one_unchanged_sample_is_not_stuck() {
        let mut watch = Watch::default();
        watch.look(7, true, STEP);
        assert_eq!(watch.stuck_for, Duration::ZERO);
        watch.look(7, true, STEP);
        assert_eq!(watch.stuck_for, STEP);
        watch.look(8, true, STEP);
        assert_eq!(watch.stuck_for, Duration::ZERO);
    }

    #[test]
    fn a_machine_without_a_poll_is_never_stuck() {
        let mut watch = Watch::default();
        for _ in 0..10 {
            watch.look(7, false, STEP);
        }
        assert_eq!(watch.stuck_for, Duration::ZERO);
    }

    #[test]
    fn a_stall_is_reported_once_a_poll() {
        let mut watch = Watch::default();
        watch.look(7, true, STEP);
        watch.look(7, true, STALL);
        assert!(watch.stalls());
        assert!(!watch.stalls());
        watch.look(8, true, STEP);
        watch.look(8, true, STALL);
        assert!(watch.stalls(), "the next poll is another one");
    }
}
