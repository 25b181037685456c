//! Random schedules of the whole scheduler, which is too large for loom: the code that ships, on
//! shuttle's threads, locks and atomics.
//!
//! | file       | programs                                                                  |
//! | ---------- | ------------------------------------------------------------------------- |
//! | `running`  | tasks that spawn, wait, wake each other and are aborted, on 3 workers     |
//! | `handoff` | tasks that block, or get stuck; stand-ins come, step back and end         |
//! | `ending`   | the executor's end against all that                                       |
//! | `events`   | a second source of wake-ups beside the timers                             |
//! | `workers`  | N changes while all that goes on                                          |
//!
//! ```sh
//! RUSTFLAGS="--cfg shuttle -C debug-assertions" cargo test --release -p executor --lib schedules -- --nocapture
//! ```
//!
//! # To see a failure again
//!
//! One thread runs at a time, and who is next shuttle decides, by chance or by priorities that
//! change at some random moments (PCT, ASPLOS 2010: these find an order of few events among many
//! steps). So what happens follows from a seed alone. A failure prints two things:
//!
//! * the seed of its round: `EXECUTOR_SCHEDULE_SEED=<number>` with the same command, and the test's
//!   name in place of `schedules`, runs that round again;
//! * the schedule itself: `EXECUTOR_SCHEDULE='<the lines between the quotation marks>'` runs
//!   nothing else, for a debugger or some `eprintln!`.
//!
//! `EXECUTOR_SCHEDULES=<number>` runs so many schedules of each program, rounded up to whole
//! rounds.
//!
//! # What it sees and what not
//!
//! A step is an access to what `sync` hands out. Everything else is part of the step before it:
//! async-task's states, the entries of the global queue, what is `static`, counters for show.
//! Memory is sequentially consistent, whatever the `Ordering`: weaker ones are loom's business. A
//! thread that waits for ever is a deadlock, and fails the test. Local queues have room for 4
//! tasks, and time passes as `sync::shuttle` says: it stands still if the program does not run a
//! clock.

mod ending;
pub(crate) mod events;
mod handoff;
mod running;
mod workers;

use crate::{
    Executor, Handle,
    builder::Builder,
    idle::accounting::{Counts, MachineCounts},
    scheduler::{Scheduler, context},
    sync::shuttle::restart_time,
};
use shuttle::{
    Config, MaxSteps, Runner,
    rand::{Rng, thread_rng},
    scheduler::{
        PctScheduler, RandomScheduler, ReplayScheduler, Scheduler as Choice,
        UncontrolledNondeterminismCheckScheduler,
    },
    sync::{Condvar, Mutex, atomic::AtomicBool},
};
use std::{
    env,
    future::{Future, poll_fn},
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize as Count, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Instant,
};

/// Schedules with one seed. (PCT learns from each how many steps the next may have.)
const ROUND: usize = 500;

/// Schedules that are run a second time, to see that nothing else decides what happens.
const SCHEDULES_REPEATED: usize = 50;

/// PCT changes priorities up to so many times less one; most bugs need two or three events in
/// order.
const DEPTHS: u64 = 4;

/// Far more steps than any program takes: one that does not end.
const MAX_STEPS: usize = 200_000;

/// Room for a poll and the report of a panic.
const STACK: usize = 128 << 10;

/// Runs `program` on so many random schedules.
fn explore(name: &str, schedules: usize, program: impl Fn() + Send + Sync + 'static) {
    let program = Arc::new(move || {
        restart_time();
        program();
    });
    if let Ok(schedule) = env::var("EXECUTOR_SCHEDULE") {
        return replay(program, &schedule);
    }
    // The monitor's advice about `max_threads` has no logger to go to, and is not to go anywhere
    // else.
    log::set_max_level(log::LevelFilter::Error);
    let start = Instant::now();
    let seed = variable("EXECUTOR_SCHEDULE_SEED");
    let schedules = variable("EXECUTOR_SCHEDULES").map_or(schedules, |count| count as usize);
    let rounds = if seed.is_some() {
        1
    } else {
        schedules.div_ceil(ROUND)
    };
    let first = seed.unwrap_or_else(|| fastrand::u64(..));
    tell(&format!(
        "{name}: seeds from {first} on, {rounds} rounds of {ROUND} schedules"
    ));
    for round in 0..rounds as u64 {
        let seed = first.wrapping_add(round);
        reported(name, seed, &program, |program| run_round(seed, program));
    }
    reported(name, first, &program, |program| run_twice(first, program));
    tell(&format!(
        "{name}: {} schedules in {:?}",
        rounds * ROUND,
        start.elapsed()
    ));
}

