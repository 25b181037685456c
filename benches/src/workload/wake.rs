//! An executor with nothing to do: what it costs, and how fast it wakes.

use crate::{runtime::Runtime, stats};
use cpu_time::ProcessTime;
use futures::task::AtomicWaker;
use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::Poll,
    thread,
    time::{Duration, Instant},
};

/// How long the outside thread waits before a wake, so that every worker has parked.
const TIME_TO_PARK: Duration = Duration::from_micros(500);

/// What the outside thread raises and the task waits for.
#[derive(Debug)]
struct Signal {
    raised: AtomicBool,
    at: Mutex<Instant>,
    waker: AtomicWaker,
}

/// An outside thread wakes a task `samples` times, while all workers are parked: the median and the
/// 99th percentile of the time until the task runs, in microseconds.
pub fn wake_parked<R: Runtime>(samples: usize) -> Vec<f64> {
    let signal = Arc::new(Signal {
        raised: AtomicBool::new(false),
        at: Mutex::new(Instant::now()),
        waker: AtomicWaker::new(),
    });
    let (sender, receiver) = mpsc::channel();
    let wait = signal.clone();
    R::spawn_outside(async move {
        for _ in 0..=samples {
            let wait = &wait;
            poll_fn(move |cx| {
                wait.waker.register(cx.waker());
                // Ordering: pairs with the store below; `at` was written before.
                match wait.raised.swap(false, Ordering::Acquire) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
            let took = wait.at.lock().expect("nobody panics").elapsed();
            sender.send(took).expect("the outside thread waits");
        }
    });
    let mut took = Vec::with_capacity(samples);
    for sample in 0..=samples {
        thread::sleep(TIME_TO_PARK);
        *signal.at.lock().expect("nobody panics") = Instant::now();
        signal.raised.store(true, Ordering::Release);
        signal.waker.wake();
        let woken_after = receiver.recv().expect("the task answers");
        // The first may find the task on its way in.
        if sample > 0 {
            took.push(woken_after.as_nanos() as f64 / 1e3);
        }
    }
    vec![stats::quantile(&took, 0.5), stats::quantile(&took, 0.99)]
}

/// The CPU time that this process uses in a second of idleness, in microseconds.
///
/// # Errors
///
/// If this system does not tell.
pub fn idle_cpu(idle: Duration) -> Result<f64, String> {
    // What ran before comes to rest.
    thread::sleep(Duration::from_millis(20));
    let before = cpu_time()?;
    let start = Instant::now();
    thread::sleep(idle);
    let used = cpu_time()?.duration_since(before);
    Ok(used.as_nanos() as f64 / 1e3 / start.elapsed().as_secs_f64())
}

/// The CPU time of this process so far.
pub(super) fn cpu_time() -> Result<ProcessTime, String> {
    ProcessTime::try_now().map_err(|error| format!("the CPU time is not known: {error}"))
}
