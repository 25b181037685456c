//! A timer that is over says so, whether or not anybody has served it.

use super::*;
use futures::poll;

/// Polls again and again, within one poll of its task, as long as nothing is ready.
async fn polls_in_one_poll() {
    let start = Instant::now();
    let mut nap = pin!(sleep(SHORT));
    while poll!(nap.as_mut()).is_pending() {
        thread::sleep(Duration::from_millis(1));
        assert!(start.elapsed() < PATIENCE, "the sleep does not end");
    }
    assert!(start.elapsed() >= SHORT, "early");
    let mut ticks = interval(SHORT);
    for _ in 0..3 {
        let mut tick = pin!(ticks.tick());
        while poll!(tick.as_mut()).is_pending() {
            thread::sleep(Duration::from_millis(1));
            assert!(start.elapsed() < PATIENCE, "the tick does not come");
        }
    }
    assert!(start.elapsed() >= SHORT * 3, "early");
}

#[test]
fn a_loop_that_polls_within_one_poll_comes_to_an_end() {
    let _watchdog = watchdog(60);
    block_on(polls_in_one_poll());
    for own in [executor(1), steady_executor(1)] {
        own.block_on(polls_in_one_poll());
        own.block_on(own.spawn(polls_in_one_poll())).unwrap();
    }
    futures::executor::block_on(polls_in_one_poll());
}

#[test]
fn what_is_over_is_ready_at_its_first_poll() {
    let _watchdog = watchdog(60);
    let over = || async {
        let sleep = sleep(SHORT);
        let timeout = timeout(SHORT, pending::<()>());
        let mut ticks = interval_at(Instant::now() + SHORT, HOUR);
        thread::sleep(SHORT);
        assert_eq!(sleep.now_or_never(), Some(()));
        assert!(timeout.now_or_never().is_some_and(|late| late.is_err()));
        assert!(ticks.tick().now_or_never().is_some());
        assert!(ticks.tick().now_or_never().is_none());
    };
    block_on(over());
    for own in [executor(1), steady_executor(1)] {
        own.block_on(own.spawn(over())).unwrap();
    }
    futures::executor::block_on(over());
}

#[test]
fn what_is_over_is_ready_although_its_worker_has_not_looked() {
    let _watchdog = watchdog(60);
    let over = || async {
        let mut sleep = begun(SHORT).await;
        let mut timeout = Box::pin(timeout(SHORT, pending::<()>()));
        assert!(poll!(timeout.as_mut()).is_pending());
        thread::sleep(SHORT);
        assert!(sleep.is_elapsed());
        assert_eq!((&mut sleep).now_or_never(), Some(()));
        assert_eq!(sleep.now_or_never(), Some(()), "it stays ready");
        assert!(timeout.now_or_never().is_some_and(|late| late.is_err()));
    };
    block_on(over());
    for own in [executor(1), steady_executor(1)] {
        own.block_on(own.spawn(over())).unwrap();
    }
}

#[test]
fn a_sleep_that_nobody_polls_is_elapsed_when_its_time_has_come() {
    let _watchdog = watchdog(60);
    let mut sleep = Box::pin(sleep(A_WHILE));
    let early = sleep.is_elapsed();
    assert!(!early || Instant::now() >= sleep.deadline());
    thread::sleep(A_WHILE);
    assert!(sleep.is_elapsed());
    sleep.as_mut().reset(Instant::now() + HOUR);
    assert!(!sleep.is_elapsed());
}

#[test]
fn a_sleep_that_was_seen_to_be_over_wakes_nobody_later() {
    let _watchdog = watchdog(60);
    let (own, (bell, waker)) = (executor(1), Bell::new());
    let task = own.spawn(async move {
        let mut sleep = Box::pin(sleep(SHORT));
        let first_poll = poll_with(&waker, &mut sleep);
        thread::sleep(SHORT);
        // Unless the monitor was faster.
        assert!(poll_with(&waker, &mut sleep).is_ready());
        (sleep, first_poll)
    });
    let (sleep, _) = own.block_on(task).unwrap();
    let rings = bell.rings();
    thread::sleep(A_WHILE);
    assert_eq!(bell.rings(), rings);
    assert!(sleep.is_elapsed());
}
