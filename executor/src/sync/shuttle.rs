//! What shuttle lacks: a clock, and waiting until a time.
//!
//! Time *stands still* unless a test calls [`run_clock`]. A thread that waits until a time then
//! waits until somebody wakes it. So a lost wake-up that the monitor would have made up for shows
//! as a deadlock. With a clock, time *jumps*, at random moments, to a time that somebody waits for.
//!
//! All threads of an execution are coroutines on one thread of the system. That is why the state of
//! the clock is in a thread-local of std's, and why a `RefCell` suffices, as long as no step is
//! made while it is borrowed.

use crate::sync::MutexGuard;
use ::shuttle::{
    rand::{Rng, thread_rng},
    sync::{Arc, Condvar as Inner, LockResult, PoisonError, WaitTimeoutResult},
    thread::{self, JoinHandle, LocalKey, Thread},
};
use std::{
    cell::{Cell, RefCell},
    ops::{Add, Sub},
    time::Duration,
};

/// One in so many turns of the clock's thread is a tick. The other threads get on in between.
const TURNS_A_TICK: u32 = 4;

/// One in so many ticks leaps over the first deadline to a random one, as if the process had been
/// stopped, or had got no core for long.
const TICKS_A_LEAP: u32 = 8;

std::thread_local! {
    static TIME: RefCell<Time> = const { RefCell::new(Time::start()) };
}

struct Time {
    now: Duration,
    /// Whom to wake, and when. A sleeper is here until it is awake.
    sleepers: Vec<(Arc<Inner>, Duration)>,
    /// The clock's thread.
    clock: Option<Thread>,
    stopped: bool,
}

impl Time {
    const fn start() -> Time {
        Time {
            now: Duration::ZERO,
            sleepers: Vec::new(),
            clock: None,
            stopped: false,
        }
    }
}

fn with_time<R>(f: impl FnOnce(&mut Time) -> R) -> R {
    TIME.with_borrow_mut(f)
}

/// Sets time to its start. Call at the start of each execution.
pub(crate) fn restart_time() {
    // What a failed execution has left must not be dropped: shuttle knows it no more.
    std::mem::forget(with_time(|time| std::mem::replace(time, Time::start())));
}

/// A point in the simulated time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// When each execution begins.
    pub(crate) const START: Instant = Instant(Duration::ZERO);

    pub(crate) fn now() -> Instant {
        Instant(with_time(|time| time.now))
    }

    pub(crate) fn checked_add(self, duration: Duration) -> Option<Instant> {
        self.0.checked_add(duration).map(Instant)
    }

    pub(crate) fn checked_sub(self, duration: Duration) -> Option<Instant> {
        self.0.checked_sub(duration).map(Instant)
    }

    pub(crate) fn duration_since(self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }

    pub(crate) fn saturating_duration_since(self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0 + duration)
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

/// shuttle's, with a `wait_timeout` that may time out.
#[derive(Debug, Default)]
pub(crate) struct Condvar(Arc<Inner>);

impl Condvar {
    pub(crate) fn new() -> Condvar {
        Condvar::default()
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.0.wait(guard)
    }

    /// Waits until woken, by a notification or by the clock. Which it was the result does not say:
    /// callers look at the time.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        duration: Duration,
    ) -> Result<
        (MutexGuard<'a, T>, WaitTimeoutResult),
        PoisonError<(MutexGuard<'a, T>, WaitTimeoutResult)>,
    > {
        let clock = with_time(|time| {
            let deadline = time.now.saturating_add(duration);
            time.sleepers.push((self.0.clone(), deadline));
            time.clock.clone()
        });
        if let Some(clock) = clock {
            clock.unpark();
        }
        let woken = self.0.wait_timeout(guard, duration);
        with_time(|time| {
            let is_own = |(signal, _): &(Arc<Inner>, Duration)| Arc::ptr_eq(signal, &self.0);
            let own = time.sleepers.iter().position(is_own);
            time.sleepers.swap_remove(own.expect("put there above"));
        });
        woken
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// Time passes until this is dropped.
#[derive(Debug)]
pub(crate) struct Clock(Option<JoinHandle<()>>);

/// Lets time pass, until the clock is dropped.
pub(crate) fn run_clock() -> Clock {
    let thread = thread::spawn(tick);
    with_time(|time| time.clock = Some(thread.thread().clone()));
    Clock(Some(thread))
}

impl Drop for Clock {
    fn drop(&mut self) {
        let Some(thread) = self.0.take().filter(|_| !thread::panicking()) else {
            return;
        };
        with_time(|time| (time.stopped, time.clock) = (true, None));
        thread.thread().unpark();
        thread.join().expect("a clock does not panic");
    }
}

fn tick() {
    loop {
        let (stopped, nobody) = with_time(|time| (time.stopped, time.sleepers.is_empty()));
        if stopped {
            return;
        }
        if nobody {
            thread::park();
            continue;
        }
        thread::yield_now();
        if thread_rng().gen_ratio(1, TURNS_A_TICK) {
            let leaps = thread_rng().gen_ratio(1, TICKS_A_LEAP);
            let any: u32 = thread_rng().r#gen();
            advance(leaps.then_some(any as usize));
        }
    }
}

/// Advances time to the first deadline, or to one that `any` picks, and wakes everybody whose
/// deadline has come.
fn advance(any: Option<usize>) {
    let due = with_time(|time| {
        let mut deadlines = time.sleepers.iter().map(|(_, deadline)| *deadline);
        let next = match any {
            Some(any) => deadlines.nth(any % time.sleepers.len().max(1)),
            None => deadlines.min(),
        };
        time.now = time.now.max(next.unwrap_or_default());
        let due = |sleeper: &&(Arc<Inner>, Duration)| sleeper.1 <= time.now;
        let due = time.sleepers.iter().filter(due);
        due.map(|(signal, _)| signal.clone()).collect::<Vec<_>>()
    });
    // A sleeper that has not begun to wait misses this, and is woken at the next tick.
    due.iter().for_each(|signal| signal.notify_all());
}

/// The methods that std's thread-local cells have, and shuttle's lack.
pub(crate) trait LocalCell<T> {
    fn get(&'static self) -> T
    where
        T: Copy;
    fn set(&'static self, value: T);
    fn replace(&'static self, value: T) -> T;
}

impl<T> LocalCell<T> for LocalKey<Cell<T>> {
    fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }

    fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

/// The method that std's handles to threads have, and shuttle's lack. It says that no thread has
/// ended: all are joined in the end.
pub(crate) trait IsFinished {
    fn is_finished(&self) -> bool;
}

impl<T> IsFinished for JoinHandle<T> {
    fn is_finished(&self) -> bool {
        false
    }
}
