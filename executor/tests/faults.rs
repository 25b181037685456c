//! Hostile user code: panics where nobody expects them, huge futures, wakes and spawns at the worst
//! moment, executors by the thousand.

mod common;

use common::{
    Guard, Ledger, OnDrop, Wakers, assert_sound, at_thread_end, child, effort, eventually,
    executor, few_workers, in_own_process, is_child, output_of, quiet_panic, watchdog,
    worker_counts,
};
use executor::{Executor, Handle, JoinHandle};
use std::{
    future::{Future, pending, poll_fn},
    hint::black_box,
    panic::resume_unwind,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};

/// Panics as it is dropped.
#[derive(Debug)]
struct Bomb(#[allow(dead_code)] Guard);

impl Drop for Bomb {
    fn drop(&mut self) {
        quiet_panic("from a drop");
    }
}

/// Finishes after so many suspensions with its output; dropping it panics.
struct Hostile<T> {
    suspensions: usize,
    output: Option<T>,
    _bomb: Bomb,
}

impl<T: Unpin> Future for Hostile<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if self.suspensions == 0 {
            return self.output.take().map_or(Poll::Pending, Poll::Ready);
        }
        self.suspensions -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn hostile<T>(ledger: &Ledger, suspensions: usize, output: Option<T>) -> Hostile<T> {
    Hostile {
        suspensions,
        output,
        _bomb: Bomb(ledger.guard()),
    }
}

#[test]
fn a_panic_in_poll_ends_the_task_alone() {
    let _watchdog = watchdog(60);
    for workers in worker_counts() {
        let (own, ledger) = (executor(workers), Ledger::new());
        let tasks: Vec<_> = (0..500)
            .map(|i| {
                let guard = ledger.guard();
                own.spawn(async move {
                    let _guard = guard;
                    for _ in 0..i % 3 {
                        executor::yield_now().await;
                    }
                    if i % 2 == 0 {
                        quiet_panic("in poll");
                    }
                    i
                })
            })
            .collect();
        for (i, outcome) in own
            .block_on(futures::future::join_all(tasks))
            .into_iter()
            .enumerate()
        {
            match outcome {
                Ok(output) => assert_eq!((output, i % 2), (i, 1)),
                Err(error) => assert!(error.is_panic() && i % 2 == 0),
            }
        }
        ledger.assert_settled();
        assert_sound(&own);
    }
}

#[test]
fn a_future_that_panics_in_drop_as_it_completes_is_a_task_that_panicked() {
    let _watchdog = watchdog(60);
    let (own, ledger) = (executor(1), Ledger::new());
    for suspensions in 0..3 {
        let output = ledger.guard();
        let task = own.spawn(hostile(&ledger, suspensions, Some(output)));
        let error = own.block_on(task).unwrap_err();
        assert_eq!(
            *error.into_panic().downcast::<&str>().unwrap(),
            "from a drop"
        );
        drop(own.spawn(hostile(&ledger, suspensions, Some(ledger.guard()))));
    }
    assert_sound(&own);
    eventually("the detached ones end", || {
        ledger.dropped() == ledger.made()
    });
}

#[test]
fn of_a_panic_in_poll_and_one_in_drop_the_handle_hears_of_the_first() {
    let _watchdog = watchdog(60);
    let (own, ledger) = (executor(1), Ledger::new());
    let bomb = Bomb(ledger.guard());
    let task = own.spawn(poll_fn(move |_| -> Poll<()> {
        let _bomb = &bomb;
        quiet_panic("in poll")
    }));
    let payload = own.block_on(task).unwrap_err().into_panic();
    assert_eq!(*payload.downcast::<&str>().unwrap(), "in poll");
    ledger.assert_settled();
    assert_sound(&own);
}

#[test]
fn a_future_that_panics_in_drop_as_it_is_aborted_harms_nobody() {
    let _watchdog = watchdog(60);
    let (own, ledger) = (executor(1), Ledger::new());
    let tasks: Vec<_> = (0..50)
        .map(|i| own.spawn(hostile::<u32>(&ledger, i % 3, None)))
        .collect();
    for (i, task) in tasks.into_iter().enumerate() {
        match i % 3 {
            0 => drop(task.abort_on_drop()),
            1 => assert!(own.block_on(task.cancel()).is_none()),
            _ => {
                task.abort();
                own.block_on(task).unwrap_err();
            }
        }
    }
    eventually("all are dropped", || ledger.dropped() == 50);
    assert_sound(&own);
}

#[test]
fn futures_that_panic_in_drop_do_not_hang_the_shutdown() {
    let _watchdog = watchdog(60);
    for workers in worker_counts() {
        let (own, ledger) = (executor(workers), Ledger::new());
        let kept: Vec<_> = (0..100)
            .map(|i| {
                drop(own.spawn(hostile::<u32>(&ledger, i % 3, None)));
                own.spawn(hostile::<u32>(&ledger, i % 3, None))
            })
            .collect();
        let handle = own.handle();
        drop(own);
        ledger.assert_settled();
        // And what comes too late.
        assert!(executor::block_on(handle.spawn(hostile(&ledger, 0, Some(1)))).is_err());
        ledger.assert_settled();
        kept.into_iter()
            .for_each(|task| drop(executor::block_on(task).unwrap_err()));
    }
}

#[test]
fn an_output_that_panics_in_drop_panics_only_for_whoever_took_it() {
    let _watchdog = watchdog(60);
    let (own, ledger) = (executor(1), Ledger::new());
    // Detached: dropped by the worker.
    let output = Bomb(ledger.guard());
    drop(own.spawn(async move {
        executor::yield_now().await;
        output
    }));
    eventually("it is dropped", || ledger.dropped() == 1);
    // Finished and not read: dropped with the handle.
    let output = Bomb(ledger.guard());
    let task = own.spawn(async move { output });
    eventually("it is finished", || task.is_finished());
    drop(task);
    eventually("it is dropped", || ledger.dropped() == 2);
    // Aborted as it finishes, and not read.
    let output = Bomb(ledger.guard());
    drop(own.spawn(async move { output }).abort_on_drop());
    eventually("it is dropped", || ledger.dropped() == 3);
    // Read: it is the reader's.
    let output = Bomb(ledger.guard());
    let output = own.block_on(own.spawn(async move { output })).unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(output)));
    assert_eq!(
        *caught.unwrap_err().downcast::<&str>().unwrap(),
        "from a drop"
    );
    ledger.assert_settled();
    assert_sound(&own);
}

