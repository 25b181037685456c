//! The executor measured: the workloads, the runtimes that run them, and `compare`, which runs
//! them side by side. README.md beside this folder says how to use it and what may be quoted.
//!
//! A [`workload`] is written once, for every [`runtime`]. A [`child`] process runs workloads on one
//! runtime; a [`session`] starts one of the [`programs`] for each [`contestant`] and runs the
//! rounds. What comes out are [`measurements`], for the [`report`]s and for the [`noise`] rule.

#[cfg(feature = "channels")]
pub mod channel;
pub mod child;
pub mod cli;
pub mod contestant;
pub mod golang;
#[cfg(feature = "load")]
pub mod load;
pub mod measurements;
pub mod noise;
#[cfg(any(feature = "load", feature = "net"))]
mod open_files;
pub mod process;
pub mod programs;
pub mod report;
pub mod runtime;
pub mod served;
#[cfg(feature = "net")]
pub mod server;
pub mod session;
pub mod stats;
pub mod surroundings;
pub mod workload;

/// The allocator of every Rust runtime, unless it is the system's.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
