//! Races, each tried thousands of times.
//!
//! Those about sleep and wake-up run on executors without hand-off: these have no monitor, which
//! would find within milliseconds what a lost wake-up has left behind.

mod common;

use common::{
    Ledger, Rng, Wakers, at_thread_end, effort, eventually, executor, few_workers, is_at_rest,
    pause, quiet_panic, steady_executor, total, watchdog, worker_counts,
};
use executor::{Executor, Handle, JoinHandle};
use futures::future::join_all;
use std::{
    future::{pending, poll_fn},
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::Poll,
    thread,
    time::Duration,
};

/// The range in which the threads of these races meet.
const MOMENT: Duration = Duration::from_micros(10);

/// What the totals count.
const AWAITED: &str = "outside spawns awaited one by one";
const EXECUTORS: &str = "executors made, used and dropped in races";

#[test]
fn one_task_at_a_time_from_outside_is_never_forgotten() {
    let _watchdog = watchdog(100);
    // Each finds the workers about to fall asleep, or asleep.
    for workers in worker_counts() {
        let own = steady_executor(workers);
        let rounds = 17_000 * effort() as u32;
        own.block_on(async {
            for i in 0..rounds {
                assert_eq!(own.spawn(async move { i }).await.unwrap(), i);
            }
        });
    }
    for i in 0..4_000 {
        assert_eq!(
            executor::block_on(executor::spawn(async move { i })).unwrap(),
            i
        );
    }
    total(17_000 * effort() * worker_counts().len() + 4_000, AWAITED);
}

#[test]
fn one_task_at_a_time_from_a_task_is_never_forgotten() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let own = executor(workers);
        let task = own.spawn(async {
            for i in 0..50_000 * effort() {
                assert_eq!(executor::spawn(async move { i }).await.unwrap(), i);
            }
        });
        own.block_on(task).unwrap();
    }
}

#[test]
fn after_pauses_of_any_length_a_sleeping_worker_is_woken() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let (own, mut rng) = (steady_executor(workers), Rng::with_seed(0x1234_5678));
        own.block_on(async {
            for i in 0..3_000 * effort() {
                let burst = 1 + rng.u32(..3);
                let tasks: Vec<_> = (0..burst).map(|_| own.spawn(async move { i })).collect();
                pause(&mut rng, MOMENT);
                for task in tasks {
                    assert_eq!(task.await.unwrap(), i);
                }
                pause(&mut rng, MOMENT);
            }
        });
    }
}

#[test]
fn many_producers_lose_and_double_nothing() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let own = steady_executor(workers);
        let (ran, ledger) = (Arc::new(AtomicUsize::new(0)), Ledger::new());
        let threads: Vec<_> = (0..6)
            .map(|i| {
                let (handle, ran, ledger) = (own.handle(), ran.clone(), ledger.clone());
                thread::spawn(move || {
                    for j in 0..2_000 * effort() {
                        let (ran, guard) = (ran.clone(), ledger.guard());
                        drop(handle.spawn(async move {
                            let _guard = guard;
                            match (i + j) % 4 {
                                0 => executor::yield_now().await,
                                1 => drop(executor::spawn(async {})),
                                2 => executor::spawn(async {}).await.unwrap(),
                                _ => {}
                            }
                            ran.fetch_add(1, SeqCst);
                        }));
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        eventually("all have run", || ran.load(SeqCst) == 12_000 * effort());
        drop(own);
        ledger.assert_settled();
    }
}

#[test]
fn a_flood_that_overflows_the_local_queues_loses_nothing() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let own = executor(workers);
        let task = own.spawn(async {
            let ran = Arc::new(AtomicUsize::new(0));
            for _ in 0..3 {
                let tasks: Vec<_> = (0..10_000)
                    .map(|_| {
                        let ran = ran.clone();
                        executor::spawn(async move {
                            executor::yield_now().await;
                            ran.fetch_add(1, SeqCst);
                        })
                    })
                    .collect();
                join_all(tasks).await;
            }
            ran.load(SeqCst)
        });
        assert_eq!(own.block_on(task).unwrap(), 30_000);
    }
}

#[test]
fn pairs_that_wake_each_other_across_workers_never_stall() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let own = steady_executor(workers);
        let pairs: Vec<_> = (0..20)
            .map(|_| {
                let (ping, at_pong) = async_channel::bounded::<usize>(1);
                let (pong, at_ping) = async_channel::bounded::<usize>(1);
                own.spawn(async move {
                    while let Ok(i) = at_pong.recv().await {
                        pong.send(i + 1).await.unwrap();
                    }
                });
                own.spawn(async move {
                    let mut i = 0;
                    while i < 500 * effort() {
                        ping.send(i).await.unwrap();
                        i = at_ping.recv().await.unwrap();
                    }
                })
            })
            .collect();
        join_all_ok(&own, pairs);
    }
}

