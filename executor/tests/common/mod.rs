//! What the integration tests share: a watchdog, drop counting, gates, wakers, sleeps, child
//! processes, figures about the process.
#![allow(dead_code, unused_imports)] // Each test binary uses a part of it.

mod bell;
mod figures;
pub mod limits;
mod logger;
pub mod mischief;
mod process;
mod scale;
pub mod sleeps;
mod watchdog;

pub use bell::Bell;
use executor::{Executor, Metrics};
pub use fastrand::Rng;
pub use figures::*;
pub use logger::in_process_with_log;
#[cfg(unix)]
pub use process::full_pipe;
pub use process::{
    assert_passed, child, in_own_process, is_child, output_of, output_within, passed, role,
};
pub use scale::{asked_effort, effort, few_workers, total, worker_counts};
use std::{
    cell::Cell,
    fmt::Display,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Poll, Waker},
    thread,
    time::{Duration, Instant},
};
use watchdog::Watchdog;

/// Far longer than anything tested takes on a busy machine; for conditions that come by themselves.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Starts a [`Watchdog`] for what takes a small part of so many seconds with the usual effort on a
/// machine that has nothing else to do. It waits three times as long: what hangs, hangs for ever.
#[track_caller]
pub fn watchdog(seconds: u64) -> Watchdog {
    Watchdog::with(watchdog_limit(seconds))
}

/// How long a [`watchdog`] waits that is started for so many seconds.
fn watchdog_limit(seconds: u64) -> Duration {
    Duration::from_secs(3 * seconds * scale::asked_effort() as u64)
}

/// An executor with `workers` workers.
pub fn executor(workers: usize) -> Executor {
    Executor::builder().workers(workers).build().unwrap()
}

/// An executor whose threads are its workers and nobody else: no stand-in comes, also when the
/// machine is so busy that a worker looks stuck.
pub fn steady_executor(workers: usize) -> Executor {
    Executor::builder()
        .workers(workers)
        .handoff(false)
        .build()
        .unwrap()
}

/// An executor whose stand-ins come for calls that announce themselves, and for nothing else.
pub fn patient_executor(workers: usize) -> Executor {
    let builder = Executor::builder().workers(workers);
    builder
        .handoff_after(Duration::from_secs(3600))
        .build()
        .unwrap()
}

/// Waits until `condition` holds, which it must soon.
#[track_caller]
pub fn eventually(what: impl Display, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// Attempts what is `false` when this machine was too slow to put anything to the test. One that
/// always is tests nothing.
#[track_caller]
pub fn in_some_attempt(mut attempt: impl FnMut() -> bool) {
    const ATTEMPTS: usize = 50;
    let tested = (0..ATTEMPTS).any(|_| attempt());
    assert!(tested, "too slow in each of {ATTEMPTS} attempts");
}

/// Whether all threads are asleep. (One that steps back counts as asleep before it wakes another
/// for what it leaves.)
pub fn is_at_rest(metrics: &Metrics) -> bool {
    metrics.idle_threads() == metrics.threads() && metrics.searching_threads() == 0
}

/// The executor still does its work, and has lost no thread.
#[track_caller]
pub fn assert_sound(own: &Executor) {
    for i in 0..50 {
        assert_eq!(own.block_on(own.spawn(async move { i })).unwrap(), i);
    }
    assert!(own.metrics().threads() >= own.metrics().workers());
}

/// Panics without the panic hook's noise.
pub fn quiet_panic(text: &'static str) -> ! {
    std::panic::resume_unwind(Box::new(text))
}

/// Counts guards made and guards dropped.
#[derive(Clone, Default, Debug)]
pub struct Ledger(Arc<Entries>);

#[derive(Default, Debug)]
struct Entries {
    made: AtomicUsize,
    dropped: AtomicUsize,
}

/// Notes its drop in the [`Ledger`] it came from.
#[derive(Debug)]
pub struct Guard(Ledger);

impl Ledger {
    pub fn new() -> Ledger {
        Ledger::default()
    }

    pub fn guard(&self) -> Guard {
        self.0.made.fetch_add(1, SeqCst);
        Guard(self.clone())
    }

    /// `future`, with a guard that is dropped when it is.
    pub fn track<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let guard = self.guard();
        async move {
            let output = future.await;
            drop(guard);
            output
        }
    }

    pub fn made(&self) -> usize {
        self.0.made.load(SeqCst)
    }

    pub fn dropped(&self) -> usize {
        self.0.dropped.load(SeqCst)
    }

    /// Each guard that was made has been dropped, once.
    #[track_caller]
    pub fn assert_settled(&self) {
        assert_eq!(self.dropped(), self.made(), "guards dropped, guards made");
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.dropped.fetch_add(1, SeqCst);
    }
}

