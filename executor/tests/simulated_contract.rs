//! The promises of the contract that need no thread beside the executor's, simulated: each with
//! many seeds, and with timers that are late and tasks that are woken for nothing.
#![cfg(not(any(loom, shuttle)))]

mod common;

/// A test each, whose body is simulated: as the main future, and as a task.
macro_rules! promises {
    ($(async fn $promise:ident() $body:block)*) => {
        $(
            #[test]
            fn $promise() {
                async fn promise() $body
                crate::keep(promise);
            }
        )*
    };
}

#[path = "contract/anywhere/mod.rs"]
mod anywhere;

use executor::sim::Simulation;
use std::time::Duration;

/// As many times as long if `EXECUTOR_TEST_EFFORT` asks for it: `scripts/marathon` has twenty times
/// as many.
const SEEDS: u64 = 50;

fn keep<F: Future<Output = ()> + Send + 'static>(promise: fn() -> F) {
    let _watchdog = common::watchdog(60);
    let seeds = SEEDS * common::asked_effort() as u64;
    let simulation = || Simulation::new().seed(0).seeds(seeds);
    let simulations = [
        simulation(),
        simulation().workers(1),
        simulation().lateness(Duration::from_millis(2)),
        simulation().spurious_wakes(0.02),
    ];
    for simulation in simulations {
        let as_a_task = || async move { executor::spawn(promise()).await.unwrap() };
        let kept = simulation.run(promise);
        if let Err(failure) = kept.and_then(|()| simulation.run(as_a_task)) {
            panic!("{failure}");
        }
    }
    common::total(8 * seeds as usize, "simulations of promises");
}
