//! Errors: why a task has no output, and why an executor is not down yet.

use crate::{
    scheduler::{outcome::Failure, task_id::TaskId, task_name::Called},
    sync::panic::Panic,
};
use std::{
    any::Any,
    error::Error,
    fmt, io,
    panic::{RefUnwindSafe, UnwindSafe},
    time::Duration,
};

/// Says why a task has no output: the task panicked, or it was cancelled.
///
/// A task is cancelled by [`JoinHandle::abort`](crate::JoinHandle::abort),
/// [`JoinHandle::cancel`](crate::JoinHandle::cancel), the drop of an
/// [`AbortOnDrop`](crate::AbortOnDrop), and the end of its executor.
///
/// Converts into an [`io::Error`] of kind [`Other`](io::ErrorKind::Other) with this error inside,
/// so that `?` works in functions that return [`io::Result`].
///
/// # Examples
///
/// ```
/// let error = executor::block_on(executor::spawn(async { panic!("out of cheese") })).unwrap_err();
/// assert!(error.is_panic());
/// assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "out of cheese");
/// ```
///
/// In a function that returns [`io::Result`]:
///
/// ```
/// fn read() -> std::io::Result<String> {
///     let file = executor::spawn_blocking(|| std::fs::read_to_string("Cargo.toml"));
///     executor::block_on(file)?
/// }
/// assert!(read()?.contains("[package]"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct JoinError(Box<Failure>);

/// A panic's payload leaves by value only, so nobody sees it half changed.
impl UnwindSafe for JoinError {}
// As for `UnwindSafe`.
impl RefUnwindSafe for JoinError {}

impl JoinError {
    pub(crate) fn new(failure: Box<Failure>) -> JoinError {
        JoinError(failure)
    }

    /// Drops it unseen: a simulation has to know if it is a panic.
    pub(crate) fn ignore(mut self) {
        self.0.tell_simulation();
    }

    fn panic(&self) -> Option<&Panic> {
        self.0.panic.as_ref()
    }

    /// Returns whether the task panicked.
    ///
    /// ```
    /// let task = executor::spawn(async { panic!("no") });
    /// assert!(executor::block_on(task).unwrap_err().is_panic());
    /// ```
    #[must_use]
    pub fn is_panic(&self) -> bool {
        self.panic().is_some()
    }

    /// Returns whether the task was cancelled: aborted, or dropped at the end of its executor.
    ///
    /// ```
    /// let task = executor::spawn(std::future::pending::<()>());
    /// task.abort();
    /// assert!(executor::block_on(task).unwrap_err().is_cancelled());
    /// ```
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.panic().is_none()
    }

    /// Returns the payload of the task's panic, in the form that [`std::panic::resume_unwind`]
    /// takes.
    ///
    /// # Panics
    ///
    /// If the task was cancelled. [`try_into_panic`](JoinError::try_into_panic) does not panic
    /// then.
    ///
    /// ```
    /// let error = executor::block_on(executor::spawn(async { panic!("no") })).unwrap_err();
    /// assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "no");
    /// ```
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => {
                panic!("`into_panic` on a task that did not panic ({error}): ask `is_panic` first")
            }
        }
    }

    /// Returns the payload of the task's panic, or this error if the task was cancelled.
    ///
    /// # Errors
    ///
    /// Gives this error back if it [is a cancellation](JoinError::is_cancelled).
    ///
    /// ```
    /// let task = executor::spawn(std::future::pending::<()>());
    /// task.abort();
    /// let error = executor::block_on(task).unwrap_err();
    /// assert!(error.try_into_panic().unwrap_err().is_cancelled());
    /// ```
    pub fn try_into_panic(mut self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match self.0.panic.take() {
            Some(panic) => Ok(panic.into_payload()),
            None => Err(self),
        }
    }

    /// Returns the task's id.
    ///
    /// ```
    /// let task = executor::spawn(async { panic!("no") });
    /// let id = task.id();
    /// assert_eq!(executor::block_on(task).unwrap_err().id(), id);
    /// ```
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.0.id
    }
}

