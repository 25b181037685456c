//! Settings of an executor.

#[cfg(feature = "tokio")]
use crate::scheduler::bridge::Bridge;
use crate::{
    executor::Executor,
    handle::Handle,
    scheduler::{config::Config, default, observer::Observer},
};
use std::{
    fmt, io,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::Arc,
    time::Duration,
};

/// Collects the settings of an [`Executor`], or of the default one, and starts it.
///
/// # Examples
///
/// ```
/// use executor::Executor;
///
/// let executor = Executor::builder().workers(2).thread_name("crawler").build()?;
/// assert_eq!(executor.metrics().workers(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "a builder starts nothing until `build` is called"]
pub struct Builder {
    workers: Option<usize>,
    max_threads: Option<usize>,
    config: Config,
}

/// A builder calls no hook: the executor's threads do, and catch the panics.
impl UnwindSafe for Builder {}
// As for `UnwindSafe`.
impl RefUnwindSafe for Builder {}

impl Builder {
    /// Returns a builder with the default settings, as [`Executor::builder`] does.
    ///
    /// ```
    /// let executor = executor::Builder::new().workers(1).build()?;
    /// assert_eq!(executor.metrics().workers(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Sets the number of workers, N: the executor polls N tasks at a time.
    ///
    /// Default: the environment variable `EXECUTOR_WORKERS`; if that is unset, what
    /// [`num_cpus::get`](https://docs.rs/num_cpus/1/num_cpus/fn.get.html) returns, which heeds the
    /// affinity mask and a container's quota.
    ///
    /// While tasks run, [`Handle::set_workers`] changes the number. Where nobody has chosen one, by
    /// any of these ways, N follows the affinity mask and the quota: it becomes what
    /// [`available_parallelism`](std::thread::available_parallelism) says when that changes, up to
    /// [`max_threads`](Builder::max_threads). The executor asks at most once a second, and not while
    /// it is idle. (With `handoff(false)` it never does.) Source: Go's `GOMAXPROCS`, since 1.25.
    ///
    /// ```
    /// let executor = executor::Executor::builder().workers(3).build()?;
    /// assert_eq!(executor.metrics().workers(), 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn workers(mut self, n: usize) -> Builder {
        self.workers = Some(n);
        self
    }

    /// Sets the name of the threads that run tasks, and of the monitor, the thread that looks for
    /// long polls.
    ///
    /// Default: `executor`. Linux shows the first 15 bytes of a name. The thread that prints for
    /// `EXECUTOR_SCHEDTRACE` is always named `executor-trace`, the one for `EXECUTOR_DUMP`, of which
    /// a process has one, `executor-dump`.
    ///
    /// ```
    /// let executor = executor::Executor::builder().thread_name("crawler").build()?;
    /// let task = executor.spawn(async { std::thread::current().name().map(str::to_owned) });
    /// assert_eq!(executor.block_on(task)?.as_deref(), Some("crawler"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn thread_name(mut self, name: impl Into<String>) -> Builder {
        self.config.thread_name = name.into();
        self
    }

    /// Sets the stack size of the threads that run tasks, in bytes.
    ///
    /// Default: the standard library's, which is 2 MiB unless `RUST_MIN_STACK` says otherwise. The
    /// monitor, and the threads that print for `EXECUTOR_SCHEDTRACE` and `EXECUTOR_DUMP`, always have
    /// that default.
    ///
    /// ```
    /// let executor = executor::Executor::builder().thread_stack_size(8 << 20).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn thread_stack_size(mut self, bytes: usize) -> Builder {
        self.config.thread_stack_size = Some(bytes);
        self
    }

    /// Sets a function that every thread which runs tasks, stand-ins included, calls before its
    /// first one.
    ///
    /// A panic of `f` is caught. `f` is dropped when the executor has ended.
    ///
    /// ```
    /// let executor = executor::Executor::builder()
    ///     .on_thread_start(|| println!("{:?} is here", std::thread::current().id()))
    ///     .build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_thread_start(mut self, f: impl Fn() + Send + Sync + 'static) -> Builder {
        self.config.hooks.on_thread_start = Some(Arc::new(f));
        self
    }

    /// Sets a function that every thread which runs tasks calls after its last one.
    ///
    /// A panic of `f` is caught. `f` is dropped when the executor has ended.
    ///
    /// ```
    /// let executor = executor::Executor::builder()
    ///     .on_thread_stop(|| println!("{:?} leaves", std::thread::current().id()))
    ///     .build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_thread_stop(mut self, f: impl Fn() + Send + Sync + 'static) -> Builder {
        self.config.hooks.on_thread_stop = Some(Arc::new(f));
        self
    }

    /// Sets whether a stand-in thread goes on with the tasks of a worker that blocks.
    ///
    /// Default: `true`.
    ///
    /// With `false` the executor has exactly N threads that run tasks, for ever, and no monitor.
    /// (The thread that prints for `EXECUTOR_SCHEDTRACE` comes on top.) A poll that blocks,
    /// [`block_in_place`](crate::block_in_place), [`spawn_blocking`](Executor::spawn_blocking) and
    /// a `block_on` inside a task then hold up their worker; what they wait for is run by another
    /// worker, if any is free. If such calls hold up all N workers, and wait for other tasks, they
    /// wait for ever.
    ///
    /// Sockets and signals are heard of by the workers alone, so a
    /// [`block_on`](Executor::block_on) that waits for one waits until some worker is free. A call in
    /// a task that still does so when the executor ends may wait for ever, and the end with it.
    ///
    /// With `false`, no poll is reported that takes longer than a second. And as nobody else watches
    /// the workers, each of them reads the clock once a poll, and wakes another one for each task
    /// that it makes runnable, as long as one sleeps. That costs some tens of nanoseconds, and some
    /// microseconds.
    ///
    /// ```
    /// let executor = executor::Executor::builder().workers(2).handoff(false).build()?;
    /// executor.block_on(executor.spawn_blocking(|| ()))?;
    /// assert_eq!(executor.metrics().threads(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn handoff(mut self, on: bool) -> Builder {
        self.config.handoff = on;
        self
    }

    /// Sets how long a poll may run before a stand-in thread goes on with its worker's other tasks.
    ///
    /// Default: 10 ms. Values are clamped to 0.2 ms ..= 1 h, except zero, which
    /// [`build`](Builder::build) refuses.
    ///
    /// The setting is for polls that block without announcing it. On an idle machine the stand-in
    /// comes within another `handoff_after`, if there is a task for it to run.
    ///
    /// It comes whether the poll sleeps or computes. But as long as polls end now and then, at most
    /// N of those that compute have a stand-in at a time, so that there are no more than 2 N threads
    /// that compute. If no poll of the executor has ended for 50 ms, one more stand-in comes each
    /// `handoff_after`, up to [`max_threads`](Builder::max_threads). Only on Linux can the executor
    /// tell computing from sleeping. Elsewhere the limit of N counts every long poll that does not
    /// announce that it blocks.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let executor =
    ///     executor::Executor::builder().handoff_after(Duration::from_millis(50)).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn handoff_after(mut self, d: Duration) -> Builder {
        self.config.handoff_after = d;
        self
    }

    /// Sets how many threads may exist at the same time, stand-ins included.
    ///
    /// Default: 512 more than the workers. A number above 32,768 counts as 32,768. What is counted
    /// are the threads that run tasks: not the monitor, nor the thread that prints for
    /// `EXECUTOR_SCHEDTRACE`, nor those that the monitor sends to fire timers when all others are
    /// blocked. While there are more threads than workers, one that nobody has needed for 10 s ends.
    ///
    /// If tasks wait while this many threads sit in blocking calls, an error is logged, once; where
    /// logging is off, the error goes to standard error. The tasks go on as soon as any of the
    /// calls returns. If all of them wait for tasks that are queued, none returns: that is a
    /// deadlock.
    ///
    /// ```
    /// let executor = executor::Executor::builder().workers(2).max_threads(16).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn max_threads(mut self, n: usize) -> Builder {
        self.max_threads = Some(n);
        self
    }

    /// Sets whether each task is tracked, so that a [`dump`](crate::Handle::dump) tells its age, its
    /// polls, its parent, how many wakers of it there are, and which tasks are leaked.
    ///
    /// Default: `false`, unless `EXECUTOR_TRACK=1` asks for it. It costs a spawn and a poll some
    /// hundred nanoseconds each, and a task some hundred bytes.
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// let executor = executor::Executor::builder().track(true).build()?;
    /// let task = executor.spawn(pending::<()>());
    /// while executor.handle().dump().leaked().next().is_none() {
    ///     std::thread::yield_now();
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn track(mut self, on: bool) -> Builder {
        self.config.track = on;
        self
    }

    /// Sets of how many polls one is measured, by chance, for [`Metrics::poll_times`] and
    /// [`Metrics::wake_latencies`]. With 1 each is.
    ///
    /// Default: as many as cost nothing. Of short polls that is one of 488, and of long ones about one
    /// in each millisecond of a worker. To measure costs a poll some hundred nanoseconds.
    ///
    /// [`Metrics::poll_times`]: crate::Metrics::poll_times
    /// [`Metrics::wake_latencies`]: crate::Metrics::wake_latencies
    ///
    /// ```
    /// let executor = executor::Executor::builder().workers(1).measure_every(1).build()?;
    /// executor.block_on(executor.spawn(async {
    ///     for _ in 0..99 {
    ///         executor::yield_now().await;
    ///     }
    /// }))?;
    /// assert!(executor.metrics().poll_times().count() >= 99);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn measure_every(mut self, polls: u32) -> Builder {
        self.config.measure_every = Some(polls);
        self
    }

    /// Sets who is called for what happens to the executor's tasks; see [`Observer`].
    ///
    /// Of several calls the last one counts. The observer is dropped when the executor has ended.
    ///
    /// ```
    /// use executor::{Executor, Observer, TaskRef};
    ///
    /// struct Log;
    ///
    /// impl Observer for Log {
    ///     fn ended(&self, task: &TaskRef<'_>) {
    ///         println!("task {} has ended", task.id());
    ///     }
    /// }
    ///
    /// let executor = Executor::builder().observer(Log).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn observer(mut self, observer: impl Observer) -> Builder {
        self.config.hooks.observer = Some(Arc::new(observer));
        self
    }

    /// Starts the executor.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput), with a text that says the way out, for:
    ///
    /// * 0 workers, or more than 32,768;
    /// * `max_threads` below the number of workers;
    /// * `handoff_after` of zero;
    /// * `measure_every` of zero;
    /// * a NUL byte in the thread name;
    /// * a stack below 64 KiB, or one that does not fit the address space.
    ///
    /// If the system refuses a thread: an error of the same kind as the system's own, with a text
    /// that says the way out. No thread is left behind then.
    ///
    /// An error if the process has 65,536 executors already. An executor that has ended counts as
    /// long as it has handles.
    ///
    /// [`Unsupported`](io::ErrorKind::Unsupported) in a [simulation](crate::sim).
    ///
    /// # Panics
    ///
    /// If `EXECUTOR_WORKERS` is consulted and is not a positive integer, `EXECUTOR_SCHEDTRACE` is not
    /// a positive number of milliseconds, `EXECUTOR_TRACK` is neither 1 nor 0, `EXECUTOR_DEADLOCK` is
    /// none of `report`, `abort` and `off`; with the feature `signal`, `EXECUTOR_DUMP` is neither `USR1`
    /// nor `QUIT`; or, with the feature `trace`, `EXECUTOR_TRACE` ends in neither `.html` nor `.json`. An
    /// empty variable counts as unset.
    ///
    /// ```
    /// let error = executor::Executor::builder().workers(0).build().unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// ```
    #[track_caller]
    pub fn build(self) -> io::Result<Executor> {
        Executor::start(self.config.resolve(self.workers, self.max_threads)?)
    }
}

