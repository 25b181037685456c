//! Tasks that block, or get stuck in a poll: stand-ins come, step back, and end.

use super::{Event, Trial, below, explore};
use crate::{block_in_place, block_on, spawn, sync::shuttle::run_clock, time::sleep, yield_now};
use std::{sync::Arc, time::Duration};

#[test]
fn tasks_that_say_they_block_let_those_run_that_they_wait_for() {
    explore("block in place", 15_000, || {
        let trial = Trial::of_workers_and_stand_ins(1 + below(2), 2);
        let clock = run_clock();
        for _ in 0..2 {
            let event = Event::new();
            let blocked = (0..2).map(|_| {
                let event = event.clone();
                trial.executor.spawn(trial.tasks.track(async move {
                    block_in_place(|| event.wait_blocking());
                    yield_now().await;
                }))
            });
            let mut all: Vec<_> = blocked.collect();
            let event = event.clone();
            let setting = async move {
                yield_now().await;
                event.set();
            };
            all.push(trial.executor.spawn(trial.tasks.track(setting)));
            all.into_iter()
                .for_each(|task| trial.executor.block_on(task).unwrap());
        }
        assert_eq!(trial.tasks.finished(), 6);
        drop(clock);
        trial.end();
    });
}

/// In the next slot, by the same poll or by the blocking call itself.
#[test]
fn what_a_blocking_call_waits_for_runs_wherever_it_was_spawned() {
    explore("block in place on a child", 15_000, || {
        let trial = Trial::of_workers_and_stand_ins(1 + below(2), 1);
        let clock = run_clock();
        let tasks = trial.tasks.clone();
        let parent = trial.executor.spawn(trial.tasks.track(async move {
            let event = Event::new();
            let setting = event.clone();
            let spawn_child = || spawn(tasks.track(async move { setting.set() }));
            let child = if below(2) == 0 {
                let child = spawn_child();
                block_in_place(|| event.wait_blocking());
                child
            } else {
                block_in_place(|| {
                    let child = spawn_child();
                    event.wait_blocking();
                    child
                })
            };
            child.await.unwrap();
        }));
        trial.executor.block_on(parent).unwrap();
        assert_eq!(trial.tasks.finished(), 2);
        drop(clock);
        trial.end();
    });
}

#[test]
fn a_sleep_ends_though_the_worker_that_polled_it_blocks() {
    explore("a blocked worker's timers", 10_000, || {
        let trial = Trial::of_workers_and_stand_ins(1, 1);
        let clock = run_clock();
        let event = Event::new();
        let setting = event.clone();
        let sleeps = trial.executor.spawn(trial.tasks.track(async move {
            sleep(Duration::from_millis(1)).await;
            setting.set();
        }));
        let blocks = trial.executor.spawn(trial.tasks.track(async move {
            yield_now().await;
            block_in_place(|| event.wait_blocking());
        }));
        trial.executor.block_on(sleeps).unwrap();
        trial.executor.block_on(blocks).unwrap();
        assert_eq!(trial.tasks.finished(), 2);
        drop(clock);
        trial.end();
    });
}

/// Time stands still: the hand-off is the waiting task's own doing.
#[test]
fn a_nested_block_on_lets_the_task_run_that_it_waits_for() {
    explore("nested block_on", 15_000, || {
        let trial = Trial::of_workers_and_stand_ins(1 + below(2), 2);
        let nested = (0..2).map(|_| {
            let tasks = trial.tasks.clone();
            trial.executor.spawn(trial.tasks.track(async move {
                for _ in 0..2 {
                    block_on(spawn(tasks.track(yield_now()))).unwrap();
                }
            }))
        });
        let nested: Vec<_> = nested.collect();
        nested
            .into_iter()
            .for_each(|task| trial.executor.block_on(task).unwrap());
        assert_eq!(trial.tasks.finished(), 6);
        trial.end();
    });
}

/// The monitor finds out by itself.
#[test]
fn polls_that_are_stuck_give_their_places_away_and_come_back() {
    explore("stuck polls", 15_000, || {
        let trial = Trial::of_workers_and_stand_ins(1 + below(2), 2);
        let clock = run_clock();
        let event = Event::new();
        let stuck = (0..2).map(|_| {
            let (event, tasks) = (event.clone(), trial.tasks.clone());
            trial.executor.spawn(trial.tasks.track(async move {
                // Behind it in the next slot, and in the queue.
                let behind: Vec<_> = (0..2).map(|_| spawn(tasks.track(yield_now()))).collect();
                event.wait_blocking();
                for task in behind {
                    task.await.unwrap();
                }
            }))
        });
        let mut all: Vec<_> = stuck.collect();
        let setting = event.clone();
        all.push(
            trial
                .executor
                .spawn(trial.tasks.track(async move { setting.set() })),
        );
        all.into_iter()
            .for_each(|task| trial.executor.block_on(task).unwrap());
        assert_eq!(trial.tasks.finished(), 7);
        drop(clock);
        trial.end();
    });
}

#[test]
fn spares_end_while_new_tasks_come_and_some_block_again() {
    explore("spares that end", 10_000, || {
        let trial = Trial::of_workers_and_stand_ins(1, 2);
        let clock = run_clock();
        for _ in 0..2 {
            let event = Event::new();
            let setting = event.clone();
            let blocked = trial.executor.spawn(trial.tasks.track(async move {
                block_in_place(|| event.wait_blocking());
            }));
            let setting = trial
                .executor
                .spawn(trial.tasks.track(async move { setting.set() }));
            trial.executor.block_on(setting).unwrap();
            trial.executor.block_on(blocked).unwrap();
            // As long as a spare waits.
            trial.executor.block_on(sleep(Duration::from_secs(10)));
            trial
                .executor
                .block_on(trial.executor.spawn(trial.tasks.track(async {})))
                .unwrap();
        }
        assert_eq!(trial.tasks.finished(), 6);
        drop(clock);
        trial.end();
    });
}

#[test]
fn sleeps_end_on_whichever_worker_they_are() {
    explore("timers", 15_000, || {
        let trial = Trial::of_workers_and_stand_ins(2, 1);
        let clock = run_clock();
        let event = Event::new();
        let sleepers = (0..3).map(|number| {
            let event: Arc<Event> = event.clone();
            trial.executor.spawn(trial.tasks.track(async move {
                sleep(Duration::from_millis(number)).await;
                yield_now().await;
                if number == 2 {
                    event.set();
                    // The worker's other timers, if it has any, are in the monitor's care.
                    block_in_place(|| event.wait_blocking());
                }
                sleep(Duration::from_micros(300 * number)).await;
            }))
        });
        let sleepers: Vec<_> = sleepers.collect();
        trial.executor.block_on(event.wait());
        trial.executor.block_on(sleep(Duration::from_millis(1)));
        sleepers
            .into_iter()
            .for_each(|task| trial.executor.block_on(task).unwrap());
        assert_eq!(trial.tasks.finished(), 3);
        drop(clock);
        trial.end();
    });
}
