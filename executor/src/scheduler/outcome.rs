//! What a task comes to: its value, or why there is none.
//!
//! async-task aborts the process if an output panics as it is dropped. So what it gets is an
//! [`Outcome`], which catches that.

use super::{
    simulated::{self, Abandoned},
    task_id::TaskId,
    task_name::{self, Name},
    trace::event::Ending,
};
use crate::sync::panic::{Panic, caught};
use std::mem::{self, ManuallyDrop};

/// How a task ended, on its way to the handle. It may be dropped anywhere: a panic of the value's
/// destructor is caught.
pub(crate) struct Outcome<T>(ManuallyDrop<Result<T, Box<Failure>>>);

/// Why there is no value. Boxed, because failures are rare, and a small task has room for a word.
pub(crate) struct Failure {
    pub(crate) id: TaskId,
    /// The task's, if it has one.
    pub(crate) name: Option<Name>,
    /// `None` if the task was cancelled.
    pub(crate) panic: Option<Panic>,
}

impl Failure {
    /// It is being dropped: nobody hears of it. A simulation has to know, if it is a panic.
    #[cold]
    pub(crate) fn tell_simulation(&mut self) {
        simulated::with(|current| {
            if let Some(simulation) = current
                && let Some(panic) = self.panic.take()
            {
                simulation.nobody_hears_of(self.id, self.name.as_deref(), panic);
            }
        });
    }
}

impl<T> Outcome<T> {
    pub(super) fn value(value: T) -> Outcome<T> {
        Outcome(ManuallyDrop::new(Ok(value)))
    }

    /// The task was cancelled, or has panicked.
    #[inline]
    pub(super) fn failure(id: TaskId, name: Option<Name>, panic: Option<Panic>) -> Outcome<T> {
        if let (Some(name), Some(panic)) = (&name, &panic)
            && !Abandoned::is_why(panic)
        {
            task_name::report_panic(id, name, panic.message());
        }
        Outcome(ManuallyDrop::new(Err(Box::new(Failure {
            id,
            name,
            panic,
        }))))
    }

    /// How the last poll has ended.
    pub(super) fn ending(&self) -> Ending {
        match &*self.0 {
            Ok(_) => Ending::Ready,
            Err(failure) if failure.panic.is_some() => Ending::Panicked,
            Err(_) => Ending::Cancelled,
        }
    }

    /// Hands the ending out, and with it the care for its destructor.
    pub(crate) fn into_result(self) -> Result<T, Box<Failure>> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again, so the ending is taken once.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }
}

impl<T> Drop for Outcome<T> {
    #[inline]
    fn drop(&mut self) {
        if mem::needs_drop::<T>() || self.0.is_err() {
            self.drop_caught();
        }
    }
}

impl<T> Outcome<T> {
    #[inline(never)]
    fn drop_caught(&mut self) {
        if let Err(failure) = &mut *self.0 {
            failure.tell_simulation();
        }
        // SAFETY: called by `drop` alone, once; `into_result` forgets `self`.
        let _ = caught(|| unsafe { ManuallyDrop::drop(&mut self.0) });
    }
}
