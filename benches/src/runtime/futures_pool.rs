//! `futures`' `ThreadPool`.

use super::{Runtime, unordered::Unordered};
use futures::{executor::ThreadPool, future::RemoteHandle, task::SpawnExt};
use futures_lite::future;
use std::{future::Future, sync::OnceLock};

/// `futures::executor::ThreadPool`.
#[derive(Debug)]
pub enum FuturesPool {}

static POOL: OnceLock<ThreadPool> = OnceLock::new();

fn pool() -> &'static ThreadPool {
    POOL.get().expect("the runtime was started")
}

impl Runtime for FuturesPool {
    type Join<T: Send + 'static> = RemoteHandle<T>;
    type Set = Unordered<FuturesPool>;

    fn start(workers: usize) {
        POOL.get_or_init(|| {
            ThreadPool::builder()
                .pool_size(workers)
                .create()
                .expect("the pool starts")
        });
    }

    fn spawn<F>(future: F) -> RemoteHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        pool()
            .spawn_with_handle(future)
            .expect("the pool is never shut down")
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        pool().spawn_ok(future);
    }

    fn spawn_outside<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        pool().spawn_ok(future);
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        futures::executor::block_on(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        future::yield_now()
    }
}