#[cfg(feature = "tokio")]
impl Builder {
    /// Puts the executor's code inside the context of a runtime of tokio, so that `tokio::net`,
    /// `tokio::time`, `tokio::spawn`, and what is built on them (reqwest, axum, tonic, sqlx) work in
    /// its tasks. Needs the feature `tokio`.
    ///
    /// Inside are all threads of the executor from their start to their end, stand-ins included, and
    /// other threads in calls of `block_on` on this executor and while they hold a guard of
    /// [`Handle::enter`](crate::Handle::enter): tasks, `spawn_blocking`, thread hooks, destructors.
    /// (Outside is what is made elsewhere, as the argument of `executor.spawn(tokio::time::sleep(d))`
    /// on a plain thread: put it into an async block.)
    ///
    /// **What such a library spawns by `tokio::spawn` or `tokio::task::spawn_blocking` runs on that
    /// runtime's threads, not on this executor's**, and hand-off, metrics and dumps know nothing of
    /// it. Here runs what you spawn by this crate, and the futures of the library that it awaits.
    /// [A table of crates](crate#the-bridge) says what works.
    ///
    /// Tokio's reactor and timers are driven by that runtime, and wake tasks here from outside:
    /// some microseconds each, where the sockets and timers of this crate need none. So somebody
    /// has to drive it. A `multi_thread` runtime, of one thread, does so by itself. One of the flavor
    /// `current_thread` is driven only while some thread is in its `block_on`, and not in a `block_on`
    /// of this crate's inside of that; until then what waits for it here waits.
    ///
    /// It has to outlive what uses it. Once it has been shut down, tokio's sockets return errors, and
    /// its timers panic ("A Tokio 1.x context was found, but it is being shutdown."). So declare it
    /// before an owned executor, which is then dropped first; and never drop one that the default
    /// executor is in: see [`build_global`](Builder::build_global). The executor keeps a handle,
    /// which keeps no runtime running.
    ///
    /// On this executor's threads tokio's `Handle::block_on` works, and blocks as any other call
    /// does. So does dropping a runtime. `tokio::task::block_in_place` only calls its closure:
    /// [`block_in_place`](crate::block_in_place) is the one to call here. Nothing here charges
    /// tokio's budget: a task that finds tokio's leaves ready again and again has to
    /// [yield](crate::yield_now). An executor without this setting changes nothing: a `block_on` of it
    /// stays inside the runtime that its thread is inside, if there is one.
    ///
    /// The name and the meaning are those of `tokio::runtime::Handle::enter`.
    ///
    /// # Panics
    ///
    /// Not this call; but `block_on`, as tokio's does, if its future has left a guard of
    /// `tokio::runtime::Handle::enter` behind, by `mem::forget` for example.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = tokio::runtime::Builder::new_multi_thread()
    ///     .worker_threads(1)
    ///     .enable_all()
    ///     .build()?;
    /// let executor = executor::Executor::builder().enter_tokio(runtime.handle().clone()).build()?;
    /// let task = executor.spawn(async {
    ///     tokio::time::sleep(Duration::from_millis(1)).await;
    ///     tokio::spawn(async { std::thread::current().name().map(str::to_owned) }).await
    /// });
    /// let thread = executor.block_on(task)??;
    /// assert_ne!(thread.as_deref(), Some("executor"), "it is one of tokio's");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enter_tokio(mut self, runtime: tokio::runtime::Handle) -> Builder {
        self.config.bridge = Bridge::to(runtime);
        self
    }
}

