//! All tasks are asleep, and nobody is left who could wake one: Go's words for it.
//!
//! The monitor looks when it is about to sleep for want of anything to do. If nothing in memory
//! says that anything can happen, it looks once more 100 ms later, and counts the threads of the
//! process. An executor that waits for a timer or a socket pays for a few loads, any other for one
//! wake-up more of a monitor that would sleep for ever.
//!
//! # What must hold
//!
//! | who could wake a task                     | why nobody does                              |
//! | ----------------------------------------- | -------------------------------------------- |
//! | another task                              | none is in a queue; all machines sleep,      |
//! |                                           | or wait in `block_on` as below               |
//! | a call that blocks, a long poll, a hook   | its machine would do neither                 |
//! | the destructor of a thread-local          | the same                                     |
//! | a timer, whoever polled it                | all wheels of the process are empty          |
//! | a socket, a signal, a child               | no descriptor is registered                  |
//! | the future of a `block_on`                | its thread is parked, and nobody has woken it |
//! | another executor of this process          | the same holds for it                        |
//! | any other thread, whosever                | there is none: only those above, and helpers |
//!
//! An executor with `handoff(false)` may do anything, for all that is known here. In a forked
//! child, whose memory shows executors that are none, nothing is said. Two things are not seen: a
//! handler of a signal that wakes a task itself, which no handler may do; and another process that
//! wakes a thread of this one, as by a lock in memory that both share.
//!
//! # Why all of it holds at one moment
//!
//! It is read piece by piece, and what was read may have changed since. But each piece has a number
//! that changes when its owner runs: a machine that was woken has polled, or gone to sleep once
//! more; a thread in `block_on` has ended its wait. So what is the same at the second look was so
//! at every moment in between, and at that, too, at which the system counted the threads. None of
//! them ran then; and whoever does not run wakes nobody.
//!
//! # A thread that waits later
//!
//! If something is in the way, nothing is said, and the monitor sleeps on. No machine can remove it
//! unseen, for a machine that runs wakes the monitor. A thread in `block_on` can: it was awake and
//! comes to wait; or it has taken its timer back, closed the last socket, or ended an executor, and
//! then waits. So the monitor leaves a mark: the number of a thread that is awake, or [`ANYBODY`].
//! Whoever is about to wait compares it with its own number, and wakes the monitor.
//!
//! | the monitor                            | the thread                                         |
//! | -------------------------------------- | -------------------------------------------------- |
//! | leave the mark; full fence; look again | say that it waits; full fence; look for the mark   |
//!
//! One of the two fences comes first: the thread sees the mark, or the monitor that it waits,
//! though it may not be parked yet. In that case the monitor looks again 100 ms later.
//!
//! A mark for anybody would cost each wait a wake-up of the monitor while threads wake each other.
//! So there is one in 100 ms at most. If a thread ends that is in the way, nobody looks again
//! before something happens.

use super::{Counters, Rounds};
use crate::{
    idle::pool::Pool,
    scheduler::{
        Scheduler,
        callers::{self, Rest},
        dump::Dump,
        env::OnDeadlock,
        executor_id,
        helpers::{self, Helper},
        printable::Printable,
        report, system,
    },
    sync::{Instant, forked},
    timer::owned,
};
use std::{
    collections::BTreeSet,
    process,
    sync::atomic::{AtomicBool, AtomicU64, Ordering, fence},
    thread,
    time::Duration,
};

/// From one look to the next.
const PAUSE: Duration = Duration::from_millis(100);

/// It has been said in this process.
static TOLD: AtomicBool = AtomicBool::new(false);

/// The thread that was in the way at the last look, as the system numbers it; or one of these two.
static IN_THE_WAY: AtomicU64 = AtomicU64::new(NOBODY);

/// There is nothing to find out, or somebody has told of a wait.
const NOBODY: u64 = 0;

/// No thread has this number.
const ANYBODY: u64 = u64::MAX;

/// What the process does, at one look at which nothing in memory says that anything will happen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sight {
    executors: Vec<Asleep>,
    callers: Vec<Rest>,
    /// Threads that wake nobody.
    helpers: Vec<u64>,
}

/// What an executor does.
enum Does {
    /// It has ended.
    Nothing,
    Sleeps(Asleep),
    /// What it likes.
    Anything,
}

/// An executor whose machines sleep, or wait in `block_on`, with nothing in its queues.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asleep {
    number: u16,
    /// Tasks that wait.
    suspended: usize,
    spawned: u64,
    polls: u64,
    parks: u64,
    /// Those of the machines that sleep.
    threads: Vec<u64>,
}

