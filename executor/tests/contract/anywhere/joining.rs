//! `JoinHandle` and `JoinError`.

use super::until;
use crate::common::{Ledger, quiet_panic};
use executor::{JoinError, TaskBuilder, spawn};
use futures::FutureExt;
use std::{
    any::Any,
    future::{pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    task::Poll,
};

async fn cancelled() -> JoinError {
    let task = spawn(pending::<()>());
    task.abort();
    task.await.unwrap_err()
}

async fn panicked(payload: impl Any + Send) -> JoinError {
    let task = spawn(async move { resume_unwind(Box::new(payload)) });
    task.await.map(|never: ()| never).unwrap_err()
}

promises! {
    async fn a_join_error_says_whether_it_was_a_panic_or_a_cancellation() {
        let (cancelled, panicked) = (cancelled().await, panicked("text").await);
        assert!(cancelled.is_cancelled() && !cancelled.is_panic());
        assert!(panicked.is_panic() && !panicked.is_cancelled());
    }

    async fn a_join_error_gives_the_payload_out_or_itself_back() {
        let payload = panicked(7_u8).await.into_panic();
        assert_eq!(*payload.downcast::<u8>().unwrap(), 7);
        let payload = panicked(String::from("owned")).await.try_into_panic().unwrap();
        assert_eq!(*payload.downcast::<String>().unwrap(), "owned");
        let error = cancelled().await;
        let id = error.id();
        let back = error.try_into_panic().unwrap_err();
        assert!(back.is_cancelled());
        assert_eq!(back.id(), id);
    }

    async fn into_panic_of_a_cancelled_task_panics_and_names_the_way_out() {
        let error = cancelled().await;
        let id = error.id();
        let payload = catch_unwind(AssertUnwindSafe(|| error.into_panic())).unwrap_err();
        let text = payload.downcast::<String>().unwrap();
        assert!(text.contains("is_panic") && text.contains(&id.to_string()), "{text}");
    }

    async fn a_join_error_displays_the_task_the_kind_and_the_message() {
        let error = cancelled().await;
        assert_eq!(error.to_string(), format!("task {} was cancelled", error.id()));
        let error = panicked("static text").await;
        assert_eq!(error.to_string(), format!("task {} panicked: static text", error.id()));
        let error = panicked(String::from("built text")).await;
        assert!(error.to_string().contains("built text"));
        assert!(format!("{error:?}").contains("built text"));
        let error: Box<dyn std::error::Error + Send + Sync> = Box::new(panicked(7_u8).await);
        assert!(error.to_string().contains("panicked"));
    }

    async fn a_join_error_knows_the_id_of_its_task_and_its_name() {
        let task = spawn(async { quiet_panic("with an id") });
        let id = task.id();
        let error = task.await.map(|never: ()| never).unwrap_err();
        assert_eq!(error.id(), id);
        let task = TaskBuilder::new().name("conn").spawn(pending::<()>());
        let id = task.id();
        task.abort();
        let error = task.await.unwrap_err();
        assert_eq!(error.to_string(), format!("task {id} `conn` was cancelled"));
    }

    async fn the_future_has_been_dropped_by_the_time_the_result_is_there() {
        for i in 0..50 {
            let ledger = Ledger::new();
            let guard = ledger.guard();
            // Captured, not moved into the body: it lives as long as the future itself.
            let mut waits = i % 2;
            let task = spawn(poll_fn(move |cx| {
                let _captured = &guard;
                if waits == 0 {
                    return Poll::Ready(());
                }
                waits -= 1;
                cx.waker().wake_by_ref();
                Poll::Pending
            }));
            task.await.unwrap();
            ledger.assert_settled();
        }
    }

    async fn awaiting_a_handle_by_reference_is_cancel_safe() {
        let (send, receive) = async_channel::bounded(1);
        let mut task = spawn(async move { receive.recv().await.unwrap() });
        for _ in 0..10 {
            assert!((&mut task).now_or_never().is_none());
            executor::yield_now().await;
        }
        send.send(7).await.unwrap();
        assert_eq!((&mut task).await.unwrap(), 7);
    }

    async fn a_handle_may_move_to_another_task_while_it_waits() {
        let (send, receive) = async_channel::bounded::<u32>(1);
        let mut task = spawn(async move { receive.recv().await.unwrap() });
        assert!(futures::poll!(&mut task).is_pending());
        let waiter = spawn(async move { task.await.unwrap() });
        send.send(7).await.unwrap();
        assert_eq!(waiter.await.unwrap(), 7);
    }

    async fn an_output_that_nobody_reads_is_dropped_with_the_handle() {
        let ledger = Ledger::new();
        let output = ledger.guard();
        let task = spawn(async move { output });
        until("it is finished", || task.is_finished()).await;
        assert_eq!(ledger.dropped(), 0);
        drop(task);
        until("the output is dropped", || ledger.dropped() == 1).await;
    }

    async fn handles_and_errors_say_what_they_are_for_debugging() {
        let task = spawn(pending::<()>());
        let id = task.id();
        let text = format!("{task:?}");
        assert!(text.contains("JoinHandle") && text.contains(&id.to_string()), "{text}");
        assert!(format!("{:?}", task.abort_on_drop()).contains(&id.to_string()));
        assert!(format!("{:?}", cancelled().await).contains("Cancelled"));
    }
}
