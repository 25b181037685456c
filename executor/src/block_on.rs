//! Running a future on the thread that asks for it.

use crate::{
    clock::{self, NEVER},
    parker::Parker,
    scheduler::{Scheduler, context},
    sync::thread_local,
    timer::pool::Shard,
};
use std::{
    cell::Cell,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

/// Where a thread waits for the future it blocks on.
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
    timers: Shard,
}

thread_local! {
    /// Not there while a call uses it. A waker that outlives its call causes no more than one
    /// needless poll in a later one.
    static WAITING: Cell<Option<Waiting>> = const { Cell::new(None) };
}

impl Waiting {
    fn take() -> Waiting {
        // Not accessible any more while the thread ends, and taken while an outer call is under way.
        let idle = WAITING.try_with(Cell::take).ok().flatten();
        idle.unwrap_or_else(|| {
            let signal = Arc::new(Signal(Parker::new()));
            let timers = Shard::take();
            timers.set_attended(true);
            Waiting {
                waker: Waker::from(signal.clone()),
                signal,
                timers,
            }
        })
    }

    fn put_back(self) {
        // Of futures that went elsewhere, without having been polled there yet.
        self.timers.evict();
        let _ = WAITING.try_with(|idle| idle.set(Some(self)));
    }

    /// Whether the waker has been woken already. Fires the timers that are due.
    fn is_over(&self) -> bool {
        let over = self.signal.0.take_token();
        if over && self.timers.next_due() != NEVER {
            self.timers.fire(clock::now(), usize::MAX);
        }
        over
    }

    /// Sleeps until the waker is woken, and fires the timers that are due.
    fn wait(&self, scheduler: &Scheduler) {
        let Signal(parker) = &*self.signal;
        loop {
            let due = self.timers.next_due();
            if due == NEVER {
                if !parker.take_token() {
                    scheduler.refuse_in_forked_child();
                    parker.park();
                }
                return;
            }
            let woken = parker.park_until(clock::instant(due));
            self.timers.fire(clock::now(), usize::MAX);
            if woken {
                return;
            }
        }
    }
}

/// Polls `future` on this thread until it is done, as part of the executor of `scheduler`.
///
/// The thread runs no task. If it is a worker, of whatever executor, its place is handed over while
/// it sleeps; the future's polls count as part of the task that called.
pub(crate) fn block_on<F: Future>(scheduler: &Arc<Scheduler>, future: F) -> F::Output {
    let _current = context::enter(scheduler);
    let waiting = Waiting::take();
    let timers = context::enter_timers(waiting.timers.timers(), Some(&waiting.waker));
    let output = poll_until_done(scheduler, &waiting, future);
    drop(timers);
    waiting.put_back();
    output
}

fn poll_until_done<F: Future>(scheduler: &Scheduler, waiting: &Waiting, future: F) -> F::Output {
    let mut future = pin!(future);
    let cx = &mut Context::from_waker(&waiting.waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return output;
        }
        if waiting.is_over() {
            continue;
        }
        context::with_worker(|worker| {
            let _blocked = worker.and_then(|worker| worker.block());
            waiting.wait(scheduler);
        });
    }
}
