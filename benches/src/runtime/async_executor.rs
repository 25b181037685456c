//! smol's `async-executor`, as `Executor` and as `StaticExecutor`.
//!
//! Workers are threads in `futures_lite`'s `block_on(run(pending()))`, as in async-executor's own
//! benchmarks; where there are sockets in async-io's, as in smol's executor, so that they ask the
//! system themselves. Calls that block go to the threads of `blocking`, as with `smol::unblock`.

use super::{Runtime, unordered::Unordered};
use async_executor::{Executor, StaticExecutor, Task};
#[cfg(feature = "smol-net")]
use async_io::block_on;
use futures_lite::future;
#[cfg(not(feature = "smol-net"))]
use futures_lite::future::block_on;
use std::{future::Future, sync::Once, thread};

/// `async_executor::Executor`, in a `static`.
#[derive(Debug)]
pub enum OwnedSmol {}

/// `async_executor::StaticExecutor`, which keeps no list of its tasks.
#[derive(Debug)]
pub enum StaticSmol {}

static OWNED: Executor<'static> = Executor::new();
static STATIC: StaticExecutor = StaticExecutor::new();

fn start(once: &'static Once, workers: usize, work: fn()) {
    once.call_once(|| {
        for worker in 0..workers {
            thread::Builder::new()
                .name(format!("smol-{worker}"))
                .spawn(work)
                .expect("a worker starts");
        }
    });
}

macro_rules! implement {
    ($runtime:ident, $executor:ident) => {
        impl Runtime for $runtime {
            type Join<T: Send + 'static> = Task<T>;
            type Set = Unordered<$runtime>;

            fn start(workers: usize) {
                static ONCE: Once = Once::new();
                start(&ONCE, workers, || {
                    block_on($executor.run(future::pending::<()>()));
                });
            }

            fn spawn<F>(future: F) -> Task<F::Output>
            where
                F: Future + Send + 'static,
                F::Output: Send + 'static,
            {
                $executor.spawn(future)
            }

            fn spawn_detached<F>(future: F)
            where
                F: Future<Output = ()> + Send + 'static,
            {
                $executor.spawn(future).detach();
            }

            fn spawn_outside<F>(future: F)
            where
                F: Future<Output = ()> + Send + 'static,
            {
                $executor.spawn(future).detach();
            }

            fn block_on<F: Future>(future: F) -> F::Output {
                future::block_on(future)
            }

            fn yield_now() -> impl Future<Output = ()> + Send + 'static {
                future::yield_now()
            }

            fn blocking<F, T>(f: F) -> impl Future<Output = T> + Send + 'static
            where
                F: FnOnce() -> T + Send + 'static,
                T: Send + 'static,
            {
                blocking::unblock(f)
            }
        }
    };
}

implement!(OwnedSmol, OWNED);
implement!(StaticSmol, STATIC);
