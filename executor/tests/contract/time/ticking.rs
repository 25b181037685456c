//! `interval` and `interval_at`.

use super::*;
use MissedTickBehavior::{Burst, Delay, Skip};

const PERIOD: Duration = Duration::from_millis(20);

#[test]
fn the_first_tick_comes_at_once_or_at_the_given_start() {
    let _watchdog = watchdog(60);
    let before = Instant::now();
    let first = interval(HOUR).tick().now_or_never().unwrap();
    assert!((before..=Instant::now()).contains(&first));
    let start = Instant::now() + SHORT;
    let mut ticks = interval_at(start, HOUR);
    assert_eq!(block_on(ticks.tick()), start);
    assert!(Instant::now() >= start, "early");
}

/// An interval of which more than three ticks have been missed, its first tick, and when the
/// pause ended.
fn paused(behavior: MissedTickBehavior) -> (Interval, Instant, Instant) {
    let start = Instant::now();
    let mut ticks = interval_at(start, PERIOD);
    assert_eq!(ticks.tick().now_or_never(), Some(start));
    // Not before: the first tick may be a late one, too.
    ticks.set_missed_tick_behavior(behavior);
    work_for(PERIOD * 3 + PERIOD / 2);
    (ticks, start, Instant::now())
}

#[test]
fn burst_makes_up_for_missed_ticks_at_once() {
    let _watchdog = watchdog(60);
    let (mut ticks, start, _) = paused(Burst);
    // The first of them is waited for: it was scheduled before it was missed.
    assert_eq!(block_on(ticks.tick()), start + PERIOD);
    for i in 2..=3 {
        assert_eq!(ticks.tick().now_or_never(), Some(start + PERIOD * i));
    }
    assert_eq!(block_on(ticks.tick()), start + PERIOD * 4);
    assert!(Instant::now() >= start + PERIOD * 4, "early");
}

#[test]
fn delay_ticks_a_whole_period_after_the_late_tick() {
    let _watchdog = watchdog(60);
    let (mut ticks, start, end) = paused(Delay);
    assert_eq!(block_on(ticks.tick()), start + PERIOD);
    let after = Instant::now();
    let next = block_on(ticks.tick());
    assert!((end + PERIOD..=after + PERIOD).contains(&next));
    assert!(Instant::now() >= next, "early");
}

#[test]
fn skip_leaves_missed_ticks_out_and_keeps_the_schedule() {
    let _watchdog = watchdog(60);
    let (mut ticks, start, end) = paused(Skip);
    assert_eq!(block_on(ticks.tick()), start + PERIOD);
    let after = Instant::now();
    let next = block_on(ticks.tick());
    assert!(next > end && next <= after + PERIOD);
    assert_eq!((next - start).as_nanos() % PERIOD.as_nanos(), 0);
    assert!(Instant::now() >= next, "early");
}

#[test]
fn an_interval_is_a_stream_without_an_end() {
    let _watchdog = watchdog(60);
    let start = Instant::now();
    let mut ticks = interval_at(start, SHORT);
    assert_eq!(ticks.size_hint(), (usize::MAX, None));
    let first: Vec<_> = block_on(ticks.by_ref().take(3).collect());
    assert_eq!(first, [start, start + SHORT, start + SHORT * 2]);
    assert_eq!(block_on(ticks.next()), Some(start + SHORT * 3));
}

#[test]
fn dropping_a_tick_loses_none() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    // If this is off its core until all are due, all come at once.
    in_some_attempt(|| own.block_on(own.spawn(dropped_until_ten_came())).unwrap() > 0);
}

/// Takes ten ticks; returns how many futures of ticks were dropped meanwhile.
async fn dropped_until_ten_came() -> usize {
    let start = Instant::now() + SHORT;
    let mut ticks = interval_at(start, SHORT);
    let (mut seen, mut dropped) = (0, 0);
    while seen < 10 {
        match timeout(Duration::from_micros(500), ticks.tick()).await {
            Ok(due) => {
                assert_eq!(due, start + SHORT * seen);
                seen += 1;
            }
            Err(_) => dropped += 1,
        }
    }
    dropped
}