/// What to do after a look.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Nothing, until something happens.
    Sleep,
    LookAgain(Duration),
    /// Anything may happen, until some thread says that it waits.
    AwaitAnybody,
    /// There are as many threads as this has asleep.
    Deadlock(Sight),
    /// There are others.
    SomebodyIsAwake(Sight),
}

/// What the monitor knows from its last look.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: Option<(Sight, Instant)>,
    /// There is nothing more to find out.
    is_settled: bool,
    /// When anybody was awaited last.
    awaited: Option<Instant>,
}

impl Sight {
    /// What can be seen now; `None` if anything may happen.
    fn of_process() -> Option<Sight> {
        if owned::any_will_fire() {
            return None;
        }
        let callers = callers::rests();
        let mut executors = Vec::new();
        for scheduler in executor_id::all() {
            match scheduler.does(&callers) {
                Does::Nothing => {}
                Does::Sleeps(asleep) => executors.push(asleep),
                Does::Anything => return None,
            }
        }
        let sight = Sight {
            executors,
            callers,
            helpers: helpers::numbers(),
        };
        sight.somebody_waits().then_some(sight)
    }

    fn somebody_waits(&self) -> bool {
        let tasks = self.executors.iter().any(|executor| executor.suspended > 0);
        tasks || self.callers.iter().any(|caller| caller.is_parked)
    }

    /// Whether a thread is on its way to sleep, or back.
    fn somebody_moves(&self) -> bool {
        let mut callers = self.callers.iter();
        callers.any(|caller| caller.waits % 2 == 1 && !caller.is_parked)
    }

    /// The threads that are asleep, or wake nobody.
    fn asleep(&self) -> BTreeSet<u64> {
        let parked = self.callers.iter().filter(|caller| caller.is_parked);
        let own = self.executors.iter().flat_map(|executor| &executor.threads);
        let own = own.chain(&self.helpers).copied();
        own.chain(parked.map(|caller| caller.thread)).collect()
    }
}

impl Watch {
    /// Something has happened since the last look.
    pub(super) fn disturb(&mut self) {
        self.seen = None;
        self.is_settled = false;
    }

    fn step(
        &mut self,
        now: Instant,
        look: impl FnOnce() -> Option<Sight>,
        count_threads: impl FnOnce() -> Option<usize>,
    ) -> Step {
        if self.is_settled {
            return Step::Sleep;
        }
        let before = self.seen.take();
        let pause_after = |at: Instant| PAUSE.saturating_sub(now.saturating_duration_since(at));
        if let Some((_, at)) = &before
            && let left = pause_after(*at)
            && !left.is_zero()
        {
            self.seen = before;
            return Step::LookAgain(left);
        }
        // Before the second look: the moment lies between the two.
        let threads = before.as_ref().and_then(|_| count_threads());
        let Some(sight) = look() else {
            let left = self.awaited.map_or(Duration::ZERO, pause_after);
            if !left.is_zero() {
                return Step::LookAgain(left);
            }
            self.is_settled = true;
            self.awaited = Some(now);
            return Step::AwaitAnybody;
        };
        if before.is_none_or(|(before, _)| before != sight) || sight.somebody_moves() {
            self.seen = Some((sight, now));
            return Step::LookAgain(PAUSE);
        }
        self.is_settled = true;
        match threads {
            None => Step::Sleep,
            Some(threads) if threads == sight.asleep().len() => Step::Deadlock(sight),
            Some(_) => Step::SomebodyIsAwake(sight),
        }
    }

    /// Looks once more, after a mark was left for what was in the way of `seen`. Returns when to
    /// look again.
    fn confirm(
        &mut self,
        now: Instant,
        seen: Option<Sight>,
        look: impl FnOnce() -> Option<Sight>,
    ) -> Option<Duration> {
        let sight = look();
        if sight == seen {
            return None;
        }
        self.is_settled = false;
        self.seen = sight.map(|sight| (sight, now));
        Some(PAUSE)
    }
}

impl Scheduler {
    fn does(&self, callers: &[Rest]) -> Does {
        if self.threads.are_over() {
            return Does::Nothing;
        }
        let may_stir = !self.config.handoff
            || self.is_closed()
            || self.has_work()
            || self.shared_source.is_descriptor_awaited();
        let (asleep, total) = self.idle.sleepers();
        let are_all = || asleep.len() + self.machines_in_block_on(&asleep, callers) == total;
        if may_stir || total == 0 || !are_all() {
            return Does::Anything;
        }
        Does::Sleeps(self.asleep(&asleep))
    }

