//! One timer: a link in the list of a wheel's slot, inside the future that waits for it.
//!
//! | `location`        | meaning                            | left by                            |
//! | ----------------- | ---------------------------------- | ---------------------------------- |
//! | null              | in no wheel                        | the owner, which registers it, or  |
//! |                   |                                    | sees that the deadline has come    |
//! | a wheel's address | linked in that wheel               | the wheel, which fires or evicts   |
//! |                   |                                    | it; the owner, which takes it out  |
//! | [`FIRED`]         | in no wheel; the deadline has come | the owner, which resets it         |
//!
//! The *owner* is whoever has the future by `&mut`: one thread at a time.
//!
//! Whoever changes `location` from a wheel's address to something else holds that wheel's lock. So
//! the owner, once it holds the lock, knows whether the entry is still there.
//!
//! Whoever fires or evicts an entry writes `location` last, with Release. So an owner that reads
//! the new value, with Acquire, may free the entry without taking the lock.

use super::{
    Timers,
    wheel::{Removed, Wheel},
};
use crate::sync::{AtomicPtr, MutexGuard, Ordering, UnsafeCell};
use std::{
    cell::Cell,
    marker::PhantomPinned,
    mem,
    pin::Pin,
    ptr::{self, NonNull},
    task::Waker,
};

/// A timer; see the table above.
pub(crate) struct Entry {
    /// In nanoseconds, as `clock` counts. Written by the owner, under the lock if the entry is
    /// linked.
    deadline: Cell<u64>,
    location: AtomicPtr<Timers>,
    /// Belongs to whoever holds the wheel's lock while the entry is linked, else to the owner.
    link: UnsafeCell<Link>,
    /// The wheel keeps the entry's address, so the entry must not move. Besides, the compiler does
    /// not take a `&mut` to what is not `Unpin` for a promise that nobody else has access.
    _pinned: PhantomPinned,
}

/// What the list of a wheel's slot needs.
pub(super) struct Link {
    pub(super) previous: Option<NonNull<Entry>>,
    pub(super) next: Option<NonNull<Entry>>,
    waker: Option<Waker>,
}

impl Link {
    fn wakes(&self, waker: &Waker) -> bool {
        self.waker.as_ref().is_some_and(|own| own.will_wake(waker))
    }
}

// SAFETY: an entry that goes to another thread takes its owner along. The link may name neighbours,
// which only the holder of the wheel's lock touches, and holds a `Waker`, which is `Send`.
unsafe impl Send for Entry {}
// SAFETY: through a shared reference safe code reads `deadline` and `location` only. `deadline` is
// written by the owner, and read by others under the wheel's lock, which the owner then holds as it
// writes; `location` is atomic. Who may touch `link` is up to the callers of `with_link`.
unsafe impl Sync for Entry {}

/// The location after the deadline. No wheel lives at this address.
const FIRED: *mut Timers = ptr::without_provenance_mut(1);

/// What a poll or a reset tells the owner.
#[must_use]
pub(crate) enum State {
    /// The deadline has come.
    Fired,
    /// The deadline has not come.
    Waiting,
    /// The deadline has not come, and is now the first in this wheel, which is the calling
    /// thread's. The caller tells the driver, if it has to be told.
    First(&'static Timers),
}

impl Entry {
    /// Makes an entry in no wheel. It has fired if `deadline` is not after `now`.
    pub(crate) fn new(deadline: u64, now: u64) -> Entry {
        let link = Link {
            previous: None,
            next: None,
            waker: None,
        };
        Entry {
            deadline: Cell::new(deadline),
            location: AtomicPtr::new(location_outside(deadline, now)),
            link: UnsafeCell::new(link),
            _pinned: PhantomPinned,
        }
    }

    /// The deadline.
    pub(crate) fn deadline(&self) -> u64 {
        self.deadline.get()
    }

    /// Whether the deadline has come, and somebody has noticed that.
    pub(crate) fn has_fired(&self) -> bool {
        self.location() == FIRED
    }

    /// Has `waker` woken at the deadline, in place of the waker of an earlier poll. Unless the
    /// deadline has come by `now`, the entry is in the `local` wheel afterwards, the calling
    /// thread's. (The time is asked for only if nobody has noticed the deadline yet.)
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        waker: &Waker,
        now: impl FnOnce() -> u64,
        local: impl Fn() -> &'static Timers,
    ) -> State {
        let this = &*self;
        if this.has_fired() {
            return State::Fired;
        }
        if this.deadline() <= now() {
            return this.notice_deadline();
        }
        if let Some(timers) = this.timers() {
            if !ptr::eq(timers, local()) {
                drop(this.leave(timers));
            } else if this.renew(timers, waker) {
                return State::Waiting;
            }
        }
        // In no wheel, at first or by now.
        if this.has_fired() {
            return State::Fired;
        }
        this.register(local(), waker.clone())
    }

