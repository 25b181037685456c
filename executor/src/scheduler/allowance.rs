//! Giving way: how many ready results one poll gets before it has to let others run.
//!
//! A leaf future that is ready at once, as `sleep(Duration::ZERO)` is, gives its task no reason to
//! return from its poll. A loop around it would be one endless poll: nobody could abort it, and
//! the other side of a `join!` or a `select!` would never run. So each poll of a task, and each of
//! the future that a call of `block_on` waits for, has an *allowance* of [`READY_RESULTS`]. When
//! that is used up, our leaves are pending, and wake whoever polls them. The idea is tokio's
//! (*cooperative scheduling*, `task::coop`).
//!
//! Outside of these polls, in another crate's executor for example, nothing is counted.
//!
//! # Why a refusal does not last
//!
//! Whoever is refused may go on polling within the same poll, and would do so for ever:
//!
//! * another crate's `block_on` inside of a task, or a loop that polls until something is ready;
//! * the later branches of a `join!` whose first branch uses up every allowance.
//!
//! So after some hundred refusals on a thread, whoever asks next gets a new allowance. How many it
//! takes is random: with a fixed number, a branch could be missed each time.

use super::random::xorshift;
#[cfg(shuttle)]
use crate::sync::shuttle::LocalCell as _;
use crate::sync::thread_local;
use std::{
    cell::Cell,
    marker::PhantomData,
    task::{Context, Poll},
};

/// Ready results that a poll gets at once; tokio's figure.
const READY_RESULTS: u32 = 128;

/// Refusals before a new allowance, at least: more than a poll has branches, and some microseconds.
const REFUSALS: u32 = 384;

/// As many more at most, less one; a power of two.
const SPREAD: u32 = 256;

/// The generator's first state; not 0.
const FIRST_RANDOM: u32 = 1;

/// What is left of the allowance outside of our polls.
const UNLIMITED: u32 = u32::MAX;

thread_local! {
    /// What is left of the current poll's allowance.
    static LEFT: Cell<u32> = const { Cell::new(UNLIMITED) };
    /// Refusals before the next new allowance.
    static REFUSALS_LEFT: Cell<u32> = const { Cell::new(REFUSALS) };
    /// State of the generator that says how many the next time.
    static RANDOM: Cell<u32> = const { Cell::new(FIRST_RANDOM) };
}

/// Begins a poll of a task, or of the future of a `block_on`, which ends when the guard is dropped.
pub(crate) fn begin_poll() -> PollGuard {
    PollGuard {
        outer: LEFT.replace(READY_RESULTS),
        _on_this_thread: PhantomData,
    }
}

/// Until the guard is dropped nothing is counted and nothing refused. For polls that are part of a
/// leaf, or of a call that waits for nothing.
pub(crate) fn suspend() -> PollGuard {
    PollGuard {
        outer: LEFT.replace(UNLIMITED),
        _on_this_thread: PhantomData,
    }
}

/// Forgets what was refused on this thread so far: what is to come depends on nothing before it.
pub(super) fn begin_anew() {
    REFUSALS_LEFT.set(REFUSALS);
    RANDOM.set(FIRST_RANDOM);
}

/// See [`begin_poll`]. Callers keep it on the stack, so that guards are dropped in the reverse
/// order.
pub(crate) struct PollGuard {
    outer: u32,
    _on_this_thread: PhantomData<*const ()>,
}

impl Drop for PollGuard {
    fn drop(&mut self) {
        LEFT.set(self.outer);
    }
}

/// Polls a leaf future by `poll`, unless it is time to give way.
pub(crate) fn poll_leaf<T>(
    cx: &mut Context<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    if is_used_up() && gives_way(cx) {
        return Poll::Pending;
    }
    let result = poll(cx);
    let left = LEFT.get();
    if result.is_ready() && left != UNLIMITED {
        // Saturating, for the operation of a socket may be the user's, and poll another leaf.
        LEFT.set(left.saturating_sub(1));
    }
    result
}

/// Whether the next leaf will be refused.
pub(crate) fn is_used_up() -> bool {
    LEFT.get() == 0
}

/// Wakes whoever polls, and says that it has to give way; or has a new allowance made out.
#[cold]
fn gives_way(cx: &Context<'_>) -> bool {
    let left = REFUSALS_LEFT.get();
    if left == 0 {
        RANDOM.set(xorshift(RANDOM.get()));
        REFUSALS_LEFT.set(REFUSALS + RANDOM.get() % SPREAD);
        LEFT.set(READY_RESULTS);
        return false;
    }
    REFUSALS_LEFT.set(left - 1);
    cx.waker().wake_by_ref();
    true
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::task::Waker;

    fn is_given() -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        poll_leaf(cx, |_| Poll::Ready(())).is_ready()
    }

    #[test]
    fn a_poll_gets_its_allowance_and_an_inner_one_its_own() {
        let _outer = begin_poll();
        (0..READY_RESULTS).for_each(|_| assert!(is_given()));
        assert!(!is_given());
        {
            let _inner = begin_poll();
            (0..READY_RESULTS).for_each(|_| assert!(is_given()));
            assert!(!is_given());
        }
        assert!(!is_given());
    }

    #[test]
    fn what_is_pending_costs_nothing() {
        let _poll = begin_poll();
        let cx = &mut Context::from_waker(Waker::noop());
        for _ in 0..2 * READY_RESULTS {
            assert!(poll_leaf(cx, |_| Poll::<()>::Pending).is_pending());
        }
        assert!(is_given());
    }

    #[test]
    fn outside_of_a_poll_everything_is_given() {
        drop(begin_poll());
        (0..10 * READY_RESULTS).for_each(|_| assert!(is_given()));
    }

    #[test]
    fn what_is_asked_while_nothing_is_counted_is_given_and_costs_nothing() {
        let _poll = begin_poll();
        (0..READY_RESULTS - 1).for_each(|_| assert!(is_given()));
        {
            let _uncounted = suspend();
            (0..10 * READY_RESULTS).for_each(|_| assert!(is_given()));
        }
        assert!(is_given());
        assert!(!is_given());
    }

    #[test]
    fn whoever_asks_on_and_on_is_given_something_in_the_end() {
        let _poll = begin_poll();
        let asked = 10_000;
        let given = (0..asked).filter(|_| is_given()).count();
        let round = (READY_RESULTS + REFUSALS + SPREAD) as usize;
        assert!(given > asked / round * READY_RESULTS as usize, "{given}");
        assert!(given < asked / 2, "{given}");
    }

    #[test]
    fn each_branch_is_given_something_in_some_poll() {
        // The first is itself a loop around two leaves, which ends when both are refused.
        let (mut first, mut others) = (0, [0; 5]);
        for _ in 0..20_000 {
            let _poll = begin_poll();
            while is_given() || is_given() {
                first += 1;
            }
            for branch in &mut others {
                while is_given() {
                    *branch += 1;
                }
            }
        }
        assert!(first > 0 && others.iter().all(|&results| results > 0));
    }
}
