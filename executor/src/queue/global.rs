//! The global queue: tasks that come from outside, overflow, or are given away.
//!
//! An unbounded [`ConcurrentQueue`]: lock-free, first in, first out. Once closed, it takes nothing
//! more. So an executor that has ended refuses tasks without a race.
//!
//! What a local queue has no room for comes as a [`Batch`] and is taken as one, for an item of this
//! queue costs as much as the spawn of a small task. Only a busy worker takes one task of a batch,
//! and puts the rest back at the end. So a task waits for at most as many rounds of the queue as
//! its batch is long. The first worker that has nothing else to do takes the whole batch.

use super::{
    Word,
    local::{CAPACITY, LocalQueue},
};
use crate::sync::{AtomicUsize, Ordering};
use concurrent_queue::ConcurrentQueue;
use std::{collections::VecDeque, iter};

/// The queue that all workers share.
pub(crate) struct GlobalQueue<T> {
    entries: ConcurrentQueue<Item<T>>,
    /// Tasks in batches, less one for each batch. A batch is counted before it is pushed, so the
    /// number is never too small.
    beyond_entries: AtomicUsize,
}

enum Item<T> {
    One(T),
    Many(Box<Batch<T>>),
}

/// One or more tasks, in order.
#[derive(Debug)]
pub(crate) struct Batch<T>(VecDeque<T>);

impl<T> From<VecDeque<T>> for Batch<T> {
    fn from(tasks: VecDeque<T>) -> Batch<T> {
        debug_assert!(!tasks.is_empty(), "a batch is not empty");
        Batch(tasks)
    }
}

impl<T> IntoIterator for Batch<T> {
    type Item = T;
    type IntoIter = std::collections::vec_deque::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: Word> GlobalQueue<T> {
    /// An empty queue.
    pub(crate) fn new() -> GlobalQueue<T> {
        GlobalQueue {
            entries: ConcurrentQueue::unbounded(),
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
    pub(crate) fn push_batch(&self, batch: Batch<T>) -> Result<(), Batch<T>> {
        let beyond_one = batch.0.len() - 1;
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
        let item = self.entries.pop().ok()?;
        if let Item::Many(batch) = &item {
            self.beyond_entries
                .fetch_sub(batch.0.len() - 1, Ordering::Relaxed);
        }
        Some(item)
    }

    /// Takes the oldest task, and the rest of its batch, for the caller to put somewhere.
    pub(crate) fn pop(&self) -> Option<(T, Option<Batch<T>>)> {
        Some(match self.pop_item()? {
            Item::One(task) => (task, None),
            Item::Many(batch) => {
                let Batch(mut tasks) = *batch;
                let first = tasks.pop_front().expect("a batch is not empty");
                let rest = (!tasks.is_empty()).then_some(Batch(tasks));
                (first, rest)
            }
        })
    }

    /// Takes a fair share for one of `workers` workers, or a batch. Returns the oldest task and the
    /// number taken; the other tasks go to `local`, which must be empty.
    pub(crate) fn pop_share(&self, workers: usize, local: &LocalQueue<T>) -> Option<(T, usize)> {
        let share = (self.len() / workers + 1).min(CAPACITY / 2);
        let (first, rest) = self.pop()?;
        let mut taken = 1;
        let mut keep = |task| {
            local.push(task, |_| {
                unreachable!("there is room for a share and a batch")
            });
            taken += 1;
        };
        if let Some(rest) = rest {
            rest.into_iter().for_each(keep);
            return Some((first, taken));
        }
        for _ in 1..share {
            match self.pop_item() {
                Some(Item::One(task)) => keep(task),
                Some(Item::Many(batch)) => {
                    batch.into_iter().for_each(keep);
                    break;
                }
                None => break,
            }
        }
        Some((first, taken))
    }

    /// About how many tasks are in the queue.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() + self.beyond_entries.load(Ordering::Relaxed)
    }

    /// Whether the queue is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Closes the queue, which refuses tasks from now on, and takes those that are in it.
    pub(crate) fn close(&self) -> impl Iterator<Item = T> {
        self.entries.close();
        iter::from_fn(|| self.pop()).flat_map(|(task, rest)| {
            let rest = rest.into_iter().flatten();
            iter::once(task).chain(rest)
        })
    }
}

#[cfg(all(test, not(loom)))]
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
    fn one_task_of_a_batch_comes_with_the_rest() {
        let global = GlobalQueue::new();
        global.push_batch(batch(1..=3)).unwrap();
        let (first, rest) = global.pop().unwrap();
        assert_eq!(first, Number(1));
        assert!(global.is_empty());
        global.push_batch(rest.unwrap()).unwrap();
        assert_eq!(global.len(), 2);
        let rest = global.pop().unwrap().1.unwrap();
        assert_eq!(rest.into_iter().collect::<Vec<_>>(), [Number(3)]);
        assert_eq!(global.len(), 0);
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
