//! Simulation: the same program, on one thread, in virtual time, by a seed.
//!
//! [`simulate`] runs a program once, a [`Simulation`] as often as one likes. What
//! happens in what order is chosen by a number, the *seed*: the same seed, the same run, on any
//! machine. So a bug that comes once in a thousand runs is found by running a thousand seeds, and
//! comes again each time with the seed that has found it.
//!
//! Inside, everything is as outside: [`spawn`](crate::spawn),
//! [`spawn_blocking`](crate::spawn_blocking), [`block_in_place`](crate::block_in_place),
//! [`block_on`](crate::block_on), [`yield_now`](crate::yield_now), [`time`](crate::time),
//! [`JoinSet`](crate::JoinSet), [`Handle::current`](crate::Handle::current), and channels and locks
//! of whatever crate that know no runtime. It is the real scheduler that runs, with its workers,
//! queues and timers; but they take turns on the calling thread. No thread is started, and nobody
//! sleeps.
//!
//! # Time
//!
//! Time is virtual: it stands still while anybody can go on, and then jumps to when the next timer
//! is due. A year of sleeps takes no time. [`time::now`](crate::time::now) tells the time;
//! `std::time::Instant::now` tells the machine's, which passes otherwise.
//!
//! A sleep or a time-out has its deadline from when it is made, so make it inside:
//! `simulate(async { sleep(hour).await })`, not `simulate(sleep(hour))`. One that is made outside
//! has a deadline by the machine's clock, which means nothing inside.
//!
//! # What is found
//!
//! | [`FailureKind`] | when |
//! | --- | --- |
//! | `Deadlock` | main waits, all are asleep, nothing is due |
//! | `Leak` | main has ended, and others wait for ever. When main has ended the rest goes on, and time too, until all have ended. Abort what has no end |
//! | `Limit` | it goes on for longer than [`time_limit`](Simulation::time_limit) or [`step_limit`](Simulation::step_limit) |
//! | `Panic` | main panics; or a task does whose handle was dropped, and had told nobody of it: [`cancel`](crate::JoinHandle::cancel) and [`shutdown`](crate::JoinSet::shutdown) drop it so. A handle that is kept, or forgotten, can still tell |
//! | `Nondeterminism` | the same seed does another thing, by a `HashMap`'s order, the machine's time, or a lock that is fair by that; another thread wakes a task |
//!
//! # What is not simulated
//!
//! * **Threads.** What makes a task of the simulation runnable on another thread is refused: a
//!   wake-up, [`Handle::spawn`](crate::Handle::spawn), an abort. It panics there, and ends the
//!   simulation as [`Nondeterminism`](FailureKind::Nondeterminism). (On a worker of an executor
//!   outside, it does the latter alone.) A wake-up that is still on its way when all are asleep
//!   comes too late: the failure is a `Deadlock`. `spawn_blocking` is simulated: its closure runs
//!   on the simulation's thread, in no time.
//! * **Another runtime's context.** In a task of tokio's, or a `#[tokio::test]`, tokio's channels
//!   and locks have a budget. Once it is spent they leave their wake-ups to that runtime, which is
//!   not run meanwhile: a `Deadlock` that is none. Simulate on a thread of its own, or in
//!   `tokio::task::spawn_blocking`.
//! * **What blocks the thread**, such as `std::thread::sleep`, a channel or a lock of std's,
//!   another crate's `block_on`. It does block: whoever could end that is not run meanwhile.
//! * **Executors.** [`Builder::build`](crate::Builder::build) says `Unsupported`, and `block_on` of
//!   an executor from outside panics.
//! * **Sockets and signals.** To wait for one is an error, `Unsupported`. (What it would take are
//!   streams in memory, with the latencies, partial reads and resets that a seed chooses, behind
//!   the types of `net`; until then make your code generic over `AsyncRead` and `AsyncWrite`.)
//! * **Chance of your own.** A `HashMap`'s order, a `select!` that begins anywhere: ask [`random`],
//!   or fix the hasher. [`check_determinism`](Simulation::check_determinism) finds out.
//! * **Nested `block_on`** of several tasks: each stays on the one stack until those inside of it
//!   have returned. See [`FailureKind::Deadlock`]. Beyond the workers, 128 tasks can wait there at
//!   once, and others begin when those return. So it is with closures of `spawn_blocking` that call
//!   it. On a thread of 2 MiB, as a test has, that is room for some 8 KB of the program's own on the
//!   stack in each. For more, give the thread more: `RUST_MIN_STACK=16777216` has it for tests, or
//!   run the simulation on a thread of [`stack_size`](std::thread::Builder::stack_size).
//!
//! # When it has failed
//!
//! What waits is dropped: main, then the tasks. A call of `block_on` that waits, inside of a poll,
//! panics, and the poll unwinds. As ever, a destructor that panics as something unwinds aborts the
//! process; so does a program that catches that panic and calls `block_on` again, 100,000 times,
//! after the failure has been printed. With `panic = "abort"` nobody can be told of a failure
//! inside.
//!
//! # Examples
//!
//! An update that is lost in some orders only:
//!
//! ```
//! use executor::{sim::Simulation, spawn, yield_now};
//! use std::sync::{Arc, atomic::{AtomicU32, Ordering::Relaxed}};
//!
//! let failure = Simulation::new().seeds(100).run(|| async {
//!     let account = Arc::new(AtomicU32::new(0));
//!     let deposit = |account: Arc<AtomicU32>| async move {
//!         let before = account.load(Relaxed);
//!         yield_now().await; // Others come in between.
//!         account.store(before + 1, Relaxed);
//!     };
//!     let tasks = [(); 2].map(|()| spawn(deposit(account.clone())));
//!     for task in tasks {
//!         task.await.unwrap();
//!     }
//!     assert_eq!(account.load(Relaxed), 2);
//! });
//! println!("{}", failure.unwrap_err());
//! ```
//!
#![doc = include_str!("testing.md")]

