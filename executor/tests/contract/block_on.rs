//! `block_on`, outside and inside of tasks.

use crate::common::{
    Boxed, Gate, Ledger, Wakers, executor, patient_executor, quiet_panic, watchdog,
};
use executor::{Executor, Handle};
use std::{
    cell::Cell,
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    rc::Rc,
    sync::mpsc,
    task::{Poll, Waker},
    thread,
    time::Duration,
};

#[test]
fn the_future_need_be_neither_send_nor_static() {
    let _watchdog = watchdog(60);
    let local = String::from("borrowed");
    let count = Rc::new(Cell::new(0));
    let length = executor::block_on(async {
        count.set(executor::spawn(async { 1 }).await.unwrap());
        executor::yield_now().await;
        local.len()
    });
    assert_eq!((length, count.get()), (8, 1));
}

#[test]
fn several_threads_may_block_at_once() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    thread::scope(|scope| {
        for i in 0..8 {
            let own = &own;
            scope.spawn(move || {
                for j in 0..50 {
                    assert_eq!(
                        executor::block_on(executor::spawn(async move { i * j })).unwrap(),
                        i * j
                    );
                    assert_eq!(
                        own.block_on(own.spawn(async move { i + j })).unwrap(),
                        i + j
                    );
                }
            });
        }
    });
}

#[test]
fn a_panic_unwinds_out_of_it_and_leaves_no_trace() {
    let _watchdog = watchdog(60);
    let ledger = Ledger::new();
    for wait_first in [false, true] {
        let guard = ledger.guard();
        let future = async move {
            let _guard = guard;
            if wait_first {
                executor::yield_now().await;
            }
            quiet_panic("out of block_on")
        };
        let payload = catch_unwind(AssertUnwindSafe(|| {
            executor::block_on::<_>(async move {
                let never: () = future.await;
                never
            })
        }))
        .unwrap_err();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "out of block_on");
        ledger.assert_settled();
        assert!(
            Handle::try_current().is_none(),
            "the thread is in no executor any more"
        );
        assert_eq!(executor::block_on(executor::spawn(async { 7 })).unwrap(), 7);
    }
}

#[test]
fn it_returns_as_soon_as_its_own_future_is_done() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let gate = Gate::new();
    let inside = gate.clone();
    let answer = own.block_on(async {
        drop(own.spawn(pending::<()>()));
        drop(own.spawn(async move { inside.wait() }));
        drop(own.spawn(pending::<()>()));
        7
    });
    assert_eq!(answer, 7);
    gate.open();
}

#[test]
fn what_was_spawned_goes_on_after_it_has_returned() {
    let _watchdog = watchdog(60);
    let (go, may_go) = async_channel::bounded::<()>(1);
    let (done, is_done) = mpsc::channel();
    executor::block_on(async {
        drop(executor::spawn(async move {
            may_go.recv().await.unwrap();
            done.send(()).unwrap();
        }));
    });
    go.try_send(()).unwrap();
    is_done.recv().unwrap();
}

#[test]
fn it_runs_no_task_on_its_own_thread() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let caller = thread::current().id();
    own.block_on(async {
        for _ in 0..50 {
            let tasks: Vec<_> = (0..50)
                .map(|_| {
                    executor::spawn(async {
                        let first = thread::current().id();
                        executor::yield_now().await;
                        let inner = executor::spawn(async { thread::current().id() })
                            .await
                            .unwrap();
                        [first, thread::current().id(), inner]
                    })
                })
                .collect();
            for task in tasks {
                assert!(!task.await.unwrap().contains(&caller));
                assert_eq!(
                    thread::current().id(),
                    caller,
                    "the future itself stays on the thread"
                );
            }
        }
    });
}

#[test]
fn a_task_that_blocks_cannot_keep_it_from_returning() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let gate = Gate::new();
    let (started, is_started) = async_channel::bounded(1);
    let (send, receive) = async_channel::bounded(1);
    let inside = gate.clone();
    own.spawn(async move {
        started.try_send(()).unwrap();
        inside.wait();
    });
    let answer = own.block_on(async {
        is_started.recv().await.unwrap();
        drop(own.spawn(pending::<()>())); // more for the worker to do, if it could
        let sender = thread::spawn(move || send.try_send(7).unwrap());
        let answer = receive.recv().await.unwrap();
        sender.join().unwrap();
        answer
    });
    assert_eq!(answer, 7);
    assert!(!gate.is_open());
    gate.open();
}

