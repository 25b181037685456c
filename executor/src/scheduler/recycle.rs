//! The memory of detached tasks that have ended, and who frees it.
//!
//! The last reference to a detached task is the run in which it ends, so the worker that runs the
//! task frees it. If another thread made it, the two threads meet in the allocator, once for each
//! task: one writes the list of free blocks from which the other allocates. In a flood of small
//! tasks that costs the thread that spawns them more than the spawning.
//!
//! So a worker holds one more reference to a task that another thread made, and keeps that
//! reference when the task has been run. When the worker has a batch of them, or nothing else to
//! do, it hands them back: it puts them into the mailbox of the worker that made the tasks, which
//! drops them where it is about to allocate anyway. If the mailbox is full, if the maker sleeps or
//! is blocked, or if it was no worker of this executor, then the worker drops them itself after
//! all; but all at once, so that the two threads meet once for each batch.
//!
//! Some tasks are not worth it: those that have been suspended, whose lives are longer than a
//! flood; and those with a large output, of whose memory too much would be kept. The memory of a
//! task whose handle is awaited is freed by whoever awaits it.
//!
//! A reference that is kept is never the last one to a task that has not ended. (To drop the last
//! one would put the task into a queue once more.) For either the run of the task holds another, or
//! the register of suspended tasks does, see `suspended`.

use super::processor::Processors;
use crate::{
    idle::permit::Permit,
    queue::local::CAPACITY,
    sync::{AtomicU8, Mutex, Ordering, lock},
};
use std::{cell::Cell, mem, task::Waker};

/// Who has made a task: the number of a worker's processor, or [`Maker::ELSEWHERE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Maker(u8);

impl Maker {
    /// A thread that is no worker of the executor, or a worker with too high a number.
    pub(crate) const ELSEWHERE: Maker = Maker(DETACHED - 1);

    /// The worker with this processor.
    pub(crate) fn worker(processor: usize) -> Maker {
        let number = u8::try_from(processor).unwrap_or(u8::MAX);
        Maker(number.min(Maker::ELSEWHERE.0))
    }

    /// The number of the worker's processor.
    pub(crate) fn processor(self) -> Option<usize> {
        (self != Maker::ELSEWHERE).then_some(self.0.into())
    }
}

/// A byte in each task: its maker, and, in the top bit, whether it has been detached.
pub(crate) struct MakerByte<'a>(&'a AtomicU8);

const DETACHED: u8 = 1 << 7;

impl MakerByte<'_> {
    /// The byte of a task at first: the task has a handle, and no worker has made it.
    pub(crate) const ELSEWHERE: u8 = Maker::ELSEWHERE.0;

    /// Takes the byte of a task for what it says.
    pub(crate) fn of(byte: &AtomicU8) -> MakerByte<'_> {
        MakerByte(byte)
    }

    /// Sets the maker. For the worker that has just made the task, and has shown it to nobody yet.
    pub(crate) fn set(&self, maker: Maker) {
        // Ordering: Relaxed for all operations here; a worker that misses a change frees the task
        // in the ordinary way.
        self.0.store(maker.0, Ordering::Relaxed);
    }

    /// Says that the task is detached. For its handle, unless the worker that runs the task is to
    /// free it at once.
    pub(crate) fn detach(&self) {
        let maker = self.0.load(Ordering::Relaxed);
        self.0.store(maker | DETACHED, Ordering::Relaxed);
    }

    /// The maker of a detached task.
    pub(crate) fn if_detached(&self) -> Option<Maker> {
        let maker = self.0.load(Ordering::Relaxed).checked_sub(DETACHED)?;
        Some(Maker(maker))
    }
}

/// References that are handed back at once: as many tasks as a thief takes at most.
const BATCH: usize = CAPACITY / 2;

/// The references that a worker keeps for another.
pub(super) struct Recycler {
    /// Taken out wherever it is changed: dropping a reference may run foreign code, which comes
    /// here.
    references: Cell<Vec<Waker>>,
    /// Who has made all these tasks.
    maker: Cell<Maker>,
}

impl Recycler {
    pub(super) fn none() -> Recycler {
        Recycler {
            references: Cell::default(),
            maker: Cell::new(Maker::ELSEWHERE),
        }
    }

    /// Keeps a reference to a task that has been run.
    pub(super) fn keep(&self, maker: Maker, reference: Waker, processors: &Processors) {
        if self.maker.get() != maker {
            self.hand_back(processors);
            self.maker.set(maker);
        }
        let mut references = self.references.take();
        references.push(reference);
        let is_full = references.len() == BATCH;
        self.references.set(references);
        if is_full {
            self.hand_back(processors);
        }
    }

    /// Hands all references back, or drops them.
    pub(super) fn hand_back(&self, processors: &Processors) {
        let mut references = self.references.take();
        if !references.is_empty() {
            if let Some(maker) = self.maker.get().processor() {
                let maker = processors.get(maker);
                maker.mailbox.put(&mut references, &maker.permit);
            }
            references.clear();
        }
        self.references.set(references);
    }

    /// Hands all references back, or drops them, and drops what is in the worker's own `mailbox`.
    pub(super) fn settle(&self, mailbox: &Mailbox, processors: &Processors) {
        self.hand_back(processors);
        let mut references = self.references.take();
        mailbox.take(&mut references);
        references.clear();
        self.references.set(references);
    }
}

/// Where a worker finds what others hand back. A batch at most, so that little lies there if the
/// worker does not come. Full vectors are exchanged for empty ones, and so seldom allocated.
#[derive(Debug, Default)]
pub(super) struct Mailbox(Mutex<Vec<Waker>>);