mod settle;

pub use crate::scheduler::simulation::{Failure, FailureKind};
use crate::{
    block_on::block_on_at,
    scheduler::{
        env, simulated,
        simulation::{self, Journal, Settings},
        task::is_large,
    },
    sync::panic::caught,
};
pub use settle::{Settle, settle};
use std::{
    future::{Future, poll_fn},
    panic::{Location, resume_unwind},
    pin::{Pin, pin},
    time::Duration,
};

/// Enough for tasks to overtake each other; with more of them each step takes longer.
const WORKERS: usize = 4;

/// Longer than any program runs, and shorter than what the clock has room for.
const TIME_LIMIT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Some ten seconds.
const STEP_LIMIT: u64 = 10_000_000;

/// The first of several seeds, unless another is asked for.
const FIRST_SEED: u64 = 1;

/// Runs a program in a [simulation](crate::sim), and returns its output.
///
/// The seed is that of the variable `EXECUTOR_SEED`, else random: each call tries another order.
/// For more than that see [`Simulation`].
///
/// # Panics
///
/// If the program fails, with a text that says how, the seed, and what all tasks did: see
/// [`Failure`]. On a thread that is in an executor, or simulates already. If
/// `EXECUTOR_SEED` is no number.
///
/// # Examples
///
/// ```
/// use executor::time::{sleep, timeout};
/// use std::time::Duration;
///
/// // Takes no time.
/// let late = executor::simulate(async {
///     let hour = Duration::from_secs(3600);
///     timeout(hour, sleep(2 * hour)).await.is_err()
/// });
/// assert!(late);
/// ```
#[track_caller]
pub fn simulate<F: Future>(main: F) -> F::Output {
    let seed = env::seed().unwrap_or_else(random_seed);
    let settings = &Simulation::new().settings;
    // Each call that a large future passes through copies it on the stack.
    let run = if const { is_large::<F>() } {
        run_once(settings, seed, Journal::None, Box::pin(main))
    } else {
        run_once(settings, seed, Journal::None, main)
    };
    match run.result {
        Ok(output) => output,
        Err(failure) => panic!("{failure}"),
    }
}

