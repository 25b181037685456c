//! `JoinSet`.

use super::{give_way, until};
use crate::common::{Bell, Boxed, Ledger, Wakers, quiet_panic};
use executor::{JoinSet, TaskId, spawn, time::sleep, yield_now};
use std::{
    collections::HashSet,
    future::{Future, pending, poll_fn},
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Polls `join_next` once.
fn poll_next<T: Send + 'static>(set: &mut JoinSet<T>, waker: &Waker) -> Poll<Option<T>> {
    let polled = set.poll_join_next(&mut Context::from_waker(waker));
    polled.map(|joined| joined.map(|output| output.expect("the task yields")))
}

/// The outputs of the next `count` tasks.
async fn outputs<T: Send + 'static>(set: &mut JoinSet<T>, count: usize) -> Vec<T> {
    let mut outputs = Vec::new();
    for _ in 0..count {
        outputs.push(set.join_next().await.expect("there is one").unwrap());
    }
    outputs
}

fn tree(depth: usize, leaves: Arc<AtomicUsize>) -> Boxed<()> {
    Box::pin(async move {
        if depth == 0 {
            leaves.fetch_add(1, SeqCst);
            return;
        }
        let below = (0..3).map(|_| tree(depth - 1, leaves.clone()));
        let mut set: JoinSet<()> = below.collect();
        set.spawn(pending());
        for _ in 0..3 {
            set.join_next().await.unwrap().unwrap();
        }
    })
}

