//! Executors that have an owner.

use crate::{
    blocking::block_in_place,
    builder::Builder,
    error::ShutdownError,
    handle::Handle,
    idle::pool::Pool,
    join::JoinHandle,
    scheduler::{
        Scheduler,
        config::Config,
        context,
        metrics::Metrics,
        observer::is_observing,
        schedtrace::{SchedTrace, Wanted},
        task::is_large,
    },
};
use futures_task::{FutureObj, Spawn, SpawnError};
use std::{
    fmt,
    future::Future,
    io, mem,
    panic::{RefUnwindSafe, UnwindSafe},
    time::Duration,
};

/// Runs tasks on workers of its own, and ends when it is dropped.
///
/// Most programs need none: the free functions use the process-wide default executor.
///
/// To share an executor, give out clones of its [`handle`](Executor::handle), which do not keep it
/// running; or put it into an [`Arc`](std::sync::Arc), whose last clone ends it.
///
/// # Drop
///
/// Dropping an executor cancels what is left. When the drop returns, every future that was left has
/// been dropped, every thread has been joined, and no task is polled any more. So the drop waits
/// for blocking calls that are under way; [`shutdown_timeout`](Executor::shutdown_timeout) limits
/// that wait.
///
/// In two cases the drop does not wait:
///
/// * If one of the executor's own tasks drops it, the drop tells the threads to end, and returns.
/// * In a process forked from the executor's own, which has none of its threads, the drop leaves
///   everything as it is.
///
/// # Examples
///
/// ```
/// use executor::{Executor, JoinError};
///
/// let executor = Executor::builder().workers(2).build()?;
/// let task = executor.spawn(async {
///     let twenty = executor::spawn(async { 20 }); // on the same executor
///     Ok::<_, JoinError>(twenty.await? + 1)
/// });
/// assert_eq!(executor.block_on(task)??, 21);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "dropping an executor ends it, and waits for its threads"]
pub struct Executor {
    handle: Handle,
    /// Ends with the executor.
    schedtrace: Option<SchedTrace>,
    /// Whether the threads were told to end, and were waited for as long as was asked.
    ended: bool,
}

/// A panic leaves no executor half changed: its threads catch the panics of tasks, and a caller's
/// panic interrupts no change of the scheduler.
impl UnwindSafe for Executor {}
// As for `UnwindSafe`.
impl RefUnwindSafe for Executor {}

