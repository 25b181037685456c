//! What is the same inside as outside.

use crate::{HOUR, SECOND, common, with_seeds};
use executor::{
    Handle, JoinSet, TaskBuilder, TaskId, block_in_place, block_on,
    sim::{FailureKind, Simulation, is_simulated},
    simulate, spawn, spawn_blocking,
    time::{now, sleep, timeout},
    yield_now,
};
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use std::{
    cell::{Cell, RefCell},
    future::{pending, poll_fn, ready},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    time::{Duration, Instant},
};
use waitgroup::WaitGroup;

const SEEDS: u64 = 50;

#[test]
fn tasks_channels_and_sleeps() {
    with_seeds(SEEDS, async || {
        let (sender, receiver) = async_channel::bounded(2);
        for i in 0..10 {
            let sender = sender.clone();
            spawn(async move {
                sleep(i * SECOND).await;
                sender.send(i).await.unwrap();
            });
        }
        drop(sender);
        let all: Vec<u32> = receiver.collect().await;
        assert!(all.len() == 10 && all.iter().sum::<u32>() == 45);
    });
}

#[test]
fn main_may_borrow_and_need_not_be_send() {
    let _watchdog = common::watchdog(60);
    let text = String::from("hello");
    let local = Rc::new(Cell::new(0));
    let length = simulate(async {
        yield_now().await;
        local.set(text.len());
        spawn(async {}).await.unwrap();
        local.get()
    });
    assert_eq!(length, 5);
}

#[test]
fn one_worker_runs_what_a_task_has_woken_last_and_then_the_others_in_order() {
    let _watchdog = common::watchdog(60);
    let log = async || {
        let (sender, log) = async_channel::unbounded();
        let spawns = spawn(async move {
            for i in 0..4 {
                let sender = sender.clone();
                spawn(async move { sender.send(i).await.unwrap() });
            }
        });
        spawns.await.unwrap();
        log.collect::<Vec<_>>().await
    };
    for seed in 0..SEEDS {
        let simulation = Simulation::new().workers(1).seed(seed);
        assert_eq!(simulation.run(log).unwrap(), [3, 0, 1, 2]);
    }
}

#[test]
fn beside_a_runtime_of_tokio_its_channels_know_no_budget() {
    let _watchdog = common::watchdog(60);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let received = runtime.spawn_blocking(|| {
        simulate(async {
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            (0..1_000).for_each(|i| sender.send(i).unwrap());
            drop(sender);
            let mut received = 0;
            while receiver.recv().await.is_some() {
                received += 1;
            }
            received
        })
    });
    assert_eq!(runtime.block_on(received).unwrap(), 1_000);
}

#[test]
fn a_main_that_gives_way_lets_others_go_on() {
    with_seeds(SEEDS, async || {
        let done = Arc::new(AtomicBool::new(false));
        let told = done.clone();
        spawn(async move {
            yield_now().await;
            told.store(true, SeqCst);
        });
        while !done.load(SeqCst) {
            yield_now().await;
        }
    });
}

#[test]
fn blocking_calls_run_in_place() {
    with_seeds(SEEDS, async || {
        let blocking = spawn_blocking(|| 20);
        let in_place = spawn(async { block_in_place(|| 22) });
        assert_eq!(blocking.await.unwrap() + in_place.await.unwrap(), 42);
        assert_eq!(block_in_place(|| 7), 7);
    });
}

#[test]
fn a_nested_block_on_lets_others_run_and_time_pass() {
    with_seeds(SEEDS, async || {
        let start = now();
        let outer = spawn(async {
            block_on(async {
                sleep(SECOND).await;
                spawn(async { 7 }).await.unwrap()
            })
        });
        assert_eq!(outer.await.unwrap(), 7);
        assert!(now() - start >= SECOND);
        assert_eq!(block_on(spawn(async { 8 })).unwrap(), 8, "in main");
    });
}

fn nest(depth: usize) -> usize {
    match depth {
        0 => 0,
        _ => 1 + block_on(spawn(async move { nest(depth - 1) })).unwrap(),
    }
}

