//! The global queue: tasks that come from outside, overflow, or are given away.
//!
//! An unbounded [`ConcurrentQueue`]: lock-free, first in, first out. Once closed, it takes nothing
//! more. So an executor that has ended refuses tasks without a race.
//!
//! What a local queue has no room for, or is given away, comes as a [`Batch`] and is taken as one,
//! for an item of this queue costs as much as the spawn of a small task. Only a busy worker takes
//! one task of a batch. The rest stays *in front* of the queue, where the next to take anything finds
//! it: so nothing that came later overtakes it. The first worker that has nothing else to do takes
//! the whole batch.

use super::{
    Word,
    local::{CAPACITY, LocalQueue},
    next_slot::NextSlot,
};
use crate::sync::{AtomicUsize, Ordering};
use concurrent_queue::ConcurrentQueue;
use std::{collections::VecDeque, iter, ptr::NonNull};

/// The queue that all workers share.
pub(crate) struct GlobalQueue<T: Word> {
    entries: ConcurrentQueue<Item<T>>,
    /// The rest of the oldest batch.
    front: NextSlot<Box<Batch<T>>>,
    /// Batches so far.
    batches: AtomicUsize,
    /// Tasks in batches, less one for each batch among the entries. A batch is counted before it is
    /// pushed, so the number is never too small.
    beyond_entries: AtomicUsize,
}

enum Item<T> {
    One(T),
    Many(Box<Batch<T>>),
}

/// One or more tasks, in order.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    tasks: VecDeque<T>,
    /// How many batches came before; once it is in the queue.
    number: usize,
}

impl<T> Batch<T> {
    /// So many tasks are taken as one.
    pub(crate) const MOST: usize = CAPACITY / 2 + 1;

    /// Both as one, the older first.
    fn joined(one: Box<Batch<T>>, other: Box<Batch<T>>) -> Box<Batch<T>> {
        let (mut older, mut younger) = if one.number <= other.number {
            (one, other)
        } else {
            (other, one)
        };
        older.tasks.append(&mut younger.tasks);
        older
    }
}

// SAFETY: a box is a pointer with ownership, on whatever thread.
unsafe impl<T: Word> Word for Box<Batch<T>> {
    fn into_raw(self) -> NonNull<()> {
        NonNull::from(Box::leak(self)).cast()
    }

    unsafe fn from_raw(raw: NonNull<()>) -> Self {
        // SAFETY: from `into_raw`, once, by the caller's promise.
        unsafe { Box::from_raw(raw.cast().as_ptr()) }
    }
}

impl<T> From<VecDeque<T>> for Batch<T> {
    fn from(tasks: VecDeque<T>) -> Batch<T> {
        debug_assert!(!tasks.is_empty(), "a batch is not empty");
        Batch { tasks, number: 0 }
    }
}

impl<T> IntoIterator for Batch<T> {
    type Item = T;
    type IntoIter = std::collections::vec_deque::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.tasks.into_iter()
    }
}

impl<T: Word> GlobalQueue<T> {
    /// An empty queue.
    pub(crate) fn new() -> GlobalQueue<T> {
        GlobalQueue {
            entries: ConcurrentQueue::unbounded(),
            front: NextSlot::new(),
            batches: AtomicUsize::new(0),
            beyond_entries: AtomicUsize::new(0),
        }
    }

    /// Appends a task. Gives the task back if the queue is closed.
    pub(crate) fn push(&self, task: T) -> Result<(), T> {
        match self.entries.push(Item::One(task)) {
            Ok(()) => Ok(()),
            Err(refused) => match refused.into_inner() {
                Item::One(task) => Err(task),
                Item::Many(_) => unreachable!("what comes back is what was pushed"),
            },
        }
    }

    /// Appends a batch. Gives the batch back if the queue is closed.
    pub(crate) fn push_batch(&self, mut batch: Batch<T>) -> Result<(), Batch<T>> {
        // Ordering: Relaxed; all that matters is that each gets a number of its own.
        batch.number = self.batches.fetch_add(1, Ordering::Relaxed);
        let beyond_one = batch.tasks.len() - 1;
        // Ordering: Relaxed; a guess, for the size of shares and for show.
        self.beyond_entries.fetch_add(beyond_one, Ordering::Relaxed);
        match self.entries.push(Item::Many(Box::new(batch))) {
            Ok(()) => Ok(()),
            Err(refused) => match refused.into_inner() {
                Item::Many(batch) => {
                    self.beyond_entries.fetch_sub(beyond_one, Ordering::Relaxed);
                    Err(*batch)
                }
                Item::One(_) => unreachable!("what comes back is what was pushed"),
            },
        }
    }

