//! Futures that are polled by hand, with a waker that takes stacks; and a scheduler of one thread
//! that is asked for them.

mod rounds;
mod traces;

use std::{
    future::poll_fn,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

/// Where a leaf puts its waker.
type Place = Arc<Mutex<Vec<Waker>>>;

fn leave_waker(place: &Place, cx: &Context<'_>) {
    place.lock().unwrap().push(cx.waker().clone());
}

/// A line of `leave_forever`.
const INNER: u32 = line!() + 3;
async fn leave_forever(place: Place) {
    poll_fn(|cx| {
        leave_waker(&place, cx);
        Poll::<()>::Pending
    })
    .await;
}
