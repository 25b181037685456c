//! What somebody else wants to be called for: the beginning, the polls and the end of each task.
//!
//! An observer is foreign code. Its panics are caught; of what it does to tasks of its executor itself
//! it is not told, for that would have no end; and it is called under no lock of ours.

use super::task_id::TaskId;
#[cfg(shuttle)]
use crate::sync::shuttle::LocalCell as _;
use crate::sync::{Mutex, lock, panic::caught, thread_local};
use std::{
    borrow::Cow, cell::Cell, collections::HashMap, fmt, iter, panic::Location, ptr, sync::Arc,
};

/// Is called for what happens to the tasks of an executor. [`Builder::observer`] takes one.
///
/// An executor without an observer pays nothing for this trait. With one, a spawn, a wake-up and a
/// poll cost some hundred nanoseconds more, and what the observer takes itself.
///
/// # What an observer may do
///
/// Whatever a task may: spawn, wake, block, panic, drop the executor. A panic is caught. It is called
/// on the thread on which things happen: what takes long in [`poll_begins`](Observer::poll_begins)
/// makes a long poll, and what takes long in [`woken`](Observer::woken) holds up whoever wakes the
/// task, with the locks that he has. If it drops the executor, that ends by itself, as it does when
/// one of its tasks drops it.
///
/// What it does to tasks of its executor itself is not observed: of one that it spawns or wakes, it is
/// told the polls and the end, but neither that it was spawned nor that it was woken. What it does to
/// tasks of another executor, the observer of that one is told at once, also if both executors have
/// the same observer. What that one does to tasks here in turn counts as done by the first.
///
/// # Order
///
/// For each task that others than the observer spawn, `spawned` comes first, and `ended` last. Of a
/// task that an executor refuses because it ends it is told, too: it is spawned, and ends. Each
/// `poll_begins` is followed by its `poll_ends`, on the same thread. `woken` comes before the poll
/// that it leads to. Only if tasks are [tracked](crate::Builder::track) it may come during that
/// poll, or after it, and so even after `ended`. A task that is aborted is not polled before it ends.
///
/// # Examples
///
/// ```
/// use executor::{Executor, Observer, TaskRef};
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering::Relaxed}};
///
/// #[derive(Default)]
/// struct Polls(AtomicU64);
///
/// impl Observer for Polls {
///     fn poll_begins(&self, _: &TaskRef<'_>) {
///         self.0.fetch_add(1, Relaxed);
///     }
/// }
///
/// let polls = Arc::new(Polls::default());
/// let executor = Executor::builder().observer(polls.clone()).build()?;
/// executor.block_on(executor.spawn(executor::yield_now()))?;
/// assert_eq!(polls.0.load(Relaxed), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// [`Builder::observer`]: crate::Builder::observer
pub trait Observer: Send + Sync + 'static {
    /// A task has been spawned, and is not in a queue yet; or will not be, since the executor ends.
    fn spawned(&self, task: &TaskRef<'_>) {
        _ = task;
    }

    /// A poll of a task begins.
    fn poll_begins(&self, task: &TaskRef<'_>) {
        _ = task;
    }

    /// A poll of a task is over. `ready`: the task has ended in it, with a value or by a panic.
    fn poll_ends(&self, task: &TaskRef<'_>, ready: bool) {
        _ = (task, ready);
    }

    /// A task has been woken, and is not in a queue yet. A task that is woken again before its next
    /// poll is not told of again.
    fn woken(&self, task: &TaskRef<'_>) {
        _ = task;
    }

    /// A task has ended: its future has been dropped.
    fn ended(&self, task: &TaskRef<'_>) {
        _ = task;
    }
}

/// Somebody who keeps a reference can ask the observer what it has seen.
impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn spawned(&self, task: &TaskRef<'_>) {
        (**self).spawned(task);
    }

    fn poll_begins(&self, task: &TaskRef<'_>) {
        (**self).poll_begins(task);
    }

    fn poll_ends(&self, task: &TaskRef<'_>, ready: bool) {
        (**self).poll_ends(task, ready);
    }

    fn woken(&self, task: &TaskRef<'_>) {
        (**self).woken(task);
    }

    fn ended(&self, task: &TaskRef<'_>) {
        (**self).ended(task);
    }
}

/// A task, as an [`Observer`] sees it.
///
/// # Examples
///
/// ```
/// use executor::{Observer, TaskRef};
///
/// struct Log;
///
/// impl Observer for Log {
///     fn spawned(&self, task: &TaskRef<'_>) {
///         println!("{:?} {:?}, by {:?}", task.id(), task.spawned_at(), task.parent());
///     }
/// }
/// ```
pub struct TaskRef<'a> {
    id: TaskId,
    parents: &'a Parents,
}

impl TaskRef<'_> {
    /// Returns the task's id.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Returns the name that [`TaskBuilder::name`](crate::TaskBuilder::name) gave the task.
    #[must_use]
    pub fn name(&self) -> Option<Cow<'static, str>> {
        self.id.name()
    }

    /// Returns the line that spawned the task. For when it is `None` see [`TaskId::spawned_at`].
    #[must_use]
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        self.id.spawned_at()
    }

    /// Returns the task in whose poll this one was spawned, if it was spawned in one.
    #[must_use]
    pub fn parent(&self) -> Option<TaskId> {
        self.parents.of(self.id)
    }
}

