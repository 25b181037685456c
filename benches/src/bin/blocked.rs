//! What blocked tasks cost the others, with figures for what the executor promises about them, and how
//! fast another number of workers takes effect: `cargo run --release -p benches --bin blocked`. A Markdown table goes to standard output.

use benches::{
    stats::{median, quantile},
    surroundings,
    workload::{Blocker, PERIOD, compute},
};
use clap::Parser;
use executor::{Executor, JoinHandle, block_in_place, block_on, spawn, time, yield_now};
use std::{
    hint::{self, black_box},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Tasks that block at once, where there are many.
const MANY: usize = 200;

/// Calls of `block_on`, one within the other.
const NESTED: usize = 64;

/// How long the polls take that end because there are fewer workers.
const SHORT_POLL: Duration = Duration::from_micros(100);

/// How long the computing polls take that a hand-off should not slow down.
const LONG_POLL: Duration = Duration::from_millis(15);

/// To so many workers from one, and back.
const RAISED: usize = 64;

/// Spares end after ten seconds.
const RETIRED: Duration = Duration::from_secs(15);

/// Measures what blocked tasks cost the others.
#[derive(Parser)]
#[command(name = "blocked", version)]
struct Arguments {
    /// How often each is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Block for a moment and once only, to see that everything works
    #[arg(long)]
    quick: bool,
}

impl Arguments {
    fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds.max(1) }
    }

    /// How long the tasks block.
    fn block(&self) -> Duration {
        Duration::from_millis(if self.quick { 50 } else { 1_000 })
    }

    /// The median and the worst of all rounds.
    fn measure(&self, mut once: impl FnMut() -> Duration) -> String {
        let all: Vec<f64> = (0..self.rounds())
            .map(|_| once().as_secs_f64() * 1e3)
            .collect();
        format!("{:.2} | {:.2}", median(&all), quantile(&all, 1.0))
    }
}

fn main() {
    let arguments = Arguments::parse();
    let (block, rounds) = (arguments.block(), arguments.rounds());
    let machine = surroundings::machine();
    println!(
        "{}, {} cores; {rounds} rounds; ms\n",
        machine.processor, machine.cores
    );
    println!("| what | median | worst |\n| --- | ---: | ---: |");
    for workers in [1, 2, 8] {
        for (how, blocker) in [("sleep", Blocker::Asleep), ("spin", Blocker::Spinning)] {
            let gap = arguments.measure(|| worst_gap(workers, blocker, block));
            println!(
                "| {workers} workers, all {how} for {block:?}: longest gap of a {PERIOD:?} ticker | {gap} |"
            );
        }
    }
    for (how, sleep) in [
        ("sleep", sleeps as fn(Duration)),
        ("announce that they sleep", announces),
    ] {
        for workers in [1, 2, 8] {
            let mut threads = 0;
            let fresh = arguments.measure(|| {
                let (delay, most) = fresh_task_beside_many(workers, sleep, block);
                threads = threads.max(most);
                delay
            });
            println!(
                "| {workers} workers, {MANY} tasks {how} for {block:?} each ({threads} threads): delay of a fresh task | {fresh} |"
            );
        }
    }
    let fresh = arguments.measure(|| fresh_task_beside_block_in_place(block));
    println!("| 1 worker in `block_in_place`: delay of a fresh task | {fresh} |");
    let nested = arguments.measure(nested_block_on);
    println!(
        "| 1 worker, `block_on` in `block_on`, {NESTED} deep: until the innermost is done | {nested} |"
    );
    if !arguments.quick {
        let back = back_at_rest(2);
        println!(
            "| 2 workers, after {MANY} stand-ins: until 2 threads are left | {back:.0} | {back:.0} |"
        );
    }
    for (from, are_there) in [("asleep", true), ("still to be started", false)] {
        let up = arguments.measure(|| more_workers(are_there));
        println!(
            "| `set_workers({RAISED})` from 1, threads {from}: until {RAISED} tasks run that waited | {up} |"
        );
    }
    let down = arguments.measure(fewer_workers);
    println!(
        "| `set_workers(1)` from {RAISED}, polls of {SHORT_POLL:?}: until one is left that runs | {down} |"
    );
    endless_polls(&arguments);
    long_polls(&arguments);
}

fn sleeps(time: Duration) {
    thread::sleep(time);
}

fn announces(time: Duration) {
    block_in_place(|| thread::sleep(time));
}

fn executor(workers: usize, handoff: bool) -> Executor {
    let builder = Executor::builder().workers(workers).handoff(handoff);
    builder.build().expect("an executor starts")
}

/// The longest time from one tick to the next while each worker has a task that blocks it.
fn worst_gap(workers: usize, blocker: Blocker, block: Duration) -> Duration {
    let own = executor(workers, true);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let ticker = own.spawn(async move {
        let (mut worst, mut last) = (Duration::ZERO, Instant::now());
        // Relaxed: nothing else is read.
        while !stopped.load(Ordering::Relaxed) {
            time::sleep(PERIOD).await;
            worst = worst.max(last.elapsed());
            last = Instant::now();
        }
        worst
    });
    thread::sleep(4 * PERIOD);
    let blockers: Vec<_> = (0..workers)
        .map(|_| own.spawn(async move { blocker.block(block) }))
        .collect();
    for blocker in blockers {
        own.block_on(blocker).expect("it ends");
    }
    stop.store(true, Ordering::Relaxed);
    own.block_on(ticker).expect("it ends")
}

