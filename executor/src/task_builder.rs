//! Tasks with a name.

use crate::{
    blocking::in_place,
    handle::Handle,
    join::JoinHandle,
    scheduler::{
        Scheduler,
        default::with_current_or_default,
        task::is_large,
        task_id::TaskId,
        task_name::{Name, Named},
    },
};
use std::{borrow::Cow, future::Future, sync::Arc};

/// Collects what is to be known of a task, and spawns it.
///
/// The task's name appears
///
/// * in the text of its [`JoinError`](crate::JoinError);
/// * if it panics, in an error that is logged after the panic hook was called: a hook cannot be
///   told the name, but may ask the [current task's id](crate::TaskId::current) for it. Where
///   logging is off, the line goes to standard error;
/// * in the report of a poll that takes longer than a second;
/// * as [`TaskId::name`](crate::TaskId::name), as long as the task lives.
///
/// Names need not be unique. A task without a name costs what one costs that `spawn` starts.
///
/// # Examples
///
/// ```
/// use executor::TaskBuilder;
///
/// let task = TaskBuilder::new().name("conn").spawn(std::future::pending::<()>());
/// task.abort();
/// let id = task.id();
/// let error = executor::block_on(task).unwrap_err();
/// assert_eq!(error.to_string(), format!("task {id} `conn` was cancelled"));
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a builder starts no task until `spawn` is called"]
pub struct TaskBuilder {
    name: Option<Name>,
}

impl TaskBuilder {
    /// Returns a builder of tasks without a name.
    ///
    /// ```
    /// let task = executor::TaskBuilder::new().spawn(async { 7 });
    /// assert_eq!(executor::block_on(task)?, 7);
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    pub fn new() -> TaskBuilder {
        TaskBuilder::default()
    }

    /// Sets the task's name: a literal, or a `String`.
    ///
    /// ```
    /// let peer = "192.0.2.7:443";
    /// let task = executor::TaskBuilder::new().name(format!("conn {peer}")).spawn(async {});
    /// executor::block_on(task)?;
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    pub fn name(self, name: impl Into<Cow<'static, str>>) -> TaskBuilder {
        TaskBuilder {
            name: Some(name.into()),
        }
    }

    /// Starts the task on the current executor; otherwise as [`executor::spawn`](crate::spawn).
    ///
    /// # Panics
    ///
    /// See [`executor::spawn`](crate::spawn).
    ///
    /// ```
    /// let task = executor::TaskBuilder::new().name("answer").spawn(async { 42 });
    /// assert_eq!(executor::block_on(task)?, 42);
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // A closure that captures a large future copies it on the stack.
        if const { is_large::<F>() } {
            self.spawn_on_current(Box::pin(future))
        } else {
            self.spawn_on_current(future)
        }
    }

    #[track_caller]
    fn spawn_on_current<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = Unborn::here(self);
        with_current_or_default(|scheduler| task.spawn(scheduler, future))
    }

    /// Starts the task on the executor of `handle`; otherwise as [`Handle::spawn`].
    ///
    /// ```
    /// let executor = executor::Executor::new()?;
    /// let task = executor::TaskBuilder::new()
    ///     .name("answer")
    ///     .spawn_on(async { 42 }, &executor.handle());
    /// assert_eq!(executor.block_on(task)?, 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = Unborn::here(self);
        if const { is_large::<F>() } {
            task.spawn(&handle.scheduler, Box::pin(future))
        } else {
            task.spawn(&handle.scheduler, future)
        }
    }

    /// Starts a closure that may block, on the current executor; otherwise as
    /// [`executor::spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Panics
    ///
    /// See [`executor::spawn`](crate::spawn).
    ///
    /// ```
    /// let file = executor::TaskBuilder::new()
    ///     .name("manifest")
    ///     .spawn_blocking(|| std::fs::read_to_string("Cargo.toml"));
    /// assert!(executor::block_on(file)??.contains("[package]"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, T>(self, f: F) -> JoinHandle<T>
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

    /// Starts a closure that may block, on the executor of `handle`; otherwise as
    /// [`spawn_blocking`](TaskBuilder::spawn_blocking).
    ///
    /// ```
    /// let executor = executor::Executor::new()?;
    /// let task = executor::TaskBuilder::new()
    ///     .name("answer")
    ///     .spawn_blocking_on(|| 42, &executor.handle());
    /// assert_eq!(executor.block_on(task)?, 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn_blocking_on<F, T>(self, f: F, handle: &Handle) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if const { is_large::<F>() } {
            self.spawn_on(in_place(Box::new(f)), handle)
        } else {
            self.spawn_on(in_place(f), handle)
        }
    }
}

/// A task that has an id, and perhaps a name, and no future yet.
struct Unborn {
    id: TaskId,
    name: Option<Named>,
}

impl Unborn {
    #[track_caller]
    fn here(TaskBuilder { name }: TaskBuilder) -> Unborn {
        // No closures: they would not pass the caller's line on.
        match name {
            None => Unborn {
                id: TaskId::here(),
                name: None,
            },
            Some(name) => {
                let id = TaskId::here_with_name();
                let name = Some(Named::new(id, name));
                Unborn { id, name }
            }
        }
    }

    fn spawn<F>(self, scheduler: &Arc<Scheduler>, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        JoinHandle::new(match self.name {
            None => scheduler.spawn(self.id, (), future),
            Some(name) => scheduler.spawn(self.id, name, future),
        })
    }
}
