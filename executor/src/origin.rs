//! Who has made a task, and whether it has been detached: what decides who frees its memory, see
//! `scheduler::remains`.

use crate::sync::{AtomicU8, Ordering};

/// The worker with the processor of this number, or [`Home::ELSEWHERE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Home(u8);

impl Home {
    /// A thread that is no worker of the executor, or one with too high a number.
    pub(crate) const ELSEWHERE: Home = Home(DETACHED - 1);

    /// The worker with this processor.
    pub(crate) fn worker(processor: usize) -> Home {
        let number = u8::try_from(processor).unwrap_or(u8::MAX);
        Home(number.min(Home::ELSEWHERE.0))
    }

    /// The number of the worker's processor.
    pub(crate) fn processor(self) -> Option<usize> {
        (self != Home::ELSEWHERE).then_some(self.0.into())
    }
}

/// In each task: its home, and in the top bit whether it has been detached.
#[derive(Debug)]
pub(crate) struct Origin(AtomicU8);

const DETACHED: u8 = 1 << 7;

impl Origin {
    /// Of a task with a handle that no worker has made.
    pub(crate) fn elsewhere() -> Origin {
        Origin(AtomicU8::new(Home::ELSEWHERE.0))
    }

    /// For the worker that has just made the task, and has not shown it to anybody yet.
    pub(crate) fn set_home(&self, home: Home) {
        // Ordering: Relaxed for all operations here; whoever misses a change frees the task in the
        // ordinary way.
        self.0.store(home.0, Ordering::Relaxed);
    }

    /// For the handle, which lets go of the task; unless whoever runs it is to free it at once.
    pub(crate) fn detach(&self) {
        let home = self.0.load(Ordering::Relaxed);
        self.0.store(home | DETACHED, Ordering::Relaxed);
    }

    /// The home of a detached task.
    pub(crate) fn home_if_detached(&self) -> Option<Home> {
        let home = self.0.load(Ordering::Relaxed).checked_sub(DETACHED)?;
        Some(Home(home))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_known_once_the_task_is_detached() {
        let origin = Origin::elsewhere();
        assert_eq!(origin.home_if_detached(), None);
        origin.detach();
        assert_eq!(origin.home_if_detached(), Some(Home::ELSEWHERE));
        for (processor, home) in [(0, Some(0)), (126, Some(126)), (127, None), (1_000, None)] {
            let origin = Origin::elsewhere();
            origin.set_home(Home::worker(processor));
            assert_eq!(origin.home_if_detached(), None);
            origin.detach();
            assert_eq!(origin.home_if_detached().unwrap().processor(), home);
        }
    }
}
