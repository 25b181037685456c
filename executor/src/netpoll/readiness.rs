//! Whether a descriptor is ready in one direction, and who waits for that.
//!
//! One word says what is known:
//!
//! ```text
//!   word = tick (29 bits) | ARMED | CLOSED | READY
//! ```
//!
//! | bit      | meaning                                    | set by               | cleared by             |
//! | -------- | ------------------------------------------ | -------------------- | ---------------------- |
//! | `READY`  | an operation may succeed                   | an event             | an operation that would block, or that ran short |
//! | `CLOSED` | each operation will do something: the peer has closed, or there is an error | an event | an operation that would block |
//! | `ARMED`  | the kernel tells of events                 | `Slot::arm`          | the end of the registration |
//!
//! The tick counts events. They are edges: one that comes between an operation and its `clear` is
//! not told again. So an operation remembers the word that it began with, and `clear` changes
//! nothing if the tick is another by then.
//!
//! Data and the end of a stream may come as one event, and no other follows. So an operation that
//! runs short clears `READY` only. One that would block has it from the kernel that nothing is
//! closed, whatever an event has said.
//!
//! # Why no wake-up is lost
//!
//! Whoever waits leaves its waker under the lock, then reads the word once more. An event changes
//! the word, then takes the wakers under the lock. Whichever comes second to the lock sees what the
//! other has done.
//!
//! Sources: tokio's `ScheduledIo`, whose tick serves both directions, so that reads and writes
//! disturb each other (tokio#8054).

use crate::sync::{AtomicU32, Mutex, Ordering, lock};
use slab::Slab;
use std::{
    mem,
    task::{Context, Waker},
};

const READY: u32 = 1;
const CLOSED: u32 = 1 << 1;
const ARMED: u32 = 1 << 2;
const ONE_TICK: u32 = 1 << 3;

/// The word, as an operation has found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen(u32);

impl Seen {
    /// Whether an operation may succeed.
    pub(crate) fn is_ready(self) -> bool {
        self.0 & (READY | CLOSED) != 0
    }

    /// Whether the kernel tells of events.
    pub(crate) fn is_armed(self) -> bool {
        self.0 & ARMED != 0
    }
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Readiness {
    word: AtomicU32,
    waiters: Mutex<Waiters>,
}

#[derive(Debug, Default)]
struct Waiters {
    /// Of the calls that a trait names `poll_…`: they have no place to remember that they wait, so
    /// the last one counts.
    one: Option<Waker>,
    /// Of futures, any number. Seldom used, so a socket does without.
    many: Option<Box<Many>>,
}

#[derive(Debug, Default)]
struct Many {
    wakers: Slab<Waker>,
    /// How often all were taken: an older place is none any more.
    round: u64,
}

/// Where a future has left its waker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    key: usize,
    round: u64,
}

/// In whose name a waker is left.
#[derive(Debug)]
pub(crate) enum Waiter<'a> {
    /// That of the last who polls.
    One,
    /// Of a future, which must [leave](Readiness::leave) the place when it is dropped.
    Many(&'a mut Option<Place>),
}

impl Readiness {
    /// Nothing is armed. `claims`: ready, until an operation would block.
    pub(crate) fn new(claims: bool) -> Readiness {
        Readiness {
            word: AtomicU32::new(if claims { READY } else { 0 }),
            waiters: Mutex::new(Waiters::default()),
        }
    }

    /// What is known now.
    pub(crate) fn seen(&self) -> Seen {
        // Ordering: Acquire pairs with the Release in `set`: what came before the event is visible.
        Seen(self.word.load(Ordering::Acquire))
    }

    /// What is known now. Unless that is ready, the waker is woken by the next event, or by the end
    /// of the registration; if it is not armed, nobody will tell of an event before it is.
    pub(crate) fn poll(&self, cx: &Context<'_>, waiter: Waiter<'_>) -> Seen {
        let seen = self.seen();
        if seen.is_ready() {
            return seen;
        }
        // Foreign code: neither cloned nor dropped under the lock.
        let waker = cx.waker().clone();
        let mut waiters = lock(&self.waiters);
        let seen = self.seen();
        let spare = if seen.is_ready() {
            Some(waker)
        } else {
            waiters.put(waker, waiter)
        };
        drop(waiters);
        drop(spare);
        seen
    }

    /// A future does not wait any more.
    pub(crate) fn leave(&self, place: Place) {
        let left = lock(&self.waiters).remove(place);
        drop(left);
    }

