//! The global queue: tasks that come from outside, overflow, or are given away.
//!
//! An unbounded [`ConcurrentQueue`]: lock-free, first in, first out. Once closed it takes nothing
//! more, which is how an executor that has ended refuses tasks without a race.

use super::{
    Word,
    local::{CAPACITY, Owner},
};
use concurrent_queue::ConcurrentQueue;

/// The queue that all workers share.
#[derive(Debug)]
pub(crate) struct GlobalQueue<T>(ConcurrentQueue<T>);

impl<T: Word> GlobalQueue<T> {
    /// An empty queue.
    pub(crate) fn new() -> GlobalQueue<T> {
        GlobalQueue(ConcurrentQueue::unbounded())
    }

    /// Appends a task; gives it back if the queue is closed.
    pub(crate) fn push(&self, task: T) -> Result<(), T> {
        self.0.push(task).map_err(|refused| refused.into_inner())
    }

    /// Takes the oldest task.
    pub(crate) fn pop(&self) -> Option<T> {
        self.0.pop().ok()
    }

    /// Takes a fair share for one of `workers` workers: the oldest task is returned, the rest goes
    /// to `local`, which must have room for half its capacity. Also returns the number taken.
    pub(crate) fn pop_batch(&self, workers: usize, local: &Owner<T>) -> Option<(T, usize)> {
        let share = (self.len() / workers + 1).min(CAPACITY / 2);
        let first = self.pop()?;
        let mut taken = 1;
        while taken < share
            && let Some(task) = self.pop()
        {
            local.push(task, |_| {
                unreachable!("the local queue has room for a batch")
            });
            taken += 1;
        }
        Some((first, taken))
    }

    /// Tasks in the queue.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the queue is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses further tasks; those inside can still be taken.
    pub(crate) fn close(&self) {
        self.0.close();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::queue::{local::local_queue, testing::Number};

    #[test]
    fn a_batch_is_a_fair_share_in_order() {
        let global = GlobalQueue::new();
        let (local, _stealer) = local_queue::<Number, CAPACITY>();
        (1..=9).for_each(|i| global.push(Number(i)).unwrap());
        let (first, taken) = global.pop_batch(4, &local).unwrap();
        assert_eq!((first, taken), (Number(1), 3));
        assert_eq!(
            (local.pop(), local.pop(), local.pop()),
            (Some(Number(2)), Some(Number(3)), None)
        );
        assert_eq!(global.len(), 6);
    }

    #[test]
    fn a_batch_is_at_most_half_a_local_queue() {
        let global = GlobalQueue::new();
        let (local, _stealer) = local_queue::<Number, CAPACITY>();
        (1..=10 * CAPACITY).for_each(|i| global.push(Number(i)).unwrap());
        assert_eq!(global.pop_batch(1, &local).unwrap().1, CAPACITY / 2);
    }

    #[test]
    fn a_closed_queue_gives_the_task_back_and_can_be_emptied() {
        let global = GlobalQueue::new();
        global.push(Number(1)).unwrap();
        global.close();
        assert_eq!(global.push(Number(2)), Err(Number(2)));
        assert_eq!(global.pop(), Some(Number(1)));
        assert!(global.is_empty());
    }
}
