//! Whether a machine holds its permit, gave it away, or had it taken by the monitor.
//!
//! | state   | meaning                                         | left by                       |
//! | ------- | ----------------------------------------------- | ----------------------------- |
//! | `HELD`  | counted as active by `idle`                     | `take` (monitor), `give` (own) |
//! | `TAKEN` | in a poll that does not end; not counted        | `give`, `hold` (own)          |
//! | `GIVEN` | asleep, in code that said that it blocks, or no machine at all | `hold` (own)      |
//!
//! Whoever moves the state out of `HELD` takes the machine off the active count of `idle`: the
//! monitor after a successful `take`, the machine after a `give` that returned true. So each permit
//! is given away once, however the two race. The machine comes back with `hold`, and counts itself
//! as active, unless whoever woke it has done so.
//!
//! The machine looks at the state when a poll has returned, which costs one load of a line that
//! nobody writes in ordinary times. If the monitor takes the permit just after that look, the
//! machine runs one poll more than there are permits, and finds out after it.

use crate::sync::{AtomicUsize, Ordering};

const HELD: usize = 0;
const TAKEN: usize = 1;
const GIVEN: usize = 2;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Permit(AtomicUsize);

impl Permit {
    /// Of a processor without a machine.
    pub(crate) fn given() -> Permit {
        Permit(AtomicUsize::new(GIVEN))
    }

    /// For the monitor: takes the permit, if it is held.
    pub(crate) fn take(&self) -> bool {
        // Ordering: Relaxed for all operations here; the state publishes nothing but itself, and
        // the counts it stands for change under `idle`'s protocol.
        self.0
            .compare_exchange(HELD, TAKEN, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// For the machine: gives the permit away; false if the monitor was faster.
    pub(crate) fn give(&self) -> bool {
        self.0.swap(GIVEN, Ordering::Relaxed) == HELD
    }

    /// For the machine: it has a permit again.
    pub(crate) fn hold(&self) {
        self.0.store(HELD, Ordering::Relaxed);
    }

    /// Whether the monitor has taken the permit.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.load(Ordering::Relaxed) == TAKEN
    }

    /// Whether the machine has given the permit away itself.
    pub(crate) fn is_given(&self) -> bool {
        self.0.load(Ordering::Relaxed) == GIVEN
    }

    /// Whether the machine holds its permit.
    pub(crate) fn is_held(&self) -> bool {
        self.0.load(Ordering::Relaxed) == HELD
    }
}
