//! Waiting for an instant.

use crate::{
    scheduler::{allowance::poll_leaf, leaf},
    sync::{Instant, clock},
    timer::entry::{Entry, State},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// Waits until `duration` has passed since this call.
///
/// The time begins with this call, not with the first poll. Only the task sleeps, as in Go's
/// `time.Sleep`: its thread goes on with other tasks.
///
/// A sleep that is over when it is polled is ready at once. After 128 results that were ready at
/// once the task [gives way](crate::time#giving-way) to others.
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
/// executor::block_on(executor::spawn(sleep(Duration::from_millis(5))))?;
/// assert!(start.elapsed() >= Duration::from_millis(5));
/// # Ok::<(), executor::JoinError>(())
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::after_from(clock::now(), duration)
}

/// Waits until `deadline`. A deadline that has passed already is met at the first poll.
///
/// # Cancel safety
///
/// Dropping the [`Sleep`] ends the wait and wakes nobody.
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
    /// The future that [`sleep`] and [`sleep_until`] return. It is ready when the deadline has
    /// come, and stays ready.
    ///
    /// A `Sleep` is not [`Unpin`]: its timer is a part of it, and must not move once it has been
    /// polled. To poll it by reference, in a `select!` in a loop for example, pin it with
    /// [`pin!`](std::pin::pin) or `Box::pin`.
    ///
    /// A `Sleep` may go to other threads, and be polled by several tasks in turn. The deadline
    /// wakes the task that polled it last. On an executor's worker, the worker that polled it last
    /// serves its timer; [`time`](crate::time#where-timers-work) says who does elsewhere.
    ///
    /// # Examples
    ///
    /// One deadline for many steps:
    ///
    /// ```
    /// use executor::time::sleep;
    /// use futures::{FutureExt, StreamExt};
    /// use std::{pin::pin, time::Duration};
    ///
    /// executor::block_on(async {
    ///     let mut numbers = futures::stream::iter([7; 3]).fuse();
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
    #[must_use = "futures do nothing unless awaited"]
    pub struct Sleep {
        #[pin]
        entry: Entry,
    }
}

/// A poll that panics leaves the timer registered or not registered, and whole in both cases.
impl UnwindSafe for Sleep {}
/// Through a shared reference nothing can be changed.
impl RefUnwindSafe for Sleep {}

impl Sleep {
    /// Makes a sleep of `duration` from `now` on.
    pub(super) fn after(now: Instant, duration: Duration) -> Sleep {
        Sleep::after_from(clock::since_epoch(now), duration)
    }

    fn after_from(now: u64, duration: Duration) -> Sleep {
        Sleep::new(now.saturating_add(clock::nanoseconds(duration)), now)
    }

    fn new(deadline: u64, now: u64) -> Sleep {
        Sleep {
            entry: Entry::new(deadline, now),
        }
    }

    /// Returns when the wait ends. For a wait that never ends, that is some instant decades away.
    ///
    /// ```
    /// use executor::time::sleep_until;
    /// use std::time::{Duration, Instant};
    ///
    /// let deadline = Instant::now() + Duration::from_secs(1);
    /// assert_eq!(sleep_until(deadline).deadline(), deadline);
    /// ```
    #[must_use]
    pub fn deadline(&self) -> Instant {
        clock::instant(self.entry.deadline())
    }

    /// Returns whether the deadline has come, whether or not anybody has polled the sleep.
    ///
    /// ```
    /// use executor::time::sleep;
    /// use std::{thread, time::Duration};
    ///
    /// let sleep = sleep(Duration::from_millis(5));
    /// thread::sleep(Duration::from_millis(5));
    /// assert!(sleep.is_elapsed());
    /// ```
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        self.entry.has_fired() || self.entry.deadline() <= clock::now()
    }

    /// Sets another deadline, also after the wait is over.
    ///
    /// A task that waits for the sleep need not poll it again: the new deadline wakes the task. If
    /// the wait was over already, poll the sleep again to wait for the new deadline.
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

impl Sleep {
    /// As `poll`, but does not give way.
    pub(super) fn poll_at_any_rate(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (entry, waker) = (self.project().entry, cx.waker());
        let deadline = entry.deadline();
        let now = || clock::now_or_before(deadline);
        match entry.poll(waker, now, || leaf::timers(waker)) {
            State::Fired => return Poll::Ready(()),
            State::Waiting => {}
            State::First(timers) => leaf::wake_driver(timers),
        }
        Poll::Pending
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_leaf(cx, |cx| self.poll_at_any_rate(cx))
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
