//! The process-wide default executor, which serves threads that are in no other. It is started at
//! first use, and never shut down.

use super::{
    Scheduler,
    config::Config,
    context,
    schedtrace::{SchedTrace, Wanted},
};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

static DEFAULT: OnceLock<Default> = OnceLock::new();

/// Held by the thread that starts the default executor.
static STARTING: Mutex<()> = Mutex::new(());

struct Default {
    scheduler: Arc<Scheduler>,
    /// The trace is printed as long as this exists.
    _schedtrace: Option<SchedTrace>,
}

/// The lock, held by whoever is about to fork the process.
#[cfg(unix)]
pub(super) struct Held(#[expect(dead_code)] MutexGuard<'static, ()>);

/// Takes the lock.
#[cfg(unix)]
pub(super) fn hold() -> Held {
    Held(STARTING.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The default executor.
///
/// # Panics
///
/// If it cannot be started.
#[track_caller]
pub(crate) fn scheduler() -> &'static Arc<Scheduler> {
    match started() {
        Some(scheduler) => scheduler,
        None => start(),
    }
}

/// Without closures around what may panic: they would not pass the caller's line on.
#[cold]
#[track_caller]
fn start() -> &'static Arc<Scheduler> {
    let config = match Config::default().resolve(None, None) {
        Ok(config) => config,
        Err(error) => cannot_start(error),
    };
    match start_unless_started(config) {
        Ok(Start::Now(scheduler) | Start::Before(scheduler)) => scheduler,
        Err(error) => cannot_start(error),
    }
}

/// Starts the default executor with these settings.
///
/// # Errors
///
/// If it has started already, or cannot be started.
#[track_caller]
pub(crate) fn start_with(config: Config) -> io::Result<&'static Arc<Scheduler>> {
    match start_unless_started(config)? {
        Start::Now(scheduler) => Ok(scheduler),
        Start::Before(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "the default executor has started already, and keeps its settings: call `build_global` \
             once, before the first `block_on`, `spawn` or timer outside of an executor",
        )),
    }
}

/// When the default executor was started.
enum Start {
    Now(&'static Arc<Scheduler>),
    Before(&'static Arc<Scheduler>),
}

/// What may panic, here and in the caller, runs without the lock: a panic hook is foreign code.
#[track_caller]
fn start_unless_started(config: Config) -> io::Result<Start> {
    let wanted = Wanted::of_environment();
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(scheduler) = started() {
        return Ok(Start::Before(scheduler));
    }
    let (scheduler, schedtrace) = SchedTrace::start_with_scheduler(config, wanted)?;
    let default = DEFAULT.get_or_init(|| Default {
        scheduler,
        _schedtrace: schedtrace,
    });
    Ok(Start::Now(&default.scheduler))
}

#[track_caller]
fn cannot_start(error: io::Error) -> ! {
    panic!("the default executor cannot start: {error}");
}

/// The default executor, if it has been started.
pub(super) fn started() -> Option<&'static Arc<Scheduler>> {
    DEFAULT.get().map(|default| &default.scheduler)
}

/// Calls `f` with the executor that this thread is in, or else with the default one.
#[track_caller]
pub(crate) fn with_current_or_default<R>(f: impl FnOnce(&Arc<Scheduler>) -> R) -> R {
    // SAFETY: `f` returns before this does.
    match unsafe { context::current() } {
        Some(current) => f(current),
        None => f(scheduler()),
    }
}
