//! A logger that does all that may be done to an executor, and panics. The monitor's thread calls
//! it.
#![cfg(not(loom))]

mod common;

use common::{Ledger, PATIENCE, eventually, executor, in_process_with_log, mischief::Mischief};
use executor::Executor;
use log::Record;
use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
};

/// Has reports made: of a poll that goes on until there are so many, each.
fn stall(own: &Executor, reports: &Arc<AtomicUsize>, until: usize) {
    let reports = reports.clone();
    let stalled = own.spawn(async move {
        eventually("it is reported", || reports.load(SeqCst) >= until);
    });
    own.block_on(stalled).unwrap();
}

fn may_do_anything(panics: bool) {
    let mischief = Mischief::new(panics);
    let (acts, reports) = (mischief.clone(), Arc::new(AtomicUsize::new(0)));
    let count = reports.clone();
    let log = move |_: &Record<'_>| {
        count.fetch_add(1, SeqCst);
        acts.act();
    };
    in_process_with_log(log, || {
        let own = executor(2);
        mischief.begin(&own);
        for report in 1..=3 {
            stall(&own, &reports, report);
        }
        // The monitor goes on: a poll that blocks without saying so still gets its stand-in.
        let blocked: Vec<_> = (0..2)
            .map(|_| {
                own.spawn(async move {
                    let (done, is_done) = mpsc::channel();
                    executor::spawn(async move { done.send(()).unwrap() });
                    is_done.recv_timeout(PATIENCE).unwrap();
                })
            })
            .collect();
        for task in blocked {
            own.block_on(task).unwrap();
        }
        drop(own);
        assert!(mischief.acts() >= 3);
        mischief.assert_settled();
    });
}

#[test]
fn a_logger_may_do_anything() {
    may_do_anything(false);
}

#[test]
fn a_logger_may_do_anything_and_panic() {
    may_do_anything(true);
}

#[test]
fn a_logger_may_drop_the_executor() {
    let (last, reports) = (
        Arc::new(Mutex::new(None::<Executor>)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (of_log, count) = (last.clone(), reports.clone());
    let log = move |_: &Record<'_>| {
        let own = of_log.lock().unwrap().take();
        let dropped = own.is_some();
        // First, for the executor ends after the poll that is reported.
        count.fetch_add(usize::from(dropped), SeqCst);
        drop(own);
        count.fetch_add(usize::from(dropped), SeqCst);
    };
    in_process_with_log(log, || {
        let (own, ledger) = (executor(2), Ledger::new());
        let (handle, guard) = (own.handle(), ledger.guard());
        own.spawn(async move {
            let _guard = guard;
            pending::<()>().await
        });
        *last.lock().unwrap() = Some(own);
        let begun = reports.clone();
        let stalled = handle.spawn(async move {
            eventually("it is reported", || begun.load(SeqCst) >= 1);
        });
        futures::executor::block_on(stalled).unwrap();
        eventually("the drop returns", || reports.load(SeqCst) == 2);
        assert_eq!(handle.metrics().threads(), 0);
        ledger.assert_settled();
    });
}

#[test]
fn a_logger_that_waits_for_a_lock_of_whoever_ends_the_executor_keeps_nobody() {
    static LOCK: Mutex<()> = Mutex::new(());
    let reports = Arc::new(AtomicUsize::new(0));
    let count = reports.clone();
    let log = move |_: &Record<'_>| {
        count.fetch_add(1, SeqCst);
        drop(LOCK.lock());
    };
    in_process_with_log(log, || {
        let held = LOCK.lock().unwrap();
        let [first, second] = [executor(1), executor(1)];
        stall(&first, &reports, 1);
        first.shutdown_timeout(PATIENCE).unwrap();
        drop(second);
        drop(held);
    });
}

/// Whoever is at work on it is a thread of the parent's: the child has one of its own.
#[cfg(target_os = "linux")]
#[test]
fn a_logger_that_does_not_return_keeps_no_forked_child_silent() {
    let (parent, reports) = (std::process::id(), Arc::new(AtomicUsize::new(0)));
    let count = reports.clone();
    let log = move |_: &Record<'_>| {
        count.fetch_add(1, SeqCst);
        while std::process::id() == parent {
            std::thread::park();
        }
    };
    in_process_with_log(log, || {
        stall(&executor(1), &reports, 1);
        common::limits::in_fork(|| stall(&executor(1), &reports, 2));
    });
}
