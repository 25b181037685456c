//! The free functions: on the current executor, elsewhere on the default one.

use crate::{
    block_on as block_on_impl,
    blocking::in_place,
    join::JoinHandle,
    scheduler::{
        default::with_current_or_default,
        task::{SpawnMeta, is_large},
    },
};
use std::future::Future;

/// Runs a future on the calling thread, which parks in between, and returns its output.
///
/// The thread runs no task of anybody's, so a task that blocks cannot keep this call from
/// returning; the workers of the current executor run the tasks. It returns as soon as *its* future
/// is done: what else was spawned goes on only while the process lives, as goroutines do when
/// `main` returns. The future need be neither `Send` nor `'static`. Several threads may call it at
/// once.
///
/// Inside a task it works too: a stand-in thread goes on with the worker's other tasks while it waits.
///
/// A main that exchanges much with its tasks is best spawned itself, and is then a task like Go's
/// main goroutine: `block_on(spawn(main()))`.
///
/// # Panics
///
/// A panic of the future unwinds out of this call. In a process forked from the executor's own, whose
/// threads are not there, it panics instead of waiting for a wake-up.
///
/// # Examples
///
/// ```
/// let greeting = String::from("hello");
/// let length = executor::block_on(async {
///     let task = executor::spawn(async { 5 });
///     task.await.unwrap() + greeting.len()
/// });
/// assert_eq!(length, 10);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    with_current_or_default(|scheduler| block_on_impl::block_on(scheduler, future))
}

/// Starts a task, like Go's `go` statement.
///
/// Can be called from anywhere: a task, a plain thread, another runtime's thread, a `Drop`. Never
/// blocks, never fails: on an executor that has shut down the future is dropped at once, and the
/// handle yields an error that [is cancelled](crate::JoinError::is_cancelled).
///
/// Dropping the handle detaches the task. If the task panics, the panic is caught, its worker
/// lives, and the handle yields an error that [is a panic](crate::JoinError::is_panic).
///
/// # Panics
///
/// If this starts the default executor and it cannot be started: see
/// [`Builder::build`](crate::Builder::build).
///
/// # Examples
///
/// ```
/// executor::block_on(async {
///     let tasks: Vec<_> = (0..10).map(|i| executor::spawn(async move { i * i })).collect();
///     let mut sum = 0;
///     for task in tasks {
///         sum += task.await.unwrap();
///     }
///     assert_eq!(sum, 285);
/// });
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let meta = SpawnMeta::here();
    // A closure captures the future, and with a large one that is a copy of it on the stack.
    if const { is_large::<F>() } {
        spawn_on_current(meta, Box::pin(future))
    } else {
        spawn_on_current(meta, future)
    }
}

fn spawn_on_current<F>(meta: SpawnMeta, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    with_current_or_default(|scheduler| JoinHandle::new(scheduler.spawn(meta, future)))
}

/// Starts a closure that may block, as a task that at once leaves its worker's other tasks to a stand-in.
///
/// It is a task that calls [`block_in_place`](crate::block_in_place): there is no second pool of
/// threads. Aborting it works until it has started.
///
/// # Panics
///
/// As [`spawn`].
///
/// # Examples
///
/// ```
/// let file = executor::spawn_blocking(|| std::fs::read_to_string("Cargo.toml"));
/// assert!(executor::block_on(file).unwrap().is_ok());
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn(in_place(f))
}
