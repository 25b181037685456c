//! The end of an executor: `Drop` and `shutdown_timeout`.

use crate::common::{
    Gate, Ledger, OnDrop, Wakers, at_thread_end, eventually, executor, patient_executor,
    steady_executor, watchdog, worker_counts,
};
use executor::{Executor, JoinHandle};
use futures::task::Spawn as _;
use std::{
    future::{Future as _, pending, poll_fn},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

#[test]
fn dropping_an_executor_drops_every_future_that_is_left() {
    let _watchdog = watchdog(60);
    for workers in worker_counts() {
        let own = executor(workers);
        let (ledger, wakers) = (Ledger::new(), Wakers::new());
        let mut handles = Vec::new();
        for i in 0..3000 {
            let (guard, wait) = (ledger.guard(), wakers.once());
            let task = own.spawn(async move {
                let _guard = guard;
                match i % 3 {
                    0 => pending().await,
                    1 => wait.await,
                    _ => loop {
                        executor::yield_now().await;
                    },
                }
            });
            if i % 2 == 0 {
                handles.push(task);
            }
        }
        drop(own);
        ledger.assert_settled();
        for handle in handles {
            assert!(handle.is_finished());
            assert!(executor::block_on(handle).unwrap_err().is_cancelled());
        }
    }
}

#[test]
fn no_task_is_polled_after_the_drop_has_returned() {
    let _watchdog = watchdog(60);
    for _ in 0..20 {
        let own = executor(2);
        let (over, late) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let wakers = Wakers::new();
        for _ in 0..50 {
            let (over, late, wakers) = (over.clone(), late.clone(), wakers.clone());
            own.spawn(poll_fn(move |cx| {
                if over.load(SeqCst) {
                    late.fetch_add(1, SeqCst);
                }
                wakers.add(cx.waker());
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            }));
        }
        thread::sleep(Duration::from_millis(1));
        drop(own);
        over.store(true, SeqCst);
        wakers.take().into_iter().for_each(|waker| waker.wake());
        thread::sleep(Duration::from_millis(2));
        assert_eq!(late.load(SeqCst), 0);
    }
}

#[test]
fn a_queued_task_that_was_never_polled_is_dropped_unpolled() {
    let _watchdog = watchdog(60);
    let own = steady_executor(1);
    let gate = Gate::new();
    let inside = gate.clone();
    let (started, is_started) = mpsc::channel();
    own.spawn(async move {
        started.send(()).unwrap();
        inside.wait();
    });
    is_started.recv().unwrap();
    let (ledger, polls) = (Ledger::new(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..1000 {
        let (guard, count) = (ledger.guard(), polls.clone());
        own.spawn(async move {
            let _guard = guard;
            count.fetch_add(1, SeqCst);
        });
    }
    let handle = own.handle();
    let closer = thread::spawn(move || drop(own));
    eventually("it is told to end", || handle.status().is_err());
    gate.open();
    closer.join().unwrap();
    ledger.assert_settled();
    assert_eq!(
        polls.load(SeqCst),
        0,
        "the executor had been told to end before"
    );
}

#[test]
fn every_thread_has_been_joined_thread_locals_included() {
    let _watchdog = watchdog(60);
    for workers in worker_counts() {
        let started = Arc::new(AtomicUsize::new(0));
        let (count, ledger) = (started.clone(), Ledger::new());
        let locals = ledger.clone();
        let own = Executor::builder()
            .workers(workers)
            .on_thread_start(move || {
                count.fetch_add(1, SeqCst);
                let guard = locals.guard();
                at_thread_end(move || {
                    thread::sleep(Duration::from_millis(5));
                    drop(guard);
                });
            })
            .build()
            .unwrap();
        // Stand-ins too.
        let calls: Vec<_> = (0..8)
            .map(|_| own.spawn_blocking(|| thread::sleep(Duration::from_millis(5))))
            .collect();
        own.block_on(futures::future::join_all(calls));
        drop(own);
        assert!(started.load(SeqCst) >= workers);
        assert_eq!(ledger.made(), started.load(SeqCst));
        ledger.assert_settled();
    }
}

#[test]
fn it_waits_for_a_blocking_call_that_is_under_way() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let (gate, ended) = (Gate::new(), Arc::new(AtomicBool::new(false)));
    let (inside, flag) = (gate.clone(), ended.clone());
    let (started, is_started) = mpsc::channel();
    own.spawn_blocking(move || {
        started.send(()).unwrap();
        inside.wait();
        flag.store(true, SeqCst);
    });
    is_started.recv().unwrap();
    let opener = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        gate.open();
    });
    drop(own);
    assert!(ended.load(SeqCst));
    opener.join().unwrap();
}

