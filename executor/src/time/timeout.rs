//! Limits to how long a future may take.

use super::{Sleep, now, sleep_until};
use crate::{scheduler::allowance, sync::Instant};
use pin_project_lite::pin_project;
use std::{
    error::Error,
    fmt,
    future::{Future, IntoFuture},
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// Waits for `future`, but for no longer than `duration` from this call on.
///
/// The future is polled before the time is looked at. A future that is ready at its first poll is
/// therefore never too late, even with a duration of zero.
///
/// A future that blocks its thread, or computes without an await, cannot be interrupted.
///
/// `timeout(d, spawn(f)).await` limits the waiting, not the task: when the time is up, the handle
/// is dropped, which detaches the task. `timeout(d, spawn(f).abort_on_drop()).await` also ends the
/// task.
///
/// # Errors
///
/// [`Elapsed`] if the time was up first.
///
/// # Cancel safety
///
/// Dropping the [`Timeout`] drops the future. The end of the time does not drop the future by
/// itself: the `Timeout` keeps it until it is dropped.
///
/// # Examples
///
/// ```
/// use executor::time::timeout;
/// use std::{future, time::Duration};
///
/// executor::block_on(async {
///     assert_eq!(timeout(Duration::ZERO, future::ready(7)).await, Ok(7));
///     let endless = timeout(Duration::from_millis(5), future::pending::<()>());
///     assert!(endless.await.is_err());
/// });
/// ```
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout {
        future: future.into_future(),
        limit: Limit::After {
            start: now(),
            duration,
        },
    }
}

/// Waits for `future`, but for no longer than until `deadline`; otherwise as [`timeout`].
///
/// # Errors
///
/// [`Elapsed`] if the deadline came first.
///
/// # Cancel safety
///
/// As [`timeout`].
///
/// # Examples
///
/// ```
/// use executor::time::timeout_at;
/// use std::{future, time::{Duration, Instant}};
///
/// let deadline = Instant::now() + Duration::from_millis(5);
/// let late = executor::block_on(timeout_at(deadline, future::pending::<()>()));
/// assert!(late.is_err() && Instant::now() >= deadline);
/// ```
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout {
        future: future.into_future(),
        limit: Limit::At { deadline },
    }
}

pin_project! {
    /// The future that [`timeout`] and [`timeout_at`] return. It yields the output of the future
    /// inside, or [`Elapsed`].
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::time::{Elapsed, Timeout, timeout};
    /// use std::{future::{Ready, ready}, time::Duration};
    ///
    /// let limited: Timeout<Ready<i32>> = timeout(Duration::from_secs(1), ready(7));
    /// let output: Result<i32, Elapsed> = executor::block_on(limited);
    /// assert_eq!(output, Ok(7));
    /// ```
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        #[pin]
        limit: Limit,
    }
}

pin_project! {
    /// When the time is up. The timer is set after the first poll of the future, so that a future
    /// which is ready by then costs no more than a look at the clock.
    #[project = LimitProjection]
    #[derive(Debug)]
    enum Limit {
        After { start: Instant, duration: Duration },
        At { deadline: Instant },
        Set { #[pin] sleep: Sleep },
    }
}

impl Limit {
    /// The timer, which is set if it is not set yet.
    fn sleep(mut self: Pin<&mut Self>) -> Pin<&mut Sleep> {
        let sleep = match self.as_mut().project() {
            LimitProjection::After { start, duration } => Some(Sleep::after(*start, *duration)),
            LimitProjection::At { deadline } => Some(sleep_until(*deadline)),
            LimitProjection::Set { .. } => None,
        };
        if let Some(sleep) = sleep {
            self.set(Limit::Set { sleep });
        }
        match self.project() {
            LimitProjection::Set { sleep } => sleep,
            _ => unreachable!("it was set just now"),
        }
    }
}

impl<F> Timeout<F> {
    /// Returns a reference to the future inside.
    ///
    /// ```
    /// # use std::{future::ready, time::Duration};
    /// let limited = executor::time::timeout(Duration::from_secs(1), ready(7));
    /// assert_eq!(format!("{:?}", limited.get_ref()), format!("{:?}", ready(7)));
    /// ```
    #[must_use]
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// Returns a unique reference to the future inside.
    ///
    /// ```
    /// # use std::{future::ready, time::Duration};
    /// let mut limited = executor::time::timeout(Duration::from_secs(1), ready(7));
    /// *limited.get_mut() = ready(8);
    /// assert_eq!(executor::block_on(limited), Ok(8));
    /// ```
    #[must_use]
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// Returns the future inside, without the limit.
    ///
    /// ```
    /// # use std::{future::ready, time::Duration};
    /// let limited = executor::time::timeout(Duration::ZERO, ready(7));
    /// assert_eq!(executor::block_on(limited.into_inner()), 7);
    /// ```
    #[must_use]
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let was_used_up = allowance::is_used_up();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let sleep = this.limit.sleep();
        // A future that uses up each poll's allowance does not outlast its time by that.
        let is_over = if allowance::is_used_up() && !was_used_up {
            sleep.poll_at_any_rate(cx)
        } else {
            sleep.poll(cx)
        };
        is_over.map(|()| Err(Elapsed(())))
    }
}

/// Says that a future was not done when the time that [`timeout`] or [`timeout_at`] gave it was up.
///
/// Converts into an [`io::Error`] of kind [`TimedOut`](io::ErrorKind::TimedOut), so that `?` works
/// in functions that return [`io::Result`].
///
/// # Examples
///
/// ```
/// use executor::time::timeout;
/// use std::{future, io, time::Duration};
///
/// async fn answer() -> io::Result<u32> {
///     Ok(timeout(Duration::from_millis(1), future::pending()).await?)
/// }
/// let error = executor::block_on(answer()).unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::TimedOut);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time was up before the future was done")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}
