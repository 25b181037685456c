//! What a handle or a shutdown reports when things did not go as asked.

use crate::{scheduler::task_id::TaskId, sync::panic::Panic};
use std::{any::Any, error::Error, fmt, time::Duration};

/// Why a task has no result: it panicked, or it was cancelled.
///
/// A task is cancelled by [`JoinHandle::abort`](crate::JoinHandle::abort) and its kin, and by the
/// end of its executor.
///
/// # Examples
///
/// ```
/// let error = executor::block_on(executor::spawn(async { panic!("out of cheese") })).unwrap_err();
/// assert!(error.is_panic());
/// assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "out of cheese");
/// ```
pub struct JoinError {
    id: TaskId,
    /// The panic; none if the task was cancelled.
    panic: Option<Panic>,
}

impl JoinError {
    pub(crate) fn cancelled(id: TaskId) -> JoinError {
        JoinError { id, panic: None }
    }

    pub(crate) fn panicked(id: TaskId, panic: Panic) -> JoinError {
        JoinError {
            id,
            panic: Some(panic),
        }
    }

    /// Whether the task panicked.
    ///
    /// ```
    /// let task = executor::spawn(async { panic!("no") });
    /// assert!(executor::block_on(task).unwrap_err().is_panic());
    /// ```
    pub fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// Whether the task was cancelled: aborted, or dropped at the end of its executor.
    ///
    /// ```
    /// let task = executor::spawn(std::future::pending::<()>());
    /// task.abort();
    /// assert!(executor::block_on(task).unwrap_err().is_cancelled());
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.panic.is_none()
    }

    /// The payload of the task's panic, as [`std::panic::resume_unwind`] takes it.
    ///
    /// # Panics
    ///
    /// If the task did not panic; [`try_into_panic`](JoinError::try_into_panic) does not.
    ///
    /// ```
    /// let error = executor::block_on(executor::spawn(async { panic!("no") })).unwrap_err();
    /// assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "no");
    /// ```
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        self.try_into_panic().unwrap_or_else(|error| {
            panic!("`into_panic` on a task that did not panic ({error}): ask `is_panic` first")
        })
    }

    /// The payload of the task's panic, or this error back if the task was cancelled.
    ///
    /// # Errors
    ///
    /// This same error, if [`is_cancelled`](JoinError::is_cancelled).
    ///
    /// ```
    /// let task = executor::spawn(std::future::pending::<()>());
    /// task.abort();
    /// let error = executor::block_on(task).unwrap_err();
    /// assert!(error.try_into_panic().unwrap_err().is_cancelled());
    /// ```
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        let id = self.id;
        self.panic
            .map(Panic::into_payload)
            .ok_or(JoinError { id, panic: None })
    }

    /// The task's id.
    ///
    /// ```
    /// let task = executor::spawn(async { panic!("no") });
    /// let id = task.id();
    /// assert_eq!(executor::block_on(task).unwrap_err().id(), id);
    /// ```
    pub fn id(&self) -> TaskId {
        self.id
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.panic.as_ref().map(Panic::message) {
            None => write!(f, "task {} was cancelled", self.id),
            Some(None) => write!(f, "task {} panicked", self.id),
            Some(Some(message)) => write!(f, "task {} panicked: {message}", self.id),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.panic.as_ref().map(Panic::message) {
            None => write!(f, "JoinError::Cancelled({:?})", self.id),
            Some(message) => write!(f, "JoinError::Panic({:?}, {:?})", self.id, message),
        }
    }
}

impl Error for JoinError {}

/// [`Executor::shutdown_timeout`](crate::Executor::shutdown_timeout) gave up waiting: some threads
/// still sit in a call that does not return.
///
/// The executor is shut down all the same: those threads poll nothing any more, and end as soon as
/// the calls that they sit in return.
///
/// # Examples
///
/// ```
/// use std::{sync::mpsc, time::Duration};
///
/// let executor = executor::Executor::builder().workers(1).build()?;
/// let (started, is_started) = mpsc::channel();
/// let (release, released) = mpsc::channel::<()>();
/// executor.spawn_blocking(move || {
///     started.send(()).unwrap();
///     released.recv()
/// });
/// is_started.recv()?;
/// let error = executor.shutdown_timeout(Duration::from_millis(10)).unwrap_err();
/// assert_eq!(error.threads(), 1);
/// drop(release);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ShutdownError {
    pub(crate) threads: usize,
    pub(crate) waited: Duration,
}

impl ShutdownError {
    /// The threads that had not ended when the time was up.
    ///
    /// ```
    /// # use std::time::Duration;
    /// fn report(end: Result<(), executor::ShutdownError>) -> usize {
    ///     end.map_or_else(|error| error.threads(), |()| 0)
    /// }
    /// let executor = executor::Executor::new()?;
    /// assert_eq!(report(executor.shutdown_timeout(Duration::from_secs(60))), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn threads(&self) -> usize {
        self.threads
    }
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ShutdownError { threads, waited } = self;
        write!(
            f,
            "{threads} thread(s) of the executor still sit in a blocking call after {waited:?}; \
             they end by themselves when the call returns"
        )
    }
}

impl Error for ShutdownError {}
