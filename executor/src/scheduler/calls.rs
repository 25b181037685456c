//! What the announced calls of an executor were like of late; see `worker::call`.

use crate::sync::{AtomicBool, Ordering};

/// What the announced calls of an executor were like of late.
#[derive(Default)]
pub(crate) struct Calls {
    long: AtomicBool,
}

impl Calls {
    /// Whether the latest was long.
    pub(super) fn are_long(&self) -> bool {
        // Ordering: Relaxed for both; a guess.
        self.long.load(Ordering::Relaxed)
    }

    /// Notes what the latest call was like.
    pub(super) fn set_long(&self, long: bool) {
        // Seldom written, so that the line stays with all who read it.
        if self.are_long() != long {
            self.long.store(long, Ordering::Relaxed);
        }
    }
}
