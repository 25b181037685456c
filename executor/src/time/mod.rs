//! Time for tasks: sleeping, time-outs, intervals (Go's `time.Sleep`, `time.After`, `time.Ticker`).
//!
//! The workers serve the timers themselves, before they look for work elsewhere and before they park:
//! there is no timer thread. A timer costs no allocation, and creating, polling and dropping one
//! takes no lock that another worker wants.
//!
//! All of it works in every task, in [`block_on`](crate::block_on), and when it is polled by somebody
//! else's executor; in the latter case the process-wide default executor serves it. (As it does in
//! `block_on` for a timer that wakes something else than this call, such as a task of
//! `FuturesUnordered`.)
//!
//! # Panics
//!
//! Where the default executor has to be started for a timer, the poll panics as
//! [`block_on`](crate::block_on) would: if `EXECUTOR_WORKERS` is no positive integer, if the system
//! refuses the threads, or if this process was forked from the one that the executor was started in.
//!
//! # Precision
//!
//! Nothing ever happens early. The resolution is 16.4 µs, to which the time for waking a thread
//! comes; where timers are due in quick succession they are fired together, every 125 µs. A worker that is
//! busy looks at its timers every 61 polls, and some milliseconds after the first is due. Where a single
//! poll takes longer than [`handoff_after`](crate::Builder::handoff_after), or a tenth of a second,
//! somebody else does. On an executor built with
//! [`handoff(false)`](crate::Builder::handoff) nobody does: there, a task that blocks its worker holds
//! up the timers of the tasks that the worker polled last. (What wakes something else than the task
//! itself is served by the default executor there, so that a foreign `block_on` in a task ends.)
//!
//! # Long and short
//!
//! No duration overflows. A deadline beyond the 584 years after the program's start that timers can
//! express never comes. One that has passed when it is set is noticed at the first poll.
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