/// Whether only a part of the schedules was asked for: a single one, or those of one seed.
fn is_part() -> bool {
    ["EXECUTOR_SCHEDULE", "EXECUTOR_SCHEDULE_SEED"]
        .iter()
        .any(|name| env::var_os(name).is_some())
}

fn variable(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
    )
}

/// Not with `eprintln`, which the test harness captures: it must be seen also if the process
/// crashes.
fn tell(text: &str) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Lets `run` run the program; if that fails, tells the seed, from which all follows.
fn reported<P: Fn() + Send + Sync + 'static>(
    name: &str,
    seed: u64,
    program: &Arc<P>,
    run: impl FnOnce(Box<dyn Fn() + Send + Sync>),
) {
    let begun = Arc::new(Count::new(0));
    let (counter, program) = (begun.clone(), program.clone());
    let counted = move || {
        counter.fetch_add(1, SeqCst);
        program();
    };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(Box::new(counted)))) {
        let begun = begun.load(SeqCst);
        tell(&format!(
            "{name}: EXECUTOR_SCHEDULE_SEED={seed} fails in its schedule {begun}"
        ));
        resume_unwind(panic);
    }
}

fn run_round(seed: u64, program: impl Fn() + Send + Sync + 'static) {
    if seed.is_multiple_of(2) {
        run(RandomScheduler::new_from_seed(seed, ROUND), program);
    } else {
        let depth = 2 + (seed / 2 % DEPTHS) as usize;
        run(PctScheduler::new_from_seed(seed, depth, ROUND), program);
    }
}

/// Runs some schedules once more, with the same choices: it must take the same steps.
fn run_twice(seed: u64, program: impl Fn() + Send + Sync + 'static) {
    let random = RandomScheduler::new_from_seed(seed, SCHEDULES_REPEATED);
    run(
        UncontrolledNondeterminismCheckScheduler::new(random),
        program,
    );
}

fn run(choice: impl Choice + 'static, program: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    config.silence_warnings = true;
    config
        .ungraceful_shutdown_config
        .immediately_return_on_panic = true;
    Runner::new(choice, config).run(program);
}

fn replay(program: Arc<impl Fn() + Send + Sync + 'static>, schedule: &str) {
    let choice = ReplayScheduler::new_from_encoded(schedule.trim());
    run(choice, move || program());
}

/// A random number, below `bound`, which is part of the schedule.
fn below(bound: usize) -> usize {
    thread_rng().gen_range(0..bound)
}

/// An executor, and what must be true at its end.
struct Trial {
    executor: Executor,
    scheduler: Arc<Scheduler>,
    tasks: Tasks,
    threads: Arc<Threads>,
}

#[derive(Default)]
struct Threads {
    started: Count,
    ended: Count,
}

impl Trial {
    fn start(builder: Builder) -> Trial {
        let threads = Arc::<Threads>::default();
        let (starting, ending) = (threads.clone(), threads.clone());
        let executor = builder
            .on_thread_start(move || _ = starting.started.fetch_add(1, SeqCst))
            .on_thread_stop(move || _ = ending.ended.fetch_add(1, SeqCst))
            .build()
            .unwrap();
        let scheduler = executor.block_on(poll_fn(|_| {
            Poll::Ready(context::with_current(|current| current.cloned()))
        }));
        Trial {
            executor,
            scheduler: scheduler.expect("in `block_on`"),
            tasks: Tasks::default(),
            threads,
        }
    }

    /// With workers alone, and so without a monitor that would make up for a lost wake-up.
    fn of_workers(workers: usize) -> Trial {
        Trial::start(Executor::builder().workers(workers).handoff(false))
    }

