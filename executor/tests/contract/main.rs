//! The promises of `executor`'s public interface, one test each, named after the promise.

#[path = "../common/mod.rs"]
mod common;

mod abort;
mod abort_handle;
mod block_on;
mod blocking;
mod builder;
mod current_task;
mod enter;
mod fairness;
mod giving_way;
mod global;
mod handle;
mod idle;
mod join;
mod join_set;
mod last_steps;
mod metrics;
mod set_workers;
mod shutdown;
mod spawn;
mod task_builder;
mod time;
mod traits;
