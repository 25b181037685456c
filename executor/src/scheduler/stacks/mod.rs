//! Await stacks: on which lines the waiting tasks wait, down to the future that is waited for.
//!
//! A task that waits has left a waker with whatever will wake it. So it is polled once more, with a
//! waker that takes the thread's stack each time that it is cloned (`trace`). Between the clone and
//! the poll lie the calls of `poll` of each future that awaits the next: the await stack. The
//! future need not know anything of this, and what it keeps is a clone of its task's own waker.
//!
//! | file         | idea                                                      |
//! | ------------ | --------------------------------------------------------- |
//! | `trace`      | the waker                                                 |
//! | `collection` | which tasks are asked, and who has answered               |
//! | `turn`       | one dump asks at a time                                   |
//! | `symbols`    | addresses become functions and lines                      |
//! | `reading`    | which of these a reader wants to see                      |
//! | `names`      | what he wants to see of their names                       |
//! | `stack`      | the public types                                          |
//!
//! # What the further poll may change
//!
//! Every future has to put up with one: `select!` and `join!` poll their futures as often as any of
//! them is woken. But a future that counts its polls goes on by one.

mod collection;
mod names;
mod reading;
mod stack;
mod symbols;
mod trace;
mod turn;

#[cfg(all(test, not(shuttle)))]
mod tests;

pub use stack::{Frame, Silence, Stack};
#[cfg(all(unix, not(shuttle)))]
pub(super) use turn::{Held, hold};
pub(super) use {
    collection::{Answer, Asked, Collection, Stacks, TracedPoll, is_in_traced_poll},
    symbols::Symbols,
    trace::{Addresses, is_traced, note_join},
    turn::{TURNS, Turn},
};
