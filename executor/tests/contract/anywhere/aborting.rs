//! `abort`, `cancel`, `abort_on_drop` and `AbortHandle`.

use super::{give_way, until};
use crate::common::{Ledger, OnDrop, Wakers, quiet_panic};
use executor::{JoinHandle, spawn};
use std::{
    cell::Cell,
    future::{pending, poll_fn},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};

thread_local!(static IN_ABORT: Cell<bool> = const { Cell::new(false) });

/// Spawns a task that waits for ever, and waits until it does.
async fn waiting(ledger: &Ledger) -> JoinHandle<()> {
    let wakers = Wakers::new();
    let task = spawn(ledger.track(wakers.forever()));
    until("it waits", || wakers.len() > 0).await;
    task
}

promises! {
    async fn a_task_that_is_aborted_wherever_it_is_is_dropped_and_polled_no_more() {
        for turns in 0..4 {
            let (ledger, polls) = (Ledger::new(), Arc::new(AtomicUsize::new(0)));
            let (guard, count, ended) = (ledger.guard(), polls.clone(), polls.clone());
            let task = spawn(poll_fn(move |cx| {
                let _guard = &guard;
                count.fetch_add(1, SeqCst);
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            }));
            for _ in 0..turns {
                executor::yield_now().await;
            }
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            ledger.assert_settled();
            let polls = ended.load(SeqCst);
            give_way().await;
            assert_eq!(ended.load(SeqCst), polls);
        }
    }

    async fn the_future_is_not_dropped_on_the_stack_of_a_task_that_aborts_it() {
        let (ledger, in_abort) = (Ledger::new(), Arc::new(AtomicBool::new(true)));
        let (wakers, said) = (Wakers::new(), in_abort.clone());
        let says = OnDrop(move || said.store(IN_ABORT.get(), SeqCst));
        let wait = ledger.track(wakers.forever());
        let task = spawn(async move {
            let _says = says;
            wait.await
        });
        until("it waits", || wakers.len() > 0).await;
        let aborter = spawn(async move {
            IN_ABORT.set(true);
            task.abort();
            IN_ABORT.set(false);
            task.await.unwrap_err().is_cancelled()
        });
        assert!(aborter.await.unwrap());
        assert!(!in_abort.load(SeqCst));
        ledger.assert_settled();
    }

    async fn the_result_of_a_finished_task_stays() {
        let task = spawn(async { 7 });
        let panicked = spawn(async { quiet_panic("stays") });
        until("they are finished", || task.is_finished() && panicked.is_finished()).await;
        let handle = task.abort_handle();
        assert!(handle.is_finished(), "both say the same");
        task.abort();
        handle.abort();
        panicked.abort();
        assert_eq!(task.await.unwrap(), 7);
        assert!(panicked.await.map(|never: ()| never).unwrap_err().is_panic());
    }

    async fn a_task_may_abort_itself() {
        let (send, receive) = async_channel::bounded::<JoinHandle<()>>(1);
        let (back, handle) = async_channel::bounded(1);
        let task = spawn(async move {
            let own_handle = receive.recv().await.unwrap();
            own_handle.abort();
            back.try_send(own_handle).unwrap();
            pending::<()>().await
        });
        send.try_send(task).unwrap();
        let task = handle.recv().await.unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    }

    async fn a_task_whose_wakers_are_all_gone_is_dropped() {
        let ledger = Ledger::new();
        let task = spawn(ledger.track(pending::<()>()));
        give_way().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        ledger.assert_settled();
    }

    async fn cancel_returns_the_output_of_a_finished_task() {
        let task = spawn(async { String::from("done") });
        until("it is finished", || task.is_finished()).await;
        assert_eq!(task.cancel().await.as_deref(), Some("done"));
    }

    async fn cancel_waits_until_the_future_has_been_dropped() {
        let ledger = Ledger::new();
        let task = waiting(&ledger).await;
        assert_eq!(task.cancel().await, None);
        ledger.assert_settled();
    }

    async fn a_cancel_that_is_dropped_before_its_first_poll_leaves_the_task_to_itself() {
        let (go, may_go) = async_channel::bounded::<()>(1);
        let (done, is_done) = async_channel::bounded(1);
        let task = spawn(async move {
            may_go.recv().await.unwrap();
            done.try_send(()).unwrap();
        });
        drop(task.cancel());
        go.try_send(()).unwrap();
        is_done.recv().await.expect("nobody has aborted it");
    }

    async fn a_cancel_that_is_dropped_later_has_aborted_the_task() {
        let ledger = Ledger::new();
        let task = waiting(&ledger).await;
        {
            let cancels = std::pin::pin!(task.cancel());
            // Ready if the worker is fast.
            let _ = futures::poll!(cancels);
        }
        until("it is dropped", || ledger.dropped() == 1).await;
    }

    async fn dropping_an_abort_on_drop_aborts_the_task() {
        let ledger = Ledger::new();
        let task = waiting(&ledger).await;
        drop(task.abort_on_drop());
        until("it is dropped", || ledger.dropped() == 1).await;
    }

    async fn an_abort_on_drop_yields_what_the_handle_would() {
        let task = spawn(async { 7 });
        let id = task.id();
        let mut task = task.abort_on_drop();
        assert_eq!(task.id(), id);
        assert_eq!((&mut task).await.unwrap(), 7);
        assert!(task.is_finished());
        drop(task);

        let task = spawn(pending::<()>()).abort_on_drop();
        assert!(!task.is_finished());
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());

        let task = spawn(pending::<()>()).abort_on_drop();
        let handle = task.abort_handle();
        assert_eq!(handle.id(), task.id());
        drop(handle.clone());
        assert!(!task.is_finished());
        handle.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(handle.is_finished());
    }

    async fn detach_undoes_abort_on_drop() {
        let (go, may_go) = async_channel::bounded::<()>(1);
        let (done, is_done) = async_channel::bounded(1);
        let task = spawn(async move {
            may_go.recv().await.unwrap();
            done.try_send(()).unwrap();
        });
        drop(task.abort_on_drop().detach());
        go.try_send(()).unwrap();
        is_done.recv().await.unwrap();
    }

    async fn dropping_an_abort_handle_changes_nothing() {
        let wakers = Wakers::new();
        let task = spawn(wakers.once());
        for _ in 0..3 {
            drop(task.abort_handle());
        }
        until("it waits", || wakers.len() == 1).await;
        drop(task.abort_handle());
        wakers.take().remove(0).wake();
        task.await.unwrap();
    }
}
