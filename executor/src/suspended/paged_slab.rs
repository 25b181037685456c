//! A slab that grows page by page.
//!
//! A [`Slab`] alone is one vector. When it grows, it copies everything, under the lock, to twice
//! the room, and leaves the old block as fragmentation: 16 MiB for a million values of 16 bytes. A
//! page never moves.

use slab::Slab;

/// Values in a page. 16 KiB of wakers: little for an executor with few tasks to keep, and enough
/// that a million tasks fill a thousand pages only.
const PAGE: usize = 1 << 10;

/// A slab of pages.
pub(crate) struct PagedSlab<T> {
    pages: Vec<Slab<T>>,
    /// The numbers of the pages with room. The last one is filled next.
    roomy: Vec<usize>,
    len: usize,
}

impl<T> Default for PagedSlab<T> {
    fn default() -> PagedSlab<T> {
        PagedSlab {
            pages: Vec::new(),
            roomy: Vec::new(),
            len: 0,
        }
    }
}

impl<T> PagedSlab<T> {
    /// Puts a value in; returns the key to it.
    pub(crate) fn insert(&mut self, value: T) -> usize {
        let number = self.roomy.last().copied().unwrap_or_else(|| {
            self.pages.push(Slab::with_capacity(PAGE));
            self.roomy.push(self.pages.len() - 1);
            self.pages.len() - 1
        });
        let page = &mut self.pages[number];
        let index = page.insert(value);
        if page.len() == PAGE {
            self.roomy.pop();
        }
        self.len += 1;
        number * PAGE + index
    }

    /// Takes a value out. When it was the last one, all pages but the first are freed.
    ///
    /// # Panics
    ///
    /// If no value has this key.
    pub(crate) fn remove(&mut self, key: usize) -> T {
        let number = key / PAGE;
        let page = &mut self.pages[number];
        if page.len() == PAGE {
            self.roomy.push(number);
        }
        let value = page.remove(key % PAGE);
        self.len -= 1;
        if self.len == 0 && self.pages.len() > 1 {
            self.pages.truncate(1);
            self.pages.shrink_to_fit();
            self.roomy = vec![0];
        }
        value
    }

    /// The value with this key.
    pub(crate) fn get(&self, key: usize) -> Option<&T> {
        self.pages.get(key / PAGE)?.get(key % PAGE)
    }

    /// All values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten().map(|(_, value)| value)
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn what_goes_in_comes_out_by_its_key_whatever_the_order() {
        let (mut pages, mut model) = (PagedSlab::default(), HashMap::new());
        for round in 0..20_usize {
            for i in 0..PAGE {
                let value = round * PAGE + i;
                let key = pages.insert(value);
                assert_eq!(model.insert(key, value), None, "the key is in use");
            }
            // Some of each page, and others each time.
            let keys: Vec<_> = model
                .keys()
                .copied()
                .filter(|key| key % 3 == round % 3)
                .collect();
            for key in keys {
                assert_eq!(pages.get(key), model.get(&key));
                assert_eq!(Some(pages.remove(key)), model.remove(&key));
                assert_eq!(pages.get(key), None);
            }
            assert_eq!(pages.len(), model.len());
            assert_eq!(pages.iter().count(), model.len());
        }
        assert!(pages.pages.len() < 20, "room is used again");
    }

    #[test]
    fn pages_are_given_back_when_all_are_empty() {
        let mut pages = PagedSlab::default();
        let keys: Vec<_> = (0..3 * PAGE).map(|i| pages.insert(i)).collect();
        assert_eq!(pages.pages.len(), 3);
        for (i, key) in keys.into_iter().enumerate() {
            assert_eq!(pages.remove(key), i);
        }
        assert!(pages.is_empty());
        assert_eq!((pages.pages.len(), pages.roomy.len()), (1, 1));
        assert_eq!(pages.insert(7) / PAGE, 0);
    }
}
