//! What may run before what: as on threads, of which each may lose its core at any time.

use crate::{assert_kind, common, found_within};
use executor::{
    sim::{FailureKind, Simulation},
    spawn,
};
use std::{
    collections::HashSet,
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

/// The order in which three tasks run that come into one queue in turn.
async fn order() -> Vec<usize> {
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..3)
        .map(|i| {
            let order = order.clone();
            spawn(async move { order.lock().unwrap().push(i) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    mem::take(&mut order.lock().unwrap())
}

#[test]
fn tasks_of_one_queue_are_polled_in_any_order() {
    let _watchdog = common::watchdog(60);
    for workers in [2, 4] {
        let simulation = Simulation::new().workers(workers);
        let of_main: HashSet<_> = (0..2_000)
            .map(|seed| simulation.clone().seed(seed).run(order).unwrap())
            .collect();
        // A worker that holds one of three leaves two for the other.
        let least = if workers == 2 { 3 } else { 6 };
        assert!(of_main.len() >= least, "{workers} workers: {of_main:?}");
    }
}

#[test]
fn a_task_that_relies_on_having_been_spawned_later_is_found() {
    let failure = found_within(1_000, || async {
        let is_ready = Arc::new(AtomicBool::new(false));
        let ready = is_ready.clone();
        let prepares = spawn(async move { ready.store(true, SeqCst) });
        let uses = spawn(async move { assert!(is_ready.load(SeqCst), "used before") });
        prepares.await.unwrap();
        uses.await.unwrap();
    });
    assert_kind(&failure, FailureKind::Panic);
}
