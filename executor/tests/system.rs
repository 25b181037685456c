//! What becomes of an executor in a process that was forked from its own.
#![cfg(target_os = "linux")]

mod common;

use common::{
    Ledger, assert_passed, child, eventually, executor, in_own_process,
    limits::{in_fork, wait_for},
    output_of, quiet_panic, watchdog,
};
use executor::{
    Executor, Handle,
    dump::TaskState,
    time::{sleep, timeout},
};
use std::{
    any::Any,
    future::{pending, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

/// After so long a time without work the workers have long parked, and so has the monitor.
const TIME_TO_PARK: Duration = Duration::from_millis(50);

/// Waits until no thread of the executor is about to park: a lock that it holds as the process
/// forks stays locked for ever in the child.
#[track_caller]
fn rest(handle: &Handle) {
    eventually("no thread has anything to do", || {
        let metrics = handle.metrics();
        metrics.idle_threads() + metrics.blocked_threads() == metrics.threads()
    });
    thread::sleep(TIME_TO_PARK);
}

/// `body` panics with the text about forks.
#[track_caller]
fn assert_refused<T>(body: impl FnOnce() -> T) {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(body())));
    let text = text_of(&*panic.expect_err("it must not return"));
    for part in ["was forked", "process", "build an `Executor` in the child"] {
        assert!(text.contains(part), "{text}");
    }
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_default()
}

/// The executors that a process may have as it forks: an owned one, and the default one.
fn with_owned_and_default(body: impl Fn(&Handle)) {
    let own = executor(2);
    for handle in [own.handle(), Handle::current()] {
        assert_eq!(handle.block_on(handle.spawn(async { 7 })).unwrap(), 7);
        body(&handle);
        let again = handle.spawn(async { 8 });
        assert_eq!(handle.block_on(again).unwrap(), 8, "the parent goes on");
    }
}

#[test]
fn in_a_forked_child_waiting_for_a_task_panics_and_names_the_way_out() {
    in_own_process(|| {
        with_owned_and_default(|handle| {
            let before = handle.spawn(pending::<()>());
            rest(handle);
            in_fork(|| {
                assert_refused(|| handle.block_on(handle.spawn(async { 1 })));
                assert_refused(|| handle.block_on(handle.spawn_blocking(|| 1)));
                assert_refused(|| handle.block_on(before));
                assert_refused(|| handle.block_on(pending::<()>()));
            });
        });
        rest(&Handle::current());
        in_fork(|| assert_refused(|| executor::block_on(executor::spawn(async { 1 }))));
    });
}

#[test]
fn in_a_forked_child_what_needs_no_worker_works() {
    in_own_process(|| {
        with_owned_and_default(|handle| {
            let finished = handle.spawn(async { 5 });
            eventually("it is finished", || finished.is_finished());
            rest(handle);
            in_fork(|| {
                assert_eq!(handle.block_on(ready(7)), 7);
                assert_eq!(handle.block_on(executor::yield_now()), ());
                assert_eq!(handle.block_on(finished).unwrap(), 5);
                handle.block_on(sleep(Duration::from_millis(5)));
                let task = handle.spawn(async { 1 });
                let late = timeout(Duration::from_millis(20), task);
                handle.block_on(late).unwrap_err();
            });
        });
    });
}

#[test]
fn a_forked_child_starts_no_thread_for_what_it_spawns() {
    in_own_process(|| {
        let own = executor(1);
        let (blocked, is_blocked) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        // The only machine sits in it, so the next task is one for a stand-in.
        let blocks = own.spawn_blocking(move || {
            blocked.send(()).unwrap();
            released.recv()
        });
        is_blocked.recv().unwrap();
        rest(&own.handle());
        in_fork(|| {
            let ran = Arc::new(AtomicBool::new(false));
            let runs = ran.clone();
            drop(own.spawn(async move { runs.store(true, SeqCst) }));
            thread::sleep(Duration::from_millis(100));
            assert!(!ran.load(SeqCst));
        });
        drop(release);
        own.block_on(blocks).unwrap().unwrap_err();
    });
}

#[test]
fn a_child_forked_within_block_on_goes_on_until_it_would_wait() {
    in_own_process(|| {
        let own = executor(1);
        let forks = || in_fork(|| assert_refused(|| own.block_on(own.spawn(async {}))));
        rest(&own.handle());
        own.block_on(async {
            forks();
            own.spawn(async {}).await.unwrap();
        });
    });
}

#[test]
fn a_child_forked_within_a_task_goes_on_until_it_would_wait() {
    in_own_process(|| {
        for workers in [1, 2] {
            let own = executor(workers);
            rest(&own.handle());
            let forks = own.spawn(async {
                in_fork(|| {
                    let waits = || executor::block_on(executor::spawn(pending::<()>()));
                    assert_refused(waits);
                    assert_eq!(executor::block_on(ready(7)), 7);
                });
                executor::spawn(async { 7 }).await.unwrap()
            });
            assert_eq!(own.block_on(forks).unwrap(), 7, "the parent goes on");
        }
    });
}

