//! Sleeps that begin in one place and end in another.

use executor::time::{Sleep, sleep};
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

pub type Pinned = Pin<Box<Sleep>>;

pub fn poll_with<F: Future>(waker: &Waker, future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// A sleep that the calling task has polled, so that it has its place among the calling thread's
/// timers.
pub async fn begun(duration: Duration) -> Pinned {
    let mut sleep = Box::pin(sleep(duration));
    poll_fn(|cx| {
        let _ = poll_with(cx.waker(), &mut sleep);
        Poll::Ready(())
    })
    .await;
    sleep
}

/// Waits for the end of a sleep that has begun elsewhere.
pub async fn the_rest_of(mut sleep: Pinned) {
    sleep.as_mut().await;
    assert_not_early(&sleep);
}

#[track_caller]
pub fn assert_not_early(sleep: &Sleep) {
    assert!(Instant::now() >= sleep.deadline(), "early");
}

/// A future that several tasks may poll.
pub type Shared<F> = Arc<Mutex<Pin<Box<F>>>>;

pub fn shared<F>(future: F) -> Shared<F> {
    Arc::new(Mutex::new(Box::pin(future)))
}

/// Waits for a sleep that others have access to, too.
pub async fn wait_for(sleep: Shared<Sleep>) {
    poll_fn(|cx| {
        let mut sleep = sleep.lock().unwrap();
        let poll = sleep.as_mut().poll(cx);
        if poll.is_ready() {
            assert_not_early(&sleep);
        }
        poll
    })
    .await;
}
