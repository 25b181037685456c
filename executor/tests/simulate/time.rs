//! Virtual time.

use crate::{HOUR, SECOND, assert_kind, common, with_seeds};
use executor::{
    sim::{FailureKind, Simulation, settle},
    simulate, spawn, time,
    time::{interval, interval_at, now, sleep, sleep_until, timeout},
    yield_now,
};
use futures::StreamExt;
use std::{
    cell::RefCell,
    future::{pending, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

#[test]
fn ten_years_of_sleeps_take_no_time() {
    let _watchdog = common::watchdog(20);
    let best = (0..5).map(|_| {
        let begin = Instant::now();
        simulate(async {
            let start = now();
            let tasks: Vec<_> = (1..=10).map(|i| spawn(sleep(i * YEAR))).collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(now() - start, 10 * YEAR);
        });
        begin.elapsed()
    });
    let best = best.min().unwrap();
    assert!(best < Duration::from_millis(100), "{best:?}");
}

#[test]
fn sleeps_end_at_their_deadlines_whatever_their_lengths() {
    let _watchdog = common::watchdog(20);
    let result = Simulation::new().seeds(20).run(async || {
        let mut tasks = Vec::new();
        for i in 0..200 {
            // From nanoseconds to years.
            let length = Duration::from_nanos(7_u64.pow(i % 20) + u64::from(i));
            tasks.push(spawn(async move {
                let start = now();
                sleep(length).await;
                assert_eq!(now() - start, length);
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    result.unwrap();
}

#[test]
fn a_timeout_is_neither_early_nor_late() {
    with_seeds(20, async || {
        let start = now();
        assert!(timeout(5 * SECOND, pending::<()>()).await.is_err());
        let passed = now() - start;
        assert!(passed >= 5 * SECOND && passed <= 5 * SECOND + Duration::from_millis(50));
        assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7));
        let slow = async {
            sleep(HOUR).await;
            7
        };
        assert_eq!(timeout(2 * HOUR, slow).await, Ok(7));
    });
}

#[test]
fn ticks_come_at_their_times_and_missed_ones_at_once() {
    let _watchdog = common::watchdog(60);
    simulate(async {
        let start = now();
        let mut ticks = interval(SECOND);
        for i in 0..5 {
            assert_eq!(ticks.tick().await, start + i * SECOND);
            assert_eq!(now(), start + i * SECOND);
        }
        sleep(3 * SECOND).await;
        let missed = [ticks.tick().await, ticks.tick().await, ticks.tick().await];
        assert_eq!(missed, [5, 6, 7].map(|i| start + i * SECOND));
        assert_eq!(now(), start + 7 * SECOND);
        let late = interval_at(now() + HOUR, SECOND)
            .take(2)
            .collect::<Vec<_>>()
            .await;
        assert_eq!(late, [0, 1].map(|i| start + 7 * SECOND + HOUR + i * SECOND));
    });
}

#[test]
fn time_stands_still_while_anybody_can_go_on() {
    with_seeds(20, async || {
        let start = now();
        let busy = spawn(async {
            for _ in 0..200 {
                yield_now().await;
            }
            now()
        });
        let sleeper = spawn(async {
            sleep(SECOND).await;
            now()
        });
        assert_eq!(busy.await.unwrap(), start);
        assert!(sleeper.await.unwrap() >= start + SECOND);
    });
}

#[test]
fn late_timers_are_late_by_no_more_than_was_asked_for_and_never_early() {
    let _watchdog = common::watchdog(20);
    let most = Duration::from_millis(10);
    let lateness = std::cell::RefCell::new(Vec::new());
    let result = Simulation::new().seeds(50).lateness(most).run(async || {
        let start = now();
        sleep(SECOND).await;
        let late = (now() - start).checked_sub(SECOND).expect("not early");
        assert!(late <= most);
        lateness.borrow_mut().push(late);
    });
    result.unwrap();
    let lateness = lateness.into_inner();
    assert!(lateness.iter().any(|&late| late > most / 2));
    assert!(lateness.iter().any(|&late| late < most / 2));
}

#[test]
fn the_clock_is_std_s_outside() {
    let _watchdog = common::watchdog(60);
    let before = Instant::now();
    let own = time::now();
    assert!(before <= own && own <= Instant::now());
    simulate(sleep(YEAR));
    assert!(time::now() - before < HOUR, "the simulation is over");
    let outside = executor::Executor::builder().workers(1).build().unwrap();
    let begin = Instant::now();
    outside
        .block_on(outside.spawn(sleep(Duration::from_millis(20))))
        .unwrap();
    outside.block_on(sleep(Duration::from_millis(20)));
    assert!(
        begin.elapsed() >= Duration::from_millis(40),
        "wheels are used again"
    );
}

#[test]
fn a_deadline_beyond_all_time_never_comes() {
    let _watchdog = common::watchdog(60);
    let failure = Simulation::new().run(async || sleep(Duration::MAX).await);
    crate::assert_kind(&failure.unwrap_err(), executor::sim::FailureKind::Limit);
    simulate(async {
        assert!(timeout(YEAR, sleep(Duration::MAX)).await.is_err());
        sleep_until(now() - SECOND).await;
    });
}

#[test]
fn settle_returns_when_all_others_sleep_and_no_time_has_passed() {
    with_seeds(50, async || {
        let start = now();
        let (sender, receiver) = async_channel::unbounded();
        for i in 0..5 {
            let sender = sender.clone();
            spawn(async move {
                for _ in 0..i {
                    yield_now().await;
                }
                sender.send(i).await.unwrap();
                sleep(SECOND).await;
                sender.send(10 + i).await.unwrap();
            });
        }
        settle().await;
        assert_eq!((receiver.len(), now()), (5, start));
        settle().await;
        assert_eq!((receiver.len(), now()), (5, start));
        sleep(2 * SECOND).await;
        settle().await;
        assert_eq!(receiver.len(), 10);
        // In a task, with main asleep.
        spawn(settle()).await.unwrap();
    });
}

#[test]
fn two_that_settle_at_once_are_told_so() {
    let failure = crate::found_within(1, async || {
        let other = spawn(settle());
        settle().await;
        other.await.unwrap();
    });
    crate::assert_kind(&failure, executor::sim::FailureKind::Panic);
    assert!(
        failure.to_string().contains("while another `settle` waits"),
        "{failure}"
    );
}

#[test]
fn a_settle_that_is_dropped_leaves_room_for_another() {
    let _watchdog = common::watchdog(60);
    simulate(async {
        assert!(timeout(Duration::ZERO, settle()).await.is_err());
        settle().await;
    });
}

#[test]
fn a_settle_of_another_run_disturbs_none() {
    let _watchdog = common::watchdog(60);
    let kept = RefCell::new(None);
    simulate(async {
        let mut begun = Box::pin(settle());
        assert!(poll_once(begun.as_mut()).await.is_pending());
        *kept.borrow_mut() = Some(begun);
    });
    simulate(async {
        let task = spawn(async {
            for _ in 0..10 {
                yield_now().await;
            }
        });
        let mut begun = Box::pin(settle());
        assert!(poll_once(begun.as_mut()).await.is_pending());
        drop(kept.take());
        begun.await;
        assert!(task.is_finished());
    });
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[test]
fn a_waker_that_panics_as_all_have_settled_is_one_of_a_program_that_waits_for_ever() {
    let _watchdog = common::watchdog(60);
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            common::quiet_panic("in a waker");
        }
    }
    let failure = Simulation::new().run(async || {
        let waker = Waker::from(Arc::new(Panics));
        let mut settled = Box::pin(settle());
        poll_fn(|_| settled.as_mut().poll(&mut Context::from_waker(&waker))).await;
    });
    assert_kind(&failure.unwrap_err(), FailureKind::Deadlock);
}
