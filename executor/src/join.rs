//! Handles to tasks: to await, abort and detach them.

use crate::{
    error::JoinError,
    scheduler::{
        task::{self, Joiner},
        task_id::TaskId,
    },
};
use std::{
    fmt,
    future::Future,
    mem::ManuallyDrop,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    task::{Context, Poll},
};

/// A handle to a task. Awaiting the handle waits for the task, and yields its output.
///
/// Dropping the handle *detaches* the task: the task runs on by itself, as a goroutine does. To end
/// the task early, call [`abort`](JoinHandle::abort) or [`cancel`](JoinHandle::cancel), or wrap the
/// handle with [`abort_on_drop`](JoinHandle::abort_on_drop). An
/// [`abort_handle`](JoinHandle::abort_handle) ends it from elsewhere.
///
/// The task's future is dropped before the handle yields. The handle works under any executor, and
/// after the end of its own.
///
/// # Errors
///
/// The handle yields a [`JoinError`] if the task panicked, was aborted, or was dropped at the end
/// of its executor.
///
/// # Panics
///
/// If the handle is polled after it was ready.
///
/// If the waker of whoever awaits the handle panics as the task ends, the process aborts.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` is cancel safe: the task keeps its result until the handle yields it.
///
/// # Examples
///
/// ```
/// let answer = executor::block_on(async {
///     let task = executor::spawn(async { 6 * 7 });
///     task.await
/// });
/// assert_eq!(answer?, 42);
/// # Ok::<(), executor::JoinError>(())
/// ```
pub struct JoinHandle<T>(ManuallyDrop<Joiner<T>>);

/// A task catches its own panic, and a result leaves the handle whole or not at all.
impl<T> UnwindSafe for JoinHandle<T> {}
// As for `UnwindSafe`.
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    pub(crate) fn new(joiner: Joiner<T>) -> JoinHandle<T> {
        JoinHandle(ManuallyDrop::new(joiner))
    }

    pub(crate) fn joiner(&self) -> &Joiner<T> {
        &self.0
    }

    /// Asks for the end of the task. Returns at once.
    ///
    /// A worker drops the future, not this call: soon if the task is not being polled, else when
    /// that poll returns `Pending`. A task that is queued is dropped without another poll. The
    /// handle then yields an error that [is a cancellation](JoinError::is_cancelled).
    ///
    /// If the task has finished already, or finishes in the poll under way, its result stays.
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

    /// Returns whether the task has ended, in whatever way. If so, awaiting the handle does not
    /// wait.
    ///
    /// ```
    /// let mut task = executor::spawn(async {});
    /// executor::block_on(&mut task)?;
    /// assert!(task.is_finished());
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Returns the task's id.
    ///
    /// ```
    /// let (a, b) = (executor::spawn(async {}), executor::spawn(async {}));
    /// assert_ne!(a.id(), b.id());
    /// ```
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.0.metadata().id()
    }

    /// Aborts the task, and waits until its future has been dropped. Returns the task's output if
    /// the task had finished first.
    ///
    /// Returns `None` for a task that panicked, and drops the payload; in a
    /// [simulation](crate::sim) such a panic is a failure. To see the panic, call
    /// [`abort`](JoinHandle::abort) and await the handle.
    ///
    /// # Cancel safety
    ///
    /// Nothing is aborted before the first poll: dropping the future until then detaches the task.
    /// After that, dropping it ends only the waiting; the abort stands.
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
        self.await.map_err(JoinError::ignore).ok()
    }

    /// Turns this handle into one that aborts the task when it is dropped, instead of detaching it.
    ///
    /// ```
    /// let task = executor::spawn(std::future::pending::<()>()).abort_on_drop();
    /// drop(task); // a worker drops the future soon
    /// ```
    pub fn abort_on_drop(self) -> AbortOnDrop<T> {
        AbortOnDrop { handle: Some(self) }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx, JoinError::new)
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
/// [`JoinHandle::abort_on_drop`] makes it. Awaiting it yields what awaiting the handle would.
///
/// # Panics
///
/// If polled after it was ready.
///
/// # Cancel safety
///
/// Awaiting `&mut task` is cancel safe. Dropping `task` aborts the task, which is its purpose.
///
/// # Examples
///
/// ```
/// let task = executor::spawn(async { 1 + 1 }).abort_on_drop();
/// assert_eq!(executor::block_on(task)?, 2);
/// # Ok::<(), executor::JoinError>(())
/// ```
#[must_use = "dropping an `AbortOnDrop` aborts its task"]
pub struct AbortOnDrop<T> {
    /// `None` once detached.
    handle: Option<JoinHandle<T>>,
}

impl<T> AbortOnDrop<T> {
    /// Returns the plain handle, whose drop detaches the task: undoes
    /// [`abort_on_drop`](JoinHandle::abort_on_drop).
    ///
    /// The name comes from tokio-util's `AbortOnDropHandle::detach`. The task is detached only when
    /// the returned handle is dropped.
    ///
    /// ```
    /// let task = executor::spawn(async { 7 }).abort_on_drop();
    /// let handle = task.detach();
    /// assert_eq!(executor::block_on(handle)?, 7);
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    #[must_use = "dropping the handle detaches the task"]
    pub fn detach(mut self) -> JoinHandle<T> {
        self.handle.take().expect("present until detached")
    }

    pub(crate) fn handle(&self) -> &JoinHandle<T> {
        self.handle.as_ref().expect("present until detached")
    }

    /// Asks for the end of the task, as [`JoinHandle::abort`] does.
    ///
    /// ```
    /// let task = executor::spawn(std::future::pending::<()>()).abort_on_drop();
    /// task.abort();
    /// assert!(executor::block_on(task).unwrap_err().is_cancelled());
    /// ```
    pub fn abort(&self) {
        self.handle().abort();
    }

    /// Returns whether the task has ended, as [`JoinHandle::is_finished`] does.
    ///
    /// ```
    /// let task = executor::spawn(std::future::pending::<()>()).abort_on_drop();
    /// assert!(!task.is_finished());
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.handle().is_finished()
    }

    /// Returns the task's id.
    ///
    /// ```
    /// let task = executor::spawn(async {});
    /// let id = task.id();
    /// assert_eq!(task.abort_on_drop().id(), id);
    /// ```
    #[must_use]
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