impl Mailbox {
    /// Takes the references out of `batch` if there is room, and the worker holds its `permit`. A
    /// worker without one sleeps or is blocked, and would not come for long. It empties its mailbox
    /// after it has given its permit away, so nothing is stranded.
    fn put(&self, batch: &mut Vec<Waker>, permit: &Permit) {
        let mut content = lock(&self.0);
        if !permit.is_held() {
            return;
        }
        if content.is_empty() {
            mem::swap(&mut *content, batch);
        } else if content.len() + batch.len() <= BATCH {
            content.append(batch);
        }
    }

    /// Exchanges what is there for an empty vector.
    fn take(&self, empty: &mut Vec<Waker>) {
        mem::swap(&mut *lock(&self.0), empty);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::scheduler::{processor::Processor, shared_source::SharedSource};
    use std::{sync::Arc, task::Wake};

    /// Stands for a task: what matters are the references to it.
    struct Counted;

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {}
    }

    /// Two processors, the first with a machine that is awake; and a task.
    fn parties() -> (Processors, Arc<Processor>, Arc<Counted>) {
        let processors = Processors::new(2);
        let (_, maker, _) = processors.take(&SharedSource::default());
        maker.permit.hold();
        processors.take(&SharedSource::default());
        (processors, maker, Arc::new(Counted))
    }

    fn references(task: &Arc<Counted>) -> usize {
        Arc::strong_count(task) - 1
    }

    fn keep(
        recycler: &Recycler,
        maker: Maker,
        times: usize,
        task: &Arc<Counted>,
        all: &Processors,
    ) {
        (0..times).for_each(|_| recycler.keep(maker, Waker::from(task.clone()), all));
    }

    #[test]
    fn a_batch_goes_to_its_maker_and_is_dropped_there() {
        let (processors, maker, task) = parties();
        let (thief, own) = (Recycler::none(), Recycler::none());
        keep(&thief, Maker::worker(0), BATCH, &task, &processors);
        assert!(thief.references.take().is_empty());
        assert_eq!(references(&task), BATCH);
        own.settle(&maker.mailbox, &processors);
        assert_eq!(references(&task), 0);
    }

    #[test]
    fn what_is_less_than_a_batch_goes_to_its_maker_when_there_is_nothing_else_to_do() {
        let (processors, maker, task) = parties();
        let (thief, own) = (Recycler::none(), Recycler::none());
        keep(&thief, Maker::worker(0), 3, &task, &processors);
        own.settle(&maker.mailbox, &processors);
        assert_eq!(references(&task), 3);
        thief.hand_back(&processors);
        own.settle(&maker.mailbox, &processors);
        assert_eq!(references(&task), 0);
    }

    #[test]
    fn a_full_mailbox_takes_no_more() {
        let (processors, _, task) = parties();
        let thief = Recycler::none();
        keep(&thief, Maker::worker(0), 2 * BATCH, &task, &processors);
        assert_eq!(references(&task), BATCH);
    }

    #[test]
    fn nothing_is_sent_to_a_worker_that_sleeps() {
        let (processors, maker, task) = parties();
        let thief = Recycler::none();
        maker.permit.give();
        keep(&thief, Maker::worker(0), BATCH, &task, &processors);
        assert_eq!(references(&task), 0);
    }

    #[test]
    fn what_has_no_maker_here_is_dropped_all_at_once() {
        let (processors, _, task) = parties();
        let thief = Recycler::none();
        keep(&thief, Maker::ELSEWHERE, BATCH - 1, &task, &processors);
        assert_eq!(references(&task), BATCH - 1);
        keep(&thief, Maker::ELSEWHERE, 1, &task, &processors);
        assert_eq!(references(&task), 0);
    }

    #[test]
    fn another_maker_is_another_batch() {
        let (processors, maker, task) = parties();
        let thief = Recycler::none();
        keep(&thief, Maker::ELSEWHERE, 2, &task, &processors);
        keep(&thief, Maker::worker(0), 1, &task, &processors);
        assert_eq!(references(&task), 1);
        thief.settle(&maker.mailbox, &processors);
        assert_eq!(references(&task), 0);
    }

    #[test]
    fn a_mailbox_has_room_for_one_batch() {
        let (processors, maker, task) = parties();
        let (thief, own) = (Recycler::none(), Recycler::none());
        for times in [BATCH - 1, 1, 1] {
            keep(&thief, Maker::worker(0), times, &task, &processors);
            thief.hand_back(&processors);
        }
        assert_eq!(references(&task), BATCH);
        own.settle(&maker.mailbox, &processors);
        assert_eq!(references(&task), 0);
    }

    #[test]
    fn the_maker_is_known_once_the_task_is_detached() {
        let byte = AtomicU8::new(MakerByte::ELSEWHERE);
        let of_task = MakerByte::of(&byte);
        assert_eq!(of_task.if_detached(), None);
        of_task.detach();
        assert_eq!(of_task.if_detached(), Some(Maker::ELSEWHERE));
        for (processor, maker) in [(0, Some(0)), (126, Some(126)), (127, None), (1_000, None)] {
            let byte = AtomicU8::new(MakerByte::ELSEWHERE);
            let of_task = MakerByte::of(&byte);
            of_task.set(Maker::worker(processor));
            assert_eq!(of_task.if_detached(), None);
            of_task.detach();
            assert_eq!(of_task.if_detached().unwrap().processor(), maker);
        }
    }
}
