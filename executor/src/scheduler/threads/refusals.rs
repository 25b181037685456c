//! What becomes of an executor that the system refuses threads, of whatever kind and at any moment.

use crate::{
    Executor,
    sync::refusals::{plan, still_to_refuse},
};
use std::{
    env, io,
    process::{self, Command},
    thread,
    time::{Duration, Instant},
};

/// Set in the process of a test.
const CHILD: &str = "EXECUTOR_TEST_CHILD";

/// Runs `body` in a process of its own, since what is refused is refused to the whole process; with
/// the thread that traces, too.
pub(super) fn in_own_process(test: &str, module: &str, body: impl FnOnce()) {
    if env::var_os(CHILD).is_some() {
        // A task that is forgotten would be waited for.
        thread::spawn(|| {
            thread::sleep(Duration::from_secs(60));
            process::abort();
        });
        return body();
    }
    let name = format!("{}::{test}", module.split_once("::").unwrap().1);
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .env("EXECUTOR_SCHEDTRACE", "3600000")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("test result: ok. 1 passed;"),
        "{name}: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Joins the executor's threads, which must not take for ever.
fn end(executor: Executor) {
    let end = executor.shutdown_timeout(Duration::from_secs(20));
    end.expect("no thread is left behind");
}

#[test]
fn a_refused_thread_fails_the_build_or_is_tried_again_and_loses_no_task() {
    in_own_process(
        "a_refused_thread_fails_the_build_or_is_tried_again_and_loses_no_task",
        module_path!(),
        || {
            plan(0, 1);
            let error = Executor::builder().workers(2).build().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            assert!(error.to_string().contains("thread 1 of 2"), "{error}");

            let executor = Executor::builder().workers(1).build().unwrap();
            plan(0, 20);
            // Neither a poll that is stuck nor, below, one that says so gets its stand-in at first.
            let stuck = executor.spawn(async {
                let begin = Instant::now();
                while still_to_refuse() > 0 && begin.elapsed() < Duration::from_secs(20) {
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let waits = executor.spawn(async {});
            executor.block_on(waits).unwrap();
            executor.block_on(stuck).unwrap();
            assert_eq!(still_to_refuse(), 0, "it was tried again and again");

            let executor = Executor::builder().workers(1).build().unwrap();
            plan(0, 20);
            let nested = async { crate::block_on(crate::spawn(async { 7 })).unwrap() };
            let nested = executor.spawn(nested);
            assert_eq!(executor.block_on(nested).unwrap(), 7);
            assert_eq!(still_to_refuse(), 0, "it was tried again and again");
        },
    );
}

#[test]
fn a_thread_that_is_refused_to_one_more_worker_is_tried_again() {
    in_own_process(
        "a_thread_that_is_refused_to_one_more_worker_is_tried_again",
        module_path!(),
        || {
            let patient = Duration::from_secs(3600);
            let builder = Executor::builder().workers(1).handoff_after(patient);
            let executor = builder.build().unwrap();
            let (tell, told) = std::sync::mpsc::channel();
            let (begins, has_begun) = std::sync::mpsc::channel();
            let keeps = executor.spawn(async move {
                begins.send(()).unwrap();
                told.recv_timeout(Duration::from_secs(20)).is_ok()
            });
            has_begun.recv().unwrap();
            let waits = executor.spawn(async move { tell.send(()).unwrap() });
            plan(0, 3);
            assert_eq!(executor.handle().set_workers(2).unwrap(), 1);
            executor.block_on(waits).unwrap();
            assert_eq!(still_to_refuse(), 0);
            assert!(executor.block_on(keeps).unwrap(), "a second worker came");
            end(executor);
        },
    );
}

#[test]
#[cfg(all(feature = "signal", unix))]
fn a_build_whose_thread_for_dumps_is_refused_fails_and_the_next_one_has_it() {
    in_own_process(
        "a_build_whose_thread_for_dumps_is_refused_fails_and_the_next_one_has_it",
        module_path!(),
        || {
            // SAFETY: no other thread of this process changes the environment.
            unsafe { env::set_var("EXECUTOR_DUMP", "USR1") };
            plan(BUILDS - 1, 1);
            let build = || Executor::builder().workers(WORKERS).build();
            let error = build().unwrap_err();
            assert_eq!(still_to_refuse(), 0);
            assert!(error.to_string().contains("that prints dumps"), "{error}");
            plan(BUILDS, 1);
            let error = build().unwrap_err();
            assert!(error.to_string().contains("that traces"), "{error}");
            // There is one for all.
            plan(BUILDS, 1);
            end(build().unwrap());
            assert_eq!(still_to_refuse(), 1);
        },
    );
}

const WORKERS: usize = 3;

const NAME: &str = "refusals";

/// The threads that `build` starts: the workers', the monitor's, the one that traces.
const BUILDS: usize = WORKERS + 2;

/// Blocks so many tasks at once, each of which waits for the one that it spawns: so all need
/// stand-ins.
fn wait_for_each_other(executor: &Executor, tasks: usize) {
    let nested = |i: usize| async move {
        let inner = crate::spawn(async move {
            crate::yield_now().await;
            i
        });
        // By turns they say that they block, and do not.
        if i % 2 == 1 {
            thread::sleep(Duration::from_millis(15));
            inner.await.unwrap()
        } else {
            crate::block_on(inner).unwrap()
        }
    };
    let tasks: Vec<_> = (0..tasks).map(|i| executor.spawn(nested(i))).collect();
    for (i, task) in tasks.into_iter().enumerate() {
        assert_eq!(executor.block_on(task).unwrap(), i);
    }
}

#[test]
fn whichever_thread_is_refused_the_build_fails_or_all_tasks_finish() {
    in_own_process(
        "whichever_thread_is_refused_the_build_fails_or_all_tasks_finish",
        module_path!(),
        || {
            for refusals in [1, 3] {
                for nth in 1..=20 {
                    plan(nth - 1, refusals);
                    let built = Executor::builder()
                        .workers(WORKERS)
                        .thread_name(NAME)
                        .build();
                    if nth <= BUILDS {
                        let error = built.unwrap_err();
                        assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{nth}: {error}");
                        plan(0, 0);
                        continue;
                    }
                    let executor = built.unwrap();
                    // How many stand-ins that takes is up to the system, too.
                    for _ in 0..20 {
                        wait_for_each_other(&executor, 40);
                        if still_to_refuse() == 0 {
                            break;
                        }
                    }
                    assert_eq!(
                        still_to_refuse(),
                        0,
                        "{nth}: too few threads were asked for"
                    );
                    end(executor);
                }
            }
            #[cfg(target_os = "linux")]
            assert_no_thread_is_left();
        },
    );
}

#[test]
fn an_executor_that_never_gets_a_stand_in_still_finishes_what_needs_none() {
    in_own_process(
        "an_executor_that_never_gets_a_stand_in_still_finishes_what_needs_none",
        module_path!(),
        || {
            let executor = Executor::builder()
                .workers(WORKERS)
                .thread_name(NAME)
                .build()
                .unwrap();
            plan(0, usize::MAX);
            let blocks = |_| {
                executor.spawn(async {
                    crate::block_in_place(|| thread::sleep(Duration::from_millis(1)));
                    thread::sleep(Duration::from_millis(15));
                    crate::spawn_blocking(|| 1).await.unwrap()
                })
            };
            let tasks: Vec<_> = (0..20).map(blocks).collect();
            for task in tasks {
                assert_eq!(executor.block_on(task).unwrap(), 1);
            }
            assert!(still_to_refuse() < usize::MAX, "none was asked for");
            // A thread counts for a moment also if it is then refused.
            soon(|| executor.metrics().threads() == WORKERS);
            end(executor);
        },
    );
}

/// Threads of failed builds have been joined as `build` returns, which the kernel allows a moment
/// before it strikes them out.
#[cfg(target_os = "linux")]
fn assert_no_thread_is_left() {
    soon(|| {
        let mut names = std::fs::read_dir("/proc/self/task")
            .unwrap()
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.all(|name| ![NAME, "executor-trace"].contains(&name.trim_end()))
    });
}

#[track_caller]
pub(super) fn soon(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain");
        thread::sleep(Duration::from_millis(1));
    }
}