/// Blocks threads until it is opened, without telling the executor.
#[derive(Clone, Default, Debug)]
pub struct Gate(Arc<Doors>);

#[derive(Default, Debug)]
struct Doors {
    /// For threads that look.
    is_open: AtomicBool,
    /// For threads that sleep.
    open: Mutex<bool>,
    opened: Condvar,
}

/// How long a thread waits at a [`Gate`] before it panics: not for ever, so that a test that fails
/// before it opens the gate comes to its end, and longer than any condition is waited for.
const GATE_PATIENCE: Duration = PATIENCE.saturating_mul(2);

impl Gate {
    pub fn new() -> Gate {
        Gate::default()
    }

    pub fn open(&self) {
        self.0.is_open.store(true, SeqCst);
        *self.0.open.lock().unwrap() = true;
        self.0.opened.notify_all();
    }

    pub fn is_open(&self) -> bool {
        self.0.is_open.load(SeqCst)
    }

    /// Blocks the thread asleep.
    #[track_caller]
    pub fn wait(&self) {
        let closed = self.0.open.lock().unwrap();
        let opened = &self.0.opened;
        let (open, _) = opened
            .wait_timeout_while(closed, GATE_PATIENCE, |open| !*open)
            .unwrap();
        let is_open = *open;
        // Before the panic, for others wait here, too.
        drop(open);
        assert!(is_open, "nobody opens the gate");
    }

    /// Blocks the thread computing.
    #[track_caller]
    pub fn spin(&self) {
        let start = Instant::now();
        while !self.is_open() {
            assert!(start.elapsed() < GATE_PATIENCE, "nobody opens the gate");
            std::hint::spin_loop();
        }
    }
}

/// Wakers that somebody else is to wake: tasks that wait here leave theirs behind.
#[derive(Clone, Default, Debug)]
pub struct Wakers(Arc<Mutex<Vec<Waker>>>);

impl Wakers {
    pub fn new() -> Wakers {
        Wakers::default()
    }

    pub fn add(&self, waker: &Waker) {
        self.0.lock().unwrap().push(waker.clone());
    }

    pub fn take(&self) -> Vec<Waker> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Never ready; leaves a waker here at each poll.
    pub fn forever(&self) -> impl Future<Output = ()> + Send + use<> {
        let wakers = self.clone();
        poll_fn(move |cx| {
            wakers.add(cx.waker());
            Poll::Pending
        })
    }

    /// Pending once, with its waker left here.
    pub fn once(&self) -> impl Future<Output = ()> + Send + use<> {
        let wakers = self.clone();
        let mut waited = false;
        poll_fn(move |cx| {
            if waited {
                return Poll::Ready(());
            }
            waited = true;
            wakers.add(cx.waker());
            Poll::Pending
        })
    }
}

/// Runs a closure as it is dropped.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Has `f` called by the destructor of a thread-local variable as this thread ends; a second call
/// replaces the first.
pub fn at_thread_end(f: impl FnOnce() + 'static) {
    struct AtEnd(Cell<Option<Box<dyn FnOnce()>>>);

    impl Drop for AtEnd {
        fn drop(&mut self) {
            if let Some(f) = self.0.take() {
                f();
            }
        }
    }

    thread_local!(static AT_END: AtEnd = const { AtEnd(Cell::new(None)) });
    AT_END.with(|at_end| at_end.0.set(Some(Box::new(f))));
}

/// A future on the heap, for recursion.
pub type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Spins for that long: works, as the scheduler sees it.
pub fn work_for(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Lets some time pass: none, a moment or up to `longest`, the range in which the threads of a race
/// meet.
pub fn pause(rng: &mut Rng, longest: Duration) {
    match rng.u8(..4) {
        0 => {}
        1 => thread::yield_now(),
        _ => work_for(moment(rng, longest)),
    }
}

/// A duration below `longest`.
pub fn moment(rng: &mut Rng, longest: Duration) -> Duration {
    Duration::from_nanos(rng.u64(..longest.as_nanos() as u64))
}
