//! Code that blocks its thread.

use crate::scheduler::{context, worker::Worker};

/// Runs `f`, which may block, on this thread. If that takes long, a stand-in thread goes on with the
/// worker's other tasks.
///
/// A call that takes some microseconds costs what it costs without this. When it has taken some
/// 0.5 ms, what waits behind it runs elsewhere; and it does at once while such calls have been long
/// of late. When `f` returns, this task goes on at once, and the now surplus thread goes back to
/// sleep.
///
/// The design is that of Go's system calls (`entersyscall`, `retake`).
///
/// The call just runs `f` where there is no worker (on a plain thread, in
/// [`block_on`](crate::block_on) outside a task), and on an executor built with
/// [`handoff(false)`](crate::Builder::handoff).
///
/// [`max_threads`](crate::Builder::max_threads) limits the number of stand-ins. At that limit `f`
/// still runs, and the other tasks wait until a thread comes back.
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
/// let text = executor::block_on(task)??;
/// assert!(text.contains("[package]"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn block_in_place<F, T>(f: F) -> T
where
    F: FnOnce() -> T,
{
    context::with_worker(|worker| {
        let _call = worker.and_then(Worker::begin_call);
        f()
    })
}

/// Returns the future of a `spawn_blocking`. A large closure is boxed before.
#[expect(clippy::manual_async_fn, reason = "it would keep its argument twice")]
pub(crate) fn in_place<F, T>(f: F) -> impl Future<Output = T>
where
    F: FnOnce() -> T,
{
    async move { block_in_place(f) }
}
