//! Random sequences of operations on a wheel, which must agree with a sorted map.

use super::{Entry, NonNull, TICK_BITS, Wheel, tick_after};
use Operation::{Advance, Fire, Insert, InsertPast, Pop, Remove, Reset};
use proptest::prelude::*;
use std::{collections::BTreeMap, pin::Pin};

/// Durations are in nanoseconds from the present. A number names an entry in the wheel: it counts
/// from the earliest on, and begins again after the last.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Insert(u64),
    /// With a deadline that has passed so long ago.
    InsertPast(u64),
    Remove(usize),
    /// As `Entry::move_within`.
    Reset(usize, u64),
    /// Lets so much time pass, and looks whether anything is due.
    Advance(u64),
    /// Lets so much time pass, and takes out what is due.
    Fire(u64),
    /// Takes an entry out, as eviction does, to which it does not matter which one.
    Pop,
}

/// The tick at which an entry comes, or the very time if the wheel is exact; and the step that
/// inserted it.
type Key = (u64, usize);

/// The wheel and the map, which owns the entries.
struct Pair {
    wheel: Wheel,
    map: BTreeMap<Key, Pin<Box<Entry>>>,
    now: u64,
}

impl Pair {
    fn new(is_exact: bool) -> Pair {
        let mut wheel = Wheel::new();
        wheel.exact = is_exact.then(Box::default);
        Pair {
            wheel,
            map: BTreeMap::new(),
            now: 0,
        }
    }

    fn carry_out(&mut self, operation: Operation, step: usize) {
        match operation {
            Insert(delay) => self.insert(step, Box::pin(Entry::new(self.now + delay, 0))),
            InsertPast(ago) => {
                let deadline = self.now.saturating_sub(ago);
                self.insert(step, Box::pin(Entry::new(deadline, 0)));
            }
            Remove(number) => _ = self.remove(number),
            Reset(number, delay) => self.reset(number, self.now + delay, step),
            Advance(time) => self.advance(time),
            Fire(time) => self.fire(time),
            Pop => self.pop(),
        }
    }

    fn insert(&mut self, step: usize, entry: Pin<Box<Entry>>) {
        // SAFETY: 1. New, or just removed. 2. It stays in its box, and in the map, until it is
        // unlinked; and there is no other thread.
        unsafe { self.wheel.insert(NonNull::from(&*entry)) };
        let comes = if self.wheel.exact.is_some() {
            entry.deadline()
        } else {
            // What is late already comes with what is due now.
            tick_after(entry.deadline()).max(self.wheel.elapsed)
        };
        self.map.insert((comes, step), entry);
    }

    fn remove(&mut self, number: usize) -> Option<Pin<Box<Entry>>> {
        let key = *self.map.keys().nth(number % self.map.len().max(1))?;
        let entry = self.map.remove(&key)?;
        // SAFETY: linked in this wheel, as everything in the map is.
        let _ = unsafe { self.wheel.remove(NonNull::from(&*entry)) };
        Some(entry)
    }

    fn reset(&mut self, number: usize, deadline: u64, step: usize) {
        let Some(mut entry) = self.remove(number) else {
            return;
        };
        let _ = entry
            .as_mut()
            .reset(deadline, 0, |_| unreachable!("it is in no wheel"));
        self.insert(step, entry);
    }

    fn advance(&mut self, time: u64) {
        self.now += time;
        assert_eq!(self.wheel.advance(self.now), self.is_due());
    }

    fn is_due(&self) -> bool {
        let first = self.map.keys().next();
        first.is_some_and(|&(comes, _)| self.time_of(comes) <= self.now)
    }

    /// When an entry comes that has this in its key.
    fn time_of(&self, comes: u64) -> u64 {
        if self.wheel.exact.is_some() {
            comes
        } else {
            comes << TICK_BITS
        }
    }

    fn fire(&mut self, time: u64) {
        self.now += time;
        while let Some(fired) = self.wheel.pop_due(self.now).map(|removed| removed.entry()) {
            let earliest = self.map.keys().next().map(|key| key.0);
            assert!(self.is_due(), "early");
            assert_eq!(Some(self.take_out(fired)), earliest, "out of order");
        }
        assert!(!self.is_due(), "overlooked");
    }

    fn pop(&mut self) {
        match self.wheel.pop().map(|removed| removed.entry()) {
            Some(popped) => _ = self.take_out(popped),
            None => assert!(self.map.is_empty()),
        }
    }

    /// For an entry that the wheel has given back; returns when it was to come, as in its key.
    fn take_out(&mut self, entry: NonNull<Entry>) -> u64 {
        let mut found = self
            .map
            .iter()
            .filter(|(_, own)| NonNull::from(&***own) == entry);
        let key = *found.next().expect("the map holds what the wheel does").0;
        self.map.remove(&key);
        key.0
    }

    /// Checks that the wheel asks for a look if and only if it has entries, and not too late.
    fn check_next_due(&self) {
        let first = self.map.keys().next();
        let first = first.map(|&(comes, _)| self.time_of(comes));
        assert_eq!(self.wheel.next_due().is_some(), first.is_some());
        assert!(self.wheel.next_due() <= first, "too late a look");
    }
}

fn check(operations: &[Operation]) {
    check_wheel(false, operations);
    check_wheel(true, operations);
}

fn check_wheel(is_exact: bool, operations: &[Operation]) {
    let mut pair = Pair::new(is_exact);
    for (step, &operation) in operations.iter().enumerate() {
        pair.carry_out(operation, step);
        pair.check_next_due();
    }
    operations.iter().for_each(|_| pair.pop());
    assert!(
        pair.map.is_empty(),
        "an operation inserts one entry at most"
    );
}

/// Durations of up to five hours, as many short as long ones: each of six levels of the wheel gets
/// its share.
fn duration() -> impl Strategy<Value = u64> {
    (0..44_u32, any::<u64>()).prop_map(|(bits, random)| random & ((1 << bits) - 1))
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => duration().prop_map(Insert),
        1 => duration().prop_map(InsertPast),
        1 => any::<usize>().prop_map(Remove),
        1 => (any::<usize>(), duration()).prop_map(|(number, delay)| Reset(number, delay)),
        1 => duration().prop_map(Advance),
        1 => duration().prop_map(Fire),
        1 => Just(Pop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_wheel_agrees_with_a_sorted_map(
        operations in prop::collection::vec(operation(), 0..200),
    ) {
        check(&operations);
    }
}

const TICK: u64 = 1 << TICK_BITS;

#[test]
fn an_entry_is_removed_from_the_level_that_it_has_moved_to() {
    let far = 64 * 64 * TICK;
    check(&[
        Insert(far),
        Insert(far + TICK),
        Advance(far),
        Remove(0),
        Fire(TICK),
    ]);
}

#[test]
fn an_entry_that_is_due_and_not_taken_out_yet_can_be_moved() {
    check(&[
        Insert(TICK),
        InsertPast(0),
        Advance(TICK),
        Reset(0, 70 * TICK),
        Fire(0),
    ]);
}
