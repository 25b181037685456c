#![doc = include_str!("../README.md")]
#![cfg_attr(any(loom, shuttle), allow(dead_code, unused_imports))]

mod clock;
mod crew;
mod doze;
mod idle;
mod live;
mod machine;
#[cfg(all(test, loom))]
mod models;
mod origin;
mod pages;
mod panic;
mod parker;
mod place;
mod queue;
#[cfg(shuttle)]
mod simulated;
mod sync;
mod timer;

#[cfg(not(loom))]
mod block_on;
#[cfg(not(loom))]
mod blocking;
#[cfg(not(loom))]
mod builder;
#[cfg(not(loom))]
mod env;
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
mod metrics;
#[cfg(not(loom))]
mod scheduler;
#[cfg(all(test, shuttle))]
mod schedules;
#[cfg(not(loom))]
mod task;
#[cfg(not(loom))]
mod task_id;
#[cfg(not(loom))]
pub mod time;
#[cfg(not(loom))]
mod trace;
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
    metrics::{Metrics, ProcessorMetrics},
    task_id::TaskId,
    yield_now::{YieldNow, yield_now},
};
