//! A hierarchical timing wheel.
//!
//! Time is counted in *ticks* of 16.4 µs; a deadline is rounded up to the next tick. A slot of
//! level 0 is one tick long, a slot of level 1 is 64 ticks long, and so on. Each level has 64
//! slots, and nine levels are enough for all 2⁶⁴ ns. A slot holds a list of entries, first in,
//! first out.
//!
//! `elapsed` is the tick up to which everything has been taken out. An entry's slot follows from
//! `elapsed` and the entry's tick alone: the level is the highest group of six bits in which the
//! two differ, and the slot is what the entry's tick has in that group. This stays true as
//! `elapsed` grows: `elapsed` never passes the start of a slot that is not empty, and when it comes
//! to the start of one, the entries of that slot move to lower levels. So all entries of a lower
//! level come before all of a higher one, and the earliest entries are in the lowest occupied slot
//! of the lowest occupied level.
//!
//! Inserting and removing take constant time. Until it fires, an entry moves at most once per
//! level.
//!
//! In virtual time (`sync::clock`) entries come at their very deadlines: there they are in a sorted map
//! instead, and all slots are empty.
//!
//! Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987; its levels and bit
//! maps follow Linux's timer wheel before 4.8, and tokio's.

use super::{entry::Entry, list::List};
use crate::sync::clock;
use std::{collections::BTreeMap, marker::PhantomData, ptr::NonNull};

/// Bits of a time in nanoseconds that are less than a tick. Rounding makes a timer late by less
/// than a tick: an eighth of what `MODERATION` does.
const TICK_BITS: u32 = 14;
/// Bits of a tick that each level looks at: as many as make its map of slots one word.
const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = (u64::BITS - TICK_BITS).div_ceil(LEVEL_BITS) as usize;
const TICK: u64 = 1 << TICK_BITS;
const LAST_TICK: u64 = u64::MAX >> TICK_BITS;

/// The first tick at which a deadline has passed.
fn tick_after(deadline: u64) -> u64 {
    deadline
        .div_ceil(TICK)
        // Nobody will see the last 16 µs of all time.
        .min(LAST_TICK)
}

/// A wheel, without its lock. Whoever drops one has emptied it before.
pub(crate) struct Wheel {
    elapsed: u64,
    /// A bit for each level with an entry.
    levels: u32,
    /// For each level, a bit for each slot with an entry.
    occupied: [u64; LEVELS],
    /// 9 KiB, which wheels that are never used do without.
    slots: Option<Box<Slots>>,
    /// In virtual time, what is here, by its deadline. (And `elapsed` stays at 0.)
    exact: Option<Box<Exact>>,
}

type Exact = BTreeMap<u64, List>;

type Slots = [[List; SLOTS]; LEVELS];

// SAFETY: what comes along are the entries that are linked here, by their addresses. Any thread may
// read them, for they are `Sync`; and what the wheel has to itself, their links, holds nothing that
// is bound to a thread.
unsafe impl Send for Wheel {}

/// An entry that was unlinked a moment ago, while the wheel, and so its lock, is still held. The
/// owner of the entry does not know yet; see `release`.
#[must_use]
pub(super) struct Removed<'wheel> {
    entry: NonNull<Entry>,
    _held: PhantomData<&'wheel mut Wheel>,
}

impl Removed<'_> {
    fn new(entry: NonNull<Entry>) -> Self {
        Removed {
            entry,
            _held: PhantomData,
        }
    }

    /// The entry, which is alive as long as its owner does not know.
    pub(super) fn entry(&self) -> NonNull<Entry> {
        self.entry
    }
}

impl Wheel {
    /// An empty wheel at time 0.
    pub(super) fn new() -> Wheel {
        Wheel {
            elapsed: 0,
            levels: 0,
            occupied: [0; LEVELS],
            slots: None,
            exact: None,
        }
    }

    /// Gives back what an empty wheel does not need.
    pub(super) fn shrink(&mut self) {
        if self.levels == 0 {
            self.slots = None;
            self.exact.take_if(|exact| exact.is_empty());
        }
    }

    /// Whether `deadline` has passed, by the time to which the wheel was advanced last.
    pub(super) fn has_passed(&self, deadline: u64) -> bool {
        tick_after(deadline) <= self.elapsed
    }

