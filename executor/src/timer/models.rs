//! loom models of timers: whoever fires or evicts, against the owner of an entry.
//!
//! loom itself checks the accesses to an entry's link. The models assert that no wake-up is lost,
//! and none comes twice.

use super::{
    Timers,
    entry::{Entry, State},
};
use crate::sync::explore::explore;
use loom::{sync::Arc, thread};
use std::{
    pin::Pin,
    sync::{
        Arc as StdArc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Wake, Waker},
};

const SECOND: u64 = 1_000_000_000;

/// A wheel for one run of a model, leaked meanwhile: an [`Entry`] takes only wheels that live for
/// ever.
struct Leaked(&'static Timers);

impl Leaked {
    fn new() -> Leaked {
        Leaked(Box::leak(Box::new(Timers::new())))
    }
}

impl Drop for Leaked {
    fn drop(&mut self) {
        let timers: *const Timers = self.0;
        // SAFETY: a `Box` that `new` leaked, dropped once; nobody uses it any more, for the model
        // has dropped its entries and joined its threads.
        drop(unsafe { Box::from_raw(timers.cast_mut()) });
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: StdArc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Alarm {
    fn new() -> (StdArc<Alarm>, Waker) {
        let alarm = StdArc::new(Alarm::default());
        (alarm.clone(), Waker::from(alarm))
    }

    fn rings(&self) -> usize {
        self.0.load(SeqCst)
    }
}

fn entry(deadline: u64) -> Pin<Box<Entry>> {
    Box::pin(Entry::new(deadline, 0))
}

/// An entry that waits in `wheel`.
fn registered(deadline: u64, waker: &Waker, wheel: &Leaked) -> Pin<Box<Entry>> {
    let mut entry = entry(deadline);
    assert!(!entry.as_mut().poll(waker, || 0, || wheel.0).is_fired());
    entry
}

impl State {
    fn is_fired(&self) -> bool {
        matches!(self, State::Fired)
    }

    fn is_first(&self) -> bool {
        matches!(self, State::First(_))
    }
}

fn fire(wheel: &Leaked, now: u64) -> thread::JoinHandle<bool> {
    let timers = wheel.0;
    thread::spawn(move || timers.fire(now, usize::MAX))
}

#[test]
fn fire_against_drop() {
    explore("fire against drop", None, || {
        let wheel = Leaked::new();
        let (alarm, waker) = Alarm::new();
        let entry = registered(SECOND, &waker, &wheel);
        let firing = fire(&wheel, 2 * SECOND);
        drop(entry);
        let fired = firing.join().unwrap();
        assert_eq!(alarm.rings(), usize::from(fired));
        assert_eq!(StdArc::strong_count(&alarm), 2, "no waker is left behind");
        assert_eq!(wheel.0.next_due(), u64::MAX);
    });
}

#[test]
fn fire_against_a_change_of_wakers() {
    explore("fire against a change of wakers", None, || {
        let wheel = Leaked::new();
        let (_, first) = Alarm::new();
        let (alarm, second) = Alarm::new();
        let mut entry = registered(SECOND, &first, &wheel);
        let firing = fire(&wheel, 2 * SECOND);
        let state = entry.as_mut().poll(&second, || 0, || wheel.0);
        assert!(firing.join().unwrap());
        assert!(state.is_fired() || alarm.rings() == 1, "nobody is told");
        assert!(entry.has_fired());
    });
}

#[test]
fn fire_against_an_owner_who_looks_at_the_clock() {
    explore("fire against the clock", None, || {
        let wheel = Leaked::new();
        let (alarm, waker) = Alarm::new();
        let mut entry = registered(SECOND, &waker, &wheel);
        let firing = fire(&wheel, 2 * SECOND);
        let state = entry.as_mut().poll(&waker, || 2 * SECOND, || wheel.0);
        assert!(state.is_fired() && entry.has_fired());
        drop(entry);
        let fired = firing.join().unwrap();
        assert_eq!(alarm.rings(), usize::from(fired));
        assert_eq!(StdArc::strong_count(&alarm), 2, "no waker is left behind");
        assert_eq!(wheel.0.next_due(), u64::MAX);
    });
}

#[test]
fn fire_against_reset_to_a_later_time() {
    explore("fire against reset to a later time", None, || {
        let wheel = Leaked::new();
        let (alarm, waker) = Alarm::new();
        let mut entry = registered(SECOND, &waker, &wheel);
        let firing = fire(&wheel, 2 * SECOND);
        let state = entry.as_mut().reset(3 * SECOND, 0, |_| true);
        assert!(!state.is_fired());
        let fired = firing.join().unwrap();
        assert_eq!(alarm.rings(), usize::from(fired));
        assert!(!entry.has_fired(), "early");
        // If it fired before the reset, its task was woken, and so polls it.
        if fired {
            assert!(!entry.as_mut().poll(&waker, || 0, || wheel.0).is_fired());
        }
        assert!(wheel.0.fire(4 * SECOND, usize::MAX));
        assert!(entry.has_fired());
    });
}

#[test]
fn fire_against_reset_to_an_earlier_time_from_elsewhere() {
    explore("fire against reset from elsewhere", None, || {
        let (wheel, elsewhere) = (Leaked::new(), Leaked::new());
        let (alarm, waker) = Alarm::new();
        let mut entry = registered(3 * SECOND, &waker, &wheel);
        let firing = fire(&wheel, 4 * SECOND);
        let state = entry.as_mut().reset(2 * SECOND, 0, |_| false);
        assert!(matches!(state, State::Waiting));
        firing.join().unwrap();
        assert_eq!(alarm.rings(), 1, "the task has to poll it");
        assert!(entry.as_mut().poll(&waker, || 0, || elsewhere.0).is_first());
    });
}

#[test]
fn two_that_fire_and_one_that_evicts() {
    explore("two that fire and one that evicts", Some(3), || {
        let wheel = Leaked::new();
        let (alarm, waker) = Alarm::new();
        let entries = [SECOND, SECOND, 2 * SECOND].map(|time| registered(time, &waker, &wheel));
        let firing = [fire(&wheel, SECOND * 3 / 2), fire(&wheel, 3 * SECOND)];
        wheel.0.evict();
        firing.into_iter().for_each(|thread| _ = thread.join());
        assert_eq!(alarm.rings(), 3, "each once");
        assert_eq!(wheel.0.next_due(), u64::MAX);
        drop(entries);
        assert_eq!(StdArc::strong_count(&alarm), 2, "no waker is left behind");
    });
}

#[test]
fn evict_against_a_poll_elsewhere() {
    explore("evict against a poll elsewhere", None, || {
        let (wheel, elsewhere) = (Leaked::new(), Leaked::new());
        let (_, first) = Alarm::new();
        let (alarm, second) = Alarm::new();
        let mut entry = registered(SECOND, &first, &wheel);
        let timers = wheel.0;
        let evicting = thread::spawn(move || timers.evict());
        let state = entry.as_mut().poll(&second, || 0, || elsewhere.0);
        evicting.join().unwrap();
        assert!(state.is_first(), "it waits where it was polled last");
        assert!(elsewhere.0.fire(2 * SECOND, usize::MAX));
        assert_eq!(alarm.rings(), 1);
    });
}

#[test]
fn fire_against_a_poll_elsewhere() {
    explore("fire against a poll elsewhere", None, || {
        let (wheel, elsewhere) = (Leaked::new(), Leaked::new());
        let (former, first) = Alarm::new();
        let (alarm, second) = Alarm::new();
        let mut entry = registered(SECOND, &first, &wheel);
        let firing = fire(&wheel, 2 * SECOND);
        let state = entry.as_mut().poll(&second, || 0, || elsewhere.0);
        let fired = firing.join().unwrap();
        assert_eq!(state.is_fired(), fired);
        assert_eq!(former.rings(), usize::from(fired));
        assert_ne!(elsewhere.0.fire(2 * SECOND, usize::MAX), fired);
        assert_eq!(alarm.rings(), usize::from(!fired));
    });
}

#[test]
fn evict_and_a_poll_elsewhere_against_the_drop_of_a_neighbour() {
    // Both are in the list of one slot. Once that list is empty, neither may touch the other.
    explore("evict against the drop of a neighbour", None, || {
        let (wheel, elsewhere) = (Leaked::new(), Leaked::new());
        let (alarm, waker) = Alarm::new();
        let [dropped, mut kept] = [SECOND; 2].map(|time| registered(time, &waker, &wheel));
        let (timers, others) = (wheel.0, elsewhere.0);
        let evicting = thread::spawn(move || {
            timers.evict();
            assert!(kept.as_mut().poll(&waker, || 0, || others).is_first());
            kept
        });
        drop(dropped);
        let kept = evicting.join().unwrap();
        assert!(elsewhere.0.fire(2 * SECOND, usize::MAX));
        assert!(kept.has_fired());
        assert!(alarm.rings() >= 2, "evicted and fired");
    });
}

#[test]
fn what_happened_before_a_deadline_was_noticed_is_visible_after_it() {
    explore("fire publishes", None, || {
        let wheel = Leaked::new();
        let (_, waker) = Alarm::new();
        let mut entry = registered(SECOND, &waker, &wheel);
        let before = Arc::new(loom::sync::atomic::AtomicUsize::new(0));
        let (timers, written) = (wheel.0, before.clone());
        let firing = thread::spawn(move || {
            written.store(1, loom::sync::atomic::Ordering::Relaxed);
            timers.fire(2 * SECOND, usize::MAX)
        });
        if entry.as_mut().poll(&waker, || 0, || wheel.0).is_fired() {
            assert_eq!(before.load(loom::sync::atomic::Ordering::Relaxed), 1);
        }
        firing.join().unwrap();
    });
}