fn join_all_ok<T>(own: &Executor, tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    own.block_on(join_all(tasks))
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn a_channel_between_threads_and_tasks_loses_nothing() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let own = steady_executor(workers);
        let (send, receive) = async_channel::bounded::<usize>(3);
        let consumers: Vec<_> = (0..4)
            .map(|_| {
                let receive = receive.clone();
                own.spawn(async move {
                    let mut sum = 0;
                    while let Ok(i) = receive.recv().await {
                        sum += i;
                    }
                    sum
                })
            })
            .collect();
        let items = 2_000 * effort();
        thread::scope(|scope| {
            for _ in 0..2 {
                let send = send.clone();
                scope.spawn(move || (1..=items).for_each(|i| send.send_blocking(i).unwrap()));
            }
        });
        drop(send);
        let sums: usize = join_all_ok(&own, consumers).into_iter().sum();
        assert_eq!(sums, items * (items + 1));
    }
}

#[test]
fn a_wake_storm_on_tasks_that_finish_meanwhile_loses_no_wake_up() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let (own, wakers, ledger) = (steady_executor(workers), Wakers::new(), Ledger::new());
        let stop = Arc::new(AtomicBool::new(false));
        let storm: Vec<_> = (0..2)
            .map(|_| {
                let (wakers, stop) = (wakers.clone(), stop.clone());
                thread::spawn(move || {
                    while !stop.load(SeqCst) {
                        // Each is woken several times, also when its task is long over.
                        for waker in wakers.take() {
                            let late = waker.clone();
                            waker.wake_by_ref();
                            waker.wake();
                            late.wake();
                        }
                    }
                })
            })
            .collect();
        for _ in 0..40 * effort() {
            let tasks: Vec<_> = (0..50)
                .map(|i| {
                    let (wakers, guard) = (wakers.clone(), ledger.guard());
                    own.spawn(async move {
                        let _guard = guard;
                        for _ in 0..i % 7 {
                            wakers.once().await;
                        }
                    })
                })
                .collect();
            join_all_ok(&own, tasks);
            ledger.assert_settled();
        }
        stop.store(true, SeqCst);
        storm.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn a_task_is_never_polled_by_two_workers_at_once() {
    let _watchdog = watchdog(100);
    let (own, wakers) = (executor(8), Wakers::new());
    let stop = Arc::new(AtomicBool::new(false));
    let overlaps = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (wakers, overlaps) = (wakers.clone(), overlaps.clone());
            let (inside, mut polls) = (AtomicBool::new(false), 0);
            own.spawn(poll_fn(move |cx| {
                if inside.swap(true, SeqCst) {
                    overlaps.fetch_add(1, SeqCst);
                }
                polls += 1;
                let done = polls == 2_000 * effort();
                wakers.add(cx.waker());
                if polls % 3 == 0 {
                    cx.waker().wake_by_ref();
                }
                inside.store(false, SeqCst);
                if done { Poll::Ready(()) } else { Poll::Pending }
            }))
        })
        .collect();
    let storm = {
        let (wakers, stop) = (wakers.clone(), stop.clone());
        thread::spawn(move || {
            while !stop.load(SeqCst) {
                wakers.take().into_iter().for_each(|waker| waker.wake());
            }
        })
    };
    join_all_ok(&own, tasks);
    stop.store(true, SeqCst);
    storm.join().unwrap();
    assert_eq!(overlaps.load(SeqCst), 0);
}

