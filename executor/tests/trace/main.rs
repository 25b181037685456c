//! The promises of `Handle::trace`: what happens is in the trace, once, in order, and where it
//! happened; and files are what their readers expect.
#![cfg(all(feature = "trace", not(any(loom, shuttle))))]

#[path = "../common/mod.rs"]
mod common;

mod chrome;
mod dumps;
mod events;
mod page;
mod summaries;
mod to_file;

use executor::trace::Trace;
use std::{
    thread,
    time::{Duration, Instant},
};

/// The trace in Chrome's format, checked, and taken apart.
fn chrome(trace: &Trace) -> chrome::Chrome {
    let mut json = Vec::new();
    trace.write_chrome(&mut json).unwrap();
    chrome::Chrome::parse(&json)
}

/// Keeps its thread busy for so long.
fn compute(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}

fn pause() {
    thread::sleep(Duration::from_millis(1));
}