#[test]
fn calls_of_block_on_nest_64_deep_on_one_worker() {
    let _watchdog = common::watchdog(20);
    for seed in 0..5 {
        let simulation = Simulation::new().seed(seed).workers(1);
        assert_eq!(simulation.run(async || nest(64)).unwrap(), 64);
        let in_task = simulation.run(async || spawn(async { nest(64) }).await.unwrap());
        assert_eq!(in_task.unwrap(), 64);
    }
}

/// More than fit on the stack at once take turns.
#[test]
fn hundreds_of_calls_of_block_on_at_once_overflow_no_stack() {
    let _watchdog = common::watchdog(20);
    let together = |count: usize| {
        Simulation::new().seed(1).run(|| async move {
            let barrier = Arc::new(tokio::sync::Barrier::new(count));
            let all = (0..500).map(|_| {
                let barrier = barrier.clone();
                spawn_blocking(move || {
                    block_on(async {
                        barrier.wait().await;
                        sleep(SECOND).await;
                    });
                })
            });
            for task in all.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        })
    };
    together(1).unwrap();
    let failure = together(250).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Deadlock);
    assert!(failure.to_string().contains("132 machines"), "{failure}");
}

#[test]
fn several_tasks_that_block_at_once_each_return() {
    with_seeds(SEEDS, async || {
        let tasks = (0..5).map(|i| {
            spawn(async move {
                block_on(async {
                    sleep(i * SECOND).await;
                    yield_now().await;
                });
                i
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        assert_eq!(sum, 10);
    });
}

#[test]
fn timers_of_a_worker_that_blocks_are_served_by_others() {
    with_seeds(SEEDS, async || {
        // With one worker: its wheel has the sleep when it blocks.
        let sleeper = spawn(sleep(SECOND));
        yield_now().await;
        let blocked = spawn(async move { block_on(sleeper) });
        timeout(HOUR, blocked).await.unwrap().unwrap().unwrap();
    });
}

#[test]
fn aborts_cancels_and_panics_have_the_outcomes_that_they_have_outside() {
    with_seeds(SEEDS, async || {
        let aborted = spawn(pending::<()>());
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        assert_eq!(spawn(pending::<()>()).cancel().await, None);
        let panics = spawn(async { common::quiet_panic("oh") });
        let payload = panics.await.unwrap_err().into_panic();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "oh");
        drop(spawn(pending::<()>()).abort_on_drop());
    });
}

#[test]
fn sets_of_tasks_groups_and_handles() {
    with_seeds(SEEDS, async || {
        let mut set: JoinSet<u32> = (0..10).map(|i| async move { i }).collect();
        set.spawn_blocking(|| 10);
        let mut all = set.join_all().await;
        all.sort();
        assert!(all.into_iter().eq(0..11));
        let group = WaitGroup::new();
        let handle = Handle::current();
        let count = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            let count = count.clone();
            handle.spawn(group.track(async move {
                yield_now().await;
                count.fetch_add(1, SeqCst);
            }));
        }
        group.wait().await;
        assert_eq!(count.load(SeqCst), 10);
        assert!(is_simulated() && spawn(async { is_simulated() }).await.unwrap());
        let named = TaskBuilder::new().name("conn");
        let name = named.spawn(async { TaskId::current()?.name() });
        assert_eq!(name.await.unwrap().as_deref(), Some("conn"));
    });
}

#[test]
fn wakers_of_sets_of_futures_and_of_select() {
    with_seeds(SEEDS, async || {
        let sleeps: FuturesUnordered<_> =
            (0..5).map(|i| sleep(i * SECOND).map(move |()| i)).collect();
        assert!(sleeps.collect::<Vec<_>>().await.into_iter().eq(0..5));
        let in_task = spawn(async {
            let sleeps = (0..5).map(|i| sleep(i * SECOND));
            futures::future::join_all(sleeps).await.len()
        });
        assert_eq!(in_task.await.unwrap(), 5);
        futures::select! {
            () = sleep(HOUR).fuse() => panic!("the longer one"),
            () = sleep(SECOND).fuse() => {}
        }
    });
}

#[test]
fn locks_and_channels_of_other_crates() {
    with_seeds(SEEDS, async || {
        let lock = Arc::new(tokio::sync::Mutex::new(0));
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        for _ in 0..5 {
            let (lock, sender) = (lock.clone(), sender.clone());
            spawn(async move {
                let mut guard = lock.lock().await;
                let before = *guard;
                yield_now().await;
                *guard = before + 1;
                sender.send(*guard).await.unwrap();
            });
        }
        drop(sender);
        let mut last = 0;
        while let Some(value) = receiver.recv().await {
            assert_eq!(value, last + 1);
            last = value;
        }
        assert_eq!((*lock.lock().await, last), (5, 5));
        let (sender, receiver) = futures::channel::oneshot::channel();
        spawn(async move { sender.send(7) });
        assert_eq!(receiver.await, Ok(7));
    });
}

#[test]
fn user_thread_locals_and_a_flood_of_tasks() {
    thread_local!(static SEEN: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) });
    with_seeds(2, async || {
        SEEN.take();
        let tasks =
            (0..2_000).map(|i| spawn(async move { SEEN.with_borrow_mut(|seen| seen.push(i)) }));
        let tasks: Vec<_> = tasks.collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(SEEN.take().len(), 2_000);
    });
}

