//! `AbortHandle`: it ends a task, and does nothing else.

use crate::common::{Ledger, Wakers, eventually, executor, steady_executor, watchdog};
use executor::{AbortHandle, JoinHandle};
use std::{future::pending, thread};

/// From a thread that belongs to no executor.
fn abort_elsewhere(handle: AbortHandle) {
    thread::spawn(move || handle.abort()).join().unwrap();
}

#[test]
fn it_ends_a_task_whose_handle_is_awaited() {
    let _watchdog = watchdog(60);
    let (own, ledger) = (executor(2), Ledger::new());
    let task = own.spawn(ledger.track(pending::<()>()));
    let (first, second) = (task.abort_handle(), task.abort_handle());
    abort_elsewhere(first.clone());
    assert!(own.block_on(task).unwrap_err().is_cancelled());
    ledger.assert_settled();
    assert!(first.is_finished() && second.is_finished());
    second.abort();
}

#[test]
fn it_ends_a_task_that_is_detached_in_whatever_state() {
    let _watchdog = watchdog(60);
    let (own, ledger, wakers) = (steady_executor(1), Ledger::new(), Wakers::new());
    let start = || {
        let task = own.spawn(ledger.track(wakers.forever()));
        task.abort_handle()
    };
    let suspended = start();
    eventually("it is suspended", || own.metrics().suspended_tasks() == 1);
    suspended.abort();
    eventually("it is dropped", || ledger.dropped() == 1);
    for _ in 0..1_000 {
        // Queued, running, or suspended.
        start().abort();
    }
    eventually("all are dropped", || ledger.dropped() == 1_001);
    drop(own);
    ledger.assert_settled();
}

#[test]
fn it_ends_a_task_whose_output_is_large() {
    let _watchdog = watchdog(60);
    type Large = [u8; 8 << 10];
    let (own, ledger) = (executor(2), Ledger::new());
    let task = own.spawn(ledger.track(pending::<Large>()));
    let handle = task.abort_handle();
    assert_eq!(handle.id(), task.id());
    assert!(!handle.is_finished());
    abort_elsewhere(handle.clone());
    assert!(own.block_on(task).unwrap_err().is_cancelled());
    assert!(handle.is_finished());
    ledger.assert_settled();
    // And does nothing to one that has ended, whether or not the output is still there.
    let task = own.spawn(async { [7; 8 << 10] });
    let handle = task.abort_handle();
    eventually("it has ended", || handle.is_finished());
    handle.abort();
    assert_eq!(own.block_on(task).unwrap()[1], 7);
    assert!(handle.is_finished());
    let detached = own.spawn(async { [7; 8 << 10] }).abort_handle();
    eventually("it has ended", || detached.is_finished());
    detached.abort();
}

#[test]
fn it_keeps_neither_the_future_nor_the_output() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let (futures, outputs) = (Ledger::new(), Ledger::new());
    let output = outputs.guard();
    let task = own.spawn(futures.track(async move { output }));
    let handle = task.abort_handle();
    drop(task);
    eventually("it has ended", || handle.is_finished());
    eventually("the output is dropped", || outputs.dropped() == 1);
    futures.assert_settled();

    let task = own.spawn(outputs.track(pending::<()>()));
    let handle = task.abort_handle();
    drop((task, own));
    outputs.assert_settled();
    assert!(handle.is_finished());
}

#[test]
fn it_may_outlive_the_handle_the_task_and_the_executor() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let task = own.spawn(async {});
    let (id, handle) = (task.id(), task.abort_handle());
    own.block_on(task).unwrap();
    drop(own);
    // Perhaps with the number of the one that is no more.
    let next = executor(1);
    let other = next.spawn(pending::<()>());
    abort_elsewhere(handle.clone());
    assert_eq!(handle.id(), id);
    assert!(handle.is_finished());
    assert!(!other.is_finished());
    let refused = own_handle_of_a_dead_executor().abort_handle();
    assert!(refused.is_finished());
    refused.abort();
}

fn own_handle_of_a_dead_executor() -> JoinHandle<()> {
    let handle = executor(1).handle();
    handle.spawn(async {})
}

#[test]
fn for_debugging_it_says_which_task_it_ends_and_whether_that_has_ended() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let task = own.spawn(async {});
    let handle = task.abort_handle();
    own.block_on(task).unwrap();
    let expected = format!("AbortHandle {{ id: {:?}, is_finished: true }}", handle.id());
    assert_eq!(format!("{handle:?}"), expected);
}
