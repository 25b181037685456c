//! A future that is counted while it lives.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::Guard;

pin_project! {
    /// A future that its group counts until it is finished or dropped.
    ///
    /// [`WaitGroup::track`](crate::WaitGroup::track) makes it.
    ///
    /// # Panics
    ///
    /// A poll panics if the future inside does, and if an earlier poll has finished or panicked.
    /// The drop may panic as the drop of a [`Guard`] does.
    ///
    /// # Cancel safety
    ///
    /// Dropping a `Track` drops the future inside, and then counts it off.
    ///
    /// # Examples
    ///
    /// ```
    /// use waitgroup::WaitGroup;
    ///
    /// let group = WaitGroup::new();
    /// let answer = group.track(async { 42 });
    /// assert_eq!(group.count(), 1);
    /// assert_eq!(futures::executor::block_on(answer), 42);
    /// assert_eq!(group.count(), 0);
    /// ```
    #[must_use = "futures do nothing unless awaited"]
    pub struct Track<F> {
        // Fields are dropped in their order: first the future, then the guard. Must agree with
        // `release`.
        #[pin]
        future: Option<F>,
        guard: Option<Guard>,
    }
}

impl<F> Track<F> {
    pub(crate) fn new(future: F, guard: Guard) -> Track<F> {
        Track {
            future: Some(future),
            guard: Some(guard),
        }
    }

    /// Drops the future, then counts it off, even if the future's drop panics. Must agree with the
    /// order of the fields.
    fn release(self: Pin<&mut Self>) {
        let mut this = self.project();
        let _dropped_last = this.guard.take();
        this.future.set(None);
    }
}

impl<F: Future> Track<F> {
    fn poll_future(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().future.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => panic!("`Track` polled after it finished or panicked; await it only once"),
        }
    }
}

impl<F: Future> Future for Track<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut over = ReleaseOnDrop(self);
        let poll = over.0.as_mut().poll_future(cx);
        if poll.is_pending() {
            mem::forget(over);
        }
        poll
    }
}

/// Releases the future of a `Track` when it is finished, and when its poll panics.
struct ReleaseOnDrop<'a, F>(Pin<&'a mut Track<F>>);

impl<F> Drop for ReleaseOnDrop<'_, F> {
    fn drop(&mut self) {
        self.0.as_mut().release();
    }
}

impl<F> fmt::Debug for Track<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Track")
            .field("finished", &self.guard.is_none())
            .finish_non_exhaustive()
    }
}
