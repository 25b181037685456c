//! One piece of work, as a value.

use crate::WaitGroup;

/// One piece of work that is counted until this value is dropped: it owes the group a `done`.
///
/// Made by [`WaitGroup::guard`]. A guard that is leaked (`mem::forget`) is counted for ever.
///
/// # Panics
///
/// Its drop panics with "negative WaitGroup counter" if somebody called
/// [`done`](WaitGroup::done) once too often and so took what this guard owes. (During the unwinding
/// of another panic that aborts the process, as every panic in a drop does.)
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
#[must_use = "a guard that is not kept is counted off at once"]
pub struct Guard {
    group: WaitGroup,
}

impl Guard {
    /// A guard for a `1` that has already been added to `group`.
    pub(crate) fn owing(group: WaitGroup) -> Guard {
        Guard { group }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.group.done();
    }
}
