//! Code that blocks its thread.

use crate::scheduler::context;

/// Runs `f`, which may block, on this thread; a stand-in thread goes on with its worker's other tasks.
///
/// When `f` returns, this task goes on at once, and the now surplus thread goes back to sleep. Without a
/// worker (on a plain thread, in [`block_on`](crate::block_on) outside a task), or on an executor
/// built with [`handoff(false)`](crate::Builder::handoff), it just calls `f`.
///
/// The number of stand-ins is limited by [`max_threads`](crate::Builder::max_threads); beyond it
/// `f` still runs, and the others wait for a thread to come back.
///
/// # Panics
///
/// A panic of `f` unwinds out of this call.
///
/// # Examples
///
/// ```
/// let task = executor::spawn(async {
///     executor::block_in_place(|| std::fs::read_to_string("Cargo.toml"))
/// });
/// assert!(executor::block_on(task).unwrap().is_ok());
/// ```
pub fn block_in_place<F, T>(f: F) -> T
where
    F: FnOnce() -> T,
{
    context::with_worker(|worker| {
        let _blocked = worker.and_then(|worker| worker.block());
        f()
    })
}

/// What the task of a `spawn_blocking` does.
pub(crate) fn in_place<F, T>(f: F) -> impl Future<Output = T>
where
    F: FnOnce() -> T,
{
    // Not an `async fn`, which would keep its argument twice.
    async move { block_in_place(f) }
}
