#![doc = include_str!("../README.md")]
//!
//! ## Which call to use
//!
//! * [`WaitGroup::track`] counts a future. It is the usual choice: there is nothing to forget.
//! * [`WaitGroup::guard`] counts a scope. It is for threads, callbacks, and work of several
//!   futures.
//! * [`WaitGroup::add`] and [`WaitGroup::done`] are Go's pair, for work that fits neither.
//!
//! Count work *before* it is handed to another task or thread, as in Go. If the new task itself
//! calls `add`, that call may come after the `wait` that should wait for the task.
//!
//! ## Inside
//!
//! The comment at the top of the source file `counter.rs` says by which protocol the group works,
//! and why no wake-up is lost and none comes too early.

#![forbid(unsafe_code)]

mod counter;
mod guard;
mod orphan;
mod proxy;
mod sync;
mod track;
mod wait;
mod wait_group;

pub use guard::Guard;
pub use track::Track;
pub use wait::Wait;
pub use wait_group::WaitGroup;
