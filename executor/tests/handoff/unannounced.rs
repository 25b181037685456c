//! A poll that blocks its thread without saying so delays nobody: asleep or computing.

use crate::common::{
    Gate, PATIENCE, eventually, executor, is_at_rest, patient_executor, steady_executor, watchdog,
    work_for, worker_counts,
};
use executor::Executor;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Awaits a task that must run although others are blocked, and would not without hand-off.
fn runs_meanwhile(own: &Executor, gate: &Gate) {
    let (ran, has_run) = mpsc::channel();
    drop(own.spawn(async move { ran.send(()).unwrap() }));
    let outcome = has_run.recv_timeout(PATIENCE);
    gate.open();
    outcome.expect("a fresh task runs while others are blocked");
}

/// Blocks `tasks` polls.
fn blocked_workers_delay_nobody(workers: usize, tasks: usize, block: fn(&Gate)) {
    let (own, gate) = (executor(workers), Gate::new());
    let blocked: Vec<_> = (0..tasks)
        .map(|_| {
            let gate = gate.clone();
            own.spawn(async move { block(&gate) })
        })
        .collect();
    runs_meanwhile(&own, &gate);
    for task in blocked {
        own.block_on(task).unwrap();
    }
}

#[test]
fn sleeping_workers_delay_nobody() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        blocked_workers_delay_nobody(workers, workers, Gate::wait);
    }
}

#[test]
fn computing_workers_delay_nobody() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        blocked_workers_delay_nobody(workers, workers, Gate::spin);
    }
}

#[test]
fn a_task_in_the_next_slot_runs_while_the_poll_in_front_of_it_sleeps() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let own = executor(workers);
        let (ran, has_run) = mpsc::channel();
        let parent = own.spawn(async move {
            executor::spawn(async move { ran.send(()).unwrap() });
            // With one worker and no hand-off this would wait in vain.
            has_run.recv_timeout(PATIENCE).unwrap();
        });
        own.block_on(parent).unwrap();
    }
}

#[test]
fn what_a_stuck_poll_spawns_and_wakes_runs_before_it_returns() {
    let _watchdog = watchdog(100);
    let own = executor(1);
    let (wake_up, woken) = async_channel::unbounded::<usize>();
    let (answer, answers) = mpsc::channel();
    let echo = {
        let answer = answer.clone();
        own.spawn(async move {
            while let Ok(number) = woken.recv().await {
                answer.send(number).unwrap();
            }
        })
    };
    let stuck = own.spawn(async move {
        for number in 0..100 {
            // By turns a wake-up and a spawn, each answered while this poll goes on.
            if number % 2 == 0 {
                wake_up.try_send(number).unwrap();
            } else {
                let answer = answer.clone();
                executor::spawn(async move { answer.send(number).unwrap() });
            }
            assert_eq!(answers.recv_timeout(PATIENCE), Ok(number));
        }
    });
    own.block_on(stuck).unwrap();
    own.block_on(echo).unwrap();
}

#[test]
fn a_fresh_task_runs_among_two_hundred_that_sleep() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        blocked_workers_delay_nobody(workers, 200, Gate::wait);
    }
}

#[test]
fn at_the_limit_of_threads_the_rest_goes_on_as_soon_as_one_returns() {
    let _watchdog = watchdog(100);
    let own = Executor::builder()
        .workers(1)
        .max_threads(3)
        .build()
        .unwrap();
    let tasks: Vec<_> = (0..9)
        .map(|_| own.spawn(async { thread::sleep(Duration::from_millis(100)) }))
        .collect();
    for task in tasks {
        own.block_on(task).unwrap();
    }
    assert!(own.metrics().threads() <= 3);
}

/// The threads of 2 workers whose polls compute: a stand-in for each, and one that is about to step
/// back. And two that wait for a lock whose holder is off its core: they are asleep, and the limit
/// is for those that compute.
const THREADS_BESIDE_COMPUTATIONS: usize = 2 * 2 + 1 + 2;

/// The most threads there are within so long a time.
fn most_threads(own: &Executor, time: Duration) -> usize {
    let begin = Instant::now();
    let mut most = 0;
    while begin.elapsed() < time {
        most = most.max(own.metrics().threads());
        thread::sleep(Duration::from_millis(2));
    }
    most
}

