//! Running a future on the calling thread.

use crate::{
    idle::parker::{Parked, Parker},
    scheduler::{Scheduler, allowance, context, driver::LoneDriver, refused, worker::Worker},
    sync::{
        clock::{self, NEVER},
        thread_local,
    },
};
use std::{
    cell::Cell,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

/// The parker of a thread that waits for its future.
struct Signal(Parker);

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// What a thread needs to wait for a future.
struct Waiting {
    signal: Arc<Signal>,
    waker: Waker,
    driver: LoneDriver,
}

/// How a wait ended.
enum Waited {
    Woken,
    /// In a forked child, where the threads that could wake this one do not exist.
    WouldWaitForEver,
}

thread_local! {
    /// Empty while a call uses it. A waker that outlives its call, and is woken during a later one,
    /// causes at most one needless poll in that one.
    static WAITING: Cell<Option<Waiting>> = const { Cell::new(None) };
}

impl Waiting {
    fn new() -> Waiting {
        let signal = Arc::new(Signal(Parker::new()));
        let driver = LoneDriver::lone();
        driver.set_driven(true);
        Waiting {
            waker: Waker::from(signal.clone()),
            signal,
            driver,
        }
    }

    fn take() -> Waiting {
        // While the thread ends there is no access; while an outer call is under way, it is taken.
        let idle = WAITING.try_with(Cell::take).ok().flatten();
        let waiting = idle.unwrap_or_else(Waiting::new);
        // Nobody has been told of this call yet: what was woken is an earlier one.
        waiting.signal.0.take_token();
        waiting
    }

    fn put_back(self) {
        // Timers may be left of futures that went elsewhere and were not polled there yet.
        self.driver.evict();
        let _ = WAITING.try_with(|idle| idle.set(Some(self)));
    }

    /// Takes the wake-up that has come already, if there is one, and then fires what is due.
    fn take_wake_up(&self) -> bool {
        let woken = self.signal.0.take_token();
        if woken {
            self.fire();
        }
        woken
    }

    /// Sleeps until the waker is woken, and fires what is due meanwhile.
    fn wait(&self, scheduler: &Scheduler) -> Waited {
        let Signal(parker) = &*self.signal;
        let outside = scheduler.watch_outside_timers(&self.waker);
        loop {
            let until = outside.next_due();
            if until == NEVER && !self.driver.is_waited_for() {
                // Nothing of this thread's own would end its sleep.
                if parker.take_token() {
                    return Waited::Woken;
                }
                if scheduler.is_in_forked_child() {
                    return Waited::WouldWaitForEver;
                }
            }
            let parked = self.driver.park(parker, until, || ());
            self.fire();
            if until != NEVER {
                outside.fire(clock::now());
            }
            if parked == Parked::Unparked {
                return Waited::Woken;
            }
        }
    }

    fn fire(&self) {
        if self.driver.is_waited_for() {
            self.driver.fire_all(clock::now());
        }
    }
}

/// Polls `future` on this thread until it is done, with the executor of `scheduler` as the current
/// one.
///
/// The thread runs no task. If it is a worker, of whatever executor, a stand-in takes over while it
/// sleeps; the future's polls count as part of the task that called.
#[track_caller]
pub(crate) fn block_on<F: Future>(scheduler: &Arc<Scheduler>, future: F) -> F::Output {
    let _current = context::enter(scheduler);
    let waiting = Waiting::take();
    let _leaving = Leaving(scheduler);
    let timers = context::enter_timers(scheduler, waiting.driver.timers(), Some(&waiting.waker));
    let output = poll_until_done(scheduler, &waiting, future);
    drop(timers);
    waiting.put_back();
    output
}

/// A call of `block_on`, which returns or panics when this is dropped.
struct Leaving<'a>(&'a Scheduler);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.leave_outside_timers();
    }
}

#[track_caller]
fn poll_until_done<F: Future>(scheduler: &Scheduler, waiting: &Waiting, future: F) -> F::Output {
    let mut future = pin!(future);
    let cx = &mut Context::from_waker(&waiting.waker);
    loop {
        let allowance = allowance::begin_poll();
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return output;
        }
        drop(allowance);
        refused::settle();
        if waiting.take_wake_up() {
            continue;
        }
        let waited = context::with_worker(|worker| {
            let _call = worker.and_then(Worker::begin_wait);
            waiting.wait(scheduler)
        });
        match waited {
            Waited::Woken => {}
            // Panics here and not in the closure, so that the panic names the caller's line.
            Waited::WouldWaitForEver => scheduler.refuse_in_forked_child(),
        }
    }
}
