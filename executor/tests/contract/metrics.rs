//! What `Metrics` tells.

use crate::common::{Gate, eventually, executor, patient_executor, steady_executor, watchdog};
use executor::{Executor, Handle};
use std::{future::pending, sync::mpsc, thread, time::Duration};

#[test]
fn they_tell_workers_threads_and_who_sleeps() {
    let _watchdog = watchdog(60);
    let own = executor(3);
    assert_eq!(own.metrics().workers(), 3);
    assert_eq!(own.metrics().threads(), 3);
    eventually("all sleep", || own.metrics().idle_threads() == 3);
    assert_eq!(own.metrics().searching_threads(), 0);
    assert_eq!(own.metrics().blocked_threads(), 0);
    assert_eq!(own.metrics().processors().len(), 3);
    assert!(
        own.metrics()
            .processors()
            .iter()
            .enumerate()
            .all(|(i, p)| p.index() == i)
    );
}

#[test]
fn they_count_polls_parks_and_tasks_from_the_global_queue() {
    let _watchdog = watchdog(60);
    let own = steady_executor(1);
    for _ in 0..10 {
        own.block_on(own.spawn(async { executor::yield_now().await }))
            .unwrap();
    }
    eventually("it sleeps", || {
        let metrics = own.metrics();
        metrics.idle_threads() == 1 && metrics.processors()[0].parks() >= 1
    });
    let metrics = own.metrics();
    let processor = &metrics.processors()[0];
    assert_eq!(processor.polls(), 20);
    assert_eq!(processor.global_tasks(), 10);
    assert_eq!(
        (processor.steals(), processor.stolen_tasks()),
        (0, 0),
        "nobody to steal from"
    );
}

#[test]
fn they_count_each_task_of_those_that_come_from_the_global_queue_together() {
    const TASKS: usize = 100;
    let _watchdog = watchdog(60);
    let (own, gate) = (steady_executor(1), Gate::new());
    let inside = gate.clone();
    let blocks = own.spawn(async move { inside.wait() });
    eventually("it blocks", || own.metrics().processors()[0].polls() == 1);
    let tasks: Vec<_> = (0..TASKS).map(|_| own.spawn(async {})).collect();
    gate.open();
    own.block_on(futures::future::join_all(tasks));
    own.block_on(blocks).unwrap();
    let metrics = own.metrics();
    assert_eq!(metrics.processors()[0].global_tasks(), 1 + TASKS as u64);
}

#[test]
fn they_count_suspended_tasks() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let tasks: Vec<_> = (0..100).map(|_| own.spawn(pending::<()>())).collect();
    eventually("they wait", || own.metrics().suspended_tasks() == 100);
    own.block_on(async {
        for task in tasks {
            task.cancel().await;
        }
    });
    assert_eq!(own.metrics().suspended_tasks(), 0);
}

#[test]
fn they_show_what_is_queued_behind_a_blocked_worker_and_overflows() {
    let _watchdog = watchdog(60);
    let own = steady_executor(1);
    let gate = Gate::new();
    let inside = gate.clone();
    let (started, is_started) = mpsc::channel();
    own.spawn(async move {
        for _ in 0..300 {
            executor::spawn(async {});
        }
        started.send(()).unwrap();
        inside.wait();
    });
    is_started.recv().unwrap();
    (0..20).for_each(|_| drop(own.spawn(async {})));
    let metrics = own.metrics();
    let processor = &metrics.processors()[0];
    assert!(processor.overflows() >= 1);
    assert!(processor.local_queue_len() > 1);
    assert!(metrics.global_queue_len() >= 20);
    assert_eq!(
        processor.local_queue_len() + metrics.global_queue_len(),
        320
    );
    gate.open();
    eventually("all has run", || {
        let metrics = own.metrics();
        metrics.global_queue_len() == 0 && metrics.processors()[0].local_queue_len() == 0
    });
}

#[test]
fn they_show_blocked_threads_and_hand_offs() {
    let _watchdog = watchdog(60);
    let own = patient_executor(2);
    let gate = Gate::new();
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let gate = gate.clone();
            own.spawn_blocking(move || gate.wait())
        })
        .collect();
    eventually("all block", || own.metrics().blocked_threads() == 5);
    let metrics = own.metrics();
    assert_eq!(metrics.handoffs(), 5, "counted before it shows");
    assert!(
        metrics.threads() >= 5 && metrics.threads() <= 7,
        "{}",
        metrics.threads()
    );
    assert_eq!(
        metrics.processors().iter().filter(|p| p.blocked()).count(),
        5
    );
    gate.open();
    own.block_on(futures::future::join_all(calls));
    assert_eq!(own.metrics().blocked_threads(), 0);
    assert_eq!(own.metrics().handoffs(), 5);
}

#[test]
fn they_show_threads_that_block_without_saying_so_once_others_run_in_their_stead() {
    let _watchdog = watchdog(60);
    let (own, gate) = (executor(1), Gate::new());
    let inside = gate.clone();
    let (started, is_started) = mpsc::channel();
    let blocks = own.spawn(async move {
        started.send(()).unwrap();
        inside.wait();
    });
    is_started.recv().unwrap();
    own.block_on(own.spawn(async {})).unwrap();
    eventually("the thread that blocks is counted", || {
        let metrics = own.metrics();
        let blocked = metrics.processors().iter().filter(|p| p.blocked());
        (metrics.blocked_threads(), blocked.count()) == (1, 1)
    });
    assert!(own.metrics().handoffs() >= 1);
    gate.open();
    own.block_on(blocks).unwrap();
    eventually("none blocks", || own.metrics().blocked_threads() == 0);
}

