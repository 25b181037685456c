//! The monitor: takes the permits of machines that do not come back (Go's sysmon, `retake`).
//!
//! # What it does
//!
//! One thread samples every processor. A machine that stays in one poll, or in one announced call,
//! loses its permit: `handoffs` says when. What waits in its next slot and local queue goes to the
//! global queue, and the monitor notifies as if it had been posted just now: a machine that was
//! asleep, or a new one, comes as a searcher. What the stuck poll itself makes runnable later goes
//! to the global queue. When the poll returns, the machine counts itself as active again, and
//! whichever machine passes a scheduling point first while there is one too many steps back
//! (`WorkLoop::step_back`).
//!
//! Permit and queue are all that is taken from the thread, so there is nothing to give back.
//!
//! # When it looks
//!
//! Twice in a `handoff_after`, but at least ten times a second: it also reports polls of more than a
//! second, and asks again for a thread that the system has refused. More often while announced calls
//! are made, and in a storm. After some rounds in which no machine was active, and nothing waited,
//! it sleeps: until it is needed, or a source that it looks after is due. See `monitor_sleep`.
//!
//! A machine that is not in its sight has a permit and polls that end, or has none and asks for
//! nothing. So a poll that sleeps for an hour costs nothing once its permit is taken.
//!
//! # When it overslept
//!
//! If its own sleep took far too long (SIGSTOP, a suspended system, throttling, too many threads for
//! the cores), everything looks stuck and nothing may be. So a sample counts for no more than twice
//! the time that the monitor meant to sleep, and for half a `handoff_after` at most: one alone
//! proves nothing, however late it comes. But it does count, so that a process which is stopped
//! again and again gets on.
//!
//! # Long polls
//!
//! If a worker has polled rarely since the last sample, the monitor asks it to look beyond its
//! queue, and to measure how long a woken task waits for the current poll to return (see
//! `worker::pace`, `worker::schedule`). Whether polls were few because they are long, or because
//! there was nothing to do, the monitor cannot tell.
//!
//! # The number of workers
//!
//! Where nobody has chosen it, it follows the number of cores, for which the monitor asks in one of
//! its rounds, once a second at most (see `scheduler::cores`). It does not wake up for that.
//!
//! # Timers and other sources
//!
//! See `sources`.
//!
//! # Deadlocks
//!
//! Before it sleeps for long, it looks whether anybody will ever wake a task: see `deadlock`.
//!
//! # Foreign code
//!
//! None runs on this thread: wakers are for workers (`sources`), and the logger is called on a
//! thread of its own (`warnings`). Only when no machine is left, and there is nothing to look at any
//! more, it may have to make the end: see `idle/README.md`, "Whose stack".

mod deadlock;
mod handoffs;
mod neglected;
mod samples;
mod sources;
mod storm;
mod thread_state;

use super::{
    Scheduler,
    config::MIN_HANDOFF_AFTER,
    cores::Following,
    driver::{LoneDriver, Source},
    helpers::Helper,
    processor::{Counters, Processor},
    system,
    task_id::TaskId,
    task_name::Called,
    thread_activity::ThreadActivity,
    trace::{Why, to_file},
    warnings::warn,
};
use crate::{
    idle::{monitor_sleep::MonitorSleep, pool::Pool},
    sync::{
        AtomicBool, AtomicU64, AtomicUsize, Instant, Ordering,
        clock::{self, NEVER},
        thread,
    },
};
use log::Level;
use neglected::Neglected;
use samples::{Passed, Place, Samples, Sight};
use std::{
    collections::HashSet,
    io,
    panic::Location,
    sync::{Arc, OnceLock},
    time::Duration,
};
use storm::{Silence, Storm};

/// Samples in a `handoff_after`: with two, a poll is found between one and one and a half of it.
const SAMPLES: u32 = 2;

/// The monitor does not look more often than this, whatever `handoff_after` says.
const MIN_PERIOD: Duration = Duration::from_micros(50);

/// Nor less often, while any machine is active.
const MAX_PERIOD: Duration = Duration::from_millis(100);

