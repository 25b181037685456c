//! Foreign code that takes its time keeps the runtime from nothing.

use crate::common::{
    Gate, PATIENCE, eventually, executor, in_process_with_log, patient_executor, sleeps::poll_with,
    watchdog,
};
use executor::time::sleep;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    task::{Wake, Waker},
    thread,
    time::{Duration, Instant},
};

/// A waker that sits where it is woken until the gate is open.
struct Slow {
    gate: Gate,
    woken: AtomicBool,
}

impl Slow {
    fn new() -> Arc<Slow> {
        Arc::new(Slow {
            gate: Gate::new(),
            woken: AtomicBool::new(false),
        })
    }
}

impl Wake for Slow {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, SeqCst);
        self.gate.wait();
    }
}

/// So short sleeps that others have end though that waker takes as long as it likes.
const SHORT: Duration = Duration::from_millis(50);

/// Time enough to poll a sleep before it is over.
const BEFORE: Duration = Duration::from_millis(500);

#[test]
fn a_slow_waker_of_a_timer_delays_no_other_timer() {
    let _watchdog = watchdog(100);
    let slow = Slow::new();
    let waker = Waker::from(slow.clone());
    // On a thread of no executor: the default one serves them.
    let mut first = Box::pin(sleep(BEFORE));
    assert!(poll_with(&waker, &mut first).is_pending());
    eventually("it is woken", || slow.woken.load(SeqCst));
    let (done, is_done) = mpsc::channel();
    let others = thread::spawn(move || {
        futures::executor::block_on(sleep(SHORT));
        executor::block_on(executor::spawn(sleep(SHORT))).unwrap();
        done.send(()).unwrap();
    });
    let outcome = is_done.recv_timeout(PATIENCE);
    slow.gate.open();
    outcome.unwrap();
    others.join().unwrap();
}

#[test]
fn a_slow_waker_delays_no_timer_that_is_due_with_it() {
    let _watchdog = watchdog(100);
    let own = executor(1);
    let slow = Slow::new();
    let waker = Waker::from(slow.clone());
    let deadline = Instant::now() + BEFORE;
    let task = own.spawn(async move {
        // In the worker's own wheel, both.
        let mut first = Box::pin(executor::time::sleep_until(deadline));
        assert!(poll_with(&waker, &mut first).is_pending());
        executor::time::sleep_until(deadline).await;
    });
    let outcome = own.block_on(executor::time::timeout(PATIENCE, task));
    slow.gate.open();
    outcome.unwrap().unwrap();
}

/// A poll that sleeps for so long is reported.
const STALL: Duration = Duration::from_millis(1_500);

#[test]
fn a_logger_that_waits_keeps_nobody_from_a_stand_in() {
    static LOCK: Mutex<()> = Mutex::new(());
    static ENTERED: AtomicBool = AtomicBool::new(false);
    let log = |_: &log::Record<'_>| {
        ENTERED.store(true, SeqCst);
        drop(LOCK.lock());
    };
    in_process_with_log(log, || {
        let own = executor(1);
        // The stalled task holds the lock that the logger wants, until another task has run.
        let stalled = own.spawn(async {
            let _held = LOCK.lock().unwrap();
            eventually("the logger waits", || ENTERED.load(SeqCst));
            let (done, is_done) = mpsc::channel();
            executor::spawn(async move { done.send(()).unwrap() });
            is_done.recv_timeout(PATIENCE).unwrap();
            // And one behind a poll that is stuck itself, for which it takes the monitor.
            let (done, is_done) = mpsc::channel();
            executor::spawn(async move {
                executor::spawn(async move { done.send(()).unwrap() });
                thread::sleep(Duration::from_millis(100));
            });
            is_done.recv_timeout(PATIENCE).unwrap();
        });
        own.block_on(stalled).unwrap();
        drop(own);
    });
}

#[test]
fn without_a_logger_a_stall_is_told_on_standard_error_once_for_each_line_that_spawns() {
    let _watchdog = watchdog(100);
    if !crate::common::is_child() {
        let output = crate::common::output_of(crate::common::child());
        crate::common::assert_passed("the child", &output);
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<_> = text
            .lines()
            .filter(|line| line.contains("in one poll"))
            .collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert!(lines[0].starts_with("executor: task "), "{text}");
        return;
    }
    let own = patient_executor(2);
    let tasks: Vec<_> = (0..2)
        .map(|_| own.spawn(async { thread::sleep(STALL) }))
        .collect();
    for task in tasks {
        own.block_on(task).unwrap();
    }
}
