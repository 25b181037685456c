//! The public face of the counter.

use std::fmt;
use std::future::Future;

use event_listener::Listener;

use crate::counter::Counter;
use crate::sync::Arc;
use crate::{Guard, Track, Wait};

/// A counter of work in flight that tasks and threads can wait on until it is zero.
///
/// This is Go's [`sync.WaitGroup`]. A `WaitGroup` is a handle: clones share one counter, which
/// starts at zero and lives as long as any handle, [`Guard`] or [`Track`].
///
/// Everything that happened before a [`done`](WaitGroup::done) is visible after the wait that it
/// ended. The group can be used again at once: a wait belongs to the round it was called in, and is
/// neither ended late nor ended early by what is counted after it.
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
pub struct WaitGroup(Arc<Counter>);

impl WaitGroup {
    /// Makes a group of its own, with nothing counted.
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
    /// `add(0)` does nothing. It never wakes anybody and never blocks.
    ///
    /// # Panics
    ///
    /// With "WaitGroup counter overflow" if the count would exceed `usize::MAX / 4`; the count is
    /// then what it was.
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

    /// Counts one piece of work off; if it was the last one, wakes everybody who waits.
    ///
    /// If several threads do this at once, it steps back for some microseconds each time that another
    /// was faster.
    ///
    /// What happened before this call is visible after every wait that it ends. Work that may panic
    /// or be cancelled should hold a [`guard`](WaitGroup::guard) instead, or be
    /// [tracked](WaitGroup::track).
    ///
    /// The wakers of the waiters run within this call, one after the other. They may use this group,
    /// but must not poll or drop a [`Wait`] of the round that ends: that would deadlock. Executors,
    /// whose wakers put the task into a queue, do neither.
    ///
    /// # Panics
    ///
    /// With "negative WaitGroup counter" if the count is zero; it then stays zero.
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

    /// Waits, as a future, until the count has been zero at some moment after this call.
    ///
    /// The wait begins with this call and not with the first poll. Once the count has been zero the
    /// future is ready, even if the count has been raised again before anybody polled it.
    ///
    /// The future borrows nothing and does not keep the counter alive. Any number of them may wait
    /// at once.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends this wait and no other: nobody else's wake-up is lost. A wait that
    /// is called again begins anew, and may miss a zero that lay in between.
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

    /// Waits, as [`wait`](WaitGroup::wait) does, by blocking the calling thread.
    ///
    /// For plain threads: in a task it blocks the executor's thread, perhaps the one that the work
    /// waited for needs. It never spins.
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

    /// Returns the count as it is now; others may change it at any time.
    ///
    /// For messages and tests. To act once the count is zero, [`wait`](WaitGroup::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// let group = waitgroup::WaitGroup::new();
    /// let _guard = group.guard();
    /// assert_eq!(group.count(), 1);
    /// ```
    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// Counts one piece of work now, and counts it off when the returned guard is dropped.
    ///
    /// That happens also when the scope or task that owns the guard panics or is cancelled.
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
    /// This is the half of Go 1.25's [`WaitGroup.Go`] that needs no executor: give what it returns
    /// to any `spawn`. The future itself is dropped *before* it is counted off, so whoever waits
    /// finds everything released that the future owned. If a poll panics, the future is dropped and
    /// counted off as the panic leaves the poll.
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