#[test]
fn an_awaiter_that_waits_already_is_told() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let task = own.spawn(pending::<()>());
    let other = executor(1);
    let waiting = other.spawn(task);
    let waiting_too = own.spawn(pending::<()>());
    let waiter = thread::spawn(move || executor::block_on(waiting_too));
    eventually("all but the thread are known to wait", || {
        own.metrics().suspended_tasks() == 2 && other.metrics().suspended_tasks() == 1
    });
    thread::sleep(Duration::from_millis(10));
    drop(own);
    assert!(other.block_on(waiting).unwrap().unwrap_err().is_cancelled());
    assert!(waiter.join().unwrap().unwrap_err().is_cancelled());
}

#[test]
fn results_outlive_the_executor() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let task = own.spawn(async { String::from("kept") });
    eventually("it is finished", || task.is_finished());
    drop(own);
    assert_eq!(executor::block_on(task).unwrap(), "kept");
}

#[test]
fn dropped_by_its_own_task_it_signals_and_does_not_join_itself() {
    let _watchdog = watchdog(60);
    for workers in worker_counts() {
        let own = executor(workers);
        let (ledger, threads) = (Ledger::new(), Ledger::new());
        for _ in 0..10 {
            let (guard, threads) = (ledger.guard(), threads.clone());
            own.spawn(async move {
                let _guard = guard;
                let thread = threads.guard();
                at_thread_end(move || drop(thread));
                pending::<()>().await
            });
        }
        let (send, receive) = async_channel::bounded::<Executor>(1);
        let guard = ledger.guard();
        let (dropped, is_dropped) = mpsc::channel();
        own.spawn(async move {
            let _guard = guard;
            let own = receive.recv().await.unwrap();
            drop(own);
            dropped.send(()).unwrap();
            pending::<()>().await
        });
        send.try_send(own).unwrap();
        is_dropped.recv().unwrap();
        eventually("all futures are dropped", || {
            ledger.dropped() == ledger.made()
        });
        eventually("the threads have ended", || {
            threads.dropped() == threads.made()
        });
    }
}

#[test]
fn it_may_be_dropped_inside_its_own_block_on() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let handle = own.handle();
    let task = own.spawn(pending::<()>());
    let error = handle.block_on(async move {
        drop(own);
        assert!(
            executor::block_on(executor::spawn(async {}))
                .unwrap_err()
                .is_cancelled()
        );
        task.await.unwrap_err()
    });
    assert!(error.is_cancelled());
}

#[test]
fn it_may_be_dropped_by_another_executors_task_without_holding_up_that_one() {
    let _watchdog = watchdog(60);
    // Nobody else but the drop says that it blocks.
    let (outer, own) = (patient_executor(1), executor(1));
    let gate = Gate::new();
    let inside = gate.clone();
    let (started, is_started) = mpsc::channel();
    let blocks = own.spawn(async move {
        started.send(()).unwrap();
        inside.wait();
    });
    is_started.recv().unwrap();
    let closer = outer.spawn(async move { drop(own) });
    // The only worker of `outer` waits for `own`'s thread, and has given its permit away.
    let opener = outer.spawn(async move { gate.open() });
    outer.block_on(opener).unwrap();
    outer.block_on(closer).unwrap();
    outer
        .block_on(blocks)
        .expect("the gate was opened meanwhile");
}

