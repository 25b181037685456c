//! How many tasks an executor has had, and how many have ended.
//!
//! Each processor counts what happens on its thread, so that no two threads write one counter for
//! each task. What happens elsewhere is counted here: tasks that come from outside, which write shared
//! lines of the global queue anyway, and those that end because the executor has.

use super::{Scheduler, context, processor::Counters};
use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted on threads that are none of the executor's workers.
#[derive(Default)]
pub(super) struct Elsewhere {
    spawned: AtomicU64,
    ended: AtomicU64,
}

/// The tasks of an executor: all so far, and those that live.
pub(super) struct Population {
    pub(super) spawned: u64,
    pub(super) alive: u64,
}

impl Scheduler {
    /// One more task, from a thread that is no worker of this executor.
    pub(super) fn spawned_elsewhere(&self) {
        // Ordering: Relaxed for all counters; they are for show.
        self.elsewhere.spawned.fetch_add(1, Ordering::Relaxed);
    }

    /// A task has ended on this thread. Its handle must not know yet: who has heard of its end finds
    /// it counted.
    #[inline]
    pub(super) fn count_end(&self) {
        // SAFETY: not kept beyond this function.
        match unsafe { context::worker() } {
            Some(worker) if worker.is_of(self) => {
                let counters = worker.counters();
                counters.ended.add(1);
                // The thread may stay here for a while. Who has heard that the task has ended must
                // not find it running, in a dump.
                counters.task.store(0, Ordering::Relaxed);
            }
            _ => _ = self.elsewhere.ended.fetch_add(1, Ordering::Relaxed),
        }
    }

    pub(super) fn population(&self) -> Population {
        let of_all = |here: &AtomicU64, counter: fn(&Counters) -> u64| {
            let processors = self.processors.iter();
            let there = processors.map(|processor| counter(&processor.counters));
            here.load(Ordering::Relaxed) + there.sum::<u64>()
        };
        // In this order: then none that has ended is missing among those that were spawned.
        let ended = of_all(&self.elsewhere.ended, |counters| counters.ended.get());
        let spawned = of_all(&self.elsewhere.spawned, |counters| counters.spawned.get());
        Population {
            spawned,
            alive: spawned.saturating_sub(ended),
        }
    }
}
