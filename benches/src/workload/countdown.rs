//! A count of tasks that still have to come by, and the future that waits for the last.

use futures::task::AtomicWaker;
use std::{
    future::{Future, poll_fn},
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
};

/// Counts down to zero, once.
///
/// It is leaked, a few bytes for each run of a workload: tasks refer to it as goroutines refer to
/// what they capture, and no reference count is measured with them.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Countdown {
    left: AtomicUsize,
    waiter: AtomicWaker,
}

impl Countdown {
    pub(super) fn leaked(from: usize) -> &'static Countdown {
        Box::leak(Box::new(Countdown {
            left: AtomicUsize::new(from),
            waiter: AtomicWaker::new(),
        }))
    }

    /// Counts one.
    pub(super) fn count(&self) {
        // Ordering: pairs with the load in `wait`, which sees what was done before each count.
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.waiter.wake();
        }
    }

    /// Waits for zero; for one waiter.
    pub(super) fn wait(&'static self) -> impl Future<Output = ()> + Send + 'static {
        poll_fn(|cx| {
            // Registered before the look: a count that comes after the look wakes.
            self.waiter.register(cx.waker());
            match self.left.load(Ordering::Acquire) {
                0 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
    }
}