/// A simulation, with its settings.
///
/// | setting | without it |
/// | --- | --- |
/// | [`seed`](Simulation::seed) | 1 for several seeds, else random |
/// | [`seeds`](Simulation::seeds) | one |
/// | [`workers`](Simulation::workers) | 4 |
/// | [`lateness`](Simulation::lateness) | none: timers fire when they are due |
/// | [`spurious_wakes`](Simulation::spurious_wakes) | none |
/// | [`time_limit`](Simulation::time_limit) | 100 years |
/// | [`step_limit`](Simulation::step_limit) | 10,000,000 |
/// | [`check_determinism`](Simulation::check_determinism) | off |
///
/// # Examples
///
/// ```
/// use executor::{sim::Simulation, spawn, time::sleep};
/// use std::time::Duration;
///
/// let simulation = Simulation::new().seeds(50).workers(2).spurious_wakes(0.02);
/// let result = simulation.run(|| async {
///     let sleeper = spawn(sleep(Duration::from_secs(1)));
///     sleeper.await.unwrap();
/// });
/// assert!(result.is_ok());
/// ```
#[derive(Debug, Clone)]
#[must_use = "a simulation does nothing unless it is run"]
pub struct Simulation {
    settings: Settings,
    seed: Option<u64>,
    seeds: Option<u64>,
    check_determinism: bool,
}

impl Simulation {
    /// Returns a simulation with the default settings.
    ///
    /// ```
    /// let seven = executor::sim::Simulation::new().run(|| async { 7 });
    /// assert_eq!(seven.unwrap(), 7);
    /// ```
    pub fn new() -> Simulation {
        Simulation {
            settings: Settings {
                workers: WORKERS,
                lateness: Duration::ZERO,
                spurious_wakes: 0.0,
                time_limit: TIME_LIMIT,
                step_limit: STEP_LIMIT,
            },
            seed: None,
            seeds: None,
            check_determinism: false,
        }
    }

    /// Sets the seed, or the first of several. `EXECUTOR_SEED` overrides it.
    pub fn seed(mut self, seed: u64) -> Simulation {
        self.seed = Some(seed);
        self
    }

    /// Has the program run with so many seeds, one after the other, until it fails with one. They
    /// are the same each time: what has passed today passes tomorrow. For others set another first
    /// [`seed`](Simulation::seed), or more of them: `EXECUTOR_SEEDS` overrides the number where
    /// `seeds` was called.
    ///
    /// # Panics
    ///
    /// If the number is 0.
    #[track_caller]
    pub fn seeds(mut self, seeds: u64) -> Simulation {
        assert!(
            seeds > 0,
            "`seeds(0)`: a simulation that is not run finds nothing; ask for one or more"
        );
        self.seeds = Some(seeds);
        self
    }

    /// Sets how many workers the simulated executor has. More find more orders.
    ///
    /// One runs the tasks in its own order, which is not that in which they become runnable: the one
    /// that a task has woken last is next, from the worker's next slot; then come the others that
    /// tasks have woken, in order; then those that main has, from the global queue. The seed still
    /// decides when main takes a step.
    ///
    /// # Panics
    ///
    /// If the number is 0, or above 512.
    #[track_caller]
    pub fn workers(mut self, workers: usize) -> Simulation {
        /// Each of them is looked at for each step.
        const MOST: usize = 512;
        assert!(
            (1..=MOST).contains(&workers),
            "`workers({workers})`: a simulation has between 1 and {MOST}"
        );
        self.settings.workers = workers;
        self
    }