#[test]
fn a_payload_that_panics_in_drop_harms_nobody() {
    let _watchdog = watchdog(60);
    let (own, ledger) = (executor(1), Ledger::new());
    let explode = |bomb: Bomb| async move {
        executor::yield_now().await;
        resume_unwind(Box::new(bomb))
    };
    // Never read, unread with the handle, in an error that is dropped, cancelled.
    drop(own.spawn::<_>(explode(Bomb(ledger.guard()))));
    let task = own.spawn(explode(Bomb(ledger.guard())));
    eventually("it is finished", || task.is_finished());
    drop(task);
    let task = own.spawn(explode(Bomb(ledger.guard())));
    let error = own
        .block_on(async { task.await.map(|never: ()| never) })
        .unwrap_err();
    assert!(error.is_panic() && !format!("{error} {error:?}").is_empty());
    drop(error);
    let task = own.spawn(explode(Bomb(ledger.guard())));
    eventually("it is finished", || task.is_finished());
    assert!(
        own.block_on(async { task.cancel().await.map(|never: ()| never) })
            .is_none()
    );
    eventually("the payloads are dropped", || {
        ledger.dropped() == ledger.made()
    });
    assert_sound(&own);
}

#[test]
fn a_payload_whose_drop_panics_with_the_like_of_it_harms_nobody() {
    let _watchdog = watchdog(60);
    struct Endless;
    impl Drop for Endless {
        fn drop(&mut self) {
            resume_unwind(Box::new(Endless));
        }
    }
    let own = executor(1);
    let task = own.spawn(async { resume_unwind(Box::new(Endless)) });
    drop(
        own.block_on(async { task.await.map(|never: ()| never) })
            .unwrap_err(),
    );
    drop(own.spawn::<_>(async { resume_unwind(Box::new(Endless)) }));
    drop(own.spawn(async { Endless }));
    assert_sound(&own);
}

/// Three MiB in the future itself, alive across the suspensions.
const HUGE: usize = 3 << 20;

