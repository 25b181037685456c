//! Many sleeps at once, and one at a time.

use super::{countdown::Countdown, timed, wake::cpu_time};
use crate::{runtime::Runtime, stats};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// `tasks` tasks sleep for 1 to `longest` ms each: how long until all are done, in milliseconds;
/// how much CPU time each takes, in nanoseconds; by how much a sleep is too long, the median and
/// the 99th percentile, in milliseconds.
///
/// # Errors
///
/// If this system does not tell the CPU time.
pub fn sleeps<R: Runtime>(tasks: usize, longest: usize) -> Result<Vec<f64>, String> {
    let late = places(tasks);
    let before = cpu_time()?;
    let took = timed::<R, _>(async move {
        let done = Countdown::leaked(tasks);
        for (i, late) in late.iter().enumerate() {
            let duration = Duration::from_millis((i % longest + 1) as u64);
            R::spawn_detached(async move {
                // Ordering: Relaxed; the countdown publishes it.
                late.store(too_long::<R>(duration).await, Ordering::Relaxed);
                done.count();
            });
        }
        done.wait().await;
    });
    let used = cpu_time()?.duration_since(before);
    let late: Vec<f64> = late
        .iter()
        .map(|late| late.load(Ordering::Relaxed) as f64 / 1e6)
        .collect();
    Ok(vec![
        took.as_secs_f64() * 1e3,
        used.as_nanos() as f64 / tasks as f64,
        stats::quantile(&late, 0.5),
        stats::quantile(&late, 0.99),
    ])
}

/// `times` sleeps of a millisecond, one after the other, with nothing else to do: by how much each
/// is too long, the median and the 99th percentile, in microseconds.
pub fn lone_sleeps<R: Runtime>(times: usize) -> Vec<f64> {
    let (sender, late) = std::sync::mpsc::channel();
    timed::<R, _>(async move {
        for _ in 0..times {
            let late = too_long::<R>(Duration::from_millis(1)).await;
            sender.send(late as f64 / 1e3).expect("it waits");
        }
    });
    let late: Vec<f64> = late.iter().collect();
    vec![stats::quantile(&late, 0.5), stats::quantile(&late, 0.99)]
}

/// Sleeps; returns the nanoseconds beyond `duration`.
async fn too_long<R: Runtime>(duration: Duration) -> u64 {
    let start = Instant::now();
    R::sleep(duration).await;
    (start.elapsed() - duration).as_nanos() as u64
}

/// A place for each task's figure. They are leaked, and used again by the next run of the same
/// size.
fn places(tasks: usize) -> &'static [AtomicU64] {
    static PLACES: Mutex<&'static [AtomicU64]> = Mutex::new(&[]);
    let mut places = PLACES.lock().expect("nobody panics");
    if places.len() != tasks {
        *places = (0..tasks)
            .map(|_| AtomicU64::new(0))
            .collect::<Vec<_>>()
            .leak();
    }
    *places
}
