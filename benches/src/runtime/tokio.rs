//! tokio's multi-threaded runtime, with its timers.

use super::{Runtime, TaskSet};
use std::{
    future::Future,
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    runtime,
    task::{JoinHandle, JoinSet},
};

/// tokio's multi-threaded runtime.
#[derive(Debug)]
pub enum Tokio {}

static RUNTIME: OnceLock<runtime::Runtime> = OnceLock::new();

fn runtime() -> &'static runtime::Runtime {
    RUNTIME.get().expect("the runtime was started")
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

impl Runtime for Tokio {
    type Join<T: Send + 'static> = Joined<T>;
    type Set = JoinSet<usize>;

    fn start(workers: usize) {
        RUNTIME.get_or_init(|| {
            runtime::Builder::new_multi_thread()
                .worker_threads(workers)
                // The sockets' driver too, if there are any.
                .enable_all()
                .build()
                .expect("tokio starts")
        });
    }

    fn spawn<F>(future: F) -> Joined<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Joined(tokio::spawn(future))
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(tokio::spawn(future));
    }

    fn spawn_outside<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(runtime().spawn(future));
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        runtime().block_on(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        tokio::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        tokio::time::sleep(duration)
    }

    async fn timeout<F>(duration: Duration, future: F) -> Option<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        tokio::time::timeout(duration, future).await.ok()
    }

    fn blocking<F, T>(f: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Joined(tokio::task::spawn_blocking(f))
    }
}
