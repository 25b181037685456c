//! Whether a machine holds its permit, offers it, gave it away, or had it taken.
//!
//! | state     | the machine is                                     | counted as active by `idle` |
//! | --------- | -------------------------------------------------- | --------------------------- |
//! | `HELD`    | running or searching                               | yes |
//! | `OFFERED` | in code that said that it blocks; nobody needed the permit so far | yes |
//! | `AWAY`    | in such code, without the permit                   | no  |
//! | `TAKEN`   | in a poll that does not end                        | no  |
//! | `GIVEN`   | asleep; or there is no machine at all              | no  |
//!
//! | step            | who                    | from → to                       |
//! | --------------- | ---------------------- | ------------------------------- |
//! | `offer`         | the machine            | `HELD` → `OFFERED`; `TAKEN` → `AWAY` |
//! | `take_offered`  | the machine, or the monitor | `OFFERED` → `AWAY`         |
//! | `keep`          | the machine            | `OFFERED` → `HELD`              |
//! | `take`          | the monitor            | `HELD` → `TAKEN`                |
//! | `give`          | the machine            | any → `GIVEN`                   |
//! | `hold`          | the machine            | any → `HELD`                    |
//!
//! Whoever moves the state out of `HELD` or `OFFERED` into one that is not counted takes the machine
//! off the active count of `idle`: the monitor after a successful `take`, either after a successful
//! `take_offered`, the machine after a `give` that returned true. So each permit is given away once,
//! however they race. The machine comes back with `hold`, and counts itself as active, unless
//! whoever woke it has done so; or with `keep`, if its offer was not taken.
//!
//! The machine looks at the state when a poll has returned, which costs one load of a line that
//! nobody writes in ordinary times. If the monitor takes the permit just after that look, the
//! machine runs one poll more than there are permits, and finds out after it.
//!
//! Source: an offer is Go's `_Psyscall`, taken by its `retake`.

use crate::sync::{AtomicUsize, Ordering};

const HELD: usize = 0;
const OFFERED: usize = 1;
const AWAY: usize = 2;
const TAKEN: usize = 3;
const GIVEN: usize = 4;

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
        self.change(HELD, TAKEN)
    }

    /// For the machine, which is going to block: offers the permit. False if the monitor has taken
    /// it already.
    pub(crate) fn offer(&self) -> bool {
        let offered = self.change(HELD, OFFERED);
        if !offered {
            // Nobody but the machine leaves `TAKEN`. Ordering: Release, as in `change`; and it hands
            // on what the monitor published.
            self.0.swap(AWAY, Ordering::AcqRel);
        }
        offered
    }

    /// Takes the permit, if it is offered.
    pub(crate) fn take_offered(&self) -> bool {
        self.change(OFFERED, AWAY)
    }

    /// For the machine: takes its offer back. False if somebody has taken the permit.
    pub(crate) fn keep(&self) -> bool {
        self.change(OFFERED, HELD)
    }

    /// For the machine: gives the permit away; false if the monitor was faster.
    pub(crate) fn give(&self) -> bool {
        let before = self.0.swap(GIVEN, Ordering::Relaxed);
        debug_assert_ne!(
            before, OFFERED,
            "a call has ended before its machine sleeps"
        );
        before == HELD
    }

    /// For the machine: it has a permit again.
    pub(crate) fn hold(&self) {
        self.0.store(HELD, Ordering::Relaxed);
    }

    /// Whether the machine holds its permit, and does not offer it.
    pub(crate) fn is_held(&self) -> bool {
        self.get() == HELD
    }

    /// Whether the machine is in code that has not said that it blocks.
    pub(crate) fn may_be_offered(&self) -> bool {
        matches!(self.get(), HELD | TAKEN)
    }

    /// Whether the machine offers its permit.
    pub(crate) fn is_offered(&self) -> bool {
        self.get() == OFFERED
    }

    /// Whether the monitor has taken the permit from a poll that does not end.
    pub(crate) fn is_taken(&self) -> bool {
        self.get() == TAKEN
    }

    /// Whether the machine is in somebody's code without its permit.
    pub(crate) fn is_missing(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `change`: whoever sees that a permit is
        // missing sees that its hand-off was counted.
        matches!(self.0.load(Ordering::Acquire), TAKEN | AWAY)
    }

    fn get(&self) -> usize {
        // Ordering: Relaxed here and elsewhere; the state publishes nothing but itself, and the
        // counts it stands for change under `idle`'s protocol.
        self.0.load(Ordering::Relaxed)
    }

    fn change(&self, from: usize, to: usize) -> bool {
        self.0
            .compare_exchange(from, to, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }
}
