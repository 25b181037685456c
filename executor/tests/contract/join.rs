//! `JoinHandle`, `JoinError` and `TaskId`.

use crate::common::{Gate, Ledger, eventually, executor, quiet_panic, watchdog};
use executor::{JoinError, TaskId};
use futures::FutureExt;
use std::{
    collections::HashSet,
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    thread,
};

fn cancelled() -> JoinError {
    let task = executor::spawn(pending::<()>());
    task.abort();
    executor::block_on(task).unwrap_err()
}

fn panicked(payload: impl std::any::Any + Send) -> JoinError {
    let task = executor::spawn(async move { resume_unwind(Box::new(payload)) });
    executor::block_on(async { task.await.map(|never: ()| never) }).unwrap_err()
}

#[test]
fn a_join_error_says_whether_it_was_a_panic_or_a_cancellation() {
    let _watchdog = watchdog(60);
    let (cancelled, panicked) = (cancelled(), panicked("text"));
    assert!(cancelled.is_cancelled() && !cancelled.is_panic());
    assert!(panicked.is_panic() && !panicked.is_cancelled());
}

#[test]
fn a_join_error_gives_the_payload_out_or_itself_back() {
    let _watchdog = watchdog(60);
    assert_eq!(*panicked(7_u8).into_panic().downcast::<u8>().unwrap(), 7);
    let payload = panicked(String::from("owned")).try_into_panic().unwrap();
    assert_eq!(*payload.downcast::<String>().unwrap(), "owned");
    let error = cancelled();
    let id = error.id();
    let back = error.try_into_panic().unwrap_err();
    assert!(back.is_cancelled());
    assert_eq!(back.id(), id);
}

#[test]
fn into_panic_of_a_cancelled_task_panics_and_names_the_way_out() {
    let _watchdog = watchdog(60);
    let error = cancelled();
    let id = error.id();
    let payload = catch_unwind(AssertUnwindSafe(|| error.into_panic())).unwrap_err();
    let text = payload.downcast::<String>().unwrap();
    assert!(
        text.contains("is_panic") && text.contains(&id.to_string()),
        "{text}"
    );
}

#[test]
fn a_join_error_displays_the_task_the_kind_and_the_message() {
    let _watchdog = watchdog(60);
    let error = cancelled();
    assert_eq!(
        error.to_string(),
        format!("task {} was cancelled", error.id())
    );
    let error = panicked("static text");
    assert_eq!(
        error.to_string(),
        format!("task {} panicked: static text", error.id())
    );
    let error = panicked(String::from("built text"));
    assert!(error.to_string().contains("built text"));
    assert!(format!("{error:?}").contains("built text"));
    let error: Box<dyn std::error::Error + Send + Sync> = Box::new(panicked(7_u8));
    assert!(error.to_string().contains("panicked"));
}

#[test]
fn a_join_error_knows_the_id_of_its_task() {
    let _watchdog = watchdog(60);
    let task = executor::spawn(async { quiet_panic("with an id") });
    let id = task.id();
    let error = executor::block_on(async { task.await.map(|never: ()| never) }).unwrap_err();
    assert_eq!(error.id(), id);
}

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
fn the_future_has_been_dropped_by_the_time_the_result_is_there() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    for i in 0..200 {
        let ledger = Ledger::new();
        let guard = ledger.guard();
        // Captured, not moved into the body: it lives as long as the future itself.
        let mut waits = i % 2;
        let task = own.spawn(std::future::poll_fn(move |cx| {
            let _captured = &guard;
            if waits == 0 {
                return std::task::Poll::Ready(());
            }
            waits -= 1;
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        }));
        own.block_on(task).unwrap();
        ledger.assert_settled();
    }
}

#[test]
fn awaiting_a_handle_by_reference_is_cancel_safe() {
    let _watchdog = watchdog(60);
    let (send, receive) = async_channel::bounded(1);
    let mut task = executor::spawn(async move { receive.recv().await.unwrap() });
    executor::block_on(async {
        for _ in 0..10 {
            assert!((&mut task).now_or_never().is_none());
            executor::yield_now().await;
        }
        send.send(7).await.unwrap();
        assert_eq!((&mut task).await.unwrap(), 7);
    });
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

#[test]
fn an_output_that_nobody_reads_is_dropped_with_the_handle() {
    let _watchdog = watchdog(60);
    let ledger = Ledger::new();
    let output = ledger.guard();
    let task = executor::spawn(async move { output });
    eventually("it is finished", || task.is_finished());
    assert_eq!(ledger.dropped(), 0);
    drop(task);
    eventually("the output is dropped", || ledger.dropped() == 1);
}

#[test]
fn handles_and_errors_say_what_they_are_for_debugging() {
    let _watchdog = watchdog(60);
    let task = executor::spawn(pending::<()>());
    let id = task.id();
    let text = format!("{task:?}");
    assert!(
        text.contains("JoinHandle") && text.contains(&id.to_string()),
        "{text}"
    );
    assert!(format!("{:?}", task.abort_on_drop()).contains(&id.to_string()));
    assert!(format!("{:?}", cancelled()).contains("Cancelled"));
}
