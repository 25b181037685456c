//! What the rest of the scheduler knows of simulations (`simulation`): which one this thread is;
//! and, for other threads, that it is none of theirs.
//!
//! What other threads do comes at a moment that no seed decides, so their wake-ups are refused.

use super::{task_id::TaskId, task_name::Called};
use crate::sync::panic::Panic;
use std::{
    any::Any,
    cell::Cell,
    io,
    ptr::NonNull,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// A simulation, as its scheduler sees it.
pub(super) trait Simulates: Any {
    /// The part that other threads see, by which its scheduler is known.
    fn part(&self) -> &Simulated;

    /// Gives a machine that `idle` has counted its place, instead of a thread.
    fn add_machine(&self);

    /// Whether a thief that has waited beside a lone task for long enough takes it. If not, its
    /// worker has come to it.
    fn has_patience_run_out(&self) -> bool;

    /// Has workers take steps, until `enough` says so or none of them can.
    #[cfg(feature = "dump")]
    fn step_until(&self, enough: &dyn Fn() -> bool);

    /// A task has panicked, and nobody is left to be told.
    fn nobody_hears_of(&self, task: TaskId, name: Option<&str>, panic: Panic);
}

std::thread_local! {
    static CURRENT: Cell<Option<NonNull<dyn Simulates>>> = const { Cell::new(None) };
}

/// Calls `f` with the simulation that this thread is, if it is one.
pub(super) fn with<R>(f: impl FnOnce(Option<&dyn Simulates>) -> R) -> R {
    // SAFETY: set by `enter`, whose caller keeps the simulation until this is reset; and `f`
    // returns before that.
    f(CURRENT.get().map(|current| unsafe { current.as_ref() }))
}

/// Whether this thread simulates.
pub(crate) fn is_on() -> bool {
    CURRENT.get().is_some()
}

/// This thread is a simulation until this is dropped.
pub(super) struct Entered(());

/// Makes this thread a simulation.
///
/// # Safety
///
/// The simulation exists where it is until what is returned is dropped, and that is dropped.
pub(super) unsafe fn enter(simulation: &(dyn Simulates + 'static)) -> Entered {
    CURRENT.set(Some(NonNull::from(simulation)));
    Entered(())
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

/// Why a call of `block_on` panics when the simulation is over.
pub(super) struct Abandoned;

impl Abandoned {
    /// Whether that is why something panics: then there is nothing to report.
    pub(super) fn is_why(panic: &Panic) -> bool {
        panic.is::<Abandoned>()
    }
}

/// Why no executor can be built in a simulation.
pub(super) fn no_executor_inside() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "an executor has threads, and those are not simulated: in a simulation, use the free \
         functions and `Handle::current`, which act on the simulated one",
    )
}

/// Call before waiting for a descriptor.
///
/// # Errors
///
/// In a simulation.
#[cfg(any(feature = "net", all(test, shuttle)))]
pub(super) fn refuse_descriptor(fd: std::os::fd::RawFd) -> io::Result<()> {
    if !is_on() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        format!(
            "descriptor {fd} waits for the system, as sockets and signals do, and that is not \
             simulated: write the code for any `AsyncRead` and `AsyncWrite`, and give it streams \
             in memory"
        ),
    ))
}

/// See [`Simulates::has_patience_run_out`]; outside of simulations it has.
pub(super) fn has_patience_run_out() -> bool {
    with(|current| current.is_none_or(Simulates::has_patience_run_out))
}

/// The part of a simulation that other threads see.
#[derive(Debug, Default)]
pub(crate) struct Simulated {
    /// What the first of them has done.
    refused: OnceLock<String>,
    is_over: AtomicBool,
}

impl Simulated {
    /// What another thread has done.
    pub(super) fn refused(&self) -> Option<&String> {
        self.refused.get()
    }

    /// From now on nothing is refused: nothing is left that could be woken.
    pub(super) fn end(&self) {
        // Ordering: Relaxed; it publishes nothing.
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether it is under way.
    pub(super) fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    /// Whether this thread is the simulation.
    pub(crate) fn is_here(&self) -> bool {
        with(|current| current.is_some_and(|current| std::ptr::eq(current.part(), self)))
    }

    /// Whether this thread may wake what belongs to it.
    pub(super) fn is_at_hand(&self) -> bool {
        self.is_here() || !self.goes_on()
    }

    /// Adds a machine, if this thread is the simulation.
    pub(super) fn add_machine(&self) -> io::Result<()> {
        with(|current| match current {
            Some(current) if std::ptr::eq(current.part(), self) => {
                current.add_machine();
                Ok(())
            }
            _ => Err(no_executor_inside()),
        })
    }

    /// Has workers take steps, if this thread is the simulation, until `enough` says so or none of
    /// them can.
    #[cfg(feature = "dump")]
    pub(super) fn step_until(&self, enough: &dyn Fn() -> bool) {
        with(|current| {
            let own = current.filter(|current| std::ptr::eq(current.part(), self));
            own.iter().for_each(|own| own.step_until(enough));
        });
    }

    /// Another thread has woken a task.
    pub(super) fn refuse_to_wake(&self, task: TaskId, on_worker: bool) {
        let name = task.name();
        let called = Called(task, name.as_deref());
        self.refuse(format!("{called}, spawned at {},", task.site()), on_worker);
    }

    /// Another thread has woken the call of `block_on` that has this id.
    pub(super) fn refuse_to_wake_call(&self, call: Option<TaskId>, on_worker: bool) {
        let site = call.map(|call| format!(" at {}", call.site()));
        let what = format!("`block_on`{}", site.unwrap_or_default());
        self.refuse(what, on_worker);
    }

    /// The simulation is over as soon as it notices. The thread that has done it panics, unless
    /// that would end the process: on a worker of an executor, the panic of a handle's waker does.
    #[cold]
    fn refuse(&self, what: String, on_worker: bool) {
        let thread = thread::current();
        let name = thread.name().unwrap_or("without a name");
        let text = format!(
            "{what} was woken from another thread ({name}), and what other threads do is not \
             simulated: let a task do it, or `spawn_blocking`"
        );
        // The first counts.
        _ = self.refused.set(text.clone());
        if !on_worker && !thread::panicking() {
            panic!("{text}");
        }
    }
}
