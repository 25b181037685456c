//! `time`: sleeping, time-outs, intervals.

mod blocked;
mod limits;
mod migration;
mod places;
mod resetting;
#[cfg(target_os = "linux")]
mod silence;
mod sleeping;
mod ticking;
mod types;

use crate::common::{
    Boxed, Gate, Ledger, OnDrop, PATIENCE, at_thread_end, eventually, executor, patient_executor,
    quiet_panic, steady_executor, watchdog, work_for, worker_counts,
};
use executor::{
    Executor, block_in_place, block_on,
    time::{
        Elapsed, Interval, MissedTickBehavior, Sleep, Tick, Timeout, interval, interval_at, sleep,
        sleep_until, timeout, timeout_at,
    },
};
use futures::{FutureExt, Stream, StreamExt, future::join_all, stream::FuturesUnordered};
use std::{
    error::Error,
    fmt::Debug,
    future::{Future, pending, poll_fn, ready},
    io,
    iter::repeat_with,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

const SHORT: Duration = Duration::from_millis(5);

/// Longer than it takes to poll something and to hand it on, short enough to wait for.
const A_WHILE: Duration = Duration::from_millis(60);

const HOUR: Duration = Duration::from_secs(3600);

/// Sleeps, and not too short.
async fn nap() {
    let deadline = Instant::now() + SHORT;
    sleep(SHORT).await;
    assert!(Instant::now() >= deadline, "early");
}

/// A sleep that has been polled, so that it has its place in the calling thread's timers.
async fn begun(duration: Duration) -> Pin<Box<Sleep>> {
    let mut sleep = Box::pin(sleep(duration));
    let _ = futures::poll!(sleep.as_mut());
    sleep
}

/// Waits for the end of a sleep that has begun elsewhere.
async fn the_rest_of(sleep: Pin<Box<Sleep>>) {
    let deadline = sleep.deadline();
    sleep.await;
    assert!(Instant::now() >= deadline, "early");
}

/// A future that several tasks may poll.
type Shared<F> = Arc<Mutex<Pin<Box<F>>>>;

fn shared<F>(future: F) -> Shared<F> {
    Arc::new(Mutex::new(Box::pin(future)))
}

async fn wait_for(sleep: Shared<Sleep>) {
    poll_fn(|cx| sleep.lock().unwrap().as_mut().poll(cx)).await;
    let deadline = sleep.lock().unwrap().deadline();
    assert!(Instant::now() >= deadline, "early");
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Bell {
    fn new() -> (Arc<Bell>, Waker) {
        let bell = Arc::new(Bell::default());
        (bell.clone(), Waker::from(bell))
    }

    fn rings(&self) -> usize {
        self.0.load(SeqCst)
    }
}

fn poll_with<F: Future>(waker: &Waker, future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}
