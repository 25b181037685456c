#![doc = include_str!("see.md")]

pub use crate::scheduler::trace::{
    Party, Poll, Summary, Trace, Wait, Wakes, WorkerUse,
    guard::TraceGuard,
    marks::{event, region},
};
