//! The free functions. They act on the current executor, elsewhere on the default one.

use crate::{
    blocking::in_place,
    handle::Handle,
    join::JoinHandle,
    scheduler::{default::with_current_or_default, task::is_large, task_id::TaskId},
};
use std::future::Future;

/// Runs a future on the calling thread, and returns the future's output.
///
/// The call returns as soon as *its* future is done. Other tasks keep running until the process
/// exits. Like goroutines, they do not outlive `main`.
///
/// The future need be neither [`Send`] nor `'static`. Only `block_on` runs a future that is not
/// `Send`. Several threads may call it at once.
///
/// The thread parks between two polls of the future. It runs no tasks; the workers of the current
/// executor run them. So a task that blocks cannot keep `block_on` from returning.
///
/// `block_on` also works inside a task. While the call waits, a stand-in thread goes on with the
/// worker's other tasks.
///
/// If your main exchanges many messages with its tasks, spawn it too: `block_on(spawn(main()))`. It
/// is then a task like any other, as Go's main goroutine is.
///
/// # Panics
///
/// A panic of the future unwinds out of this call. In a forked child, which has none of the
/// executor's threads, the call panics instead of waiting for ever. If this call has to start the
/// default executor and cannot, it panics: see [`Builder::build`](crate::Builder::build).
///
/// # Examples
///
/// ```
/// use executor::JoinError;
///
/// let greeting = String::from("hello");
/// let length = executor::block_on(async {
///     let five = executor::spawn(async { 5 });
///     Ok::<_, JoinError>(five.await? + greeting.len()) // borrows from outside
/// });
/// assert_eq!(length?, 10);
/// # Ok::<(), JoinError>(())
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    // Each call that a large future passes through copies it on the stack.
    if const { is_large::<F>() } {
        Handle::current().block_on(Box::pin(future))
    } else {
        Handle::current().block_on(future)
    }
}

/// Starts a task, as Go's `go` statement does.
///
/// `spawn` can be called from anywhere: in a task, on a plain thread, on another runtime's thread,
/// in a `Drop`. It does not wait for the task. On an executor that has shut down, the future is
/// dropped at once, and the handle yields an error that
/// [is a cancellation](crate::JoinError::is_cancelled).
///
/// The first call that needs the default executor starts it, and blocks until its threads have been
/// started. So does a call that comes while another thread starts it.
///
/// Dropping the handle detaches the task.
///
/// A panic of the task is caught: the task's worker goes on, and the handle yields an error that
/// [is a panic](crate::JoinError::is_panic).
///
/// # Panics
///
/// If this call has to start the default executor, and cannot: see
/// [`Builder::build`](crate::Builder::build).
///
/// # Examples
///
/// ```
/// let sum = executor::block_on(async {
///     let tasks: Vec<_> = (0..10).map(|i| executor::spawn(async move { i * i })).collect();
///     let mut sum = 0;
///     for task in tasks {
///         sum += task.await?;
///     }
///     Ok::<_, executor::JoinError>(sum)
/// });
/// assert_eq!(sum?, 285);
/// # Ok::<(), executor::JoinError>(())
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let id = TaskId::here();
    // A closure that captures a large future copies it on the stack.
    if const { is_large::<F>() } {
        spawn_on_current(id, Box::pin(future))
    } else {
        spawn_on_current(id, future)
    }
}

#[track_caller]
fn spawn_on_current<F>(id: TaskId, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    with_current_or_default(|scheduler| JoinHandle::new(scheduler.spawn(id, (), future)))
}

/// Starts a closure that may block its thread: file access, DNS, a C library.
///
/// The closure runs in a task that calls [`block_in_place`](crate::block_in_place). There is no
/// second pool of threads: a short closure costs little more than its task, and if it takes long, a
/// stand-in thread goes on with the worker's other tasks.
///
/// Aborting the task works until the closure has started. A closure that has not started when its
/// executor ends, or when `main` returns, is dropped: what it was to write is not written. So await
/// the handles of those that must run.
///
/// # Panics
///
/// See [`spawn`].
///
/// # Examples
///
/// ```
/// let file = executor::spawn_blocking(|| std::fs::read_to_string("Cargo.toml"));
/// let text = executor::block_on(file)??;
/// assert!(text.contains("[package]"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    if const { is_large::<F>() } {
        spawn(in_place(Box::new(f)))
    } else {
        spawn(in_place(f))
    }
}
