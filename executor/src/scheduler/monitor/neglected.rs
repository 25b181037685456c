//! A flag that stands for a piece of work: see `sources`.

use crate::sync::{AtomicBool, Ordering};

/// Whether sources that no driver looks after have something to fire. Counts as a task that waits:
/// whoever says so notifies, whoever falls asleep looks at it once more.
#[derive(Debug, Default)]
pub(crate) struct Neglected(AtomicBool);

impl Neglected {
    /// Says so. The caller notifies.
    pub(super) fn set(&self) {
        // Ordering: Relaxed for all; the fences of `idle` order it, and the sources have locks.
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether something has been found that nobody has taken yet.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes it: the caller fires what there is.
    pub(crate) fn take(&self) -> bool {
        self.is_set() && self.0.swap(false, Ordering::Relaxed)
    }
}