impl fmt::Debug for TaskRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskRef")
            .field("id", &self.id)
            .field("name", &self.name())
            .field("spawned_at", &self.spawned_at())
            .field("parent", &self.parent())
            .finish()
    }
}

/// Who spawned whom, of tasks that have not ended.
struct Parents([Mutex<HashMap<TaskId, TaskId>>; Parents::SHARDS]);

impl Parents {
    /// So many locks, so that workers seldom want the same.
    const SHARDS: usize = 64;

    fn shard(&self, id: TaskId) -> &Mutex<HashMap<TaskId, TaskId>> {
        &self.0[id.serial() as usize % Parents::SHARDS]
    }

    fn of(&self, id: TaskId) -> Option<TaskId> {
        lock(self.shard(id)).get(&id).copied()
    }
}

thread_local! {
    /// The innermost call of an observer that this thread is in; null if it is in none.
    static CALL: Cell<*const Call> = const { Cell::new(ptr::null()) };
    /// Where this thread leaves the wake-up of which an observer is told later; null if at once.
    static LATER: Cell<*const Left> = const { Cell::new(ptr::null()) };
}

/// A wake-up of which an observer is told later.
type Left = Cell<Option<(Arc<Observing>, TaskId)>>;

/// Whether this thread is in a call of an observer.
pub(crate) fn is_observing() -> bool {
    !CALL.get().is_null()
}

/// A call of an observer, on the stack of the thread that it is on.
struct Call {
    /// Whose observer. Only its address counts.
    observing: *const Observing,
    /// That in which this one was made: the observer of one executor does something to another one.
    outer: *const Call,
}

impl Call {
    /// Whether this thread is in a call of this observer, also if in that one of another.
    fn is_of(observing: &Observing) -> bool {
        // SAFETY: null, or set by `within`, further down on this stack, which resets it.
        let innermost = unsafe { CALL.get().as_ref() };
        // SAFETY: as above; what is further out ends later.
        let mut calls = iter::successors(innermost, |call| unsafe { call.outer.as_ref() });
        calls.any(|call| ptr::eq(call.observing, observing))
    }

    /// Runs `f` as a call of this observer.
    fn within(observing: &Observing, f: impl FnOnce()) {
        let outer = CALL.get();
        let call = Call { observing, outer };
        CALL.set(&raw const call);
        let _ended = Ended(outer);
        f();
    }
}

/// Sets [`CALL`] again as it was.
struct Ended(*const Call);

impl Drop for Ended {
    fn drop(&mut self) {
        CALL.set(self.0);
    }
}

/// Calls `wake`, which wakes one task at most, under a lock of ours. Returns what tells the observer
/// of that, if there is one, once the lock is gone.
pub(super) fn told_later(wake: impl FnOnce()) -> Option<impl FnOnce()> {
    let left = Left::new(None);
    {
        let _leaving = Leaving(LATER.replace(&raw const left));
        wake();
    }
    let (observing, id) = left.take()?;
    Some(move || observing.tell(id, Happening::Woken))
}

/// Sets [`LATER`] again as it was, also if a wake-up panics: that of a simulated task does, on any
/// other thread.
struct Leaving(*const Left);

impl Drop for Leaving {
    fn drop(&mut self) {
        LATER.set(self.0);
    }
}

/// What happens, as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    Spawned,
    PollBegins,
    PollEnds { ready: bool },
    Woken,
    Ended,
}

/// The observer of an executor, and what it takes to tell it.
pub(super) struct Observing {
    /// Until the executor has ended. Whoever drops the last reference to that, a waker for one, does
    /// not drop what is the user's.
    observer: Mutex<Option<Arc<dyn Observer>>>,
    parents: Parents,
}

impl Observing {
    pub(super) fn new(observer: Arc<dyn Observer>) -> Observing {
        Observing {
            observer: Mutex::new(Some(observer)),
            parents: Parents(std::array::from_fn(|_| Mutex::default())),
        }
    }

    /// Tells the observer, on this thread.
    pub(super) fn tell(self: &Arc<Self>, id: TaskId, happening: Happening) {
        // SAFETY: null, or set by `told_later`, further down on this stack, which resets it.
        let left = unsafe { LATER.get().as_ref() };
        if let (Happening::Woken, Some(left)) = (happening, left) {
            left.set(Some((self.clone(), id)));
            return;
        }
        if happening == Happening::Spawned
            && let Some(parent) = TaskId::current()
        {
            lock(self.parents.shard(id)).insert(id, parent);
        }
        if !Call::is_of(self) {
            self.call(id, happening);
        }
        if happening == Happening::Ended {
            lock(self.parents.shard(id)).remove(&id);
        }
    }

    fn call(&self, id: TaskId, happening: Happening) {
        let Some(observer) = lock(&self.observer).clone() else {
            return;
        };
        let task = TaskRef {
            id,
            parents: &self.parents,
        };
        Call::within(self, || {
            // The panic hook has said what there is to say.
            let _ = caught(|| match happening {
                Happening::Spawned => observer.spawned(&task),
                Happening::PollBegins => observer.poll_begins(&task),
                Happening::PollEnds { ready } => observer.poll_ends(&task, ready),
                Happening::Woken => observer.woken(&task),
                Happening::Ended => observer.ended(&task),
            });
            // It may be the last reference.
            let _ = caught(|| drop(observer));
        });
    }

    /// The executor has ended: nobody is told any more.
    pub(super) fn end(&self) {
        let observer = lock(&self.observer).take();
        let _ = caught(|| drop(observer));
    }
}