/// In the child the worker is the only thread, and nobody will ever wake it: it must not sit there
/// as a process that does nothing for ever.
fn forks_within_a_task_and_goes_back_to_the_scheduler(waits: bool) {
    let _watchdog = watchdog(100);
    if !common::is_child() {
        let output = output_of(child());
        assert_passed("the child", &output);
        // The forked child's, whose standard error is the same.
        let text = String::from_utf8_lossy(&output.stderr);
        return assert!(text.contains("was forked"), "{text}");
    }
    for workers in [1, 2] {
        let own = executor(workers);
        rest(&own.handle());
        let forks = own.spawn(async move {
            // The monitor was woken along with this thread, and first looks around; see `rest`.
            thread::sleep(TIME_TO_PARK);
            // SAFETY: as in `in_fork`.
            let pid = unsafe { libc::fork() };
            assert!(pid >= 0, "the system does not fork");
            if pid > 0 {
                return wait_for(pid);
            }
            if waits {
                pending::<()>().await;
            }
            0
        });
        let status = own.block_on(forks).unwrap();
        assert!(
            !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) != 0,
            "the child ended as if all were well"
        );
        assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
    }
}

#[test]
fn a_child_forked_within_a_task_that_waits_then_ends_with_an_error() {
    forks_within_a_task_and_goes_back_to_the_scheduler(true);
}

#[test]
fn a_child_forked_within_a_task_that_finishes_then_ends_with_an_error() {
    forks_within_a_task_and_goes_back_to_the_scheduler(false);
}

#[test]
fn a_child_forked_within_a_task_runs_no_task_that_waits_its_turn_in_the_parent() {
    let _watchdog = watchdog(100);
    if !common::is_child() {
        let output = output_of(child());
        assert_passed("the child", &output);
        let text = String::from_utf8_lossy(&output.stderr);
        return assert!(!text.contains("<in the child>"), "{text}");
    }
    let own = executor(1);
    let ran = Arc::new(AtomicUsize::new(0));
    let count = ran.clone();
    let parent = process::id();
    let forks = own.spawn(async move {
        // These wait for the worker, and would run twice.
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let count = count.clone();
                executor::spawn(async move {
                    if process::id() == parent {
                        count.fetch_add(1, SeqCst);
                    } else {
                        eprintln!("<in the child>");
                    }
                })
            })
            .collect();
        in_fork(|| {
            // In the parent this would hand the permit off, to a new thread.
            assert_refused(|| executor::block_on(pending::<()>()));
            executor::block_in_place(|| thread::sleep(Duration::from_millis(300)));
        });
        for task in waiting {
            task.await.unwrap();
        }
    });
    own.block_on(forks).unwrap();
    assert_eq!(ran.load(SeqCst), 10);
}

#[test]
fn an_executor_dropped_in_a_forked_child_leaves_its_tasks_to_the_parent() {
    let _watchdog = watchdog(100);
    if !common::is_child() {
        let mut command = child();
        // One thread more to be joined.
        command.env("EXECUTOR_SCHEDTRACE", "10000");
        return assert_passed("the child", &output_of(command));
    }
    let ledger = Ledger::new();
    let with_task = || {
        let (own, guard) = (executor(2), ledger.guard());
        own.spawn(async move {
            let _guard = guard;
            pending::<()>().await
        });
        eventually("it waits", || own.metrics().suspended_tasks() == 1);
        rest(&own.handle());
        own
    };
    let (first, second) = (with_task(), with_task());
    let mut both = Some((first, second));
    in_fork(|| {
        let (first, second) = both.take().unwrap();
        drop(first);
        assert_refused(|| second.shutdown_timeout(Duration::from_secs(3600)));
        // As the panic of another call unwinds.
        let third = catch_unwind(|| -> () {
            let _inner = executor(1);
            quiet_panic("on the way out");
        });
        third.unwrap_err();
        assert_eq!(ledger.dropped(), 0);
    });
    assert_eq!(ledger.dropped(), 0);
    drop(both);
    ledger.assert_settled();
}

#[test]
fn a_forked_child_may_build_an_executor_of_its_own() {
    in_own_process(|| {
        // The parent has used its own, and never the default one.
        let inherited = executor(2);
        inherited.block_on(inherited.spawn(async {})).unwrap();
        rest(&inherited.handle());
        in_fork(|| {
            let own = executor(2);
            let nested = own.spawn(async { executor::spawn(async { 7 }).await.unwrap() });
            assert_eq!(own.block_on(nested).unwrap(), 7);
            drop(own);
            let task = executor::spawn(async { 8 });
            assert_eq!(executor::block_on(task).unwrap(), 8);
        });
    });
}

#[test]
fn a_dump_in_a_forked_child_shows_the_call_of_the_thread_that_has_called_in_the_parent() {
    in_own_process(|| {
        let inherited = executor(1);
        inherited.block_on(inherited.spawn(async {})).unwrap();
        rest(&inherited.handle());
        in_fork(|| {
            let own = executor(1);
            let dump = own.block_on(async { Handle::current().dump() });
            assert_eq!(dump.tasks()[0].state(), TaskState::BlockOn, "{dump}");
        });
    });
}

#[test]
fn a_child_forked_while_others_build_executors_may_build_one() {
    in_own_process(|| {
        // Somebody holds a lock in one of some hundred moments.
        const CHILDREN: usize = 200;
        let over = Arc::new(AtomicBool::new(false));
        let builder = || Executor::builder().workers(1).handoff(false);
        let busy: Vec<_> = (0..4)
            .map(|_| {
                let over = over.clone();
                thread::spawn(move || {
                    while !over.load(SeqCst) {
                        // It gets a number and timers, but no thread: as one starts, std holds a
                        // lock of its own, of which no fork takes notice.
                        let too_large = builder().thread_stack_size(1 << 46);
                        too_large.build().unwrap_err();
                    }
                })
            })
            .collect();
        for _ in 0..CHILDREN {
            in_fork(|| {
                let own = builder().build().unwrap();
                assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
            });
        }
        over.store(true, SeqCst);
        busy.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
