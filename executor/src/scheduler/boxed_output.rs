//! Large outputs, which are put into a box in the moment in which the future yields them.
//!
//! Without optimization each function that a value passes through copies it on the stack, once or
//! more. Between a future and whoever awaits its task lie a dozen of these.

use std::{
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll},
};

/// The output of a future that was ready.
pub(crate) struct BoxedOutput<T>(Box<Poll<T>>);

impl<T> BoxedOutput<T> {
    /// The output itself.
    pub(crate) fn unbox(self) -> T {
        match *self.0 {
            Poll::Ready(output) => output,
            Poll::Pending => unreachable!("it is boxed once it is ready"),
        }
    }
}

/// A future that boxes its output.
pub(crate) struct Boxing<F: Future> {
    future: F,
    /// For what a poll returns. As large as the task would be without the box.
    place: Option<Box<MaybeUninit<Poll<F::Output>>>>,
}

impl<F: Future> Boxing<F> {
    pub(crate) fn new(future: F) -> Boxing<F> {
        Boxing {
            future,
            place: None,
        }
    }
}

impl<F: Future + Unpin> Future for Boxing<F> {
    type Output = BoxedOutput<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let place = this.place.get_or_insert_with(Box::new_uninit);
        poll_into(place, Pin::new(&mut this.future), cx);
        // SAFETY: `poll_into` has filled it.
        if unsafe { place.assume_init_ref() }.is_pending() {
            return Poll::Pending;
        }
        let place = this.place.take().expect("it was filled just now");
        // SAFETY: as above.
        Poll::Ready(BoxedOutput(unsafe { place.assume_init() }))
    }
}

// What is in the place is moved only, so the future inside alone decides whether this may be moved.
impl<F: Future + Unpin> Unpin for Boxing<F> {}

/// A function of its own, so that little is on the stack while the future is polled. What was in
/// the place is pending, or nothing at all, and needs no drop.
#[inline(never)]
fn poll_into<F: Future>(
    place: &mut MaybeUninit<Poll<F::Output>>,
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
) {
    place.write(future.poll(cx));
}
