//! A poll that blocks its thread without saying so delays nobody: asleep or computing.

#![cfg(not(loom))]

mod common;

use common::worker_counts;
use executor::{Executor, Metrics};
use std::{
    hint,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Far longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn on(workers: usize) -> Executor {
    Executor::builder().workers(workers).build().unwrap()
}

fn compute(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        hint::spin_loop();
    }
}

/// Waits until `done`, and says in the panic what it waited for in vain.
fn wait_until(what: &str, done: impl Fn() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Keeps polls in their tasks until it is opened, however long that takes.
#[derive(Clone, Default)]
struct Gate(Arc<(AtomicBool, Mutex<bool>, Condvar)>);

impl Gate {
    /// Blocks the thread asleep.
    fn sleep(&self) {
        let (_, open, signal) = &*self.0;
        drop(signal.wait_while(open.lock().unwrap(), |open| !*open));
    }

    /// Blocks the thread computing.
    fn compute(&self) {
        while !self.0.0.load(Ordering::Relaxed) {
            hint::spin_loop();
        }
    }

    fn open(&self) {
        let (flag, open, signal) = &*self.0;
        flag.store(true, Ordering::Relaxed);
        *open.lock().unwrap() = true;
        signal.notify_all();
    }
}

/// Awaits a task that must run although others are blocked, and would not without hand-off.
fn runs_meanwhile(executor: &Executor, gate: &Gate) {
    let (ran, has_run) = mpsc::channel();
    drop(executor.spawn(async move { ran.send(()).unwrap() }));
    let outcome = has_run.recv_timeout(PATIENCE);
    gate.open();
    outcome.expect("a fresh task runs while others are blocked");
}

/// Blocks `tasks` polls.
fn blocked_workers_delay_nobody(workers: usize, tasks: usize, block: fn(&Gate)) {
    let (executor, gate) = (on(workers), Gate::default());
    let blocked: Vec<_> = (0..tasks)
        .map(|_| {
            let gate = gate.clone();
            executor.spawn(async move { block(&gate) })
        })
        .collect();
    runs_meanwhile(&executor, &gate);
    for task in blocked {
        executor.block_on(task).unwrap();
    }
}

#[test]
fn sleeping_workers_delay_nobody() {
    for workers in worker_counts() {
        blocked_workers_delay_nobody(workers, workers, Gate::sleep);
    }
}

#[test]
fn computing_workers_delay_nobody() {
    for workers in worker_counts() {
        blocked_workers_delay_nobody(workers, workers, Gate::compute);
    }
}

#[test]
fn a_task_in_the_next_slot_runs_while_the_poll_in_front_of_it_sleeps() {
    for workers in worker_counts() {
        let executor = on(workers);
        let (ran, has_run) = mpsc::channel();
        let parent = executor.spawn(async move {
            executor::spawn(async move { ran.send(()).unwrap() });
            // With one worker and no hand-off this would wait in vain.
            has_run.recv_timeout(PATIENCE).unwrap();
        });
        executor.block_on(parent).unwrap();
    }
}

#[test]
fn what_a_stuck_poll_spawns_and_wakes_runs_before_it_returns() {
    let executor = on(1);
    let (wake_up, woken) = async_channel::unbounded::<usize>();
    let (answer, answers) = mpsc::channel();
    let echo = {
        let answer = answer.clone();
        executor.spawn(async move {
            while let Ok(number) = woken.recv().await {
                answer.send(number).unwrap();
            }
        })
    };
    let stuck = executor.spawn(async move {
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
    executor.block_on(stuck).unwrap();
    executor.block_on(echo).unwrap();
}

#[test]
fn a_fresh_task_runs_among_two_hundred_that_sleep() {
    for workers in worker_counts() {
        blocked_workers_delay_nobody(workers, 200, Gate::sleep);
    }
}

#[test]
fn at_the_limit_of_threads_the_rest_goes_on_as_soon_as_one_returns() {
    let executor = Executor::builder()
        .workers(1)
        .max_threads(3)
        .build()
        .unwrap();
    let tasks: Vec<_> = (0..9)
        .map(|_| executor.spawn(async { thread::sleep(Duration::from_millis(100)) }))
        .collect();
    for task in tasks {
        executor.block_on(task).unwrap();
    }
    assert!(executor.metrics().threads() <= 3);
}

/// The threads of 2 workers whose polls compute: a stand-in for each, and one that is about to step back.
/// And two that wait for a lock whose holder is off its core: they are asleep, and the limit is for those
/// that compute.
const THREADS_BESIDE_COMPUTATIONS: usize = 2 * 2 + 1 + 2;

/// The most threads there are within so long a time.
fn most_threads(executor: &Executor, time: Duration) -> usize {
    let begin = Instant::now();
    let mut most = 0;
    while begin.elapsed() < time {
        most = most.max(executor.metrics().threads());
        thread::sleep(Duration::from_millis(2));
    }
    most
}

#[test]
fn long_computations_do_not_start_a_storm_of_threads() {
    let executor = on(2);
    let stop = Arc::new(AtomicBool::new(false));
    let computes = |_| {
        let stop = stop.clone();
        executor.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                compute(Duration::from_millis(25));
                executor::yield_now().await;
            }
        })
    };
    let tasks: Vec<_> = (0..50).map(computes).collect();
    let most = most_threads(&executor, Duration::from_secs(1));
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        executor.block_on(task).unwrap();
    }
    assert!(
        executor.metrics().handoffs() > 0,
        "it was never put to the test"
    );
    assert!(most <= THREADS_BESIDE_COMPUTATIONS, "{most} threads");
}

