//! The end of an executor against all that goes on: every future is dropped, every thread ends, and
//! every handle settles.

use super::{Event, Tasks, Trial, below, explore};
use crate::{Handle, JoinHandle, block_in_place, sync::shuttle::run_clock, yield_now};
use shuttle::thread;
use std::{
    future::{Future, pending},
    time::Duration,
};

/// Each has an outcome, and is not to be waited for.
fn assert_settled<T>(handles: impl IntoIterator<Item = JoinHandle<T>>) {
    handles
        .into_iter()
        .for_each(|handle| assert!(handle.is_finished(), "a handle never settles"));
}

/// Spawns another one as it is dropped.
struct SpawnsInDrop(Handle, Tasks);

impl Drop for SpawnsInDrop {
    fn drop(&mut self) {
        drop(self.0.spawn(self.1.track(pending::<()>())));
    }
}

fn holding<T: Send>(
    value: T,
    future: impl Future<Output = ()> + Send,
) -> impl Future<Output = ()> + Send {
    async move {
        let _value = value;
        future.await;
    }
}

#[test]
fn the_end_against_spawns_wakes_and_aborts() {
    explore("end against spawns, wakes, aborts", 20_000, || {
        let trial = Trial::of_workers(3);
        let event = Event::new();
        let wait = |_| {
            let event = event.clone();
            let waiting = async move { event.wait().await };
            trial.executor.spawn(trial.tasks.track(waiting))
        };
        let (mut handles, aborted): (Vec<_>, _) = ((0..2).map(wait).collect(), wait(2));
        let bomb = SpawnsInDrop(trial.handle(), trial.tasks.clone());
        handles.push(
            trial
                .executor
                .spawn(trial.tasks.track(holding(bomb, pending()))),
        );
        // Spawned while it ends or later, and then dropped by whoever spawns.
        let late = Tasks::default();
        let (handle, tasks) = (trial.handle(), late.clone());
        let spawner = thread::spawn(move || {
            let of_a_worker = tasks.clone();
            let spawning = async move {
                yield_now().await;
                drop(crate::spawn(of_a_worker.track(yield_now())));
            };
            [
                handle.spawn(tasks.track(spawning)),
                handle.spawn(tasks.track(yield_now())),
            ]
        });
        let waker = {
            let event = event.clone();
            thread::spawn(move || {
                event.wake();
                event.set();
            })
        };
        let aborter = thread::spawn(move || {
            aborted.abort();
            aborted
        });
        // Else they may not have begun.
        (0..below(3)).for_each(|_| thread::yield_now());
        trial.end();
        late.must_not_be_polled();
        handles.extend(spawner.join().unwrap());
        handles.push(aborter.join().unwrap());
        waker.join().unwrap();
        event.wake();
        assert_settled(handles);
        late.assert_settled();
    });
}

#[test]
fn the_end_of_workers_that_are_falling_asleep() {
    explore("end against parking", 15_000, || {
        let trial = Trial::of_workers(3);
        let waits = trial.executor.spawn(trial.tasks.track(pending::<()>()));
        let runs = trial.executor.spawn(trial.tasks.track(yield_now()));
        if below(2) == 0 {
            trial.executor.block_on(runs).unwrap();
        }
        trial.end();
        assert_settled([waits]);
    });
}

/// One of them is blocked, and so is the end until it comes back.
fn blocked_against_the_end(trial: Trial) {
    let event = Event::new();
    let blocking = event.clone();
    let blocked = trial.executor.spawn(trial.tasks.track(async move {
        block_in_place(|| blocking.wait_blocking());
        pending::<()>().await;
    }));
    let waits: Vec<_> = (0..2)
        .map(|_| trial.executor.spawn(trial.tasks.track(pending::<()>())))
        .collect();
    let late = Tasks::default();
    let (handle, tasks) = (trial.handle(), late.clone());
    let outside = thread::spawn(move || {
        let late = handle.spawn(tasks.track(yield_now()));
        event.set();
        late
    });
    trial.end();
    late.must_not_be_polled();
    let spawned_late = outside.join().unwrap();
    assert_settled(waits.into_iter().chain([blocked, spawned_late]));
    late.assert_settled();
}

#[test]
fn the_end_waits_for_a_blocked_task_and_drops_the_rest() {
    explore("end against a blocked task", 15_000, || {
        blocked_against_the_end(Trial::of_workers_and_stand_ins(1 + below(2), 2));
    });
}

#[test]
fn the_end_waits_for_a_blocked_task_while_time_passes() {
    explore("end against a blocked task and the monitor", 10_000, || {
        let clock = run_clock();
        blocked_against_the_end(Trial::of_workers_and_stand_ins(1 + below(2), 1));
        drop(clock);
    });
}

#[test]
fn an_end_that_gives_up_waiting_comes_all_the_same() {
    explore("shutdown_timeout", 10_000, || {
        let clock = run_clock();
        let trial = Trial::of_workers_and_stand_ins(1, 1);
        let event = Event::new();
        let blocking = event.clone();
        let blocked = trial.executor.spawn(trial.tasks.track(async move {
            block_in_place(|| blocking.wait_blocking());
        }));
        let handle = trial.handle();
        let ended = trial.executor.shutdown_timeout(Duration::from_millis(1));
        event.set();
        // The monitor may have taken the permit just before the call ended, and takes it off the count
        // a moment later.
        let is_counted = || trial.scheduler.idle.counts().active > 0;
        while handle.metrics().threads() > 0 || is_counted() {
            thread::yield_now();
        }
        super::assert_ended(&trial.scheduler);
        if ended.is_ok() {
            assert_settled([blocked]);
        }
        trial.tasks.assert_settled();
        drop(clock);
    });
}
