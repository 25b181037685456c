//! Dropping what an executor that has ended refuses. Whoever brings a task drops its future.
//!
//! A destructor may spawn, and what it spawns is refused as well. Were each link of such a chain
//! dropped inside the one before, its length would be limited by the stack. So inside of
//! [`DEEPEST`] destructors the next future waits, and is dropped when that destructor has returned:
//! before any `spawn` returns that is less deep.

#[cfg(shuttle)]
use crate::sync::shuttle::LocalCell as _;
use crate::sync::thread_local;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    ptr,
};

/// Refused futures that are dropped inside each other at most. With one, a destructor that spawns,
/// and has another crate's `block_on` wait for it, would wait for ever.
const DEEPEST: usize = 16;

type Drops = Box<dyn FnOnce()>;

/// A call of [`drop_in_turn`].
struct Level {
    depth: usize,
    /// What was refused in it, if it is as deep as they may be.
    waiting: RefCell<VecDeque<Drops>>,
}

thread_local! {
    /// The innermost call that this thread is in.
    static LEVEL: Cell<*const Level> = const { Cell::new(ptr::null()) };
}

/// Calls `drops`, which drops a refused future and does not unwind, on this thread: now or soon.
pub(super) fn drop_in_turn(drops: impl FnOnce() + 'static) {
    let outer = LEVEL.get();
    // SAFETY: null, or a level on this thread's stack, below, which resets the pointer before it
    // goes.
    let level = unsafe { outer.as_ref() };
    let depth = level.map_or(0, |level| level.depth);
    if let Some(level) = level
        && depth == DEEPEST
    {
        return level.waiting.borrow_mut().push_back(Box::new(drops));
    }
    let own = Level {
        depth: depth + 1,
        waiting: RefCell::default(),
    };
    LEVEL.set(&own);
    drops();
    own.settle();
    LEVEL.set(outer);
}

/// Drops what waits on this thread. For a thread that is about to sleep: it may sleep until one of
/// those has ended.
pub(crate) fn settle() {
    // SAFETY: as in `drop_in_turn`.
    if let Some(level) = unsafe { LEVEL.get().as_ref() } {
        level.settle();
    }
}

impl Level {
    fn settle(&self) {
        // Not borrowed meanwhile: what is dropped may be followed by others.
        let next = || self.waiting.borrow_mut().pop_front();
        while let Some(drops) = next() {
            drops();
        }
    }
}
