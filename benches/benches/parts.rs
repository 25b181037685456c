//! The parts of the scheduler, each on its own as far as the public face lets one get at it:
//! `cargo bench -p benches`, or one of them with `cargo bench -p benches -- steal`.
//!
//! Each queue is measured here by tasks that can have gone through nothing else; what creating and
//! polling these costs is in it. The bare queues are in `queues.rs`.

use benches::{
    runtime::OwnedExecutor,
    workload::{
        OurGroup, abandoned, chained, detached, fan_in, hammer, kept_limits, one_at_a_time, pairs,
        ping_pong, skynet, spawn_join, yields,
    },
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use executor::Executor;
use std::{
    future::Future,
    hint,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const WORKERS: usize = 2;

/// Tasks that fit into a local queue, which has room for 256.
const FITTING: usize = 200;

/// Tasks that do not: the local queue gives half of itself to the global one again and again.
const OVERFLOWING: usize = 20_000;

fn with_workers(workers: usize) -> Executor {
    with_handoff(workers, true)
}

fn with_handoff(workers: usize, handoff: bool) -> Executor {
    Executor::builder()
        .workers(workers)
        .handoff(handoff)
        .build()
        .expect("a few threads can be had")
}

/// Measures `work`, which does `elements` operations, each time as a new task on `on`.
fn measure<F>(c: &mut Criterion, on: &Executor, name: &str, elements: usize, work: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut group = c.benchmark_group("executor");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_millis(500))
        .throughput(Throughput::Elements(elements as u64));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                let work = work();
                // Timed inside: the way in and out of `block_on` is a benchmark of its own.
                let task = on.spawn(async move {
                    let start = Instant::now();
                    work.await;
                    start.elapsed()
                });
                took += on.block_on(task).expect("no benchmark panics");
            }
            took
        });
    });
    group.finish();
}

/// Spawns tasks that count, and does not give its worker away until they have run: somebody else
/// has to steal every one.
async fn spawn_and_be_robbed(tasks: usize) {
    let left = Arc::new(AtomicUsize::new(tasks));
    for _ in 0..tasks {
        let left = left.clone();
        drop(executor::spawn(async move {
            left.fetch_sub(1, Ordering::Relaxed);
        }));
    }
    while left.load(Ordering::Relaxed) > 0 {
        hint::spin_loop();
    }
}

fn queues(c: &mut Criterion) {
    // With one worker nothing is stolen: what is spawned is found in the queue it was put into.
    let one = with_workers(1);
    measure(c, &one, "next slot", 1_000, || {
        // Each task spawns the next: one is runnable, and it is in the next slot.
        chained::<OwnedExecutor>(1_000)
    });
    measure(c, &one, "local queue", FITTING, || {
        detached::<OwnedExecutor>(FITTING)
    });
    measure(c, &one, "local queue, overflowing", OVERFLOWING, || {
        detached::<OwnedExecutor>(OVERFLOWING)
    });
    let two = with_workers(2);
    measure(c, &two, "steal", FITTING, || spawn_and_be_robbed(FITTING));

    let mut group = c.benchmark_group("executor");
    group
        .sample_size(20)
        .throughput(Throughput::Elements(OVERFLOWING as u64));
    group.bench_function("global queue", |bencher| {
        // Spawned from outside, all of them go through it.
        bencher.iter(|| {
            for _ in 1..OVERFLOWING {
                drop(one.spawn(async {}));
            }
            one.block_on(one.spawn(async {})).unwrap();
        });
    });
    group.finish();
}

fn tasks(c: &mut Criterion) {
    type On = OwnedExecutor;
    let on = with_workers(WORKERS);
    measure(c, &on, "spawn, then join", 10_000, || {
        spawn_join::<On>(10_000)
    });
    measure(c, &on, "spawn and await", 10_000, || {
        one_at_a_time::<On>(10_000)
    });
    measure(c, &on, "spawn detached", 10_000, || detached::<On>(10_000));
    measure(c, &on, "chained spawns", 10_000, || chained::<On>(10_000));
    measure(c, &on, "skynet", 11_111, || skynet::<On>(10_000));
    measure(c, &on, "yield, one task", 10_000, || {
        yields::<On>(1, 10_000)
    });
    measure(c, &on, "yield, 200 tasks", 20_000, || {
        yields::<On>(200, 100)
    });
    measure(c, &on, "wake, one pair", 10_000, || ping_pong::<On>(10_000));
    measure(c, &on, "wake, 1,000 pairs", 1_000, || pairs::<On>(1_000));
    measure(c, &on, "wake, fan-in", 10_000, || fan_in::<On>(8, 1_250));
    for tasks in [1, 2, 8] {
        let name = format!("WaitGroup, tasks: {tasks}");
        measure(c, &on, &name, 100_000, || {
            hammer::<On, OurGroup>(tasks, 100_000 / tasks)
        });
    }
}

/// What the hand-off of blocked workers' permits costs when nobody blocks: the same with and
/// without.
fn handoff(c: &mut Criterion) {
    type On = OwnedExecutor;
    for (on, word) in [
        (with_handoff(WORKERS, true), "with"),
        (with_handoff(WORKERS, false), "without"),
    ] {
        let name = |what| format!("{what}, {word} hand-off");
        measure(c, &on, &name("yield, one task"), 10_000, || {
            yields::<On>(1, 10_000)
        });
        measure(c, &on, &name("spawn and await"), 10_000, || {
            one_at_a_time::<On>(10_000)
        });
        measure(c, &on, &name("chained spawns"), 10_000, || {
            chained::<On>(10_000)
        });
    }
}

/// A timer that does not fire has to cost the same on many threads as on one.
fn timers(c: &mut Criterion) {
    for workers in [1, 2, 8] {
        let on = with_workers(workers);
        let name = format!("sleep, poll and drop, workers: {workers}");
        measure(c, &on, &name, 80_000, || {
            abandoned::<OwnedExecutor>(workers, 80_000 / workers)
        });
    }
    let on = with_workers(1);
    measure(c, &on, "timeout around what is ready", 10_000, || {
        kept_limits::<OwnedExecutor>(10_000)
    });
}

fn from_outside(c: &mut Criterion) {
    let executor = with_workers(WORKERS);
    let mut group = c.benchmark_group("executor");
    group.sample_size(20);
    group.bench_function("spawn and await from a plain thread", |bencher| {
        bencher.iter(|| executor.block_on(executor.spawn(async { 1 })).unwrap());
    });
    group.bench_function("block_on what is ready", |bencher| {
        bencher.iter(|| executor.block_on(async { 1 }));
    });
    group.bench_function("start and drop an executor", |bencher| {
        bencher.iter(|| with_workers(WORKERS));
    });
    group.finish();
}

criterion_group!(benches, queues, tasks, timers, handoff, from_outside);
criterion_main!(benches);
