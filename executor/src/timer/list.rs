//! The entries of one slot: a doubly linked list, first in, first out.
//!
//! The links are inside the entries. The right to touch them is the list itself: whoever has it by
//! `&mut` has the links of all its entries, and nobody else has.

use super::entry::{Entry, Link};
use std::{iter, mem, ptr::NonNull};

/// See the module's text.
pub(super) struct List {
    first: Option<NonNull<Entry>>,
    last: Option<NonNull<Entry>>,
}

impl List {
    pub(super) const EMPTY: List = List {
        first: None,
        last: None,
    };

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Appends an entry.
    ///
    /// # Safety
    ///
    /// 1. The entry is in no list, and its link is the caller's alone.
    /// 2. Until it is out of this list, it stays where it is, and nobody touches its link without
    ///    having the list by `&mut`.
    pub(super) unsafe fn push_back(&mut self, entry: NonNull<Entry>) {
        let previous = self.last.replace(entry);
        // SAFETY: in this list from here on, as the caller's 1 and 2 allow.
        unsafe { self.link(entry, |link| (link.previous, link.next) = (previous, None)) };
        match previous {
            // SAFETY: it was the last in this list.
            Some(previous) => unsafe { self.link(previous, |link| link.next = Some(entry)) },
            None => self.first = Some(entry),
        }
    }

    /// Takes an entry out.
    ///
    /// # Safety
    ///
    /// The entry is in this list.
    pub(super) unsafe fn remove(&mut self, entry: NonNull<Entry>) {
        // SAFETY: in this list, says the caller.
        let (previous, next) = unsafe { self.link(entry, |link| (link.previous, link.next)) };
        match previous {
            // SAFETY: in this list, as its neighbour is.
            Some(previous) => unsafe { self.link(previous, |link| link.next = next) },
            None => self.first = next,
        }
        match next {
            // SAFETY: in this list, as its neighbour is.
            Some(next) => unsafe { self.link(next, |link| link.previous = previous) },
            None => self.last = previous,
        }
    }

    /// Takes the first entry out.
    pub(super) fn pop_front(&mut self) -> Option<NonNull<Entry>> {
        let first = self.first?;
        // SAFETY: it is the first in this list.
        self.first = unsafe { self.link(first, |link| link.next) };
        match self.first {
            // SAFETY: in this list, as its neighbour was.
            Some(next) => unsafe { self.link(next, |link| link.previous = None) },
            None => self.last = None,
        }
        Some(first)
    }

    /// Takes all entries out, one after the other.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = NonNull<Entry>> + use<> {
        let mut rest = mem::replace(self, List::EMPTY);
        iter::from_fn(move || {
            let first = rest.first?;
            // SAFETY: in the list that was taken, up to this call.
            rest.first = unsafe { rest.link(first, |link| link.next) };
            Some(first)
        })
    }

    /// Calls `f` with the link of an entry.
    ///
    /// # Safety
    ///
    /// The entry is in this list.
    unsafe fn link<R>(&mut self, entry: NonNull<Entry>, f: impl FnOnce(&mut Link) -> R) -> R {
        // SAFETY: alive and where it was, as long as it is in this list (clause 2 of `push_back`).
        let entry = unsafe { entry.as_ref() };
        // SAFETY: 1. `&mut self` is the right to the link of an entry in this list. 2. To come here
        // again, `f` would need the list, which is borrowed.
        unsafe { entry.with_link(f) }
    }
}