async fn huge(guard: Guard, suspensions: usize) -> usize {
    let array = [1_u8; HUGE];
    for _ in 0..suspensions {
        executor::yield_now().await;
    }
    drop(guard);
    black_box(&array)
        .iter()
        .map(|&byte| usize::from(byte))
        .sum()
}

fn on_a_big_stack(body: impl FnOnce() + Send + 'static) {
    thread::Builder::new()
        .stack_size(256 << 20)
        .spawn(body)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn futures_of_three_mebibytes_run_on_workers_with_ordinary_stacks() {
    in_own_process(|| {
        on_a_big_stack(|| {
            let (own, ledger) = (executor(2), Ledger::new());
            // Captured by `async move`, so that the caller fills it and a poll moves nothing.
            let tasks: Vec<_> = (0..20)
                .map(|i| {
                    let (guard, array) = (ledger.guard(), [1_u8; HUGE]);
                    own.spawn(async move {
                        let _guard = guard;
                        for _ in 0..i % 3 {
                            executor::yield_now().await;
                        }
                        black_box(&array)
                            .iter()
                            .map(|&byte| usize::from(byte))
                            .sum::<usize>()
                    })
                })
                .collect();
            for task in tasks {
                assert_eq!(own.block_on(task).unwrap(), HUGE);
            }
            ledger.assert_settled();
        });
    });
}

#[test]
fn futures_of_three_mebibytes_may_panic_be_aborted_and_left_at_shutdown() {
    in_own_process(|| {
        on_a_big_stack(|| {
            let (own, ledger) = (executor(2), Ledger::new());
            let huge = |end: u8| {
                let (guard, array) = (ledger.guard(), [end; HUGE]);
                own.spawn(async move {
                    let _guard = guard;
                    executor::yield_now().await;
                    if black_box(&array)[7] == 0 {
                        quiet_panic("huge");
                    }
                    pending::<()>().await;
                    black_box(&array);
                })
            };
            assert!(own.block_on(huge(0)).unwrap_err().is_panic());
            let task = huge(1);
            task.abort();
            assert!(own.block_on(task).unwrap_err().is_cancelled());
            let task = huge(1);
            eventually("it waits", || own.metrics().suspended_tasks() > 0);
            assert!(own.block_on(task.cancel()).is_none());
            let left = [huge(1), huge(1), huge(1)];
            let handle = own.handle();
            drop(own);
            ledger.assert_settled();
            left.into_iter()
                .for_each(|task| drop(executor::block_on(task).unwrap_err()));
            let (guard, array) = (ledger.guard(), [1_u8; HUGE]);
            let late = handle.spawn(async move {
                let _guard = guard;
                black_box(&array).len()
            });
            assert!(executor::block_on(late).is_err());
            ledger.assert_settled();
        });
    });
}

#[test]
fn a_huge_local_variable_needs_a_stack_that_bears_it_and_no_more() {
    in_own_process(|| {
        on_a_big_stack(|| {
            let own = Executor::builder()
                .workers(1)
                .thread_stack_size(64 << 20)
                .build()
                .unwrap();
            let ledger = Ledger::new();
            let tasks: Vec<_> = (0..8)
                .map(|i| own.spawn(huge(ledger.guard(), i % 3)))
                .collect();
            for task in tasks {
                assert_eq!(own.block_on(task).unwrap(), HUGE);
            }
            ledger.assert_settled();
        });
    });
}

#[test]
fn wakes_after_the_executor_is_gone_do_nothing() {
    let _watchdog = watchdog(60);
    for workers in worker_counts() {
        let (own, wakers, ledger) = (executor(workers), Wakers::new(), Ledger::new());
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let (guard, wait) = (ledger.guard(), wakers.forever());
                own.spawn(async move {
                    let _guard = guard;
                    wait.await
                })
            })
            .collect();
        eventually("all wait", || wakers.len() == 100);
        drop(own);
        ledger.assert_settled();
        let wakers = wakers.take();
        thread::scope(|scope| {
            for part in wakers.chunks(25) {
                scope.spawn(move || {
                    for waker in part {
                        let late = waker.clone();
                        waker.wake_by_ref();
                        late.wake();
                    }
                });
            }
        });
        drop(wakers);
        tasks
            .into_iter()
            .for_each(|task| assert!(task.is_finished()));
    }
}

