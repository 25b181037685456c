//! Threads of ours that are no machines, and wake no task by themselves: monitors, and those that
//! print. Whoever counts the threads of the process knows them (`monitor::deadlock`).

use super::system;
use crate::sync::lock_static;
use std::sync::{Mutex, MutexGuard};

/// As the system numbers them.
static HELPERS: Mutex<Vec<u64>> = Mutex::new(Vec::new());

/// The lock, held by whoever is about to fork the process.
#[cfg(all(unix, not(shuttle)))]
pub(super) struct Held(#[expect(dead_code)] MutexGuard<'static, Vec<u64>>);

/// Takes the lock.
#[cfg(all(unix, not(shuttle)))]
pub(super) fn hold() -> Held {
    Held(all())
}

fn all() -> MutexGuard<'static, Vec<u64>> {
    lock_static(&HELPERS)
}

/// The numbers of these threads.
pub(super) fn numbers() -> Vec<u64> {
    all().clone()
}

/// A thread that is one of them, until this is dropped.
pub(super) struct Helper(u64);

impl Helper {
    /// The calling thread.
    pub(super) fn this_thread() -> Helper {
        let number = system::current_thread();
        all().push(number);
        Helper(number)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let mut all = all();
        let own = all.iter().position(|&number| number == self.0);
        own.map(|own| all.swap_remove(own));
    }
}
