//! The public face of the counter.

use std::fmt;
use std::future::Future;

use event_listener::Listener;

use crate::counter::Counter;
use crate::sync::Arc;
use crate::{Guard, Track, Wait};

/// Counts work in flight. Tasks and threads can wait until the count is zero.
///
/// This is Go's [`sync.WaitGroup`]. A `WaitGroup` is a handle: its clones share one counter. The
/// counter begins at zero, and lives as long as any handle, [`Guard`] or [`Track`].
///
/// Everything that happened before a [`done`](WaitGroup::done) is visible after the wait that this
/// `done` ended.
///
/// The group can be used again at once. A wait belongs to the round in which it was called. Work
/// that is counted after that round neither delays the wait nor ends it early.
///
/// [`sync.WaitGroup`]: https://pkg.go.dev/sync#WaitGroup
///
/// # Examples
///
/// ```
/// use std::thread;
/// use waitgroup::WaitGroup;
///
/// let group = WaitGroup::new();
/// group.add(2);
/// for _ in 0..2 {
///     let group = group.clone();
///     thread::spawn(move || {
///         // ... work ...
///         group.done();
///     });
/// }
/// futures::executor::block_on(group.wait());
/// assert_eq!(group.count(), 0);
/// ```
#[derive(Clone, Default)]
#[must_use = "a group counts only what it is told of"]
pub struct WaitGroup(Arc<Counter>);

impl WaitGroup {
    /// Returns a new group, which counts nothing yet.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(waitgroup::WaitGroup::new().count(), 0);
    /// ```
    pub fn new() -> WaitGroup {
        WaitGroup::default()
    }

    /// Counts `n` more pieces of work, each of which owes one [`done`](WaitGroup::done).
    ///
    /// `add` never blocks and never wakes anybody. `add(0)` does nothing.
    ///
    /// # Panics
    ///
    /// With "WaitGroup counter overflow" if the count would exceed `usize::MAX / 4`. The count then
    /// stays what it was.
    ///
    /// # Examples
    ///
    /// ```
    /// let group = waitgroup::WaitGroup::new();
    /// group.add(3);
    /// assert_eq!(group.count(), 3);
    /// ```
    #[track_caller]
    pub fn add(&self, n: usize) {
        if n > 0 {
            self.0.add(n);
        }
    }

    /// Counts one piece of work off. If it was the last one, wakes everybody who waits.
    ///
    /// What happened before this call is visible after every wait that it ends.
    ///
    /// Work that may panic or be cancelled should hold a [`guard`](WaitGroup::guard) instead, or be
    /// [tracked](WaitGroup::track).
    ///
    /// # How long it takes
    ///
    /// The last `done` of a round in which somebody called `wait` takes a lock. If several threads
    /// call `done` at once, a call backs off for some microseconds each time another thread wins
    /// the race.
    ///
    /// # Wakers
    ///
    /// The wakers of the waiters run within this call, one after the other, and under no lock: a
    /// waker may use this group and its waits. If a waker panics, the panic ends here, and the
    /// others are woken all the same.
    ///
    /// # Panics
    ///
    /// With "negative WaitGroup counter" if the count is zero. The count then stays zero.
    ///
    /// # Examples
    ///
    /// ```
    /// let group = waitgroup::WaitGroup::new();
    /// group.add(1);
    /// group.done();
    /// futures::executor::block_on(group.wait());
    /// ```
    #[track_caller]
    pub fn done(&self) {
        self.0.done();
    }

    /// Returns a future that is ready once the count has been zero at some moment after this call.
    ///
    /// The wait begins with this call, not with the first poll. Once the count has been zero, the
    /// future is ready, even if the count was raised again before anybody polled it.
    ///
    /// The future borrows nothing, and does not keep the counter alive. Any number of futures may
    /// wait at once.
    ///
    /// If the last handle, [`Guard`] and [`Track`] go while work is counted, the future never is
    /// ready. Whoever awaits it is woken, and then it says on standard error, once for each group:
    ///
    /// ```text
    /// waitgroup: the last handle of a group is gone, and 1 wait for it will never end (counter 1)
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends this wait alone: nobody else's wake-up is lost. Another call of
    /// `wait` begins a new wait, which knows nothing of a zero that came before it.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{executor::block_on, FutureExt};
    ///
    /// let group = waitgroup::WaitGroup::new();
    /// group.add(1);
    /// let mut wait = group.wait();
    /// assert!((&mut wait).now_or_never().is_none());
    /// group.done();
    /// group.add(1); // Counts for the next round.
    /// block_on(wait);
    /// ```
    pub fn wait(&self) -> Wait {
        Wait::new(self.0.listen())
    }

    /// Blocks the calling thread until the count has been zero at some moment after this call.
    ///
    /// This is for plain threads. In a task, it blocks a thread of the executor, perhaps the very
    /// thread that the counted work needs. Announce it to an executor that can help, for example by
    /// `executor::block_in_place(|| group.wait_blocking())`. It never spins.
    ///
    /// # Examples
    ///
    /// ```
    /// let group = waitgroup::WaitGroup::new();
    /// let guard = group.guard();
    /// std::thread::spawn(move || drop(guard));
    /// group.wait_blocking();
    /// ```
    pub fn wait_blocking(&self) {
        if let Some(listener) = self.0.listen() {
            listener.wait();
        }
    }

    /// Returns the count as it is now. Others may change it at any time.
    ///
    /// The count is for messages and tests. To act once it is zero, [`wait`](WaitGroup::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// let group = waitgroup::WaitGroup::new();
    /// let _guard = group.guard();
    /// assert_eq!(group.count(), 1);
    /// ```
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// Counts one piece of work now, and counts it off when the returned guard is dropped.
    ///
    /// The guard is also dropped when the scope or task that owns it panics or is cancelled.
    ///
    /// # Panics
    ///
    /// As [`add`](WaitGroup::add) does.
    ///
    /// # Examples
    ///
    /// ```
    /// let group = waitgroup::WaitGroup::new();
    /// let guard = group.guard();
    /// let worker = std::thread::spawn(move || {
    ///     let _guard = guard;
    ///     panic!("counted off all the same");
    /// });
    /// group.wait_blocking();
    /// assert!(worker.join().is_err());
    /// ```
    #[track_caller]
    pub fn guard(&self) -> Guard {
        self.add(1);
        Guard::owing(self.clone())
    }

    /// Counts `future` now, and counts it off once it is finished or dropped.
    ///
    /// This is the half of Go 1.25's [`WaitGroup.Go`] that needs no executor. Give the returned
    /// future to any `spawn`.
    ///
    /// The future inside is dropped *before* it is counted off, so whoever waits finds everything
    /// released that the future owned. If a poll panics, the future inside is dropped and counted
    /// off while the panic leaves the poll.
    ///
    /// [`WaitGroup.Go`]: https://pkg.go.dev/sync#WaitGroup.Go
    ///
    /// # Panics
    ///
    /// As [`add`](WaitGroup::add) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::executor::{block_on, ThreadPool};
    ///
    /// let pool = ThreadPool::new().unwrap();
    /// let group = waitgroup::WaitGroup::new();
    /// pool.spawn_ok(group.track(async { /* work */ }));
    /// drop(group.track(async { unreachable!("counted off by its drop") }));
    /// block_on(group.wait());
    /// ```
    #[track_caller]
    pub fn track<F: Future>(&self, future: F) -> Track<F> {
        Track::new(future, self.guard())
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup")
            .field("count", &self.count())
            .finish()
    }
}