    /// An operation that began with `seen` would have blocked.
    pub(crate) fn would_block(&self, seen: Seen) {
        self.clear(seen, READY | CLOSED);
    }

    /// An operation that began with `seen` has taken all there was, or filled all the room.
    pub(crate) fn ran_short(&self, seen: Seen) {
        self.clear(seen, READY);
    }

    fn clear(&self, seen: Seen, bits: u32) {
        // Ordering: Relaxed; it publishes nothing. Fails if anything has happened meanwhile.
        let _ = self.word.compare_exchange(
            seen.0,
            seen.0 & !bits,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    /// An event: the wakers of all who wait are appended to `due`.
    pub(crate) fn set(&self, closed: bool, due: &mut impl Extend<Waker>) {
        let bits = if closed { READY | CLOSED } else { READY };
        let next = |word: u32| Some(word.wrapping_add(ONE_TICK) | bits);
        // Ordering: Release pairs with the Acquire in `seen`.
        let _ = self
            .word
            .fetch_update(Ordering::Release, Ordering::Relaxed, next);
        lock(&self.waiters).take(due);
    }

    /// Whether anybody waits. (Whoever polled last, and has given up, is taken for one who does.)
    pub(crate) fn is_awaited(&self) -> bool {
        let waiters = lock(&self.waiters);
        let many = waiters.many.iter();
        waiters.one.is_some() || many.map(|many| many.wakers.len()).any(|wakers| wakers > 0)
    }

    /// The kernel tells of events from now on.
    pub(crate) fn arm(&self) {
        self.word.fetch_or(ARMED, Ordering::Relaxed);
    }

    /// It does so no more: the wakers of all who wait are appended to `due`, for they must have it
    /// armed again.
    pub(crate) fn disarm(&self, due: &mut impl Extend<Waker>) {
        // Ordering: Release, as in `set`.
        self.word.fetch_and(!ARMED, Ordering::Release);
        lock(&self.waiters).take(due);
    }
}

impl Waiters {
    /// Leaves a waker; returns one that is not needed any more.
    fn put(&mut self, waker: Waker, waiter: Waiter<'_>) -> Option<Waker> {
        let Waiter::Many(place) = waiter else {
            return self.one.replace(waker);
        };
        let Many { wakers, round } = &mut **self.many.get_or_insert_default();
        match place {
            Some(Place { key, round: left }) if left == round => {
                Some(mem::replace(&mut wakers[*key], waker))
            }
            _ => {
                let (key, round) = (wakers.insert(waker), *round);
                *place = Some(Place { key, round });
                None
            }
        }
    }

    fn remove(&mut self, place: Place) -> Option<Waker> {
        let many = self.many.as_mut()?;
        (many.round == place.round).then(|| many.wakers.remove(place.key))
    }

    fn take(&mut self, due: &mut impl Extend<Waker>) {
        due.extend(self.one.take());
        if let Some(many) = &mut self.many {
            many.round += 1;
            due.extend(many.wakers.drain());
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// (tokio#6133: a tick of 8 bits is the same again after 256 events.)
    #[test]
    fn an_operation_clears_nothing_of_what_has_happened_since_however_much_that_is() {
        let readiness = Readiness::new(true);
        for events in [1, 255, 256, 257, 65_536, 70_000] {
            let seen = readiness.seen();
            (0..events).for_each(|_| readiness.set(false, &mut Vec::new()));
            readiness.would_block(seen);
            readiness.ran_short(seen);
            assert!(readiness.seen().is_ready(), "after {events} events");
        }
        readiness.would_block(readiness.seen());
        assert!(!readiness.seen().is_ready());
    }

    #[test]
    fn the_end_outlasts_what_ran_short_and_nothing_else_does() {
        let readiness = Readiness::new(false);
        readiness.set(true, &mut Vec::new());
        readiness.ran_short(readiness.seen());
        assert!(readiness.seen().is_ready());
        readiness.would_block(readiness.seen());
        assert!(!readiness.seen().is_ready());
    }

    #[test]
    fn what_happens_is_no_matter_of_what_is_armed() {
        let readiness = Readiness::new(false);
        readiness.arm();
        (0..70_000).for_each(|_| readiness.set(false, &mut Vec::new()));
        assert!(readiness.seen().is_armed() && readiness.seen().is_ready());
        readiness.disarm(&mut Vec::new());
        assert!(!readiness.seen().is_armed() && readiness.seen().is_ready());
    }
}
