//! Access to an executor from anywhere.

use crate::{
    block_on,
    blocking::in_place,
    idle::pool::Pool,
    join::JoinHandle,
    scheduler::{
        Scheduler, context, default::with_current_or_default, dump::Dump, metrics::Metrics,
        task::is_large, task_id::TaskId, trace::guard::TraceGuard,
    },
};
#[cfg(feature = "dump")]
use crate::{blocking::block_in_place, sync::Instant};
use futures_task::{FutureObj, Spawn, SpawnError};
#[cfg(feature = "dump")]
use std::time::Duration;
use std::{
    fmt,
    future::Future,
    io,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::Arc,
};

/// Longer than any dump takes: for limits that no clock has room for.
#[cfg(feature = "dump")]
const A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Spawns tasks on an executor from anywhere, and may outlive it.
///
/// After the end of the executor, a future that is spawned is dropped at once, and its
/// [`JoinHandle`] yields an error that [is a cancellation](crate::JoinError::is_cancelled). Its
/// destructor finds the ended executor to be the current one. (If 16 such destructors run inside
/// each other, what the innermost spawns is dropped when it has returned, or waits in `block_on`.)
///
/// # Examples
///
/// ```
/// use executor::Handle;
///
/// let handle = Handle::current();
/// let thread = std::thread::spawn(move || handle.block_on(handle.spawn(async { 7 })));
/// assert_eq!(thread.join().unwrap()?, 7);
/// # Ok::<(), executor::JoinError>(())
/// ```
#[derive(Clone)]
#[must_use = "a handle does nothing by itself"]
pub struct Handle {
    pub(crate) scheduler: Arc<Scheduler>,
}

/// A panic leaves no executor half changed, for the reason given at [`Executor`](crate::Executor).
impl UnwindSafe for Handle {}
// As for `UnwindSafe`.
impl RefUnwindSafe for Handle {}

impl Handle {
    pub(crate) fn new(scheduler: Arc<Scheduler>) -> Handle {
        Handle { scheduler }
    }

    /// Returns a handle to the current executor: the one whose worker or `block_on` the calling
    /// thread is in. Elsewhere the default executor is the current one, and is started if need be.
    ///
    /// # Panics
    ///
    /// If the default executor must be started and cannot be: see
    /// [`Builder::build`](crate::Builder::build).
    ///
    /// ```
    /// let handle = executor::Handle::current();
    /// assert!(handle.metrics().workers() >= 1);
    /// ```
    #[track_caller]
    pub fn current() -> Handle {
        with_current_or_default(|scheduler| Handle::new(scheduler.clone()))
    }

    /// Returns a handle to the executor whose worker or `block_on` the calling thread is in; `None`
    /// if the thread is in no executor.
    ///
    /// ```
    /// use executor::Handle;
    ///
    /// assert!(Handle::try_current().is_none());
    /// assert!(executor::block_on(async { Handle::try_current().is_some() }));
    /// ```
    #[must_use]
    pub fn try_current() -> Option<Handle> {
        context::with_current(|scheduler| scheduler.cloned().map(Handle::new))
    }

