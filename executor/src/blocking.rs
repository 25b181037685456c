//! Code that blocks its thread.

use crate::scheduler::context;

/// Runs `f`, which may block, on this thread; its worker's place is handed over at once.
///
/// The other tasks of the worker go on: a stand-in thread takes its place while `f` runs. When `f`
/// returns, this task goes on at once, and a thread that is now too many steps back. Without a
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
