//! The counter and its waiters: every atomic operation of the crate is in this file.
//!
//! # The protocol
//!
//! The word `state` is the count, with the bit [`WAITING`] ("somebody may be waiting") on top:
//!
//! | word             | meaning                                  | left by                          |
//! | ---------------- | ---------------------------------------- | -------------------------------- |
//! | `0`              | idle: every `wait` is ready              | `add`                            |
//! | `n`              | `n` counted, nobody waits                | `add`, `done`, `register`        |
//! | `n` + `WAITING`  | `n` counted, waiters are on `generation` | `add`, `done`; `n` stays above 0 |
//! | `1` + `WAITING`  | the next `done` ends the generation      | `add`, `finish_generation`       |
//! | `0` + `WAITING`  | never                                    |                                  |
//!
//! A *generation* is what lies between two zeros of the counter. Each has an [`Event`] of its own,
//! which sits in the mutex until the generation ends.
//!
//! * To wait (`register`): lock; in one step see that the count is not 0 and set `WAITING`; listen
//!   on the event; unlock.
//! * To end a generation (`finish_generation`): lock; in one step swap `1 + WAITING` for `0`; take
//!   the event out and leave a fresh one; unlock. Only then notify everybody on the taken event.
//! * Every other `add` and `done` is one read-modify-write and takes no lock.
//!
//! Why no wake-up is lost: a count that somebody waits on reaches 0 in `finish_generation` only. A
//! waiter sets `WAITING` and gets onto the event within one critical section, so whoever ends the
//! generation either comes after it, and finds it on the event, or came before it, and then it
//! reads the count after the zero: 0, and it need not wait, or that of a new generation, which is
//! also the one whose event it finds.
//!
//! Why none comes too early: the notification comes after the unlock, so by then the counter may
//! have been raised again and have new waiters. They listen on the fresh event, out of its reach.
//!
//! Why outside the lock: a waker is foreign code. It may call `add`, `done` or `wait` on this very
//! group. It still runs under the lock of the taken event's own list, for so event-listener notifies;
//! hence the one restriction that `WaitGroup::done` puts on wakers.
//!
//! A dropped waiter leaves its `WAITING` behind. That costs the last `done` a lock, no more.
//!
//! # Overflow
//!
//! A small `add` is a plain addition, undone if the count is above [`MAX_COUNT`] then. That is half of
//! what the bits below `WAITING` can hold: as many threads as no machine has would have to be between
//! the two steps at once to carry into it. A large `add` looks first.
//!
//! # Contention
//!
//! Threads that count off at once fight for the cache line, and each handing over of it costs as much
//! as ten calls that find it at home. So a `done` that has lost to another thread leaves the line alone
//! for a microsecond, in which that one can do all its calls, and twice as long each time that it loses
//! again, up to [`LONGEST_RETREAT`]. Exponential backoff is T. E. Anderson's (*The Performance of Spin
//! Lock Alternatives*, 1990). Two cores that do nothing but count take half the time with it.
//!
//! # Memory
//!
//! Every change of `state` is a read-modify-write, so each `done` heads a release sequence that all
//! later changes continue: an acquire of any later value, the 0 above all, synchronizes with *all*
//! the `done`s before it. A waiter acquires in one of two ways: it reads the 0 itself, or it is
//! notified, and gets what the last `done` acquired by way of the event's own lock.
//!
//! # Rejected
//!
//! * `fetch_sub`, and whoever brings it to 0 notifies one event for all generations: between the
//!   two a new generation can begin, and its waiters are woken by the notification of the old one.
//! * The same, with waiters that look at the counter again once woken: a waiter of the old
//!   generation then sleeps on if the counter was raised again meanwhile, though it was zero.
//! * A generation number that waiters compare: right, but the number has to change in one step with
//!   the count, which leaves each too few bits where words are 32 bits long.
//! * `fetch_sub` in `done`, and whoever finds `1 + WAITING` afterwards ends the generation: before it
//!   has the lock, others may have begun a new one, and nothing in the word tells its waiters from
//!   those of the old.
//! * Go's two counters in 64 bits (tasks above, waiters below): counting waiters exactly would make
//!   the drop of a waiter a transition of its own. Go's waiters cannot be dropped.

use std::mem;
use std::sync::PoisonError;

use event_listener::{Event, EventListener};

use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering, hint};

/// The bit of `state` that says that somebody may be waiting.
const WAITING: usize = !(usize::MAX >> 1);

/// The count's bits.
const COUNT: usize = WAITING - 1;

/// The highest count; see "Overflow".
const MAX_COUNT: usize = COUNT >> 1;

/// The largest number that is added without a look at the count.
const SMALL: usize = 1 << (usize::BITS / 4);

/// The word from which a `done` ends the generation.
const LAST_AWAITED: usize = WAITING | 1;

