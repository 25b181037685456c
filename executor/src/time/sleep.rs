//! Waiting for an instant.

use crate::{
    scheduler::leaf,
    sync::{Instant, clock},
    timer::entry::{Entry, State},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// Waits until `duration` has passed from now, from this call, not from the first poll.
///
/// Go's `time.Sleep`, but only the task sleeps: its thread goes on with others.
///
/// # Cancel safety
///
/// Dropping the [`Sleep`] ends the wait and wakes nobody.
///
/// # Examples
///
/// ```
/// use executor::time::sleep;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// executor::block_on(executor::spawn(sleep(Duration::from_millis(5)))).unwrap();
/// assert!(start.elapsed() >= Duration::from_millis(5));
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::after(Instant::now(), duration)
}

/// Waits until `deadline`. One that has passed is met by the first poll.
///
/// # Cancel safety
///
/// As [`sleep`].
///
/// # Examples
///
/// ```
/// use executor::time::sleep_until;
/// use std::time::{Duration, Instant};
///
/// let deadline = Instant::now() + Duration::from_millis(5);
/// executor::block_on(sleep_until(deadline));
/// assert!(Instant::now() >= deadline);
/// ```
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(clock::since_epoch(deadline), clock::now())
}

pin_project! {
    /// What [`sleep`] and [`sleep_until`] return: ready when the deadline has come, and from then on.
    ///
    /// It holds the timer's place in a list, so it has to stay where it is once it has been polled: to
    /// poll it more than once, for example in a `select!` in a loop, pin it
    /// ([`pin!`](std::pin::pin), `Box::pin`).
    ///
    /// A poll registers it with the thread that polls. It may go to other threads, and be polled by
    /// other tasks; the latest task to poll it is woken.
    ///
    /// # Examples
    ///
    /// A deadline for many steps:
    ///
    /// ```
    /// use executor::time::sleep;
    /// use futures::{FutureExt, StreamExt};
    /// use std::{pin::pin, time::Duration};
    ///
    /// executor::block_on(async {
    ///     let mut numbers = futures::stream::repeat(7).take(3);
    ///     let mut deadline = pin!(sleep(Duration::from_secs(30)).fuse());
    ///     let mut sum = 0;
    ///     loop {
    ///         futures::select! {
    ///             number = numbers.next() => match number {
    ///                 Some(number) => sum += number,
    ///                 None => break,
    ///             },
    ///             () = deadline => break,
    ///         }
    ///     }
    ///     assert_eq!(sum, 21);
    /// });
    /// ```
    #[must_use = "a sleep waits for nothing unless it is awaited or polled"]
    pub struct Sleep {
        #[pin]
        entry: Entry,
    }
}

impl Sleep {
    /// A sleep of `duration` from `now` on.
    pub(super) fn after(now: Instant, duration: Duration) -> Sleep {
        let now = clock::since_epoch(now);
        Sleep::new(now.saturating_add(clock::nanoseconds(duration)), now)
    }

    fn new(deadline: u64, now: u64) -> Sleep {
        Sleep {
            entry: Entry::new(deadline, now),
        }
    }

    /// When the wait ends. For one that never does, some instant decades away.
    ///
    /// ```
    /// use executor::time::sleep_until;
    /// use std::time::{Duration, Instant};
    ///
    /// let deadline = Instant::now() + Duration::from_secs(1);
    /// assert_eq!(sleep_until(deadline).deadline(), deadline);
    /// ```
    pub fn deadline(&self) -> Instant {
        clock::instant(self.entry.deadline())
    }

    /// Whether the wait is over, and a poll would be ready.
    ///
    /// ```
    /// use executor::time::sleep;
    /// use std::time::Duration;
    ///
    /// assert!(sleep(Duration::ZERO).is_elapsed());
    /// assert!(!sleep(Duration::from_secs(60)).is_elapsed());
    /// ```
    pub fn is_elapsed(&self) -> bool {
        self.entry.has_fired()
    }

    /// Waits until `deadline` instead, also after the wait is over.
    ///
    /// A task that waits for the sleep is woken at the new deadline, without another poll. One for whom
    /// it is over has to poll it again.
    ///
    /// ```
    /// use executor::time::sleep;
    /// use std::{pin::pin, time::{Duration, Instant}};
    ///
    /// executor::block_on(async {
    ///     let mut sleep = pin!(sleep(Duration::from_secs(3600)));
    ///     sleep.as_mut().reset(Instant::now() + Duration::from_millis(1));
    ///     sleep.await;
    /// });
    /// ```
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let entry = self.project().entry;
        let deadline = clock::since_epoch(deadline);
        if let State::First(timers) = entry.reset(deadline, clock::now(), leaf::is_local) {
            leaf::wake_driver(timers);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker();
        match self.project().entry.poll(waker, || leaf::timers(waker)) {
            State::Fired => return Poll::Ready(()),
            State::Waiting => {}
            State::First(timers) => leaf::wake_driver(timers),
        }
        Poll::Pending
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline())
            .field("is_elapsed", &self.is_elapsed())
            .finish()
    }
}
