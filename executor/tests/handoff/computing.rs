//! Polls that compute: their threads go on beside their stand-ins.

use crate::common::{Gate, PATIENCE, eventually, executor, in_own_process, watchdog, work_for};
use executor::{Executor, spawn};
use std::{
    hint,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Tasks that compute until the flag is raised, and how many of them have begun.
fn computing(own: &Executor, tasks: usize, stop: &Arc<AtomicBool>) -> Arc<AtomicUsize> {
    let begun = Arc::new(AtomicUsize::new(0));
    for _ in 0..tasks {
        let (stop, begun) = (stop.clone(), begun.clone());
        own.spawn(async move {
            begun.fetch_add(1, SeqCst);
            while !stop.load(SeqCst) {
                hint::spin_loop();
            }
        });
    }
    begun
}

#[test]
fn any_number_of_polls_may_compute_until_another_task_has_run() {
    let _watchdog = watchdog(100);
    for workers in [1, 2] {
        for tasks in [2 * workers, 4 * workers, 16 * workers] {
            let own = executor(workers);
            let stop = Arc::new(AtomicBool::new(false));
            let begun = computing(&own, tasks, &stop);
            let stops = stop.clone();
            let last = own.spawn(async move { stops.store(true, SeqCst) });
            own.block_on(last).unwrap();
            assert!(begun.load(SeqCst) >= tasks.min(2 * workers));
        }
    }
}

#[test]
fn a_task_that_comes_when_all_compute_runs() {
    let _watchdog = watchdog(100);
    let own = executor(2);
    let stop = Arc::new(AtomicBool::new(false));
    let begun = computing(&own, 8, &stop);
    eventually("all compute", || begun.load(SeqCst) == 8);
    let (ran, has_run) = mpsc::channel();
    own.spawn(async move { ran.send(()).unwrap() });
    let outcome = has_run.recv_timeout(PATIENCE);
    stop.store(true, SeqCst);
    outcome.unwrap();
}

/// It took as long as all computations that came before.
#[test]
fn a_ticker_goes_on_beside_more_long_computations_than_get_a_stand_in() {
    let _watchdog = watchdog(100);
    const LONG: Duration = Duration::from_secs(2);
    let own = executor(2);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let ticker = own.spawn(async move {
        let (mut worst, mut last) = (Duration::ZERO, Instant::now());
        while !stopped.load(SeqCst) {
            executor::time::sleep(Duration::from_millis(5)).await;
            worst = worst.max(last.elapsed());
            last = Instant::now();
        }
        worst
    });
    let tasks: Vec<_> = (0..6)
        .map(|_| own.spawn(async { work_for(LONG) }))
        .collect();
    for task in tasks {
        own.block_on(task).unwrap();
    }
    stop.store(true, SeqCst);
    let worst = own.block_on(ticker).unwrap();
    assert!(worst < LONG / 2, "{worst:?}");
}

/// What is known of a poll is not for ever: these compute first, and sleep when others need a
/// stand-in.
#[test]
fn polls_that_compute_first_and_then_sleep_keep_nobody_from_a_stand_in() {
    let _watchdog = watchdog(100);
    let own = executor(2);
    let (gate, idle) = (Gate::new(), Arc::new(AtomicBool::new(false)));
    // Something waits all the time, so that they get stand-ins while they compute.
    let yields: Vec<_> = (0..6)
        .map(|_| {
            let idle = idle.clone();
            own.spawn(async move {
                while !idle.load(SeqCst) {
                    executor::yield_now().await;
                }
            })
        })
        .collect();
    let parsed = Arc::new(AtomicUsize::new(0));
    let parse: Vec<_> = (0..2)
        .map(|_| {
            let (gate, parsed) = (gate.clone(), parsed.clone());
            own.spawn(async move {
                work_for(Duration::from_millis(50));
                parsed.fetch_add(1, SeqCst);
                gate.wait();
            })
        })
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    eventually("they sleep", || parsed.load(SeqCst) == 2);
    idle.store(true, SeqCst);
    for task in yields {
        own.block_on(task).unwrap();
    }
    let begun = computing(&own, 2, &stop);
    eventually("others compute", || begun.load(SeqCst) == 2);
    let stops = stop.clone();
    own.block_on(own.spawn(async move { stops.store(true, SeqCst) }))
        .unwrap();
    gate.open();
    for task in parse {
        own.block_on(task).unwrap();
    }
}

/// Those that sleep for a moment are not stuck, and if many do, that is no reason to begin more.
#[test]
fn polls_that_sleep_for_a_moment_and_then_compute_do_not_all_do_so_at_once() {
    let _watchdog = watchdog(100);
    const POLLS: usize = 40;
    let own = executor(2);
    // No lock: whoever waits for one sleeps.
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    // With one that is stuck a storm begins.
    let stuck = own.spawn(async { thread::sleep(Duration::from_millis(100)) });
    let tasks: Vec<_> = (0..POLLS)
        .map(|_| {
            let (now, most) = (now.clone(), most.clone());
            own.spawn(async move {
                thread::sleep(Duration::from_millis(3));
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                work_for(Duration::from_millis(60));
                now.fetch_sub(1, SeqCst);
            })
        })
        .collect();
    for task in tasks {
        own.block_on(task).unwrap();
    }
    own.block_on(stuck).unwrap();
    let most = most.load(SeqCst);
    assert!(most <= POLLS / 2, "{most} of {POLLS}");
}

#[test]
fn threads_of_computations_end_in_time_though_there_were_many() {
    in_own_process(|| {
        let own = executor(2);
        let stop = Arc::new(AtomicBool::new(false));
        let begun = computing(&own, 20, &stop);
        eventually("all compute", || begun.load(SeqCst) == 20);
        stop.store(true, SeqCst);
        own.block_on(own.spawn(async { spawn(async {}).await.unwrap() }))
            .unwrap();
        eventually("no more than two go on", || {
            let metrics = own.metrics();
            metrics.threads() - metrics.idle_threads() <= 2
        });
    });
}