impl Executor {
    /// Starts an executor with the default settings of [`Builder`].
    ///
    /// # Errors
    ///
    /// See [`Builder::build`].
    ///
    /// # Panics
    ///
    /// See [`Builder::build`].
    ///
    /// ```
    /// let executor = executor::Executor::new()?;
    /// assert_eq!(executor.block_on(async { 1 + 1 }), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn new() -> io::Result<Executor> {
        Executor::builder().build()
    }

    /// Returns a [`Builder`] with the default settings, as [`Builder::new`] does.
    ///
    /// ```
    /// let executor = executor::Executor::builder().workers(1).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }

    #[track_caller]
    pub(crate) fn start(config: Config) -> io::Result<Executor> {
        let (scheduler, schedtrace) =
            SchedTrace::start_with_scheduler(config, Wanted::of_environment())?;
        Ok(Executor {
            handle: Handle::new(scheduler),
            schedtrace,
            ended: false,
        })
    }

    fn scheduler(&self) -> &Scheduler {
        &self.handle.scheduler
    }

    /// Returns a handle that spawns on this executor from anywhere. It may outlive the executor.
    ///
    /// ```
    /// let executor = executor::Executor::new()?;
    /// let handle = executor.handle();
    /// let task = std::thread::spawn(move || handle.spawn(async { 7 })).join().unwrap();
    /// assert_eq!(executor.block_on(task)?, 7);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Starts a task on this executor; otherwise as [`executor::spawn`](crate::spawn).
    ///
    /// ```
    /// let executor = executor::Executor::new()?;
    /// let task = executor.spawn(async { 7 });
    /// assert_eq!(executor.block_on(task)?, 7);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if const { is_large::<F>() } {
            self.handle.spawn(Box::pin(future))
        } else {
            self.handle.spawn(future)
        }
    }

    /// Starts a closure that may block, on this executor; otherwise as
    /// [`executor::spawn_blocking`](crate::spawn_blocking).
    ///
    /// ```
    /// let executor = executor::Executor::new()?;
    /// let task = executor.spawn_blocking(|| std::fs::metadata("."));
    /// assert!(executor.block_on(task)??.is_dir());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if const { is_large::<F>() } {
            self.handle.spawn_blocking(Box::new(f))
        } else {
            self.handle.spawn_blocking(f)
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
    /// In a [simulation](crate::sim), if the executor is another than the simulated one; and if it is
    /// a simulated one, on any thread but its own.
    ///
    /// ```
    /// let executor = executor::Executor::new()?;
    /// let sum = executor.block_on(async {
    ///     let two = executor::spawn(async { 2 });
    ///     Ok::<_, executor::JoinError>(two.await? + 2)
    /// });
    /// assert_eq!(sum?, 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        if const { is_large::<F>() } {
            self.handle.block_on(Box::pin(future))
        } else {
            self.handle.block_on(future)
        }
    }

    /// Returns a snapshot of the scheduler's state and counters.
    ///
    /// ```
    /// let executor = executor::Executor::builder().workers(2).build()?;
    /// assert_eq!(executor.metrics().threads(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn metrics(&self) -> Metrics {
        self.handle.metrics()
    }

    /// Ends the executor as dropping it does, but waits for at most `timeout`: until every thread
    /// has left its tasks, and has run the destructors of its thread-locals.
    ///
    /// On one of the executor's own threads, in one of its tasks for example, the call waits for
    /// nothing: a thread cannot wait for itself. The executor then ends by itself.
    ///
    /// # Errors
    ///
    /// [`ShutdownError`] if threads still sit in a blocking call, or in a destructor, when the time
    /// is up, or if the call came from one of the executor's own threads. Threads that are left
    /// poll nothing any more, and end when the call that they sit in returns.
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
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Result<(), ShutdownError> {
        self.scheduler().refuse_in_forked_child();
        self.end(Some(timeout))
    }

    /// Tells all threads to end, and waits for them: for at most `timeout` if there is one, and not
    /// at all on one of them.
    fn end(&mut self, timeout: Option<Duration>) -> Result<(), ShutdownError> {
        self.ended = true;
        let scheduler = &self.handle.scheduler;
        scheduler.close();
        let on_own_thread =
            context::with_worker(|worker| worker.is_some_and(|worker| worker.is_of(scheduler)));
        // Whoever is told of a wake-up holds a task that the executor waits for.
        if on_own_thread || is_observing() {
            let threads = scheduler.idle.machines().total;
            return Err(ShutdownError::on_own_thread(threads));
        }
        // Another executor's task may be waiting here.
        let left = block_in_place(|| scheduler.join_machines(timeout));
        match (left, timeout) {
            (0, _) | (_, None) => Ok(()),
            (threads, Some(waited)) => Err(ShutdownError::time_is_up(threads, waited)),
        }
    }

    /// In a forked child: futures may be in the midst of a poll for ever, and there is no thread to
    /// wait for.
    fn leave_as_it_is(&mut self) {
        self.ended = true;
        mem::forget(self.schedtrace.take());
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if self.scheduler().is_in_forked_child() {
            return self.leave_as_it_is();
        }
        // Nobody is there to be told that this is one of the executor's own threads.
        let _ = self.end(None);
    }
}

impl fmt::Debug for Executor {
    /// Names the executor as its handles do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt_as("Executor", f)
    }
}

/// Spawns a detached task, for library code that is generic over executors. Never fails.
impl Spawn for Executor {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        drop(self.spawn(future));
        Ok(())
    }
}
