//! `Handle::current` and `Handle::try_current`, everywhere.

use crate::common::{OnDrop, at_thread_end, executor, watchdog};
use executor::{Executor, Handle};
use std::{future::pending, sync::mpsc, thread};

/// The workers of the current executor tell which one it is; the default one is not asked for.
fn current() -> Option<usize> {
    let current = Handle::try_current()?;
    assert_eq!(
        Handle::current().metrics().workers(),
        current.metrics().workers()
    );
    Some(current.metrics().workers())
}

#[test]
fn a_thread_that_belongs_to_no_executor_has_none() {
    let _watchdog = watchdog(60);
    assert!(Handle::try_current().is_none());
    let _exists_but_is_not_entered = executor(3);
    assert!(Handle::try_current().is_none());
    assert!(
        thread::spawn(|| Handle::try_current().is_none())
            .join()
            .unwrap()
    );
    assert!(futures::executor::block_on(async {
        Handle::try_current().is_none()
    }));
}

#[test]
fn elsewhere_current_is_the_default_one() {
    let _watchdog = watchdog(60);
    let name = |handle: Handle| {
        let task = handle.spawn(async { thread::current().name().map(str::to_owned) });
        futures::executor::block_on(task).unwrap()
    };
    assert_eq!(name(Handle::current()).as_deref(), Some("executor"));
    let own = Executor::builder()
        .thread_name("not default")
        .build()
        .unwrap();
    assert_eq!(name(own.handle()).as_deref(), Some("not default"));
    assert_eq!(name(Handle::current()).as_deref(), Some("executor"));
}

#[test]
fn in_a_block_on_it_is_that_ones_also_inside_another() {
    let _watchdog = watchdog(60);
    let (three, five) = (executor(3), executor(5));
    three.block_on(async {
        assert_eq!(current(), Some(3));
        five.handle()
            .block_on(async { assert_eq!(current(), Some(5)) });
        assert_eq!(current(), Some(3));
        executor::yield_now().await;
        assert_eq!(executor::block_on(async { current() }), Some(3));
    });
    assert!(executor::block_on(async {
        Handle::try_current().is_some()
    }));
    assert_eq!(current(), None);
}

#[test]
fn in_a_task_it_is_the_tasks() {
    let _watchdog = watchdog(60);
    let (three, five) = (executor(3), executor(5));
    let on_five = five.handle();
    let seen = three.spawn(async move {
        let first = current();
        let five = on_five.spawn(async { current() }).await.unwrap();
        let nested = on_five.block_on(async { current() });
        let in_place = executor::block_in_place(current);
        let blocking = executor::spawn_blocking(current).await.unwrap();
        let spawned = Handle::current().spawn(async { current() }).await.unwrap();
        [first, five, nested, in_place, blocking, spawned]
    });
    let seen = three.block_on(seen).unwrap();
    assert_eq!(seen, [Some(3), Some(5), Some(5), Some(3), Some(3), Some(3)]);
}

#[test]
fn in_a_drop_it_is_the_one_whose_worker_drops() {
    let _watchdog = watchdog(60);
    let three = executor(3);
    let (send, seen) = mpsc::channel();
    let reports = move || {
        let send = send.clone();
        OnDrop(move || send.send(current()).unwrap())
    };
    let (aborted, left) = (reports(), reports());
    let task = three.spawn(async move {
        let _aborted = aborted;
        pending::<()>().await
    });
    three.block_on(task.cancel());
    assert_eq!(seen.recv().unwrap(), Some(3));
    three.spawn(async move {
        let _left = left;
        pending::<()>().await
    });
    drop(three);
    assert_eq!(seen.recv().unwrap(), Some(3));
}

#[test]
fn in_the_hooks_it_is_the_threads() {
    let _watchdog = watchdog(60);
    let (send, seen) = mpsc::channel();
    let send_too = send.clone();
    let three = Executor::builder()
        .workers(3)
        .on_thread_start(move || send.send(current()).unwrap())
        .on_thread_stop(move || send_too.send(current()).unwrap())
        .build()
        .unwrap();
    drop(three);
    assert_eq!(seen.iter().collect::<Vec<_>>(), [Some(3); 6]);
}

#[test]
fn in_the_destructor_of_a_workers_thread_local_it_is_the_workers_executor() {
    let _watchdog = watchdog(60);
    let three = executor(3);
    let (send, seen) = mpsc::channel();
    let task = three.spawn(async move { at_thread_end(move || send.send(current()).unwrap()) });
    three.block_on(task).unwrap();
    drop(three);
    assert_eq!(seen.recv().unwrap(), Some(3));
}

#[test]
fn a_handle_may_outlive_its_executor() {
    let _watchdog = watchdog(60);
    let own = executor(3);
    let handle = own.handle();
    drop(own);
    let clone = handle.clone();
    drop(handle);
    assert_eq!(clone.metrics().workers(), 3);
    assert_eq!(clone.metrics().threads(), 0);
    assert!(
        clone
            .block_on(clone.spawn(async {}))
            .unwrap_err()
            .is_cancelled()
    );
}