#[test]
fn a_task_may_own_an_executor_of_its_own() {
    let _watchdog = watchdog(60);
    let ledger = Ledger::new();
    let outer = executor(1);
    let (ready, is_ready) = mpsc::channel();
    let (inner_ledger, ready) = (ledger.clone(), ready);
    outer.spawn(async move {
        let inner = executor(2);
        for _ in 0..100 {
            let guard = inner_ledger.guard();
            inner.spawn(async move {
                let _guard = guard;
                pending::<()>().await
            });
        }
        ready.send(()).unwrap();
        pending::<()>().await;
        drop(inner);
    });
    is_ready.recv().unwrap();
    drop(outer);
    assert_eq!(ledger.made(), 100);
    ledger.assert_settled();
}

#[test]
fn shutdown_timeout_of_an_executor_without_blocked_threads_succeeds() {
    let _watchdog = watchdog(60);
    let own = executor(4);
    let ledger = Ledger::new();
    for _ in 0..100 {
        let guard = ledger.guard();
        own.spawn(async move {
            let _guard = guard;
            pending::<()>().await
        });
    }
    own.shutdown_timeout(Duration::from_secs(50)).unwrap();
    ledger.assert_settled();
    executor(1).shutdown_timeout(Duration::MAX).unwrap();
}

