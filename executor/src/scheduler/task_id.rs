//! Task ids, which also say where the task was spawned.
//!
//! ```text
//!   id = serial number (48 bits) | number of the source line that called `spawn` (16 bits, `origin`)
//! ```
//!
//! So one store per poll tells the monitor both, and no task carries a pointer for a report that is
//! hardly ever written.

use super::{origin, task_name};
use std::{
    borrow::Cow,
    cell::Cell,
    fmt,
    num::NonZeroU64,
    panic::Location,
    sync::atomic::{AtomicU64, Ordering},
};

/// Identifies a task among all tasks of the process. No id is used twice, until 2⁴⁸ tasks have been
/// spawned: nine years at a million a second.
///
/// [`Display`](fmt::Display) prints a number. The order of ids says nothing about the order of the
/// spawns.
///
/// # Examples
///
/// ```
/// let id = executor::spawn(async {}).id();
/// println!("task {id} was spawned at {:?}", id.spawned_at());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(NonZeroU64);

const SITE_BITS: u32 = 16;

/// Serial numbers that a thread takes from the common counter at a time, so that a spawn touches no
/// shared cache line.
const SERIALS_PER_BLOCK: u64 = 1 << 10;

impl TaskId {
    /// Makes the id of a task that the caller spawns.
    #[track_caller]
    pub(crate) fn here() -> TaskId {
        TaskId::next(Location::caller(), false)
    }

    /// Makes the id of a task that has a name.
    #[track_caller]
    pub(crate) fn here_with_name() -> TaskId {
        TaskId::next(Location::caller(), true)
    }

    fn next(line: &'static Location<'static>, named: bool) -> TaskId {
        let id = next_serial() << SITE_BITS | u64::from(origin::number_of(line, named));
        TaskId(NonZeroU64::new(id).expect("serial numbers begin at 1"))
    }

    /// Returns the source line that spawned the task: the call of `spawn` or `spawn_blocking`.
    ///
    /// Returns `None` for a line for which no number was left. That can happen in programs with
    /// some ten thousand lines that spawn, and to no other. For a task that a library spawned
    /// through `futures::task::Spawn`, the line is one of this crate.
    ///
    /// ```
    /// let task = executor::spawn(async {});
    /// assert!(task.id().spawned_at().is_some());
    /// ```
    #[must_use]
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        origin::line(self.origin())
    }

    /// Returns the name that [`TaskBuilder::name`](crate::TaskBuilder::name) gave the task. `None`
    /// for a task without a name, and for one that has ended.
    ///
    /// A panic hook that asks for the [current](TaskId::current) task's can say which one panics.
    ///
    /// ```
    /// use executor::{TaskBuilder, TaskId};
    ///
    /// let task = TaskBuilder::new().name("conn").spawn(async { TaskId::current()?.name() });
    /// assert_eq!(executor::block_on(task)?.as_deref(), Some("conn"));
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<Cow<'static, str>> {
        task_name::of(*self)
    }

    /// The line that spawned the task, for reports.
    pub(super) fn site(self) -> String {
        self.spawned_at()
            .map_or("a line without a number".into(), ToString::to_string)
    }

    pub(super) fn may_have_name(self) -> bool {
        origin::may_have_name(self.origin())
    }

    fn origin(self) -> u16 {
        self.0.get() as u16
    }

    pub(crate) fn as_u64(self) -> u64 {
        self.0.get()
    }

    /// Returns the id that [`as_u64`](TaskId::as_u64) gave; `None` for 0.
    pub(crate) fn from_u64(id: u64) -> Option<TaskId> {
        NonZeroU64::new(id).map(TaskId)
    }

    pub(super) fn serial(self) -> u64 {
        self.0.get() >> SITE_BITS
    }
}

fn next_serial() -> u64 {
    static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);
    thread_local!(static NEXT: Cell<u64> = const { Cell::new(0) });
    let mut serial = NEXT.get();
    if serial.is_multiple_of(SERIALS_PER_BLOCK) {
        serial = next_block(&NEXT_BLOCK) * SERIALS_PER_BLOCK;
    }
    NEXT.set(serial + 1);
    serial
}

/// Takes the next block. After the last one they begin anew, with the first: there is no serial
/// number 0.
fn next_block(next: &AtomicU64) -> u64 {
    const BLOCKS: u64 = (1 << (u64::BITS - SITE_BITS)) / SERIALS_PER_BLOCK;
    loop {
        // Ordering: Relaxed; only the uniqueness of the number matters.
        let block = next.fetch_add(1, Ordering::Relaxed) % BLOCKS;
        if block != 0 {
            return block;
        }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serial().fmt(f)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.serial())
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn after_the_last_block_comes_the_first() {
        let next = AtomicU64::new((1 << 38) - 1);
        assert_eq!(next_block(&next), (1 << 38) - 1);
        assert_eq!(next_block(&next), 1);
        let next = AtomicU64::new(u64::MAX);
        assert_eq!(next_block(&next), (1 << 38) - 1);
        assert_eq!(next_block(&next), 1);
    }
}
