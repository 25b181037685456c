//! `block_in_place`, `spawn_blocking`, and how many threads there are.

use crate::common::{
    Gate, Ledger, PATIENCE, eventually, executor, patient_executor, watchdog, work_for,
    worker_counts,
};
use executor::Executor;
use std::{
    collections::HashSet,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

#[test]
fn block_in_place_with_one_worker_lets_the_others_go_on() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let (send, receive) = mpsc::channel();
    let blocked = own.spawn(async move { executor::block_in_place(|| receive.recv().unwrap()) });
    let other = own.spawn(async move {
        executor::yield_now().await;
        send.send(7).unwrap();
    });
    assert_eq!(own.block_on(blocked).unwrap(), 7);
    own.block_on(other).unwrap();
}

#[test]
fn what_waits_behind_a_task_that_blocks_in_place_goes_on() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let task = own.spawn(async {
        let (send, receive) = mpsc::channel();
        // More than the local queue holds, and one in the next slot.
        for i in 0..600 {
            let send = send.clone();
            executor::spawn(async move { send.send(i).unwrap() });
        }
        drop(send);
        executor::block_in_place(|| receive.iter().count())
    });
    assert_eq!(own.block_on(task).unwrap(), 600);
}

#[test]
fn a_wait_inside_block_in_place_leaves_the_place_given_away() {
    let _watchdog = watchdog(60);
    // No stand-in comes for polls that are merely long.
    let own = patient_executor(1);
    for round in 0..10 {
        let wait = move || executor::block_on(executor::spawn(async move { round })).unwrap();
        let inside = own.spawn(async move { executor::block_in_place(wait) });
        let begin = Instant::now();
        assert_eq!(own.block_on(inside).unwrap(), round);
        // And the next call is announced anew.
        let beside = own.spawn(async move { wait() });
        assert_eq!(own.block_on(beside).unwrap(), round);
        assert!(begin.elapsed() < PATIENCE / 2, "{:?}", begin.elapsed());
    }
}

#[test]
fn what_is_woken_and_spawned_inside_block_in_place_goes_on() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let (wake, woken) = async_channel::bounded::<()>(1);
    let (reply, replied) = mpsc::channel();
    own.spawn(async move {
        woken.recv().await.unwrap();
        reply.send(1).unwrap();
    });
    eventually("it waits", || own.metrics().suspended_tasks() == 1);
    let task = own.spawn(async move {
        executor::block_in_place(|| {
            wake.try_send(()).unwrap();
            let (send, receive) = mpsc::channel();
            executor::spawn(async move { send.send(2).unwrap() });
            replied.recv().unwrap() + receive.recv().unwrap()
        })
    });
    assert_eq!(own.block_on(task).unwrap(), 3);
}

#[test]
fn block_in_place_stays_on_its_thread_and_the_task_goes_on_at_once() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let task = own.spawn(async {
        let local = [thread::current().id()];
        let inside = executor::block_in_place(|| {
            thread::sleep(Duration::from_millis(5));
            [local[0], thread::current().id()]
        });
        HashSet::from([inside[0], inside[1], thread::current().id()]).len()
    });
    assert_eq!(own.block_on(task).unwrap(), 1);
}

#[test]
fn block_in_place_outside_of_tasks_just_calls() {
    let _watchdog = watchdog(60);
    let mut calls = 0;
    executor::block_in_place(|| calls += 1);
    executor::block_on(async { executor::block_in_place(|| calls += 1) });
    assert_eq!(calls, 2);
}

#[test]
fn fifty_blocking_calls_run_at_once_with_one_worker() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let barrier = Arc::new(Barrier::new(50));
    let tasks: Vec<_> = (0..50)
        .map(|i| {
            let barrier = barrier.clone();
            own.spawn_blocking(move || {
                barrier.wait();
                i
            })
        })
        .collect();
    let sum: u32 = own.block_on(async {
        futures::future::join_all(tasks)
            .await
            .into_iter()
            .map(Result::unwrap)
            .sum()
    });
    assert_eq!(sum, 49 * 50 / 2);
    // The monitor, if it was faster than a call's announcement, may count after that.
    eventually("all are counted", || own.metrics().handoffs() >= 50);
}

#[test]
fn spawn_blocking_is_part_of_its_executor() {
    let _watchdog = watchdog(60);
    let own = Executor::builder()
        .workers(1)
        .thread_name("blockers")
        .build()
        .unwrap();
    let task = own.spawn_blocking(|| {
        let inner = executor::spawn_blocking(|| thread::current().name().map(str::to_owned));
        executor::block_on(inner).unwrap()
    });
    assert_eq!(own.block_on(task).unwrap().as_deref(), Some("blockers"));
    assert_eq!(
        executor::block_on(executor::spawn_blocking(|| 7)).unwrap(),
        7
    );
    assert_eq!(
        own.handle()
            .block_on(own.handle().spawn_blocking(|| 7))
            .unwrap(),
        7
    );
}

