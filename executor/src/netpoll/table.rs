//! Values by keys that are not used again for long: an event of a descriptor that is gone must not
//! be taken for one of that which came to its place.

use super::selector::Key;
use slab::Slab;

/// Bits of a key that say where; the rest say how often the place was used before. A million places
/// on a system of 32 bits.
const PLACE_BITS: u32 = usize::BITS / 8 * 5;
const PLACE: usize = (1 << PLACE_BITS) - 1;

/// Room for so many values is kept.
const MOST_SPARE: usize = 1 << 10;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Table<T> {
    /// Each with its key.
    entries: Slab<(Key, T)>,
    /// Values put in so far.
    count: usize,
    closed: bool,
}

impl<T> Table<T> {
    pub(super) fn new() -> Table<T> {
        Table {
            entries: Slab::new(),
            count: 0,
            closed: false,
        }
    }

    /// Puts a value in; returns its key. `None` if the table is closed.
    pub(super) fn insert(&mut self, value: T) -> Option<Key> {
        if self.closed {
            return None;
        }
        self.count = self.count.wrapping_add(1);
        let entry = self.entries.vacant_entry();
        // Less: a key of ones alone means something else.
        assert!(entry.key() < PLACE, "no system has so many descriptors");
        let key = entry.key() | self.count << PLACE_BITS;
        entry.insert((key, value));
        Some(key)
    }

    /// The value of that key, unless it was taken out.
    pub(super) fn get(&self, key: Key) -> Option<&T> {
        let (own, value) = self.entries.get(key & PLACE)?;
        (*own == key).then_some(value)
    }

    /// Takes a value out, unless somebody has done so.
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let (_, value) = self.entries.remove(key & PLACE);
        if self.entries.capacity() > MOST_SPARE && self.entries.len() < self.entries.capacity() / 4
        {
            // After a burst its memory is nobody's.
            self.entries.shrink_to_fit();
        }
        Some(value)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All values.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, (_, value))| value)
    }

    /// Takes all out, and takes none in any more.
    pub(super) fn close(&mut self) -> Vec<T> {
        self.closed = true;
        let entries = std::mem::take(&mut self.entries);
        entries.into_iter().map(|(_, (_, value))| value).collect()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_that_of_what_took_its_place() {
        let mut table = Table::new();
        let first = table.insert(1).unwrap();
        assert_eq!(table.remove(first), Some(1));
        let second = table.insert(2).unwrap();
        assert_eq!(first & PLACE, second & PLACE);
        assert_eq!((table.get(first), table.get(second)), (None, Some(&2)));
        assert_eq!(table.remove(first), None);
        assert_eq!(table.close(), [2]);
        assert_eq!(table.insert(3), None);
    }
}
