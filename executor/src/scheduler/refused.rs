//! Tasks that an executor refuses because it has ended. Whoever brings one drops its future, which
//! finds that executor to be the current one.
//!
//! A destructor may spawn, and what it spawns is refused as well. Were each link of such a chain
//! dropped inside the one before, its length would be limited by the stack. So inside of
//! [`DEEPEST`] destructors the next task waits, and is dropped when that destructor has returned:
//! before any `spawn` returns that is less deep.

use super::{
    Scheduler, context,
    task::{self, Task},
};
#[cfg(shuttle)]
use crate::sync::shuttle::LocalCell as _;
use crate::sync::thread_local;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    ptr,
    sync::Arc,
};

/// Refused futures that are dropped inside each other at most. With one, a destructor that spawns,
/// and has another crate's `block_on` wait for it, would wait for ever.
const DEEPEST: usize = 16;

/// A call of [`refuse`].
struct Level {
    depth: usize,
    /// What was refused while it dropped a future, if it is as deep as they may be.
    waiting: RefCell<VecDeque<(Task, Arc<Scheduler>)>>,
}

thread_local! {
    /// The innermost call that this thread is in.
    static LEVEL: Cell<*const Level> = const { Cell::new(ptr::null()) };
}

/// Drops the future of a task on this thread, now or soon. Its handle yields `Cancelled`.
pub(super) fn refuse(task: Task, scheduler: &Arc<Scheduler>) {
    let outer = LEVEL.get();
    // SAFETY: null, or a level on this thread's stack, below, which resets the pointer before it
    // goes.
    let level = unsafe { outer.as_ref() };
    let depth = level.map_or(0, |level| level.depth);
    if let Some(level) = level
        && depth == DEEPEST
    {
        let refused = (task, scheduler.clone());
        return level.waiting.borrow_mut().push_back(refused);
    }
    let own = Level {
        depth: depth + 1,
        waiting: RefCell::default(),
    };
    LEVEL.set(&own);
    drop_future(task, scheduler);
    own.drop_waiting();
    LEVEL.set(outer);
}

/// Drops what waits on this thread. For a thread that is about to sleep: it may sleep until one of
/// those has ended.
pub(crate) fn settle() {
    // SAFETY: as in `refuse`.
    if let Some(level) = unsafe { LEVEL.get().as_ref() } {
        level.drop_waiting();
    }
}

impl Level {
    fn drop_waiting(&self) {
        loop {
            // A statement of its own: what is dropped may be followed by others.
            let next = self.waiting.borrow_mut().pop_front();
            let Some((task, scheduler)) = next else {
                return;
            };
            drop_future(task, &scheduler);
        }
    }
}

/// Does not unwind.
fn drop_future(task: Task, scheduler: &Arc<Scheduler>) {
    let _current = context::enter(scheduler);
    task::cancel(task, scheduler);
}
