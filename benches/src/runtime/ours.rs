//! This project's executor: an owned one, and the default one of the process.

use super::{Runtime, TaskSet};
use executor::{Executor, JoinHandle, JoinSet};
use std::{
    future::Future,
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
    time::Duration,
};

/// This project's executor.
#[derive(Debug)]
pub enum Ours<const OWNED: bool> {}

/// An `Executor` with a value, which could be shut down.
pub type OwnedExecutor = Ours<true>;

/// The default executor, which the free functions start. Its workers come from `EXECUTOR_WORKERS`.
pub type DefaultExecutor = Ours<false>;

static INSTANCE: OnceLock<Executor> = OnceLock::new();

fn instance() -> &'static Executor {
    INSTANCE.get().expect("the runtime was started")
}

/// A handle whose task does not fail.
#[derive(Debug)]
pub struct Joined<T>(JoinHandle<T>);

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|outcome| outcome.expect("no task of a workload fails"))
    }
}

impl TaskSet for JoinSet<usize> {
    fn spawn<F>(&mut self, future: F)
    where
        F: Future<Output = usize> + Send + 'static,
    {
        JoinSet::spawn(self, future);
    }

    async fn join_next(&mut self) -> Option<usize> {
        let joined = JoinSet::join_next(self).await?;
        Some(joined.expect("no task of a workload fails"))
    }
}

impl<const OWNED: bool> Runtime for Ours<OWNED> {
    type Join<T: Send + 'static> = Joined<T>;
    type Set = JoinSet<usize>;

    fn start(workers: usize) {
        if !OWNED {
            return executor::block_on(async {});
        }
        INSTANCE.get_or_init(|| {
            Executor::builder()
                .workers(workers)
                .build()
                .expect("an executor starts")
        });
    }

    fn spawn<F>(future: F) -> Joined<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Joined(executor::spawn(future))
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(executor::spawn(future));
    }

    fn spawn_outside<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if OWNED {
            drop(instance().spawn(future));
        } else {
            drop(executor::spawn(future));
        }
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        if OWNED {
            instance().block_on(future)
        } else {
            executor::block_on(future)
        }
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        executor::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        executor::time::sleep(duration)
    }

    async fn timeout<F>(duration: Duration, future: F) -> Option<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        executor::time::timeout(duration, future).await.ok()
    }

    fn blocking<F, T>(f: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Joined(executor::spawn_blocking(f))
    }
}