const _: () =
    assert!(MIN_PERIOD.saturating_mul(SAMPLES).as_nanos() <= MIN_HANDOFF_AFTER.as_nanos());

/// Rounds without an active machine before the monitor sleeps, so that an executor that is idle for
/// moments only does not pay for waking it every time.
const IDLE_ROUNDS: u32 = 4;

/// The monitor looks so often while announced calls are made, and takes the permit of one that it
/// sees again.
const WATCH: Duration = Duration::from_micros(400);

/// A sample counts for so many times the rest that was planned, at most.
const OVERSLEPT: u32 = 2;

/// Between two attempts to join a thread that has ended.
const MIN_JOIN_PAUSE: Duration = Duration::from_millis(5);
const MAX_JOIN_PAUSE: Duration = Duration::from_secs(10);

/// Rounds without an announced call before the monitor looks less often again.
const QUIET_ROUNDS: u32 = 10;

/// What the rest of the scheduler sees of the monitor.
pub(crate) struct Monitor {
    pub(super) rest: MonitorSleep,
    /// Sources that no driver looks after have something to fire.
    pub(super) neglected: Neglected,
    /// Threads that fire what is neglected.
    errands: AtomicUsize,
    handoffs: AtomicU64,
    limit_reached: AtomicBool,
    /// For timers that their own threads cannot answer for; see `scheduler::outside`.
    outside: OnceLock<LoneDriver>,
}

impl Monitor {
    /// A monitor that has not been started.
    pub(super) fn new() -> Monitor {
        Monitor {
            rest: MonitorSleep::new(),
            neglected: Neglected::default(),
            errands: AtomicUsize::new(0),
            handoffs: AtomicU64::new(0),
            limit_reached: AtomicBool::new(false),
            outside: OnceLock::new(),
        }
    }

    /// Permits taken so far.
    pub(crate) fn handoffs(&self) -> u64 {
        // Ordering: Relaxed; for show.
        self.handoffs.load(Ordering::Relaxed)
    }

    /// Work waits and no further machine is allowed. The monitor will say so, once: whoever finds
    /// out may be a waker.
    pub(super) fn limit_reached(&self) {
        // Ordering: Relaxed; the message is all that depends on it.
        self.limit_reached.store(true, Ordering::Relaxed);
    }
}

impl Scheduler {
    /// Starts the monitor's thread, if the executor hands off.
    pub(super) fn start_monitor(self: &Arc<Self>) -> io::Result<()> {
        if !self.config.handoff {
            return Ok(());
        }
        let scheduler = self.clone();
        let name = self.config.thread_name.clone();
        let rounds = move || {
            system::sleep_precisely();
            let helper = Helper::this_thread();
            Rounds::new(&scheduler).run();
            // From here on it may run foreign code.
            drop(helper);
            scheduler.see_to_the_end();
        };
        self.start_thread(thread::Builder::new().name(name), rounds)
    }
}

fn sight_of(processor: &Processor) -> Sight {
    let Counters { polls, calls, .. } = &*processor.counters;
    Sight {
        place: Place::of(&processor.permit),
        polls: polls.get(),
        calls: calls.get(),
    }
}

/// The monitor's own thread.
struct Rounds<'a> {
    scheduler: &'a Arc<Scheduler>,
    /// What has been seen of each processor that is in use.
    seen: Vec<Samples>,
    storm: Storm,
    silence: Silence,
    /// How it sees to it that N follows the cores, where nobody has chosen N.
    following: Option<Following>,
    /// What it knows of a deadlock.
    deadlock: deadlock::Watch,
    /// Since when something is neglected, and no worker has come for it.
    neglected_since: Option<Instant>,
    /// Until the next attempt to join threads, if that is all there is to do.
    join_pause: Duration,
    idle_rounds: u32,
    /// Rounds to go in which it looks as often as announced calls need it.
    watchful_rounds: u32,
    reported_limit: bool,
    /// Where tasks were spawned whose stalls went to standard error.
    told: HashSet<Option<&'static Location<'static>>>,
}