impl Builder {
    /// Starts the process-wide default executor with these settings, and returns a handle to it.
    /// Without this call its first use starts it, with the default settings.
    ///
    /// Call it early in `main`. The default executor is never shut down.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) once the default executor has started, by
    /// this call or by its first use: it keeps its settings. Otherwise see
    /// [`build`](Builder::build); after an error of that kind the default executor has not started.
    ///
    /// # Panics
    ///
    /// See [`build`](Builder::build).
    ///
    /// ```standalone_crate
    /// let handle = executor::Builder::new().workers(2).thread_name("mine").build_global()?;
    /// assert_eq!(handle.metrics().workers(), 2);
    /// let task = executor::spawn(async { std::thread::current().name().map(str::to_owned) });
    /// assert_eq!(executor::block_on(task)?.as_deref(), Some("mine"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn build_global(self) -> io::Result<Handle> {
        let config = self.config.resolve(self.workers, self.max_threads)?;
        let scheduler = default::start_with(config)?;
        Ok(Handle::new(scheduler.clone()))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("workers", &self.workers)
            .field("max_threads", &self.max_threads)
            .field("thread_name", &self.config.thread_name)
            .field("thread_stack_size", &self.config.thread_stack_size)
            .field("handoff", &self.config.handoff)
            .field("handoff_after", &self.config.handoff_after)
            .field("track", &self.config.track)
            .finish_non_exhaustive()
    }
}
