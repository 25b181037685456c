//! How long tasks wait from when they are woken until they are polled: of some of them, by chance.
//!
//! In a poll that is measured the task is *watched*, which its registration says: so its next wake-up
//! and its next poll look here, and those of other tasks pay nothing for it. Each wake-up leads to one
//! poll, and the other way round; and which polls are measured depends on nothing that comes after
//! them (`worker::sampling`). So each wake-up has the same chance, those of new tasks apart, which
//! are spawned and not woken.
//!
//! A watched task that is never woken stays here until it ends.

use super::task_id::TaskId;
use crate::sync::{forked::Process, lock_static};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

/// So many locks.
const SHARDS: usize = 16;

/// Of each lock, the tasks that can be watched at once.
const MOST_WATCHED: usize = 4096;

/// Most of the time there are few in a map, which then costs less than a hash. The locks are std's
/// in each build: what they guard is for show, and under them nothing happens. In a forked child
/// none is waited for, since another thread of the parent may have had it.
pub(super) struct WakeTimes {
    shards: [Mutex<Shard>; SHARDS],
    process: Process,
}

type Shard = BTreeMap<TaskId, Watched>;

#[derive(Clone, Copy)]
struct Watched {
    /// For how many wake-ups it stands.
    weight: u32,
    woken_at: Option<u64>,
}

/// How long a watched task has waited.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Waited {
    pub(super) nanoseconds: u64,
    /// For how many it stands.
    pub(super) weight: u32,
}

impl Default for WakeTimes {
    fn default() -> WakeTimes {
        WakeTimes {
            shards: Default::default(),
            process: Process::this(),
        }
    }
}

impl WakeTimes {
    /// The tasks among which this one is. `None` in a forked child.
    fn shard(&self, id: TaskId) -> Option<MutexGuard<'_, Shard>> {
        let shard = &self.shards[id.serial() as usize % SHARDS];
        (!self.process.is_forked()).then(|| lock_static(shard))
    }

    /// The next wake-up of this task is one to measure, and stands for so many. False: it cannot be.
    pub(super) fn watch(&self, id: TaskId, weight: u32) -> bool {
        let Some(mut watched) = self.shard(id) else {
            return false;
        };
        let is_room = watched.len() < MOST_WATCHED;
        if is_room {
            let woken_at = None;
            watched.insert(id, Watched { weight, woken_at });
        }
        is_room
    }

    /// A task has been woken that may be watched.
    pub(super) fn woken(&self, id: TaskId, now: u64) {
        if let Some(mut watched) = self.shard(id)
            && let Some(watched) = watched.get_mut(&id)
        {
            watched.woken_at = Some(now);
        }
    }

    /// A task is polled, or ends, that may be watched: it is not any more.
    pub(super) fn polled(&self, id: TaskId, now: u64) -> Option<Waited> {
        let Watched { weight, woken_at } = self.shard(id)?.remove(&id)?;
        let nanoseconds = now.saturating_sub(woken_at?);
        Some(Waited {
            nanoseconds,
            weight,
        })
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_watched_task_is_measured_once_from_its_wake_up_to_its_poll() {
        let (times, id) = (WakeTimes::default(), TaskId::here());
        times.woken(id, 1);
        assert_eq!(times.polled(id, 2), None, "it is not watched");
        assert!(times.watch(id, 7));
        times.woken(id, 100);
        let waited = Waited {
            nanoseconds: 50,
            weight: 7,
        };
        assert_eq!(times.polled(id, 150), Some(waited));
        assert_eq!(times.polled(id, 160), None);
    }

    #[test]
    fn a_task_that_ends_without_a_wake_up_is_forgotten() {
        let (times, id) = (WakeTimes::default(), TaskId::here());
        assert!(times.watch(id, 1));
        assert_eq!(times.polled(id, 150), None);
        assert!(
            times
                .shards
                .iter()
                .all(|shard| shard.lock().unwrap().is_empty())
        );
    }

    #[test]
    fn no_task_is_overlooked_however_many_threads_look_at_once() {
        let times = WakeTimes::default();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let id = TaskId::here();
                        assert!(times.watch(id, 1));
                        times.woken(id, 1);
                        assert!(times.polled(id, 2).is_some());
                    }
                });
            }
        });
    }

    #[test]
    fn there_is_room_for_so_many_and_then_for_no_more() {
        let times = WakeTimes::default();
        let ids = (0..2 * SHARDS * MOST_WATCHED).map(|_| TaskId::here());
        let watched = ids.filter(|&id| times.watch(id, 1)).count();
        assert_eq!(watched, SHARDS * MOST_WATCHED);
    }
}