promises! {
    async fn tasks_are_joined_in_the_order_in_which_they_end() {
        const ORDER: [usize; 8] = [5, 2, 7, 0, 1, 6, 4, 3];
        let mut set = JoinSet::new();
        let (opens, waits): (Vec<_>, Vec<_>) =
            ORDER.iter().map(|_| async_channel::bounded::<()>(1)).unzip();
        for (i, wait) in waits.into_iter().enumerate() {
            set.spawn(async move {
                let _ = wait.recv().await;
                i
            });
        }
        let mut opens: Vec<_> = opens.into_iter().map(Some).collect();
        for i in ORDER {
            drop(opens[i].take());
            assert_eq!(outputs(&mut set, 1).await, [i]);
        }
        assert!(set.is_empty());
    }

    async fn an_empty_set_has_nothing_to_wait_for() {
        let mut set = JoinSet::<u32>::new();
        for round in 0..2 {
            assert!(set.is_empty());
            assert_eq!(set.len(), 0);
            assert!(set.join_next().await.is_none());
            assert!(set.join_next_with_id().await.is_none());
            assert!(set.try_join_next().is_none());
            set.shutdown().await;
            set.abort_all();
            set.detach_all();
            if round == 0 {
                set.spawn(async { 7 });
                assert_eq!(outputs(&mut set, 1).await, [7]);
            }
        }
        assert_eq!(set.join_all().await, [0; 0]);
    }

    async fn its_length_is_what_has_not_been_joined() {
        let mut set = JoinSet::new();
        for i in 1..=5 {
            let task = set.spawn(async {});
            until("it has ended", || task.is_finished()).await;
            assert_eq!(set.len(), i);
        }
        for i in (0..5).rev() {
            set.join_next().await.unwrap().unwrap();
            assert_eq!(set.len(), i);
        }
    }

    async fn extending_it_spawns_more_tasks_beside_those_that_are_there() {
        let mut set = JoinSet::new();
        let number = |i: u32| async move { i };
        set.spawn(number(0));
        set.extend((1..4).map(number));
        assert_eq!(set.len(), 4);
        let mut outputs = set.join_all().await;
        outputs.sort_unstable();
        assert_eq!(outputs, [0, 1, 2, 3]);
    }

    async fn a_task_without_an_output_says_why_and_which_it_was() {
        let mut set = JoinSet::new();
        let id = set.spawn(async { quiet_panic("no") }).id();
        let error = set.join_next_with_id().await.unwrap().unwrap_err();
        assert!(error.is_panic());
        assert_eq!(error.id(), id);
        let task = set.spawn(pending());
        task.abort();
        let error = set.join_next_with_id().await.unwrap().unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(error.id(), task.id());
        let task = set.spawn(async { 7 });
        let joined = set.join_next_with_id().await.unwrap();
        assert_eq!(joined.unwrap(), (task.id(), 7));
    }

    async fn dropping_it_aborts_all_tasks() {
        let (ledger, wakers) = (Ledger::new(), Wakers::new());
        let mut set = JoinSet::new();
        for _ in 0..20 {
            set.spawn(ledger.track(wakers.forever()));
        }
        until("they wait", || wakers.len() >= 20).await;
        drop(set);
        until("they are dropped", || ledger.dropped() == 20).await;
        ledger.assert_settled();
    }

    async fn abort_all_leaves_the_tasks_in_the_set_until_they_are_joined() {
        let (ledger, mut set) = (Ledger::new(), JoinSet::new());
        let done = set.spawn(async {});
        until("one has ended", || done.is_finished()).await;
        for _ in 0..10 {
            set.spawn(ledger.track(pending()));
        }
        set.abort_all();
        assert_eq!(set.len(), 11);
        set.join_next().await.unwrap().expect("its result stays");
        while let Some(end) = set.join_next().await {
            assert!(end.unwrap_err().is_cancelled());
        }
        ledger.assert_settled();
    }

    async fn the_handle_that_spawn_returns_ends_that_task_alone() {
        let mut set = JoinSet::new();
        let tasks: Vec<_> = (0..10).map(|_| set.spawn(pending::<()>())).collect();
        tasks[3].abort();
        let error = set.join_next().await.unwrap().unwrap_err();
        assert_eq!(error.id(), tasks[3].id());
        assert_eq!(set.len(), 9);
        let living = tasks.iter().filter(|task| !task.is_finished());
        assert_eq!(living.count(), 9);
    }

    async fn detach_all_lets_the_tasks_run_on_and_the_set_may_be_used_again() {
        let mut set = JoinSet::new();
        for round in 0..3 {
            let (open, opened) = async_channel::bounded::<()>(1);
            let (send, ended) = async_channel::unbounded();
            for _ in 0..10 {
                let (opened, send) = (opened.clone(), send.clone());
                set.spawn(async move {
                    let _ = opened.recv().await;
                    let _ = send.try_send(());
                    usize::MAX
                });
            }
            set.detach_all();
            assert!(set.is_empty());
            // With the keys of those.
            for i in 0..10 {
                set.spawn(async move { round * 10 + i });
            }
            drop((open, send));
            let mut seen = outputs(&mut set, 10).await;
            seen.sort_unstable();
            assert_eq!(seen, (round * 10..round * 10 + 10).collect::<Vec<_>>());
            for _ in 0..10 {
                ended.recv().await.unwrap();
            }
            assert!(ended.recv().await.is_err());
            assert!(set.try_join_next().is_none());
        }
    }

    async fn shutdown_waits_until_all_futures_have_been_dropped() {
        let (ledger, mut set) = (Ledger::new(), JoinSet::new());
        set.spawn(ledger.track(sleep(Duration::from_secs(3600))));
        set.spawn(ledger.track(pending()));
        set.spawn(async { quiet_panic("nobody hears of it") });
        set.shutdown().await;
        ledger.assert_settled();
        assert!(set.is_empty());
    }

    async fn join_all_goes_on_with_the_panic_of_a_task_and_aborts_the_others() {
        let (ledger, mut set) = (Ledger::new(), JoinSet::new());
        set.spawn(ledger.track(pending::<()>()));
        set.spawn(async { quiet_panic("out of cheese") });
        let all = futures::FutureExt::catch_unwind(AssertUnwindSafe(set.join_all()));
        let payload = all.await.unwrap_err();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "out of cheese");
        until("the other is dropped", || ledger.dropped() == 1).await;

        let mut set = JoinSet::new();
        let task = set.spawn(pending::<()>());
        task.abort();
        let all = futures::FutureExt::catch_unwind(AssertUnwindSafe(set.join_all()));
        let text = all.await.unwrap_err().downcast::<String>().unwrap();
        assert_eq!(*text, format!("task {} was cancelled", task.id()));
    }

    async fn try_join_next_waits_for_nothing() {
        let (mut set, (open, opened)) = (JoinSet::new(), async_channel::bounded::<()>(1));
        let task = set.spawn(async move { _ = opened.recv().await });
        give_way().await;
        assert!(set.try_join_next().is_none());
        assert!(set.try_join_next_with_id().is_none());
        drop(open);
        let mut joined = None;
        until("it has ended", || {
            joined = set.try_join_next_with_id();
            joined.is_some()
        })
        .await;
        assert_eq!(joined.unwrap().unwrap(), (task.id(), ()));
    }

    async fn dropping_what_join_next_returns_loses_no_task() {
        const TASKS: u64 = 200;
        let mut set: JoinSet<u64> = JoinSet::new();
        for i in 0..TASKS {
            let nap = Duration::from_micros(50 * (i % 10));
            set.spawn(async move {
                sleep(nap).await;
                i
            });
        }
        let mut seen = HashSet::new();
        while !set.is_empty() {
            // Made, polled once, and dropped, over and over.
            let joined = poll_fn(|cx| {
                let mut next = pin!(set.join_next());
                Poll::Ready(next.as_mut().poll(cx))
            });
            match joined.await {
                Poll::Ready(joined) => assert!(seen.insert(joined.unwrap().unwrap())),
                Poll::Pending => sleep(Duration::from_micros(20)).await,
            }
        }
        assert_eq!(seen.len(), TASKS as usize);
    }

    async fn only_the_waker_of_the_latest_poll_is_woken_and_once() {
        let (mut set, (open, opened)) = (JoinSet::new(), async_channel::bounded::<()>(1));
        for _ in 0..3 {
            let opened = opened.clone();
            set.spawn(async move { _ = opened.recv().await });
        }
        give_way().await;
        let ((first, first_waker), (second, second_waker)) = (Bell::new(), Bell::new());
        assert!(poll_next(&mut set, &first_waker).is_pending());
        assert!(poll_next(&mut set, &second_waker).is_pending());
        assert!(poll_next(&mut set, &second_waker).is_pending());
        drop(open);
        until("it is told", || second.rings() == 1).await;
        assert_eq!(outputs(&mut set, 3).await, [(); 3]);
        assert_eq!((first.rings(), second.rings()), (0, 1));
    }

    async fn a_set_may_go_on_to_another_task_that_waits() {
        let (mut set, (open, opened)) = (JoinSet::new(), async_channel::bounded::<()>(1));
        set.spawn(async move { _ = opened.recv().await });
        assert!(poll_next(&mut set, Waker::noop()).is_pending());
        let waits = spawn(async move { set.join_next().await.unwrap().unwrap() });
        sleep(Duration::from_millis(2)).await;
        drop(open);
        waits.await.unwrap();
    }

    async fn the_future_of_a_task_has_been_dropped_by_the_time_it_is_joined() {
        let mut set = JoinSet::new();
        for _ in 0..50 {
            let ledger = Ledger::new();
            set.spawn(ledger.track(async {}));
            set.join_next().await.unwrap().unwrap();
            ledger.assert_settled();
        }
    }

    async fn tasks_may_spawn_into_sets_of_their_own_and_drop_them() {
        let leaves = Arc::new(AtomicUsize::new(0));
        spawn(tree(3, leaves.clone())).await.unwrap();
        assert_eq!(leaves.load(SeqCst), 27);
    }

    async fn ends_race_with_polls_and_nothing_is_lost_or_seen_twice() {
        let mut set = JoinSet::new();
        let ids: HashSet<TaskId> = (0..8)
            .map(|i| {
                let task = async move {
                    for _ in 0..i % 3 {
                        yield_now().await;
                    }
                };
                set.spawn(task).id()
            })
            .collect();
        let mut joined = HashSet::new();
        while let Some(end) = set.join_next_with_id().await {
            assert!(joined.insert(end.unwrap().0));
        }
        assert_eq!(joined, ids);
    }
}
