//! Each race, thousands of times on real threads, under a watchdog: a lost wake-up ends the process
//! with a message instead of hanging it.
#![cfg(not(loom))]

mod common;

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use common::watchdog;
use futures::executor::{ThreadPool, block_on};
use futures::future::{AbortHandle, Abortable, join_all};
use waitgroup::{Wait, WaitGroup};

fn poll(wait: &mut Wait) -> Poll<()> {
    Pin::new(wait).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn waiters_of_100_000_generations_are_woken_in_their_own_generation() {
    let _watchdog = watchdog();
    const GENERATIONS: usize = 100_000;
    const WORKERS: usize = 3;
    let group = WaitGroup::new();
    let worked = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (group, worked) = (&group, &worked);
        let turns: Vec<_> = (0..WORKERS)
            .map(|_| {
                let (turn, turns) = mpsc::channel::<()>();
                scope.spawn(move || {
                    for () in turns {
                        worked.fetch_add(1, Ordering::Relaxed);
                        group.done();
                    }
                });
                turn
            })
            .collect();
        for generation in 1..=GENERATIONS {
            group.add(WORKERS);
            turns
                .iter()
                .for_each(|turn| turn.send(()).expect("the worker lives"));
            match generation % 2 {
                0 => block_on(group.wait()),
                _ => group.wait_blocking(),
            }
            assert_eq!(
                worked.load(Ordering::Relaxed),
                generation * WORKERS,
                "woken before all work of generation {generation} was done",
            );
        }
    });
}

#[test]
fn a_late_notification_never_reaches_the_next_generation() {
    let _watchdog = watchdog();
    const ROUNDS: usize = 20_000;
    let group = WaitGroup::new();
    let (turn, turns) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let group = &group;
        scope.spawn(move || turns.iter().for_each(|()| group.done()));
        for _ in 0..ROUNDS {
            group.add(1);
            let first = group.wait();
            turn.send(()).expect("the other thread lives");
            // Zero is seen at once: the notification may still be on its way.
            while group.count() != 0 {
                thread::yield_now();
            }
            group.add(1);
            let mut second = group.wait();
            block_on(first);
            assert!(
                poll(&mut second).is_pending(),
                "woken by the earlier generation"
            );
            group.done();
            assert!(poll(&mut second).is_ready());
        }
        drop(turn);
    });
}

#[test]
fn many_waiters_in_many_threads_are_all_woken() {
    let _watchdog = watchdog();
    const ROUNDS: usize = 500;
    const THREADS: usize = 4;
    const WAITS_EACH: usize = 50;
    let group = WaitGroup::new();
    // Two meetings a round: the count is raised before the first, and read after the second.
    let round = Barrier::new(THREADS + 1);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    round.wait();
                    block_on(join_all((0..WAITS_EACH).map(|_| group.wait())));
                    round.wait();
                }
            });
        }
        for _ in 0..ROUNDS {
            group.add(2);
            round.wait();
            group.done();
            group.done();
            round.wait();
            assert_eq!(group.count(), 0);
        }
    });
}

#[test]
fn waits_dropped_at_any_moment_lose_nobody_elses_wake_up() {
    let _watchdog = watchdog();
    const ROUNDS: usize = 10_000;
    let group = WaitGroup::new();
    let (turn, turns) = mpsc::channel::<Vec<Wait>>();
    let (round, rounds) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let group = &group;
        scope.spawn(move || turns.iter().for_each(drop));
        scope.spawn(move || rounds.iter().for_each(|()| group.done()));
        for _ in 0..ROUNDS {
            group.add(1);
            let mut dropped: Vec<Wait> = (0..4).map(|_| group.wait()).collect();
            let kept = group.wait();
            assert!(
                dropped
                    .iter_mut()
                    .step_by(2)
                    .all(|wait| poll(wait).is_pending())
            );
            round.send(()).expect("the other thread lives");
            turn.send(dropped).expect("the other thread lives");
            block_on(kept);
        }
        drop((turn, round));
    });
}

