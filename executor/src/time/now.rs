//! The present.

use crate::sync::{Instant, clock};

/// Returns the present: that of the simulation in which it is called, elsewhere
/// [`Instant::now`](std::time::Instant::now).
///
/// Code that is to be [simulated](crate::sim) asks here for the time. std's clock goes on while the
/// simulation's stands still, and would make it depend on how fast the machine is.
///
/// # Examples
///
/// ```
/// use executor::time::{now, sleep};
/// use std::time::Duration;
///
/// const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// let passed = executor::simulate(async {
///     let start = now();
///     sleep(DAY).await;
///     now() - start
/// });
/// assert_eq!(passed, DAY);
/// ```
#[must_use]
pub fn now() -> Instant {
    clock::now_as_instant()
}
