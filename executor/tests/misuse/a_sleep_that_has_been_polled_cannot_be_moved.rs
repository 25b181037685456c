use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

fn main() {
    let mut sleep = pin!(executor::time::sleep(Duration::from_secs(1)));
    executor::block_on(poll_fn(|cx| {
        Poll::Ready(sleep.as_mut().poll(cx).is_ready())
    }));
    let moved = *sleep; //~ E0507
    executor::block_on(moved);
}