#[test]
fn long_computations_do_not_start_a_storm_of_threads() {
    let _watchdog = watchdog(100);
    let own = executor(2);
    let stop = Arc::new(AtomicBool::new(false));
    let computes = |_| {
        let stop = stop.clone();
        own.spawn(async move {
            while !stop.load(SeqCst) {
                work_for(Duration::from_millis(25));
                executor::yield_now().await;
            }
        })
    };
    let tasks: Vec<_> = (0..50).map(computes).collect();
    let most = most_threads(&own, Duration::from_secs(1));
    stop.store(true, SeqCst);
    for task in tasks {
        own.block_on(task).unwrap();
    }
    assert!(own.metrics().handoffs() > 0, "it was never put to the test");
    assert!(most <= THREADS_BESIDE_COMPUTATIONS, "{most} threads");
}

#[test]
fn a_poll_shorter_than_handoff_after_keeps_its_permit() {
    let _watchdog = watchdog(100);
    let own = patient_executor(1);
    let order = Arc::new(AtomicUsize::new(0));
    let (first, second) = (order.clone(), order.clone());
    let sleeper = own.spawn(async move {
        thread::sleep(Duration::from_millis(300));
        first.fetch_add(1, SeqCst)
    });
    let other = own.spawn(async move { second.fetch_add(1, SeqCst) });
    assert_eq!(own.block_on(sleeper).unwrap(), 0);
    assert_eq!(own.block_on(other).unwrap(), 1);
    assert_eq!(own.metrics().handoffs(), 0);
}

/// How long a task waits behind a poll that sleeps, from the poll's beginning on.
fn wait_behind_a_sleeper(handoff_after: Duration) -> Duration {
    let builder = Executor::builder().workers(1);
    let own = builder.handoff_after(handoff_after).build().unwrap();
    let gate = Gate::new();
    let inside = gate.clone();
    let (begin, has_begun) = mpsc::channel();
    let sleeper = own.spawn(async move {
        begin.send(Instant::now()).unwrap();
        inside.wait();
    });
    let begin = has_begun.recv().unwrap();
    let ran = own.block_on(own.spawn(async { Instant::now() })).unwrap();
    gate.open();
    own.block_on(sleeper).unwrap();
    ran - begin
}

#[test]
fn a_stand_in_comes_after_handoff_after_and_not_later_than_twice_that() {
    const AFTER: Duration = Duration::from_millis(300);
    let _watchdog = watchdog(100);
    let waits: Vec<_> = (0..3).map(|_| wait_behind_a_sleeper(AFTER)).collect();
    // The time is taken within the poll, which has begun a little before.
    let early = AFTER - AFTER / 4;
    assert!(waits.iter().all(|wait| *wait >= early), "{waits:?}");
    // A busy machine may be late, but not each time.
    assert!(waits.iter().any(|wait| *wait <= 2 * AFTER), "{waits:?}");
}

#[test]
fn without_handoff_a_blocked_worker_delays_the_others() {
    let _watchdog = watchdog(100);
    // The counterpart: it shows that the other tests test something.
    let own = steady_executor(1);
    let gate = Gate::new();
    let inside = gate.clone();
    let sleeper = own.spawn(async move { inside.wait() });
    let (ran, has_run) = mpsc::channel();
    let fresh = own.spawn(async move { ran.send(()).unwrap() });
    let outcome = has_run.recv_timeout(Duration::from_millis(200));
    gate.open();
    assert!(outcome.is_err());
    own.block_on(sleeper).unwrap();
    own.block_on(fresh).unwrap();
    assert_eq!(own.metrics().threads(), 1);
}

#[test]
fn a_poll_blocked_at_shutdown_is_waited_for() {
    let _watchdog = watchdog(100);
    let own = executor(2);
    let returned = Arc::new(AtomicBool::new(false));
    let (begun, has_begun) = mpsc::channel();
    let flag = returned.clone();
    own.spawn(async move {
        begun.send(()).unwrap();
        thread::sleep(Duration::from_millis(300));
        flag.store(true, SeqCst);
    });
    has_begun.recv().unwrap();
    drop(own);
    assert!(returned.load(SeqCst));
}

#[test]
fn announced_and_unannounced_blocking_mix() {
    let _watchdog = watchdog(100);
    const NAP: Duration = Duration::from_millis(30);
    let own = executor(2);
    let nap = |i: usize| async move {
        match i % 3 {
            0 => thread::sleep(NAP),
            1 => executor::block_in_place(|| thread::sleep(NAP)),
            _ => executor::block_on(executor::spawn(async { thread::sleep(NAP) })).unwrap(),
        }
        executor::yield_now().await;
        i
    };
    let tasks: Vec<_> = (0..60).map(|i| own.spawn(nap(i))).collect();
    for (i, task) in tasks.into_iter().enumerate() {
        assert_eq!(own.block_on(task).unwrap(), i);
    }
    eventually("nobody runs, searches or blocks any more", || {
        let metrics = own.metrics();
        is_at_rest(&metrics) && metrics.blocked_threads() == 0
    });
}
