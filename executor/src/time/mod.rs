//! Time for tasks: sleep, time-outs, intervals (Go's `time.Sleep`, `time.After`, `time.Ticker`).
//!
//! | function | what it gives |
//! | --- | --- |
//! | [`sleep`], [`sleep_until`] | a future that is ready when the time has come |
//! | [`timeout`], [`timeout_at`] | a limit to how long another future may take |
//! | [`interval`], [`interval_at`] | ticks at a fixed distance, also as a [`Stream`] |
//! | [`now`] | the present, which in a [simulation](crate::sim) is not std's |
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
//! An executor serves the timers of its own tasks and calls of `block_on`, also if they are in a
//! `FuturesUnordered` or polled by another crate's `block_on` inside. The process-wide default
//! executor serves a timer that is polled outside of this crate's executors, by another crate's
//! executor for example. It is started if need be.
//!
//! # Giving way
//!
//! A future that is ready at once does not let others run. So that a loop around such futures is
//! no endless poll, each poll of a task, or of the future of `block_on`, gets 128 results of this
//! crate's futures that are ready at once: of sleeps, time-outs and ticks, of
//! [`JoinHandle`](crate::JoinHandle)s and [`JoinSet`](crate::JoinSet)s, and with the feature `net` of
//! sockets. The next of these futures is pending, and has the task polled again soon. A loop of
//! `sleep(Duration::ZERO).await` can therefore be aborted, timed out and selected against. Outside of
//! these polls, under another executor, everything is given at once.
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
//! What is promised: no timer is early. One that is over says so to whoever polls it or asks,
//! whether or not anybody has woken its task yet.
//!
//! How late tasks are woken today:
//!
//! * The resolution is 16.4 µs. To wake a thread takes some time more.
//! * Timers that are due in quick succession are fired together, every 125 µs.
//! * A busy worker looks at its timers every 61 polls. Unless the executor was built with
//!   [`handoff(false)`](crate::Builder::handoff), its monitor also has the worker look, by
//!   default some milliseconds after the first of them is due.
//! * If a single poll takes longer than [`handoff_after`](crate::Builder::handoff_after), or longer
//!   than a tenth of a second, another thread fires the timers of its worker.
//! * On an executor built with [`handoff(false)`](crate::Builder::handoff) no other thread does. A
//!   task that blocks its worker there delays every sleep that was last polled on that worker,
//!   except those polled with a waker other than their task's own. If all of its N workers block,
//!   and no thread waits in its `block_on`, those come late, too.
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
mod now;
mod sleep;
mod timeout;

pub use interval::{Interval, MissedTickBehavior, Tick, interval, interval_at};
pub use now::now;
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};
