//! Settings of an executor.

use crate::{env, executor::Executor, panic::caught, scheduler::monitor::MIN_HANDOFF_AFTER};
use std::{fmt, io, sync::Arc, time::Duration};

/// Threads beyond the workers that may exist by default.
const DEFAULT_STAND_INS: usize = 512;

/// Threads one executor can have at most; what `max_threads` asks beyond is not granted.
const MAX_THREADS: usize = 1 << 15;

/// The smallest stack accepted: what a poll and the report of a panic need, with a margin.
const MIN_STACK: usize = 64 << 10;

/// What a longer `handoff_after` is cut to: sums of it and a point in time must not overflow.
const MAX_HANDOFF_AFTER: Duration = Duration::from_secs(3600);

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
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    workers: Option<usize>,
    max_threads: Option<usize>,
    thread_name: String,
    thread_stack_size: Option<usize>,
    on_thread_start: Option<Hook>,
    on_thread_stop: Option<Hook>,
    handoff: bool,
    handoff_after: Duration,
}

type Hook = Arc<dyn Fn() + Send + Sync>;

/// The settings as the scheduler uses them, checked.
pub(crate) struct Config {
    pub(crate) workers: usize,
    max_threads: usize,
    pub(crate) thread_name: String,
    pub(crate) thread_stack_size: Option<usize>,
    on_thread_start: Option<Hook>,
    on_thread_stop: Option<Hook>,
    pub(crate) handoff: bool,
    pub(crate) handoff_after: Duration,
}

impl Config {
    /// How many machines may exist.
    pub(crate) fn max_machines(&self) -> usize {
        if self.handoff {
            self.max_threads
        } else {
            self.workers
        }
    }

    /// Runs the hook; its panic is caught, the panic hook has reported it.
    pub(crate) fn call_on_thread_start(&self) {
        call(self.on_thread_start.as_ref());
    }

    /// As above.
    pub(crate) fn call_on_thread_stop(&self) {
        call(self.on_thread_stop.as_ref());
    }
}

fn call(hook: Option<&Hook>) {
    if let Some(hook) = hook {
        drop(caught(|| hook()));
    }
}

impl Default for Builder {
    fn default() -> Builder {
        Builder {
            workers: None,
            max_threads: None,
            thread_name: "executor".into(),
            thread_stack_size: None,
            on_thread_start: None,
            on_thread_stop: None,
            handoff: true,
            handoff_after: Duration::from_millis(10),
        }
    }
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
        self.thread_name = name.into();
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
        self.thread_stack_size = Some(bytes);
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
        self.on_thread_start = Some(Arc::new(f));
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
        self.on_thread_stop = Some(Arc::new(f));
        self
    }

    /// Whether a blocked worker hands its place over to a stand-in thread. Default: true.
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
        self.handoff = on;
        self
    }

    /// How long a poll may run before its worker's place is given away, if anything waits. Default:
    /// 10 ms; less than 0.2 ms is taken for that, and more than an hour for an hour.
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
        self.handoff_after = d;
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
        Executor::start(self.check()?)
    }

    fn check(self) -> io::Result<Config> {
        let workers = self.workers.unwrap_or_else(env::workers);
        if workers == 0 {
            return invalid(
                "`workers(0)`: an executor needs at least one worker; leave `workers` out for one \
                 per core",
            );
        }
        if workers > MAX_THREADS {
            let (asked, way_out) = match self.workers {
                Some(_) => (format!("workers({workers})"), "leave `workers` out"),
                None => (format!("EXECUTOR_WORKERS={workers}"), "unset it"),
            };
            return invalid(format!(
                "`{asked}`: at most {MAX_THREADS} are possible; {way_out} for one per core"
            ));
        }
        let max_threads = self.max_threads.unwrap_or(workers + DEFAULT_STAND_INS);
        if max_threads < workers {
            return invalid(format!(
                "`max_threads({max_threads})` is below the number of workers, \
                                    {workers}: raise it or ask for fewer `workers`"
            ));
        }
        if self.handoff_after.is_zero() {
            return invalid(
                "`handoff_after(0)` would take every poll for a blocked one: give it a \
                            positive duration, or turn hand-over off with `handoff(false)`",
            );
        }
        if self.thread_name.contains('\0') {
            return invalid(format!(
                "`thread_name({:?})` has a NUL byte, which no system takes in \
                                    a thread's name: remove it",
                self.thread_name
            ));
        }
        if let Some(bytes) = self.thread_stack_size
            && !(MIN_STACK..=isize::MAX as usize).contains(&bytes)
        {
            return invalid(format!(
                "`thread_stack_size({bytes})`: a stack has {MIN_STACK} bytes \
                                    or more, and fits the address space; leave it out for 2 MiB"
            ));
        }
        Ok(Config {
            workers,
            max_threads: max_threads.min(MAX_THREADS),
            thread_name: self.thread_name,
            thread_stack_size: self.thread_stack_size,
            on_thread_start: self.on_thread_start,
            on_thread_stop: self.on_thread_stop,
            handoff: self.handoff,
            handoff_after: self
                .handoff_after
                .clamp(MIN_HANDOFF_AFTER, MAX_HANDOFF_AFTER),
        })
    }
}

fn invalid<T>(text: impl Into<String>) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, text.into()))
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("workers", &self.workers)
            .field("max_threads", &self.max_threads)
            .field("thread_name", &self.thread_name)
            .field("thread_stack_size", &self.thread_stack_size)
            .field("handoff", &self.handoff)
            .field("handoff_after", &self.handoff_after)
            .finish_non_exhaustive()
    }
}
