//! `handoff(false)`: N threads and no monitor, and yet nobody waits longer than for a poll.

use crate::common::{PATIENCE, steady_executor, watchdog, work_for};
use executor::{Executor, JoinHandle, spawn, time::sleep, yield_now};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

#[test]
fn a_poll_may_block_on_what_it_has_spawned_or_woken_while_a_worker_is_free() {
    let _watchdog = watchdog(100);
    let own = steady_executor(2);
    let (wake_up, woken) = async_channel::unbounded::<mpsc::Sender<()>>();
    let echo = own.spawn(async move {
        while let Ok(answer) = woken.recv().await {
            answer.send(()).unwrap();
        }
    });
    let task = own.spawn(async move {
        for round in 0..200 {
            let (done, is_done) = mpsc::channel();
            if round % 2 == 0 {
                spawn(async move { done.send(()).unwrap() });
            } else {
                wake_up.try_send(done).unwrap();
            }
            is_done.recv_timeout(PATIENCE).unwrap();
            if round % 20 == 0 {
                // The other worker falls asleep meanwhile.
                thread::sleep(Duration::from_millis(5));
            }
        }
    });
    own.block_on(task).unwrap();
    own.block_on(echo).unwrap();
}

#[test]
fn a_call_may_wait_for_what_it_has_spawned_while_a_worker_is_free() {
    let _watchdog = watchdog(100);
    let own = steady_executor(2);
    let task = own.spawn(async {
        for _ in 0..100 {
            let child = spawn(async { 7 });
            assert_eq!(executor::block_on(child).unwrap(), 7);
        }
    });
    own.block_on(task).unwrap();
}

/// A poll of these takes so long.
const POLL: Duration = Duration::from_millis(50);

/// Far less than 61 polls, which is what it took when they were counted.
const SOON: Duration = Duration::from_secs(1);

/// Two tasks with long polls on one worker.
fn long_polls(own: &Executor, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<()>> {
    let polls = |_| {
        let stop = stop.clone();
        own.spawn(async move {
            while !stop.load(SeqCst) {
                work_for(POLL);
                yield_now().await;
            }
        })
    };
    (0..2).map(polls).collect()
}

#[test]
fn a_task_and_a_sleep_wait_for_few_long_polls() {
    let _watchdog = watchdog(100);
    let own = steady_executor(1);
    // Many short polls come first.
    own.block_on(own.spawn(async {
        for _ in 0..10_000 {
            yield_now().await;
        }
    }))
    .unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let tasks = long_polls(&own, &stop);
    thread::sleep(2 * POLL);
    let begin = Instant::now();
    own.block_on(own.spawn(async {})).unwrap();
    let fresh = begin.elapsed();
    let begin = Instant::now();
    own.block_on(own.spawn(sleep(Duration::from_millis(5))))
        .unwrap();
    let slept = begin.elapsed();
    stop.store(true, SeqCst);
    for task in tasks {
        own.block_on(task).unwrap();
    }
    assert!(fresh < SOON && slept < SOON, "{fresh:?}, {slept:?}");
}
