//! The counter and its waiters: every change of a group's state is in this file.
//!
//! # The protocol
//!
//! The word `state` is the count, with the bit [`WAITING`] ("somebody may be waiting") on top:
//!
//! | word            | meaning                                  | left by                      |
//! | --------------- | ---------------------------------------- | ---------------------------- |
//! | `0`             | idle: every `wait` is ready              | `add`                        |
//! | `n`             | `n` counted, nobody waits                | `add`, `done`, `register`    |
//! | `n` + `WAITING` | `n` counted, waiters are on `generation` | `add`, `done`; `n` stays > 0 |
//! | `1` + `WAITING` | the next `done` ends the generation      | `add`, `finish_generation`   |
//! | `0` + `WAITING` | never                                    |                              |
//!
//! A *generation* is what lies between two zeros of the counter. Each generation has an [`Event`]
//! of its own, which sits in the mutex until the generation ends.
//!
//! * To wait (`register`): lock; in one step see that the count is not 0 and set `WAITING`; listen
//!   on the event; unlock.
//! * To end a generation (`finish_generation`): lock; in one step swap `1 + WAITING` for `0`; take
//!   the event out and leave a fresh one; unlock. Only then notify everybody on the taken event.
//! * Every other `add` and `done` is one read-modify-write and takes no lock.
//!
//! Why no wake-up is lost: a count that somebody waits on reaches 0 in `finish_generation` only. A
//! waiter sets `WAITING` and gets onto the event within one critical section. So there are two
//! cases. Whoever ends the generation comes after that section: then it finds the waiter on the
//! event. Or it came before: then the waiter reads a later count. If that is 0, it need not wait;
//! else it belongs to a new generation, and finds that generation's event.
//!
//! Why no wake-up comes too early: the notification comes after the unlock. By then the counter may
//! have been raised again and have new waiters. They listen on the fresh event, which is not
//! notified.
//!
//! Why the notification is outside the lock: a waker is foreign code. It may call `add`, `done` or
//! `wait` on this very group. For the same reason it does not run under the lock of the event's own
//! list either, which event-listener holds as it notifies; see `proxy`.
//!
//! A dropped waiter leaves its `WAITING` behind. That costs the last `done` a lock, no more.
//!
//! # The last handle
//!
//! Waits do not keep the counter. If it goes with `WAITING` set, its last generation never ends. The
//! drop has the counter to itself, so no wait comes or ends beside it: it notifies those that there
//! are, as the end of a generation does, but of this. They keep no waker from then on, and so a task
//! that waits is seen to be one that nobody can wake.
//!
//! # Overflow
//!
//! A small `add` is a plain addition. If the count is above [`MAX_COUNT`] then, the addition is
//! undone. `MAX_COUNT` is half of what the bits below `WAITING` can hold: to carry into `WAITING`,
//! more threads than any machine has would have to be between these two steps at once. A large
//! `add` looks at the count first.
//!
//! # Contention
//!
//! Threads that count off at once fight for the cache line. To get the line from another core costs
//! as much as ten calls that find it at home. So a `done` that has lost to another thread leaves
//! the line alone for a microsecond, in which the other thread can make all its calls. Each time
//! that it loses again it waits twice as long, up to [`LONGEST_RETREAT`]. Exponential backoff is T.
//! E. Anderson's (*The Performance of Spin Lock Alternatives*, 1990). Two cores that do nothing but
//! count take half the time with it.
//!
//! # Memory
//!
//! Every change of `state` is a read-modify-write. So each `done` heads a release sequence that all
//! later changes continue, and an acquire of any later value, the 0 above all, synchronizes with
//! *all* the `done`s before it. A waiter acquires in one of two ways: it reads the 0 itself, or it
//! is notified, and gets what the last `done` acquired by way of the event's own lock.
//!
//! # Rejected
//!
//! * `fetch_sub`, and whoever brings the count to 0 notifies one event for all generations. Between
//!   the two steps a new generation can begin, whose waiters the old one's notification would wake.
//! * That, with waiters that look at the counter again once woken. A waiter of the old generation
//!   then sleeps on if the counter was raised again meanwhile, although it had been zero.
//! * A generation number that waiters compare. It is correct, but the number has to change in one
//!   step with the count, which leaves each too few bits where words are 32 bits long.
//! * `fetch_sub` in `done`, and whoever finds `1 + WAITING` afterwards ends the generation. Before
//!   it has the lock, others may have begun a new generation, and nothing in the word tells the
//!   waiters of the two apart.
//! * Go's two counters in 64 bits (tasks above, waiters below). To count waiters exactly, the drop
//!   of a waiter would have to be a transition of its own. Go's waiters cannot be dropped.

use std::mem;
use std::sync::PoisonError;

use event_listener::{Event, EventListener, IntoNotification};

use crate::orphan::Orphaned;
use crate::proxy::wake_all;
use crate::sync::{Arc, AtomicUsize, Mutex, MutexGuard, Ordering, hint};

/// The bit of `state` which says that somebody may be waiting.
const WAITING: usize = !(usize::MAX >> 1);

/// The count's bits.
const COUNT: usize = WAITING - 1;

/// The highest count; see "Overflow".
const MAX_COUNT: usize = COUNT >> 1;

/// The largest number that is added without a look at the count.
const SMALL: usize = 1 << (usize::BITS / 4);

/// The word from which a `done` ends the generation.
const LAST_AWAITED: usize = WAITING | 1;