/// An executor whose only worker sits in `call` until the gate opens, and whose task then waits
/// once more; the counter is of its polls.
fn blocked_executor(announced: bool) -> (Executor, Gate, Arc<AtomicUsize>, JoinHandle<()>) {
    let own = executor(1);
    let (gate, polls) = (Gate::new(), Arc::new(AtomicUsize::new(0)));
    let (inside, count) = (gate.clone(), polls.clone());
    let (started, is_started) = mpsc::channel();
    let task = own.spawn(poll_fn(move |cx| {
        count.fetch_add(1, SeqCst);
        started.send(()).unwrap();
        if announced {
            executor::block_in_place(|| inside.wait());
        } else {
            inside.wait();
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    is_started.recv().unwrap();
    (own, gate, polls, task)
}

#[test]
fn shutdown_timeout_gives_up_waiting_for_a_blocked_thread_and_says_so() {
    let _watchdog = watchdog(60);
    for announced in [false, true] {
        let (own, gate, polls, task) = blocked_executor(announced);
        let ledger = Ledger::new();
        let guard = ledger.guard();
        let other = own.spawn(async move {
            let _guard = guard;
            pending::<()>().await
        });
        let start = Instant::now();
        let error = own.shutdown_timeout(Duration::from_millis(50)).unwrap_err();
        assert!(start.elapsed() >= Duration::from_millis(50));
        // Beside the blocked one, the stand-in that drops `other` may be about to end.
        let threads = error.threads();
        assert!((1..=2).contains(&threads), "{threads}");
        let text = error.to_string();
        let count = format!("{threads} thread");
        assert!(text.contains(&count) && text.contains("50ms"), "{text}");
        let _: &dyn std::error::Error = &error;
        assert!(!task.is_finished());
        gate.open();
        // The thread polls nothing any more and drops what is left.
        assert!(executor::block_on(task).unwrap_err().is_cancelled());
        assert!(executor::block_on(other).unwrap_err().is_cancelled());
        assert_eq!(polls.load(SeqCst), 1);
        ledger.assert_settled();
    }
}

#[test]
fn shutdown_timeout_of_zero_only_looks() {
    let _watchdog = watchdog(60);
    let (own, gate, _, task) = blocked_executor(true);
    let error = own.shutdown_timeout(Duration::ZERO).unwrap_err();
    assert!((1..=2).contains(&error.threads()), "{error}");
    gate.open();
    assert!(executor::block_on(task).unwrap_err().is_cancelled());
}

/// Ends it within a limit, while foreign code of its threads waits for what comes later.
#[track_caller]
fn gives_up(own: Executor, gate: &Gate) {
    let handle = own.handle();
    let error = own.shutdown_timeout(Duration::from_millis(50)).unwrap_err();
    assert!(error.threads() >= 1, "{error}");
    gate.open();
    eventually("it ends", || handle.metrics().threads() == 0);
}

#[test]
fn shutdown_timeout_gives_up_waiting_for_destructors_of_all_kinds() {
    let _watchdog = watchdog(60);
    for own in [executor(1), executor(2), steady_executor(1)] {
        // Of a thread-local.
        let (gate, inside) = (Gate::new(), Gate::new());
        let waits = inside.clone();
        let local = async move { at_thread_end(move || waits.wait()) };
        own.block_on(own.spawn(local)).unwrap();
        gives_up(own, &inside);
        // Of a future that is dropped at the end.
        let own = executor(1);
        let waits = gate.clone();
        let guard = OnDrop(move || waits.wait());
        own.spawn(async move {
            let _guard = guard;
            pending::<()>().await
        });
        eventually("it waits", || own.metrics().suspended_tasks() == 1);
        gives_up(own, &gate);
        // Of a hook.
        let gate = Gate::new();
        let waits = gate.clone();
        let guard = OnDrop(move || waits.wait());
        let builder = Executor::builder().workers(1);
        let own = builder.on_thread_stop(move || _ = &guard).build().unwrap();
        gives_up(own, &gate);
    }
}

#[test]
fn shutdown_timeout_gives_up_waiting_for_a_waker() {
    struct Waits(Gate);
    impl Wake for Waits {
        fn wake(self: Arc<Self>) {
            self.0.wait();
        }
    }
    let _watchdog = watchdog(60);
    for own in [executor(1), steady_executor(1)] {
        let gate = Gate::new();
        let waker = Waker::from(Arc::new(Waits(gate.clone())));
        // It is evicted as the executor ends, and this wakes whoever waits for it.
        let mut sleep = Box::pin(executor::time::sleep(Duration::from_secs(3600)));
        let sleep = own
            .block_on(own.spawn(async move {
                let poll = sleep.as_mut().poll(&mut Context::from_waker(&waker));
                assert!(poll.is_pending());
                [sleep]
            }))
            .unwrap();
        gives_up(own, &gate);
        drop(sleep);
    }
}

#[test]
fn shutdown_timeout_inside_its_own_task_does_not_wait_for_itself() {
    let _watchdog = watchdog(60);
    let own = steady_executor(2);
    let handle = own.handle();
    let (send, receive) = async_channel::bounded::<Executor>(1);
    let (done, is_done) = mpsc::channel();
    own.spawn(async move {
        let own = receive.recv().await.unwrap();
        let start = Instant::now();
        let end = own.shutdown_timeout(Duration::from_secs(40));
        done.send((end, start.elapsed())).unwrap();
    });
    send.try_send(own).unwrap();
    let (end, waited) = is_done.recv().unwrap();
    assert!(waited < Duration::from_secs(20), "{waited:?}");
    // The calling thread lives, and the other one may.
    let threads = end.unwrap_err().threads();
    assert!((1..=2).contains(&threads), "{threads}");
    eventually("they end all the same", || handle.metrics().threads() == 0);
}

#[test]
fn a_future_may_wait_for_another_task_as_it_is_dropped() {
    let _watchdog = watchdog(60);
    for workers in worker_counts() {
        let own = executor(workers);
        let (send, heard) = mpsc::channel();
        let wakers = Wakers::new();
        for _ in 0..8 {
            let victim = own.spawn(pending::<()>());
            let (send, mut victim) = (send.clone(), Some(victim));
            let guard = OnDrop(move || {
                let victim = victim.take().unwrap();
                send.send(executor::block_on(victim).unwrap_err().is_cancelled())
                    .unwrap();
            });
            let wait = wakers.forever();
            own.spawn(async move {
                let _guard = guard;
                wait.await
            });
        }
        eventually("they wait", || wakers.len() == 8);
        drop(own);
        drop(send);
        assert_eq!(heard.iter().collect::<Vec<_>>(), [true; 8]);
    }
}
