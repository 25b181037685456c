//! What is left of detached tasks that have ended, their memory, and who frees it.
//!
//! The last reference to a detached task is the run in which it ends, so the worker that runs it frees
//! it. If that is not the thread that made it, the two meet in the allocator, once for each task: one
//! writes the list of free blocks from which the other allocates. In a flood of small tasks that costs
//! the thread that spawns them more than the spawning.
//!
//! So a worker holds one more reference to a task that another thread made, and keeps it when the task
//! has been run. When it has a batch of them, or nothing else to do, it hands them back: into the
//! mailbox of the worker that made the tasks, which drops them where it is about to allocate anyway. If
//! the mailbox is full, or its owner sleeps or is blocked, or was no worker of this executor, it drops
//! them itself after all, but all at once: then the two meet once for each batch.
//!
//! Not worth it are tasks that have waited before, whose lives are longer than a flood, and those with a
//! large output, of whose memory too much would be kept. Whoever awaits the handle of a task frees it.
//!
//! What is kept is never the last reference to a task that has not ended: that would put it into a queue
//! once more. (Either the run of the task holds one, or the register of tasks that wait, see `live`.)

use super::processor::Processors;
use crate::{
    origin::Home,
    place::Place,
    queue::local::CAPACITY,
    sync::{Mutex, lock},
};
use std::{cell::Cell, mem, task::Waker};

/// References that are handed back at once: as many tasks as a thief takes at most.
const BATCH: usize = CAPACITY / 2;

/// What a worker keeps for another.
pub(super) struct Remains {
    /// Taken out wherever it is changed: to drop a reference is foreign code.
    references: Cell<Vec<Waker>>,
    /// Of all of them.
    home: Cell<Home>,
}

impl Remains {
    pub(super) fn none() -> Remains {
        Remains {
            references: Cell::default(),
            home: Cell::new(Home::ELSEWHERE),
        }
    }

    /// Keeps a reference to a task that has been run.
    pub(super) fn keep(&self, home: Home, reference: Waker, processors: &Processors) {
        if self.home.get() != home {
            self.hand_back(processors);
            self.home.set(home);
        }
        let mut references = self.references.take();
        references.push(reference);
        let is_full = references.len() == BATCH;
        self.references.set(references);
        if is_full {
            self.hand_back(processors);
        }
    }

    /// Hands everything back, or drops it.
    pub(super) fn hand_back(&self, processors: &Processors) {
        let mut references = self.references.take();
        if !references.is_empty() {
            if let Some(home) = self.home.get().processor() {
                let home = processors.get(home);
                home.mailbox.put(&mut references, &home.place);
            }
            references.clear();
        }
        self.references.set(references);
    }

    /// Hands everything back, and drops what is in the worker's own `mailbox`.
    pub(super) fn settle(&self, mailbox: &Mailbox, processors: &Processors) {
        self.hand_back(processors);
        let mut references = self.references.take();
        mailbox.take(&mut references);
        references.clear();
        self.references.set(references);
    }
}

/// Where a worker finds what others hand back: a batch at most, so that not much lies there if it does not
/// come. The vectors are exchanged, and so seldom allocated.
#[derive(Debug, Default)]
pub(super) struct Mailbox(Mutex<Vec<Waker>>);

impl Mailbox {
    /// Takes the batch if there is room, and the owner's `place` is held: else it would not come to it for
    /// long. It takes what there is after it has given its place away, so nothing is left with it.
    fn put(&self, batch: &mut Vec<Waker>, place: &Place) {
        let mut content = lock(&self.0);
        if !place.is_held() {
            return;
        }
        if content.is_empty() {
            mem::swap(&mut *content, batch);
        } else if content.len() + batch.len() <= BATCH {
            content.append(batch);
        }
    }

    /// Gives what there is for an empty vector.
    fn take(&self, empty: &mut Vec<Waker>) {
        mem::swap(&mut *lock(&self.0), empty);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::scheduler::processor::Processor;
    use std::{sync::Arc, task::Wake};

    /// A task, as far as references to it go.
    struct Counted;

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {}
    }

    /// Two processors, the first with a machine that is awake; and a task.
    fn parties() -> (Processors, Arc<Processor>, Arc<Counted>) {
        let processors = Processors::new(2);
        let (_, home, _) = processors.take();
        home.place.hold();
        processors.take();
        (processors, home, Arc::new(Counted))
    }

    fn references(task: &Arc<Counted>) -> usize {
        Arc::strong_count(task) - 1
    }

    fn keep(remains: &Remains, home: Home, times: usize, task: &Arc<Counted>, all: &Processors) {
        (0..times).for_each(|_| remains.keep(home, Waker::from(task.clone()), all));
    }

    #[test]
    fn a_batch_goes_home_and_is_dropped_there() {
        let (processors, home, task) = parties();
        let (thief, owner) = (Remains::none(), Remains::none());
        keep(&thief, Home::worker(0), BATCH, &task, &processors);
        assert!(thief.references.take().is_empty());
        assert_eq!(references(&task), BATCH);
        owner.settle(&home.mailbox, &processors);
        assert_eq!(references(&task), 0);
    }

    #[test]
    fn what_is_less_than_a_batch_goes_home_when_there_is_nothing_else_to_do() {
        let (processors, home, task) = parties();
        let (thief, owner) = (Remains::none(), Remains::none());
        keep(&thief, Home::worker(0), 3, &task, &processors);
        owner.settle(&home.mailbox, &processors);
        assert_eq!(references(&task), 3);
        thief.hand_back(&processors);
        owner.settle(&home.mailbox, &processors);
        assert_eq!(references(&task), 0);
    }

    #[test]
    fn a_full_mailbox_takes_no_more() {
        let (processors, _, task) = parties();
        let thief = Remains::none();
        keep(&thief, Home::worker(0), 2 * BATCH, &task, &processors);
        assert_eq!(references(&task), BATCH);
    }

    #[test]
    fn nothing_is_sent_to_a_worker_that_sleeps() {
        let (processors, home, task) = parties();
        let thief = Remains::none();
        home.place.give();
        keep(&thief, Home::worker(0), BATCH, &task, &processors);
        assert_eq!(references(&task), 0);
    }

    #[test]
    fn what_has_no_home_here_is_dropped_all_at_once() {
        let (processors, _, task) = parties();
        let thief = Remains::none();
        keep(&thief, Home::ELSEWHERE, BATCH - 1, &task, &processors);
        assert_eq!(references(&task), BATCH - 1);
        keep(&thief, Home::ELSEWHERE, 1, &task, &processors);
        assert_eq!(references(&task), 0);
    }

    #[test]
    fn another_home_is_another_batch() {
        let (processors, home, task) = parties();
        let thief = Remains::none();
        keep(&thief, Home::ELSEWHERE, 2, &task, &processors);
        keep(&thief, Home::worker(0), 1, &task, &processors);
        assert_eq!(references(&task), 1);
        thief.settle(&home.mailbox, &processors);
        assert_eq!(references(&task), 0);
    }

    #[test]
    fn a_mailbox_has_room_for_one_batch() {
        let (processors, home, task) = parties();
        let (thief, owner) = (Remains::none(), Remains::none());
        for times in [BATCH - 1, 1, 1] {
            keep(&thief, Home::worker(0), times, &task, &processors);
            thief.hand_back(&processors);
        }
        assert_eq!(references(&task), BATCH);
        owner.settle(&home.mailbox, &processors);
        assert_eq!(references(&task), 0);
    }
}
