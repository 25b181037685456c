//! Executors that have an owner, and the process-wide default one.

use crate::{
    blocking::block_in_place,
    builder::Builder,
    error::ShutdownError,
    handle::Handle,
    idle::pool::Pool,
    join::JoinHandle,
    scheduler::{Scheduler, config::Config, context, metrics::Metrics, schedtrace::SchedTrace},
};
use futures_task::{FutureObj, Spawn, SpawnError};
use std::{fmt, future::Future, io, mem, ptr::NonNull, time::Duration};

/// An executor with its own workers, which ends when it is dropped.
///
/// Most programs need none: the free functions use the process-wide default executor.
///
/// Dropping it cancels what is left: no task is polled after the drop returns, every future that
/// was left has been dropped, and every thread has been joined. It therefore waits for blocking
/// calls that are under way ([`shutdown_timeout`](Executor::shutdown_timeout) does not). Dropped by
/// one of its own tasks it gives the signal and does not wait. In a process forked from its own, where
/// it has no threads, it leaves everything as it is.
///
/// # Examples
///
/// ```
/// use executor::Executor;
///
/// let executor = Executor::builder().workers(2).build()?;
/// let task = executor.spawn(async { executor::spawn(async { 20 }).await.unwrap() + 1 });
/// assert_eq!(executor.block_on(task).unwrap(), 21);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Executor {
    handle: Handle,
    /// Ends with the executor.
    schedtrace: Option<SchedTrace>,
    /// Told to end, and waited for as long as was asked.
    ended: bool,
}

impl Executor {
    /// Starts an executor with the defaults of [`Builder`].
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    ///
    /// # Panics
    ///
    /// As [`Builder::build`].
    ///
    /// ```
    /// let executor = executor::Executor::new()?;
    /// assert_eq!(executor.block_on(async { 1 + 1 }), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new() -> io::Result<Executor> {
        Executor::builder().build()
    }

    /// The settings of an executor to be.
    ///
    /// ```
    /// let executor = executor::Executor::builder().workers(1).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn start(config: Config) -> io::Result<Executor> {
        let (scheduler, schedtrace) = SchedTrace::start_with_scheduler(config)?;
        Ok(Executor {
            handle: Handle::new(scheduler),
            schedtrace,
            ended: false,
        })
    }

    fn scheduler(&self) -> &Scheduler {
        &self.handle.scheduler
    }

    /// A handle that spawns here from anywhere, also after this executor is gone.
    ///
    /// ```
    /// let executor = executor::Executor::new()?;
    /// let handle = executor.handle();
    /// let task = std::thread::spawn(move || handle.spawn(async { 7 })).join().unwrap();
    /// assert_eq!(executor.block_on(task).unwrap(), 7);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// As [`executor::spawn`](crate::spawn), on this executor.
    ///
    /// ```
    /// let executor = executor::Executor::new()?;
    /// let task = executor.spawn(async { 7 });
    /// assert_eq!(executor.block_on(task).unwrap(), 7);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// As [`executor::spawn_blocking`](crate::spawn_blocking), on this executor.
    ///
    /// ```
    /// let executor = executor::Executor::new()?;
    /// let task = executor.spawn_blocking(|| std::fs::metadata("."));
    /// assert!(executor.block_on(task).unwrap().is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn_blocking(f)
    }

    /// As [`executor::block_on`](crate::block_on), with this executor as the current one.
    ///
    /// # Panics
    ///
    /// A panic of the future unwinds out of this call. In a process forked from the executor's own, whose
    /// threads are not there, it panics instead of waiting for a wake-up.
    ///
    /// ```
    /// let executor = executor::Executor::new()?;
    /// let sum = executor.block_on(async { executor::spawn(async { 2 }).await.unwrap() + 2 });
    /// assert_eq!(sum, 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    /// A snapshot of the scheduler's state and counters.
    ///
    /// ```
    /// let executor = executor::Executor::builder().workers(2).build()?;
    /// assert_eq!(executor.metrics().threads(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn metrics(&self) -> Metrics {
        self.handle.metrics()
    }

    /// Ends the executor as dropping it does, but waits for `timeout` at most.
    ///
    /// Called by one of its own tasks it waits for nothing, as the drop would.
    ///
    /// # Errors
    ///
    /// [`ShutdownError`] if threads still sit in a blocking call when the time is up. They poll
    /// nothing any more, and end when the call returns.
    ///
    /// # Panics
    ///
    /// In a process forked from the executor's own.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let executor = executor::Executor::new()?;
    /// executor.spawn(std::future::pending::<()>());
    /// executor.shutdown_timeout(Duration::from_secs(60))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Result<(), ShutdownError> {
        self.scheduler().refuse_in_forked_child();
        let waited = timeout;
        match self.end(Some(timeout)) {
            0 => Ok(()),
            threads => Err(ShutdownError { threads, waited }),
        }
    }

    /// Closes the scheduler and waits for its threads. Returns how many there still are.
    fn end(&mut self, timeout: Option<Duration>) -> usize {
        self.ended = true;
        let scheduler = &self.handle.scheduler;
        if scheduler.is_in_forked_child() {
            // Futures may be in the midst of a poll for ever, and there is no thread to wait for.
            mem::forget(self.schedtrace.take());
            return scheduler.idle.machines().total;
        }
        scheduler.close();
        let address = NonNull::from(&**scheduler);
        let on_own_thread =
            context::with_worker(|worker| worker.is_some_and(|worker| worker.belongs_to(address)));
        if on_own_thread {
            return scheduler.idle.machines().total;
        }
        // Another executor's task may be waiting here.
        block_in_place(|| scheduler.join_machines(timeout))
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        if !self.ended {
            self.end(None);
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("workers", &self.scheduler().config.workers)
            .finish()
    }
}

/// Spawns a detached task, for library code that is generic over executors; never fails.
impl Spawn for Executor {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        drop(self.spawn(future));
        Ok(())
    }
}
