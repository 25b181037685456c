//! Running a future on the calling thread.

use crate::{
    idle::parker::Parked,
    scheduler::{
        Scheduler, allowance, callers::Caller, context, driver::LoneDriver, refused, simulation,
        worker::Worker,
    },
    sync::{
        clock::{self, NEVER},
        thread_local,
    },
};
use std::{
    cell::Cell,
    future::Future,
    panic::Location,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread::{self, Thread},
};

/// What a thread needs to wait for a future.
struct Waiting {
    caller: Arc<Caller>,
    /// Wakes `caller`.
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
    fn new(thread: Option<Thread>, scheduler: &Scheduler) -> Waiting {
        let caller = Caller::new(thread, scheduler);
        let driver = LoneDriver::lone();
        driver.set_driven(true);
        Waiting {
            waker: Waker::from(caller.clone()),
            caller,
            driver,
        }
    }

    fn take(scheduler: &Scheduler) -> Waiting {
        if scheduler.is_simulated() {
            // What was used before has seen another time.
            return Waiting::new(Some(thread::current()), scheduler);
        }
        // While the thread ends there is no access; while an outer call is under way, it is taken.
        let waiting = match WAITING.try_with(Cell::take) {
            Ok(idle) => idle.unwrap_or_else(|| Waiting::new(Some(thread::current()), scheduler)),
            // `current` may panic.
            Err(_) => Waiting::new(None, scheduler),
        };
        // Nobody has been told of this call yet: what was woken is an earlier one.
        waiting.caller.parker.take_token();
        waiting
    }

    fn put_back(self) {
        // Timers may be left of futures that went elsewhere and were not polled there yet.
        self.driver.evict();
        if self.caller.is_simulated() {
            return;
        }
        let _ = WAITING.try_with(|idle| idle.set(Some(self)));
    }

    /// Takes the wake-up that has come already, if there is one, and then fires what is due. In a
    /// simulation others may come first.
    fn take_wake_up(&self, scheduler: &Scheduler) -> bool {
        let woken = !self.caller.is_simulated() && self.caller.parker.take_token();
        if woken {
            self.fire();
            scheduler.fire_outside_timers();
        }
        woken
    }

    /// Sleeps until the waker is woken, and fires what is due meanwhile.
    fn wait(&self, scheduler: &Scheduler) -> Waited {
        if self.caller.is_simulated() {
            simulation::wait(&self.caller, self.driver.timers());
            return Waited::Woken;
        }
        let parker = &self.caller.parker;
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
                scheduler.thread_will_wait(self.caller.number());
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

impl Drop for Waiting {
    fn drop(&mut self) {
        // A panic has ended the call.
        self.caller.end();
    }
}

/// Polls `future` on this thread until it is done, with the executor of `scheduler` as the current
/// one.
///
/// The thread runs no task. If it is a worker, of whatever executor, a stand-in takes over while it
/// sleeps; the future's polls count as part of the task that called.
#[track_caller]
pub(crate) fn block_on<F: Future>(scheduler: &Arc<Scheduler>, future: F) -> F::Output {
    block_on_at(Location::caller(), scheduler, future)
}

/// The same for a caller at that line: it does not pass through a closure.
#[track_caller]
pub(crate) fn block_on_at<F: Future>(
    line: &'static Location<'static>,
    scheduler: &Arc<Scheduler>,
    future: F,
) -> F::Output {
    simulation::refuse_other_threads(scheduler);
    let _current = context::enter(scheduler);
    let waiting = Waiting::take(scheduler);
    let _leaving = Leaving(scheduler);
    let timers = context::enter_timers(scheduler, waiting.driver.timers(), Some(&waiting.waker));
    waiting.caller.begin(scheduler, line);
    let output = poll_until_done(scheduler, &waiting, future);
    waiting.caller.end();
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
        let recorded = scheduler.record_poll_of(&waiting.caller);
        let poll = future.as_mut().poll(cx);
        if let Some(recorded) = recorded {
            recorded.end(poll.is_ready());
        }
        if let Poll::Ready(output) = poll {
            return output;
        }
        drop(allowance);
        refused::settle();
        if waiting.take_wake_up(scheduler) {
            continue;
        }
        let waited = context::with_worker(|worker| {
            let _call = worker.and_then(Worker::begin_wait);
            waiting.caller.set_waiting(true);
            let waited = waiting.wait(scheduler);
            waiting.caller.set_waiting(false);
            waited
        });
        match waited {
            Waited::Woken => {}
            // Panics here and not in the closure, so that the panic names the caller's line.
            Waited::WouldWaitForEver => scheduler.refuse_in_forked_child(),
        }
    }
}
