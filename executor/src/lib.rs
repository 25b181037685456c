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
//! | test a program in a thousand orders, in virtual time | [`simulate`], and the module [`sim`] |
//! | see what the scheduler does | [`Metrics`], [`ProcessorMetrics`]; how long things take: [`Histogram`] |
//! | see it happen, poll by poll | the module [`trace`] |
//! | be called for what happens to tasks | [`Observer`] |
//! | see on which lines tasks wait | `Handle::dump_stacks`, with the feature `dump` |
//! | find out why a program hangs | the module [`dump`] |
//! | come from tokio, or from Go; choose a call that blocks, or a channel | the pages of [`guide`] |
//! | have a debugger print what all tasks do | [`export_dump!`], and `EXECUTOR_DUMP` [above](#environment) |
//! | connect, listen, send and receive | the module `net`, with the feature `net` |
//! | wait for Ctrl-C and other signals | the module `signal`, with the feature `signal` |
//! | use reqwest, axum, tonic, sqlx | `Builder::enter_tokio`, with the feature `tokio`, and [a table of crates](#the-bridge) |
//!
//! # Features
//!
//! None is on unless it is asked for.
//!
//! | feature | what comes with it |
//! | --- | --- |
//! | `macros` | the attributes `#[executor::main]` and `#[executor::test]`, by a crate of this repository that depends on nothing |
//! | `net` | the module `net`: TCP, UDP, Unix sockets, and any other descriptor with readiness. Unix only; brings `mio` and `futures-io` |
//! | `signal` | the module `signal`, and the variable `EXECUTOR_DUMP`; with it comes `net`. Brings `signal-hook-registry` |
//! | `hyper` | hyper's `rt::Read` and `rt::Write` on streams, its `rt::Executor` and `rt::Timer` on [`Handle`]; with it comes `net` |
//! | `tokio-io` | tokio's `AsyncRead` and `AsyncWrite` on streams, which need no runtime of tokio; with it comes `net` |
//! | `tokio` | `Builder::enter_tokio`: tasks inside of a runtime of tokio, for libraries that need one. Brings `tokio` with its `rt` |
//! | `dump` | `Handle::dump_stacks`: on what each task waits, line by line. Brings `backtrace` |
//! | `trace` | files of what happened: `Trace::write_html`, `Trace::write_chrome`, the variable `EXECUTOR_TRACE`; and `Dump::to_json`. Brings `serde_json`, `serde` and `base64` |
//!
//! # Types of other crates in this interface
//!
//! [`Executor`] and [`Handle`] implement [`Spawn`], which is `futures-task` 0.3's, and
//! [`time::Interval`] implements [`Stream`], which is `futures-core` 0.3's. With the feature `net`
//! streams implement the traits of `futures-io` 0.3, with `hyper` those of hyper 1, with `tokio-io`
//! those of tokio 1; with `tokio` a setting takes a `runtime::Handle` of tokio 1. Moving to another
//! major version of one of these is a breaking change of this crate. No other crate's types are in its
//! interface.
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
mod record;
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
pub mod dump;
#[cfg(not(loom))]
mod enter;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod executor;
#[cfg(not(loom))]
mod free;
#[cfg(not(loom))]
pub mod guide;
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
pub mod sim;
#[cfg(not(loom))]
mod task_builder;
#[cfg(not(loom))]
pub mod time;
#[cfg(not(loom))]
pub mod trace;
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
        histogram::{Bucket, Histogram},
        metrics::{Metrics, ProcessorMetrics},
        observer::{Observer, TaskRef},
        task_id::TaskId,
    },
    sim::simulate,
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
/// | `simulate` | runs the test in a [simulation](sim), of 4 workers unless `workers` says otherwise, with the seed of `EXECUTOR_SEED`, else a random one |
/// | `simulate, seeds = 1000` | runs it with so many seeds, as [`Simulation::seeds`](sim::Simulation::seeds) does; with `EXECUTOR_SEED` set, with that one alone |
/// | `crate = path` | where this crate is found, if it is not `::executor` |
///
/// If a simulated test fails, it says with which seed, and which line runs it with that seed again:
///
/// ```text
/// EXECUTOR_SEED=42 cargo test -p bank --test transfers nothing_is_lost -- --exact
/// ```
///
/// The test may return what a test may, a [`Result`] for example. Other attributes, such as
/// `#[should_panic]` and `#[ignore]`, stay what they are. A simulated test may return `()`, a `Result`
/// or an [`ExitCode`](std::process::ExitCode), and panics where that is a failure.
///
/// The name and the meaning are those of `tokio::test`, except that the executor has several
/// workers unless told otherwise.
///
/// # Panics
///
/// If the executor cannot start. A simulated test panics where
/// [`Simulation::run`](sim::Simulation::run) does, and if it fails.
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
///
/// #[executor::test(simulate, seeds = 100)]
/// async fn an_hour_is_over_at_once() {
///     executor::time::sleep(std::time::Duration::from_secs(3600)).await;
/// }
/// ```
#[cfg(all(feature = "macros", not(loom)))]
pub use executor_macros::test;

/// For the attributes alone.
#[cfg(all(feature = "macros", not(loom)))]
#[doc(hidden)]
pub mod __macros {
    pub use crate::macros::{Outcome, Place, main, simulate, test};
}
