//! What all tasks of an executor do at one moment.
//!
//! | file        | idea                                                           |
//! | ----------- | -------------------------------------------------------------- |
//! | `collect`   | where what is known of tasks comes from                        |
//! | `leaks`     | which tasks nobody will ever wake                              |
//! | `asking`    | on what tasks wait: they tell by `stacks`                      |
//! | `group`     | tasks that do the same, counted                                |
//! | `text`      | all of it as people read it; for programs: `json`              |
//! | `on_signal` | a signal has it printed                                        |
//! | `export`    | a debugger has less of it printed, without locks or allocations |
//!
//! But for `asking`, nothing is polled for it, no worker waited for, and no lock held for longer than
//! some thousand tasks need, so that a program that hangs can be looked at from any thread of it.

#[cfg(feature = "dump")]
mod asking;
mod collect;
#[cfg(all(unix, not(shuttle)))]
pub(crate) mod export;
mod group;
#[cfg(feature = "trace")]
mod json;
mod leaks;
pub(super) mod on_signal;
mod text;

use super::{task_id::TaskId, thread_activity::ThreadActivity};
#[cfg(feature = "dump")]
use asking::Told;
#[cfg(feature = "dump")]
use std::sync::Arc;
use std::{borrow::Cow, panic::Location, time::Duration};

#[cfg(feature = "dump")]
pub use super::stacks::{Frame, Silence, Stack};
pub use group::Group;

/// What the tasks of an executor, and the callers of its `block_on`, do at one moment.
/// [`Handle::dump`](crate::Handle::dump) takes it.
///
/// [`Display`](std::fmt::Display) prints it as people read it: tasks that do the same are one entry,
/// with their count. Control characters in names and paths are escaped.
///
/// # Examples
///
/// ```
/// use executor::dump::TaskState;
/// use std::future::pending;
///
/// let executor = executor::Executor::builder().workers(2).build()?;
/// let tasks: Vec<_> = (0..3).map(|_| executor.spawn(pending::<()>())).collect();
/// let dump = loop {
///     let dump = executor.handle().dump();
///     if dump.tasks().iter().filter(|task| task.state() == TaskState::Waiting).count() == 3 {
///         break dump;
///     }
///     std::thread::yield_now();
/// };
/// assert_eq!(dump.groups().len(), 1, "they do the same");
/// println!("{dump}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a dump does nothing by itself"]
pub struct Dump {
    tasks: Vec<TaskInfo>,
    /// Tasks that have not been polled yet, and are known by their number alone.
    new_tasks: usize,
    workers: usize,
    threads: usize,
    idle_threads: usize,
    is_tracking: bool,
    /// What the build lacks for more to be known of stacks.
    #[cfg(feature = "dump")]
    advice: Option<&'static str>,
}

impl Dump {
    /// Returns the callers of `block_on`, and then the tasks: those that run, those that are
    /// runnable, and those that wait.
    ///
    /// A task that has been spawned and not been polled yet is among them only if the executor
    /// [tracks](crate::Builder::track) its tasks; otherwise it is one of
    /// [`new_tasks`](Dump::new_tasks).
    #[must_use]
    pub fn tasks(&self) -> &[TaskInfo] {
        &self.tasks
    }

    /// Returns how many tasks there are beside [`tasks`](Dump::tasks), more or less: those that are
    /// in a queue and have not been polled yet.
    #[must_use]
    pub fn new_tasks(&self) -> usize {
        self.new_tasks
    }

    /// Returns the tasks that do the same, counted: same line that spawned them, same name, same
    /// state, same stacks. The order is that of [`tasks`](Dump::tasks), and among those that wait
    /// the largest group comes first.
    #[must_use]
    pub fn groups(&self) -> Vec<Group<'_>> {
        group::groups(&self.tasks)
    }

    /// Returns the tasks that nobody will ever wake. Only an executor that
    /// [tracks](crate::Builder::track) its tasks knows them.
    ///
    /// They wait, and no waker of theirs is left; or those that are left wait for the end of such
    /// tasks, of which no [`AbortHandle`](crate::AbortHandle) is left either. Abort, and the end of
    /// the executor, still find them. What is not found is a task whose waker is kept somewhere, and
    /// forgotten there.
    ///
    /// Nor is who waits for leaked tasks by a [`JoinSet`](crate::JoinSet).
    ///
    /// That one task awaits a [`JoinHandle`](crate::JoinHandle) which another can reach, and abort,
    /// is not known: if the handle is in a lock, or is passed on in the very poll that polled it.
    pub fn leaked(&self) -> impl Iterator<Item = &TaskInfo> {
        self.tasks
            .iter()
            .filter(|task| task.state == TaskState::Leaked)
    }
}

