//! Sets of tasks that are joined as they end.

mod ended;
mod members;

use crate::{
    abort_handle::AbortHandle,
    blocking::in_place,
    error::JoinError,
    handle::Handle,
    join::JoinHandle,
    scheduler::{
        Scheduler,
        allowance::{self, poll_leaf},
        default::with_current_or_default,
        task::is_large,
        task_id::TaskId,
    },
};
use ended::Ended;
use members::Members;
use std::{
    fmt,
    future::{Future, poll_fn},
    panic::{RefUnwindSafe, UnwindSafe, resume_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

/// What a task of a set has come to, and which task that is.
type WithId<T> = Result<(TaskId, T), JoinError>;

/// A set of tasks that yield the same type, joined in the order in which they end.
///
/// Dropping the set aborts all its tasks, and so does [`shutdown`](JoinSet::shutdown), which waits
/// for their end. To let them run on instead, call [`detach_all`](JoinSet::detach_all).
///
/// Each operation on one task takes the same time, however many there are in the set.
///
/// Names and meaning are those of tokio's `JoinSet`. Like there, a new set allocates nothing before
/// its first task. Unlike there, a waker that panics harms nobody: if the one that awaits
/// [`join_next`](JoinSet::join_next) does, its panic is caught.
///
/// # Examples
///
/// ```
/// use executor::JoinSet;
///
/// let sum = executor::block_on(async {
///     let mut squares: JoinSet<_> = (0..10).map(|i| async move { i * i }).collect();
///     let mut sum = 0;
///     while let Some(square) = squares.join_next().await {
///         sum += square?;
///     }
///     Ok::<_, executor::JoinError>(sum)
/// });
/// assert_eq!(sum?, 285);
/// # Ok::<(), executor::JoinError>(())
/// ```
///
/// Of several mirrors the first that answers, and no more of the others:
///
/// ```
/// use executor::{JoinSet, time::sleep};
/// use std::time::Duration;
///
/// let fastest = executor::block_on(async {
///     let mut mirrors = JoinSet::new();
///     for delay in [2_000, 1, 3_000] {
///         mirrors.spawn(async move {
///             sleep(Duration::from_millis(delay)).await;
///             delay
///         });
///     }
///     mirrors.join_next().await.expect("there are some")
/// });
/// assert_eq!(fastest?, 1);
/// # Ok::<(), executor::JoinError>(())
/// ```
#[must_use = "dropping a set aborts its tasks"]
pub struct JoinSet<T> {
    members: Members<T>,
    /// Where tasks that end leave word; there is none before the first task.
    ended: Option<Arc<Ended>>,
}

/// Between two calls it is whole, whatever a task or a waker has thrown.
impl<T> UnwindSafe for JoinSet<T> {}
// As for `UnwindSafe`.
impl<T> RefUnwindSafe for JoinSet<T> {}

impl<T> JoinSet<T> {
    /// Returns a set without tasks.
    ///
    /// ```
    /// assert!(executor::JoinSet::<u32>::new().is_empty());
    /// ```
    pub fn new() -> JoinSet<T> {
        JoinSet {
            members: Members::new(),
            ended: None,
        }
    }

    /// Returns the number of tasks in the set: those that have not been joined, ended or not.
    ///
    /// ```
    /// let mut tasks = executor::JoinSet::new();
    /// tasks.spawn(async {});
    /// tasks.spawn(async {});
    /// executor::block_on(tasks.join_next());
    /// assert_eq!(tasks.len(), 1);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns whether all tasks of the set have been joined.
    ///
    /// ```
    /// let mut tasks = executor::JoinSet::new();
    /// tasks.spawn(async {});
    /// assert!(!tasks.is_empty());
    /// executor::block_on(tasks.join_next());
    /// assert!(tasks.is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Asks for the end of all tasks in the set, as [`JoinHandle::abort`] does. They stay in the
    /// set until they are joined.
    ///
    /// ```
    /// let mut tasks = executor::JoinSet::new();
    /// tasks.spawn(std::future::pending::<()>());
    /// tasks.abort_all();
    /// let end = executor::block_on(tasks.join_next()).expect("it is in the set still");
    /// assert!(end.unwrap_err().is_cancelled());
    /// ```
    pub fn abort_all(&mut self) {
        self.members.iter().for_each(JoinHandle::abort);
    }

    /// Takes all tasks out of the set, and lets them run on by themselves.
    ///
    /// ```
    /// let mut tasks = executor::JoinSet::new();
    /// tasks.spawn(async { println!("still here") });
    /// tasks.detach_all();
    /// assert!(tasks.is_empty());
    /// ```
    pub fn detach_all(&mut self) {
        self.stop_listening();
        self.members = Members::new();
    }

    /// What the present tasks say from now on is for nobody.
    fn stop_listening(&mut self) {
        if let Some(ended) = self.ended.take() {
            ended.close();
        }
    }

    /// Takes a task that has ended out of the set.
    fn join_with_id(&mut self, key: usize) -> WithId<T> {
        let task = self.members.remove(key);
        let id = task.id();
        JoinSet::outcome(task).map(|output| (id, output))
    }

    /// Takes a task that has ended out of the set.
    fn join(&mut self, key: usize) -> Result<T, JoinError> {
        JoinSet::outcome(self.members.remove(key))
    }

    /// What a task that has ended has come to.
    fn outcome(task: JoinHandle<T>) -> Result<T, JoinError> {
        // It waits for nothing, so nobody needs to be woken, and it must not be refused.
        let _uncounted = allowance::suspend();
        match pin!(task).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => unreachable!("a task says that it has ended when it has"),
        }
    }
}

impl<T: Send + 'static> JoinSet<T> {
    /// Starts a task in the set, on the current executor, as [`executor::spawn`](crate::spawn)
    /// does.
    ///
    /// # Panics
    ///
    /// See [`executor::spawn`](crate::spawn).
    ///
    /// ```
    /// let mut tasks = executor::JoinSet::new();
    /// let task = tasks.spawn(async { 7 });
    /// let (id, seven) = executor::block_on(tasks.join_next_with_id()).expect("there is one")?;
    /// assert_eq!((id, seven), (task.id(), 7));
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
    {
        let id = TaskId::here();
        // A closure that captures a large future copies it on the stack.
        if const { is_large::<F>() } {
            self.spawn_on_current(id, Box::pin(future))
        } else {
            self.spawn_on_current(id, future)
        }
    }

    #[track_caller]
    fn spawn_on_current<F>(&mut self, id: TaskId, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
    {
        with_current_or_default(|scheduler| self.insert(scheduler, id, future))
    }

    /// Starts a task in the set, on the executor of `handle`, as [`Handle::spawn`] does.
    ///
    /// ```
    /// let executor = executor::Executor::new()?;
    /// let mut tasks = executor::JoinSet::new();
    /// tasks.spawn_on(async { 7 }, &executor.handle());
    /// assert_eq!(executor::block_on(tasks.join_all()), [7]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
    {
        let id = TaskId::here();
        if const { is_large::<F>() } {
            self.insert(&handle.scheduler, id, Box::pin(future))
        } else {
            self.insert(&handle.scheduler, id, future)
        }
    }

    /// Starts a closure that may block, in the set and on the current executor, as
    /// [`executor::spawn_blocking`](crate::spawn_blocking) does. Once it has started, it is not
    /// stopped.
    ///
    /// # Panics
    ///
    /// See [`executor::spawn`](crate::spawn).
    ///
    /// ```
    /// let mut files = executor::JoinSet::new();
    /// files.spawn_blocking(|| std::fs::read_to_string("Cargo.toml"));
    /// let text = executor::block_on(files.join_next()).expect("there is one")??;
    /// assert!(text.contains("[package]"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
    {
        if const { is_large::<F>() } {
            self.spawn(in_place(Box::new(f)))
        } else {
            self.spawn(in_place(f))
        }
    }

    /// Starts a closure that may block, in the set and on the executor of `handle`; otherwise as
    /// [`spawn_blocking`](JoinSet::spawn_blocking).
    ///
    /// ```
    /// let mut tasks = executor::JoinSet::new();
    /// tasks.spawn_blocking_on(|| 7, &executor::Handle::current());
    /// assert_eq!(executor::block_on(tasks.join_all()), [7]);
    /// ```
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
    {
        if const { is_large::<F>() } {
            self.spawn_on(in_place(Box::new(f)), handle)
        } else {
            self.spawn_on(in_place(f), handle)
        }
    }

    /// Makes a task that leaves word when it ends. It listens before anybody can run the task:
    /// then nobody else is at the task's state, and it cannot have ended.
    fn insert<F>(&mut self, scheduler: &Arc<Scheduler>, id: TaskId, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (task, joiner) = scheduler.make(id, (), future);
        let mut handle = JoinHandle::new(joiner);
        let abort = handle.abort_handle();
        let ended = self.ended.get_or_insert_default();
        let waker = Ended::waker(ended, self.members.next_key());
        let uncounted = allowance::suspend();
        let listening = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
        drop(uncounted);
        debug_assert!(listening.is_pending(), "nobody has run the task");
        self.members.insert(handle);
        scheduler.launch(task);
        abort
    }

    /// Waits until a task of the set has ended, takes it out of the set, and returns its output, or
    /// why there is none. Returns `None` at once if the set is empty.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it is ready, no task has left the set.
    ///
    /// ```
    /// let mut tasks = executor::JoinSet::new();
    /// tasks.spawn(async { 7 });
    /// executor::block_on(async {
    ///     assert_eq!(tasks.join_next().await.expect("there is one")?, 7);
    ///     assert!(tasks.join_next().await.is_none());
    ///     Ok::<_, executor::JoinError>(())
    /// })?;
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        // Without `poll_join_next`: each call that a large output passes through copies it on the stack.
        let key = self.next_ended_key().await?;
        Some(self.join(key))
    }

    /// As [`join_next`](JoinSet::join_next), with the id of the task beside its output. A
    /// [`JoinError`] knows [its task's](JoinError::id).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it is ready, no task has left the set.
    ///
    /// ```
    /// let mut tasks = executor::JoinSet::new();
    /// let id = tasks.spawn(async { 7 }).id();
    /// let joined = executor::block_on(tasks.join_next_with_id());
    /// assert_eq!(joined.expect("there is one")?, (id, 7));
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    pub async fn join_next_with_id(&mut self) -> Option<Result<(TaskId, T), JoinError>> {
        let key = self.next_ended_key().await?;
        Some(self.join_with_id(key))
    }

    /// Takes a task that has ended out of the set, as [`join_next`](JoinSet::join_next) does, but
    /// waits for none. Returns `None` if none has ended, or the set is empty.
    ///
    /// ```
    /// let mut tasks = executor::JoinSet::new();
    /// tasks.spawn(std::future::pending::<()>());
    /// assert!(tasks.try_join_next().is_none());
    /// ```
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        let key = self.members.next_ended(self.ended.as_deref()?)?;
        Some(self.join(key))
    }

    /// As [`try_join_next`](JoinSet::try_join_next), with the id of the task beside its output.
    ///
    /// ```
    /// let mut tasks = executor::JoinSet::new();
    /// let task = tasks.spawn(async { 7 });
    /// while !task.is_finished() {
    ///     std::thread::yield_now();
    /// }
    /// let joined = loop {
    ///     if let Some(joined) = tasks.try_join_next_with_id() {
    ///         break joined;
    ///     }
    /// };
    /// assert_eq!(joined?, (task.id(), 7));
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(TaskId, T), JoinError>> {
        let key = self.members.next_ended(self.ended.as_deref()?)?;
        Some(self.join_with_id(key))
    }

    /// Polls for the next task that has ended, as the future of [`join_next`](JoinSet::join_next)
    /// does. Only the waker of the latest call is woken.
    ///
    /// ```
    /// use std::future::poll_fn;
    ///
    /// let mut tasks = executor::JoinSet::new();
    /// tasks.spawn(async { 7 });
    /// let joined = executor::block_on(poll_fn(|cx| tasks.poll_join_next(cx)));
    /// assert_eq!(joined.expect("there is one")?, 7);
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        let key = ready!(self.poll_next_ended_key(cx));
        Poll::Ready(key.map(|key| self.join(key)))
    }

    /// As [`poll_join_next`](JoinSet::poll_join_next), with the id of the task beside its output.
    ///
    /// ```
    /// use std::future::poll_fn;
    ///
    /// let mut tasks = executor::JoinSet::new();
    /// let id = tasks.spawn(async { 7 }).id();
    /// let joined = executor::block_on(poll_fn(|cx| tasks.poll_join_next_with_id(cx)));
    /// assert_eq!(joined.expect("there is one")?, (id, 7));
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(TaskId, T), JoinError>>> {
        let key = ready!(self.poll_next_ended_key(cx));
        Poll::Ready(key.map(|key| self.join_with_id(key)))
    }

    /// Waits for the next task that has ended; `None` if the set is empty.
    async fn next_ended_key(&mut self) -> Option<usize> {
        poll_fn(|cx| self.poll_next_ended_key(cx)).await
    }

    /// All that awaits a task of the set passes here.
    fn poll_next_ended_key(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        poll_leaf(cx, |cx| match self.ended.as_deref() {
            Some(ended) if !self.members.is_empty() => {
                self.members.poll_next_ended(ended, cx.waker()).map(Some)
            }
            _ => Poll::Ready(None),
        })
    }

    /// Waits for all tasks of the set, and returns their outputs in the order in which they ended.
    ///
    /// # Panics
    ///
    /// If a task panicked, its panic goes on here; if one was cancelled, this panics. The other
    /// tasks are aborted then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts the tasks that it waits for, and drops the outputs that it has.
    ///
    /// ```
    /// let tasks: executor::JoinSet<_> = (0..3).map(|i| async move { i * i }).collect();
    /// let mut squares = executor::block_on(tasks.join_all());
    /// squares.sort();
    /// assert_eq!(squares, [0, 1, 4]);
    /// ```
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(joined) = self.join_next().await {
            match joined.map_err(JoinError::try_into_panic) {
                Ok(output) => outputs.push(output),
                Err(Ok(payload)) => resume_unwind(payload),
                Err(Err(cancelled)) => panic!("{cancelled}"),
            }
        }
        outputs
    }

    /// Aborts all tasks of the set, and waits until their futures have been dropped. The set is
    /// empty then, and what the tasks have come to is lost. (But in a [simulation](crate::sim) a panic
    /// of one is a failure.)
    ///
    /// # Cancel safety
    ///
    /// After the first poll, dropping the future ends only the waiting; the abort stands.
    ///
    /// ```
    /// let mut tasks = executor::JoinSet::new();
    /// tasks.spawn(std::future::pending::<()>());
    /// executor::block_on(tasks.shutdown());
    /// assert!(tasks.is_empty());
    /// ```
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while let Some(joined) = self.join_next().await {
            _ = joined.map_err(JoinError::ignore);
        }
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.stop_listening();
        self.abort_all();
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> JoinSet<T> {
        JoinSet::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

/// Spawns each future on the current executor.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> JoinSet<T> {
        let mut set = JoinSet::new();
        set.extend(futures);
        set
    }
}

/// Spawns each future on the current executor.
impl<T, F> Extend<F> for JoinSet<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        // No closure: it would not pass the caller's line on.
        for future in futures {
            self.spawn(future);
        }
    }
}
