#![doc = include_str!("../README.md")]
//!
//! ## Which call to use
//!
//! * [`WaitGroup::track`] wraps a future: the usual choice, for nothing has to be remembered.
//! * [`WaitGroup::guard`] counts a scope: for threads, callbacks, and work that is no one future.
//! * [`WaitGroup::add`] and [`WaitGroup::done`] are Go's pair, for what neither of these fits.
//!
//! Count *before* the work is handed to another task or thread, as in Go: an `add` made by the new
//! task itself may come after the `wait` that should have waited for it.
//!
//! ## Inside
//!
//! The protocol, and why it loses no wake-up and gives none too early, is written down in
//! `src/counter.rs`, beside the code that follows it.

#![forbid(unsafe_code)]

mod counter;
mod guard;
mod sync;
mod track;
mod wait;
mod wait_group;

pub use guard::Guard;
pub use track::Track;
pub use wait::Wait;
pub use wait_group::WaitGroup;