#[test]
fn abort_races_completion_and_the_drop_of_the_handle() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let (own, ledger, mut rng) = (
            steady_executor(workers),
            Ledger::new(),
            Rng::with_seed(0xBEEF),
        );
        let wakers = Wakers::new();
        for round in 0..3_000 * effort() {
            let (guard, output, wait) = (ledger.guard(), ledger.guard(), wakers.once());
            let kind = rng.u32(..5);
            let task = own.spawn(async move {
                let _guard = guard;
                match kind {
                    0 => {}
                    1 => executor::yield_now().await,
                    2 => wait.await,
                    3 => quiet_panic("races an abort"),
                    _ => drop(executor::spawn(async {}).await),
                }
                output
            });
            pause(&mut rng, MOMENT);
            wakers.take().into_iter().for_each(|waker| waker.wake());
            match round % 5 {
                0 => {
                    task.abort();
                    pause(&mut rng, MOMENT);
                    drop(task);
                }
                1 => drop(task.abort_on_drop()),
                2 => {
                    task.abort();
                    match own.block_on(task) {
                        Ok(output) => drop(output),
                        Err(error) => {
                            assert!(error.is_cancelled() || (error.is_panic() && kind == 3))
                        }
                    }
                }
                3 => {
                    let outcome = own.block_on(task.cancel());
                    assert!(outcome.is_none() || kind != 3);
                }
                _ => {
                    // From another thread than the one that awaits.
                    let task = Arc::new(task);
                    let other = task.clone();
                    let aborter = own.spawn(async move {
                        other.abort();
                        drop(other);
                    });
                    task.abort();
                    own.block_on(aborter).unwrap();
                    drop(task);
                }
            }
        }
        eventually("all are dropped", || ledger.dropped() == ledger.made());
        // A task is struck out after its future has been dropped.
        eventually("none waits", || own.metrics().suspended_tasks() == 0);
        assert_eq!(ledger.made(), 6_000 * effort());
    }
}

#[test]
fn abort_races_wakes_from_several_threads() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let (own, ledger) = (executor(workers), Ledger::new());
        for _ in 0..400 * effort() {
            let wakers = Wakers::new();
            let (guard, wait) = (ledger.guard(), wakers.forever());
            let task = own.spawn(async move {
                let _guard = guard;
                wait.await
            });
            eventually("it waits", || wakers.len() > 0);
            let waker = wakers.take().pop().unwrap();
            let barrier = Barrier::new(3);
            thread::scope(|scope| {
                scope.spawn(|| {
                    barrier.wait();
                    waker.wake_by_ref();
                    waker.wake_by_ref();
                });
                scope.spawn(|| {
                    barrier.wait();
                    task.abort();
                });
                barrier.wait();
                waker.wake_by_ref();
            });
            assert!(own.block_on(task).unwrap_err().is_cancelled());
            ledger.assert_settled();
        }
    }
}

