//! `abort`, `cancel` and `abort_on_drop` in every state of a task.

use crate::common::{
    Gate, Ledger, OnDrop, Wakers, eventually, executor, quiet_panic, steady_executor, watchdog,
};
use executor::{Executor, JoinHandle};
use std::{
    cell::Cell,
    future::{pending, poll_fn},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::Poll,
    thread,
};

/// An executor with one worker that sits in a poll until the gate is opened.
fn busy_executor() -> (Executor, Gate) {
    let (own, gate) = (steady_executor(1), Gate::new());
    let inside = gate.clone();
    let (started, is_started) = mpsc::channel();
    own.spawn(async move {
        started.send(()).unwrap();
        inside.wait();
    });
    is_started.recv().unwrap();
    (own, gate)
}

/// Spawns a task that is suspended for ever, and waits until it is; its drop sends what `f` says.
fn suspended<T: Send + 'static>(
    own: &Executor,
    f: impl Fn() -> T + Send + 'static,
) -> (JoinHandle<()>, mpsc::Receiver<T>) {
    let (send, dropped) = mpsc::channel();
    let (started, is_started) = mpsc::channel::<()>();
    let guard = OnDrop(move || send.send(f()).unwrap());
    let task = own.spawn(async move {
        let _guard = guard;
        let mut started = Some(started);
        poll_fn(|_| {
            drop(started.take());
            Poll::Pending
        })
        .await
    });
    assert!(is_started.recv().is_err(), "only its drop is waited for");
    eventually("it is suspended", || own.metrics().suspended_tasks() > 0);
    (task, dropped)
}

#[test]
fn a_queued_task_is_dropped_without_being_polled() {
    let _watchdog = watchdog(60);
    let (own, gate) = busy_executor();
    let (ledger, polls) = (Ledger::new(), Arc::new(AtomicUsize::new(0)));
    let (guard, count) = (ledger.guard(), polls.clone());
    let task = own.spawn(async move {
        let _guard = guard;
        count.fetch_add(1, SeqCst);
    });
    task.abort();
    assert_eq!(ledger.dropped(), 0, "not on the caller's stack");
    gate.open();
    assert!(own.block_on(task).unwrap_err().is_cancelled());
    ledger.assert_settled();
    assert_eq!(polls.load(SeqCst), 0);
}

#[test]
fn a_suspended_task_is_dropped_promptly_by_a_worker() {
    let _watchdog = watchdog(60);
    let own = Executor::builder()
        .workers(2)
        .thread_name("aborter")
        .build()
        .unwrap();
    let (task, dropped) = suspended(&own, || {
        thread::current().name().unwrap_or_default().to_owned()
    });
    task.abort();
    assert_eq!(dropped.recv().unwrap(), "aborter");
    assert!(own.block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn a_task_that_was_woken_and_is_queued_again_is_not_polled_any_more() {
    let _watchdog = watchdog(60);
    let own = steady_executor(1);
    let (wakers, ledger, polls) = (Wakers::new(), Ledger::new(), Arc::new(AtomicUsize::new(0)));
    let (wait, guard, count) = (wakers.once(), ledger.guard(), polls.clone());
    let task = own.spawn(async move {
        let _guard = guard;
        wait.await;
        count.fetch_add(1, SeqCst);
    });
    eventually("it waits", || wakers.len() == 1);
    let (gate, (started, is_started)) = (Gate::new(), mpsc::channel());
    let inside = gate.clone();
    own.spawn(async move {
        started.send(()).unwrap();
        inside.wait();
    });
    is_started.recv().unwrap();
    wakers.take().pop().unwrap().wake();
    task.abort();
    gate.open();
    assert!(own.block_on(task).unwrap_err().is_cancelled());
    ledger.assert_settled();
    assert_eq!(polls.load(SeqCst), 0);
}

thread_local!(static IN_ABORT: Cell<bool> = const { Cell::new(false) });

#[test]
fn a_running_task_is_dropped_at_its_next_suspension_point() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let (ledger, gate, polls) = (Ledger::new(), Gate::new(), Arc::new(AtomicUsize::new(0)));
    let (guard, inside, count) = (ledger.guard(), gate.clone(), polls.clone());
    let (started, is_started) = mpsc::channel();
    let task = own.spawn(poll_fn(move |cx| {
        let _guard = &guard;
        count.fetch_add(1, SeqCst);
        cx.waker().wake_by_ref();
        started.send(()).unwrap();
        inside.wait();
        Poll::<()>::Pending
    }));
    is_started.recv().unwrap();
    task.abort();
    assert_eq!(ledger.dropped(), 0);
    gate.open();
    assert!(own.block_on(task).unwrap_err().is_cancelled());
    ledger.assert_settled();
    assert_eq!(polls.load(SeqCst), 1);
}

#[test]
fn an_abort_during_the_poll_that_finishes_leaves_the_outcome_as_it_is() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    for panics in [false, true] {
        let (ledger, gate) = (Ledger::new(), Gate::new());
        let (future, output, inside) = (ledger.guard(), ledger.guard(), gate.clone());
        let (started, is_started) = mpsc::channel();
        let task = own.spawn(async move {
            let _future = future;
            started.send(()).unwrap();
            inside.wait();
            if panics {
                quiet_panic("finished");
            }
            output
        });
        is_started.recv().unwrap();
        task.abort();
        gate.open();
        match own.block_on(task) {
            Ok(output) => {
                assert!(!panics);
                assert_eq!(
                    ledger.dropped(),
                    1,
                    "the future is gone, the output is whole"
                );
                drop(output);
            }
            Err(error) => assert!(panics && error.is_panic(), "{error}"),
        }
        ledger.assert_settled();
    }
}

