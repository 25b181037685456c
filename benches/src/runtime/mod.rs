//! What every Rust runtime has to offer to be measured, a file for each runtime.
//!
//! A runtime is a type without values: it lives once in a process, is started once, and is never
//! shut down. So a workload reaches it as users do, by a global, and static dispatch leaves
//! nothing between the workload and the runtime.

#[cfg(feature = "async-executor")]
mod async_executor;
#[cfg(feature = "futures-pool")]
mod futures_pool;
mod ours;
#[cfg(feature = "tokio")]
mod tokio;
#[cfg(any(feature = "async-executor", feature = "futures-pool"))]
mod unordered;

#[cfg(feature = "async-executor")]
pub use self::async_executor::{OwnedSmol, StaticSmol};
#[cfg(feature = "futures-pool")]
pub use self::futures_pool::FuturesPool;
pub use self::ours::{DefaultExecutor, OwnedExecutor};
#[cfg(feature = "tokio")]
pub use self::tokio::Tokio;

use futures::channel::oneshot;
use std::{future::Future, thread, time::Duration};

/// A runtime with a fixed number of workers, as the workloads see it.
pub trait Runtime: Send + Sync + 'static {
    /// Resolves to what a task returns; panics if the task did.
    type Join<T: Send + 'static>: Future<Output = T> + Send + Unpin + 'static;

    /// Tasks that are joined as they end.
    type Set: TaskSet;

    /// Starts the runtime unless it runs: it keeps the number of workers of the first call.
    fn start(workers: usize);

    /// Spawns a task, on a worker or in `block_on`.
    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Spawns a task that nobody joins, on a worker or in `block_on`.
    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static;

    /// Spawns a task that nobody joins, from a thread that the runtime does not know.
    fn spawn_outside<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static;

    /// Runs a future on the calling thread.
    fn block_on<F: Future>(future: F) -> F::Output;

    /// Lets other tasks run.
    fn yield_now() -> impl Future<Output = ()> + Send + 'static;

    /// Sleeps: with async-io's timer, unless the runtime has its own.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        async move {
            async_io::Timer::after(duration).await;
        }
    }

    /// The output of `future`, or none if it takes longer.
    fn timeout<F>(
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + Send + 'static
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        let late = async move {
            async_io::Timer::after(duration).await;
            None
        };
        futures_lite::future::or(async { Some(future.await) }, late)
    }

    /// The result of a call that may block: on a thread of its own, unless the runtime has a place
    /// for such calls.
    fn blocking<F, T>(f: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (sender, result) = oneshot::channel();
        thread::spawn(move || drop(sender.send(f())));
        async { result.await.expect("no call of a workload fails") }
    }
}

/// A set of a runtime's tasks.
pub trait TaskSet: Default + Send + 'static {
    /// Spawns a task into the set, on a worker or in `block_on`.
    fn spawn<F>(&mut self, future: F)
    where
        F: Future<Output = usize> + Send + 'static;

    /// Resolves to what the next task yields that has ended; `None` if none is left.
    fn join_next(&mut self) -> impl Future<Output = Option<usize>> + Send;
}

/// Runs a future as a task, and waits for it on the calling thread.
pub fn run_as_task<R, F>(future: F) -> F::Output
where
    R: Runtime,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    R::block_on(async { R::spawn(future).await })
}
