//! `time`: sleeping, time-outs, intervals.

mod blocked;
mod following_the_clock;
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
    Bell, Boxed, Gate, Ledger, OnDrop, PATIENCE, at_thread_end, eventually, executor,
    in_some_attempt, patient_executor, quiet_panic,
    sleeps::{Shared, begun, poll_with, shared, the_rest_of, wait_for},
    steady_executor, watchdog, work_for, worker_counts,
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
    future::{pending, ready},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Wake, Waker},
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
