//! Handles that end a task and do not await it.

use crate::{
    join::{AbortOnDrop, JoinHandle},
    scheduler::{aborter::Aborter, task_id::TaskId},
};
use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
};

/// Ends a task from anywhere, without the right to its output: who awaits the task keeps that.
///
/// [`JoinHandle::abort_handle`] and [`AbortOnDrop::abort_handle`] make it, and whatever spawns on a
/// [`JoinSet`](crate::JoinSet) returns it. It may be cloned, outlives the handle and the task, and
/// dropping it changes nothing.
///
/// A handle keeps the task's memory: neither its future nor its output, which are dropped when they
/// would be without it.
///
/// The name and the meaning are those of tokio's `AbortHandle`.
///
/// # Examples
///
/// ```
/// let task = executor::spawn(std::future::pending::<()>());
/// let stop = task.abort_handle();
/// std::thread::spawn(move || stop.abort());
/// assert!(executor::block_on(task).unwrap_err().is_cancelled());
/// ```
#[derive(Clone)]
pub struct AbortHandle(Aborter);

/// There is nothing in it that a panic could leave half changed.
impl UnwindSafe for AbortHandle {}
// As for `UnwindSafe`.
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    pub(crate) fn new(aborter: Aborter) -> AbortHandle {
        AbortHandle(aborter)
    }

    /// Asks for the end of the task, as [`JoinHandle::abort`] does.
    ///
    /// ```
    /// let task = executor::spawn(std::future::pending::<()>());
    /// task.abort_handle().abort();
    /// assert!(executor::block_on(task).unwrap_err().is_cancelled());
    /// ```
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Returns whether the task has ended, as [`JoinHandle::is_finished`] does.
    ///
    /// ```
    /// let task = executor::spawn(async {});
    /// let handle = task.abort_handle();
    /// executor::block_on(task)?;
    /// assert!(handle.is_finished());
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Returns the task's id.
    ///
    /// ```
    /// let task = executor::spawn(async {});
    /// assert_eq!(task.abort_handle().id(), task.id());
    /// ```
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.0.id()
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("id", &self.id())
            .field("is_finished", &self.is_finished())
            .finish()
    }
}

impl<T> JoinHandle<T> {
    /// Returns a handle that ends the task and does not await it. There may be any number of them.
    ///
    /// ```
    /// let task = executor::spawn(std::future::pending::<()>());
    /// let stop = task.abort_handle();
    /// drop(task); // detaches the task
    /// stop.abort();
    /// ```
    #[must_use = "an abort handle does nothing by itself"]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(Aborter::of(self.joiner()))
    }
}

impl<T> AbortOnDrop<T> {
    /// Returns a handle that ends the task and does not await it, as
    /// [`JoinHandle::abort_handle`] does. Dropping that one does not abort the task.
    ///
    /// ```
    /// let task = executor::spawn(async { 7 }).abort_on_drop();
    /// drop(task.abort_handle());
    /// assert_eq!(executor::block_on(task)?, 7);
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    #[must_use = "an abort handle does nothing by itself"]
    pub fn abort_handle(&self) -> AbortHandle {
        self.handle().abort_handle()
    }
}
