//! What `Metrics` tells.

use crate::common::{Gate, eventually, executor, patient_executor, steady_executor, watchdog};
use executor::Handle;
use std::{future::pending, sync::mpsc};

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
