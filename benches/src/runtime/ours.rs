//! This project's executor: an owned one, and the default one of the process.

use super::Runtime;
use executor::{Executor, JoinHandle};
use std::{
    future::Future,
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
    time::Duration,
};

/// An `Executor` with a value, which could be shut down.
#[derive(Debug)]
pub enum OwnedExecutor {}

/// The default executor, which the free functions start. Its workers come from `EXECUTOR_WORKERS`.
#[derive(Debug)]
pub enum DefaultExecutor {}

static OWNED: OnceLock<Executor> = OnceLock::new();

fn owned() -> &'static Executor {
    OWNED.get().expect("the runtime was started")
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

impl Runtime for OwnedExecutor {
    type Join<T: Send + 'static> = Joined<T>;

    fn start(workers: usize) {
        OWNED.get_or_init(|| {
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
        drop(owned().spawn(future));
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        owned().block_on(future)
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
}

impl Runtime for DefaultExecutor {
    type Join<T: Send + 'static> = Joined<T>;

    fn start(_workers: usize) {
        executor::block_on(async {});
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
        drop(executor::spawn(future));
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        executor::block_on(future)
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
}