/// Names the task by its number, and by its name if it has one.
impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = Called(self.0.id, self.0.name.as_deref());
        match self.panic().map(Panic::message) {
            None => write!(f, "{task} was cancelled"),
            Some(None) => write!(f, "{task} panicked"),
            Some(Some(message)) => write!(f, "{task} panicked: {message}"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_tuple(match self.panic() {
            None => "JoinError::Cancelled",
            Some(_) => "JoinError::Panic",
        });
        text.field(&self.0.id);
        if let Some(name) = &self.0.name {
            text.field(name);
        }
        if let Some(panic) = self.panic() {
            text.field(&panic.message());
        }
        text.finish()
    }
}

impl Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        io::Error::other(error)
    }
}

/// Says that an executor's threads had not all ended when
/// [`Executor::shutdown_timeout`](crate::Executor::shutdown_timeout) returned.
///
/// There are two causes, which the [`Display`](fmt::Display) text tells apart: the time was up
/// while threads still sat in a blocking call or a long poll, or the call came from one of the
/// executor's own threads, which cannot wait for itself.
///
/// The executor is shut down in both cases. The threads that are left poll nothing any more, and
/// end by themselves as soon as the call or poll that they sit in returns.
///
/// Converts into an [`io::Error`] of kind [`TimedOut`](io::ErrorKind::TimedOut) with this error
/// inside, so that `?` works in functions that return [`io::Result`].
///
/// # Examples
///
/// ```
/// use std::{io, sync::mpsc, time::Duration};
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
/// assert_eq!(error.waited(), Duration::from_millis(10));
/// assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
/// drop(release);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutdownError {
    threads: usize,
    cause: Cause,
}

/// Why the threads were not waited for any longer.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    TimeIsUp { waited: Duration },
    OnOwnThread,
}

impl ShutdownError {
    /// The time was up, and so many threads had not ended.
    pub(crate) fn time_is_up(threads: usize, waited: Duration) -> ShutdownError {
        let cause = Cause::TimeIsUp { waited };
        ShutdownError { threads, cause }
    }

    /// The caller is one of the so many threads.
    pub(crate) fn on_own_thread(threads: usize) -> ShutdownError {
        let cause = Cause::OnOwnThread;
        ShutdownError { threads, cause }
    }

    /// Returns the number of the executor's threads that had not ended.
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
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Returns how long the call waited for the threads: the time-out that it was given, or zero if
    /// it came from one of the executor's own threads.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let executor = executor::Executor::builder().workers(1).build()?;
    /// let (sender, receiver) = std::sync::mpsc::channel::<executor::Executor>();
    /// let end = executor.spawn_blocking(move || {
    ///     receiver.recv().unwrap().shutdown_timeout(Duration::from_secs(60))
    /// });
    /// sender.send(executor)?;
    /// let error = executor::block_on(end)?.unwrap_err();
    /// assert_eq!(error.waited(), Duration::ZERO);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn waited(&self) -> Duration {
        match self.cause {
            Cause::TimeIsUp { waited } => waited,
            Cause::OnOwnThread => Duration::ZERO,
        }
    }
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = self.threads;
        match (&self.cause, threads) {
            (Cause::TimeIsUp { waited }, 1) => write!(
                f,
                "1 thread of the executor still sits in a blocking call or a long poll after \
                 {waited:?}; it ends by itself when that returns"
            ),
            (Cause::TimeIsUp { waited }, _) => write!(
                f,
                "{threads} threads of the executor still sit in blocking calls or long polls after \
                 {waited:?}; they end by themselves when those return"
            ),
            (Cause::OnOwnThread, _) => write!(
                f,
                "`shutdown_timeout` was called on one of the executor's own threads, which cannot \
                 wait for itself: the executor is shut down, and its threads ({threads} now) end \
                 by themselves"
            ),
        }
    }
}

impl Error for ShutdownError {}

impl From<ShutdownError> for io::Error {
    fn from(error: ShutdownError) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, error)
    }
}