    /// The deadline has come, and whoever serves the wheel, if the entry is in one, need not know.
    #[cold]
    fn notice_deadline(&self) -> State {
        if let Some(timers) = self.timers() {
            drop(self.leave(timers));
        }
        // Ordering: Relaxed; in no wheel by now, so nobody else knows the entry.
        self.location.store(FIRED, Ordering::Relaxed);
        State::Fired
    }

    /// Waits for another deadline, at which the waker of the last poll is woken.
    ///
    /// That waker is woken at once if the entry is in a wheel that is not `local` to this thread,
    /// and whose driver would look at it too late: the poll that follows moves the entry.
    pub(crate) fn reset(
        self: Pin<&mut Self>,
        deadline: u64,
        now: u64,
        is_local: impl FnOnce(&Timers) -> bool,
    ) -> State {
        let this = &*self;
        if let Some(timers) = this.timers()
            && let Some(state) = this.move_within(timers, deadline, now, is_local(timers))
        {
            return state;
        }
        this.deadline.set(deadline);
        // Ordering: Relaxed; nobody else knows the entry.
        this.location
            .store(location_outside(deadline, now), Ordering::Relaxed);
        if this.has_fired() {
            State::Fired
        } else {
            State::Waiting
        }
    }

    fn location(&self) -> *mut Timers {
        // Ordering: Acquire pairs with the Release in `release`.
        self.location.load(Ordering::Acquire)
    }

    /// The wheel that the entry is linked in, for the owner. Without the lock of that wheel, the
    /// entry may have left it by the time of the answer.
    fn timers(&self) -> Option<&'static Timers> {
        let location = self.location();
        if location == FIRED {
            return None;
        }
        // SAFETY: null, or the address of a wheel that lives for ever: `register` stored it from a
        // `&'static Timers`.
        unsafe { location.as_ref() }
    }

    /// Locks `timers`, unless the entry is not linked there.
    fn lock_if_in<'a>(&'a self, timers: &'a Timers) -> Option<Linked<'a>> {
        let wheel = timers.lock();
        // Ordering: Relaxed; the lock orders it.
        ptr::eq(self.location.load(Ordering::Relaxed), timers).then_some(Linked {
            entry: self,
            timers,
            wheel,
        })
    }

    fn register(&self, timers: &'static Timers, waker: Waker) -> State {
        let mut wheel = timers.lock();
        if wheel.has_passed(self.deadline()) {
            drop(wheel);
            self.location.store(FIRED, Ordering::Relaxed);
            return State::Fired;
        }
        // SAFETY: 1. Linked nowhere, and this is the owner. 2. A store; what was there is `None`,
        // for who unlinked the entry has taken the waker.
        unsafe { self.with_link(|link| link.waker = Some(waker)) };
        // SAFETY: 1. Linked nowhere, and this is the owner. 2. Pinned, and unlinked before it is
        // dropped; the owner changes the deadline, and touches the link, only under the lock of the
        // wheel that it is linked in.
        unsafe { wheel.insert(NonNull::from(self)) };
        // Ordering: Relaxed; others come to know the entry by the lock.
        self.location
            .store(ptr::from_ref(timers).cast_mut(), Ordering::Relaxed);
        waiting(timers, timers.publish(&wheel))
    }

    /// Has `waker` woken, if the entry is still linked in `timers`; returns whether it is. No code
    /// of the waker runs under the lock.
    fn renew(&self, timers: &Timers, waker: &Waker) -> bool {
        let Some(mut linked) = self.lock_if_in(timers) else {
            return false;
        };
        let same = linked.link(|link| link.wakes(waker));
        drop(linked);
        if same {
            return true;
        }
        let mut waker = Some(waker.clone());
        let Some(mut linked) = self.lock_if_in(timers) else {
            return false;
        };
        linked.link(|link| mem::swap(&mut link.waker, &mut waker));
        drop(linked);
        true
    }

    /// Takes the entry out, if it is still linked in `timers`. Returns the waker, for the caller to
    /// drop without the lock: a waker's destructor is foreign code.
    fn leave(&self, timers: &Timers) -> Option<Waker> {
        self.lock_if_in(timers)?.unlink(Unlinked::Evicted)
    }

    /// Moves the entry to where it belongs for `deadline`, if it is still linked in `timers`.
    fn move_within(
        &self,
        timers: &'static Timers,
        deadline: u64,
        now: u64,
        is_local: bool,
    ) -> Option<State> {
        let linked = self.lock_if_in(timers)?;
        let (why, state) = if deadline <= now {
            (Unlinked::Fired, State::Fired)
        } else if is_local || deadline >= timers.next_due() {
            return Some(waiting(timers, linked.move_to(deadline)));
        } else {
            // The driver of another thread's wheel may sleep beyond this deadline.
            (Unlinked::Evicted, State::Waiting)
        };
        let waker = linked.unlink(why);
        self.deadline.set(deadline);
        waker.inspect(Waker::wake_by_ref);
        Some(state)
    }

    /// Calls `f` with the link.
    ///
    /// # Safety
    ///
    /// 1. The link is the caller's alone: the caller holds the lock of the wheel that the entry is
    ///    linked in, or the entry is not linked and the caller is its owner.
    /// 2. `f` does not come here again, for this entry.
    pub(super) unsafe fn with_link<R>(&self, f: impl FnOnce(&mut Link) -> R) -> R {
        self.link.with_mut(|link| {
            // SAFETY: valid, as it is the cell's; and nobody else has access, by the caller's 1 and
            // 2.
            f(unsafe { &mut *link })
        })
    }
}

