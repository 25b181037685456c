//! Promises that need no thread beside the executor's: they are kept by an executor, as part of
//! the contract, and in a simulation, as `simulated_contract`. Who has this module says by a macro
//! `promises!` how they are put to the test.

mod aborting;
mod blocking;
mod joining;
mod sets;
mod tasks;
mod timing;

use crate::common::PATIENCE;
use executor::time::{now, sleep};
use std::{fmt::Display, time::Duration};

/// Waits until `condition` holds, which it must soon.
#[track_caller]
fn until(what: impl Display, condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let (mut condition, start) = (condition, now());
    async move {
        while !condition() {
            assert!(now() - start < PATIENCE, "waited in vain until {what}");
            sleep(Duration::from_micros(200)).await;
        }
    }
}

/// Gives way so often that whatever was runnable has had its turn, perhaps.
async fn give_way() {
    for _ in 0..3 {
        executor::yield_now().await;
    }
}
