//! Bugs that public async code has had, which the simulator finds by itself.
//!
//! Each file has the awaits of one of them, in our own words, before and after its mend: what is
//! locked, sent, spawned and dropped in which order is as it was there, and the rest is left out.
//! Nothing in them helps the simulator. All of them were met in production.
//!
//! | file | project | what goes wrong | seeds that find it |
//! | --- | --- | --- | --- |
//! | `shutdown` | granian | a task that is spawned misses the signal to stop: nobody stores it | a third |
//! | `two_locks` | matrix-rust-sdk | two locks held across awaits, in two orders | a half |
//! | `pool` | sqlx | a cancelled wait takes the wake-up along that it had been given | one in thirty |
//! | `framing` | iroh-gossip | a `select!` drops a future that has read half a message | nearly all |
#![cfg(not(any(loom, shuttle)))]

#[path = "../common/mod.rs"]
mod common;

mod framing;
mod pool;
mod shutdown;
mod two_locks;

use executor::sim::{Failure, FailureKind, Simulation};
use std::future::Future;

/// As many does it take at most to find one of them.
const SEEDS_TO_FIND: u64 = 1_000;

/// In none of so many is one found that has been mended. A release build has all 10,000.
fn seeds_without() -> u64 {
    (2_000 * common::effort() as u64).min(10_000)
}

/// The code before its mend, or after it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Broken,
    Mended,
}

/// Looks for the bug; then for the same failure in the same step, by its seed alone.
#[track_caller]
fn find<F: Future<Output = ()>>(program: fn(Version) -> F, kind: FailureKind) -> Failure {
    let broken = || program(Version::Broken);
    let found = Simulation::new().seed(0).seeds(SEEDS_TO_FIND).run(broken);
    let failure = found.expect_err("it is found");
    println!(
        "seed {}, step {}, after {:?}: {failure}",
        failure.seed(),
        failure.step(),
        failure.time()
    );
    assert_eq!(failure.kind(), kind, "{failure}");
    let replayed = Simulation::new().seed(failure.seed()).run(broken);
    let replayed = replayed.expect_err("it is there again");
    let facts = |failure: &Failure| (failure.kind(), failure.step(), failure.time());
    assert_eq!(facts(&replayed), facts(&failure));
    failure
}

/// Looks as long for the bug where there is none any more.
#[track_caller]
fn find_nothing<F: Future<Output = ()>>(program: fn(Version) -> F) {
    let seeds = seeds_without();
    let mended = Simulation::new().seed(0).seeds(seeds);
    if let Err(failure) = mended.run(|| program(Version::Mended)) {
        panic!("{failure}");
    }
    common::total(seeds as usize, "simulations of mended bugs");
}
