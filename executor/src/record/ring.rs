//! A ring of events, which one thread writes and anybody may copy: a flight recorder.
//!
//! The writer never waits, and never asks whether anybody reads. When the ring is full, each event
//! takes the place of the oldest.
//!
//! # Protocol
//!
//! An event is two words. Event `i` has slot `i % N`; `next` is the number of the next event.
//!
//! | the writer, for event `i`           | a reader                                                 |
//! | ----------------------------------- | -------------------------------------------------------- |
//! | 1. stores both words (Release)      | 1. reads `next`: `end`                                   |
//! | 2. `next` = `i + 1` (Release)       | 2. copies the slots of the last `N` events before `end`  |
//! |                                     | 3. reads `next` again: `now`                             |
//! |                                     | 4. drops event `i`, unless `now < i + N`                 |
//!
//! Claim: what it keeps is what was written. Event `i` is written before `next` comes to be `end`, for
//! `i < end`, and step 1 of the reader acquires that. So for each word the copy has that of `i`, or of
//! a later event `j` of the same slot: `j >= i + N`. If it has one of `j`, then to read that word
//! has acquired all that the writer did before, `next = j` among it. So `now >= j >= i + N`, and
//! event `i` is dropped, whichever of its words was the wrong one.
//!
//! (So of a full ring the oldest event is dropped even if nobody writes: it could be just now.)
//!
//! Rejected: a version in each slot, as in a seqlock (a store more for each event); a lock (the writer
//! would wait for readers); a channel to a thread that writes a file (a wake-up for each batch, and
//! what is kept would be the oldest, not the newest).

use crate::sync::{AtomicU64, Ordering};

/// Events that a ring has room for, of 16 bytes each: a MiB.
pub(crate) const CAPACITY: usize = 1 << 16;

/// The two words of an event.
pub(crate) type Words = [u64; 2];

/// See the module's text.
pub(crate) struct Ring<const N: usize = CAPACITY> {
    /// Of each slot both words.
    words: Box<[AtomicU64]>,
    next: AtomicU64,
}

/// Events that were copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Copied {
    /// The number of the first.
    pub(crate) first: u64,
    pub(crate) events: Vec<Words>,
}

impl<const N: usize> Ring<N> {
    /// An empty ring. What has not been written needs no memory.
    pub(crate) fn new() -> Ring<N> {
        const { assert!(N.is_power_of_two()) };
        Ring {
            words: zeros(2 * N),
            next: AtomicU64::new(0),
        }
    }

    /// Adds an event. For the one writer, or under a lock of all writers.
    pub(crate) fn push(&self, [first, second]: Words) {
        // Ordering: Relaxed; only the writer stores it.
        let next = self.next.load(Ordering::Relaxed);
        let [one, other] = self.slot(next);
        // Ordering: Release for both pairs with the Acquire loads in `copy`.
        one.store(first, Ordering::Release);
        other.store(second, Ordering::Release);
        // Ordering: Release pairs with the first load in `copy`.
        self.next.store(next.wrapping_add(1), Ordering::Release);
    }

    /// How many events there have been.
    pub(crate) fn written(&self) -> u64 {
        // Ordering: Relaxed; a number for later.
        self.next.load(Ordering::Relaxed)
    }

    /// Copies the events from this number on, but for those that are overwritten.
    pub(crate) fn copy(&self, from: u64) -> Copied {
        let n = N as u64;
        // Ordering: Acquire pairs with the Release in `push`: the events below are written.
        let end = self.next.load(Ordering::Acquire);
        let start = end.saturating_sub(n).max(from).min(end);
        let mut events: Vec<Words> = Vec::with_capacity((end - start) as usize);
        for number in start..end {
            // Ordering: Acquire pairs with the Release in `push`, see the module's text.
            let words = self.slot(number);
            events.push(words.each_ref().map(|word| word.load(Ordering::Acquire)));
        }
        // Ordering: Relaxed; the loads above have acquired what it must not be behind.
        let now = self.next.load(Ordering::Relaxed);
        let kept = (now + 1).saturating_sub(n).clamp(start, end);
        events.drain(..(kept - start) as usize);
        Copied {
            first: kept,
            events,
        }
    }

    fn slot(&self, number: u64) -> &[AtomicU64; 2] {
        let slot = number as usize % N;
        let words = self.words[2 * slot..].first_chunk();
        words.expect("there are two words for each slot")
    }
}

/// So many zeros, for which the system need not give memory before they are written.
#[cfg(not(any(loom, shuttle)))]
fn zeros(count: usize) -> Box<[AtomicU64]> {
    use std::{alloc, ptr};
    let layout = alloc::Layout::array::<AtomicU64>(count).expect("a ring fits the address space");
    // SAFETY: the layout has a size: no ring is empty.
    let start = unsafe { alloc::alloc_zeroed(layout) };
    if start.is_null() {
        alloc::handle_alloc_error(layout);
    }
    let all = ptr::slice_from_raw_parts_mut(start.cast::<AtomicU64>(), count);
    // SAFETY: the allocation is new, of std's allocator, and of the layout of so many atomics; and
    // zeros are a value of each.
    unsafe { Box::from_raw(all) }
}

#[cfg(any(loom, shuttle))]
fn zeros(count: usize) -> Box<[AtomicU64]> {
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicBool, Ordering::Relaxed},
        thread,
    };

    /// Event `i` of the tests.
    fn event(i: u64) -> Words {
        [i, i * 3]
    }

    #[test]
    fn events_are_copied_in_the_order_in_which_they_came() {
        let ring = Ring::<8>::new();
        (0..5).for_each(|i| ring.push(event(i)));
        let all = ring.copy(0);
        assert_eq!((all.first, all.events), (0, (0..5).map(event).collect()));
        let some = ring.copy(3);
        assert_eq!((some.first, some.events), (3, vec![event(3), event(4)]));
        let none = ring.copy(ring.written());
        assert_eq!((none.first, none.events), (5, vec![]));
    }

    #[test]
    fn a_full_ring_keeps_the_newest() {
        let ring = Ring::<8>::new();
        (0..21).for_each(|i| ring.push(event(i)));
        let all = ring.copy(0);
        assert_eq!((all.first, all.events), (14, (14..21).map(event).collect()));
    }

    #[test]
    fn what_a_reader_keeps_is_whole_while_the_writer_goes_on() {
        let (ring, done) = (Ring::<64>::new(), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                (0..300_000).for_each(|i| ring.push(event(i)));
                done.store(true, Relaxed);
            });
            while !done.load(Relaxed) {
                let copied = ring.copy(0);
                for (number, words) in (copied.first..).zip(copied.events) {
                    assert_eq!(words, event(number));
                }
            }
        });
    }
}