#[test]
fn computations_without_an_end_get_one_stand_in_for_each_worker() {
    let executor = on(2);
    let stop = Arc::new(AtomicBool::new(false));
    let spins = |_| {
        let stop = stop.clone();
        executor.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                hint::spin_loop();
            }
        })
    };
    let tasks: Vec<_> = (0..20).map(spins).collect();
    wait_until("two hand-offs", || executor.metrics().handoffs() >= 2);
    let most = most_threads(&executor, Duration::from_millis(500));
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        executor.block_on(task).unwrap();
    }
    assert!(most <= THREADS_BESIDE_COMPUTATIONS, "{most} threads");
}

#[test]
fn a_poll_shorter_than_handoff_after_keeps_its_permit() {
    let executor = Executor::builder()
        .workers(1)
        .handoff_after(Duration::from_secs(30))
        .build()
        .unwrap();
    let order = Arc::new(AtomicUsize::new(0));
    let (first, second) = (order.clone(), order.clone());
    let sleeper = executor.spawn(async move {
        thread::sleep(Duration::from_millis(300));
        first.fetch_add(1, Ordering::SeqCst)
    });
    let other = executor.spawn(async move { second.fetch_add(1, Ordering::SeqCst) });
    assert_eq!(executor.block_on(sleeper).unwrap(), 0);
    assert_eq!(executor.block_on(other).unwrap(), 1);
    assert_eq!(executor.metrics().handoffs(), 0);
}

#[test]
fn without_hand_over_a_blocked_worker_delays_the_others() {
    // The counterpart: it shows that the other tests test something.
    let executor = Executor::builder()
        .workers(1)
        .handoff(false)
        .build()
        .unwrap();
    let gate = Gate::default();
    let inside = gate.clone();
    let sleeper = executor.spawn(async move { inside.sleep() });
    let (ran, has_run) = mpsc::channel();
    let fresh = executor.spawn(async move { ran.send(()).unwrap() });
    let outcome = has_run.recv_timeout(Duration::from_millis(200));
    gate.open();
    assert!(outcome.is_err());
    executor.block_on(sleeper).unwrap();
    executor.block_on(fresh).unwrap();
    assert_eq!(executor.metrics().threads(), 1);
}

#[test]
fn a_poll_blocked_at_shutdown_is_waited_for() {
    let executor = on(2);
    let returned = Arc::new(AtomicBool::new(false));
    let (begun, has_begun) = mpsc::channel();
    let flag = returned.clone();
    executor.spawn(async move {
        begun.send(()).unwrap();
        thread::sleep(Duration::from_millis(300));
        flag.store(true, Ordering::SeqCst);
    });
    has_begun.recv().unwrap();
    drop(executor);
    assert!(returned.load(Ordering::SeqCst));
}

#[test]
fn announced_and_unannounced_blocking_mix() {
    const NAP: Duration = Duration::from_millis(30);
    let executor = on(2);
    let nap = |i: usize| async move {
        match i % 3 {
            0 => thread::sleep(NAP),
            1 => executor::block_in_place(|| thread::sleep(NAP)),
            _ => executor::block_on(executor::spawn(async { thread::sleep(NAP) })).unwrap(),
        }
        executor::yield_now().await;
        i
    };
    let tasks: Vec<_> = (0..60).map(|i| executor.spawn(nap(i))).collect();
    for (i, task) in tasks.into_iter().enumerate() {
        assert_eq!(executor.block_on(task).unwrap(), i);
    }
    wait_until("every thread's rest", || rests(&executor.metrics()));
}

/// Nobody runs, searches or blocks any more.
fn rests(metrics: &Metrics) -> bool {
    (metrics.blocked_threads(), metrics.searching_threads()) == (0, 0)
        && metrics.idle_threads() == metrics.threads()
}
