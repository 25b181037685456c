//! Calls that say that they block: they cost nothing while they are short, and delay nobody when
//! they are long.

use crate::common::{Gate, PATIENCE, eventually, executor, watchdog, work_for, worker_counts};
use executor::{block_in_place, spawn, spawn_blocking, yield_now};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Hand-offs of so many short calls that a busy machine may cause: a thread may lose its core in
/// one, and the call is long then.
const BY_CHANCE: u64 = 100;

#[test]
fn a_short_call_keeps_its_permit() {
    let _watchdog = watchdog(100);
    const CALLS: u64 = 10_000;
    let own = executor(1);
    let task = own.spawn(async {
        for _ in 0..CALLS {
            // Somebody who would be given away.
            let behind = spawn(async {});
            block_in_place(|| {});
            behind.await.unwrap();
        }
    });
    own.block_on(task).unwrap();
    let handoffs = own.metrics().handoffs();
    assert!(handoffs <= BY_CHANCE, "{handoffs} of {CALLS}");
    assert!(own.metrics().threads() <= 2);
}

#[test]
fn a_call_that_computes_for_less_than_a_moment_keeps_its_permit() {
    let _watchdog = watchdog(100);
    const CALLS: u64 = 500;
    let own = executor(2);
    let tasks: Vec<_> = (0..CALLS)
        .map(|_| own.spawn_blocking(|| work_for(Duration::from_micros(100))))
        .collect();
    for task in tasks {
        own.block_on(task).unwrap();
    }
    let handoffs = own.metrics().handoffs();
    assert!(handoffs <= BY_CHANCE, "{handoffs} of {CALLS}");
}

#[test]
fn what_waits_behind_a_long_call_runs() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let (own, gate) = (executor(workers), Gate::new());
        let (inside, are_inside) = mpsc::channel();
        let calls: Vec<_> = (0..workers)
            .map(|_| {
                let (gate, inside) = (gate.clone(), inside.clone());
                own.spawn(async move {
                    // In the next slot, and in the queue.
                    let behind: Vec<_> = (0..3).map(|_| spawn(yield_now())).collect();
                    block_in_place(|| {
                        inside.send(()).unwrap();
                        gate.wait();
                    });
                    for task in behind {
                        task.await.unwrap();
                    }
                })
            })
            .collect();
        (0..workers).for_each(|_| are_inside.recv_timeout(PATIENCE).unwrap());
        own.block_on(own.spawn(async {})).unwrap();
        eventually("all calls are seen", || {
            own.metrics().blocked_threads() == workers
        });
        assert!(own.metrics().handoffs() >= workers as u64);
        gate.open();
        for call in calls {
            own.block_on(call).unwrap();
        }
    }
}

#[test]
fn a_call_may_wait_for_what_it_has_spawned_itself() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let own = executor(workers);
        let task = own.spawn(async {
            for _ in 0..100 {
                block_in_place(|| {
                    let (done, is_done) = mpsc::channel();
                    spawn(async move { done.send(()).unwrap() });
                    is_done.recv_timeout(PATIENCE).unwrap();
                });
            }
        });
        own.block_on(task).unwrap();
    }
}

/// So long sleeps in a call, one after the other on a few threads, would take far longer.
#[test]
fn calls_that_sleep_for_a_moment_do_so_at_the_same_time() {
    let _watchdog = watchdog(100);
    const CALLS: u32 = 200;
    const NAP: Duration = Duration::from_millis(10);
    let own = executor(1);
    let begin = Instant::now();
    let calls: Vec<_> = (0..CALLS)
        .map(|_| own.spawn_blocking(|| thread::sleep(NAP)))
        .collect();
    for call in calls {
        own.block_on(call).unwrap();
    }
    let took = begin.elapsed();
    assert!(took < CALLS * NAP / 2, "{took:?}");
}

#[test]
fn what_a_call_leaves_behind_keeps_its_order() {
    let _watchdog = watchdog(100);
    let own = executor::Executor::builder()
        .workers(1)
        .max_threads(1)
        .build()
        .unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let ran = order.clone();
    let task = own.spawn(async move {
        let tasks: Vec<_> = (0..5)
            .map(|number| {
                let ran = ran.clone();
                spawn(async move { ran.lock().unwrap().push(number) })
            })
            .collect();
        // Long enough for the monitor.
        block_in_place(|| thread::sleep(Duration::from_millis(50)));
        for task in tasks {
            task.await.unwrap();
        }
    });
    own.block_on(task).unwrap();
    // The next slot's task came last.
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_sleep_on_the_worker_ends_while_it_is_in_a_call() {
    let _watchdog = watchdog(100);
    let own = executor(1);
    let gate = Gate::new();
    let waiting = gate.clone();
    let sleeper = own.spawn(async { executor::time::sleep(Duration::from_millis(20)).await });
    eventually("it sleeps", || own.metrics().suspended_tasks() == 1);
    let call = own.spawn(async move { block_in_place(|| waiting.wait()) });
    own.block_on(sleeper).unwrap();
    gate.open();
    own.block_on(call).unwrap();
}

#[test]
fn calls_in_calls_are_one() {
    let _watchdog = watchdog(100);
    let own = executor(1);
    let done = Arc::new(AtomicUsize::new(0));
    let count = done.clone();
    let task = own.spawn(async move {
        block_in_place(|| {
            block_in_place(|| thread::sleep(Duration::from_millis(5)));
            executor::block_on(spawn(async move { count.fetch_add(1, SeqCst) })).unwrap();
            executor::block_on(spawn_blocking(|| ())).unwrap();
        });
    });
    own.block_on(task).unwrap();
    assert_eq!(done.load(SeqCst), 1);
    eventually("nobody is blocked", || own.metrics().blocked_threads() == 0);
}
