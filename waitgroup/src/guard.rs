//! One piece of work, as a value.

use crate::WaitGroup;

/// Counts one piece of work until it is dropped. The drop calls [`done`](WaitGroup::done).
///
/// [`WaitGroup::guard`] makes it. A guard that is leaked (`mem::forget`) is counted for ever.
///
/// # Panics
///
/// The drop panics with "negative WaitGroup counter" if the count is zero by then: somebody called
/// [`done`](WaitGroup::done) once too often, and so counted off what this guard stands for. If the
/// thread is already unwinding, this second panic aborts the process, as any panic in a drop does
/// then.
///
/// A drop should not panic. This one does, because Go's `defer wg.Done()` does: waiters were told
/// that all work is done while this guard's was not, and a silent drop would hide that bug.
///
/// # Examples
///
/// ```
/// use waitgroup::{Guard, WaitGroup};
///
/// let group = WaitGroup::new();
/// let guard: Guard = group.guard();
/// assert_eq!(group.count(), 1);
/// drop(guard);
/// assert_eq!(group.count(), 0);
/// ```
#[derive(Debug)]
#[must_use = "dropping a guard counts its work off"]
pub struct Guard {
    group: WaitGroup,
}

impl Guard {
    /// Makes a guard for a `1` that has been added to `group` already.
    pub(crate) fn owing(group: WaitGroup) -> Guard {
        Guard { group }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.group.done();
    }
}