#[test]
fn wakers_may_be_dropped_last_by_a_foreign_thread() {
    let _watchdog = watchdog(60);
    let ledger = Ledger::new();
    for round in 0..100 * effort() {
        let (own, wakers) = (executor(few_workers(round)), Wakers::new());
        for _ in 0..10 {
            let (guard, wait) = (ledger.guard(), wakers.once());
            own.spawn(async move {
                let _guard = guard;
                wait.await
            });
        }
        eventually("all wait", || wakers.len() == 10);
        let theirs = wakers.take();
        let other = thread::spawn(move || {
            for (i, waker) in theirs.into_iter().enumerate() {
                if i % 2 == 0 {
                    waker.wake()
                } else {
                    drop(waker)
                }
            }
        });
        if round % 2 == 0 {
            thread::yield_now();
        }
        drop(own);
        other.join().unwrap();
    }
    ledger.assert_settled();
}

#[test]
fn a_storm_of_wakes_during_the_shutdown_loses_and_revives_nothing() {
    let _watchdog = watchdog(60);
    let ledger = Ledger::new();
    for round in 0..60 * effort() {
        let (own, wakers) = (executor(few_workers(round)), Wakers::new());
        let over = Arc::new(AtomicBool::new(false));
        // Counted and not asserted there: the panic of a detached task is nobody's.
        let late = Arc::new(AtomicUsize::new(0));
        for _ in 0..30 {
            let (guard, wakers) = (ledger.guard(), wakers.clone());
            let (over, late) = (over.clone(), late.clone());
            own.spawn(poll_fn(move |cx| -> Poll<()> {
                let _guard = &guard;
                late.fetch_add(usize::from(over.load(SeqCst)), SeqCst);
                if wakers.len() < 1000 {
                    wakers.add(cx.waker());
                }
                Poll::Pending
            }));
        }
        eventually("all wait", || wakers.len() >= 30);
        let stop = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (wakers, stop) = (wakers.clone(), stop.clone());
                thread::spawn(move || {
                    let mut mine = Vec::new();
                    while !stop.load(SeqCst) {
                        mine.extend(wakers.take());
                        mine.iter().for_each(std::task::Waker::wake_by_ref);
                        if mine.len() > 200 {
                            mine.drain(..100);
                        }
                    }
                })
            })
            .collect();
        thread::yield_now();
        drop(own);
        over.store(true, SeqCst);
        ledger.assert_settled();
        stop.store(true, SeqCst);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(late.load(SeqCst), 0, "polls after the end");
    }
}

#[test]
fn spawns_during_the_shutdown_from_tasks_and_drops_are_dropped() {
    let _watchdog = watchdog(60);
    for workers in worker_counts() {
        let (own, ledger) = (executor(workers), Ledger::new());
        /// Drops of futures that spawn futures whose drops spawn.
        fn spawn(handle: Handle, ledger: Ledger, depth: usize) {
            let guard = ledger.guard();
            let (on, inner) = (handle.clone(), ledger);
            let next = OnDrop(move || {
                if depth > 0 {
                    spawn(on.clone(), inner.clone(), depth - 1);
                    spawn(on.clone(), inner.clone(), depth - 1);
                }
            });
            handle.spawn(async move {
                let _guard = guard;
                let _next = next;
                pending::<()>().await
            });
        }
        (0..10).for_each(|_| spawn(own.handle(), ledger.clone(), 4));
        // And tasks that spawn as long as they are polled.
        for _ in 0..4 {
            let ledger = ledger.clone();
            own.spawn(async move {
                loop {
                    let guard = ledger.guard();
                    executor::spawn(async move {
                        let _guard = guard;
                        pending::<()>().await
                    });
                    executor::yield_now().await;
                }
            });
        }
        thread::sleep(Duration::from_millis(2));
        drop(own);
        assert!(ledger.made() >= 10 * 31);
        ledger.assert_settled();
    }
}

#[test]
fn spawns_on_the_executor_by_the_destructor_of_a_workers_thread_local_are_dropped() {
    let _watchdog = watchdog(60);
    let (own, ledger) = (executor(2), Ledger::new());
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            let (handle, ledger, barrier) = (own.handle(), ledger.clone(), barrier.clone());
            own.spawn(async move {
                barrier.wait();
                at_thread_end(move || {
                    let guard = ledger.guard();
                    drop(handle.spawn(async move { drop(guard) }));
                });
            })
        })
        .collect();
    own.block_on(futures::future::join_all(tasks));
    drop(own);
    assert_eq!(ledger.made(), 2);
    ledger.assert_settled();
}

