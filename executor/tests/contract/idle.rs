//! What an executor with nothing to do costs.
#![cfg(target_os = "linux")]

use crate::common::{activity, eventually, executor, in_own_process, is_at_rest, resident_bytes};
use executor::{Executor, Handle};
use std::{future::pending, thread, time::Duration};

/// How often the process is looked at until nothing happens.
const WINDOWS: usize = 5;

/// The threads of these executors have nothing to do from now on, nor has any other of the process.
#[track_caller]
pub fn assert_silent(executors: &[Handle]) {
    eventually("all threads sleep", || {
        executors.iter().all(|own| is_at_rest(&own.metrics()))
    });
    // The system may delay a thread that is about to fall asleep. One that never rests, or looks
    // around every now and then, does so in each window.
    let windows = (0..WINDOWS).map(|_| activity_in_a_window());
    let loud: Vec<_> = windows.take_while(|&seen| !is_silent(seen)).collect();
    assert!(
        loud.len() < WINDOWS,
        "(ns of CPU, times threads went to sleep) in each window: {loud:?}"
    );
}

/// What [`activity`] says of 700 ms in which this thread sleeps.
fn activity_in_a_window() -> (u64, usize) {
    thread::sleep(Duration::from_millis(100));
    let (cpu, sleeps) = activity();
    thread::sleep(Duration::from_millis(700));
    let end = activity();
    // A thread that has ended takes its figures along: a huge difference, and not silence.
    (end.0.wrapping_sub(cpu), end.1.wrapping_sub(sleeps))
}

/// This thread went to sleep once. A look every 10 ms would show 70 sleeps.
fn is_silent((cpu, sleeps): (u64, usize)) -> bool {
    sleeps <= 5 && cpu < 5_000_000
}

#[test]
fn an_idle_executor_uses_no_cpu_at_all() {
    in_own_process(|| {
        let own = executor(8);
        for _ in 0..1000 {
            own.spawn(pending::<()>());
        }
        // A blocking call that has come and gone has left a stand-in.
        own.block_on(own.spawn_blocking(|| thread::sleep(Duration::from_millis(1))))
            .unwrap();
        eventually("all wait", || own.metrics().suspended_tasks() == 1000);
        // Also one whose number of workers follows the cores, and one where it has changed.
        let (follows, changed) = (Executor::new().unwrap(), executor(8));
        for n in [1, 300, 4] {
            changed.handle().set_workers(n).unwrap();
            changed.block_on(changed.spawn(async {})).unwrap();
        }
        follows.block_on(follows.spawn(async {})).unwrap();
        assert_silent(&[own.handle(), follows.handle(), changed.handle()]);
        assert_eq!(own.metrics().suspended_tasks(), 1000);
    });
}

#[test]
fn an_executor_that_has_been_used_falls_silent_again() {
    in_own_process(|| {
        let own = executor(8);
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                own.spawn(async {
                    for _ in 0..10 {
                        executor::spawn(async { executor::yield_now().await })
                            .await
                            .unwrap();
                    }
                })
            })
            .collect();
        own.block_on(futures::future::join_all(tasks));
        assert_silent(&[own.handle()]);
    });
}

#[test]
fn a_pending_task_costs_at_most_150_bytes() {
    in_own_process(|| {
        let tasks = if cfg!(debug_assertions) {
            200_000
        } else {
            1_000_000
        };
        let own = executor(2);
        own.block_on(own.spawn(async {})).unwrap();
        let before = resident_bytes();
        for _ in 0..tasks {
            own.spawn(pending::<()>());
        }
        eventually("they all wait", || own.metrics().suspended_tasks() == tasks);
        let each = (resident_bytes() - before) as f64 / tasks as f64;
        println!("{each:.1} bytes for each of {tasks} pending tasks");
        assert!(each <= 150.0, "{each} bytes each");
        drop(own);
    });
}