/// An entry that is linked in a wheel, whose lock this is.
struct Linked<'a> {
    entry: &'a Entry,
    timers: &'a Timers,
    wheel: MutexGuard<'a, Wheel>,
}

impl Linked<'_> {
    fn link<R>(&mut self, f: impl FnOnce(&mut Link) -> R) -> R {
        // SAFETY: 1. Linked in the wheel whose lock this is. 2. `f` has no `Linked`, and to make
        // one takes the lock.
        unsafe { self.entry.with_link(f) }
    }

    /// Moves the entry within its wheel. Returns whether its deadline is the wheel's first then.
    fn move_to(mut self, deadline: u64) -> bool {
        let entry = NonNull::from(self.entry);
        // SAFETY: linked in this wheel.
        let _ = unsafe { self.wheel.remove(entry) };
        self.entry.deadline.set(deadline);
        // SAFETY: 1. Just unlinked, under the lock. 2. As in `register`, which linked it at first.
        unsafe { self.wheel.insert(entry) };
        self.timers.publish(&self.wheel)
    }

    /// Takes the entry out, and returns its waker. Inlined, for the drop of each timer that has not
    /// fired comes here.
    #[inline(always)]
    fn unlink(mut self, why: Unlinked) -> Option<Waker> {
        // SAFETY: linked in this wheel.
        let removed = unsafe { self.wheel.remove(NonNull::from(self.entry)) };
        let waker = release(removed, why);
        self.timers.publish(&self.wheel);
        waker
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(timers) = self.timers() {
            drop(self.leave(timers));
        }
    }
}

/// Gives an entry that has just been unlinked back to its owner, and returns its waker. When this
/// returns, the owner may have freed the entry.
pub(super) fn release(removed: Removed<'_>, why: Unlinked) -> Option<Waker> {
    // SAFETY: alive: its owner cannot pass the lock, which `removed` borrows, before it reads the
    // new `location`.
    let entry = unsafe { removed.entry().as_ref() };
    // SAFETY: 1. The lock of the wheel that it was linked in is held, and its owner does not know
    // yet that it is not linked any more. 2. It takes, no more.
    let waker = unsafe { entry.with_link(|link| link.waker.take()) };
    let location = match why {
        Unlinked::Fired => FIRED,
        Unlinked::Evicted => ptr::null_mut(),
    };
    // Ordering: Release pairs with the Acquire in `location`.
    entry.location.store(location, Ordering::Release);
    waker
}

/// Why an entry left its wheel.
#[derive(Clone, Copy)]
pub(super) enum Unlinked {
    /// Its deadline has come.
    Fired,
    /// It belongs there no more. The owner's next poll, if there is one, registers it elsewhere.
    Evicted,
}

fn location_outside(deadline: u64, now: u64) -> *mut Timers {
    if deadline <= now {
        FIRED
    } else {
        ptr::null_mut()
    }
}

fn waiting(timers: &'static Timers, first: bool) -> State {
    if first {
        State::First(timers)
    } else {
        State::Waiting
    }
}
