//! Task ids, which also say where the task was spawned.
//!
//! ```text
//!   id = serial number (48 bits) | number of the source line that called `spawn` (16 bits, `origin`)
//! ```
//!
//! So one store per poll tells the monitor both, and no task carries a pointer for a report that is
//! hardly ever written.
//!
//! Serial numbers of tasks in a simulation are apart from all others: they begin anew in each.

use super::{origin, printable::Site, task_name};
use std::{
    borrow::Cow,
    cell::Cell,
    fmt,
    hash::{Hash, Hasher},
    num::NonZeroU64,
    panic::Location,
    sync::atomic::{AtomicU64, Ordering},
};

/// Identifies a task among all tasks of the process. No id is used twice, until 2⁴⁷ tasks have been
/// spawned: four years at a million a second.
///
/// [`Display`](fmt::Display) prints a number. The order of ids says nothing about the order of the
/// spawns. In a [simulation](crate::sim) it does: there the numbers begin with 1 each time.
///
/// # Examples
///
/// ```
/// let id = executor::spawn(async {}).id();
/// println!("task {id} was spawned at {:?}", id.spawned_at());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(NonZeroU64);

const SITE_BITS: u32 = 16;

/// Serial numbers that a thread takes from the common counter at a time, so that a spawn touches no
/// shared cache line.
const SERIALS_PER_BLOCK: u64 = 1 << 10;

impl TaskId {
    /// Makes the id of a task that the caller spawns.
    #[track_caller]
    pub(crate) fn here() -> TaskId {
        TaskId::at(Location::caller())
    }

    /// Makes the id of a task that is spawned at that line.
    pub(crate) fn at(line: &'static Location<'static>) -> TaskId {
        TaskId::next(line, false)
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
    pub(super) fn site(self) -> Site {
        Site(self.spawned_at())
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

    /// The serial number as people see it.
    pub(super) fn number(self) -> u64 {
        let serial = self.serial();
        if is_simulated(serial) {
            serial % (1 << NUMBER_BITS)
        } else {
            serial
        }
    }
}

thread_local! {
    /// The next serial number on this thread; 0 if there was none yet.
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

fn next_serial() -> u64 {
    let mut serial = NEXT.get();
    if serial.is_multiple_of(SERIALS_PER_BLOCK) {
        serial = begin_block(serial);
    }
    NEXT.set(serial + 1);
    serial
}

#[cold]
fn begin_block(serial: u64) -> u64 {
    static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);
    if is_simulated(serial) {
        serial
    } else {
        next_block(&NEXT_BLOCK) * SERIALS_PER_BLOCK
    }
}

/// Takes the next block. After the last one they begin anew, with the first: there is no serial
/// number 0.
fn next_block(next: &AtomicU64) -> u64 {
    const BLOCKS: u64 = SIMULATED / SERIALS_PER_BLOCK;
    loop {
        // Ordering: Relaxed; only the uniqueness of the number matters.
        let block = next.fetch_add(1, Ordering::Relaxed) % BLOCKS;
        if block != 0 {
            return block;
        }
    }
}

/// The first serial number of tasks in simulations:
///
/// ```text
///   1 | which simulation (19 bits) | number of the task (28 bits), from 1 on
/// ```
///
/// So none is that of another task in the process, and the number, which is what people see, is the
/// same each time.
const SIMULATED: u64 = 1 << (u64::BITS - SITE_BITS - 1);

const NUMBER_BITS: u32 = 28;

const fn is_simulated(serial: u64) -> bool {
    serial & SIMULATED != 0
}

/// Until this is dropped, tasks that this thread makes are numbered from 1 on.
pub(super) struct Numbering {
    before: u64,
}

impl Numbering {
    pub(super) fn begin() -> Numbering {
        static SIMULATIONS: AtomicU64 = AtomicU64::new(0);
        // Ordering: Relaxed; only that the number is another one matters.
        let which = SIMULATIONS.fetch_add(1, Ordering::Relaxed) << NUMBER_BITS;
        let first = SIMULATED | (which & (SIMULATED - 1)) | 1;
        Numbering {
            before: NEXT.replace(first),
        }
    }
}

impl Drop for Numbering {
    fn drop(&mut self) {
        NEXT.set(self.before);
    }
}

/// Of what is alike in each run of a simulation: the number, which tells its tasks apart. Neither
/// which simulation it is nor the site's number are. So by a fixed hasher a map has one order.
impl Hash for TaskId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number().hash(state);
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.number())
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    #[test]
    fn after_the_last_block_comes_the_first() {
        let next = AtomicU64::new((1 << 37) - 1);
        assert_eq!(next_block(&next), (1 << 37) - 1);
        assert_eq!(next_block(&next), 1);
        let next = AtomicU64::new(u64::MAX);
        assert_eq!(next_block(&next), (1 << 37) - 1);
        assert_eq!(next_block(&next), 1);
    }

    #[test]
    fn in_a_simulation_tasks_are_numbered_from_one_on_and_have_ids_of_their_own() {
        let outside = TaskId::here();
        let ids = || {
            let _numbering = Numbering::begin();
            [(); 3_000].map(|()| TaskId::here())
        };
        let (first, second) = (ids(), ids());
        for (number, (first, second)) in (1..).zip(first.into_iter().zip(second)) {
            assert_eq!((first.number(), second.number()), (number, number));
            assert!(first != second && first.serial() > outside.serial());
        }
        assert!(first.is_sorted());
        let again = TaskId::here();
        assert!(!is_simulated(again.serial()) && again != outside);
    }

    #[test]
    fn in_each_simulation_the_hash_of_an_id_is_the_same() {
        let hash = |id: TaskId| BuildHasherDefault::<DefaultHasher>::default().hash_one(id);
        let ids = |spawn: &dyn Fn() -> TaskId| {
            let _numbering = Numbering::begin();
            [(); 100].map(|()| spawn())
        };
        // At two sites, which have two numbers.
        let (first, second) = (ids(&|| TaskId::here()), ids(&|| TaskId::here()));
        assert_ne!(first, second);
        assert_eq!(first.map(hash), second.map(hash));
        assert_ne!(hash(first[0]), hash(first[1]));
        assert_ne!(hash(TaskId::here()), hash(TaskId::here()));
    }
}
