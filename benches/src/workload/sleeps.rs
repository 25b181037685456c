//! Many sleeps at once.

use super::{countdown::Countdown, timed, wake::cpu_time};
use crate::runtime::Runtime;
use std::time::Duration;

/// The longest sleep, in milliseconds; the shortest is one.
const LONGEST: usize = 100;

/// `tasks` tasks that sleep for 1 to 100 ms: how long until all are done, in milliseconds, and how
/// much CPU time each takes, in nanoseconds.
///
/// # Errors
///
/// If this system does not tell the CPU time.
pub fn sleeps<R: Runtime>(tasks: usize) -> Result<Vec<f64>, String> {
    let before = cpu_time()?;
    let took = timed::<R, _>(async move {
        let done = Countdown::leaked(tasks);
        for i in 0..tasks {
            let duration = Duration::from_millis((i % LONGEST + 1) as u64);
            R::spawn_detached(async move {
                R::sleep(duration).await;
                done.count();
            });
        }
        done.wait().await;
    });
    let used = cpu_time()?.duration_since(before);
    Ok(vec![
        took.as_secs_f64() * 1e3,
        used.as_nanos() as f64 / tasks as f64,
    ])
}