#[test]
fn a_storm_of_blocking_calls_strands_nothing() {
    let _watchdog = watchdog(100);
    for (workers, max) in [(1, 2), (1, 40), (2, 5), (8, 64)] {
        let own = Executor::builder()
            .workers(workers)
            .max_threads(max)
            .build()
            .unwrap();
        for _ in 0..3 * effort() {
            let tasks: Vec<_> = (0..300_usize)
                .map(|i| match i % 6 {
                    0 => own.spawn_blocking(thread::yield_now),
                    1 => own.spawn(async {
                        for _ in 0..5 {
                            executor::block_in_place(|| {
                                executor::spawn(async {});
                            });
                            executor::yield_now().await;
                        }
                    }),
                    2 => own.spawn(async {
                        executor::block_in_place(|| thread::sleep(Duration::from_micros(50)));
                        executor::spawn(async {}).await.unwrap();
                    }),
                    3 => own.spawn(async {
                        let tasks: Vec<_> = (0..10).map(|_| executor::spawn(async {})).collect();
                        executor::block_in_place(thread::yield_now);
                        join_all(tasks).await;
                    }),
                    4 => own.spawn(async {
                        let call = || executor::block_in_place(|| quiet_panic("while blocked"));
                        let call = std::panic::AssertUnwindSafe(call);
                        std::panic::catch_unwind(call)
                            .map(|never: ()| never)
                            .unwrap_err();
                    }),
                    _ => own.spawn(async { executor::yield_now().await }),
                })
                .collect();
            join_all_ok(&own, tasks);
        }
        eventually("all threads sleep", || is_at_rest(&own.metrics()));
        assert!(own.metrics().threads() <= max);
    }
}

#[test]
fn a_storm_of_nested_block_ons_strands_nothing() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let own = executor(workers);
        for _ in 0..3 * effort() {
            let (send, receive) = async_channel::bounded::<u32>(1);
            let mut tasks: Vec<_> = (0..100)
                .map(|_| {
                    let receive = receive.clone();
                    own.spawn(async move {
                        let got = executor::block_on(receive.recv()).unwrap();
                        got + executor::block_on(executor::spawn(async { 1 })).unwrap()
                    })
                })
                .collect();
            tasks.push(own.spawn(async move {
                for _ in 0..100 {
                    executor::block_on(send.send(1)).unwrap();
                }
                2
            }));
            assert_eq!(join_all_ok(&own, tasks), [2; 101]);
        }
    }
}

#[test]
fn work_from_outside_reaches_executors_whose_workers_block_and_return() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let own = executor(workers);
        let stop = Arc::new(AtomicBool::new(false));
        let blockers: Vec<_> = (0..workers + 1)
            .map(|i| {
                let stop = stop.clone();
                own.spawn(async move {
                    let mut rng = Rng::with_seed(77 + i as u64);
                    while !stop.load(SeqCst) {
                        executor::block_in_place(|| pause(&mut rng, MOMENT));
                        executor::yield_now().await;
                    }
                })
            })
            .collect();
        own.block_on(async {
            for i in 0..1_500 * effort() {
                assert_eq!(own.spawn(async move { i }).await.unwrap(), i);
            }
        });
        stop.store(true, SeqCst);
        join_all_ok(&own, blockers);
    }
    total(1_500 * effort() * worker_counts().len(), AWAITED);
}

#[test]
fn shutdown_races_spawns_wakes_and_parked_workers() {
    let _watchdog = watchdog(100);
    let (ledger, mut rng) = (Ledger::new(), Rng::with_seed(0xC0FFEE));
    let workers = worker_counts();
    for round in 0..700 * effort() {
        let own = executor(workers[round / 2 % workers.len()]);
        let (wakers, start) = (Wakers::new(), Arc::new(Barrier::new(3)));
        for _ in 0..3 {
            let (guard, wait) = (ledger.guard(), wakers.once());
            own.spawn(async move {
                let _guard = guard;
                wait.await;
                executor::yield_now().await;
                pending::<()>().await
            });
        }
        if round % 2 == 0 {
            eventually("they wait", || wakers.len() == 3);
        }
        let (handle, at, inner) = (own.handle(), start.clone(), ledger.clone());
        let spawner = thread::spawn(move || {
            at.wait();
            let mut tasks = Vec::new();
            for i in 0..20 {
                let guard = inner.guard();
                tasks.push(handle.spawn(async move {
                    let _guard = guard;
                    match i % 4 {
                        0 => pending().await,
                        1 => executor::yield_now().await,
                        2 => executor::block_in_place(thread::yield_now),
                        _ => quiet_panic("at the end"),
                    }
                }));
            }
            // Each of them ends: nobody awaits in vain.
            for task in tasks {
                drop(futures::executor::block_on(task));
            }
        });
        let (at, wake) = (start.clone(), wakers.clone());
        let waker = thread::spawn(move || {
            at.wait();
            (0..5).for_each(|_| wake.take().into_iter().for_each(|waker| waker.wake()));
        });
        start.wait();
        pause(&mut rng, MOMENT);
        match round % 3 {
            0 => own.shutdown_timeout(Duration::from_secs(60)).unwrap(),
            _ => drop(own),
        }
        spawner.join().unwrap();
        waker.join().unwrap();
        drop(wakers.take());
        ledger.assert_settled();
    }
    total(700 * effort(), EXECUTORS);
}

