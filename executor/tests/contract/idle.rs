//! What an executor with nothing to do costs.
#![cfg(target_os = "linux")]

use crate::common::{activity, executor, in_own_process, resident_bytes, watchdog};
use std::{future::pending, thread, time::Duration};

#[test]
fn an_idle_executor_uses_no_cpu_at_all() {
    in_own_process("idle::an_idle_executor_uses_no_cpu_at_all", || {
        let _watchdog = watchdog(60);
        let own = executor(8);
        for _ in 0..1000 {
            own.spawn(pending::<()>());
        }
        // A blocking call that has come and gone has left a stand-in.
        own.block_on(own.spawn_blocking(|| thread::sleep(Duration::from_millis(1))))
            .unwrap();
        crate::common::eventually("all threads sleep", || {
            let metrics = own.metrics();
            metrics.idle_threads() == metrics.threads() && metrics.suspended_tasks() == 1000
        });
        thread::sleep(Duration::from_millis(50));
        let (cpu, sleeps) = activity();
        thread::sleep(Duration::from_millis(700));
        let (cpu, sleeps) = (activity().0 - cpu, activity().1 - sleeps);
        // This thread went to sleep once. A sampler every 10 ms would show 70 sleeps.
        assert!(sleeps <= 5, "threads went to sleep {sleeps} times");
        assert!(cpu < 5_000_000, "{cpu} ns of CPU");
        assert_eq!(own.metrics().suspended_tasks(), 1000);
    });
}

#[test]
fn an_executor_that_has_been_used_falls_silent_again() {
    in_own_process(
        "idle::an_executor_that_has_been_used_falls_silent_again",
        || {
            let _watchdog = watchdog(60);
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
            crate::common::eventually("all threads sleep", || {
                let metrics = own.metrics();
                metrics.idle_threads() == metrics.threads()
            });
            thread::sleep(Duration::from_millis(50));
            let (_, sleeps) = activity();
            thread::sleep(Duration::from_millis(300));
            let sleeps = activity().1 - sleeps;
            assert!(sleeps <= 5, "threads went to sleep {sleeps} times");
            assert_eq!(own.metrics().searching_threads(), 0);
        },
    );
}

#[test]
fn a_pending_task_costs_at_most_150_bytes() {
    in_own_process("idle::a_pending_task_costs_at_most_150_bytes", || {
        let _watchdog = watchdog(100);
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
        crate::common::eventually("they all wait", || own.metrics().suspended_tasks() == tasks);
        let each = (resident_bytes() - before) as f64 / tasks as f64;
        println!("{each:.1} bytes for each of {tasks} pending tasks");
        assert!(each <= 150.0, "{each} bytes each");
        drop(own);
    });
}
