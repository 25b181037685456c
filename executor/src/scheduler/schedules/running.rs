//! Tasks that spawn, wait, wake each other and are aborted, on workers alone: no monitor makes up
//! for a wake-up that is lost.

use super::{Event, Tasks, Trial, below, explore};
use crate::{JoinHandle, spawn, yield_now};
use shuttle::thread;
use std::{
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
};

const WORKERS: usize = 3;

/// A task and those below it; how many they are.
fn tree(tasks: Tasks, depth: usize) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        let mut sum = 1;
        if depth > 0 {
            let children =
                (0..below(4)).map(|_| spawn(tasks.track(tree(tasks.clone(), depth - 1))));
            let children: Vec<_> = children.collect();
            if below(2) == 0 {
                yield_now().await;
            }
            for child in children {
                sum += child.await.unwrap();
            }
        }
        sum
    })
}

#[test]
fn trees_of_tasks_are_run_once_each() {
    explore("trees of tasks", 15_000, || {
        let trial = Trial::of_workers(WORKERS);
        let spawn = |_| {
            trial
                .executor
                .spawn(trial.tasks.track(tree(trial.tasks.clone(), 2)))
        };
        let roots: Vec<_> = (0..2).map(spawn).collect();
        let sum = roots
            .into_iter()
            .map(|root| trial.executor.block_on(root).unwrap());
        assert_eq!(sum.sum::<usize>(), trial.tasks.made());
        assert_eq!(trial.tasks.finished(), trial.tasks.made());
        trial.end();
    });
}

#[test]
fn a_queue_that_overflows_while_it_is_stolen_from_loses_nothing() {
    explore("overflow", 15_000, || {
        let trial = Trial::of_workers(WORKERS);
        let tasks = trial.tasks.clone();
        let many = trial.executor.spawn(async move {
            let many: Vec<_> = (0..10).map(|_| spawn(tasks.track(yield_now()))).collect();
            for one in many {
                one.await.unwrap();
            }
        });
        trial.executor.block_on(many).unwrap();
        assert_eq!(trial.tasks.finished(), 10);
        trial.end();
    });
}

#[test]
fn threads_that_spawn_and_wait_find_a_worker_awake_each_time() {
    explore("spawn and wait from outside", 15_000, || {
        let trial = Trial::of_workers(2);
        let outside = (0..2).map(|_| {
            let (handle, tasks) = (trial.handle(), trial.tasks.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    handle
                        .block_on(handle.spawn(tasks.track(async {})))
                        .unwrap();
                }
            })
        });
        let outside: Vec<_> = outside.collect();
        outside
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(trial.tasks.finished(), 4);
        trial.end();
    });
}

/// No worker sleeps while a task waits: else those that block their workers, without a word, would
/// wait for the last one for ever. Time stands still, and with it the monitor, if there is one.
#[test]
fn as_many_tasks_run_at_once_as_there_are_workers() {
    explore("all workers at once", 15_000, || {
        let trial = if below(2) == 0 {
            Trial::of_workers(WORKERS)
        } else {
            Trial::of_workers_and_stand_ins(WORKERS, 0)
        };
        let event = Event::new();
        let blocks = |event: &Arc<Event>| {
            let event = event.clone();
            trial.tasks.track(async move { event.wait_blocking() })
        };
        let (handle, first, second) = (trial.handle(), blocks(&event), blocks(&event));
        let outside = thread::spawn(move || handle.spawn(first));
        let tasks = trial.tasks.clone();
        let setting = event.clone();
        // In the local queue. The other one is in the next slot, for which nobody is woken.
        let parent = trial.executor.spawn(trial.tasks.track(async move {
            let set = spawn(tasks.track(async move { setting.set() }));
            let last = spawn(tasks.track(async {}));
            second.await;
            set.await.unwrap();
            last.await.unwrap();
        }));
        trial.executor.block_on(parent).unwrap();
        let outside = outside.join().unwrap();
        trial.executor.block_on(outside).unwrap();
        assert_eq!(trial.tasks.finished(), 5);
        trial.end();
    });
}

