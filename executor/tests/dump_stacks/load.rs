//! Many tasks, and work beside the dumps.

use super::{HOUR, LONG, all_wait, alone, common, info};
use common::{effort, executor, watchdog};
use executor::{Executor, time::sleep};
use futures::{StreamExt, stream::FuturesUnordered};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// A ticker beside a dump of many tasks. Returns how long the dump took, and the longest time in
/// which the ticker was silent.
fn ticker_beside_a_dump(own: &Executor, tasks: usize) -> (Duration, Duration) {
    let longest = Arc::new(AtomicU64::new(0));
    let ticker = own.spawn({
        let longest = longest.clone();
        async move {
            let mut last = Instant::now();
            loop {
                sleep(Duration::from_millis(1)).await;
                longest.fetch_max(last.elapsed().as_nanos() as u64, Relaxed);
                last = Instant::now();
            }
        }
    });
    for _ in 0..tasks {
        own.spawn(async { sleep(HOUR).await });
    }
    // The ticker is there, or running.
    common::eventually("all tasks wait", || {
        own.metrics().suspended_tasks() >= tasks
    });
    longest.store(0, Relaxed);
    let start = Instant::now();
    let dump = own.handle().dump_stacks(6 * LONG);
    let took = start.elapsed();
    let longest = Duration::from_nanos(longest.load(Relaxed));
    let told = dump.tasks().iter().filter(|task| task.stacks().len() == 1);
    assert!(told.count() >= tasks);
    let groups = dump.groups();
    assert!(groups.len() <= 4, "{dump}");
    ticker.abort();
    (took, longest)
}

#[test]
fn others_go_on_while_many_are_asked() {
    let _alone = alone();
    let _watchdog = watchdog(100);
    let own = executor(2);
    let tasks = 100_000 * effort();
    let (took, silent) = ticker_beside_a_dump(&own, tasks);
    println!("{tasks} stacks in {took:?}, the ticker was silent for {silent:?} at most");
    // A machine that does other things as well stops any thread for longer than a dump would.
    assert!(silent < Duration::from_millis(500), "{silent:?}");
    assert!(took < 2 * LONG);
}

/// Each step waits in another way. Returns the number of steps.
async fn work(rounds: u64) -> u64 {
    let mut sum = 0;
    for round in 0..rounds {
        let (send, receive) = async_channel::bounded(1);
        let sender = executor::spawn(async move {
            executor::yield_now().await;
            send.send(round).await.unwrap();
        });
        let mut received = FuturesUnordered::from_iter([receive.recv()]);
        let (value, ()) = futures::join!(received.next(), sleep(Duration::from_micros(50)));
        sum += value.unwrap().unwrap() - round + 1;
        sender.await.unwrap();
    }
    sum
}

#[test]
fn dumps_in_a_loop_change_no_result() {
    let _alone = alone();
    let _watchdog = watchdog(100);
    let own = executor(2);
    let is_over = Arc::new(AtomicBool::new(false));
    let dumper = thread::spawn({
        let (handle, is_over) = (own.handle(), is_over.clone());
        move || {
            let mut dumps = 0_u64;
            while !is_over.load(Relaxed) {
                let dump = handle.dump_stacks(LONG);
                assert!(
                    dump.tasks().iter().all(|task| task.stacks().len() <= 4),
                    "{dump}"
                );
                dumps += 1;
            }
            dumps
        }
    });
    let rounds = 500 * effort() as u64;
    let tasks: Vec<_> = (0..20).map(|_| own.spawn(work(rounds))).collect();
    for task in tasks {
        assert_eq!(own.block_on(task).unwrap(), rounds);
    }
    is_over.store(true, Relaxed);
    assert!(dumper.join().unwrap() > 0);
    assert_eq!(own.metrics().suspended_tasks(), 0);
}

#[test]
fn tasks_are_told_by_groups() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = executor(2);
    let tasks: Vec<_> = (0..50).map(|_| own.spawn(sleep(HOUR))).collect();
    own.spawn(futures::future::pending::<()>());
    all_wait(&own, 51);
    let dump = own.handle().dump_stacks(LONG);
    let text = dump.to_string();
    assert_eq!(text.matches("sleep.rs").count(), 1, "{text}");
    assert!(text.contains("50"), "{text}");
    assert!(
        tasks
            .iter()
            .all(|task| info(&dump, task.id()).stacks().len() == 1)
    );
}