    fn of_workers_and_stand_ins(workers: usize, stand_ins: usize) -> Trial {
        let threads = workers + stand_ins;
        Trial::start(Executor::builder().workers(workers).max_threads(threads))
    }

    fn handle(&self) -> Handle {
        self.executor.handle()
    }

    /// Drops the executor and looks at what is left.
    fn end(self) {
        drop(self.executor);
        self.tasks.must_not_be_polled();
        assert_ended(&self.scheduler);
        let Threads { started, ended } = &*self.threads;
        assert_eq!(started.load(SeqCst), ended.load(SeqCst), "threads");
        self.tasks.assert_settled();
    }
}

/// Nothing is left and nothing is counted.
fn assert_ended(scheduler: &Scheduler) {
    let none = MachineCounts {
        total: 0,
        asleep: 0,
    };
    assert_eq!(scheduler.idle.machines(), none);
    let none = Counts {
        active: 0,
        searching: 0,
    };
    assert_eq!(scheduler.idle.counts(), none);
    assert!(scheduler.suspended.is_empty());
    assert!(scheduler.global.is_empty());
    assert!(
        scheduler
            .processors
            .iter()
            .all(|p| p.queue.is_empty() && p.next.is_empty())
    );
}

/// Counts what happens to tasks.
#[derive(Clone, Default)]
struct Tasks(Arc<Fates>);

#[derive(Default)]
struct Fates {
    made: Count,
    finished: Count,
    dropped: Count,
    /// The executor's drop has returned.
    over: Count,
    polled_late: Count,
}

impl Tasks {
    /// The same future, counted.
    fn track<F: Future>(&self, future: F) -> Tracked<F> {
        self.0.made.fetch_add(1, SeqCst);
        Tracked {
            future: Box::pin(future),
            fates: self.0.clone(),
        }
    }

    fn made(&self) -> usize {
        self.0.made.load(SeqCst)
    }

    fn finished(&self) -> usize {
        self.0.finished.load(SeqCst)
    }

    fn must_not_be_polled(&self) {
        self.0.over.store(1, SeqCst);
    }

    fn assert_settled(&self) {
        assert_eq!(self.0.polled_late.load(SeqCst), 0, "polls after the end");
        assert_eq!(self.0.dropped.load(SeqCst), self.made(), "futures dropped");
    }
}

struct Tracked<F> {
    future: Pin<Box<F>>,
    fates: Arc<Fates>,
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.fates
            .polled_late
            .fetch_add(self.fates.over.load(SeqCst), SeqCst);
        let polled = self.future.as_mut().poll(cx);
        if polled.is_ready() {
            self.fates.finished.fetch_add(1, SeqCst);
        }
        polled
    }
}

impl<F> Drop for Tracked<F> {
    fn drop(&mut self) {
        self.fates.dropped.fetch_add(1, SeqCst);
    }
}

/// Happens once. Tasks and threads wait for it.
#[derive(Default)]
struct Event {
    happened: AtomicBool,
    wakers: std::sync::Mutex<Vec<Waker>>,
    lock: Mutex<()>,
    signal: Condvar,
}

impl Event {
    fn new() -> Arc<Event> {
        Arc::default()
    }

    fn set(&self) {
        self.happened.store(true, SeqCst);
        drop(self.lock.lock().unwrap());
        self.signal.notify_all();
        self.wake();
    }

    /// Wakes whoever has waited so far, perhaps for nothing.
    fn wake(&self) {
        let wakers = std::mem::take(&mut *self.wakers.lock().unwrap());
        wakers.into_iter().for_each(Waker::wake);
    }

    async fn wait(&self) {
        poll_fn(|cx| {
            self.wakers.lock().unwrap().push(cx.waker().clone());
            if self.happened.load(SeqCst) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// On this thread, without a word to the scheduler.
    fn wait_blocking(&self) {
        let mut guard = self.lock.lock().unwrap();
        while !self.happened.load(SeqCst) {
            guard = self.signal.wait(guard).unwrap();
        }
    }
}
