//! Tasks that do the same, counted.

#[cfg(feature = "dump")]
use super::{Silence, Stack, asking::Told};
use super::{TaskId, TaskInfo, TaskState};
#[cfg(feature = "dump")]
use std::sync::Arc;
use std::{cmp::Reverse, collections::HashMap, panic::Location, time::Duration};

/// Tasks that do the same: of the same line and name, in the same state, and with the same stacks.
/// [`Dump::groups`](super::Dump::groups) gives them.
///
/// # Examples
///
/// ```
/// for group in executor::Handle::current().dump().groups() {
///     println!("{} of {:?}", group.count(), group.spawned_at());
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Group<'a> {
    tasks: Vec<&'a TaskInfo>,
}

/// What the tasks of a group have in common.
#[derive(PartialEq, Eq, Hash)]
struct Common<'a> {
    line: Option<&'static Location<'static>>,
    name: Option<&'a str>,
    state: TaskState,
    /// The address of what the task has told: equal ones are one.
    #[cfg(feature = "dump")]
    told: Option<*const Told>,
    /// Each call of `block_on` is a group of its own.
    call: Option<TaskId>,
}

impl<'a> Common<'a> {
    fn of(task: &'a TaskInfo) -> Common<'a> {
        Common {
            line: task.spawned_at(),
            name: task.name(),
            state: task.state,
            #[cfg(feature = "dump")]
            told: task.told.as_ref().map(Arc::as_ptr),
            call: (task.state == TaskState::BlockOn).then_some(task.id),
        }
    }
}

impl<'a> Group<'a> {
    /// Returns how many tasks there are in it: at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Returns the tasks.
    #[must_use]
    pub fn tasks(&self) -> &[&'a TaskInfo] {
        &self.tasks
    }

    pub(super) fn first(&self) -> &'a TaskInfo {
        self.tasks[0]
    }

    /// Returns the name that all of them have.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        self.first().name()
    }

    /// Returns the line that spawned them.
    #[must_use]
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        self.first().spawned_at()
    }

    /// Returns what they do.
    #[must_use]
    pub fn state(&self) -> TaskState {
        self.first().state()
    }

    /// Returns on what they wait; see [`TaskInfo::stacks`].
    #[cfg(feature = "dump")]
    #[must_use]
    pub fn stacks(&self) -> &'a [Stack] {
        self.first().stacks()
    }

    /// Returns why they have no stacks; see [`TaskInfo::silence`].
    #[cfg(feature = "dump")]
    #[must_use]
    pub fn silence(&self) -> Option<Silence> {
        self.first().silence()
    }

    /// Returns the shortest and the longest time for which any of them has waited, if tasks are
    /// tracked.
    #[must_use]
    pub fn waiting_for(&self) -> Option<(Duration, Duration)> {
        let times = || self.tasks.iter().filter_map(|task| task.waiting_for());
        Some((times().min()?, times().max()?))
    }
}

pub(super) fn groups(tasks: &[TaskInfo]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut numbers = HashMap::new();
    for task in tasks {
        let number = *numbers.entry(Common::of(task)).or_insert_with(|| {
            groups.push(Group { tasks: Vec::new() });
            groups.len() - 1
        });
        groups[number].tasks.push(task);
    }
    // Stable: the others stay in their order, before those.
    groups.sort_by_key(|group| match group.state() {
        TaskState::Waiting => Reverse(group.count()),
        _ => Reverse(usize::MAX),
    });
    groups
}