/// A worker that has just run a task, and so is no searcher, takes both. The other one may have
/// looked before they were in its queue.
#[test]
fn two_tasks_that_one_worker_takes_from_outside_run_at_once() {
    // So many, because one in some ten thousand is the one that matters.
    explore("two tasks from outside", 100_000, || {
        let trial = Trial::of_workers(2);
        let event = Event::new();
        let runs = trial.executor.spawn(trial.tasks.track(yield_now()));
        let waiting = event.clone();
        let waits = async move { waiting.wait_blocking() };
        let waits = trial.executor.spawn(trial.tasks.track(waits));
        let sets = async move { event.set() };
        let sets = trial.executor.spawn(trial.tasks.track(sets));
        for task in [runs, waits, sets] {
            trial.executor.block_on(task).unwrap();
        }
        trial.end();
    });
}

#[test]
fn tasks_that_exchange_messages_all_come_to_their_end() {
    explore("messages between tasks", 15_000, || {
        let trial = Trial::of_workers(WORKERS);
        let events: Arc<Vec<_>> = Arc::new((0..6).map(|_| Event::new()).collect());
        let players = (0..2).map(|player| {
            let (events, tasks) = (events.clone(), trial.tasks.clone());
            let play = async move {
                // Each sets every other event and waits for those in between.
                for (turn, event) in events.iter().enumerate() {
                    if turn % 2 == player {
                        event.set();
                    } else {
                        event.wait().await;
                    }
                }
                spawn(tasks.track(yield_now())).await.unwrap();
            };
            trial.executor.spawn(trial.tasks.track(play))
        });
        let players: Vec<_> = players.collect();
        players
            .into_iter()
            .for_each(|player| trial.executor.block_on(player).unwrap());
        assert_eq!(trial.tasks.finished(), 4);
        trial.end();
    });
}

/// Nothing else would ever wake these.
#[test]
fn an_abort_reaches_a_task_wherever_it_is() {
    explore("aborts", 15_000, || {
        let trial = Trial::of_workers(WORKERS);
        let waits = trial.executor.spawn(trial.tasks.track(pending()));
        let yields = trial.executor.spawn(trial.tasks.track(async {
            yield_now().await;
            pending().await
        }));
        let tasks = trial.tasks.clone();
        let cancels = trial.executor.spawn(trial.tasks.track(async move {
            let child = spawn(tasks.track(pending::<()>()));
            if below(2) == 0 {
                yield_now().await;
            }
            assert_eq!(child.cancel().await, None);
        }));
        let handles: [JoinHandle<()>; 2] = [waits, yields];
        let aborter = thread::spawn(move || {
            handles.iter().for_each(JoinHandle::abort);
            handles
        });
        trial.executor.block_on(cancels).unwrap();
        for handle in aborter.join().unwrap() {
            let outcome = trial.executor.block_on(handle);
            assert!(outcome.unwrap_err().is_cancelled());
        }
        trial.tasks.assert_settled();
        trial.end();
    });
}

/// Waits for an event, twice, and is woken in between for nothing.
fn waiting(trial: &Trial, tasks: &Tasks, event: &Arc<Event>) -> JoinHandle<usize> {
    let event = event.clone();
    trial.executor.spawn(tasks.track(async move {
        event.wait().await;
        yield_now().await;
        event.wait().await;
        7
    }))
}

#[test]
fn wakes_from_outside_race_completion_abort_and_the_drop_of_handles() {
    explore("wakes, aborts, drops", 20_000, || {
        let trial = Trial::of_workers(WORKERS);
        let event = Event::new();
        let only_aborted = Tasks::default();
        let (kept, aborted, dropped) = (
            waiting(&trial, &trial.tasks, &event),
            waiting(&trial, &only_aborted, &event),
            waiting(&trial, &trial.tasks, &event),
        );
        let waker = event.clone();
        let waker = thread::spawn(move || {
            waker.wake();
            waker.set();
            waker.wake();
        });
        let aborter = thread::spawn(move || {
            aborted.abort();
            aborted
        });
        let dropper = thread::spawn(move || drop(dropped));
        assert_eq!(trial.executor.block_on(kept).unwrap(), 7);
        let aborted = aborter.join().unwrap();
        match trial.executor.block_on(aborted) {
            Ok(output) => assert_eq!((output, only_aborted.finished()), (7, 1)),
            Err(error) => {
                assert!(error.is_cancelled());
                assert_eq!(
                    only_aborted.finished(),
                    0,
                    "a task that finished keeps its result"
                );
            }
        }
        only_aborted.assert_settled();
        dropper.join().unwrap();
        waker.join().unwrap();
        trial.end();
    });
}
