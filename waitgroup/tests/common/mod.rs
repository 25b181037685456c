//! What the integration tests share, with each other and with those of `executor`.
#![allow(dead_code, unused_imports)] // Each test binary uses a part of it.

#[path = "../../../executor/tests/common/bell.rs"]
mod bell;
#[path = "../../../executor/tests/common/watchdog.rs"]
mod watchdog;

pub use bell::Bell;
use std::time::Duration;
use watchdog::Watchdog;

/// Far beyond what any test takes, on a slow machine too.
const PATIENCE: Duration = Duration::from_secs(360);

/// Aborts the process unless it is dropped in time: a wake-up was lost.
#[track_caller]
pub fn watchdog() -> Watchdog {
    Watchdog::with(PATIENCE)
}