    /// Lets time jump too far, by up to so much, each time that it passes: timers are late, and
    /// several that are close are due at once, as on a busy machine. What is due within the limit
    /// of time is no later than that.
    pub fn lateness(mut self, most: Duration) -> Simulation {
        self.settings.lateness = most;
        self
    }

    /// Wakes a task that nobody has woken, with this probability at each step. A future must put up
    /// with that: `select!` and `join!` do it all the time.
    ///
    /// A few percent will do. Each makes steps of its own, and virtual time passes only when all are
    /// asleep: near 1 that takes for ever.
    ///
    /// # Panics
    ///
    /// If this is no probability, between 0 and 1.
    #[track_caller]
    pub fn spurious_wakes(mut self, probability: f64) -> Simulation {
        assert!(
            (0.0..=1.0).contains(&probability),
            "`spurious_wakes({probability})`: a probability is between 0 and 1"
        );
        self.settings.spurious_wakes = probability;
        self
    }

    /// Sets how much virtual time may pass. More than that is a [`Limit`](FailureKind::Limit).
    pub fn time_limit(mut self, limit: Duration) -> Simulation {
        self.settings.time_limit = limit.min(TIME_LIMIT);
        self
    }

    /// Sets how many steps may be taken. More than that is a [`Limit`](FailureKind::Limit). A step
    /// is a poll, or what a worker does in between. A machine takes some 100,000 a second, or more.
    pub fn step_limit(mut self, limit: u64) -> Simulation {
        self.settings.step_limit = limit;
        self
    }

    /// Sets whether each seed is run twice, and both runs compared step by step. If they differ,
    /// the program depends on something else than the seed, and no failure of it could be replayed:
    /// [`Nondeterminism`](FailureKind::Nondeterminism), with the first step that differs. So it is
    /// if only one of the two fails, or each in another way. Takes 40 bytes of memory a step.
    pub fn check_determinism(mut self, on: bool) -> Simulation {
        self.check_determinism = on;
        self
    }

    /// Runs the program with each seed. Returns what the last run has returned, or how the first
    /// has failed that did. If `EXECUTOR_SEED` is set, the program runs with this seed alone.
    ///
    /// What main returns is kept until all tasks have ended, and dropped outside of the simulation.
    /// If it holds what tasks wait for, such as the sender of their channel, that is a
    /// [`Leak`](FailureKind::Leak): drop it in main.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the program fails with one of the seeds.
    ///
    /// # Panics
    ///
    /// On a thread that is in an executor, or simulates already. If `EXECUTOR_SEED` or
    /// `EXECUTOR_SEEDS` is no number.
    ///
    /// ```
    /// use executor::sim::{Simulation, random};
    ///
    /// let run = || Simulation::new().seed(42).run(|| async { random() });
    /// assert_eq!(run().unwrap(), run().unwrap());
    /// ```
    #[track_caller]
    pub fn run<F, Fut>(&self, mut main: F) -> Result<Fut::Output, Failure>
    where
        F: FnMut() -> Fut,
        Fut: Future,
    {
        // What awaits a large future copies it on the stack.
        if const { is_large::<Fut>() } {
            self.run_seeds(|| Box::pin(main()))
        } else {
            self.run_seeds(main)
        }
    }

    #[track_caller]
    fn run_seeds<F, Fut>(&self, mut main: F) -> Result<Fut::Output, Failure>
    where
        F: FnMut() -> Fut,
        Fut: Future,
    {
        let (mut seed, mut left) = self.asked();
        loop {
            let result = self.run_seed(seed, &mut main);
            left -= 1;
            if left == 0 || result.is_err() {
                return result;
            }
            seed = seed.wrapping_add(1);
        }
    }

    /// The first seed, and how many.
    #[track_caller]
    fn asked(&self) -> (u64, u64) {
        // Both, for a wrong value is to be told.
        let (seed, seeds) = (env::seed(), env::seeds());
        match (seed, self.seeds) {
            (Some(seed), _) => (seed, 1),
            (None, Some(number)) => (self.seed.unwrap_or(FIRST_SEED), seeds.unwrap_or(number)),
            (None, None) => (self.seed.unwrap_or_else(random_seed), 1),
        }
    }