#[test]
fn a_futures_drop_may_spawn_wake_and_abort_others() {
    let _watchdog = watchdog(60);
    for at_shutdown in [false, true] {
        for workers in worker_counts() {
            let (own, ledger, wakers) = (executor(workers), Ledger::new(), Wakers::new());
            let victims: Arc<Mutex<Vec<JoinHandle<()>>>> = Arc::default();
            for _ in 0..50 {
                let (guard, wait) = (ledger.guard(), wakers.forever());
                victims.lock().unwrap().push(own.spawn(async move {
                    let _guard = guard;
                    wait.await
                }));
            }
            let busy: Vec<_> = (0..50)
                .map(|_| {
                    let (guard, victims) = (ledger.guard(), victims.clone());
                    let (ledger, wakers) = (ledger.clone(), wakers.clone());
                    let drops = OnDrop(move || {
                        let inner = ledger.guard();
                        executor::spawn(async move {
                            let _inner = inner;
                            executor::yield_now().await
                        });
                        wakers.take().into_iter().for_each(|waker| waker.wake());
                        let victim = victims.lock().unwrap().pop();
                        victim.unwrap().abort();
                    });
                    own.spawn(async move {
                        let _guard = guard;
                        let _drops = drops;
                        pending::<()>().await
                    })
                })
                .collect();
            eventually("all wait", || own.metrics().suspended_tasks() >= 100);
            if !at_shutdown {
                let cancelled = busy.into_iter().map(|task| task.cancel());
                own.block_on(futures::future::join_all(cancelled));
                eventually("all are dropped", || ledger.dropped() == ledger.made());
                assert_eq!(ledger.made(), 150);
            }
            drop(own);
            ledger.assert_settled();
        }
    }
}