#[test]
fn shutdown_races_the_wake_up_of_a_task_that_waits() {
    let _watchdog = watchdog(100);
    // The executor wakes the task to drop it. That wake-up must not be swallowed by another one
    // that is on its way to an ordinary poll.
    let (ledger, mut rng) = (Ledger::new(), Rng::with_seed(0xACE));
    for round in 0..1_500 * effort() {
        let (own, wakers) = (executor(few_workers(round)), Wakers::new());
        let (guard, wait) = (ledger.guard(), wakers.forever());
        own.spawn(async move {
            let _guard = guard;
            wait.await
        });
        eventually("it waits", || wakers.len() > 0);
        wakers.take().into_iter().for_each(|waker| waker.wake());
        (0..rng.u32(..6)).for_each(|_| pause(&mut rng, MOMENT));
        drop(own);
        ledger.assert_settled();
    }
    total(1_500 * effort(), EXECUTORS);
}

#[test]
fn shutdown_races_blocking_calls_and_stand_ins() {
    let _watchdog = watchdog(100);
    let (ledger, mut rng) = (Ledger::new(), Rng::with_seed(0xF00D));
    for round in 0..150 * effort() {
        let own = executor(few_workers(round));
        for i in 0..6 {
            let guard = ledger.guard();
            own.spawn(async move {
                let _guard = guard;
                match i % 3 {
                    0 => executor::block_in_place(|| thread::sleep(Duration::from_micros(100))),
                    1 => drop(executor::block_on(executor::spawn(executor::yield_now()))),
                    _ => drop(executor::spawn_blocking(thread::yield_now).await),
                }
                pending::<()>().await
            });
        }
        (0..rng.u32(..8)).for_each(|_| pause(&mut rng, MOMENT));
        drop(own);
        ledger.assert_settled();
    }
    total(150 * effort(), EXECUTORS);
}

#[test]
fn shutdown_by_an_own_task_races_everything_else() {
    let _watchdog = watchdog(100);
    let ledger = Ledger::new();
    let threads = Ledger::new();
    let workers = worker_counts();
    for round in 0..300 * effort() {
        let in_thread = threads.clone();
        let own = Executor::builder()
            .workers(workers[round / 2 % workers.len()])
            .handoff(false)
            .on_thread_start(move || {
                let guard = in_thread.guard();
                at_thread_end(move || drop(guard));
            })
            .build()
            .unwrap();
        let handle = own.handle();
        for i in 0..10 {
            let guard = ledger.guard();
            own.spawn(async move {
                let _guard = guard;
                if i % 2 == 0 {
                    executor::yield_now().await;
                }
                pending::<()>().await
            });
        }
        let end = handle.spawn(async move { drop(own) });
        let guard = ledger.guard();
        drop(handle.spawn(async move { drop(guard) }));
        // The poll that ends the executor is under way, so it ends as any other does.
        futures::executor::block_on(end).unwrap();
        let late = handle.spawn(async {});
        let refused = futures::executor::block_on(late).unwrap_err();
        assert!(refused.is_cancelled(), "it has ended: {refused}");
        eventually("its machines end", || handle.metrics().threads() == 0);
        eventually("its threads end", || threads.dropped() == threads.made());
        eventually("all is dropped", || ledger.dropped() == ledger.made());
    }
    total(300 * effort(), EXECUTORS);
}