    /// Starts a task on this executor; otherwise as [`executor::spawn`](crate::spawn).
    ///
    /// ```
    /// let handle = executor::Handle::current();
    /// assert_eq!(executor::block_on(handle.spawn(async { 7 }))?, 7);
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let id = TaskId::here();
        JoinHandle::new(if const { is_large::<F>() } {
            self.scheduler.spawn(id, (), Box::pin(future))
        } else {
            self.scheduler.spawn(id, (), future)
        })
    }

    /// Starts a closure that may block, on this executor; otherwise as
    /// [`executor::spawn_blocking`](crate::spawn_blocking).
    ///
    /// ```
    /// let handle = executor::Handle::current();
    /// assert_eq!(executor::block_on(handle.spawn_blocking(|| 7))?, 7);
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if const { is_large::<F>() } {
            self.spawn(in_place(Box::new(f)))
        } else {
            self.spawn(in_place(f))
        }
    }

    /// Runs a future on the calling thread, with this executor as the current one; otherwise as
    /// [`executor::block_on`](crate::block_on).
    ///
    /// # Panics
    ///
    /// A panic of the future unwinds out of this call. In a forked child, which has none of the
    /// executor's threads, the call panics instead of waiting for ever.
    ///
    /// In a [simulation](crate::sim), if the executor is another than the simulated one; and if it is
    /// a simulated one, on any thread but its own.
    ///
    /// ```
    /// assert_eq!(executor::Handle::current().block_on(async { 7 }), 7);
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        if const { is_large::<F>() } {
            block_on::block_on(&self.scheduler, Box::pin(future))
        } else {
            block_on::block_on(&self.scheduler, future)
        }
    }

    /// Returns a snapshot of the scheduler's state and counters.
    ///
    /// ```
    /// assert!(executor::Handle::current().metrics().threads() >= 1);
    /// ```
    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.scheduler)
    }

    /// Records what this executor does, until the guard is dropped: each spawn, poll and wake-up, what is
    /// stolen, handed off and fired, and who sleeps. See the module [`trace`](crate::trace).
    ///
    /// Several guards may exist at once; each has its own beginning. While there is one, an event costs
    /// 20 to 50 ns, and each thread that has any takes up to a MiB, which it keeps for later
    /// recordings as long as the executor lives.
    ///
    /// ```
    /// let handle = executor::Handle::current();
    /// let recording = handle.trace();
    /// executor::block_on(handle.spawn(executor::yield_now()))?;
    /// println!("{}", recording.snapshot().summary());
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    pub fn trace(&self) -> TraceGuard {
        TraceGuard::new(self.scheduler.clone())
    }

    /// Says what each task of this executor does, and each caller of its `block_on`.
    ///
    /// Nothing is polled for it and no worker is waited for. So it works from any thread, also if all
    /// workers are stuck, and it changes nothing. It takes some hundred nanoseconds a task.
    ///
    /// What is known of a task is more if the executor [tracks](crate::Builder::track) its tasks: its
    /// age, for one, and whether it is leaked.
    ///
    /// ```
    /// let handle = executor::Handle::current();
    /// println!("{}", handle.dump());
    /// ```
    pub fn dump(&self) -> Dump {
        self.scheduler.dump()
    }

    /// Says what [`dump`](Handle::dump) says, and on what each task waits, line by line: its
    /// *await stack*, from the future that is waited for to the task. Needs the feature `dump`.
    ///
    /// ```text
    /// 50 tasks at src/main.rs:20:9: waiting
    ///     executor::time::sleep::Sleep at executor-0.1.0/src/time/sleep.rs:182
    ///     app::fetch at src/main.rs:12
    ///     app::serve at src/main.rs:31
    /// ```
    ///
    /// Each task that waits, or is about to be polled, is woken, and polled once more, with a waker
    /// that takes the thread's stack whenever it is cloned. So any future will tell that leaves its
    /// waker anew at each poll, of whatever crate it is, in a release build too. The clones are the
    /// task's own wakers. A task with several wakers, as `select!` and `join!` make them, has several
    /// stacks; of a set of futures with wakers of its own, such as `FuturesUnordered`, it is told
    /// where the set is awaited.
    ///
    /// It asks until all have answered, and for `limit` at most. Whoever has not answered by then is
    /// named, with the [reason](crate::dump::Silence). A few tasks are asked at a time, which takes
    /// some microseconds each; in between workers go on with what else they have to do. Names and
    /// lines are looked up afterwards, whether or not there is time left: some ten milliseconds for
    /// the first one, since debug information is read, and more in a large program.
    ///
    /// The states of the tasks are those after they have answered. Who has ended meanwhile is left
    /// out.
    ///
    /// The call waits for the workers, and so is made by [`block_in_place`](crate::block_in_place) if
    /// it is on one of them. It may be made anywhere. Dumps with stacks take turns in the whole
    /// process. One whose turn does not come within `limit` tells no stacks. Nor does one that is made
    /// by a task while another dump is asking this very task, for either would wait for the other;
    /// nor one in a forked child.
    ///
    /// # What it may change
    ///
    /// A future has to put up with polls that it did not ask for: `select!` and `join!` make them all
    /// the time. But one that counts its polls goes on by one, as `futures::pending!()` does. So a
    /// task that is stuck may come unstuck: [`dump`](Handle::dump) is the one that changes nothing.
    ///
    /// # What a build must have
    ///
    /// | in the profile | names of functions | lines |
    /// | --- | --- | --- |
    /// | `debug = 1`, or more | all | all |
    /// | `debug = "line-tables-only"` | not their paths; the source lines themselves if the files are there | all |
    /// | `debug = 0`, what `release` has | of those that were not inlined | none |
    /// | `strip = true` | none | none |
    ///
    /// `debug = 1` makes a program larger by a percent or so, and no slower. The dump's text says
    /// what is missing.
    ///
    /// ```
    /// use executor::time::sleep;
    /// use std::time::Duration;
    ///
    /// async fn fetch() {
    ///     sleep(Duration::from_secs(3600)).await;
    /// }
    ///
    /// let executor = executor::Executor::builder().workers(1).build()?;
    /// executor.spawn(fetch());
    /// let stack = loop {
    ///     let dump = executor.handle().dump_stacks(Duration::from_secs(10));
    ///     if let Some(stack) = dump.tasks().iter().flat_map(|task| task.stacks()).next() {
    ///         break stack.clone();
    ///     }
    /// };
    /// println!("{stack}");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(feature = "dump")]
    pub fn dump_stacks(&self, limit: Duration) -> Dump {
        let now = Instant::now();
        let deadline = now.checked_add(limit).unwrap_or(now + A_YEAR);
        block_in_place(|| self.scheduler.dump_stacks(deadline))
    }

    /// Changes the number of workers, N, while tasks run: from now on the executor polls `n` tasks at
    /// a time. Returns the number before. (Go's `runtime.GOMAXPROCS(n)`.)
    ///
    /// More workers take up the tasks that wait at once: threads that sleep are woken, and others are
    /// started as far as there is work for them. Fewer: whichever threads are too many stop running
    /// tasks once the polls are over that they are in, and others run what waits for them. Those
    /// that nobody has needed for 10 s end.
    ///
    /// May be called from anywhere, as often as one likes, and from several threads: one of the calls
    /// is the last, and its number stays. Each call returns what the one before it has set. As for
    /// [`Builder::workers`](crate::Builder::workers), the number may exceed that of the cores. On an
    /// executor that has ended the call returns the number as always, and has no other effect.
    ///
    /// Where nobody has chosen the number, it follows the cores that the process may use. From the
    /// first call on it does not.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput), with a text that says the way out, if `n` is 0,
    /// or above [`Builder::max_threads`](crate::Builder::max_threads), which by default is 512 more
    /// than the workers at the start; and for any `n` if the executor was built with
    /// [`handoff(false)`](crate::Builder::handoff), for its threads are as many as its workers. The
    /// number stays what it was.
    ///
    /// ```
    /// let executor = executor::Executor::builder().workers(1).build()?;
    /// let handle = executor.handle();
    /// assert_eq!(handle.set_workers(4)?, 1);
    /// assert_eq!(handle.metrics().workers(), 4);
    /// assert_eq!(handle.set_workers(2)?, 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_workers(&self, n: usize) -> io::Result<usize> {
        let scheduler = &self.scheduler;
        scheduler.workers.set(scheduler, &scheduler.config, n)
    }

    /// Tells executors apart that live at the same time: their threads' name may be the same, the
    /// id is not.
    pub(crate) fn fmt_as(&self, type_name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scheduler {
            id, config, idle, ..
        } = &*self.scheduler;
        f.debug_struct(type_name)
            .field("thread_name", &config.thread_name)
            .field("id", &id.get())
            .field("workers", &idle.permits())
            .finish()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as("Handle", f)
    }
}

/// Spawns a detached task, for library code that is generic over executors. Fails once the executor
/// has shut down.
impl Spawn for Handle {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.status()?;
        drop(self.spawn(future));
        Ok(())
    }

    fn status(&self) -> Result<(), SpawnError> {
        if self.scheduler.is_closed() {
            Err(SpawnError::shutdown())
        } else {
            Ok(())
        }
    }
}
