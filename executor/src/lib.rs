#![doc = include_str!("../README.md")]
//!
//! # Where to look
//!
//! | to | see |
//! | --- | --- |
//! | start a task | [`spawn`], [`spawn_blocking`] |
//! | await, abort or detach a task | [`JoinHandle`], [`AbortOnDrop`], [`AbortHandle`], [`JoinError`], [`TaskId`] |
//! | give a task a name | [`TaskBuilder`] |
//! | join many tasks as they end | [`JoinSet`] |
//! | wait for a future on a thread | [`block_on`] |
//! | call what blocks inside a task | [`block_in_place`] |
//! | let other tasks run | [`yield_now`] |
//! | sleep, limit, tick | [`time`] |
//! | own an executor | [`Executor`] |
//! | end it within a time | [`Executor::shutdown_timeout`], [`ShutdownError`] |
//! | choose its settings, or those of the default executor | [`Builder`], [`Builder::build_global`] |
//! | spawn on an executor from anywhere | [`Handle`] |
//! | make an executor the current one on a thread | [`Handle::enter`], [`EnterGuard`] |
//! | have an async `main`, and async tests | the attributes `main` and `test`, with the feature `macros` |
//! | see what the scheduler does | [`Metrics`], [`ProcessorMetrics`] |
//! | connect, listen, send and receive | the module `net`, with the feature `net` |
//! | wait for Ctrl-C and other signals | the module `signal`, with the feature `signal` |
//!
//! # Features
//!
//! None is on unless it is asked for.
//!
//! | feature | what comes with it |
//! | --- | --- |
//! | `macros` | the attributes `#[executor::main]` and `#[executor::test]`, by a crate of this repository that depends on nothing |
//! | `net` | the module `net`: TCP, UDP, Unix sockets, and any other descriptor with readiness. Unix only; brings `mio` and `futures-io` |
//! | `signal` | the module `signal`; with it comes `net`. Brings `signal-hook-registry` |
//! | `hyper` | hyper's `rt::Read` and `rt::Write` on streams, its `rt::Executor` and `rt::Timer` on [`Handle`]; with it comes `net` |
//! | `tokio-io` | tokio's `AsyncRead` and `AsyncWrite` on streams, which need no runtime of tokio; with it comes `net` |
//!
//! # Types of other crates in this interface
//!
//! [`Executor`] and [`Handle`] implement [`Spawn`], which is `futures-task` 0.3's, and
//! [`time::Interval`] implements [`Stream`], which is `futures-core` 0.3's. With the feature `net`
//! streams implement the traits of `futures-io` 0.3, with `hyper` those of hyper 1, with `tokio-io`
//! those of tokio 1. Moving to another major version of one of these is a breaking change of this
//! crate. No other crate's types are in its interface.
//!
//! [`Spawn`]: https://docs.rs/futures-task/0.3/futures_task/trait.Spawn.html
//! [`Stream`]: https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html

#![cfg_attr(any(loom, shuttle), allow(dead_code, unused_imports))]

#[cfg(all(feature = "net", not(unix)))]
compile_error!(
    "the feature `net` of `executor`, which `signal`, `hyper` and `tokio-io` need, is for Unix only"
);

mod idle;
#[cfg(any(feature = "net", all(test, any(loom, shuttle))))]
mod netpoll;
mod queue;
mod suspended;
mod sync;
mod timer;