    /// How many machines, which are none of those asleep, run a task that waits in `block_on`.
    fn machines_in_block_on(&self, asleep: &[usize], callers: &[Rest]) -> usize {
        let is_parked = |thread| {
            let mut callers = callers.iter();
            callers.any(|caller| caller.is_parked && caller.thread == thread)
        };
        let others = self.processors.iter_in_use().enumerate();
        let others = others.filter(|(own, other)| !asleep.contains(own) && other.is_idle());
        // A processor without a machine has the number of a thread that has ended, which the system
        // may have given to another: each counts once.
        let threads = others.map(|(_, other)| other.counters.thread.load(Ordering::Relaxed));
        let threads: BTreeSet<_> = threads.filter(|&thread| is_parked(thread)).collect();
        threads.len()
    }

    /// What there is to see of an executor of whose machines these sleep.
    fn asleep(&self, machines: &[usize]) -> Asleep {
        let of_all = |number: fn(&Counters) -> u64| {
            let processors = self.processors.iter();
            processors.map(|other| number(&other.counters)).sum()
        };
        let processors = machines.iter().map(|&own| self.processors.get(own));
        // Ordering: Relaxed; each was stored before its machine fell asleep, under the lock.
        let threads = processors.map(|own| own.counters.thread.load(Ordering::Relaxed));
        Asleep {
            number: self.id.get(),
            suspended: self.suspended.len(),
            spawned: self.population().spawned,
            polls: of_all(|counters| counters.polls.get()),
            parks: of_all(|counters| counters.parks.get()),
            threads: threads.collect(),
        }
    }

    /// Call on a thread with that number before it waits in `block_on` for others alone, and after
    /// it has said that it waits.
    #[inline]
    pub(crate) fn thread_will_wait(&self, thread: u64) {
        // Pairs with the fence in `leave_mark`.
        fence(Ordering::SeqCst);
        // Ordering: Relaxed; the fences order it.
        let mark = IN_THE_WAY.load(Ordering::Relaxed);
        if mark != NOBODY && (mark == thread || mark == ANYBODY) {
            self.tell_of_wait();
        }
    }

    #[cold]
    fn tell_of_wait(&self) {
        IN_THE_WAY.store(NOBODY, Ordering::Relaxed);
        // Also if it does not sleep yet.
        self.monitor.rest.wake();
    }
}

fn leave_mark(mark: u64) {
    IN_THE_WAY.store(mark, Ordering::Relaxed);
    // Pairs with the fence in `thread_will_wait`.
    fence(Ordering::SeqCst);
}

impl Rounds<'_> {
    /// Looks whether all tasks are asleep for ever, and says so. Returns when to look again, if
    /// nothing happens before.
    pub(super) fn look_for_deadlock(&mut self, now: Instant) -> Option<Duration> {
        let on_deadlock = self.scheduler.config.on_deadlock;
        let is_off = on_deadlock == OnDeadlock::Nothing || TOLD.load(Ordering::Relaxed);
        // shuttle's executions know nothing of each other's executors.
        if is_off || cfg!(shuttle) || forked::generation() != 0 {
            return None;
        }
        match (self.deadlock).step(now, Sight::of_process, system::thread_count) {
            Step::Sleep => {}
            Step::LookAgain(pause) => return Some(pause),
            Step::AwaitAnybody => {
                leave_mark(ANYBODY);
                return self.deadlock.confirm(now, None, Sight::of_process);
            }
            Step::SomebodyIsAwake(sight) => {
                leave_mark(first_awake(&sight.asleep()).unwrap_or(ANYBODY));
                return (self.deadlock).confirm(now, Some(sight), Sight::of_process);
            }
            Step::Deadlock(sight) => {
                // As many as there are; and they are the same, if each of them exists.
                let mut threads = sight.asleep().into_iter();
                let are_same = !threads.any(system::is_gone);
                if are_same && !TOLD.swap(true, Ordering::Relaxed) {
                    have_said(on_deadlock);
                }
            }
        }
        None
    }
}

/// A thread that is none of these.
fn first_awake(asleep: &BTreeSet<u64>) -> Option<u64> {
    let mut threads = system::threads()?.into_iter();
    threads.find(|thread| !asleep.contains(thread))
}

/// For the tasks of an executor to say on what they wait.
const LIMIT: Duration = Duration::from_millis(500);