    /// When to look at the wheel again: no timer is due before. `None` if the wheel is empty.
    pub(super) fn next_due(&self) -> Option<u64> {
        match self.earliest() {
            Some(slot) => Some(self.start(slot) << TICK_BITS),
            None => self.exact.as_ref().and_then(|exact| exactly_due(exact)),
        }
    }

    /// Links an entry.
    ///
    /// # Safety
    ///
    /// 1. The entry is linked nowhere, and its link is the caller's alone.
    /// 2. Until it is out of the wheel, it stays where it is, its deadline stays as it is, and
    ///    nobody touches its link without having the wheel by `&mut`, that is, under its lock.
    pub(super) unsafe fn insert(&mut self, entry: NonNull<Entry>) {
        // SAFETY: alive, by the caller's 2.
        let deadline = unsafe { entry.as_ref() }.deadline();
        let slot = self.slot(deadline);
        let slots = match &mut self.slots {
            Some(slots) => slots,
            // SAFETY: the caller's two promises are those that are asked for.
            None if self.exact.is_some() => return unsafe { self.insert_exactly(entry) },
            none => none.insert(new_slots()),
        };
        let list = &mut slots[slot.level][slot.index];
        // SAFETY: 1. the caller's 1. 2. The caller's 2: whoever has the list by `&mut` has the
        // wheel.
        unsafe { list.push_back(entry) };
        self.levels |= 1 << slot.level;
        self.occupied[slot.level] |= 1 << slot.index;
    }

    /// Unlinks an entry.
    ///
    /// # Safety
    ///
    /// The entry is linked in this wheel.
    pub(super) unsafe fn remove(&mut self, entry: NonNull<Entry>) -> Removed<'_> {
        // SAFETY: alive, as long as it is linked (clause 2 of `insert`).
        let deadline = unsafe { entry.as_ref() }.deadline();
        let slot = self.slot(deadline);
        let Some(slots) = &mut self.slots else {
            // SAFETY: the caller's promise is the one that is asked for.
            return unsafe { self.remove_exactly(entry) };
        };
        let list = &mut slots[slot.level][slot.index];
        // SAFETY: linked in this wheel, and so in the list that its deadline says.
        unsafe { list.remove(entry) };
        if list.is_empty() {
            self.mark_empty(slot);
        }
        Removed::new(entry)
    }

    /// Unlinks an entry whose deadline is not after `now`, the earliest first.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<Removed<'_>> {
        if !self.advance(now) {
            return None;
        }
        self.pop()
    }

    /// Unlinks an entry, the earliest first.
    pub(super) fn pop(&mut self) -> Option<Removed<'_>> {
        let Some(slot) = self.earliest() else {
            return self.pop_exactly();
        };
        let list = self.list(slot);
        let entry = list.pop_front()?;
        if list.is_empty() {
            self.mark_empty(slot);
        }
        Some(Removed::new(entry))
    }

    /// Advances to `time`. Returns whether an entry is due: then one is the first in the earliest
    /// slot.
    pub(super) fn advance(&mut self, time: u64) -> bool {
        let now = time >> TICK_BITS;
        while let Some(slot) = self.earliest() {
            let start = self.start(slot);
            if start > now {
                break;
            }
            self.elapsed = start;
            if slot.level == 0 {
                return true;
            }
            self.spread(slot);
        }
        if let Some(exact) = &self.exact {
            return exactly_due(exact).is_some_and(|due| due <= time);
        }
        self.elapsed = self.elapsed.max(now);
        false
    }

    /// Advances to `now`. If nothing is here, it may go back to it, and is exact from then on where
    /// time is virtual.
    #[cfg(not(loom))]
    pub(super) fn skip_to(&mut self, now: u64) {
        if self.next_due().is_some() {
            self.advance(now);
            return;
        }
        if clock::is_virtual() {
            self.slots = None;
            self.exact = Some(Box::default());
            self.elapsed = 0;
        } else {
            self.exact = None;
            self.elapsed = now >> TICK_BITS;
        }
    }

    /// Moves the entries of a slot, whose start `elapsed` has come to, to lower levels.
    fn spread(&mut self, slot: Slot) {
        let entries = self.list(slot).take_all();
        self.mark_empty(slot);
        for entry in entries {
            // SAFETY: 1. Just taken out of its list, which nobody else has. 2. Whoever inserted it
            // first promised that for as long as it is in the wheel.
            unsafe { self.insert(entry) };
        }
    }

    fn slot(&self, deadline: u64) -> Slot {
        // A deadline in the past belongs to the present slot.
        let tick = tick_after(deadline).max(self.elapsed);
        let highest_difference = (tick ^ self.elapsed).checked_ilog2().unwrap_or(0);
        let level = (highest_difference / LEVEL_BITS) as usize;
        let index = (tick >> (level as u32 * LEVEL_BITS)) as usize % SLOTS;
        Slot { level, index }
    }

    fn earliest(&self) -> Option<Slot> {
        let level = self.levels.trailing_zeros() as usize;
        let index = self.occupied.get(level)?.trailing_zeros() as usize;
        Some(Slot { level, index })
    }

    /// The first tick of a slot.
    fn start(&self, slot: Slot) -> u64 {
        let shift = slot.level as u32 * LEVEL_BITS;
        let above = self.elapsed >> (shift + LEVEL_BITS) << (shift + LEVEL_BITS);
        above | (slot.index as u64) << shift
    }

    fn list(&mut self, slot: Slot) -> &mut List {
        let slots = self.slots.as_mut().expect("there since the first entry");
        &mut slots[slot.level][slot.index]
    }

    fn mark_empty(&mut self, slot: Slot) {
        self.occupied[slot.level] &= !(1 << slot.index);
        if self.occupied[slot.level] == 0 {
            self.levels &= !(1 << slot.level);
        }
    }
}

