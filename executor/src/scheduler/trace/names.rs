//! Numbers that stand for the names of regions and events of the user's.

use crate::sync::lock_static;
#[cfg(all(unix, not(shuttle)))]
use std::sync::MutexGuard;
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

/// The names that have been used. They are texts of the program's, so there are not many.
#[derive(Default)]
struct Names {
    numbers: HashMap<&'static str, usize>,
    all: Vec<&'static str>,
}

static NAMES: LazyLock<Mutex<Names>> = LazyLock::new(Mutex::default);

/// The lock, held by whoever is about to fork the process.
#[cfg(all(unix, not(shuttle)))]
pub(crate) struct Held(#[expect(dead_code)] MutexGuard<'static, Names>);

/// Takes the lock.
#[cfg(all(unix, not(shuttle)))]
pub(crate) fn hold() -> Held {
    Held(lock_static(&NAMES))
}

/// The number of a name.
pub(super) fn number_of(name: &'static str) -> u64 {
    let mut names = lock_static(&NAMES);
    let Names { numbers, all } = &mut *names;
    let number = numbers.entry(name).or_insert_with(|| {
        all.push(name);
        all.len() - 1
    });
    *number as u64
}

/// All names, by number.
#[cfg(feature = "trace")]
pub(super) fn all() -> Vec<&'static str> {
    lock_static(&NAMES).all.clone()
}