#[test]
fn panics_in_the_midst_of_everything_cost_no_worker() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let own = executor(workers);
        let tasks: Vec<JoinHandle<()>> = (0..4_000 * effort())
            .map(|i| {
                own.spawn(async move {
                    match i % 4 {
                        0 => quiet_panic("at once"),
                        1 => {
                            executor::yield_now().await;
                            quiet_panic("later")
                        }
                        2 => {
                            let inner = executor::spawn(async { quiet_panic("inside") });
                            inner.await.map(|never: ()| never).unwrap_err();
                        }
                        _ => {}
                    }
                })
            })
            .collect();
        let panics = own
            .block_on(join_all(tasks))
            .into_iter()
            .filter(Result::is_err)
            .count();
        assert_eq!(panics, 2_000 * effort());
        assert!(own.metrics().threads() >= workers);
    }
}

#[test]
fn executors_are_made_used_and_dropped_by_several_threads_at_once() {
    let _watchdog = watchdog(100);
    let ledger = Ledger::new();
    thread::scope(|scope| {
        for i in 0..4 {
            let ledger = &ledger;
            scope.spawn(move || {
                for j in 0..60 * effort() {
                    let own = executor(few_workers(i + j));
                    let tasks: Vec<_> = (0..20)
                        .map(|_| {
                            let guard = ledger.guard();
                            own.spawn(async move {
                                executor::yield_now().await;
                                drop(guard);
                            })
                        })
                        .collect();
                    if j % 2 == 0 {
                        join_all_ok(&own, tasks);
                    }
                }
            });
        }
    });
    ledger.assert_settled();
    total(4 * 60 * effort(), EXECUTORS);
}

#[test]
fn handles_that_abort_tasks_of_executors_long_gone_do_nothing() {
    let _watchdog = watchdog(100);
    // New executors come to stand where old ones stood, while old handles abort.
    let (send, receive) = mpsc::channel::<Vec<JoinHandle<()>>>();
    let aborter = thread::spawn(move || {
        let mut handles = Vec::new();
        for more in receive {
            handles.extend(more);
            handles.iter().for_each(JoinHandle::abort);
            handles.truncate(40);
        }
    });
    let ledger = Ledger::new();
    for round in 0..400 * effort() {
        let own = executor(few_workers(round));
        let tasks = (0..5)
            .map(|_| {
                let guard = ledger.guard();
                own.spawn(async move {
                    let _guard = guard;
                    executor::yield_now().await;
                    pending::<()>().await
                })
            })
            .collect();
        send.send(tasks).unwrap();
        // Nobody has the handle of this one.
        assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
    }
    drop(send);
    aborter.join().unwrap();
    ledger.assert_settled();
    total(400 * effort(), EXECUTORS);
}

#[test]
fn a_tree_of_tasks_comes_back_whole() {
    let _watchdog = watchdog(100);
    fn tree(depth: u32) -> common::Boxed<u64> {
        Box::pin(async move {
            if depth == 0 {
                return 1;
            }
            let children: Vec<_> = (0..8).map(|_| executor::spawn(tree(depth - 1))).collect();
            let mut sum = 0;
            for child in children {
                sum += child.await.unwrap();
            }
            sum
        })
    }
    for workers in worker_counts() {
        let own = steady_executor(workers);
        assert_eq!(own.block_on(own.spawn(tree(5))).unwrap(), 8_u64.pow(5));
    }
}

#[test]
fn the_default_executor_serves_many_threads_at_once() {
    let _watchdog = watchdog(100);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for i in 0..1_000 * effort() {
                    let sum = executor::block_on(async {
                        let a = executor::spawn(async move { i });
                        let b = executor::spawn_blocking(move || i);
                        let c = executor::spawn(async move {
                            Handle::current().spawn(async move { i }).await.unwrap()
                        });
                        a.await.unwrap() + b.await.unwrap() + c.await.unwrap()
                    });
                    assert_eq!(sum, 3 * i);
                }
            });
        }
    });
}
