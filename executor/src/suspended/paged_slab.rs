//! A slab that grows page by page, and shrinks so.
//!
//! A [`Slab`] alone is one vector. When it grows, it copies everything, under the lock, to twice
//! the room, and leaves the old block as fragmentation: 16 MiB for a million values of 16 bytes.
//! And it never shrinks. A page never moves, and is freed when its last value has been taken out.

use slab::Slab;

/// Values in a page. 16 KiB of wakers: little for an executor with few tasks to keep, and enough
/// that a million tasks fill a thousand pages only.
pub(crate) const PAGE: usize = 1 << 10;

/// A slab of pages.
pub(crate) struct PagedSlab<T> {
    /// One without a value may be without memory.
    pages: Vec<Slab<T>>,
    /// The numbers of the pages with room. The last one is filled next.
    roomy: Vec<usize>,
    /// An empty page that has kept its memory, so that a value which comes and goes costs none.
    spare: Option<usize>,
    len: usize,
}

impl<T> Default for PagedSlab<T> {
    fn default() -> PagedSlab<T> {
        PagedSlab {
            pages: Vec::new(),
            roomy: Vec::new(),
            spare: None,
            len: 0,
        }
    }
}

impl<T> PagedSlab<T> {
    /// Puts a value in; returns the key to it.
    pub(crate) fn insert(&mut self, value: T) -> usize {
        let number = self.roomy.last().copied().unwrap_or_else(|| {
            self.pages.push(Slab::new());
            self.roomy.push(self.pages.len() - 1);
            self.pages.len() - 1
        });
        let page = &mut self.pages[number];
        if page.is_empty() {
            if page.capacity() == 0 {
                page.reserve_exact(PAGE);
            }
            self.spare = self.spare.filter(|&spare| spare != number);
        }
        let index = page.insert(value);
        if page.len() == PAGE {
            self.roomy.pop();
        }
        self.len += 1;
        number * PAGE + index
    }

    /// Takes a value out. Pages without a value are freed, but for one.
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
        if page.is_empty() {
            self.page_is_empty(number);
        }
        value
    }

    #[cold]
    fn page_is_empty(&mut self, number: usize) {
        if self.len == 0 && self.pages.len() > 1 {
            // The list of pages goes, too.
            self.pages.truncate(1);
            self.pages.shrink_to_fit();
            self.roomy = vec![0];
            self.spare = Some(0);
        } else if let Some(spare) = self.spare.replace(number) {
            self.pages[spare] = Slab::new();
        }
    }

    /// The value with this key.
    pub(crate) fn get(&self, key: usize) -> Option<&T> {
        self.pages.get(key / PAGE)?.get(key % PAGE)
    }

    /// All values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten().map(|(_, value)| value)
    }

    /// The values of the page with this number, each with its key; `None` beyond the last page.
    pub(crate) fn page(&self, number: usize) -> Option<impl Iterator<Item = (usize, &T)>> {
        let page = self.pages.get(number)?.iter();
        Some(page.map(move |(index, value)| (number * PAGE + index, value)))
    }

    /// All values, each with its key.
    #[cfg(all(unix, not(any(loom, shuttle))))]
    pub(crate) fn iter_with_keys(&self) -> impl Iterator<Item = (usize, &T)> {
        (0..self.pages.len())
            .filter_map(|number| self.page(number))
            .flatten()
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

#[cfg(all(test, not(any(loom, shuttle))))]
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
            let of_pages: HashMap<_, _> = pages
                .iter_with_keys()
                .map(|(key, &value)| (key, value))
                .collect();
            assert_eq!(of_pages, model);
        }
        assert!(pages.pages.len() < 20, "room is used again");
    }

    /// Pages that have memory.
    fn pages_in_memory<T>(pages: &PagedSlab<T>) -> usize {
        pages
            .pages
            .iter()
            .filter(|page| page.capacity() > 0)
            .count()
    }

    #[test]
    fn pages_are_given_back_although_one_value_stays() {
        let mut pages = PagedSlab::default();
        for round in 0..3 {
            let stays = pages.insert(usize::MAX);
            let keys: Vec<_> = (0..100 * PAGE).map(|i| pages.insert(i)).collect();
            assert!(pages_in_memory(&pages) >= 100);
            for (i, key) in keys.into_iter().enumerate() {
                assert_eq!(pages.remove(key), i);
            }
            // What stays, and the spare one, and those of earlier rounds.
            assert!(pages_in_memory(&pages) <= 2 + round);
            assert_eq!(pages.get(stays), Some(&usize::MAX));
        }
        assert_eq!(pages.len(), 3);
    }

    #[test]
    fn one_value_that_comes_and_goes_allocates_nothing() {
        let mut pages = PagedSlab::default();
        for i in 0..3 {
            let key = pages.insert(i);
            assert_eq!((key, pages.remove(key)), (0, i));
            assert_eq!((pages_in_memory(&pages), pages.spare), (1, Some(0)));
        }
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