    fn pop_item(&self) -> Option<Item<T>> {
        if let Some(batch) = self.front.take() {
            let tasks = batch.tasks.len();
            self.beyond_entries.fetch_sub(tasks, Ordering::Relaxed);
            return Some(Item::Many(batch));
        }
        let item = self.entries.pop().ok()?;
        if let Item::Many(batch) = &item {
            self.beyond_entries
                .fetch_sub(batch.tasks.len() - 1, Ordering::Relaxed);
        }
        Some(item)
    }

    /// Puts the rest of a batch in front. For workers, which are gone when the queue is closed.
    fn put_in_front(&self, rest: Box<Batch<T>>) {
        self.beyond_entries
            .fetch_add(rest.tasks.len(), Ordering::Relaxed);
        let mut rest = rest;
        while let Some(other) = self.front.put(rest) {
            // Somebody else has put the rest of another batch there meanwhile.
            rest = match self.front.take() {
                Some(own) => Batch::joined(own, other),
                None => other,
            };
        }
    }

    /// Takes the oldest task. Returns whether it was one of a batch whose rest is in front now: for
    /// a moment it was in nobody's sight.
    pub(crate) fn pop(&self) -> Option<(T, bool)> {
        match self.pop_item()? {
            Item::One(task) => Some((task, false)),
            Item::Many(mut batch) => {
                let first = batch.tasks.pop_front().expect("a batch is not empty");
                let is_more = !batch.tasks.is_empty();
                if is_more {
                    self.put_in_front(batch);
                }
                Some((first, is_more))
            }
        }
    }

    /// Takes a fair share for one of `workers` workers, or a batch. Returns the oldest task and the
    /// number taken; the other tasks go to `local`, which must be empty. As many as there is no
    /// room for stay in front.
    pub(crate) fn pop_share(&self, workers: usize, local: &LocalQueue<T>) -> Option<(T, usize)> {
        let share = (self.len() / workers + 1).min(CAPACITY / 2);
        let mut first = None;
        let mut taken = 0;
        let mut keep = |task| {
            if first.is_none() {
                first = Some(task);
            } else {
                local.push(task, |_| unreachable!("there is room for what is taken"));
            }
            taken += 1;
            taken
        };
        let mut room = share;
        while room > 0 {
            match self.pop_item() {
                Some(Item::One(task)) => room = share - keep(task),
                Some(Item::Many(mut batch)) => {
                    let fits = batch.tasks.len().min(CAPACITY / 2 + 1);
                    batch.tasks.drain(..fits).for_each(|task| _ = keep(task));
                    if !batch.tasks.is_empty() {
                        self.put_in_front(batch);
                    }
                    break;
                }
                None => break,
            }
        }
        first.map(|first| (first, taken))
    }