#[test]
fn surplus_threads_step_back_when_the_calls_return() {
    let _watchdog = watchdog(60);
    const WORKERS: usize = 2;
    let own = patient_executor(WORKERS);
    let calls: Vec<_> = (0..30)
        .map(|_| own.spawn_blocking(|| thread::sleep(Duration::from_millis(20))))
        .collect();
    own.block_on(futures::future::join_all(calls));
    eventually("all threads sleep", || {
        let metrics = own.metrics();
        metrics.idle_threads() == metrics.threads()
    });
    assert!(own.metrics().threads() > WORKERS);
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..2000)
        .map(|_| {
            let (running, most) = (running.clone(), most.clone());
            own.spawn(async move {
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                work_for(Duration::from_micros(20));
                running.fetch_sub(1, SeqCst);
            })
        })
        .collect();
    own.block_on(futures::future::join_all(tasks));
    assert!(
        most.load(SeqCst) <= WORKERS,
        "{} tasks ran at once",
        most.load(SeqCst)
    );
}

#[test]
fn without_handoff_there_are_exactly_n_threads_for_ever() {
    let _watchdog = watchdog(60);
    for workers in worker_counts() {
        let threads = Arc::new(Mutex::new(HashSet::new()));
        let started = Arc::new(AtomicUsize::new(0));
        let count = started.clone();
        let own = Executor::builder()
            .workers(workers)
            .handoff(false)
            .on_thread_start(move || {
                count.fetch_add(1, SeqCst);
            })
            .build()
            .unwrap();
        let tasks: Vec<_> = (0..60)
            .map(|i| {
                let threads = threads.clone();
                let note = move || {
                    threads.lock().unwrap().insert(thread::current().id());
                    thread::sleep(Duration::from_micros(200));
                };
                match i % 3 {
                    0 => own.spawn_blocking(note),
                    1 => own.spawn(async move { executor::block_in_place(note) }),
                    _ => own.spawn(async move {
                        note();
                        // Wakes itself, so that no worker but its own is needed.
                        executor::block_on(async { executor::yield_now().await });
                    }),
                }
            })
            .collect();
        for outcome in own.block_on(futures::future::join_all(tasks)) {
            outcome.unwrap();
        }
        assert_eq!(own.metrics().threads(), workers);
        assert_eq!(own.metrics().handoffs(), 0);
        // Some may have found nothing to do yet, and hence not have begun.
        eventually("all have started", || started.load(SeqCst) == workers);
        assert!(threads.lock().unwrap().len() <= workers);
    }
}

#[test]
fn never_more_than_max_threads_exist_and_nothing_is_stranded() {
    let _watchdog = watchdog(60);
    for (workers, max) in [(1, 1), (1, 2), (2, 3), (2, 6)] {
        let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (up, down, peak) = (alive.clone(), alive.clone(), most.clone());
        let own = Executor::builder()
            .workers(workers)
            .max_threads(max)
            .on_thread_start(move || {
                peak.fetch_max(up.fetch_add(1, SeqCst) + 1, SeqCst);
            })
            .on_thread_stop(move || {
                down.fetch_sub(1, SeqCst);
            })
            .build()
            .unwrap();
        let ledger = Ledger::new();
        let tasks: Vec<_> = (0..40)
            .map(|i| {
                let guard = ledger.guard();
                let sleep = move || {
                    let _guard = guard;
                    thread::sleep(Duration::from_micros(500));
                };
                match i % 2 {
                    0 => own.spawn_blocking(sleep),
                    _ => own.spawn(async move { sleep() }),
                }
            })
            .collect();
        for outcome in own.block_on(futures::future::join_all(tasks)) {
            outcome.unwrap();
        }
        ledger.assert_settled();
        // One worker may have done it all before another has begun.
        eventually("all workers have been there", || {
            most.load(SeqCst) >= workers
        });
        drop(own);
        let most = most.load(SeqCst);
        assert!(
            (workers..=max).contains(&most),
            "{most} threads with at most {max}"
        );
        assert_eq!(alive.load(SeqCst), 0);
    }
}

#[test]
fn work_that_waits_for_a_thread_at_the_limit_goes_on_when_a_call_returns() {
    let _watchdog = watchdog(60);
    let own = Executor::builder()
        .workers(1)
        .max_threads(2)
        .build()
        .unwrap();
    let gate = Gate::new();
    let calls: Vec<_> = (0..2)
        .map(|_| {
            let gate = gate.clone();
            own.spawn_blocking(move || gate.wait())
        })
        .collect();
    eventually("both threads are blocked", || {
        own.metrics().blocked_threads() == 2
    });
    let waiting: Vec<_> = (0..100).map(|i| own.spawn(async move { i })).collect();
    assert!(waiting.iter().all(|task| !task.is_finished()));
    gate.open();
    own.block_on(futures::future::join_all(waiting));
    own.block_on(futures::future::join_all(calls));
}
