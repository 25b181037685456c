//! Settings of an executor.

use crate::{executor::Executor, scheduler::config::Config};
use std::{fmt, io, sync::Arc, time::Duration};

/// Settings of an [`Executor`], from [`Executor::builder`].
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
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    workers: Option<usize>,
    max_threads: Option<usize>,
    config: Config,
}

impl Builder {
    /// The number of workers, N: as many tasks are polled at once.
    ///
    /// Default: the environment variable `EXECUTOR_WORKERS`, else [`num_cpus::get`], which heeds
    /// the affinity mask and the quota of a container.
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

    /// The name of every thread. Default: `executor`. (Linux shows the first 15 bytes.)
    ///
    /// ```
    /// let executor = executor::Executor::builder().thread_name("crawler").build()?;
    /// let task = executor.spawn(async { std::thread::current().name().map(str::to_owned) });
    /// assert_eq!(executor.block_on(task).unwrap().as_deref(), Some("crawler"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn thread_name(mut self, name: impl Into<String>) -> Builder {
        self.config.thread_name = name.into();
        self
    }

    /// The stack of every thread in bytes. Default: the standard library's, 2 MiB unless
    /// `RUST_MIN_STACK` says otherwise.
    ///
    /// ```
    /// let executor = executor::Executor::builder().thread_stack_size(8 << 20).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn thread_stack_size(mut self, bytes: usize) -> Builder {
        self.config.thread_stack_size = Some(bytes);
        self
    }

    /// Calls `f` on every thread of the executor before it runs tasks, stand-ins included. A panic
    /// of `f` is caught.
    ///
    /// ```
    /// let executor = executor::Executor::builder()
    ///     .on_thread_start(|| println!("{:?} is here", std::thread::current().id()))
    ///     .build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_thread_start(mut self, f: impl Fn() + Send + Sync + 'static) -> Builder {
        self.config.on_thread_start = Some(Arc::new(f));
        self
    }

    /// Calls `f` on every thread of the executor when it has run its last task. A panic of `f` is
    /// caught.
    ///
    /// ```
    /// let executor = executor::Executor::builder()
    ///     .on_thread_stop(|| println!("{:?} leaves", std::thread::current().id()))
    ///     .build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_thread_stop(mut self, f: impl Fn() + Send + Sync + 'static) -> Builder {
        self.config.on_thread_stop = Some(Arc::new(f));
        self
    }

    /// Whether a stand-in thread goes on with the tasks of a worker that blocks. Default: true.
    ///
    /// With `false` the executor has exactly N threads for ever, and no monitor: a poll that blocks,
    /// [`block_in_place`], [`spawn_blocking`](Executor::spawn_blocking) and a `block_on` inside a
    /// task then hold their worker up, and N of them that wait for other tasks wait for ever. (A timer that
    /// wakes something else than the task that polls it is served by the default executor, which is
    /// started for it.)
    ///
    /// [`block_in_place`]: crate::block_in_place
    ///
    /// ```
    /// let executor = executor::Executor::builder().workers(2).handoff(false).build()?;
    /// executor.block_on(executor.spawn_blocking(|| ())).unwrap();
    /// assert_eq!(executor.metrics().threads(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn handoff(mut self, on: bool) -> Builder {
        self.config.handoff = on;
        self
    }

    /// How long a poll may run before a stand-in thread goes on in its worker's stead, if anything waits.
    /// Default: 10 ms. Clamped to 0.2 ms ..= 1 h.
    ///
    /// It is for polls that do not announce that they block. A stand-in comes within another such
    /// time. It makes no difference whether the poll sleeps or computes; but of those that compute
    /// at most N have a stand-in at a time, so that there are never more than 2 N threads that
    /// compute. (Only Linux tells the two apart; elsewhere that limit holds for all.)
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

    /// The number of threads that may exist at once, stand-ins included (the monitor is one more).
    /// Default: the workers and 512 more. Never more than 32,768, whatever is asked.
    ///
    /// When tasks wait and this many threads sit in blocking calls, an error is logged, once. The
    /// tasks go on as soon as any of the calls returns.
    ///
    /// ```
    /// let executor = executor::Executor::builder().workers(2).max_threads(16).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn max_threads(mut self, n: usize) -> Builder {
        self.max_threads = Some(n);
        self
    }

    /// Starts the executor.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) with a text that says the way out for:
    /// 0 workers or more than 32,768, `max_threads` below the workers, `handoff_after` of zero, a
    /// NUL byte in the thread name, a stack below 64 KiB or beyond the address space. The system's
    /// own error if it refuses a thread; nothing is left behind then. Any process can have 65,536
    /// executors at once, those that have ended and have handles left among them.
    ///
    /// # Panics
    ///
    /// If `EXECUTOR_WORKERS` is consulted and is not a positive integer, or
    /// `EXECUTOR_SCHEDTRACE` is not a number of milliseconds.
    ///
    /// ```
    /// let error = executor::Executor::builder().workers(0).build().unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// ```
    pub fn build(self) -> io::Result<Executor> {
        Executor::start(self.config.resolve(self.workers, self.max_threads)?)
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
            .finish_non_exhaustive()
    }
}
