//! A ticker beside tasks that block their workers.

use crate::runtime::{Runtime, run_as_task};
use std::{
    hint,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How often the ticker wants to tick.
pub const PERIOD: Duration = Duration::from_millis(5);

/// How a task keeps its worker from working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocker {
    /// Asleep in a system call.
    Asleep,
    /// Burning the CPU.
    Spinning,
}

impl Blocker {
    /// Blocks the calling thread for so long.
    pub fn block(self, duration: Duration) {
        let start = Instant::now();
        match self {
            Blocker::Asleep => thread::sleep(duration),
            Blocker::Spinning => {
                while start.elapsed() < duration {
                    hint::spin_loop();
                }
            }
        }
    }
}

/// The worst delay of a 5 ms ticker while each of `workers` tasks blocks for `millis`.
pub fn ticker<R: Runtime>(workers: usize, millis: usize, blocker: Blocker) -> Duration {
    let duration = Duration::from_millis(millis as u64);
    run_as_task::<R, _>(async move {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let ticker = R::spawn(async move {
            let mut worst = Duration::ZERO;
            // Relaxed: nothing else is read.
            while !stopped.load(Ordering::Relaxed) {
                let start = Instant::now();
                R::sleep(PERIOD).await;
                worst = worst.max(start.elapsed().saturating_sub(PERIOD));
            }
            worst
        });
        R::sleep(4 * PERIOD).await;
        let blockers: Vec<_> = (0..workers)
            .map(|_| R::spawn(async move { blocker.block(duration) }))
            .collect();
        for join in blockers {
            join.await;
        }
        R::sleep(2 * PERIOD).await;
        stop.store(true, Ordering::Relaxed);
        ticker.await
    })
}
