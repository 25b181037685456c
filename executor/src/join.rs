//! Handles to tasks: awaiting, aborting, detaching.

use crate::{
    error::JoinError,
    scheduler::{
        task::{self, Failure, Joiner},
        task_id::TaskId,
    },
};
use std::{
    fmt,
    future::Future,
    mem::ManuallyDrop,
    pin::Pin,
    task::{Context, Poll},
};

/// A task's result in the future: `Ok` with its output, or why there is none.
///
/// Dropping the handle *detaches* the task: it runs on by itself, as a goroutine does. To end it
/// there are [`abort`](JoinHandle::abort), [`cancel`](JoinHandle::cancel) and
/// [`abort_on_drop`](JoinHandle::abort_on_drop).
///
/// The task's future has been dropped by the time the result is there. The handle works under any
/// executor, and after the end of its own.
///
/// # Errors
///
/// It yields a [`JoinError`] if the task panicked, was aborted, or was dropped at the end of its
/// executor.
///
/// # Panics
///
/// If polled after it was ready.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` is cancel safe: the result stays with the task until it is taken.
///
/// # Examples
///
/// ```
/// let answer = executor::block_on(async {
///     let task = executor::spawn(async { 6 * 7 });
///     task.await
/// });
/// assert_eq!(answer.unwrap(), 42);
/// ```
pub struct JoinHandle<T>(ManuallyDrop<Joiner<T>>);

impl<T> JoinHandle<T> {
    pub(crate) fn new(joiner: Joiner<T>) -> JoinHandle<T> {
        JoinHandle(ManuallyDrop::new(joiner))
    }

    /// Asks for the task to be dropped at its next suspension point, or promptly if it is suspended
    /// now.
    ///
    /// Returns at once. A worker drops the future, never this call. The handle then yields an
    /// error that [is cancelled](JoinError::is_cancelled); if the task has finished already, or
    /// finishes in the poll under way, its result stays.
    ///
    /// A closure of [`spawn_blocking`](crate::spawn_blocking) that has started cannot be stopped.
    ///
    /// ```
    /// let task = executor::spawn(std::future::pending::<()>());
    /// task.abort();
    /// assert!(executor::block_on(task).unwrap_err().is_cancelled());
    /// ```
    pub fn abort(&self) {
        task::abort(self.0.metadata());
    }

    /// Whether the task has ended, one way or another: awaiting the handle does not wait then.
    ///
    /// ```
    /// let mut task = executor::spawn(async {});
    /// executor::block_on(&mut task).unwrap();
    /// assert!(task.is_finished());
    /// ```
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// The task's id.
    ///
    /// ```
    /// let (a, b) = (executor::spawn(async {}), executor::spawn(async {}));
    /// assert_ne!(a.id(), b.id());
    /// ```
    pub fn id(&self) -> TaskId {
        self.0.metadata().id
    }

    /// Aborts the task and waits until its future has been dropped. Returns its output if it had
    /// finished first.
    ///
    /// A task that panicked has no output: `None`, and its payload is dropped. To see the panic,
    /// [`abort`](JoinHandle::abort) and await the handle.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its first poll, this detaches the task like any handle; dropped later, the
    /// abort stands and only the waiting ends.
    ///
    /// ```
    /// executor::block_on(async {
    ///     assert_eq!(executor::spawn(std::future::pending::<()>()).cancel().await, None);
    ///
    ///     let mut done = executor::spawn(async { 7 });
    ///     while !done.is_finished() {
    ///         executor::yield_now().await;
    ///     }
    ///     assert_eq!(done.cancel().await, Some(7));
    /// });
    /// ```
    pub async fn cancel(self) -> Option<T> {
        self.abort();
        self.await.ok()
    }

    /// The same future, but dropping it aborts the task instead of detaching it.
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// let task = executor::spawn(pending::<()>()).abort_on_drop();
    /// drop(task); // a worker drops the future soon
    /// ```
    pub fn abort_on_drop(self) -> AbortOnDrop<T> {
        AbortOnDrop { handle: Some(self) }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let id = self.id();
        Pin::new(&mut *self.0)
            .poll(cx)
            .map(|outcome| outcome.into_result().map_err(|failure| error(id, failure)))
    }
}

fn error(id: TaskId, failure: Failure) -> JoinError {
    match failure {
        Failure::Cancelled => JoinError::cancelled(id),
        Failure::Panicked(panic) => JoinError::panicked(id, panic),
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if const { !task::is_large::<T>() } {
            self.0.metadata().maker().detach();
        }
        // SAFETY: this is the last use of the joiner.
        unsafe { ManuallyDrop::take(&mut self.0) }.detach();
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .field("is_finished", &self.is_finished())
            .finish()
    }
}

/// A [`JoinHandle`] that aborts its task when it is dropped.
///
/// Made by [`JoinHandle::abort_on_drop`]. Awaiting it yields what the handle would.
///
/// # Panics
///
/// If polled after it was ready.
///
/// # Cancel safety
///
/// Awaiting `&mut task` is cancel safe; dropping it aborts the task, which is its purpose.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// executor::block_on(async {
///     let task = executor::spawn(async { 1 + 1 }).abort_on_drop();
///     assert_eq!(task.await.unwrap(), 2);
/// });
/// ```
#[must_use = "dropping it aborts the task at once"]
pub struct AbortOnDrop<T> {
    /// `None` once detached.
    handle: Option<JoinHandle<T>>,
}

impl<T> AbortOnDrop<T> {
    /// Undoes [`abort_on_drop`](JoinHandle::abort_on_drop): gives the plain handle back.
    ///
    /// ```
    /// let task = executor::spawn(async { 7 }).abort_on_drop();
    /// let handle = task.detach();
    /// assert_eq!(executor::block_on(handle).unwrap(), 7);
    /// ```
    pub fn detach(mut self) -> JoinHandle<T> {
        self.handle.take().expect("present until detached")
    }

    fn handle(&self) -> &JoinHandle<T> {
        self.handle.as_ref().expect("present until detached")
    }

    /// As [`JoinHandle::abort`].
    ///
    /// ```
    /// let task = executor::spawn(std::future::pending::<()>()).abort_on_drop();
    /// task.abort();
    /// assert!(executor::block_on(task).unwrap_err().is_cancelled());
    /// ```
    pub fn abort(&self) {
        self.handle().abort();
    }

    /// As [`JoinHandle::is_finished`].
    ///
    /// ```
    /// let task = executor::spawn(std::future::pending::<()>()).abort_on_drop();
    /// assert!(!task.is_finished());
    /// ```
    pub fn is_finished(&self) -> bool {
        self.handle().is_finished()
    }

    /// As [`JoinHandle::id`].
    ///
    /// ```
    /// let task = executor::spawn(async {});
    /// let id = task.id();
    /// assert_eq!(task.abort_on_drop().id(), id);
    /// ```
    pub fn id(&self) -> TaskId {
        self.handle().id()
    }
}

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(self.handle.as_mut().expect("present until detached")).poll(cx)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.abort();
        }
    }
}

impl<T> fmt::Debug for AbortOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AbortOnDrop").field(self.handle()).finish()
    }
}
