//! The runtime of tokio whose context an executor's code is in (feature `tokio`).
//!
//! Tokio finds its runtime by a thread-local, so every thread that polls or drops futures of an
//! executor says which one it is: its own threads for good, others as long as they are in the
//! executor (`context`). Without the feature there is nothing here, and it costs nothing.

use std::marker::PhantomData;
#[cfg(feature = "tokio")]
use std::mem;
#[cfg(feature = "tokio")]
use tokio::runtime::{EnterGuard, Handle};

/// The way into the runtime, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Bridge {
    #[cfg(feature = "tokio")]
    runtime: Option<Handle>,
}

/// The thread is in the runtime's context until this is dropped. The drop panics, as tokio's guard
/// does, if another guard of tokio that came later is still there: forgotten, as a rule.
pub(crate) struct Inside<'a> {
    #[cfg(feature = "tokio")]
    _guard: Option<EnterGuard<'a>>,
    _borrow: PhantomData<&'a Bridge>,
}

impl Inside<'_> {
    /// Of a thread that stays where it is.
    pub(super) fn nothing() -> Self {
        Inside {
            #[cfg(feature = "tokio")]
            _guard: None,
            _borrow: PhantomData,
        }
    }
}

#[cfg(feature = "tokio")]
impl Bridge {
    pub(crate) fn to(runtime: Handle) -> Bridge {
        Bridge {
            runtime: Some(runtime),
        }
    }

    /// Puts the calling thread into the runtime's context.
    pub(crate) fn enter(&self) -> Inside<'_> {
        Inside {
            _guard: self.runtime.as_ref().and_then(enter),
            _borrow: PhantomData,
        }
    }

    /// Puts the calling thread into it for good. Call first of all: thread-locals are dropped in the
    /// reverse order, so the destructors of all others find it before tokio's lets go of the runtime.
    pub(super) fn stay(&self) {
        mem::forget(self.enter());
    }
}

/// `None` at a thread's end, once tokio's thread-local is gone: `enter` would panic.
#[cfg(feature = "tokio")]
fn enter(runtime: &Handle) -> Option<EnterGuard<'_>> {
    let current = Handle::try_current();
    let is_gone = current.is_err_and(|error| error.is_thread_local_destroyed());
    (!is_gone).then(|| runtime.enter())
}

#[cfg(not(feature = "tokio"))]
impl Bridge {
    pub(crate) fn enter(&self) -> Inside<'_> {
        Inside::nothing()
    }

    pub(super) fn stay(&self) {}
}
