//! What is recorded of the scheduler's work, as numbers: events in a `ring`, times in a `histogram`.
//! Both know no task.

pub(crate) mod histogram;
pub(crate) mod ring;

#[cfg(all(test, loom))]
mod models;
