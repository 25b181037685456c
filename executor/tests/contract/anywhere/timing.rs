//! `time`: sleeping, time-outs, intervals.

use super::until;
use crate::common::{
    Bell, Boxed, Ledger, quiet_panic,
    sleeps::{begun, poll_with, shared, wait_for},
};
use executor::{
    spawn,
    time::{
        Interval, MissedTickBehavior, interval, interval_at, now, sleep, sleep_until, timeout,
        timeout_at,
    },
    yield_now,
};
use futures::{FutureExt, StreamExt};
use std::{
    future::{pending, poll_fn, ready},
    panic::AssertUnwindSafe,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

const SHORT: Duration = Duration::from_millis(5);
const PERIOD: Duration = Duration::from_millis(20);
const HOUR: Duration = Duration::from_secs(3600);

/// Sleeps, and not too short.
async fn nap() {
    let deadline = now() + SHORT;
    sleep(SHORT).await;
    assert!(now() >= deadline, "early");
}

/// An interval of which three ticks have been missed, at least, its first tick, and when the pause
/// ended.
async fn paused(behavior: MissedTickBehavior) -> (Interval, Instant, Instant) {
    let start = now();
    let mut ticks = interval_at(start, PERIOD);
    assert_eq!(ticks.tick().await, start);
    ticks.set_missed_tick_behavior(behavior);
    sleep(PERIOD * 3 + PERIOD / 2).await;
    (ticks, start, now())
}

promises! {
    async fn no_duration_overflows() {
        for duration in [Duration::MAX, Duration::from_millis(u64::MAX)] {
            let mut long = begun(duration).await;
            assert!(!long.is_elapsed() && long.deadline() > now() + HOUR);
            let far = long.deadline();
            long.as_mut().reset(far);
            assert!(futures::poll!(long).is_pending());
            timeout(duration, yield_now()).await.unwrap();
            let mut ticks = interval(duration);
            ticks.tick().await;
            assert!(ticks.tick().now_or_never().is_none());
            ticks.reset();
            assert!(ticks.tick().now_or_never().is_none());
            let never = spawn(sleep(duration));
            spawn(nap()).await.unwrap();
            assert!(!never.is_finished());
            never.cancel().await;
        }
    }

    async fn zero_and_the_past_are_ready_at_the_first_poll() {
        let now = now();
        let before = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        for sleep in [sleep(Duration::ZERO), sleep_until(now), sleep_until(before)] {
            assert!(sleep.is_elapsed());
            assert_eq!(sleep.now_or_never(), Some(()));
        }
    }

    async fn a_sleep_counts_from_its_creation() {
        let before = now();
        let late = sleep(HOUR);
        let after = now();
        nap().await;
        assert!((before + HOUR..=after + HOUR).contains(&late.deadline()));
    }

    async fn many_sleeps_at_once_all_end_and_none_early() {
        let ledger = Ledger::new();
        let tasks: Vec<_> = (0..200_u64)
            .map(|i| {
                // A prime, so that they are spread over 10 ms.
                let duration = Duration::from_micros(i * 7919 % 10_000);
                spawn(ledger.track(async move {
                    let deadline = now() + duration;
                    sleep(duration).await;
                    assert!(now() >= deadline, "early");
                }))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        ledger.assert_settled();
    }

    async fn once_over_a_sleep_stays_over() {
        let mut sleep = Box::pin(sleep(SHORT));
        sleep.as_mut().await;
        for _ in 0..3 {
            assert!(sleep.is_elapsed());
            assert!(futures::poll!(sleep.as_mut()).is_ready());
        }
    }

    async fn the_latest_task_to_poll_a_sleep_is_woken_and_no_earlier_one() {
        let mut sleep = Box::pin(sleep(HOUR));
        let ((first, first_waker), (latest, latest_waker)) = (Bell::new(), Bell::new());
        assert!(poll_with(&first_waker, &mut sleep).is_pending());
        assert!(poll_with(&latest_waker, &mut sleep).is_pending());
        sleep.as_mut().reset(now() + SHORT);
        until("the latest is woken", || latest.rings() == 1).await;
        assert_eq!(first.rings(), 0);
    }

    async fn one_task_may_go_on_with_a_sleep_that_another_has_begun() {
        let sleep = shared(sleep(PERIOD));
        let begins = sleep.clone();
        let first = spawn(poll_fn(move |cx| {
            let _ = begins.lock().unwrap().as_mut().poll(cx);
            Poll::Ready(())
        }));
        first.await.unwrap();
        spawn(wait_for(sleep)).await.unwrap();
    }

    async fn a_waker_is_released_with_the_sleep_or_when_it_is_over() {
        let (bell, waker) = Bell::new();
        let wakers = || Arc::strong_count(&bell) - 2;
        let mut long = Box::pin(sleep(HOUR));
        let _ = poll_with(&waker, &mut long);
        let _ = poll_with(&waker, &mut long);
        assert_eq!(wakers(), 1);
        drop(long);
        assert_eq!(wakers(), 0);
        let mut short = Box::pin(sleep(SHORT));
        // One that is over at its first poll wakes nobody.
        if poll_with(&waker, &mut short).is_pending() {
            until("it is woken", || bell.rings() == 1).await;
        }
        until("the waker is gone", || wakers() == 0).await;
    }

    async fn a_reset_wakes_the_task_at_the_new_deadline() {
        for (first, second) in [(HOUR, SHORT), (HOUR, Duration::ZERO), (Duration::MAX, SHORT)] {
            let sleep = shared(sleep(first));
            let task = spawn(wait_for(sleep.clone()));
            yield_now().await;
            let deadline = now() + second;
            sleep.lock().unwrap().as_mut().reset(deadline);
            task.await.unwrap();
            assert!(now() >= deadline, "early");
        }
    }

    async fn a_sleep_that_is_over_starts_again() {
        let mut again = begun(SHORT).await;
        for _ in 0..5 {
            again.as_mut().await;
            let deadline = now() + SHORT;
            again.as_mut().reset(deadline);
            assert_eq!(again.deadline(), deadline);
            again.as_mut().await;
            assert!(now() >= deadline, "early");
        }
        again.as_mut().reset(now() + HOUR);
        assert!(!again.is_elapsed());
        assert!(futures::poll!(again).is_pending());
    }

    async fn a_sleep_may_be_reset_before_its_first_poll() {
        let deadline = now() + PERIOD;
        for first in [Duration::ZERO, SHORT, HOUR] {
            let mut reset = Box::pin(sleep(first));
            reset.as_mut().reset(deadline);
            assert_eq!(reset.deadline(), deadline);
            reset.await;
            assert!(now() >= deadline, "early");
        }
    }

    async fn a_future_that_is_ready_at_the_first_poll_is_never_too_late() {
        let now = now();
        let long_ago = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        let late = timeout(Duration::from_millis(1), ready(3));
        nap().await;
        assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
        assert_eq!(timeout_at(long_ago, ready(2)).await, Ok(2));
        assert_eq!(late.await, Ok(3));
    }

    async fn a_future_that_is_done_in_time_gives_its_output() {
        let in_time = async {
            nap().await;
            7
        };
        assert_eq!(timeout(HOUR, in_time).await, Ok(7));
        assert_eq!(spawn(timeout(HOUR, nap())).await.unwrap(), Ok(()));
    }

    async fn a_future_that_is_not_done_in_time_gives_elapsed_and_never_early() {
        let deadline = now() + SHORT;
        let late = spawn(timeout(SHORT, pending::<()>()));
        assert!(late.await.unwrap().is_err());
        assert!(now() >= deadline, "early");
        let deadline = now() + SHORT;
        assert!(timeout_at(deadline, pending::<()>()).await.is_err());
        assert!(now() >= deadline, "early");
        let at_once = timeout(Duration::ZERO, pending::<()>()).now_or_never();
        assert!(at_once.unwrap().is_err());
    }

    async fn of_nested_time_outs_the_shorter_wins() {
        let inner_first = timeout(HOUR, timeout(SHORT, pending::<()>()));
        let outer_first = timeout(SHORT, timeout(HOUR, pending::<()>()));
        assert!(spawn(inner_first).await.unwrap().unwrap().is_err());
        assert!(spawn(outer_first).await.unwrap().is_err());
    }

    async fn a_panic_passes_through_a_time_out() {
        let panics: Boxed<()> = Box::pin(async {
            nap().await;
            quiet_panic("inside")
        });
        let caught = AssertUnwindSafe(timeout(HOUR, panics)).catch_unwind();
        let payload = caught.await.unwrap_err();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "inside");
        nap().await;
    }

    async fn a_tick_comes_each_period_and_says_when_it_was_due() {
        let start = now();
        let mut ticks = interval_at(start, SHORT);
        for i in 0..10 {
            assert_eq!(ticks.tick().await, start + SHORT * i);
            assert!(now() >= start + SHORT * i, "early");
        }
    }

    async fn the_first_tick_comes_at_once_or_at_the_given_start() {
        let before = now();
        let first = interval(HOUR).tick().now_or_never().unwrap();
        assert!((before..=now()).contains(&first));
        let start = now() + SHORT;
        let mut ticks = interval_at(start, HOUR);
        assert_eq!(ticks.tick().await, start);
        assert!(now() >= start, "early");
    }

    async fn burst_makes_up_for_missed_ticks_at_once() {
        let (mut ticks, start, _) = paused(MissedTickBehavior::Burst).await;
        for i in 1..=4 {
            assert_eq!(ticks.tick().await, start + PERIOD * i);
        }
        assert!(now() >= start + PERIOD * 4, "early");
    }

    async fn delay_ticks_a_whole_period_after_the_late_tick() {
        let (mut ticks, start, end) = paused(MissedTickBehavior::Delay).await;
        assert_eq!(ticks.tick().await, start + PERIOD);
        let after = now();
        let next = ticks.tick().await;
        assert!((end + PERIOD..=after + PERIOD).contains(&next));
        assert!(now() >= next, "early");
    }

    async fn skip_leaves_missed_ticks_out_and_keeps_the_schedule() {
        let (mut ticks, start, end) = paused(MissedTickBehavior::Skip).await;
        assert_eq!(ticks.tick().await, start + PERIOD);
        let after = now();
        let next = ticks.tick().await;
        assert!(next > end && next <= after + PERIOD);
        assert_eq!((next - start).as_nanos() % PERIOD.as_nanos(), 0);
        assert!(now() >= next, "early");
    }

    async fn an_interval_is_a_stream_without_an_end() {
        let start = now();
        let mut ticks = interval_at(start, SHORT);
        let first: Vec<_> = ticks.by_ref().take(3).collect().await;
        assert_eq!(first, [start, start + SHORT, start + SHORT * 2]);
        assert_eq!(ticks.next().await, Some(start + SHORT * 3));
    }

    async fn dropping_a_tick_loses_none() {
        let start = now() + SHORT;
        let mut ticks = interval_at(start, SHORT);
        let mut seen = 0;
        while seen < 10 {
            if let Ok(due) = timeout(Duration::from_micros(500), ticks.tick()).await {
                assert_eq!(due, start + SHORT * seen);
                seen += 1;
            }
        }
    }

    async fn reset_starts_an_interval_anew_with_a_whole_period() {
        let mut ticks = interval_at(now() + HOUR, SHORT);
        assert!(ticks.tick().now_or_never().is_none());
        let before = now();
        ticks.reset();
        let after = now();
        let first = ticks.tick().await;
        assert!((before + SHORT..=after + SHORT).contains(&first));
        assert_eq!(ticks.tick().await, first + SHORT);
        let deadline = now() + SHORT;
        ticks.reset_at(deadline);
        assert_eq!(ticks.tick().await, deadline);
        ticks.reset_immediately();
        ticks.tick().await;
        ticks.reset_after(Duration::MAX);
        assert!(timeout(SHORT, ticks.tick()).await.is_err());
    }
}
