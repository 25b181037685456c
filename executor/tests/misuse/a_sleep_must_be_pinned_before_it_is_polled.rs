use std::{future::poll_fn, pin::Pin, time::Duration};

fn main() {
    let mut sleep = executor::time::sleep(Duration::from_secs(1));
    executor::block_on(poll_fn(|cx| Pin::new(&mut sleep).poll(cx))); //~ E0277
}