/// From the spawn of a task until it runs.
fn delay_of_fresh(own: &Executor) -> Duration {
    let begin = Instant::now();
    let fresh = own.spawn(async move { begin.elapsed() });
    own.block_on(fresh).expect("it ends")
}

/// The delay of a task that comes after many that sleep, and the number of threads then.
fn fresh_task_beside_many(
    workers: usize,
    sleep: fn(Duration),
    block: Duration,
) -> (Duration, usize) {
    let own = executor(workers, true);
    let sleepers: Vec<_> = (0..MANY)
        .map(|_| own.spawn(async move { sleep(block) }))
        .collect();
    let delay = delay_of_fresh(&own);
    let threads = own.metrics().threads();
    for sleeper in sleepers {
        own.block_on(sleeper).expect("it ends");
    }
    (delay, threads)
}

fn fresh_task_beside_block_in_place(block: Duration) -> Duration {
    let own = executor(1, true);
    let inside = Arc::new(AtomicBool::new(false));
    let is_inside = inside.clone();
    let blocker = own.spawn(async move {
        block_in_place(|| {
            is_inside.store(true, Ordering::Relaxed);
            thread::sleep(block);
        });
    });
    while !inside.load(Ordering::Relaxed) {
        thread::yield_now();
    }
    let delay = delay_of_fresh(&own);
    own.block_on(blocker).expect("it ends");
    delay
}

/// Each level waits for a task that is a level itself.
fn nested_block_on() -> Duration {
    fn level(left: usize) {
        if left > 0 {
            block_on(spawn(async move { level(left - 1) })).expect("it ends");
        }
    }
    let own = executor(1, true);
    let begin = Instant::now();
    let outermost = own.spawn(async { level(NESTED) });
    own.block_on(outermost).expect("it ends");
    begin.elapsed()
}

/// How many ms after the last of many blocked tasks the stand-ins are gone.
fn back_at_rest(workers: usize) -> f64 {
    let own = executor(workers, true);
    let sleepers: Vec<_> = (0..MANY)
        .map(|_| own.spawn(async { thread::sleep(Duration::from_secs(1)) }))
        .collect();
    for sleeper in sleepers {
        own.block_on(sleeper).expect("it ends");
    }
    let begin = Instant::now();
    while own.metrics().threads() > workers && begin.elapsed() < 2 * RETIRED {
        thread::sleep(Duration::from_millis(50));
    }
    begin.elapsed().as_secs_f64() * 1e3
}