    /// About how many tasks are in the queue.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() + self.beyond_entries.load(Ordering::Relaxed)
    }

    /// Whether the queue is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.front.is_empty() && self.entries.is_empty()
    }

    /// Closes the queue, which refuses tasks from now on, and takes those that are in it.
    pub(crate) fn close(&self) -> impl Iterator<Item = T> {
        self.entries.close();
        iter::from_fn(|| self.pop()).map(|(task, _)| task)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::queue::{local::local_queue, testing::Number};

    #[test]
    fn a_share_is_fair_and_in_order() {
        let global = GlobalQueue::new();
        let (local, _stealer) = local_queue::<Number, CAPACITY>();
        (1..=9).for_each(|i| global.push(Number(i)).unwrap());
        let (first, taken) = global.pop_share(4, &local).unwrap();
        assert_eq!((first, taken), (Number(1), 3));
        assert_eq!(
            (local.pop(), local.pop(), local.pop()),
            (Some(Number(2)), Some(Number(3)), None)
        );
        assert_eq!(global.len(), 6);
    }

    #[test]
    fn a_share_is_at_most_half_a_local_queue() {
        let global = GlobalQueue::new();
        let (local, _stealer) = local_queue::<Number, CAPACITY>();
        (1..=10 * CAPACITY).for_each(|i| global.push(Number(i)).unwrap());
        assert_eq!(global.pop_share(1, &local).unwrap().1, CAPACITY / 2);
    }

    #[test]
    fn a_closed_queue_gives_the_task_back_and_can_be_emptied() {
        let global = GlobalQueue::new();
        global.push(Number(1)).unwrap();
        global.push_batch(batch(2..=3)).unwrap();
        let taken = global.close();
        assert_eq!(global.push(Number(4)), Err(Number(4)));
        assert_eq!(taken.collect::<Vec<_>>(), [1, 2, 3].map(Number));
        assert!(global.is_empty());
    }

    fn batch(numbers: std::ops::RangeInclusive<usize>) -> Batch<Number> {
        numbers.map(Number).collect::<VecDeque<_>>().into()
    }

    #[test]
    fn a_batch_counts_as_its_tasks_and_is_taken_as_one() {
        let global = GlobalQueue::new();
        let (local, _stealer) = local_queue::<Number, CAPACITY>();
        global.push(Number(1)).unwrap();
        global.push_batch(batch(2..=100)).unwrap();
        global.push(Number(101)).unwrap();
        assert_eq!(global.len(), 101);
        assert_eq!(global.pop_share(2, &local), Some((Number(1), 100)));
        assert_eq!(local.pop(), Some(Number(2)));
        assert_eq!(local.len(), 98);
        assert_eq!(global.len(), 1);
    }

    #[test]
    fn a_share_and_the_largest_batch_fit_into_a_local_queue() {
        let global = GlobalQueue::new();
        let (local, _stealer) = local_queue::<Number, CAPACITY>();
        let singles = CAPACITY / 2 - 1;
        (1..=singles).for_each(|i| global.push(Number(i)).unwrap());
        global.push_batch(batch(1..=CAPACITY / 2 + 1)).unwrap();
        assert_eq!(global.pop_share(1, &local).unwrap().1, CAPACITY);
        assert!(global.is_empty());
    }

    #[test]
    fn the_rest_of_a_batch_stays_in_front_of_what_came_later() {
        let global = GlobalQueue::new();
        global.push_batch(batch(1..=3)).unwrap();
        global.push(Number(4)).unwrap();
        assert_eq!(global.pop(), Some((Number(1), true)));
        assert_eq!(global.len(), 3);
        global.push_batch(batch(5..=6)).unwrap();
        let rest = iter::from_fn(|| global.pop()).map(|(number, _)| number.0);
        assert_eq!(rest.collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
        assert!(global.is_empty());
        assert_eq!(global.len(), 0);
    }

    #[test]
    fn rests_of_two_batches_are_in_front_in_their_order() {
        let global = GlobalQueue::new();
        let rest = |numbers, number| {
            Box::new(Batch {
                number,
                ..batch(numbers)
            })
        };
        global.put_in_front(rest(3..=4, 1));
        global.put_in_front(rest(1..=2, 0));
        assert_eq!(global.len(), 4);
        let (local, _stealer) = local_queue::<Number, CAPACITY>();
        assert_eq!(global.pop_share(1, &local), Some((Number(1), 4)));
        assert_eq!(std::iter::from_fn(|| local.pop()).count(), 3);
    }

    #[test]
    fn what_a_local_queue_has_no_room_for_stays_in_front() {
        let global = GlobalQueue::new();
        global.put_in_front(Box::new(batch(1..=2 * CAPACITY)));
        let (local, _stealer) = local_queue::<Number, CAPACITY>();
        assert_eq!(
            global.pop_share(1, &local).unwrap().1,
            Batch::<Number>::MOST
        );
        assert_eq!(global.len(), 2 * CAPACITY - Batch::<Number>::MOST);
    }

    #[test]
    fn a_closed_queue_gives_a_batch_back() {
        let global = GlobalQueue::new();
        assert_eq!(global.close().count(), 0);
        let refused = global.push_batch(batch(1..=3)).unwrap_err();
        assert_eq!(refused.into_iter().count(), 3);
        assert_eq!(global.len(), 0);
    }
}
