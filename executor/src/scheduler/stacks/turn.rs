//! One dump asks at a time, in the whole process.
//!
//! Not only because two would ask the same tasks: to take a stack and to resolve one are done under
//! one lock of the crate `backtrace`. While one dump resolves, which may take a tenth of a second,
//! the polls that another one waits for would stand still, and stand-ins come for them all.

use crate::sync::{forked, lock_static};
use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Those who take turns.
pub(crate) struct Turns {
    /// Whose turn it is: that of a thread of this process, as `forked` counts them.
    taken: Mutex<Option<u32>>,
    /// It was given back.
    free: Condvar,
}

/// All of this process.
pub(crate) static TURNS: Turns = Turns::new();

/// The lock, held by whoever is about to fork the process.
#[cfg(all(unix, not(shuttle)))]
pub(crate) struct Held(#[expect(dead_code)] MutexGuard<'static, Option<u32>>);

/// Takes the lock.
#[cfg(all(unix, not(shuttle)))]
pub(crate) fn hold() -> Held {
    Held(lock_static(&TURNS.taken))
}

/// It is the caller's turn, until this is dropped.
pub(crate) struct Turn<'a>(&'a Turns);

impl Turns {
    pub(super) const fn new() -> Turns {
        Turns {
            taken: Mutex::new(None),
            free: Condvar::new(),
        }
    }

    /// Waits for its turn, no longer than `limit`.
    pub(crate) fn take(&self, limit: Duration) -> Option<Turn<'_>> {
        let own = Some(forked::generation());
        // What a thread of the parent has taken, nobody gives back.
        let is_taken = |taken: &mut Option<u32>| *taken == own;
        let taken = lock_static(&self.taken);
        let waited = self.free.wait_timeout_while(taken, limit, is_taken);
        let (mut taken, time) = waited.unwrap_or_else(PoisonError::into_inner);
        if time.timed_out() {
            return None;
        }
        *taken = own;
        Some(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock_static(&self.0.taken) = None;
        self.0.free.notify_one();
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn one_has_it_at_a_time_and_all_get_it() {
        let turns = Turns::new();
        let (in_turn, total) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let _turn = turns.take(LONG).unwrap();
                        assert_eq!(in_turn.fetch_add(1, Ordering::Relaxed), 0);
                        total.fetch_add(1, Ordering::Relaxed);
                        in_turn.fetch_sub(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 4_000);
    }

    #[test]
    fn nobody_waits_for_longer_than_he_wants_to() {
        let turns = Turns::new();
        let turn = turns.take(Duration::ZERO);
        assert!(turn.is_some());
        assert!(turns.take(Duration::from_millis(5)).is_none());
        assert!(turns.take(Duration::ZERO).is_none());
        drop(turn);
        assert!(turns.take(Duration::ZERO).is_some());
    }

    #[test]
    fn what_a_thread_of_the_parent_process_had_is_free_in_the_child() {
        let turns = Turns::new();
        *turns.taken.lock().unwrap() = Some(forked::generation().wrapping_add(1));
        assert!(turns.take(Duration::ZERO).is_some());
    }
}