#[test]
fn a_future_that_is_dropped_under_a_lock_of_a_waker_does_not_deadlock() {
    let _watchdog = watchdog(60);
    // The user wakes under a lock that the future's destructor takes, too.
    let ledger = Ledger::new();
    for round in 0..100 * effort() {
        let own = executor(few_workers(round));
        let shared = Arc::new(Mutex::new(Vec::new()));
        for _ in 0..10 {
            let (locks, guard) = (shared.clone(), ledger.guard());
            let registers = shared.clone();
            let drops = OnDrop(move || drop(locks.lock().unwrap()));
            own.spawn(async move {
                let _all = (guard, drops);
                poll_fn(move |cx| -> Poll<()> {
                    registers.lock().unwrap().push(cx.waker().clone());
                    Poll::Pending
                })
                .await
            });
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (wakes, stopped) = (shared.clone(), stop.clone());
        let thread = thread::spawn(move || {
            while !stopped.load(SeqCst) {
                let mut wakers = wakes.lock().unwrap();
                wakers
                    .drain(..)
                    .for_each(|waker: std::task::Waker| waker.wake());
                drop(wakers);
                thread::yield_now();
            }
        });
        thread::sleep(Duration::from_micros(100));
        drop(own);
        stop.store(true, SeqCst);
        thread.join().unwrap();
    }
    drop(ledger.guard());
    ledger.assert_settled();
}

#[test]
fn dropping_an_executor_while_threads_hammer_it_leaks_and_hangs_nothing() {
    let _watchdog = watchdog(100);
    let ledger = Ledger::new();
    for round in 0..40 * effort() {
        let own = executor(few_workers(round));
        let (stop, wakers) = (Arc::new(AtomicBool::new(false)), Wakers::new());
        let threads: Vec<_> = (0..3)
            .map(|kind| {
                let (handle, ledger) = (own.handle(), ledger.clone());
                let (stop, wakers) = (stop.clone(), wakers.clone());
                thread::spawn(move || {
                    let mut tasks = Vec::new();
                    while !stop.load(SeqCst) {
                        let (guard, output) = (ledger.guard(), ledger.guard());
                        let wait = wakers.once();
                        tasks.push(handle.spawn(async move {
                            let _guard = guard;
                            match kind {
                                0 => wait.await,
                                1 => executor::yield_now().await,
                                _ => executor::block_in_place(thread::yield_now),
                            }
                            output
                        }));
                        if tasks.len() == 64 {
                            for (i, task) in tasks.drain(..).enumerate() {
                                match i % 3 {
                                    0 => task.abort(),
                                    1 => drop(task.abort_on_drop()),
                                    _ => drop(task),
                                }
                            }
                            wakers.take().into_iter().for_each(|waker| waker.wake());
                        }
                    }
                    for task in tasks {
                        drop(futures::executor::block_on(task));
                    }
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(3));
        drop(own);
        stop.store(true, SeqCst);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        wakers.take().into_iter().for_each(|waker| waker.wake());
        ledger.assert_settled();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn thousands_of_executors_come_and_go_without_a_trace() {
    in_own_process(|| {
        let executors = if cfg!(debug_assertions) {
            1_500
        } else {
            10_000
        };
        let ledger = Ledger::new();
        let live = |round: usize| {
            let own = executor(few_workers(round));
            let guard = ledger.guard();
            drop(own.spawn(async move {
                let _guard = guard;
                pending::<()>().await
            }));
            match round % 4 {
                0 => drop(own.block_on(own.spawn(async { executor::yield_now().await }))),
                1 => drop(own.block_on(own.spawn_blocking(|| ()))),
                2 => own.shutdown_timeout(Duration::from_secs(60)).unwrap(),
                _ => {}
            }
        };
        (0..executors / 10).for_each(live);
        let before = [common::threads(None), common::open_files()];
        let memory = common::resident_bytes();
        (0..executors).for_each(live);
        // A thread that has been joined is in the system's list for a moment.
        eventually("threads and files are as few as before", || {
            common::threads(None) <= before[0] && common::open_files() <= before[1]
        });
        let growth = common::resident_bytes().saturating_sub(memory);
        println!("{growth} bytes more after {executors} executors");
        assert!(
            growth < 4 << 20 || common::sanitized(),
            "{growth} bytes more"
        );
        ledger.assert_settled();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn millions_of_short_tasks_leave_no_memory_behind() {
    in_own_process(|| {
        let own = executor(2);
        let round = || {
            let tasks: Vec<_> = (0..5_000)
                .map(|i| {
                    own.spawn(async move {
                        if i % 3 == 0 {
                            executor::yield_now().await;
                        }
                        if i % 100 == 0 {
                            quiet_panic("now and then");
                        }
                        [i; 10]
                    })
                })
                .collect();
            for (i, task) in tasks.into_iter().enumerate() {
                match i % 3 {
                    0 => drop(own.block_on(task)),
                    1 => task.abort(),
                    _ => drop(task),
                }
            }
        };
        (0..5).for_each(|_| round());
        eventually("all have ended", || own.metrics().suspended_tasks() == 0);
        let memory = common::resident_bytes();
        (0..20 * effort()).for_each(|_| round());
        eventually("all have ended", || own.metrics().suspended_tasks() == 0);
        let growth = common::resident_bytes().saturating_sub(memory);
        println!("{growth} bytes more");
        assert!(
            growth < 8 << 20 || common::sanitized(),
            "{growth} bytes more"
        );
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_stand_in_that_the_system_refuses_strands_nothing() {
    use std::process::Command;

    let _watchdog = watchdog(60);
    if is_child() {
        let own = Executor::builder()
            .workers(1)
            .thread_stack_size(8 << 30)
            .build()
            .unwrap();
        for round in 0..20 {
            let call = own.spawn_blocking(|| thread::sleep(Duration::from_millis(2)));
            let others: Vec<_> = (0..20).map(|i| own.spawn(async move { i })).collect();
            own.block_on(call).unwrap();
            own.block_on(futures::future::join_all(others));
            // A thread counts for a moment also if it is then refused.
            eventually(
                format!("none came in round {round}, or the limit is too high to test"),
                || own.metrics().threads() == 1,
            );
        }
        drop(own);
        println!("<refused and survived>");
        return;
    }
    // The address space has room for one such stack.
    let direct = child();
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -v 12582912; exec \"$0\" \"$@\""])
        .arg(direct.get_program());
    command.args(direct.get_args());
    for (name, value) in direct.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = output_of(command);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("<refused and survived>"), "{output:?}");
}
