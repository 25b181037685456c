//! A parking place for one thread, with a token.
//!
//! | state       | meaning                              | left by                       |
//! | ----------- | ------------------------------------ | ----------------------------- |
//! | `EMPTY`     | nobody parks, no token               | `park` (sleeps), `go_elsewhere`, `unpark` |
//! | `PARKED`    | the thread sleeps on the condvar     | `unpark`, a time-out          |
//! | `ELSEWHERE` | the thread sleeps in another place   | `unpark`, `come_back`         |
//! | `NOTIFIED`  | a token is there: next `park` returns | `park`, `come_back` (take the token) |
//!
//! No wake-up is lost: `unpark` swaps the token in, and if it finds `PARKED` it passes through the
//! lock before it signals. The sleeper went from `EMPTY` to `PARKED` under that lock and gave it up
//! only by waiting, so the signal finds it waiting or already gone.
//!
//! A thread that sleeps elsewhere, in the kernel's selector (`netpoll`), is not woken by the condvar:
//! the one `unpark` that finds `ELSEWHERE` interrupts it there. An interrupt must have an effect
//! also if it comes before the sleep.
//!
//! std's `thread::park` is not used because its token belongs to everybody on the thread: a task
//! that parks its thread would eat the scheduler's wake-ups, and the other way round.

use crate::sync::{AtomicUsize, Condvar, Instant, Mutex, Ordering, lock, wait, wait_until};

const EMPTY: usize = 0;
const PARKED: usize = 1;
const NOTIFIED: usize = 2;
const ELSEWHERE: usize = 3;

/// See the module's text. One thread parks here, any number unpark it.
#[derive(Debug)]
pub(crate) struct Parker {
    state: AtomicUsize,
    lock: Mutex<()>,
    signal: Condvar,
}

/// How a sleep of a thread that also looks after sources of events ended.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parked {
    /// The thread was unparked.
    Unparked,
    /// The time has come.
    TimedOut,
    /// It slept in a source, where it is of use, until something happened there, or a time had
    /// come.
    InSource,
}

impl Parker {
    /// A place without a token.
    pub(crate) fn new() -> Parker {
        Parker {
            state: AtomicUsize::new(EMPTY),
            lock: Mutex::new(()),
            signal: Condvar::new(),
        }
    }

    /// Sleeps until there is a token, and takes it.
    pub(crate) fn park(&self) {
        if self.take_token() {
            return;
        }
        let mut guard = lock(&self.lock);
        if !self.announce() {
            return;
        }
        loop {
            guard = wait(&self.signal, guard);
            if self.take_token() {
                return;
            }
        }
    }

    /// Sleeps until there is a token or `deadline` has come; returns whether it took a token.
    pub(crate) fn park_until(&self, deadline: Instant) -> bool {
        if self.take_token() {
            return true;
        }
        let mut guard = lock(&self.lock);
        if !self.announce() {
            return true;
        }
        loop {
            guard = match wait_until(&self.signal, guard, deadline) {
                Some(guard) => guard,
                // Ordering: Acquire, as in `take_token`, if the token came at the last moment.
                None => return self.state.swap(EMPTY, Ordering::Acquire) == NOTIFIED,
            };
            if self.take_token() {
                return true;
            }
        }
    }

    /// Leaves a token and wakes the sleeper, which does not sleep elsewhere.
    pub(crate) fn unpark(&self) {
        self.unpark_or(|| ());
    }

    /// Leaves a token and wakes the sleeper, by `interrupt` if it sleeps elsewhere.
    pub(crate) fn unpark_or(&self, interrupt: impl FnOnce()) {
        // Ordering: Release pairs with the Acquire in `take_token`: what was done before the
        // wake-up is visible after it.
        match self.state.swap(NOTIFIED, Ordering::Release) {
            PARKED => {
                drop(lock(&self.lock));
                self.signal.notify_one();
            }
            ELSEWHERE => interrupt(),
            _ => {}
        }
    }

    /// Takes the token if there is one; does not sleep.
    pub(crate) fn take_token(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `unpark`.
        self.state
            .compare_exchange(NOTIFIED, EMPTY, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Whether there is a token.
    #[cfg(not(loom))]
    pub(crate) fn has_token(&self) -> bool {
        // Ordering: Relaxed; whoever relies on it takes the token.
        self.state.load(Ordering::Relaxed) == NOTIFIED
    }

    /// Whether the thread sleeps on the condvar, and nobody has unparked it.
    #[cfg(not(loom))]
    pub(crate) fn is_parked(&self) -> bool {
        // Under the lock: then it is past whatever it did before it parked.
        let _guard = lock(&self.lock);
        self.state.load(Ordering::Relaxed) == PARKED
    }

    /// The thread will sleep elsewhere until it [comes back](Parker::come_back). If there is a token,
    /// takes it instead, and returns false.
    #[cfg(any(feature = "net", all(test, any(loom, shuttle))))]
    pub(crate) fn go_elsewhere(&self) -> bool {
        let gone = self.leave_empty(ELSEWHERE);
        gone || !self.take_token()
    }

    /// Whether a token has come while the thread sleeps elsewhere.
    #[cfg(any(feature = "net", all(test, any(loom, shuttle))))]
    pub(crate) fn is_notified(&self) -> bool {
        self.state.load(Ordering::Relaxed) == NOTIFIED
    }

    /// The thread is back. Takes the token if there is one; returns whether there was.
    #[cfg(any(feature = "net", all(test, any(loom, shuttle))))]
    pub(crate) fn come_back(&self) -> bool {
        // Ordering: Acquire, as in `take_token`.
        self.state.swap(EMPTY, Ordering::Acquire) == NOTIFIED
    }

    /// Goes from `EMPTY` to `PARKED`, under the lock; a token that is there is taken instead.
    fn announce(&self) -> bool {
        let parked = self.leave_empty(PARKED);
        // A failed exchange found `NOTIFIED`, since only this thread parks here.
        parked || !self.take_token()
    }

    fn leave_empty(&self, state: usize) -> bool {
        // Ordering: Relaxed; nothing is published by going to sleep.
        self.state
            .compare_exchange(EMPTY, state, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::{sync::Arc, thread, time::Duration};

    #[test]
    fn a_token_left_before_parking_is_found() {
        let parker = Parker::new();
        parker.unpark();
        parker.unpark();
        parker.park();
        assert!(!parker.park_until(Instant::now()), "two tokens are one");
    }

    #[test]
    fn a_deadline_ends_the_sleep() {
        let parker = Parker::new();
        let deadline = Instant::now() + Duration::from_millis(20);
        assert!(!parker.park_until(deadline));
        assert!(Instant::now() >= deadline);
        parker.unpark();
        assert!(parker.park_until(Instant::now()));
    }

    #[test]
    fn two_threads_wake_each_other_many_times() {
        let parkers = Arc::new([Parker::new(), Parker::new()]);
        let other = parkers.clone();
        let thread = thread::spawn(move || {
            for _ in 0..10_000 {
                other[0].park();
                other[1].unpark();
            }
        });
        for _ in 0..10_000 {
            parkers[0].unpark();
            parkers[1].park();
        }
        thread.join().unwrap();
    }
}
