//! Task ids, which also say where the task was spawned.
//!
//! ```text
//!   id = serial number (48 bits) | number of the source line that called `spawn` (16 bits)
//! ```
//!
//! So one store per poll tells the monitor both, and no task carries a pointer for a report that is
//! hardly ever written.

use crate::sync::lock_static;
use std::{
    cell::Cell,
    collections::HashMap,
    fmt,
    num::NonZeroU64,
    panic::Location,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
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

/// Source lines whose numbers a thread remembers, for the next spawn from there.
const SITES_REMEMBERED: usize = 16;

/// Stands for all lines for which no number was left.
const UNKNOWN_SITE: u16 = 0;

impl TaskId {
    /// Makes the id of the next task, which is spawned at `site`.
    pub(crate) fn next(site: &'static Location<'static>) -> TaskId {
        let id = next_serial() << SITE_BITS | u64::from(number_of(site));
        TaskId(NonZeroU64::new(id).expect("serial numbers begin at 1"))
    }

    /// Returns the source line that spawned the task: the call of `spawn` or `spawn_blocking`.
    ///
    /// Returns `None` for the lines beyond the first 65,535 that have spawned in this process. For
    /// a task that a library spawned through `futures::task::Spawn`, the line is one of this crate.
    ///
    /// ```
    /// let task = executor::spawn(async {});
    /// assert!(task.id().spawned_at().is_some());
    /// ```
    #[must_use]
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        let number = self.0.get() as u16;
        lock_static(&SITES)
            .as_ref()?
            .locations
            .get(usize::from(number).checked_sub(1)?)
            .copied()
    }

    pub(crate) fn as_u64(self) -> u64 {
        self.0.get()
    }

    /// Returns the id that [`as_u64`](TaskId::as_u64) gave; `None` for 0.
    pub(crate) fn from_u64(id: u64) -> Option<TaskId> {
        NonZeroU64::new(id).map(TaskId)
    }

    fn serial(self) -> u64 {
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

/// The numbered lines, in the order of their numbers, which begin at 1.
struct Sites {
    locations: Vec<&'static Location<'static>>,
    numbers: HashMap<usize, u16>,
}

static SITES: Mutex<Option<Sites>> = Mutex::new(None);

/// Returns the number of a line. If the compiler keeps several copies of a line's `Location`, each
/// has a number.
fn number_of(site: &'static Location<'static>) -> u16 {
    thread_local! {
        static REMEMBERED: [Cell<(usize, u16)>; SITES_REMEMBERED] =
            const { [const { Cell::new((0, UNKNOWN_SITE)) }; SITES_REMEMBERED] };
    }
    let address = std::ptr::from_ref(site).addr();
    REMEMBERED.with(|remembered| {
        // Locations are some words long and lie side by side: divided by their size, the addresses
        // spread over the entries.
        let entry = &remembered[address / size_of::<Location<'_>>() % SITES_REMEMBERED];
        let (known, number) = entry.get();
        if known == address {
            return number;
        }
        let number = look_up(address, site);
        entry.set((address, number));
        number
    })
}

#[cold]
fn look_up(address: usize, site: &'static Location<'static>) -> u16 {
    let mut sites = lock_static(&SITES);
    let Sites { locations, numbers } = sites.get_or_insert_with(|| Sites {
        locations: Vec::new(),
        numbers: HashMap::new(),
    });
    *numbers.entry(address).or_insert_with(|| {
        let Ok(number) = u16::try_from(locations.len() + 1) else {
            return UNKNOWN_SITE;
        };
        locations.push(site);
        number
    })
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
