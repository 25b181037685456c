#![doc = include_str!("../README.md")]
#![cfg_attr(any(loom, shuttle), allow(dead_code, unused_imports))]

mod idle;
mod queue;
mod suspended;
mod sync;
mod timer;

#[cfg(not(loom))]
mod block_on;
#[cfg(not(loom))]
mod blocking;
#[cfg(not(loom))]
mod builder;
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
mod scheduler;
#[cfg(not(loom))]
pub mod time;
#[cfg(not(loom))]
mod yield_now;

#[cfg(not(loom))]
pub use crate::{
    blocking::block_in_place,
    builder::Builder,
    error::{JoinError, ShutdownError},
    executor::Executor,
    free::{block_on, spawn, spawn_blocking},
    handle::Handle,
    join::{AbortOnDrop, JoinHandle},
    scheduler::{
        metrics::{Metrics, ProcessorMetrics},
        task_id::TaskId,
    },
    yield_now::{YieldNow, yield_now},
};