#[cfg(not(loom))]
mod abort_handle;
#[cfg(not(loom))]
mod block_on;
#[cfg(not(loom))]
mod blocking;
#[cfg(not(loom))]
mod builder;
#[cfg(not(loom))]
mod enter;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod executor;
#[cfg(not(loom))]
mod free;
#[cfg(not(loom))]
mod handle;
#[cfg(all(feature = "hyper", unix, not(any(loom, shuttle))))]
mod hyper;
#[cfg(not(loom))]
mod join;
#[cfg(not(loom))]
mod join_set;
#[cfg(all(feature = "macros", not(loom)))]
mod macros;
#[cfg(all(feature = "net", unix, not(any(loom, shuttle))))]
pub mod net;
#[cfg(not(loom))]
mod scheduler;
#[cfg(all(feature = "signal", unix, not(any(loom, shuttle))))]
pub mod signal;
#[cfg(not(loom))]
mod task_builder;
#[cfg(not(loom))]
pub mod time;
#[cfg(not(loom))]
mod yield_now;

#[cfg(not(loom))]
pub use crate::{
    abort_handle::AbortHandle,
    blocking::block_in_place,
    builder::Builder,
    enter::EnterGuard,
    error::{JoinError, ShutdownError},
    executor::Executor,
    free::{block_on, spawn, spawn_blocking},
    handle::Handle,
    join::{AbortOnDrop, JoinHandle},
    join_set::JoinSet,
    scheduler::{
        metrics::{Metrics, ProcessorMetrics},
        task_id::TaskId,
    },
    task_builder::TaskBuilder,
    yield_now::{YieldNow, yield_now},
};

/// Runs an async `main` by [`block_on`], on the default executor. Needs the feature `macros`.
///
/// | setting | meaning |
/// | --- | --- |
/// | `workers = 4` | the number of the default executor's workers: calls [`Builder::build_global`]. Without it they are what `EXECUTOR_WORKERS` says, else one per core |
/// | `crate = path` | where this crate is found, if it is not `::executor` |
///
/// `main` may return whatever a `main` may: a [`Result`], for example. When it returns, the process
/// ends, and the tasks with it, as goroutines do.
///
/// The body runs on the main thread, in `block_on`, and is no task: it need not be [`Send`]. A main
/// that exchanges many messages with its tasks spawns itself: see [`block_on`].
///
/// For settings other than these, call [`Builder::build_global`] and [`block_on`] in a plain `main`.
///
/// The name and the meaning are those of `tokio::main`.
///
/// # Panics
///
/// If the default executor cannot start, or `workers` is given and it has started already.
///
/// # Examples
///
/// ```standalone_crate
/// #[executor::main(workers = 2)]
/// async fn main() -> Result<(), executor::JoinError> {
///     let task = executor::spawn(async { 6 * 7 });
///     assert_eq!(task.await?, 42);
///     Ok(())
/// }
/// ```
#[cfg(all(feature = "macros", not(loom)))]
pub use executor_macros::main;

/// Makes a test of an async function. Needs the feature `macros`.
///
/// Each test has an [`Executor`] of its own, in whose [`block_on`](Executor::block_on) it runs. The
/// executor is dropped at the test's end, also if that is a panic: what the test has left is
/// dropped, and no task is polled any more.
///
/// | setting | meaning |
/// | --- | --- |
/// | `workers = 4` | the number of the executor's workers. Without it they are what `EXECUTOR_WORKERS` says, else one per core |
/// | `crate = path` | where this crate is found, if it is not `::executor` |
///
/// The test may return what a test may, a [`Result`] for example. Other attributes, such as
/// `#[should_panic]` and `#[ignore]`, stay what they are.
///
/// The name and the meaning are those of `tokio::test`, except that the executor has several
/// workers unless told otherwise.
///
/// # Panics
///
/// If the executor cannot start.
///
/// # Examples
///
/// ```
/// #[executor::test]
/// async fn six_times_seven() -> Result<(), executor::JoinError> {
///     let task = executor::spawn(async { 6 * 7 });
///     assert_eq!(task.await?, 42);
///     Ok(())
/// }
/// ```
#[cfg(all(feature = "macros", not(loom)))]
pub use executor_macros::test;

/// For the attributes alone.
#[cfg(all(feature = "macros", not(loom)))]
#[doc(hidden)]
pub mod __macros {
    pub use crate::macros::{main, test};
}
