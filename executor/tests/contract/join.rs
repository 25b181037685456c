//! `JoinHandle`, `JoinError` and `TaskId`.

use crate::common::{Gate, eventually, executor, quiet_panic, watchdog};
use executor::TaskId;
use futures::FutureExt;
use std::{collections::HashSet, future::pending, thread};

#[test]
fn a_join_error_of_a_cancelled_task_knows_the_id_whatever_cancelled_it() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let (aborted, left) = (own.spawn(pending::<()>()), own.spawn(pending::<()>()));
    let (id_of_aborted, id_of_left) = (aborted.id(), left.id());
    aborted.abort();
    assert_eq!(own.block_on(aborted).unwrap_err().id(), id_of_aborted);
    let handle = own.handle();
    drop(own);
    assert_eq!(executor::block_on(left).unwrap_err().id(), id_of_left);
    let late = handle.spawn(async {});
    let id_of_late = late.id();
    assert_eq!(executor::block_on(late).unwrap_err().id(), id_of_late);
}

#[test]
fn a_task_knows_the_line_that_spawned_it_whichever_function_that_called() {
    let _watchdog = watchdog(60);
    let (own, large) = (executor(1), [0; 1 << 12]);
    let handle = own.handle();
    let spawned = [
        (executor::spawn(async {}).id(), line!()),
        (executor::spawn(async move { large }).id(), line!()),
        (executor::spawn_blocking(|| ()).id(), line!()),
        (own.spawn(async {}).id(), line!()),
        (own.spawn_blocking(|| ()).id(), line!()),
        (handle.spawn(async {}).id(), line!()),
        (handle.spawn_blocking(|| ()).id(), line!()),
    ];
    for (id, line) in spawned {
        let site = id.spawned_at().unwrap();
        assert_eq!((site.file(), site.line()), (file!(), line));
    }
}

#[test]
fn ids_are_unique_across_threads_and_executors() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let handle = own.handle();
            thread::spawn(move || {
                (0..3000)
                    .map(|i| match i % 2 {
                        0 => handle.spawn(async {}).id(),
                        _ => executor::spawn(async {}).id(),
                    })
                    .collect::<Vec<TaskId>>()
            })
        })
        .collect();
    let inside = own.spawn(async { (0..3000).map(|_| executor::spawn(async {}).id()).collect() });
    let mut ids: Vec<TaskId> = own.block_on(inside).unwrap();
    for thread in threads {
        ids.extend(thread.join().unwrap());
    }
    assert_eq!(ids.len(), 15_000);
    let texts: HashSet<_> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 15_000);
    assert_eq!(ids.into_iter().collect::<HashSet<_>>().len(), 15_000);
}

#[test]
fn is_finished_tells_whether_awaiting_would_wait() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let gate = Gate::new();
    let inside = gate.clone();
    let mut task = own.spawn(async move {
        inside.wait();
        7
    });
    assert!(!task.is_finished());
    assert!((&mut task).now_or_never().is_none());
    gate.open();
    eventually("it is finished", || task.is_finished());
    assert_eq!(task.now_or_never().unwrap().unwrap(), 7);

    let panicking = own.spawn(async { quiet_panic("finished") });
    eventually("it has panicked", || panicking.is_finished());
    assert!(
        panicking
            .map(|outcome: Result<(), _>| outcome.is_err())
            .now_or_never()
            .unwrap()
    );
    let aborted = own.spawn(pending::<()>());
    aborted.abort();
    eventually("it has been aborted", || aborted.is_finished());
}

#[test]
fn a_handle_may_move_to_another_waiter_while_it_waits() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let (send, receive) = async_channel::bounded::<u32>(1);
    let mut task = own.spawn(async move { receive.recv().await.unwrap() });
    own.block_on(async { assert!(futures::poll!(&mut task).is_pending()) });
    let waiter = thread::spawn(move || futures::executor::block_on(task).unwrap());
    send.send_blocking(7).unwrap();
    assert_eq!(waiter.join().unwrap(), 7);
}