/// What a task, or a caller of `block_on`, does at one moment. [`Dump::tasks`] gives it.
///
/// # Examples
///
/// ```
/// for task in executor::Handle::current().dump().tasks() {
///     println!("{} {:?}", task.id(), task.state());
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInfo {
    id: TaskId,
    state: TaskState,
    /// What few tasks have, or is known if tasks are tracked.
    more: Option<Box<More>>,
    /// If it was asked for its stacks. Those of one dump that are equal are one.
    #[cfg(feature = "dump")]
    told: Option<Arc<Told>>,
}

/// See [`TaskInfo::more`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct More {
    name: Option<Cow<'static, str>>,
    parent: Option<TaskId>,
    waiting_for: Option<Duration>,
    polls: Option<u64>,
    wakers: Option<usize>,
    waits_for_task: Option<TaskId>,
    /// What the thread does that polls the task.
    activity: Option<ThreadActivity>,
    /// What thread calls `block_on`.
    thread: Option<String>,
    /// Whether that thread waits, and does not poll.
    waits: bool,
}

/// What a task does. Further states may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// It is being polled, by this worker.
    #[non_exhaustive]
    Running {
        /// The index of the worker's processor in [`Metrics::processors`](crate::Metrics::processors).
        worker: usize,
        /// How long the poll has lasted, as far as anybody has seen: the executor does not read the
        /// clock for each poll.
        lasts: Duration,
        /// Whether the poll blocks its thread, and its place has gone to another one.
        blocked: bool,
    },
    /// It is in a queue.
    Runnable,
    /// It waits to be woken.
    Waiting,
    /// It waits, and nobody will ever wake it: see [`Dump::leaked`].
    Leaked,
    /// It is no task, but a call of `block_on`, whose thread waits for its future or polls it.
    BlockOn,
}

macro_rules! known_if_tracked {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        $($(#[$doc])* #[must_use] pub fn $name(&self) -> Option<$type> {
            self.more.as_ref()?.$name
        })*
    };
}

impl TaskInfo {
    /// Returns the task's id. A call of `block_on` has an id of its own.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Returns the name that [`TaskBuilder::name`](crate::TaskBuilder::name) gave the task.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.more.as_ref()?.name.as_deref()
    }

    /// Returns the line that spawned the task, or called `block_on`. For when it is `None` see
    /// [`TaskId::spawned_at`].
    #[must_use]
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        self.id.spawned_at()
    }

    /// Returns what it does.
    #[must_use]
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// Returns on what it waits: the await stack of each waker that its future has cloned when it
    /// was asked, as far as they differ, and 64 at most. None in a dump that
    /// [asks](crate::Handle::dump_stacks) nobody, and if there is a [`silence`](TaskInfo::silence).
    ///
    /// A future that waits for the first of several things has a stack for each of them.
    #[cfg(feature = "dump")]
    #[must_use]
    pub fn stacks(&self) -> &[Stack] {
        self.told.as_ref().map_or(&[], |told| &told.stacks)
    }

    /// Returns why there is no stack of a task that a dump has
    /// [asked](crate::Handle::dump_stacks). One that has been running for long, or has never waited
    /// yet, is not asked.
    #[cfg(feature = "dump")]
    #[must_use]
    pub fn silence(&self) -> Option<Silence> {
        self.told.as_ref()?.silence
    }

    known_if_tracked! {
        /// Returns the task in whose poll this one was spawned, if tasks are
        /// [tracked](crate::Builder::track); or the task that calls `block_on`.
        parent: TaskId,
        /// Returns for how long the task has waited, or been runnable, if tasks are tracked.
        waiting_for: Duration,
        /// Returns how often the task has been polled so far, if tasks are tracked.
        polls: u64,
        /// Returns how many wakers of the task there are, if tasks are tracked; of a call of
        /// `block_on` in any case. If there is none, nobody can wake it.
        wakers: usize,
        /// Returns the task for whose end this one waits, by its handle, if tasks are tracked, or
        /// were asked for their stacks. One of them, if there are several.
        waits_for_task: TaskId,
    }
}