#[test]
fn of_two_dones_of_one_exactly_one_panics() {
    let _watchdog = watchdog();
    const ROUNDS: usize = 2_000;
    // The panics are part of the test: keep the hook from printing thousands of them.
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref() != Some(&"negative WaitGroup counter") {
            before(info);
        }
    }));
    for round in 0..ROUNDS {
        let group = WaitGroup::new();
        group.add(1);
        let mut wait = (round % 2 == 0).then(|| group.wait());
        let start = Barrier::new(2);
        let panics = || {
            start.wait();
            catch_unwind(AssertUnwindSafe(|| group.done())).is_err()
        };
        let (one, two) = thread::scope(|scope| {
            let one = scope.spawn(panics);
            (panics(), one.join().expect("it catches its panic"))
        });
        assert!(one ^ two);
        assert_eq!(group.count(), 0);
        assert!(wait.iter_mut().all(|wait| poll(wait).is_ready()));
    }
}

#[test]
fn adds_and_dones_of_many_threads_come_out_even() {
    let _watchdog = watchdog();
    const ROUNDS: usize = 20_000;
    let group = WaitGroup::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..ROUNDS {
                    group.add(n % 3);
                    let _ignored = (n % 7 == 0).then(|| group.wait());
                    (0..n % 3).for_each(|_| group.done());
                }
            });
        }
    });
    assert_eq!(group.count(), 0);
    group.wait_blocking();
}

#[test]
fn tracked_futures_that_finish_panic_or_are_cancelled_in_a_pool_are_all_counted_off() {
    let _watchdog = watchdog();
    const ROUNDS: usize = 200;
    const EACH: usize = 10;
    /// Notes its drop, before the group may count it off.
    struct Owned(Arc<AtomicUsize>);
    impl Drop for Owned {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let pool = ThreadPool::builder().pool_size(4).create().expect("a pool");
    let group = WaitGroup::new();
    for _ in 0..ROUNDS {
        let dropped = Arc::new(AtomicUsize::new(0));
        for _ in 0..EACH {
            let owned = Owned(Arc::clone(&dropped));
            pool.spawn_ok(group.track(async move { drop(owned) }));

            let owned = Owned(Arc::clone(&dropped));
            let panics = group.track(async move {
                let _owned = owned;
                // Unwinds without the hook: nothing is printed.
                std::panic::resume_unwind(Box::new("on purpose"));
            });
            pool.spawn_ok(async {
                let caught = futures::FutureExt::catch_unwind(AssertUnwindSafe(panics)).await;
                assert!(caught.is_err());
            });

            let owned = Owned(Arc::clone(&dropped));
            let (abort, registration) = AbortHandle::new_pair();
            let endless = group.track(async move {
                let _owned = owned;
                pending::<()>().await;
            });
            let cancelled = Abortable::new(endless, registration);
            pool.spawn_ok(async { assert!(cancelled.await.is_err()) });
            abort.abort();
        }
        block_on(group.wait());
        assert_eq!(dropped.load(Ordering::Relaxed), 3 * EACH);
    }
    assert_eq!(group.count(), 0);
}

#[test]
fn work_before_each_guards_drop_is_seen_after_the_wait() {
    let _watchdog = watchdog();
    const ROUNDS: usize = 1_000;
    const WORKERS: usize = 4;
    for _ in 0..ROUNDS {
        let group = WaitGroup::new();
        let seen: Arc<[AtomicBool; WORKERS]> = Arc::default();
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (guard, seen) = (group.guard(), Arc::clone(&seen));
                thread::spawn(move || {
                    seen[worker].store(true, Ordering::Relaxed);
                    drop(guard);
                })
            })
            .collect();
        group.wait_blocking();
        assert!(seen.iter().all(|seen| seen.load(Ordering::Relaxed)));
        workers
            .into_iter()
            .for_each(|worker| worker.join().expect("no panic"));
    }
}