/// Tasks each of which sleeps in polls of its own, until they are told to stop.
struct Sleepers {
    running: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Sleepers {
    /// As many as there may be workers, either in one poll or in many short ones.
    fn spawn(own: &Executor, yields: bool) -> (Sleepers, Vec<JoinHandle<()>>) {
        let all = Sleepers {
            running: Arc::default(),
            stop: Arc::default(),
        };
        let tasks = (0..RAISED).map(|_| {
            let (running, stop) = (all.running.clone(), all.stop.clone());
            own.spawn(async move {
                running.fetch_add(1, Ordering::Relaxed);
                while !stop.load(Ordering::Relaxed) {
                    thread::sleep(SHORT_POLL);
                    if yields {
                        running.fetch_sub(1, Ordering::Relaxed);
                        yield_now().await;
                        running.fetch_add(1, Ordering::Relaxed);
                    }
                }
                running.fetch_sub(1, Ordering::Relaxed);
            })
        });
        let tasks = tasks.collect();
        (all, tasks)
    }

    fn wait_until(&self, done: impl Fn(usize) -> bool) {
        while !done(self.running.load(Ordering::Relaxed)) {
            thread::yield_now();
        }
    }

    fn stop(&self, own: &Executor, tasks: Vec<JoinHandle<()>>) {
        self.stop.store(true, Ordering::Relaxed);
        for task in tasks {
            own.block_on(task).expect("it ends");
        }
    }
}

/// An executor that takes no permit from a poll.
fn patient_executor() -> Executor {
    let builder = Executor::builder().workers(1);
    let builder = builder.handoff_after(Duration::from_secs(3600));
    builder.build().expect("an executor starts")
}

fn set_workers(own: &Executor, n: usize) {
    own.handle().set_workers(n).expect("there may be as many");
}

/// From the call until as many tasks run.
fn more_workers(threads_are_there: bool) -> Duration {
    let own = patient_executor();
    if threads_are_there {
        set_workers(&own, RAISED);
        let (sleepers, tasks) = Sleepers::spawn(&own, false);
        sleepers.wait_until(|running| running == RAISED);
        sleepers.stop(&own, tasks);
        set_workers(&own, 1);
    }
    let (sleepers, tasks) = Sleepers::spawn(&own, false);
    sleepers.wait_until(|running| running == 1);
    thread::sleep(Duration::from_millis(10));
    let begin = Instant::now();
    set_workers(&own, RAISED);
    sleepers.wait_until(|running| running == RAISED);
    let took = begin.elapsed();
    sleepers.stop(&own, tasks);
    took
}

/// From the call until one runs.
fn fewer_workers() -> Duration {
    let own = patient_executor();
    set_workers(&own, RAISED);
    let (sleepers, tasks) = Sleepers::spawn(&own, true);
    while own.metrics().threads() < RAISED {
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(Duration::from_millis(10));
    let begin = Instant::now();
    set_workers(&own, 1);
    sleepers.wait_until(|running| running <= 1);
    let took = begin.elapsed();
    sleepers.stop(&own, tasks);
    took
}

/// Polls that compute without an end, when all of them do.
fn endless_polls(arguments: &Arguments) {
    println!(
        "\n| polls that compute without an end | all compute after | delay of a fresh task | longest gap of a {PERIOD:?} ticker in 1 s | threads then |\n| --- | ---: | ---: | ---: | ---: |"
    );
    let all_workers: &[usize] = if arguments.quick { &[1] } else { &[1, 2, 8] };
    for &workers in all_workers {
        for times in [2, 4, 16] {
            let own = executor(workers, true);
            let stop = Arc::new(AtomicBool::new(false));
            let begun = Arc::new(AtomicUsize::new(0));
            let begin = Instant::now();
            let polls: Vec<_> = (0..times * workers)
                .map(|_| {
                    let (stop, begun) = (stop.clone(), begun.clone());
                    own.spawn(async move {
                        begun.fetch_add(1, Ordering::Relaxed);
                        while !stop.load(Ordering::Relaxed) {
                            hint::spin_loop();
                        }
                    })
                })
                .collect();
            while begun.load(Ordering::Relaxed) < times * workers {
                thread::sleep(Duration::from_millis(1));
            }
            let all = begin.elapsed();
            let fresh = delay_of_fresh(&own);
            let gap = own.spawn(gap_of_ticker(Duration::from_secs(1)));
            let gap = own.block_on(gap).expect("it ends");
            let threads = own.metrics().threads();
            stop.store(true, Ordering::Relaxed);
            for poll in polls {
                own.block_on(poll).expect("it ends");
            }
            println!(
                "| {times} N, {workers} workers | {all:.0?} | {fresh:.1?} | {gap:.1?} | {threads} |"
            );
        }
    }
}

/// The longest time from one tick to the next.
async fn gap_of_ticker(time: Duration) -> Duration {
    let begin = Instant::now();
    let (mut worst, mut last) = (Duration::ZERO, begin);
    while begin.elapsed() < time {
        time::sleep(PERIOD).await;
        worst = worst.max(last.elapsed());
        last = Instant::now();
    }
    worst
}

/// Tasks that compute in polls of 15 ms, with hand-off and without, in turn.
fn long_polls(arguments: &Arguments) {
    let steps = steps_of(LONG_POLL);
    println!(
        "\n| computing polls of {LONG_POLL:?}, 2 workers | throughput with hand-off over that without | threads |\n| --- | ---: | ---: |"
    );
    for tasks in [2, 8, 64] {
        let polls = if arguments.quick { 1 } else { 128 / tasks };
        let mut ratios = Vec::new();
        let mut threads = 0;
        for round in 0..arguments.rounds() {
            let mut took = [Duration::ZERO; 2];
            for handoff in [round % 2 == 0, round % 2 != 0] {
                let (time, most) = time_of_polls(handoff, tasks, polls, steps);
                took[usize::from(handoff)] = time;
                threads = threads.max(most);
            }
            ratios.push(took[0].as_secs_f64() / took[1].as_secs_f64());
        }
        println!("| {tasks} tasks | {:.3} | {threads} |", median(&ratios));
    }
}

/// How long so many tasks take to compute so many polls each, and the most threads seen meanwhile.
fn time_of_polls(handoff: bool, tasks: usize, polls: usize, steps: u64) -> (Duration, usize) {
    let own = executor(2, handoff);
    let begin = Instant::now();
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            own.spawn(async move {
                for _ in 0..polls {
                    black_box(compute(1, steps));
                    yield_now().await;
                }
            })
        })
        .collect();
    let mut threads = 0;
    for task in tasks {
        own.block_on(task).expect("it ends");
        threads = threads.max(own.metrics().threads());
    }
    (begin.elapsed(), threads)
}

/// How many steps take so long, on a core of their own.
fn steps_of(duration: Duration) -> u64 {
    const SAMPLE: u64 = 1_000_000;
    let took = (0..20)
        .map(|_| {
            let begin = Instant::now();
            black_box(compute(1, SAMPLE));
            begin.elapsed()
        })
        .min()
        .expect("there are samples");
    (SAMPLE as f64 * duration.as_secs_f64() / took.as_secs_f64()) as u64
}
