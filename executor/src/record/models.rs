//! Models of the ring.

use super::ring::{Ring, Words};
use crate::sync::explore::explore;
use loom::{sync::Arc, thread};

/// Event `i`: no two have a word in common.
fn event(i: u64) -> Words {
    [i + 1, (i + 1) << 8]
}

/// One thread writes so many events, of which some are there already; another copies meanwhile. What
/// it keeps is whole, in order, and not older than what was there when it began.
fn write_and_copy<const N: usize>(before: u64, events: u64) {
    let ring = Arc::new(Ring::<N>::new());
    (0..before).for_each(|i| ring.push(event(i)));
    let reader = {
        let ring = ring.clone();
        thread::spawn(move || ring.copy(0))
    };
    (before..events).for_each(|i| ring.push(event(i)));
    let copied = reader.join().unwrap();
    for (number, words) in (copied.first..).zip(&copied.events) {
        assert_eq!(*words, event(number), "of {copied:?}");
    }
    let end = copied.first + copied.events.len() as u64;
    assert!((before..=events).contains(&end), "{copied:?}");
    let all = ring.copy(0);
    assert_eq!(all.first + all.events.len() as u64, events);
}

#[test]
fn ring_copy_against_a_writer_that_fills_it() {
    explore("ring: copy against a writer", None, || {
        write_and_copy::<4>(0, 3);
    });
}

#[test]
fn ring_copy_against_a_writer_that_overtakes() {
    explore("ring: copy against a writer that overtakes", None, || {
        write_and_copy::<2>(2, 4);
    });
}
