//! `Sleep::reset`.

use super::*;

/// A task waits for a sleep of `first`, and then `reset` changes its deadline.
#[track_caller]
fn the_task_wakes_at_the_new_deadline(first: Duration, second: Duration) {
    in_some_attempt(|| it_does_after_a_reset_on_its_thread(first, second));
    in_some_attempt(|| it_does_after_a_reset_from_outside(first, second));
}

/// `false`: the reset came after the first deadline.
fn it_does_after_a_reset_on_its_thread(first: Duration, second: Duration) -> bool {
    let own = steady_executor(1);
    let on_its_thread = own.spawn(async move {
        let sleep = shared(sleep(first));
        let task = executor::spawn(wait_for(sleep.clone()));
        executor::yield_now().await;
        let deadline = Instant::now() + second;
        let in_time = reset_in_time(&sleep, deadline);
        if in_time {
            task.await.unwrap();
            assert!(Instant::now() >= deadline, "early");
        }
        in_time
    });
    own.block_on(on_its_thread).unwrap()
}

/// `false`: the reset came after the first deadline.
#[track_caller]
fn it_does_after_a_reset_from_outside(first: Duration, second: Duration) -> bool {
    let own = steady_executor(1);
    let sleep = shared(sleep(first));
    let waits = own.spawn(wait_for(sleep.clone()));
    eventually("it waits", || {
        own.metrics().suspended_tasks() == 1 || waits.is_finished()
    });
    let deadline = Instant::now() + second;
    let in_time = reset_in_time(&sleep, deadline);
    if in_time {
        own.block_on(waits).unwrap();
        assert!(Instant::now() >= deadline, "early");
    }
    in_time
}

/// Resets the sleep; returns whether that was before the deadline it had.
fn reset_in_time(sleep: &Shared<Sleep>, deadline: Instant) -> bool {
    let mut sleep = sleep.lock().unwrap();
    let first = sleep.deadline();
    sleep.as_mut().reset(deadline);
    Instant::now() < first
}

#[test]
fn an_earlier_deadline_wakes_the_task_earlier_from_any_thread() {
    let _watchdog = watchdog(60);
    the_task_wakes_at_the_new_deadline(HOUR, SHORT);
    the_task_wakes_at_the_new_deadline(HOUR, Duration::ZERO);
    the_task_wakes_at_the_new_deadline(Duration::MAX, SHORT);
}

#[test]
fn a_later_deadline_wakes_the_task_later_from_any_thread() {
    let _watchdog = watchdog(60);
    // Long enough for the task to wait when the reset comes.
    the_task_wakes_at_the_new_deadline(Duration::from_millis(1000), Duration::from_millis(1200));
}

#[test]
fn a_deadline_in_the_past_is_now() {
    let _watchdog = watchdog(60);
    let now = Instant::now();
    block_on(async {
        let mut unpolled = Box::pin(sleep(HOUR));
        unpolled.as_mut().reset(now);
        assert!(futures::poll!(unpolled).is_ready());
        let mut polled = begun(HOUR).await;
        polled.as_mut().reset(now);
        assert!(polled.is_elapsed());
        assert!(futures::poll!(polled).is_ready());
    });
    let mut polled = Box::pin(sleep(HOUR));
    let (bell, waker) = Bell::new();
    let _ = poll_with(&waker, &mut polled);
    polled.as_mut().reset(now);
    assert_eq!(bell.rings(), 1, "whoever waits for it is woken");
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let _watchdog = watchdog(60);
    let mut reset = Box::pin(sleep(HOUR));
    let (first, first_waker) = Bell::new();
    let (last, last_waker) = Bell::new();
    let _ = poll_with(&first_waker, &mut reset);
    let _ = poll_with(&last_waker, &mut reset);
    reset.as_mut().reset(Instant::now() + SHORT);
    eventually("the last one is woken", || last.rings() == 1);
    assert_eq!(first.rings(), 0);
    assert!(poll_with(&first_waker, &mut reset).is_ready());
}