#[test]
fn they_count_thefts() {
    let _watchdog = watchdog(60);
    let own = patient_executor(2);
    let gate = Gate::new();
    let inside = gate.clone();
    let task = own.spawn(async move {
        for _ in 0..100 {
            executor::spawn(async {});
        }
        inside.wait();
    });
    let stolen = || {
        own.metrics()
            .processors()
            .iter()
            .map(|p| p.stolen_tasks())
            .sum::<u64>()
    };
    eventually("the other worker steals", || stolen() >= 99);
    assert!(
        own.metrics()
            .processors()
            .iter()
            .map(|p| p.steals())
            .sum::<u64>()
            >= 2
    );
    gate.open();
    own.block_on(task).unwrap();
}

#[test]
fn they_work_through_a_handle_and_can_be_cloned_and_printed() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let metrics = own.handle().metrics().clone();
    assert!(format!("{metrics:?}").contains("workers: 2"));
    // Of the current executor, wherever that is.
    let current = || Handle::current().metrics().workers();
    assert_eq!(own.block_on(async { current() }), 2);
    assert_eq!(
        own.block_on(own.spawn(async move { current() })).unwrap(),
        2
    );
}

#[test]
fn they_count_tasks_that_live_and_that_were_spawned_wherever_that_happens() {
    const EACH: usize = 50;
    let _watchdog = watchdog(60);
    let (own, other) = (executor(2), executor(1));
    let handle = own.handle();
    let spawn_some = move |spawner: &Handle| {
        let tasks = (0..EACH).map(|_| spawner.spawn(pending::<()>()).abort_on_drop());
        tasks.collect::<Vec<_>>()
    };
    let outside = spawn_some(&handle);
    let (on_own, on_other) = (handle.clone(), handle.clone());
    let inside = own
        .block_on(own.spawn(async move { spawn_some(&on_own) }))
        .unwrap();
    let elsewhere = other
        .block_on(other.spawn(async move { spawn_some(&on_other) }))
        .unwrap();
    let metrics = own.metrics();
    assert_eq!(metrics.alive_tasks(), 3 * EACH);
    assert_eq!(metrics.spawned_tasks(), 3 * EACH as u64 + 1);
    assert_eq!(other.metrics().alive_tasks(), 0);
    assert_eq!(other.metrics().spawned_tasks(), 1);
    drop((outside, inside));
    eventually("they have ended", || own.metrics().alive_tasks() == EACH);
    drop(elsewhere);
    eventually("all have ended", || own.metrics().alive_tasks() == 0);
    assert_eq!(own.metrics().spawned_tasks(), 3 * EACH as u64 + 1);
}

#[test]
fn who_has_heard_of_the_end_of_a_task_does_not_find_it_among_the_living() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    for i in 1..=1_000 {
        let task = own.spawn(async {
            if fastrand::bool() {
                executor::yield_now().await;
            }
        });
        own.block_on(task).unwrap();
        let metrics = own.metrics();
        assert_eq!((metrics.alive_tasks(), metrics.spawned_tasks()), (0, i));
    }
}

#[test]
fn tasks_are_counted_once_however_they_end() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let handle = own.handle();
    let alive = || handle.metrics().alive_tasks();
    let panics = own.spawn(async { crate::common::quiet_panic("no") });
    assert!(
        own.block_on(async { panics.await.map(|never: ()| never) })
            .is_err()
    );
    let aborted = own.spawn(pending::<()>());
    assert_eq!(alive(), 1);
    own.block_on(aborted.cancel());
    own.block_on(own.spawn_blocking(|| ())).unwrap();
    drop(own.spawn(async {}));
    eventually("the detached one has ended", || alive() == 0);
    for _ in 0..10 {
        own.spawn(pending::<()>());
    }
    assert_eq!(alive(), 10);
    drop(own);
    assert_eq!(alive(), 0);
    assert!(handle.spawn(async {}).is_finished());
    assert_eq!((alive(), handle.metrics().spawned_tasks()), (0, 15));
}

/// How long all processors have been busy.
fn busy_time(own: &Executor) -> Duration {
    own.metrics()
        .processors()
        .iter()
        .map(|p| p.busy_time())
        .sum()
}

#[test]
fn they_tell_how_long_a_processor_was_busy_also_in_the_poll_that_asks() {
    const BUSY: Duration = Duration::from_millis(50);
    let _watchdog = watchdog(60);
    let own = steady_executor(1);
    let handle = own.handle();
    let inside = own.spawn(async move {
        let of_own = || handle.metrics().processors()[0].busy_time();
        let before = of_own();
        thread::sleep(BUSY);
        of_own() - before
    });
    assert!(own.block_on(inside).unwrap() >= BUSY);
    assert!(busy_time(&own) >= BUSY);
}

#[test]
fn a_processor_whose_thread_sleeps_is_not_busy() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    own.block_on(own.spawn(async {})).unwrap();
    eventually("all sleep, and stay so for a while", || {
        let before = busy_time(&own);
        thread::sleep(Duration::from_millis(20));
        own.metrics().idle_threads() == 2 && busy_time(&own) == before
    });
}