/// In virtual time, where there are no slots.
impl Wheel {
    /// As [`insert`](Wheel::insert).
    #[cold]
    #[inline(never)]
    unsafe fn insert_exactly(&mut self, entry: NonNull<Entry>) {
        let exact = self.exact.as_mut().expect("there are no slots");
        // SAFETY: alive, by the caller's 2.
        let deadline = unsafe { entry.as_ref() }.deadline();
        let list = exact.entry(deadline).or_insert(List::EMPTY);
        // SAFETY: as in `insert`.
        unsafe { list.push_back(entry) };
    }

    /// As [`remove`](Wheel::remove).
    #[cold]
    #[inline(never)]
    unsafe fn remove_exactly(&mut self, entry: NonNull<Entry>) -> Removed<'_> {
        let exact = self.exact.as_mut().expect("it is linked in this wheel");
        // SAFETY: alive, as long as it is linked (clause 2 of `insert`).
        let deadline = unsafe { entry.as_ref() }.deadline();
        let list = exact.get_mut(&deadline).expect("it is in this list");
        // SAFETY: linked in this wheel, and so in the list that its deadline says.
        unsafe { list.remove(entry) };
        if list.is_empty() {
            exact.remove(&deadline);
        }
        Removed::new(entry)
    }

    #[cold]
    #[inline(never)]
    fn pop_exactly(&mut self) -> Option<Removed<'_>> {
        let mut first = self.exact.as_mut()?.first_entry()?;
        let entry = first.get_mut().pop_front()?;
        if first.get().is_empty() {
            first.remove();
        }
        Some(Removed::new(entry))
    }
}

/// The first deadline.
#[cold]
#[inline(never)]
fn exactly_due(exact: &Exact) -> Option<u64> {
    // An entry that never comes is none that is not here.
    let first = exact.first_key_value();
    first.map(|(&deadline, _)| deadline.min(clock::NEVER - 1))
}

#[cold]
fn new_slots() -> Box<Slots> {
    Box::new([const { [const { List::EMPTY }; SLOTS] }; LEVELS])
}

#[derive(Clone, Copy)]
struct Slot {
    level: usize,
    index: usize,
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod random_tests;

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::sync::clock::NEVER;
    use std::pin::Pin;

    fn entry(deadline: u64) -> Pin<Box<Entry>> {
        Box::pin(Entry::new(deadline, 0))
    }

