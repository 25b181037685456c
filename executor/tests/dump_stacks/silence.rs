//! Who does not answer is named at the deadline, with the reason, and keeps no other from it.

use super::{HOUR, LONG, SHORT, all_wait, alone, common, info};
use common::{Gate, OnDrop, Wakers, eventually, executor, steady_executor, watchdog};
use executor::{
    Executor, TaskId,
    dump::{Dump, Silence, TaskState},
    time::sleep,
};
use std::{
    future::{pending, poll_fn},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

/// A task that waits, and whose next poll does not return before the gate is open.
fn stuck_when_polled(own: &Executor, gate: &Gate) -> TaskId {
    let gate = gate.clone();
    let mut waker = None::<Waker>;
    let task = own.spawn(poll_fn(move |cx| {
        if waker.is_some() {
            gate.wait();
        }
        waker = Some(cx.waker().clone());
        Poll::<()>::Pending
    }));
    task.id()
}

#[track_caller]
fn silence(dump: &Dump, id: TaskId) -> Option<Silence> {
    info(dump, id).silence()
}

/// Opens the gate at the end, also if that is a panic: an executor waits for its polls.
fn gate() -> (Gate, impl Drop) {
    let gate = Gate::new();
    (gate.clone(), OnDrop(move || gate.open()))
}

#[test]
fn while_all_workers_are_stuck_a_dump_ends_at_its_deadline() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = steady_executor(1);
    let (gate, _open) = gate();
    let waiting = own.spawn(sleep(HOUR)).id();
    all_wait(&own, 1);
    let stuck = own.spawn({
        let gate = gate.clone();
        async move { gate.spin() }
    });
    eventually("it is being polled", || {
        own.metrics().processors()[0].polls() >= 2
    });
    let start = Instant::now();
    let dump = own.handle().dump_stacks(SHORT);
    let took = start.elapsed();
    assert!(SHORT <= took && took < LONG, "{took:?}");
    assert_eq!(silence(&dump, waiting), Some(Silence::NotPolled));
    let task = info(&dump, stuck.id());
    assert!(
        matches!(task.state(), TaskState::Running { .. }),
        "{task:?}"
    );
    assert!(task.stacks().is_empty() && task.silence().is_none());
    assert!(dump.to_string().contains("no worker"), "{dump}");
    gate.open();
    own.block_on(stuck).unwrap();
    all_wait(&own, 1);
    let dump = own.handle().dump_stacks(LONG);
    assert_eq!(info(&dump, waiting).stacks().len(), 1);
    assert_eq!(silence(&dump, waiting), None);
}

#[test]
fn a_poll_that_does_not_return_keeps_no_other_from_answering() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = steady_executor(2);
    let (gate, _open) = gate();
    let stuck = stuck_when_polled(&own, &gate);
    let others: Vec<_> = (0..1_000).map(|_| own.spawn(sleep(HOUR)).id()).collect();
    all_wait(&own, 1_001);
    let dump = own.handle().dump_stacks(Duration::from_secs(1));
    assert_eq!(silence(&dump, stuck), Some(Silence::InPoll));
    // One worker is stuck, and what it has in its queue is another's.
    for id in others {
        assert_eq!(info(&dump, id).stacks().len(), 1, "{dump}");
    }
}

#[test]
fn more_stuck_polls_than_are_asked_at_a_time_keep_no_other_from_answering() {
    let _alone = alone();
    let _watchdog = watchdog(60);
    let own = Executor::builder()
        .workers(1)
        .max_threads(300)
        .build()
        .unwrap();
    let (gate, _open) = gate();
    let stuck: Vec<_> = (0..200)
        .map(|_| {
            let gate = gate.clone();
            let mut waker = None::<Waker>;
            let polled = poll_fn(move |cx| {
                if waker.is_some() {
                    executor::block_in_place(|| gate.wait());
                }
                waker = Some(cx.waker().clone());
                Poll::<()>::Pending
            });
            own.spawn(polled).id()
        })
        .collect();
    let others: Vec<_> = (0..500).map(|_| own.spawn(sleep(HOUR)).id()).collect();
    all_wait(&own, 700);
    let dump = own.handle().dump_stacks(Duration::from_secs(5));
    for id in stuck {
        assert_eq!(silence(&dump, id), Some(Silence::InPoll));
    }
    for id in others {
        assert_eq!(
            info(&dump, id).stacks().len(),
            1,
            "{:?}",
            silence(&dump, id)
        );
    }
}

#[test]
fn a_future_that_keeps_its_first_waker_is_told_from_one_that_does_not_answer() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = executor(1);
    let wakers = Wakers::new();
    let keeps = own.spawn({
        let wakers = wakers.clone();
        poll_fn(move |cx| {
            if wakers.len() == 0 {
                wakers.add(cx.waker());
            }
            Poll::<()>::Pending
        })
    });
    let never = own.spawn(pending::<()>());
    all_wait(&own, 2);
    let dump = own.handle().dump_stacks(LONG);
    for task in [keeps, never] {
        assert!(info(&dump, task.id()).stacks().is_empty());
        assert_eq!(silence(&dump, task.id()), Some(Silence::NoWaker));
    }
    assert!(dump.to_string().contains("an earlier poll"), "{dump}");
}

#[test]
fn without_time_nobody_is_asked() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = executor(1);
    let wakers = Wakers::new();
    let task = own.spawn(wakers.forever());
    all_wait(&own, 1);
    let dump = own.handle().dump_stacks(Duration::ZERO);
    assert_eq!(silence(&dump, task.id()), Some(Silence::NotAsked));
    assert_eq!(wakers.len(), 1, "it was not polled again");
    // The plain dump asks nobody, and so nobody is silent.
    let dump = own.handle().dump();
    assert_eq!(silence(&dump, task.id()), None);
    assert_eq!(wakers.len(), 1);
    let limit = Duration::MAX;
    assert_eq!(
        info(&own.handle().dump_stacks(limit), task.id())
            .stacks()
            .len(),
        1
    );
}

#[test]
fn a_task_may_make_a_dump_of_the_others() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    // With one worker somebody has to take its place.
    let own = executor(1);
    let waiting = own.spawn(sleep(HOUR)).id();
    all_wait(&own, 1);
    let handle = own.handle();
    let dump = own.block_on(own.spawn(async move {
        executor::yield_now().await;
        (TaskId::current().unwrap(), handle.dump_stacks(LONG))
    }));
    let (by, dump) = dump.unwrap();
    assert_eq!(info(&dump, waiting).stacks().len(), 1);
    assert!(info(&dump, by).stacks().is_empty());
}
