//! Time for tasks: sleep, time-outs, intervals (Go's `time.Sleep`, `time.After`, `time.Ticker`).
//!
//! | function | what it gives |
//! | --- | --- |
//! | [`sleep`], [`sleep_until`] | a future that is ready when the time has come |
//! | [`timeout`], [`timeout_at`] | a limit to how long another future may take |
//! | [`interval`], [`interval_at`] | ticks at a fixed distance, also as a [`Stream`] |
//!
//! Nothing ever happens early.
//!
//! The workers serve the timers themselves, before they look for work elsewhere and before they
//! park: there is no timer thread. A sleep or a time-out costs no allocation, an interval costs
//! one. A timer that stays on one worker takes no contended lock.
//!
//! [`Stream`]: https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html
//!
//! # Where timers work
//!
//! Timers work in every task, in [`block_on`](crate::block_on), and under any other executor.
//!
//! In three cases the process-wide default executor serves a timer, and is started if need be:
//!
//! * The timer is polled outside of this crate's executors, by another crate's executor for
//!   example.
//! * The timer is polled in `block_on` with a waker other than that call's own, as inside a
//!   `FuturesUnordered`.
//! * The timer is polled in a task of an executor built with
//!   [`handoff(false)`](crate::Builder::handoff), with a waker other than that task's own. So
//!   another crate's `block_on` inside such a task ends.
//!
//! # Panics
//!
//! Where the default executor serves a timer, the poll panics if that executor
//!
//! * has to be started and cannot be: see [`Builder::build`](crate::Builder::build);
//! * was started in the process that this one was forked from.
//!
//! # Precision
//!
//! What is promised: no timer is early.
//!
//! How late timers are today:
//!
//! * The resolution is 16.4 µs. To wake a thread takes some time more.
//! * Timers that are due in quick succession are fired together, every 125 µs.
//! * A busy worker looks at its timers every 61 polls. Unless the executor was built with
//!   [`handoff(false)`](crate::Builder::handoff), its monitor also has the worker look, by
//!   default some milliseconds after the first of them is due.
//! * If a single poll takes longer than [`handoff_after`](crate::Builder::handoff_after), or longer
//!   than a tenth of a second, another thread fires the timers of its worker.
//! * On an executor built with [`handoff(false)`](crate::Builder::handoff) no other thread does. A
//!   task that blocks its worker there delays every sleep that was last polled on that worker.
//!
//! # Far away and past
//!
//! No duration overflows. A deadline more than about 570 years away never comes. A deadline that
//! has passed when it is set is met at the first poll.
//!
//! # Examples
//!
//! ```
//! use executor::time;
//! use std::time::{Duration, Instant};
//!
//! let start = Instant::now();
//! executor::block_on(time::sleep(Duration::from_millis(10)));
//! assert!(start.elapsed() >= Duration::from_millis(10));
//! ```

mod interval;
mod sleep;
mod timeout;

pub use interval::{Interval, MissedTickBehavior, Tick, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};
