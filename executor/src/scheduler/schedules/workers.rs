//! N changes while tasks run, block and are stuck; and while the executor ends.

use super::{Event, Tasks, Trial, below, explore};
use crate::{Handle, block_in_place, spawn, sync::shuttle::run_clock, yield_now};
use shuttle::thread;
use std::sync::Arc;

/// The threads that there may be, and so the most that N can be.
const THREADS: usize = 3;

fn change(handle: &Handle) {
    let before = handle.set_workers(1 + below(THREADS)).unwrap();
    assert!((1..=THREADS).contains(&before));
}

/// Changes N now and then, on a thread of its own.
fn spawn_changes(trial: &Trial) -> thread::JoinHandle<()> {
    let handle = trial.handle();
    thread::spawn(move || {
        for _ in 0..3 {
            change(&handle);
            thread::yield_now();
        }
    })
}

/// Spawns another one, and changes N itself.
async fn busy(tasks: Tasks) {
    let child = spawn(tasks.track(yield_now()));
    change(&Handle::current());
    yield_now().await;
    child.await.unwrap();
}

/// No clock runs: the monitor makes up for no wake-up that is lost.
#[test]
fn tasks_go_on_while_n_changes() {
    explore("N changes", 15_000, || {
        let workers = 1 + below(2);
        let trial = Trial::of_workers_and_stand_ins(workers, THREADS - workers);
        let changes = spawn_changes(&trial);
        let spawn_one = |_| {
            trial
                .executor
                .spawn(trial.tasks.track(busy(trial.tasks.clone())))
        };
        let tasks: Vec<_> = (0..3).map(spawn_one).collect();
        for task in tasks {
            trial.executor.block_on(task).unwrap();
        }
        changes.join().unwrap();
        assert_eq!(trial.tasks.finished(), 6);
        trial.end();
    });
}

#[test]
fn tasks_that_block_or_are_stuck_delay_nobody_while_n_changes() {
    explore("N changes beside tasks that block", 15_000, || {
        let workers = 1 + below(2);
        let trial = Trial::of_workers_and_stand_ins(workers, THREADS - workers);
        let clock = run_clock();
        let changes = spawn_changes(&trial);
        let event = Event::new();
        let blocked = (0..2).map(|number| {
            let event: Arc<Event> = event.clone();
            trial.executor.spawn(trial.tasks.track(async move {
                if number == 0 {
                    block_in_place(|| event.wait_blocking());
                } else {
                    event.wait_blocking();
                }
                change(&Handle::current());
                yield_now().await;
            }))
        });
        let mut all: Vec<_> = blocked.collect();
        let setting = event.clone();
        let set = async move {
            yield_now().await;
            setting.set();
        };
        all.push(trial.executor.spawn(trial.tasks.track(set)));
        for task in all {
            trial.executor.block_on(task).unwrap();
        }
        changes.join().unwrap();
        assert_eq!(trial.tasks.finished(), 3);
        drop(clock);
        trial.end();
    });
}

#[test]
fn the_end_comes_while_n_changes() {
    explore("the end while N changes", 15_000, || {
        let workers = 1 + below(2);
        let trial = Trial::of_workers_and_stand_ins(workers, THREADS - workers);
        let changes = spawn_changes(&trial);
        for _ in 0..2 {
            drop(trial.executor.spawn(trial.tasks.track(async {
                yield_now().await;
                change(&Handle::current());
                Event::new().wait().await;
            })));
        }
        trial.end();
        changes.join().unwrap();
    });
}
