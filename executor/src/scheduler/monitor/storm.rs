//! Two things that the monitor knows of all polls together: whether many sleep (a *storm*), and
//! whether any end. What follows from them is told in `handoffs`.

use crate::{scheduler::system, sync::Instant};
use std::time::Duration;

/// Samples in a `handoff_after`, in a storm.
const STORM_SAMPLES: u32 = 200;

/// How long a storm is expected to last after the latest sleeper, in multiples of `handoff_after`.
const STORM: u32 = 3;

/// If one in so many of those who are replaced is no sleeper, the storm is none.
const DOUBTS: u32 = 4;

/// How long there is no storm after one that was none, in multiples of `handoff_after`.
const CALM: u32 = 100;

/// So long no poll may end before more than N permits are taken from polls that compute.
const SILENCE: Duration = Duration::from_millis(50);

/// Whether sleepers are replaced in quick succession.
pub(super) struct Storm {
    until: Instant,
    calm_until: Instant,
    /// Polls that were believed to be stuck in this storm, and those that were not.
    believed: u32,
    mistaken: u32,
}

impl Storm {
    pub(super) fn none(now: Instant) -> Storm {
        Storm {
            until: now,
            calm_until: now,
            believed: 0,
            mistaken: 0,
        }
    }

    pub(super) fn is_on(&self, now: Instant) -> bool {
        now < self.until
    }

    pub(super) fn period(handoff_after: Duration) -> Duration {
        handoff_after / STORM_SAMPLES
    }

    /// A sleeper was replaced.
    pub(super) fn feed(&mut self, now: Instant, handoff_after: Duration) {
        if now < self.calm_until {
            return;
        }
        if self.is_on(now) {
            self.believed += 1;
        } else {
            (self.believed, self.mistaken) = (0, 0);
        }
        self.until = now + handoff_after * STORM;
    }

    /// One of those replaced was no sleeper.
    pub(super) fn doubt(&mut self, now: Instant, handoff_after: Duration) {
        self.mistaken += 1;
        if self.mistaken * DOUBTS > self.believed {
            self.until = now;
            self.calm_until = now + handoff_after * CALM;
        }
    }
}

/// Whether polls end.
pub(super) struct Silence {
    since: Instant,
    /// What this process had computed by then.
    cpu_time: Option<Duration>,
    /// When a permit was taken for that reason.
    latest: Instant,
}

impl Silence {
    pub(super) fn from(now: Instant) -> Silence {
        Silence {
            since: now,
            cpu_time: system::process_cpu_time(),
            latest: now,
        }
    }

    /// A poll has ended.
    pub(super) fn end(&mut self, now: Instant) {
        self.since = now;
        self.cpu_time = system::process_cpu_time();
    }

    /// A permit is taken for that reason.
    pub(super) fn use_up(&mut self, now: Instant) {
        self.latest = now;
    }

    /// Whether it is time to take one more permit for that reason.
    pub(super) fn lasts(&self, now: Instant, handoff_after: Duration, workers: usize) -> bool {
        now.saturating_duration_since(self.since) >= SILENCE
            && now.saturating_duration_since(self.latest) >= handoff_after
            && self.has_computed(workers)
    }

    /// Whether this process has had as many cores as it has workers for as long, in sum, or all of
    /// them. Else others have them, and its polls may take long because they wait for a core: more
    /// threads would make that worse.
    fn has_computed(&self, workers: usize) -> bool {
        let (Some(before), Some(now)) = (self.cpu_time, system::process_cpu_time()) else {
            return true;
        };
        let cores = u32::try_from(workers.min(num_cpus::get())).unwrap_or(1);
        now.saturating_sub(before) >= SILENCE * cores
    }
}