/// How long a `done` that has lost to another thread leaves the line alone: at first, and at most.
/// In turns of the spin-wait hint, each of some 30 ns. In a model, one turn lets the others run.
const FIRST_RETREAT: u32 = if cfg!(loom) { 1 } else { 32 };
const LONGEST_RETREAT: u32 = if cfg!(loom) { 1 } else { 512 };

/// What its waiters are told of a generation: that it has ended (`None`), or never will.
pub(crate) type Fate = Option<Arc<Orphaned>>;

/// A count, and the waiters of the generation it is in.
pub(crate) struct Counter {
    /// The count and [`WAITING`]; see the table above.
    state: AtomicUsize,
    /// Notified when this generation ends. By this lock, a new waiter and the end of a generation
    /// exclude each other.
    generation: Mutex<Event<Fate>>,
}

impl Default for Counter {
    fn default() -> Counter {
        Counter {
            state: AtomicUsize::new(0),
            generation: Mutex::new(Event::with_tag()),
        }
    }
}

impl Counter {
    pub(crate) fn count(&self) -> usize {
        // Ordering: Acquire, partner: the Release of every `done` before the value that is read.
        self.state.load(Ordering::Acquire) & COUNT
    }

    /// Raises the count by `n`, or panics and leaves it.
    #[track_caller]
    pub(crate) fn add(&self, n: usize) {
        // Ordering: Relaxed, for an `add` publishes nothing; whatever hands the work over does.
        // Being a read-modify-write it continues the release sequences of earlier `done`s.
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
        // Ordering: Relaxed, a guess that the compare-exchange checks. A 0 needs no check: the
        // panic says no more than that the count was 0 at some time.
        let mut word = self.state.load(Ordering::Relaxed);
        let mut retreat = FIRST_RETREAT;
        loop {
            let lowered = match word {
                0 => negative(),
                LAST_AWAITED => self.finish_generation().map(notify_end).is_some(),
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

    /// Lowers the count by one, unless the word has changed by now. Wakes nobody.
    fn lower(&self, word: usize) -> bool {
        // Ordering: Release, partners: the Acquire in `count`, `register`, `finish_generation`; it
        // publishes the work that is done. Relaxed on failure: `done` looks again.
        self.state
            .compare_exchange(word, word - 1, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// Brings an awaited count from one to zero, unless the word has changed by now. Returns the
    /// event of the generation that this ends, for the caller to notify.
    fn finish_generation(&self) -> Option<Event<Fate>> {
        let mut generation = self.lock();
        // Ordering: Release as in `lower`, for whoever reads this 0. Acquire, partner: the Release
        // of every earlier `done`, because the notification hands the work of all of them to the
        // waiters. (Today event-listener's fence in `notify` would do for that, but it promises
        // none.)
        self.state
            .compare_exchange(LAST_AWAITED, 0, Ordering::AcqRel, Ordering::Relaxed)
            .ok()?;
        Some(mem::replace(&mut *generation, Event::with_tag()))
    }

    /// Returns a listener that is notified when the current generation ends; `None` if the count is
    /// zero.
    pub(crate) fn listen(&self) -> Option<EventListener<Fate>> {
        match self.count() {
            0 => None,
            _ => self.register(),
        }
    }

    fn register(&self) -> Option<EventListener<Fate>> {
        let generation = self.lock();
        // Ordering: Acquire on failure, for the 0 which says that there is nothing to wait for;
        // partner: as in `count`. The bit itself is set Relaxed: it says "take the lock", and the
        // lock publishes what the reader of the bit must find.
        self.state
            .fetch_update(Ordering::Relaxed, Ordering::Acquire, |word| {
                (word != 0).then_some(word | WAITING)
            })
            .ok()
            .map(|_| generation.listen())
    }

    /// Tells those who wait, if there are any left, that nobody will end this generation.
    #[cold]
    fn abandon(&mut self, count: usize) {
        let generation = self.generation.get_mut();
        let generation = generation.unwrap_or_else(PoisonError::into_inner);
        let waits = generation.total_listeners();
        if waits > 0 {
            notify_all(generation, Some(Arc::new(Orphaned::new(count, waits))));
        }
    }

    /// Locks the event of the current generation. No foreign code runs under this lock.
    fn lock(&self) -> MutexGuard<'_, Event<Fate>> {
        // Nothing panics between a half-made change and its other half, so poison means nothing.
        self.generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // Ordering: Relaxed; the last handle has the counter to itself, and has acquired what others
        // did to it.
        let word = self.state.load(Ordering::Relaxed);
        if word & WAITING != 0 {
            self.abandon(word & COUNT);
        }
    }
}

/// Returns the word with its count raised by `n`; `None` if that is above [`MAX_COUNT`].
fn raise(word: usize, n: usize) -> Option<usize> {
    let room = MAX_COUNT.checked_sub(word & COUNT)?;
    (n <= room).then(|| word + n)
}

/// Wakes every waiter of a generation that has ended.
fn notify_end(generation: Event<Fate>) {
    notify_all(&generation, None);
}

fn notify_all(generation: &Event<Fate>, fate: Fate) {
    wake_all(|| _ = generation.notify(usize::MAX.tag(fate)));
}

#[cold]
#[track_caller]
fn overflow(n: usize) -> ! {
    panic!("WaitGroup counter overflow: add({n}) would raise it above {MAX_COUNT}");
}

#[cold]
#[track_caller]
fn negative() -> ! {
    // Go's text, without its "sync: ".
    panic!("negative WaitGroup counter");
}