#[test]
fn a_loop_of_ready_results_gives_way() {
    with_seeds(5, async || {
        let endless = spawn(async {
            loop {
                sleep(Duration::ZERO).await;
            }
        });
        let other = spawn(ready(()));
        other.await.unwrap();
        assert_eq!(endless.cancel().await, None);
    });
}

#[test]
fn what_is_woken_while_it_is_polled_is_polled_again() {
    with_seeds(SEEDS, async || {
        let mut left = 100;
        let task = spawn(poll_fn(move |cx| {
            left -= 1;
            cx.waker().wake_by_ref();
            if left == 0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        task.await.unwrap();
    });
}

#[test]
fn the_number_of_workers_can_be_changed() {
    with_seeds(SEEDS, async || {
        let handle = Handle::current();
        handle.set_workers(6).unwrap();
        let tasks = (0..20).map(|_| spawn(yield_now()));
        let tasks: Vec<_> = tasks.collect();
        handle.set_workers(1).unwrap();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn whatever_is_left_is_dropped_before_the_call_returns() {
    let _watchdog = common::watchdog(20);
    let ledger = common::Ledger::new();
    let outer = ledger.clone();
    let result = Simulation::new().run(async || {
        let (for_task, for_main) = (outer.guard(), outer.guard());
        spawn(async move {
            let _guard = for_task;
            pending::<()>().await;
        });
        pending::<()>().await;
        drop(for_main);
    });
    assert!(result.is_err());
    ledger.assert_settled();
}

#[test]
fn destructors_may_spawn_and_block_on() {
    struct Hostile(Arc<Mutex<Vec<&'static str>>>);
    impl Drop for Hostile {
        fn drop(&mut self) {
            let log = self.0.clone();
            log.lock().unwrap().push("drops");
            let task = spawn(async move { log.lock().unwrap().push("runs") });
            _ = block_on(task);
        }
    }
    with_seeds(SEEDS, async || {
        let log = Arc::new(Mutex::new(Vec::new()));
        let hostile = Hostile(log.clone());
        let task = spawn(async move {
            let _hostile = hostile;
            pending::<()>().await;
        });
        assert_eq!(task.cancel().await, None);
        assert_eq!(*log.lock().unwrap(), ["drops", "runs"]);
        drop(Hostile(log));
    });
}

#[test]
fn a_trace_tells_the_time_of_its_executor_wherever_it_is_asked_for() {
    let _watchdog = common::watchdog(20);
    let begin = Instant::now();
    // Its clock is std's.
    let outside = common::executor(1);
    let guard = outside.handle().trace();
    let trace = simulate(async {
        sleep(HOUR).await;
        drop(outside.spawn(async {}));
        guard.snapshot()
    });
    assert!(trace.duration() <= begin.elapsed());
    let guard = simulate(async {
        sleep(HOUR).await;
        outside.handle().trace()
    });
    assert!(guard.snapshot().duration() <= begin.elapsed());
    // Its clock is virtual.
    let (guard, trace) = simulate(async {
        let guard = Handle::current().trace();
        sleep(HOUR).await;
        let trace = guard.snapshot();
        (guard, trace)
    });
    assert_eq!(trace.duration(), HOUR);
    // It does not go on any more.
    drop(guard.snapshot());
    let guard = simulate(async {
        sleep(HOUR).await;
        Handle::current().trace()
    });
    drop(guard.snapshot());
}
