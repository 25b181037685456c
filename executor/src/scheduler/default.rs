//! The process-wide default executor, which serves threads that are in no other. It is started at
//! first use, and never shut down.

use super::{Scheduler, config::Config, context, schedtrace::SchedTrace};
use std::sync::{Arc, OnceLock};

static DEFAULT: OnceLock<Default> = OnceLock::new();

struct Default {
    scheduler: Arc<Scheduler>,
    /// The trace is printed as long as this exists.
    _schedtrace: Option<SchedTrace>,
}

/// The default executor.
///
/// # Panics
///
/// If it cannot be started.
pub(crate) fn scheduler() -> &'static Arc<Scheduler> {
    let default = DEFAULT.get_or_init(|| {
        let started = Config::default()
            .resolve(None, None)
            .and_then(SchedTrace::start_with_scheduler);
        let (scheduler, schedtrace) = started.unwrap_or_else(|error| {
            panic!("the default executor cannot start: {error}");
        });
        Default {
            scheduler,
            _schedtrace: schedtrace,
        }
    });
    &default.scheduler
}

/// The default executor, if it has been started.
pub(super) fn started() -> Option<&'static Arc<Scheduler>> {
    DEFAULT.get().map(|default| &default.scheduler)
}

/// Calls `f` with the executor that this thread is in, or else with the default one.
pub(crate) fn with_current_or_default<R>(f: impl FnOnce(&Arc<Scheduler>) -> R) -> R {
    context::with_current(|current| match current {
        Some(scheduler) => f(scheduler),
        None => f(self::scheduler()),
    })
}