#[test]
fn an_awaiter_that_waits_already_is_told() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let task = own.spawn(pending::<()>());
    let (send, abort) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
    let thread = thread::spawn(move || abort.recv().unwrap()());
    let outcome = own.block_on(async {
        let task = task;
        let aborter = own.spawn(async {});
        aborter.await.unwrap();
        let handle = Arc::new(std::sync::Mutex::new(task));
        let other = handle.clone();
        let mut send = Some(send);
        poll_fn(move |cx| {
            let polled = std::pin::Pin::new(&mut *handle.lock().unwrap()).poll(cx);
            if let Some(send) = send.take() {
                let other = other.clone();
                send.send(Box::new(move || other.lock().unwrap().abort()))
                    .unwrap();
            }
            polled
        })
        .await
    });
    assert!(outcome.unwrap_err().is_cancelled());
    thread.join().unwrap();
}

#[test]
fn after_the_end_of_the_executor_it_does_nothing() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let (finished, pending) = (own.spawn(async { 7 }), own.spawn(pending::<()>()));
    eventually("it is finished", || finished.is_finished());
    drop(own);
    finished.abort();
    pending.abort();
    // Possibly at the same address.
    let _other = executor(1);
    finished.abort();
    pending.abort();
    assert_eq!(executor::block_on(finished).unwrap(), 7);
    assert!(executor::block_on(pending).unwrap_err().is_cancelled());
}

#[test]
fn a_closure_of_spawn_blocking_that_has_started_is_not_stopped() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let gate = Gate::new();
    let inside = gate.clone();
    let (started, is_started) = mpsc::channel();
    let (ended, has_ended) = mpsc::channel();
    let task = own.spawn_blocking(move || {
        started.send(()).unwrap();
        inside.wait();
        ended.send(()).unwrap();
    });
    is_started.recv().unwrap();
    task.abort();
    gate.open();
    has_ended.recv().unwrap();
    own.block_on(task).expect("it came to its end");
}

#[test]
fn cancel_waits_until_the_future_of_an_unfinished_task_has_been_dropped() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let (task, dropped) = suspended(&own, || thread::sleep(std::time::Duration::from_millis(30)));
    assert_eq!(own.block_on(task.cancel()), None);
    dropped
        .try_recv()
        .expect("the future's destructor has come to its end");

    // And of one that is running.
    let gate = Gate::new();
    let inside = gate.clone();
    let (started, is_started) = mpsc::channel();
    let ledger = Ledger::new();
    let guard = ledger.guard();
    let task = own.spawn(async move {
        let _guard = guard;
        started.send(()).unwrap();
        inside.wait();
        pending::<()>().await
    });
    is_started.recv().unwrap();
    let opener = thread::spawn(move || {
        thread::sleep(std::time::Duration::from_millis(20));
        gate.open();
    });
    assert_eq!(own.block_on(task.cancel()), None);
    ledger.assert_settled();
    opener.join().unwrap();
}

#[test]
fn cancel_returns_none_for_a_task_that_panicked() {
    // Not in simulations, which have to know of it.
    let _watchdog = watchdog(20);
    let own = executor(1);
    let task = own.spawn(async { quiet_panic("cancelled later") });
    eventually("it has panicked", || task.is_finished());
    let outcome: Option<()> = own.block_on(task.cancel()).map(|never: ()| never);
    assert_eq!(outcome, None);
}
