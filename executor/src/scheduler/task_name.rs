//! The names of tasks, for those that have one.
//!
//! They are beside the tasks, so that one without a name has no room for it. A named task holds its
//! entry, and takes it out as it ends. Who wants the name of a task knows from its id whether there
//! can be one (`origin`), and does so seldom: for an error, a panic, a report.

use super::{printable::Printable, task_id::TaskId, warnings::warn};
use crate::sync::lock_static;
#[cfg(all(unix, not(shuttle)))]
use crate::sync::try_lock;
use log::Level;
#[cfg(all(unix, not(shuttle)))]
use std::sync::MutexGuard;
use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Mutex};

/// A name.
pub(crate) type Name = Cow<'static, str>;

/// So many locks, so that threads which spawn named tasks seldom want the same.
const SHARDS: usize = 16;

static NAMES: [Mutex<BTreeMap<TaskId, Name>>; SHARDS] =
    [const { Mutex::new(BTreeMap::new()) }; SHARDS];

fn shard(id: TaskId) -> &'static Mutex<BTreeMap<TaskId, Name>> {
    &NAMES[id.serial() as usize % SHARDS]
}

/// The locks, held by whoever is about to fork the process.
#[cfg(all(unix, not(shuttle)))]
pub(super) struct Held(#[expect(dead_code)] [MutexGuard<'static, BTreeMap<TaskId, Name>>; SHARDS]);

/// Takes the locks.
#[cfg(all(unix, not(shuttle)))]
pub(super) fn hold() -> Held {
    Held(NAMES.each_ref().map(lock_static))
}

/// What a task carries of its name: `()` if it has none.
pub(crate) trait Naming: Send + 'static {
    fn name(&self) -> Option<Name>;
}

impl Naming for () {
    #[inline]
    fn name(&self) -> Option<Name> {
        None
    }
}

/// The entry of a task that has a name.
pub(crate) struct Named(TaskId);

impl Named {
    /// Gives a task its name. The id is one that `origin` knows for such.
    pub(crate) fn new(id: TaskId, name: Name) -> Named {
        let _none = lock_static(shard(id)).insert(id, name);
        Named(id)
    }
}

impl Naming for Named {
    fn name(&self) -> Option<Name> {
        of(self.0)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let name = lock_static(shard(self.0)).remove(&self.0);
        drop(name);
    }
}

/// The name of a task that has one and has not ended.
pub(crate) fn of(id: TaskId) -> Option<Name> {
    if !id.may_have_name() {
        return None;
    }
    lock_static(shard(id)).get(&id).cloned()
}

/// Calls `f` with the name of a task that has one and has not ended, without a wait and without an
/// allocation. Returns `None` if somebody holds the lock.
#[cfg(all(unix, not(shuttle)))]
pub(super) fn try_with<R>(id: TaskId, f: impl FnOnce(Option<&str>) -> R) -> Option<R> {
    if !id.may_have_name() {
        return Some(f(None));
    }
    let names = try_lock(shard(id))?;
    Some(f(names.get(&id).map(|name| &**name)))
}

/// What reports and errors call a task: its number, and its name if it has one, which is somebody's
/// input.
pub(crate) struct Called<'a>(pub(crate) TaskId, pub(crate) Option<&'a str>);

impl fmt::Display for Called<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Called(id, name) = self;
        match name {
            None => write!(f, "task {id}"),
            Some(name) => write!(f, "task {id} `{}`", Printable(name)),
        }
    }
}

/// Tells of the panic of a task that has a name. The panic hook, which has told of it already,
/// cannot know the name.
#[cold]
pub(crate) fn report_panic(id: TaskId, name: &str, message: Option<&str>) {
    let task = Called(id, Some(name));
    let site = id.site();
    let text = match message {
        Some(message) => format!("{task}, spawned at {site}, panicked: {message}"),
        None => format!("{task}, spawned at {site}, panicked"),
    };
    warn(Level::Error, text, true);
}