/// How long a `done` that has lost to another thread leaves the line alone at first, and at most; in
/// turns of the spin-wait hint, which takes some 30 ns. In a model one turn lets the others run.
const FIRST_RETREAT: u32 = if cfg!(loom) { 1 } else { 32 };
const LONGEST_RETREAT: u32 = if cfg!(loom) { 1 } else { 512 };

/// A count, and the waiters of the generation it is in.
#[derive(Default)]
pub(crate) struct Counter {
    /// The count and [`WAITING`]; see the table above.
    state: AtomicUsize,
    /// Whom to notify when this generation ends. A new waiter and the end of a generation exclude
    /// each other by this lock.
    generation: Mutex<Event>,
}

impl Counter {
    pub(crate) fn count(&self) -> usize {
        // Ordering: Acquire, partner: the Release of every `done` before the value that is read.
        self.state.load(Ordering::Acquire) & COUNT
    }

    /// Raises the count by `n`, or panics and leaves it.
    #[track_caller]
    pub(crate) fn add(&self, n: usize) {
        // Ordering: Relaxed, for an `add` publishes nothing; whatever hands the work over does. Being
        // a read-modify-write it continues the release sequences of earlier `done`s.
        if n > SMALL {
            return self.add_large(n);
        }
        let word = self.state.fetch_add(n, Ordering::Relaxed);
        if raise(word, n).is_none() {
            self.state.fetch_sub(n, Ordering::Relaxed);
            overflow(n);
        }
    }

    #[cold]
    #[track_caller]
    fn add_large(&self, n: usize) {
        // Ordering: as in `add`.
        let raised = self
            .state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| raise(word, n));
        if raised.is_err() {
            overflow(n);
        }
    }

    /// Lowers the count by one and wakes the waiters if that made it zero, or panics and leaves it.
    #[track_caller]
    pub(crate) fn done(&self) {
        // Ordering: Relaxed, a guess that the compare-exchange checks. A 0 needs no check: that it
        // was the count at some time is all that the panic says.
        let mut word = self.state.load(Ordering::Relaxed);
        let mut retreat = FIRST_RETREAT;
        loop {
            let lowered = match word {
                0 => negative(),
                LAST_AWAITED => self.finish_generation().map(notify_all).is_some(),
                _ => self.lower(word),
            };
            if lowered {
                return;
            }
            (0..retreat).for_each(|_| hint::spin_loop());
            retreat = (retreat * 2).min(LONGEST_RETREAT);
            word = self.state.load(Ordering::Relaxed);
        }
    }

    /// Takes one off the count without a look at the waiters, unless the word is another by now.
    fn lower(&self, word: usize) -> bool {
        // Ordering: Release, partners: the Acquire in `count`, `register`, `finish_generation`; it
        // publishes the work that is done. Relaxed on failure: `done` looks again.
        self.state
            .compare_exchange(word, word - 1, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// Brings an awaited count from one to zero and returns the event of the generation that this
    /// ends, to be notified, unless that is no longer so.
    fn finish_generation(&self) -> Option<Event> {
        let mut generation = self.lock();
        // Ordering: Release as in `lower`, for who reads this 0. Acquire, partner: the Release of
        // every earlier `done`, for the notification hands the work of all of them to the waiters.
        // (event-listener's fence in `notify` would do for the latter today; it promises none.)
        self.state
            .compare_exchange(LAST_AWAITED, 0, Ordering::AcqRel, Ordering::Relaxed)
            .ok()?;
        Some(mem::take(&mut *generation))
    }

    /// A listener that is notified when the current generation ends; `None` if the count is zero.
    pub(crate) fn listen(&self) -> Option<EventListener> {
        match self.count() {
            0 => None,
            _ => self.register(),
        }
    }

    fn register(&self) -> Option<EventListener> {
        let generation = self.lock();
        // Ordering: Acquire for the 0 that says there is nothing to wait for, partner: as in
        // `count`. The bit itself is set Relaxed: it says "take the lock", and what the one who
        // reads it must find is published by that lock.
        self.state
            .fetch_update(Ordering::Relaxed, Ordering::Acquire, |word| {
                (word != 0).then_some(word | WAITING)
            })
            .ok()
            .map(|_| generation.listen())
    }

    /// Locks the event of the current generation. No foreign code runs under this lock.
    fn lock(&self) -> MutexGuard<'_, Event> {
        // Nothing panics between a half-made change and its other half, so poison means nothing.
        self.generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The word with its count raised by `n`, or `None` if that is above [`MAX_COUNT`].
fn raise(word: usize, n: usize) -> Option<usize> {
    let room = MAX_COUNT.checked_sub(word & COUNT)?;
    (n <= room).then(|| word + n)
}

/// Wakes every waiter of a generation that has ended.
fn notify_all(generation: Event) {
    generation.notify(usize::MAX);
}

#[cold]
#[track_caller]
fn overflow(n: usize) -> ! {
    panic!("WaitGroup counter overflow: add({n}) would raise it above {MAX_COUNT}");
}

#[cold]
#[track_caller]
fn negative() -> ! {
    // Go's text, to the letter.
    panic!("negative WaitGroup counter");
}