#[test]
fn reset_starts_anew_with_a_whole_period() {
    let _watchdog = watchdog(60);
    let mut ticks = interval_at(Instant::now() + HOUR, SHORT);
    assert!(ticks.tick().now_or_never().is_none());
    let before = Instant::now();
    ticks.reset();
    let after = Instant::now();
    let first = block_on(ticks.tick());
    assert!((before + SHORT..=after + SHORT).contains(&first));
    assert_eq!(block_on(ticks.tick()), first + SHORT);
}

#[test]
fn an_interval_may_change_its_place_between_ticks() {
    let _watchdog = watchdog(60);
    let start = Instant::now();
    let (mut ticks, mut seen) = (interval_at(start, SHORT), Vec::new());
    for _ in 0..4 {
        let own = executor(1);
        let task = own.spawn(async move {
            // The second one is waited for here, and elsewhere.
            let dues = [Some(ticks.tick().await), ticks.tick().now_or_never()];
            (dues, ticks)
        });
        let (dues, back) = own.block_on(task).unwrap();
        seen.extend(dues.into_iter().flatten());
        ticks = back;
    }
    seen.push(block_on(ticks.tick()));
    let schedule = (0..).map(|i| start + SHORT * i);
    assert!(seen.iter().copied().eq(schedule.take(seen.len())));
}

#[test]
#[should_panic(expected = "the period of an interval must not be zero")]
fn a_period_of_zero_panics() {
    let _watchdog = watchdog(60);
    let _ = interval(Duration::ZERO);
}

#[test]
fn the_panic_about_a_period_of_zero_names_the_callers_line() {
    use crate::common::in_own_process;
    use std::panic;
    in_own_process(|| {
        let (send, places) = mpsc::channel();
        panic::set_hook(Box::new(move |info| {
            let place = info.location().unwrap();
            send.send((place.file().to_owned(), place.line())).unwrap();
        }));
        let line = line!() + 2;
        let outcomes = [
            catch_unwind(|| drop(interval(Duration::ZERO))),
            catch_unwind(|| drop(interval_at(Instant::now(), Duration::ZERO))),
        ];
        drop(panic::take_hook());
        assert!(outcomes.iter().all(Result::is_err));
        let lines: Vec<_> = places.iter().collect();
        assert_eq!(lines, [line, line + 1].map(|l| (file!().to_owned(), l)));
    });
}

#[test]
fn a_reset_says_when_the_next_tick_comes_and_those_behind_it_come_a_period_later_each() {
    let _watchdog = watchdog(60);
    let mut ticks = interval_at(Instant::now() + HOUR, PERIOD);
    block_on(async {
        let start = Instant::now();
        ticks.reset_immediately();
        let first = ticks.tick().await;
        assert!(first >= start && first <= Instant::now());
        assert!(ticks.tick().await >= first + PERIOD);

        let start = Instant::now();
        ticks.reset_after(Duration::from_millis(5));
        let first = ticks.tick().await;
        assert!(first >= start + Duration::from_millis(5) && first <= Instant::now());
        assert!(ticks.tick().await >= first + PERIOD);

        let deadline = Instant::now() + Duration::from_millis(5);
        ticks.reset_at(deadline);
        assert_eq!(ticks.tick().await, deadline);
        assert!(Instant::now() >= deadline);
        assert!(ticks.tick().await >= deadline + PERIOD);
    });
    assert_eq!(ticks.period(), PERIOD);
}

#[test]
fn a_reset_to_the_past_makes_ticks_that_were_missed() {
    let _watchdog = watchdog(60);
    let now = Instant::now();
    let past = now - Duration::from_secs(10);
    let mut ticks = interval_at(now + HOUR, Duration::from_secs(4));
    block_on(async {
        ticks.reset_at(past);
        for i in 0..3 {
            assert_eq!(ticks.tick().await, past + i * Duration::from_secs(4));
        }
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.reset_at(past);
        assert_eq!(ticks.tick().await, past);
        ticks.reset_immediately();
        assert!(ticks.tick().await >= now);
    });
}

#[test]
fn a_reset_beyond_all_time_never_comes() {
    let _watchdog = watchdog(60);
    let mut ticks = interval(Duration::from_millis(1));
    ticks.reset_after(Duration::MAX);
    let short = Duration::from_millis(20);
    assert!(block_on(timeout(short, ticks.tick())).is_err());
    ticks.reset_immediately();
    block_on(ticks.tick());
}
