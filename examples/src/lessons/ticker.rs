//! A ticker beside tasks that block their threads without announcing it: a part
//! of the lesson on the scheduler.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ::waitgroup::WaitGroup;
use executor::time::sleep;
use executor::{Executor, JoinError};

const PERIOD: Duration = Duration::from_millis(5);

/// What a task does in its poll instead of awaiting.
#[derive(Clone, Copy)]
pub enum Blocker {
    /// `thread::sleep`, or any other call that waits.
    Asleep,
    /// A long computation.
    Computing,
}

/// What was seen while the tasks blocked.
pub struct Seen {
    /// How late the latest tick was.
    pub worst: Duration,
    /// Hand-offs meanwhile.
    pub handoffs: u64,
    /// Threads of the executor while all tasks blocked.
    pub threads: usize,
}

/// Lets a task tick while `tasks` others block their threads for `duration`.
pub fn tick_beside(
    executor: &Executor,
    tasks: usize,
    blocker: Blocker,
    duration: Duration,
) -> Result<Seen, JoinError> {
    let before = executor.metrics().handoffs();
    let stop = Arc::new(AtomicBool::new(false));
    let ticker = executor.spawn(tick_until(stop.clone()));
    executor.block_on(async {
        sleep(PERIOD * 4).await; // it ticks
        let blockers = WaitGroup::new();
        for _ in 0..tasks {
            executor.spawn(blockers.track(async move { block(blocker, duration) }));
        }
        sleep(duration / 2).await;
        let threads = executor.metrics().threads();
        blockers.wait().await;
        stop.store(true, Ordering::Relaxed);
        Ok(Seen {
            worst: ticker.await?,
            handoffs: executor.metrics().handoffs() - before,
            threads,
        })
    })
}

/// Sleeps again and again. Returns by how much the worst sleep was too long.
async fn tick_until(stop: Arc<AtomicBool>) -> Duration {
    let mut worst = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        sleep(PERIOD).await;
        worst = worst.max(start.elapsed() - PERIOD);
    }
    worst
}

fn block(blocker: Blocker, duration: Duration) {
    match blocker {
        Blocker::Asleep => thread::sleep(duration),
        Blocker::Computing => {
            let start = Instant::now();
            while start.elapsed() < duration {
                spin_loop();
            }
        }
    }
}
