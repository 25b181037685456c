//! Giving way to the other runnable tasks.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Lets the other runnable tasks run first, as Go's `runtime.Gosched` does.
///
/// A task that yields goes to the back of its worker's queue. [`block_on`](crate::block_on) polls a
/// future of its own again at once, because its thread runs no tasks.
///
/// `yield_now` works under any executor: its future wakes its own task and is pending once.
///
/// # Cancel safety
///
/// Cancel safe: nothing is lost.
///
/// # Examples
///
/// ```
/// let task = executor::spawn(async {
///     for _ in 0..3 {
///         // ... a piece of a long computation ...
///         executor::yield_now().await;
///     }
/// });
/// executor::block_on(task)?;
/// # Ok::<(), executor::JoinError>(())
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future that [`yield_now`] returns.
///
/// ```
/// let pause: executor::YieldNow = executor::yield_now();
/// executor::block_on(pause);
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
