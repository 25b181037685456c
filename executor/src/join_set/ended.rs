//! Where the tasks of a set leave word that they have ended, and whom they wake.
//!
//! ```text
//!   a task ends ─► its handle's waker, a `Notice` with the task's key
//!                  └─► under the lock: appends the key, takes the set's waker
//!                      └─► wakes it, without the lock
//!   the set     ─► under the lock: takes all keys at once, or leaves its waker
//! ```
//!
//! Why no end is overlooked: the key is appended, and the waker is left, under the same lock. If
//! the key comes first, whoever would leave a waker finds it. If the waker does, the task takes it.
//!
//! The lock is held for some instructions. The set takes it once for all tasks that have ended
//! meanwhile, and not at all as long as it has keys left. Nothing foreign is called under it: wakers
//! are cloned, woken and dropped outside.
//!
//! tokio's `IdleNotifiedSet` does the same with two lists of the tasks themselves. Here the tasks
//! stay where they are, and the set alone touches them.

use crate::sync::{
    Mutex, lock,
    panic::{caught, wake},
};
use std::{
    collections::VecDeque,
    mem,
    sync::Arc,
    task::{Wake, Waker},
};

/// See the module's text.
#[derive(Default)]
pub(super) struct Ended(Mutex<State>);

#[derive(Default)]
struct State {
    /// Of tasks that have ended.
    keys: VecDeque<usize>,
    /// Of whoever waits for one.
    waker: Option<Waker>,
    /// The set has let go of these tasks.
    closed: bool,
}

impl Ended {
    /// The waker of a task's handle, which has this key in the set.
    pub(super) fn waker(this: &Arc<Ended>, key: usize) -> Waker {
        let ended = this.clone();
        Waker::from(Arc::new(Notice { ended, key }))
    }

    /// Takes the keys that are there, in exchange for an empty queue.
    pub(super) fn take(&self, empty: &mut VecDeque<usize>) {
        debug_assert!(empty.is_empty());
        mem::swap(&mut lock(&self.0).keys, empty);
    }

    /// The same; if there is none, `waker` is woken once there is.
    pub(super) fn take_or_wait(&self, empty: &mut VecDeque<usize>, waker: &Waker) {
        if self.is_done(empty, waker) {
            return;
        }
        let mut waker = Some(waker.clone());
        let mut state = lock(&self.0);
        if state.keys.is_empty() {
            // What is dropped at the end, without the lock, is the old one.
            mem::swap(&mut state.waker, &mut waker);
        } else {
            mem::swap(&mut state.keys, empty);
        }
        drop(state);
    }

    /// Takes the keys that are there. Returns whether there were some, or this waker is there
    /// already.
    fn is_done(&self, empty: &mut VecDeque<usize>, waker: &Waker) -> bool {
        let mut state = lock(&self.0);
        if state.keys.is_empty() {
            let present = state.waker.as_ref();
            return present.is_some_and(|present| present.will_wake(waker));
        }
        mem::swap(&mut state.keys, empty);
        true
    }

    /// What tasks say from now on is for nobody.
    pub(super) fn close(&self) {
        let mut state = lock(&self.0);
        state.closed = true;
        let (waker, keys) = (state.waker.take(), mem::take(&mut state.keys));
        drop(state);
        // A waker's destructor is foreign code, and nobody is to be told of its panic here.
        drop(caught(|| drop(waker)));
        drop(keys);
    }

    fn has_ended(&self, key: usize) {
        let mut state = lock(&self.0);
        if state.closed {
            return;
        }
        state.keys.push_back(key);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            // This is the task's thread, and async-task would abort the process if it panicked.
            wake(waker);
        }
    }
}

/// Says that the task with this key has ended. async-task wakes it once.
struct Notice {
    ended: Arc<Ended>,
    key: usize,
}

impl Wake for Notice {
    fn wake(self: Arc<Self>) {
        self.ended.has_ended(self.key);
    }
}