    #[track_caller]
    fn run_seed<F, Fut>(&self, seed: u64, main: &mut F) -> Result<Fut::Output, Failure>
    where
        F: FnMut() -> Fut,
        Fut: Future,
    {
        let settings = &self.settings;
        if !self.check_determinism {
            return run_once(settings, seed, Journal::None, async { main().await }).result;
        }
        let first = run_once(settings, seed, Journal::new(), async { main().await });
        // The output of one run is none of the other's.
        let result = first.result.map(drop);
        let journal = first.journal.into_compared();
        let second = run_once(settings, seed, journal, async { main().await });
        simulation::same_outcome(result, second.result)
    }
}

impl Default for Simulation {
    fn default() -> Simulation {
        Simulation::new()
    }
}

#[track_caller]
fn run_once<F: Future>(
    settings: &Settings,
    seed: u64,
    journal: Journal,
    main: F,
) -> simulation::Run<F::Output> {
    if const { is_large::<F>() } {
        run_pinned(settings, seed, journal, Box::pin(Some(main)).as_mut())
    } else {
        run_pinned(settings, seed, journal, pin!(Some(main)))
    }
}

/// Runs main, which is out of the way of what unwinds: that ends `block_on`, and does not drop
/// main. For a destructor that panics while something unwinds ends the process.
#[track_caller]
fn run_pinned<F: Future>(
    settings: &Settings,
    seed: u64,
    journal: Journal,
    mut main: Pin<&mut Option<F>>,
) -> simulation::Run<F::Output> {
    let line = Location::caller();
    simulation::run(settings, seed, journal, |scheduler| {
        let polled = poll_fn(|cx| {
            let main = main.as_mut().as_pin_mut();
            main.expect("it is there until it has ended").poll(cx)
        });
        let output = caught(|| block_on_at(line, scheduler, polled));
        let dropped = simulation::drop_main(scheduler, || main.set(None));
        match (output, dropped) {
            (Ok(output), Ok(())) => output,
            // The first counts.
            (Err(panic), _) | (Ok(_), Err(panic)) => resume_unwind(panic.into_payload()),
        }
    })
}

/// A seed that is easily typed.
fn random_seed() -> u64 {
    u64::from(simulation::unseeded() as u32)
}

/// Returns a random number: in a simulation one that follows from the seed, elsewhere any.
///
/// ```
/// use executor::sim::{Simulation, random};
///
/// let roll = || async { random() % 6 + 1 };
/// let rolls = [(); 2].map(|()| Simulation::new().seed(3).run(roll).unwrap());
/// assert_eq!(rolls[0], rolls[1]);
/// ```
#[must_use]
pub fn random() -> u64 {
    simulation::random()
}

/// Returns whether the calling code is simulated.
///
/// ```
/// use executor::sim::is_simulated;
///
/// assert!(!is_simulated());
/// assert!(executor::simulate(async { is_simulated() }));
/// ```
#[must_use]
pub fn is_simulated() -> bool {
    simulated::is_on()
}

/// Returns `true` with this probability in a simulation, elsewhere never: for a rare thing that a
/// program has to put up with, and that would come too seldom to be tested by itself.
///
/// The idea is FoundationDB's.
///
/// ```
/// use executor::sim::buggify;
///
/// /// Sends in pieces now and then, as the network does.
/// fn piece(bytes: &[u8]) -> &[u8] {
///     if buggify(0.1) { &bytes[..bytes.len() / 2] } else { bytes }
/// }
/// assert_eq!(piece(b"hello"), b"hello");
/// ```
#[must_use]
pub fn buggify(probability: f64) -> bool {
    simulation::is_bugged(probability)
}
