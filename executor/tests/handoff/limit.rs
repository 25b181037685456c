//! At the limit of threads: nobody comes in a blocked one's stead, and those that come back are
//! fair to all.

use crate::common::watchdog;
use executor::{Executor, block_in_place, time::sleep, yield_now};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

const NAP: Duration = Duration::from_millis(20);

/// Far less than 61 naps, which is what it took when polls were counted.
const SOON: Duration = Duration::from_millis(600);

/// Two threads, both of which block and yield all the time, in this way.
fn beside_blocking_tasks(block: fn(), measure: impl FnOnce(&Executor) -> Duration) -> Duration {
    let own = Executor::builder()
        .workers(2)
        .max_threads(2)
        .build()
        .unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let stop = stop.clone();
            own.spawn(async move {
                while !stop.load(SeqCst) {
                    block();
                    yield_now().await;
                }
            })
        })
        .collect();
    thread::sleep(10 * NAP);
    let took = measure(&own);
    stop.store(true, SeqCst);
    for task in tasks {
        own.block_on(task).unwrap();
    }
    took
}

fn fresh_task(own: &Executor) -> Duration {
    let begin = Instant::now();
    own.block_on(own.spawn(async {})).unwrap();
    begin.elapsed()
}

fn short_sleep(own: &Executor) -> Duration {
    let begin = Instant::now();
    own.block_on(own.spawn(sleep(Duration::from_millis(5))))
        .unwrap();
    begin.elapsed()
}

fn announced() {
    block_in_place(|| thread::sleep(NAP));
}

fn unannounced() {
    thread::sleep(NAP);
}

#[test]
fn a_fresh_task_does_not_wait_for_sixty_calls() {
    let _watchdog = watchdog(100);
    for block in [announced, unannounced] {
        let took = beside_blocking_tasks(block, fresh_task);
        assert!(took < SOON, "{took:?}");
    }
}

#[test]
fn a_sleep_does_not_wait_for_sixty_calls() {
    let _watchdog = watchdog(100);
    for block in [announced, unannounced] {
        let took = beside_blocking_tasks(block, short_sleep);
        assert!(took < SOON, "{took:?}");
    }
}
