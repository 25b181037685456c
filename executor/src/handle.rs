//! Access to an executor from anywhere.

use crate::{
    block_on,
    blocking::in_place,
    idle::pool::Pool,
    join::JoinHandle,
    scheduler::{
        Scheduler, context, default::with_current_or_default, metrics::Metrics, task::is_large,
        task_id::TaskId,
    },
};
use futures_task::{FutureObj, Spawn, SpawnError};
use std::{
    fmt,
    future::Future,
    io,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::Arc,
};

/// Spawns tasks on an executor from anywhere, and may outlive it.
///
/// After the end of the executor, a future that is spawned is dropped at once, and its
/// [`JoinHandle`] yields an error that [is a cancellation](crate::JoinError::is_cancelled). Its
/// destructor finds the ended executor to be the current one. (If 16 such destructors run inside
/// each other, what the innermost spawns is dropped when it has returned, or waits in `block_on`.)
///
/// # Examples
///
/// ```
/// use executor::Handle;
///
/// let handle = Handle::current();
/// let thread = std::thread::spawn(move || handle.block_on(handle.spawn(async { 7 })));
/// assert_eq!(thread.join().unwrap()?, 7);
/// # Ok::<(), executor::JoinError>(())
/// ```
#[derive(Clone)]
#[must_use = "a handle does nothing by itself"]
pub struct Handle {
    pub(crate) scheduler: Arc<Scheduler>,
}

/// A panic leaves no executor half changed, for the reason given at [`Executor`](crate::Executor).
impl UnwindSafe for Handle {}
// As for `UnwindSafe`.
impl RefUnwindSafe for Handle {}

impl Handle {
    pub(crate) fn new(scheduler: Arc<Scheduler>) -> Handle {
        Handle { scheduler }
    }

    /// Returns a handle to the current executor: the one whose worker or `block_on` the calling
    /// thread is in. Elsewhere the default executor is the current one, and is started if need be.
    ///
    /// # Panics
    ///
    /// If the default executor must be started and cannot be: see
    /// [`Builder::build`](crate::Builder::build).
    ///
    /// ```
    /// let handle = executor::Handle::current();
    /// assert!(handle.metrics().workers() >= 1);
    /// ```
    #[track_caller]
    pub fn current() -> Handle {
        with_current_or_default(|scheduler| Handle::new(scheduler.clone()))
    }

    /// Returns a handle to the executor whose worker or `block_on` the calling thread is in; `None`
    /// if the thread is in no executor.
    ///
    /// ```
    /// use executor::Handle;
    ///
    /// assert!(Handle::try_current().is_none());
    /// assert!(executor::block_on(async { Handle::try_current().is_some() }));
    /// ```
    #[must_use]
    pub fn try_current() -> Option<Handle> {
        context::with_current(|scheduler| scheduler.cloned().map(Handle::new))
    }

    /// Starts a task on this executor; otherwise as [`executor::spawn`](crate::spawn).
    ///
    /// ```
    /// let handle = executor::Handle::current();
    /// assert_eq!(executor::block_on(handle.spawn(async { 7 }))?, 7);
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let id = TaskId::here();
        JoinHandle::new(if const { is_large::<F>() } {
            self.scheduler.spawn(id, (), Box::pin(future))
        } else {
            self.scheduler.spawn(id, (), future)
        })
    }

    /// Starts a closure that may block, on this executor; otherwise as
    /// [`executor::spawn_blocking`](crate::spawn_blocking).
    ///
    /// ```
    /// let handle = executor::Handle::current();
    /// assert_eq!(executor::block_on(handle.spawn_blocking(|| 7))?, 7);
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if const { is_large::<F>() } {
            self.spawn(in_place(Box::new(f)))
        } else {
            self.spawn(in_place(f))
        }
    }

    /// Runs a future on the calling thread, with this executor as the current one; otherwise as
    /// [`executor::block_on`](crate::block_on).
    ///
    /// # Panics
    ///
    /// A panic of the future unwinds out of this call. In a forked child, which has none of the
    /// executor's threads, the call panics instead of waiting for ever.
    ///
    /// ```
    /// assert_eq!(executor::Handle::current().block_on(async { 7 }), 7);
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        if const { is_large::<F>() } {
            block_on::block_on(&self.scheduler, Box::pin(future))
        } else {
            block_on::block_on(&self.scheduler, future)
        }
    }

    /// Returns a snapshot of the scheduler's state and counters.
    ///
    /// ```
    /// assert!(executor::Handle::current().metrics().threads() >= 1);
    /// ```
    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.scheduler)
    }

    /// Changes the number of workers, N, while tasks run: from now on the executor polls `n` tasks at
    /// a time. Returns the number before. (Go's `runtime.GOMAXPROCS(n)`.)
    ///
    /// More workers take up the tasks that wait at once: threads that sleep are woken, and others are
    /// started as far as there is work for them. Fewer: whichever threads are too many stop running
    /// tasks once the polls are over that they are in, and others run what waits for them. Those
    /// that nobody has needed for 10 s end.
    ///
    /// May be called from anywhere, as often as one likes, and from several threads: one of the calls
    /// is the last, and its number stays. Each call returns what the one before it has set. As for
    /// [`Builder::workers`](crate::Builder::workers), the number may exceed that of the cores. On an
    /// executor that has ended the call returns the number as always, and has no other effect.
    ///
    /// Where nobody has chosen the number, it follows the cores that the process may use. From the
    /// first call on it does not.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput), with a text that says the way out, if `n` is 0,
    /// or above [`Builder::max_threads`](crate::Builder::max_threads), which by default is 512 more
    /// than the workers at the start; and for any `n` if the executor was built with
    /// [`handoff(false)`](crate::Builder::handoff), for its threads are as many as its workers. The
    /// number stays what it was.
    ///
    /// ```
    /// let executor = executor::Executor::builder().workers(1).build()?;
    /// let handle = executor.handle();
    /// assert_eq!(handle.set_workers(4)?, 1);
    /// assert_eq!(handle.metrics().workers(), 4);
    /// assert_eq!(handle.set_workers(2)?, 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_workers(&self, n: usize) -> io::Result<usize> {
        let scheduler = &self.scheduler;
        scheduler.workers.set(scheduler, &scheduler.config, n)
    }

    /// Tells executors apart that live at the same time: their threads' name may be the same, the
    /// id is not.
    pub(crate) fn fmt_as(&self, type_name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scheduler {
            id, config, idle, ..
        } = &*self.scheduler;
        f.debug_struct(type_name)
            .field("thread_name", &config.thread_name)
            .field("id", &id.get())
            .field("workers", &idle.permits())
            .finish()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as("Handle", f)
    }
}

/// Spawns a detached task, for library code that is generic over executors. Fails once the executor
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
