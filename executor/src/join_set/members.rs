//! The tasks of a set, each with a key that stays; and the keys of those that have ended, as far as
//! the set has heard of them.
//!
//! The tasks lie side by side, so that aborting all of them takes no longer than there are tasks,
//! however many there have been. What is removed leaves its place to the last one. The keys say
//! where each one lies.

use super::ended::Ended;
use crate::join::JoinHandle;
use slab::Slab;
use std::{
    collections::VecDeque,
    task::{Poll, Waker},
};

/// See the module's text.
pub(super) struct Members<T> {
    /// Each with its key.
    tasks: Vec<(usize, JoinHandle<T>)>,
    /// The place of each task, by key.
    places: Slab<usize>,
    /// Keys of tasks that have ended and were not joined, in the order in which they ended. More may
    /// be where the tasks leave word.
    ended: VecDeque<usize>,
}

impl<T> Members<T> {
    pub(super) fn new() -> Members<T> {
        Members {
            tasks: Vec::new(),
            places: Slab::new(),
            ended: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &JoinHandle<T>> {
        self.tasks.iter().map(|(_, task)| task)
    }

    /// The key that the next task will have.
    pub(super) fn next_key(&self) -> usize {
        self.places.vacant_key()
    }

    pub(super) fn insert(&mut self, task: JoinHandle<T>) {
        let key = self.places.insert(self.tasks.len());
        self.tasks.push((key, task));
    }

    pub(super) fn remove(&mut self, key: usize) -> JoinHandle<T> {
        let place = self.places.remove(key);
        let (_, task) = self.tasks.swap_remove(place);
        if let Some(&(moved, _)) = self.tasks.get(place) {
            self.places[moved] = place;
        }
        task
    }

    /// The key of the next task that has ended.
    pub(super) fn next_ended(&mut self, news: &Ended) -> Option<usize> {
        self.ended.pop_front().or_else(|| {
            news.take(&mut self.ended);
            self.ended.pop_front()
        })
    }

    /// The same, with a waker for when there is one.
    pub(super) fn poll_next_ended(&mut self, news: &Ended, waker: &Waker) -> Poll<usize> {
        if let Some(key) = self.ended.pop_front() {
            return Poll::Ready(key);
        }
        news.take_or_wait(&mut self.ended, waker);
        match self.ended.pop_front() {
            Some(key) => Poll::Ready(key),
            None => Poll::Pending,
        }
    }
}
