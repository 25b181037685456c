//! Simulations: what is the same inside as outside, what is found, and that it is found again.

#[path = "simulate/endings.rs"]
mod endings;
#[path = "simulate/failures.rs"]
mod failures;
#[path = "simulate/inside.rs"]
mod inside;
#[path = "simulate/orders.rs"]
mod orders;
#[path = "simulate/replay.rs"]
mod replay;
#[path = "simulate/time.rs"]
mod time;

mod common;

use executor::sim::{Failure, FailureKind, Simulation};
use std::{future::Future, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Runs a program that is right in any order, in many of them, with all that chance may do.
#[track_caller]
fn with_seeds<F, Fut>(seeds: u64, main: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = ()>,
{
    let _watchdog = common::watchdog(60);
    let plain = Simulation::new().seeds(seeds);
    let hostile = plain.clone().spurious_wakes(0.05);
    let late = plain.clone().lateness(Duration::from_millis(50)).workers(2);
    for simulation in [plain.clone(), plain.workers(1), hostile, late] {
        if let Err(failure) = simulation.check_determinism(true).run(&main) {
            panic!("{failure}");
        }
    }
}

/// Runs a program that is wrong in some orders: it fails with one of so many seeds.
#[track_caller]
fn found_within<F, Fut, T>(seeds: u64, main: F) -> Failure
where
    F: Fn() -> Fut,
    Fut: Future<Output = T>,
{
    let _watchdog = common::watchdog(60);
    match Simulation::new().seeds(seeds).run(&main) {
        Ok(_) => panic!("none of {seeds} seeds has found it"),
        Err(failure) => failure,
    }
}

#[track_caller]
fn assert_kind(failure: &Failure, kind: FailureKind) {
    assert_eq!(failure.kind(), kind, "{failure}");
}
