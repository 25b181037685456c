//! Access to an executor from anywhere.

use crate::{
    block_on,
    blocking::in_place,
    idle::pool::Pool,
    join::JoinHandle,
    scheduler::{
        Scheduler, context, default::with_current_or_default, metrics::Metrics, task::SpawnMeta,
    },
};
use futures_task::{FutureObj, Spawn, SpawnError};
use std::{fmt, future::Future, sync::Arc};

/// A way to spawn on an executor from anywhere, which may outlive it.
///
/// After the end of the executor, what is spawned is dropped at once, and its handle yields an
/// error that [is cancelled](crate::JoinError::is_cancelled).
///
/// # Examples
///
/// ```
/// use executor::Handle;
///
/// let handle = Handle::current();
/// let thread = std::thread::spawn(move || handle.block_on(handle.spawn(async { 7 })));
/// assert_eq!(thread.join().unwrap().unwrap(), 7);
/// ```
#[derive(Clone)]
pub struct Handle {
    pub(crate) scheduler: Arc<Scheduler>,
}

impl Handle {
    pub(crate) fn new(scheduler: Arc<Scheduler>) -> Handle {
        Handle { scheduler }
    }

    /// The executor whose worker or `block_on` the calling thread is in; elsewhere the default one.
    ///
    /// # Panics
    ///
    /// If that means to start the default executor and it cannot be started: see
    /// [`Builder::build`](crate::Builder::build).
    ///
    /// ```
    /// let handle = executor::Handle::current();
    /// assert!(handle.metrics().workers() >= 1);
    /// ```
    pub fn current() -> Handle {
        with_current_or_default(|scheduler| Handle::new(scheduler.clone()))
    }

    /// The executor whose worker or `block_on` the calling thread is in, if it is in one.
    ///
    /// ```
    /// use executor::Handle;
    ///
    /// assert!(Handle::try_current().is_none());
    /// assert!(executor::block_on(async { Handle::try_current().is_some() }));
    /// ```
    pub fn try_current() -> Option<Handle> {
        context::with_current(|scheduler| scheduler.cloned().map(Handle::new))
    }

    /// As [`executor::spawn`](crate::spawn), on this executor.
    ///
    /// ```
    /// let handle = executor::Handle::current();
    /// assert_eq!(executor::block_on(handle.spawn(async { 7 })).unwrap(), 7);
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        JoinHandle::new(self.scheduler.spawn(SpawnMeta::here(), future))
    }

    /// As [`executor::spawn_blocking`](crate::spawn_blocking), on this executor.
    ///
    /// ```
    /// let handle = executor::Handle::current();
    /// assert_eq!(executor::block_on(handle.spawn_blocking(|| 7)).unwrap(), 7);
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn(in_place(f))
    }

    /// As [`executor::block_on`](crate::block_on), with this executor as the current one.
    ///
    /// # Panics
    ///
    /// A panic of the future unwinds out of this call. In a process forked from the executor's own, whose
    /// threads are not there, it panics instead of waiting for a wake-up.
    ///
    /// ```
    /// assert_eq!(executor::Handle::current().block_on(async { 7 }), 7);
    /// ```
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        block_on::block_on(&self.scheduler, future)
    }

    /// A snapshot of the scheduler's state and counters.
    ///
    /// ```
    /// assert!(executor::Handle::current().metrics().threads() >= 1);
    /// ```
    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.scheduler)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("workers", &self.scheduler.config.workers)
            .finish()
    }
}

/// Spawns a detached task, for library code that is generic over executors; fails once the executor
/// has shut down.
impl Spawn for Handle {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.status()?;
        drop(self.spawn(future));
        Ok(())
    }

    fn status(&self) -> Result<(), SpawnError> {
        if self.scheduler.is_closed() {
            Err(SpawnError::shutdown())
        } else {
            Ok(())
        }
    }
}
