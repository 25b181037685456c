//! Running a future on the thread that asks for it.

use crate::{
    parker::Parker,
    scheduler::{Scheduler, context},
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

thread_local! {
    /// The signal of this thread, and its waker; not there while a call uses it. A waker that
    /// outlives its call causes no more than one needless poll in a later one.
    static SIGNAL: Cell<Option<(Arc<Signal>, Waker)>> = const { Cell::new(None) };
}

fn take_signal() -> (Arc<Signal>, Waker) {
    // Not accessible any more while the thread ends, and taken while an outer call is under way.
    let idle = SIGNAL.try_with(Cell::take).ok().flatten();
    idle.unwrap_or_else(|| {
        let signal = Arc::new(Signal(Parker::new()));
        (signal.clone(), Waker::from(signal))
    })
}

/// Polls `future` on this thread until it is done, as part of the executor of `scheduler`.
///
/// The thread runs no task. If it is a worker, of whatever executor, its place is handed over while
/// it sleeps; the future's polls count as part of the task that called.
pub(crate) fn block_on<F: Future>(scheduler: &Arc<Scheduler>, future: F) -> F::Output {
    let _current = context::enter(scheduler);
    let mut future = pin!(future);
    let (signal, waker) = take_signal();
    let cx = &mut Context::from_waker(&waker);
    let output = loop {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            break output;
        }
        context::with_worker(|worker| {
            let _blocked = worker.and_then(|worker| worker.block());
            signal.0.park();
        });
    };
    let _ = SIGNAL.try_with(|idle| idle.set(Some((signal, waker))));
    output
}