    fn insert(wheel: &mut Wheel, entry: &Pin<Box<Entry>>) {
        // SAFETY: 1. The tests link each once. 2. They keep it pinned until it is out of the wheel,
        // and there is no other thread.
        unsafe { wheel.insert(NonNull::from(&**entry)) };
    }

    /// The deadlines of all that is due, in the order in which it comes.
    fn due(wheel: &mut Wheel, now: u64) -> Vec<u64> {
        std::iter::from_fn(|| wheel.pop_due(now).map(|removed| removed.entry()))
            // SAFETY: alive, for the test owns it.
            .map(|entry| unsafe { entry.as_ref() }.deadline())
            .collect()
    }

    #[test]
    fn nothing_comes_early_and_all_within_a_tick() {
        for deadline in [
            1,
            TICK - 1,
            TICK,
            TICK + 1,
            64 * TICK,
            4096 * TICK + 17,
            1 << 62,
        ] {
            let mut wheel = Wheel::new();
            let entry = entry(deadline);
            insert(&mut wheel, &entry);
            assert!(due(&mut wheel, deadline - 1).is_empty());
            assert!(wheel.next_due().unwrap() < deadline + TICK);
            assert_eq!(due(&mut wheel, deadline + TICK), [deadline]);
            assert_eq!(wheel.next_due(), None);
        }
    }

    #[test]
    fn what_is_due_at_once_comes_first_in_first_out() {
        let mut wheel = Wheel::new();
        let entries = [70 * TICK, 70 * TICK - 1, 70 * TICK - 2, 69 * TICK].map(entry);
        entries.iter().for_each(|entry| insert(&mut wheel, entry));
        let expected = [69 * TICK, 70 * TICK, 70 * TICK - 1, 70 * TICK - 2];
        assert_eq!(due(&mut wheel, 70 * TICK), expected);
    }

    #[test]
    fn an_exact_wheel_hands_out_each_at_its_deadline_in_order() {
        let mut wheel = Wheel::new();
        wheel.exact = Some(Box::default());
        let times = [
            70 * TICK,
            70 * TICK - 1,
            70 * TICK - 2,
            69 * TICK,
            5,
            1 << 61,
            7,
        ];
        let entries = times.map(entry);
        entries.iter().for_each(|entry| insert(&mut wheel, entry));
        let mut sorted = times;
        sorted.sort();
        for time in sorted {
            assert!(due(&mut wheel, time - 1).is_empty());
            assert!(wheel.next_due().unwrap() <= time);
            assert_eq!(due(&mut wheel, time), [time]);
        }
        assert_eq!(wheel.next_due(), None);
    }

    #[test]
    fn an_empty_wheel_goes_back_in_time_and_one_that_is_not_empty_does_not() {
        let mut wheel = Wheel::new();
        wheel.advance(1_000 * TICK);
        wheel.skip_to(10 * TICK);
        let entry = entry(11 * TICK);
        insert(&mut wheel, &entry);
        assert!(!wheel.has_passed(11 * TICK));
        wheel.skip_to(0);
        assert_eq!(due(&mut wheel, 11 * TICK), [11 * TICK]);
    }

    #[test]
    fn the_past_is_due_and_the_end_of_time_is_not() {
        let mut wheel = Wheel::new();
        assert!(!wheel.advance(1_000 * TICK));
        let (past, never) = (entry(3), entry(NEVER));
        insert(&mut wheel, &past);
        insert(&mut wheel, &never);
        assert!(wheel.has_passed(3));
        assert_eq!(due(&mut wheel, 1_000 * TICK), [3]);
        assert!(due(&mut wheel, NEVER - 2 * TICK).is_empty());
        // SAFETY: linked in this wheel, and not popped yet.
        let _ = unsafe { wheel.remove(NonNull::from(&*never)) };
        assert_eq!(wheel.next_due(), None);
    }

    #[test]
    fn a_lone_far_deadline_costs_a_look_a_level() {
        let mut wheel = Wheel::new();
        let entry = entry(3_600_000_000_000);
        insert(&mut wheel, &entry);
        let mut looks = 0;
        while let Some(time) = wheel.next_due() {
            looks += 1;
            due(&mut wheel, time);
        }
        assert!(looks <= LEVELS, "{looks}");
    }
}
