//! What each poll has to heed: that the executor ends, and what somebody wants to know of its tasks.
//!
//! Polls read it, and so do spawns. It is one byte, so that all of it costs what the end alone would.

use crate::{
    suspended::Registration,
    sync::{AtomicU8, Ordering},
};

/// The executor has been told to end.
pub(crate) const CLOSED: u8 = 1;

/// What a poll of a task has to heed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heed {
    Nothing,
    /// The task is to be dropped instead: somebody has asked for its end, or for the executor's.
    End,
    /// Something that the caller looks up; perhaps the end as well.
    Others,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Attention(AtomicU8);

impl Attention {
    /// Of an executor that goes on, and has to heed these from the start.
    pub(crate) fn new(from_the_start: u8) -> Attention {
        Attention(AtomicU8::new(from_the_start))
    }

    /// What has to be heeded; 0 if nothing.
    #[inline]
    pub(crate) fn all(&self) -> u8 {
        // Ordering: Acquire pairs with the Release in `close`. A thread that reads too early
        // reads again: a task that `close` wakes when it is polled (`task`), a worker before
        // it sleeps.
        self.0.load(Ordering::Acquire)
    }

    /// What a poll of a task has to heed.
    ///
    /// The end of the executor is looked for here, and not only by a worker before it takes the
    /// task: `Pool::close` wakes each suspended task, and finds one scheduled already by somebody
    /// else's wake-up. Then async-task makes what came before that wake-up (the flag) visible to the
    /// run, but does not run the task twice.
    #[inline]
    pub(crate) fn before_poll(&self, registration: &Registration) -> Heed {
        // Read once: what is no end may be over before a second reading.
        let all = self.all();
        if all == 0 && !registration.is_flagged() {
            Heed::Nothing
        } else if all & !CLOSED == 0 && !registration.is_watched() {
            Heed::End
        } else {
            Heed::Others
        }
    }

    /// Whether the executor has been told to end.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.all() & CLOSED != 0
    }

    /// Has something else heeded, too.
    pub(crate) fn raise(&self, what: u8) {
        // Ordering: Release pairs with the Acquire in `all`.
        self.0.fetch_or(what, Ordering::Release);
    }

    /// That need not be heeded any more.
    pub(crate) fn lower(&self, what: u8) {
        // Ordering: Relaxed; who still heeds it finds nothing to do.
        self.0.fetch_and(!what, Ordering::Relaxed);
    }

    /// Tells the executor to end; returns whether somebody had before.
    pub(crate) fn close(&self) -> bool {
        self.0.fetch_or(CLOSED, Ordering::AcqRel) & CLOSED != 0
    }
}