impl<'a> Rounds<'a> {
    fn new(scheduler: &'a Arc<Scheduler>) -> Rounds<'a> {
        let now = Instant::now();
        Rounds {
            scheduler,
            seen: Vec::new(),
            storm: Storm::none(now),
            silence: Silence::from(now),
            deadlock: deadlock::Watch::default(),
            following: (scheduler.config.cores).map(|cores| Following::new(cores, now)),
            neglected_since: None,
            join_pause: MIN_JOIN_PAUSE,
            idle_rounds: 0,
            watchful_rounds: 0,
            reported_limit: false,
            told: HashSet::new(),
        }
    }

    /// Goes on until the last machine has ended. Must agree with what `idle::models::monitor` does
    /// in place of a round.
    fn run(mut self) {
        let half = self.scheduler.config.handoff_after / SAMPLES;
        let mut last = Instant::now();
        while self.scheduler.idle.machines().total > 0 {
            let planned = self.rest(last);
            let now = Instant::now();
            let time = now.saturating_duration_since(last);
            let passed = Passed {
                time: time.min(planned.saturating_add(MAX_PERIOD)),
                counts: time.min(planned.saturating_mul(OVERSLEPT)).min(half),
            };
            self.round(now, passed);
            last = now;
        }
    }

    /// Rests until the next round, after a round at `last`; returns how long it meant to.
    fn rest(&mut self, last: Instant) -> Duration {
        if self.is_needed() {
            self.idle_rounds = 0;
            self.deadlock.disturb();
        } else {
            self.idle_rounds += 1;
        }
        if self.idle_rounds > IDLE_ROUNDS {
            return self.sleep(last);
        }
        let rest = &self.scheduler.monitor.rest;
        let first_deadline = || self.first_deadline();
        let period = self.period(last);
        if period <= WATCH {
            rest.blink(after(last, period), first_deadline);
        } else {
            let offered = || self.is_permit_offered();
            rest.nap(after(last, period), offered, first_deadline);
        }
        period
    }

    /// Rests for as long as nothing happens; returns how long it meant to.
    fn sleep(&mut self, last: Instant) -> Duration {
        let look = self.look_for_deadlock(Instant::now());
        let stalls = self.seen.iter().filter_map(Samples::until_stall);
        let joins = (self.scheduler.threads.have_ended()).then_some(self.join_pause);
        let time = stalls.chain(joins).chain(look).min();
        let time = time.unwrap_or(Duration::MAX);
        let rest = &self.scheduler.monitor.rest;
        let (until, first_deadline) = (after(last, time), || self.first_deadline());
        if rest.sleep(until, || self.is_needed(), first_deadline) {
            self.deadlock.disturb();
        }
        self.silence.end(Instant::now());
        time
    }

    fn period(&self, now: Instant) -> Duration {
        let handoff_after = self.scheduler.config.handoff_after;
        let usual = (handoff_after / SAMPLES).min(MAX_PERIOD);
        let watchful = (self.watchful_rounds > 0).then_some(WATCH);
        let in_storm = self.storm.is_on(now) && self.scheduler.has_work();
        let stormy = in_storm.then(|| Storm::period(handoff_after));
        let periods = [watchful, stormy].into_iter().flatten();
        periods.fold(usual, Duration::min).max(MIN_PERIOD)
    }

    fn is_needed(&self) -> bool {
        self.scheduler.needs_monitor() || self.scheduler.shared_source.is_unwatched()
    }

    fn is_permit_offered(&self) -> bool {
        let mut processors = self.scheduler.processors.iter_in_use();
        processors.any(|processor| processor.permit.is_offered())
    }

    fn round(&mut self, now: Instant, passed: Passed) {
        let scheduler = self.scheduler;
        self.join_threads();
        self.find_neglected(now);
        self.look_at_shared_source();
        self.look(now, passed);
        self.take_offers();
        self.take_permits(now);
        self.report();
        self.following
            .take_if(|following| !scheduler.workers.follow(scheduler, following, now));
        // Also where an earlier attempt to start a machine has failed.
        scheduler.notify_if_work();
    }

    /// Joins the threads that have ended. One may be in the destructor of a thread-local, for as long
    /// as that likes: so the pause until the next attempt grows. Not while others come to their end
    /// beside it, each of which may bring a round.
    fn join_threads(&mut self) {
        let threads = &self.scheduler.threads;
        let some_were_gone = threads.join_ended();
        self.join_pause = if threads.have_ended() && !some_were_gone {
            (2 * self.join_pause).min(MAX_JOIN_PAUSE)
        } else {
            MIN_JOIN_PAUSE
        };
    }

    /// Takes a sample of each processor.
    fn look(&mut self, now: Instant, passed: Passed) {
        let processors = &self.scheduler.processors;
        let handoff_after = self.scheduler.config.handoff_after;
        self.seen.resize(processors.in_use(), Samples::NEW);
        let (mut calls, mut some_ended, mut stuck) = (false, false, Vec::new());
        for (index, samples) in self.seen.iter_mut().enumerate() {
            let processor = processors.get(index);
            let sight = sight_of(processor);
            if samples.may_have_long_polls(sight, passed) {
                processor.request_maintenance();
            }
            calls |= sight.place == Place::InCall || sight.calls != samples.last.calls;
            let ended = samples.add(sight, passed, handoff_after);
            some_ended |= ended.poll;
            if !samples.lasts_for.is_zero() {
                let lasts = u64::try_from(samples.lasts_for.as_nanos()).unwrap_or(u64::MAX);
                let since = clock::since_epoch(now).saturating_sub(lasts);
                processor.long_poll.set(sight.polls, since);
            }
            if ended.belief {
                self.storm.doubt(now, handoff_after);
            }
            if sight.place == Place::Stuck {
                stuck.push(index);
            }
        }
        if some_ended {
            self.silence.end(now);
        }
        // What was put there while the permit was being taken.
        stuck
            .into_iter()
            .for_each(|index| self.give_queue_away(index));
        self.watchful_rounds = if calls {
            QUIET_ROUNDS
        } else {
            self.watchful_rounds.saturating_sub(1)
        };
    }

    /// Reports what has to be.
    fn report(&mut self) {
        for index in 0..self.seen.len() {
            if self.seen[index].begin_to_stall() {
                let stalled = self.seen[index].lasts_for;
                self.report_stall(self.scheduler.processors.get(index), stalled);
            }
        }
        let scheduler = self.scheduler;
        if !self.reported_limit && scheduler.monitor.limit_reached.load(Ordering::Relaxed) {
            self.reported_limit = true;
            report_limit(scheduler.config.max_machines);
        }
    }

    fn report_stall(&mut self, processor: &Processor, stuck_for: Duration) {
        let Some(id) = TaskId::from_u64(processor.counters.task.load(Ordering::Relaxed)) else {
            return;
        };
        to_file::write_soon(Why::Stall);
        let (name, site) = (id.name(), id.site());
        let task = Called(id, name.as_deref());
        let thread = processor.counters.thread.load(Ordering::Relaxed);
        let does = match ThreadActivity::of(thread) {
            Some(activity) => format!(", which is {activity}"),
            None => String::new(),
        };
        let text = format!(
            "{task}, spawned at {site}, has been in one poll for {stuck_for:?} and blocks its \
             thread{does}: use `spawn_blocking` or `block_in_place` for calls that block, and \
             `yield_now` in long computations"
        );
        warn(Level::Warn, text, self.told.insert(id.spawned_at()));
    }
}

fn after(last: Instant, time: Duration) -> u64 {
    last.checked_add(time).map_or(NEVER, clock::since_epoch)
}

fn report_limit(max_machines: usize) {
    let text = format!(
        "all {max_machines} threads that `max_threads` allows sit in blocking calls while tasks \
         wait; raise `Builder::max_threads`, or block in fewer tasks at once"
    );
    warn(Level::Error, text, true);
}
