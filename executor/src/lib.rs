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
//! | see what the scheduler does | [`Metrics`], [`ProcessorMetrics`] |
//!
//! # Types of other crates in this interface
//!
//! [`Executor`] and [`Handle`] implement [`Spawn`], which is `futures-task` 0.3's, and
//! [`time::Interval`] implements [`Stream`], which is `futures-core` 0.3's. Moving to another major
//! version of either is a breaking change of this crate. No other crate's types are in its
//! interface.
//!
//! [`Spawn`]: https://docs.rs/futures-task/0.3/futures_task/trait.Spawn.html
//! [`Stream`]: https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html

#![cfg_attr(any(loom, shuttle), allow(dead_code, unused_imports))]

mod idle;
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
#[cfg(not(loom))]
mod join;
#[cfg(not(loom))]
mod join_set;
#[cfg(not(loom))]
mod scheduler;
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