#[test]
fn a_wake_up_during_the_poll_is_not_lost() {
    let _watchdog = watchdog(60);
    let mut polls = 0;
    executor::block_on(poll_fn(|cx| {
        polls += 1;
        cx.waker().wake_by_ref();
        if polls == 100 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
    assert_eq!(polls, 100);
}

#[test]
fn a_waker_left_over_from_an_earlier_call_does_no_harm() {
    let _watchdog = watchdog(60);
    let wakers = Wakers::new();
    executor::block_on(async {
        let wait = wakers.once();
        futures::pin_mut!(wait);
        assert!(futures::poll!(wait.as_mut()).is_pending());
    });
    let stale = wakers.take().pop().unwrap();
    for round in 0..100 {
        let (send, receive) = async_channel::bounded(1);
        let late = stale.clone();
        let sender = thread::spawn(move || {
            late.wake();
            thread::yield_now();
            send.try_send(round).unwrap();
        });
        assert_eq!(executor::block_on(receive.recv()).unwrap(), round);
        stale.wake_by_ref();
        sender.join().unwrap();
    }
}

#[test]
fn its_future_has_been_dropped_when_it_returns() {
    let _watchdog = watchdog(60);
    let ledger = Ledger::new();
    let guard = ledger.guard();
    let mut guard = Some(guard);
    executor::block_on(poll_fn(move |_| {
        let _stays_inside = &mut guard;
        Poll::Ready(())
    }));
    ledger.assert_settled();
}

#[test]
fn on_an_executor_it_makes_that_one_the_current_one() {
    let _watchdog = watchdog(60);
    let own = Executor::builder()
        .workers(1)
        .thread_name("block-on-own")
        .build()
        .unwrap();
    let name = own.block_on(async {
        executor::spawn(async { thread::current().name().map(str::to_owned) })
            .await
            .unwrap()
    });
    assert_eq!(name.as_deref(), Some("block-on-own"));
    assert!(Handle::try_current().is_none());
}

#[test]
fn it_may_be_nested_outside_of_tasks_too() {
    let _watchdog = watchdog(60);
    let sum = executor::block_on(async {
        let task = executor::spawn(async { 1 });
        let inner = executor::block_on(async {
            executor::yield_now().await;
            executor::block_on(task).unwrap() + 1
        });
        executor::yield_now().await;
        inner + executor::spawn(async { 1 }).await.unwrap()
    });
    assert_eq!(sum, 3);
}

#[test]
fn inside_a_task_it_lets_the_other_tasks_go_on() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let (send, receive) = async_channel::bounded::<u32>(1);
    let outer = own.spawn(async move { executor::block_on(receive.recv()).unwrap() });
    for i in 0..100 {
        assert_eq!(own.block_on(own.spawn(async move { i })).unwrap(), i);
    }
    assert!(!outer.is_finished());
    drop(own.spawn(async move { send.send(7).await.unwrap() }));
    assert_eq!(own.block_on(outer).unwrap(), 7);
}

fn nest(depth: usize) -> Boxed<usize> {
    Box::pin(async move {
        match depth {
            0 => 0,
            _ => executor::block_on(executor::spawn(nest(depth - 1))).unwrap() + 1,
        }
    })
}

#[test]
fn inside_tasks_it_nests_64_deep_with_only_one_worker() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    assert_eq!(own.block_on(own.spawn(nest(64))).unwrap(), 64);
    // And once more, with the stand-ins of before.
    assert_eq!(own.block_on(own.spawn(nest(64))).unwrap(), 64);
}

#[test]
fn inside_a_task_it_may_be_another_executors() {
    let _watchdog = watchdog(60);
    let a = Executor::builder()
        .workers(1)
        .thread_name("exec-a")
        .build()
        .unwrap();
    let b = Executor::builder()
        .workers(1)
        .thread_name("exec-b")
        .build()
        .unwrap();
    let on_b = b.handle();
    let names = a.block_on(a.spawn(async move {
        let name = || thread::current().name().unwrap().to_owned();
        let inner = on_b.block_on(async move {
            // The current executor is B, the thread is A's.
            let task = executor::spawn(async move { name() }).await.unwrap();
            (name(), task)
        });
        let after = executor::spawn(async move { name() }).await.unwrap();
        [inner.0, inner.1, after]
    }));
    assert_eq!(names.unwrap(), ["exec-a", "exec-b", "exec-a"]);
}

#[test]
fn two_executors_may_block_on_each_others_tasks() {
    let _watchdog = watchdog(60);
    let (a, b) = (executor(1), executor(1));
    fn ping(own: Handle, other: Handle, depth: usize) -> Boxed<usize> {
        Box::pin(async move {
            match depth {
                0 => 0,
                _ => {
                    let task = other.spawn(ping(other.clone(), own.clone(), depth - 1));
                    own.block_on(task).unwrap() + 1
                }
            }
        })
    }
    let task = a.spawn(ping(a.handle(), b.handle(), 20));
    assert_eq!(a.block_on(task).unwrap(), 20);
}

#[test]
fn inside_a_task_it_hands_nothing_over_while_it_need_not_wait() {
    let _watchdog = watchdog(60);
    let executor = patient_executor(1);
    let yields = async {
        for _ in 0..1_000 {
            executor::yield_now().await;
        }
    };
    let task = executor.spawn(async { executor::block_on(yields) });
    executor.block_on(task).unwrap();
    assert_eq!(executor.metrics().handoffs(), 0);
}

#[test]
fn what_was_woken_in_an_earlier_call_costs_the_next_one_no_poll() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let (bell, rings) = mpsc::channel::<Waker>();
    own.block_on(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        bell.send(cx.waker().clone()).unwrap();
        Poll::Ready(())
    }));
    rings.recv().unwrap().wake();
    let mut polls = 0;
    own.block_on(async {
        let task = own.spawn(async { thread::sleep(Duration::from_millis(20)) });
        let mut task = pin!(task);
        poll_fn(|cx| {
            polls += 1;
            task.as_mut().poll(cx)
        })
        .await
        .unwrap();
    });
    assert!(polls <= 2, "{polls} polls");
}