/// Has a thread say it: to ask tasks takes time, and wakes them, of which an observer is told.
fn have_said(on_deadlock: OnDeadlock) {
    let thread = thread::Builder::new().name("executor-dump".into());
    let started = thread.spawn(move || {
        let _helper = Helper::this_thread();
        say(on_deadlock, dump_in_full);
    });
    if started.is_err() {
        say(on_deadlock, Scheduler::dump);
    }
}

/// With what the tasks say themselves, if there is a machine to poll them.
fn dump_in_full(scheduler: &Scheduler) -> Dump {
    let (config, machines) = (&scheduler.config, scheduler.idle.machines());
    if machines.asleep > 0 || machines.total < config.max_machines {
        scheduler.dump_in_full(LIMIT)
    } else {
        scheduler.dump()
    }
}

/// Says that all tasks are asleep, and which ones there are.
fn say(on_deadlock: OnDeadlock, dump: impl Fn(&Scheduler) -> Dump) {
    report::dump("executor: all tasks are asleep: deadlock!\n");
    let mut text = String::new();
    let mut executors = executor_id::all();
    executors.retain(|scheduler| !scheduler.threads.are_over());
    for scheduler in &executors {
        text.push('\n');
        if executors.len() > 1 {
            let name = Printable(&scheduler.config.thread_name);
            text += &format!("executor {} `{name}`: ", scheduler.id.get());
        }
        text += &dump(scheduler).to_string();
    }
    report::dump(&text);
    if on_deadlock == OnDeadlock::Abort {
        process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(thread: u64, is_parked: bool) -> Rest {
        Rest {
            thread,
            waits: if is_parked { 7 } else { 8 },
            is_parked,
        }
    }

    /// An executor with a waiting task, and the machines' threads 1 and 2.
    fn asleep() -> Asleep {
        Asleep {
            number: 0,
            suspended: 1,
            spawned: 4,
            polls: 9,
            parks: 5,
            threads: vec![1, 2],
        }
    }

    /// That executor with its monitor, thread 3, and main in `block_on`, thread 4.
    fn sight() -> Sight {
        Sight {
            executors: vec![asleep()],
            callers: vec![caller(4, true)],
            helpers: vec![3],
        }
    }

    fn step(watch: &mut Watch, now: Instant, sight: Option<Sight>, threads: usize) -> Step {
        watch.step(now, || sight, || Some(threads))
    }

    #[test]
    fn two_equal_looks_and_no_other_thread_are_a_deadlock() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        let first = step(&mut watch, now, Some(sight()), 4);
        assert_eq!(first, Step::LookAgain(PAUSE));
        let second = step(&mut watch, now + PAUSE, Some(sight()), 4);
        assert_eq!(second, Step::Deadlock(sight()));
        let third = step(&mut watch, now + 2 * PAUSE, Some(sight()), 4);
        assert_eq!(third, Step::Sleep, "once is enough");
    }

    #[test]
    fn the_second_look_is_not_too_early() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        step(&mut watch, now, Some(sight()), 4);
        let early = watch.step(now + PAUSE / 4, || unreachable!(), || unreachable!());
        assert_eq!(early, Step::LookAgain(PAUSE - PAUSE / 4));
        let second = step(&mut watch, now + PAUSE, Some(sight()), 4);
        assert_eq!(second, Step::Deadlock(sight()));
    }

    #[test]
    fn threads_are_counted_between_two_looks_and_in_no_other_case() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        watch.step(now, || Some(sight()), || unreachable!());
        let counted = std::cell::Cell::new(false);
        let count = || {
            counted.set(true);
            Some(4)
        };
        let look = || {
            assert!(counted.get());
            Some(sight())
        };
        assert_eq!(
            watch.step(now + PAUSE, look, count),
            Step::Deadlock(sight())
        );
        watch.disturb();
        let third = watch.step(now, || None, || unreachable!());
        assert_eq!(third, Step::AwaitAnybody);
    }

    #[test]
    fn whatever_has_changed_between_two_looks_makes_the_second_a_first() {
        let change: [fn(&mut Sight); 11] = [
            |sight| sight.executors[0].polls += 1,
            |sight| sight.executors[0].spawned += 1,
            |sight| sight.executors[0].parks += 1,
            |sight| sight.executors[0].suspended += 1,
            |sight| sight.executors[0].threads = vec![1],
            |sight| sight.helpers.push(5),
            |sight| sight.executors[0].number += 1,
            |sight| sight.executors.push(asleep()),
            |sight| sight.callers[0].waits += 1,
            |sight| sight.callers[0] = caller(4, false),
            |sight| sight.callers.clear(),
        ];
        for change in change {
            let (mut watch, now) = (Watch::default(), Instant::now());
            step(&mut watch, now, Some(sight()), 4);
            let mut other = sight();
            change(&mut other);
            let threads = other.asleep().len();
            let second = step(&mut watch, now + PAUSE, Some(other.clone()), threads);
            assert_eq!(second, Step::LookAgain(PAUSE));
            let third = step(&mut watch, now + 2 * PAUSE, Some(other.clone()), threads);
            assert_eq!(third, Step::Deadlock(other));
        }
    }

    #[test]
    fn a_thread_of_somebody_elses_and_one_that_is_not_parked_are_in_the_way() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        step(&mut watch, now, Some(sight()), 5);
        let second = step(&mut watch, now + PAUSE, Some(sight()), 5);
        assert_eq!(second, Step::SomebodyIsAwake(sight()));
        let third = step(&mut watch, now + 2 * PAUSE, Some(sight()), 4);
        assert_eq!(third, Step::Sleep, "nothing has happened");
        let runs = Sight {
            callers: vec![caller(4, false)],
            ..sight()
        };
        watch.disturb();
        step(&mut watch, now, Some(runs.clone()), 4);
        let second = step(&mut watch, now + PAUSE, Some(runs.clone()), 4);
        assert_eq!(second, Step::SomebodyIsAwake(runs));
    }

    #[test]
    fn anybody_is_awaited_once_in_a_pause() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        assert_eq!(step(&mut watch, now, None, 4), Step::AwaitAnybody);
        assert_eq!(step(&mut watch, now, None, 4), Step::Sleep);
        watch.disturb();
        let early = step(&mut watch, now + PAUSE / 4, None, 4);
        assert_eq!(early, Step::LookAgain(PAUSE - PAUSE / 4));
        let later = step(&mut watch, now + PAUSE, None, 4);
        assert_eq!(later, Step::AwaitAnybody);
    }

    #[test]
    fn what_has_changed_when_the_mark_is_left_is_looked_at_again() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        step(&mut watch, now, None, 4);
        assert_eq!(watch.confirm(now, None, || None), None);
        assert_eq!(step(&mut watch, now, None, 4), Step::Sleep);
        let again = watch.confirm(now, None, || Some(sight()));
        assert_eq!(again, Some(PAUSE), "it came to wait meanwhile");
        let second = step(&mut watch, now + PAUSE, Some(sight()), 4);
        assert_eq!(second, Step::Deadlock(sight()));
        let again = watch.confirm(now, Some(sight()), || None);
        assert_eq!(again, Some(PAUSE), "something else is in the way");
        let again = step(&mut watch, now + 2 * PAUSE, None, 4);
        assert_eq!(again, Step::AwaitAnybody);
    }

    #[test]
    fn a_thread_on_its_way_to_sleep_is_looked_at_until_it_sleeps() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        let mut moves = sight();
        moves.callers[0].is_parked = false;
        for i in 0..4 {
            let again = step(&mut watch, now + i * PAUSE, Some(moves.clone()), 4);
            assert_eq!(again, Step::LookAgain(PAUSE));
        }
        let first = step(&mut watch, now + 4 * PAUSE, Some(sight()), 4);
        assert_eq!(first, Step::LookAgain(PAUSE));
        let second = step(&mut watch, now + 5 * PAUSE, Some(sight()), 4);
        assert_eq!(second, Step::Deadlock(sight()));
    }

    #[test]
    fn without_an_answer_about_threads_nothing_is_said() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        step(&mut watch, now, Some(sight()), 4);
        let second = watch.step(now + PAUSE, || Some(sight()), || None);
        assert_eq!(second, Step::Sleep);
    }

    #[test]
    fn it_takes_a_task_or_a_caller_that_waits() {
        let mut sight = sight();
        assert!(sight.somebody_waits());
        sight.callers[0].is_parked = false;
        assert!(sight.somebody_waits(), "a task");
        sight.executors[0].suspended = 0;
        assert!(!sight.somebody_waits());
        sight.callers[0].is_parked = true;
        assert!(sight.somebody_waits(), "main");
    }

    #[test]
    fn the_harness_has_threads_so_that_nothing_is_said_here() {
        let scheduler = crate::Executor::new().unwrap();
        drop(scheduler.spawn(std::future::pending::<()>()));
        std::thread::sleep(4 * PAUSE);
        assert!(!TOLD.load(Ordering::Relaxed));
    }
}
