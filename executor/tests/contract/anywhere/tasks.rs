//! `spawn`, panics, `yield_now`, `TaskId::current`, and how tasks give way.

use super::{give_way, until};
use crate::common::{Guard, Ledger, OnDrop, Wakers, quiet_panic};
use executor::{TaskId, spawn, time::sleep, yield_now};
use std::{
    future::{pending, poll_fn},
    panic::resume_unwind,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};
use waitgroup::WaitGroup;

promises! {
    async fn every_task_runs_once_whoever_spawns_it() {
        let (ran, group) = (Arc::new(AtomicUsize::new(0)), WaitGroup::new());
        for _ in 0..10 {
            let (ran, inner) = (ran.clone(), group.clone());
            spawn(group.track(async move {
                for _ in 0..10 {
                    let ran = ran.clone();
                    spawn(inner.track(async move { ran.fetch_add(1, SeqCst) }));
                }
                ran.fetch_add(1, SeqCst);
            }));
        }
        group.wait().await;
        assert_eq!(ran.load(SeqCst), 110);
    }

    async fn more_tasks_than_a_local_queue_holds_all_run() {
        let tasks: Vec<_> = (0..600).map(|i| spawn(async move { i })).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        assert_eq!(sum, 599 * 600 / 2);
    }

    async fn it_works_from_a_drop() {
        let (send, receive) = async_channel::unbounded();
        let spawns = move || {
            let send = send.clone();
            spawn(async move { send.try_send(TaskId::current().is_some()).unwrap() });
        };
        let ends = OnDrop(spawns.clone());
        spawn(async move { drop(ends) }).await.unwrap();
        assert!(receive.recv().await.unwrap());
        let aborted = OnDrop(spawns);
        let task = spawn(async move {
            let _aborted = aborted;
            pending::<()>().await
        });
        assert!(task.cancel().await.is_none());
        assert!(receive.recv().await.unwrap());
    }

    async fn a_panic_ends_its_task_alone() {
        let ledger = Ledger::new();
        for wait_first in [false, true] {
            let guard = ledger.guard();
            let task = spawn(async move {
                let _guard = guard;
                if wait_first {
                    yield_now().await;
                }
                quiet_panic("in a task")
            });
            let error = task.await.map(|never: ()| never).unwrap_err();
            ledger.assert_settled();
            assert!(error.is_panic() && !error.is_cancelled());
            assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "in a task");
        }
        assert_eq!(spawn(async { 7 }).await.unwrap(), 7);
    }

    async fn the_payload_of_a_panic_arrives_whole() {
        let ledger = Ledger::new();
        let guard = ledger.guard();
        let task = spawn(async move { resume_unwind(Box::new((17_u64, guard))) });
        let error = task.await.map(|never: ()| never).unwrap_err();
        let payload = error.into_panic().downcast::<(u64, Guard)>().unwrap();
        assert_eq!((payload.0, ledger.dropped()), (17, 0));
        drop(payload);
        ledger.assert_settled();
    }

    async fn dropping_the_handle_detaches_the_task() {
        let ledger = Ledger::new();
        let (go, may_go) = async_channel::bounded::<()>(1);
        let (done, is_done) = async_channel::bounded(1);
        let output = ledger.guard();
        drop(spawn(async move {
            may_go.recv().await.unwrap();
            yield_now().await;
            done.try_send(()).unwrap();
            output
        }));
        assert_eq!(ledger.dropped(), 0);
        go.try_send(()).unwrap();
        is_done.recv().await.unwrap();
        until("the output is dropped too", || ledger.dropped() == 1).await;
    }

    async fn a_task_that_yields_for_ever_holds_nobody_up() {
        let ended = Arc::new(AtomicBool::new(false));
        let inside = ended.clone();
        let yields = spawn(async move {
            while !inside.load(SeqCst) {
                yield_now().await;
            }
        });
        for i in 0..20 {
            assert_eq!(spawn(async move { i }).await.unwrap(), i);
        }
        ended.store(true, SeqCst);
        yields.await.unwrap();
    }

    async fn tasks_that_wake_each_other_hold_nobody_up() {
        let ended = Arc::new(AtomicBool::new(false));
        let (to_pong, at_pong) = async_channel::bounded::<()>(1);
        let (to_ping, at_ping) = async_channel::bounded::<()>(1);
        let inside = ended.clone();
        let ping = spawn(async move {
            while !inside.load(SeqCst) {
                to_pong.send(()).await.unwrap();
                at_ping.recv().await.unwrap();
            }
        });
        let pong = spawn(async move {
            while at_pong.recv().await.is_ok() {
                to_ping.send(()).await.unwrap();
            }
        });
        for i in 0..20 {
            assert_eq!(spawn(async move { i }).await.unwrap(), i);
        }
        ended.store(true, SeqCst);
        ping.await.unwrap();
        pong.await.unwrap();
    }

    async fn an_endless_loop_of_ready_sleeps_can_be_aborted() {
        let task = spawn(async {
            loop {
                sleep(Duration::ZERO).await;
            }
        });
        give_way().await;
        assert_eq!(task.cancel().await, None);
    }

    async fn a_wake_up_during_the_poll_is_not_lost() {
        let mut polls = 0;
        let task = spawn(poll_fn(move |cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls == 100 { Poll::Ready(polls) } else { Poll::Pending }
        }));
        assert_eq!(task.await.unwrap(), 100);
    }

    async fn a_task_that_is_woken_many_times_is_polled_for_all_of_them() {
        let wakers = Wakers::new();
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..8)
            .map(|i| {
                let (wait, order) = (wakers.once(), order.clone());
                spawn(async move {
                    wait.await;
                    order.lock().unwrap().push(i);
                })
            })
            .collect();
        until("all wait", || wakers.len() == 8).await;
        for waker in wakers.take() {
            waker.wake_by_ref();
            waker.wake();
        }
        for task in tasks {
            task.await.unwrap();
        }
        let mut order = order.lock().unwrap().clone();
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    async fn in_a_task_the_current_one_is_its_own_at_each_poll() {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                spawn(async {
                    let first = TaskId::current();
                    yield_now().await;
                    (first, TaskId::current())
                })
            })
            .collect();
        for task in tasks {
            let id = Some(task.id());
            assert_eq!(task.await.unwrap(), (id, id));
        }
    }

    async fn a_task_knows_the_line_that_spawned_it() {
        let (task, line) = (spawn(async {}), line!());
        let site = task.id().spawned_at().unwrap();
        assert_eq!((site.file(), site.line()), (file!(), line));
        task.await.unwrap();
    }
}
