//! `Handle::set_workers`: another number of workers while tasks run.

use crate::common::{
    Gate, Ledger, Rng, assert_sound, effort, eventually, executor, in_own_process, is_at_rest,
    patient_executor, pause, steady_executor, total, watchdog,
};
use executor::{Executor, Handle, block_in_place, spawn, time::sleep, yield_now};
use futures::future::join_all;
use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

/// How many polls there are at the same time.
#[derive(Clone, Default)]
struct Polls(Arc<(AtomicUsize, AtomicUsize)>);

impl Polls {
    fn during<T>(&self, poll: impl FnOnce() -> T) -> T {
        let (now, most) = &*self.0;
        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        let result = poll();
        now.fetch_sub(1, SeqCst);
        result
    }

    fn now(&self) -> usize {
        self.0.0.load(SeqCst)
    }

    /// The most since this was asked last.
    fn take_most(&self) -> usize {
        self.0.1.swap(self.now(), SeqCst)
    }

    /// Waits until there are as many as that for a while, and never more. (A thread that has found
    /// its task before N changed begins one poll more, whenever the system lets it.)
    #[track_caller]
    fn settle_at(&self, n: usize) {
        eventually(format!("polls settle at {n}"), || {
            self.take_most();
            thread::sleep(Duration::from_millis(60));
            self.take_most() == n
        });
    }

    /// Tasks that go on until they are told to stop.
    fn of_tasks(&self, own: &Handle, tasks: usize, stop: &Arc<AtomicBool>) -> Vec<Task> {
        let one = |_| {
            let (polls, stop) = (self.clone(), stop.clone());
            own.spawn(async move {
                while !stop.load(SeqCst) {
                    polls.during(|| thread::sleep(Duration::from_micros(300)));
                    yield_now().await;
                }
            })
        };
        (0..tasks).map(one).collect()
    }
}

type Task = executor::JoinHandle<()>;

/// Spawns so many tasks that wait at the gate, each on a thread of its own.
fn spawn_at(gate: &Gate, own: &Handle, tasks: usize, polls: &Polls) -> Vec<Task> {
    let one = |_| {
        let (gate, polls) = (gate.clone(), polls.clone());
        own.spawn(async move { polls.during(|| gate.wait()) })
    };
    (0..tasks).map(one).collect()
}

#[test]
fn it_returns_the_number_before_and_metrics_show_the_one_that_holds() {
    let _watchdog = watchdog(60);
    let own = executor(3);
    let handle = own.handle();
    for (n, before) in [(5, 3), (1, 5), (1, 1), (515, 1), (2, 515)] {
        assert_eq!(handle.set_workers(n).unwrap(), before);
        assert_eq!(own.metrics().workers(), n);
        assert!(format!("{handle:?}").contains(&format!("workers: {n}")));
    }
    assert_sound(&own);
}

#[test]
fn a_number_that_cannot_be_is_refused_with_the_way_out_and_nothing_changes() {
    let _watchdog = watchdog(60);
    let own = Executor::builder().workers(2).max_threads(4).build();
    let own = own.unwrap();
    let handle = own.handle();
    for (n, texts) in [
        (0, ["`set_workers(0)`", "drop the `Executor`"]),
        (5, ["`set_workers(5)`", "raise `Builder::max_threads`"]),
        (
            usize::MAX,
            ["may have 4 threads", "raise `Builder::max_threads`"],
        ),
    ] {
        let error = handle.set_workers(n).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(texts.iter().all(|part| text.contains(part)), "{text}");
        assert_eq!(handle.metrics().workers(), 2);
    }
    assert_eq!(handle.set_workers(4).unwrap(), 2);
    let steady = steady_executor(2);
    for n in [0, 1, 2, 3] {
        let error = steady.handle().set_workers(n).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(
            text.contains("`handoff(false)`") && text.contains("leave that out"),
            "{text}"
        );
        assert_eq!(steady.metrics().workers(), 2);
    }
}

#[test]
fn more_workers_take_up_at_once_what_waits() {
    let _watchdog = watchdog(60);
    let own = patient_executor(1);
    let (gate, polls) = (Gate::new(), Polls::default());
    let tasks = spawn_at(&gate, &own.handle(), 8, &polls);
    eventually("one runs", || polls.now() == 1);
    own.handle().set_workers(3).unwrap();
    eventually("three run", || polls.now() == 3);
    own.handle().set_workers(8).unwrap();
    eventually("all run", || polls.now() == 8);
    gate.open();
    own.block_on(join_all(tasks));
    assert_eq!(polls.take_most(), 8);
}

/// Those that sleep are woken, all for what waits, and none for nothing.
#[test]
fn of_the_threads_that_sleep_as_many_are_woken_as_tasks_wait() {
    let _watchdog = watchdog(60);
    let own = patient_executor(8);
    eventually("all sleep", || is_at_rest(&own.metrics()));
    own.handle().set_workers(1).unwrap();
    let (gate, polls) = (Gate::new(), Polls::default());
    let tasks = spawn_at(&gate, &own.handle(), 3, &polls);
    eventually("one runs, the others sleep", || {
        polls.now() == 1 && own.metrics().idle_threads() == 7
    });
    own.handle().set_workers(8).unwrap();
    eventually("three run", || polls.now() == 3);
    eventually("the others sleep", || own.metrics().idle_threads() == 5);
    gate.open();
    own.block_on(join_all(tasks));
}

#[test]
fn with_fewer_workers_no_more_run_than_that_and_all_have_their_turn() {
    let _watchdog = watchdog(60);
    let own = patient_executor(6);
    let (stop, polls) = (Arc::new(AtomicBool::new(false)), Polls::default());
    let tasks = polls.of_tasks(&own.handle(), 12, &stop);
    eventually("six run", || polls.take_most() == 6);
    for n in [2, 4, 1, 3] {
        own.handle().set_workers(n).unwrap();
        polls.settle_at(n);
    }
    stop.store(true, SeqCst);
    own.block_on(join_all(tasks));
    assert_eq!(own.metrics().handoffs(), 0);
}

#[test]
fn throughput_follows() {
    const TASKS: usize = 128;
    let _watchdog = watchdog(60);
    let own = patient_executor(1);
    let polls_of_2_ms = |n| {
        own.handle().set_workers(n).unwrap();
        let begin = Instant::now();
        let task = |_| own.spawn(async { thread::sleep(Duration::from_millis(2)) });
        own.block_on(join_all((0..TASKS).map(task)));
        begin.elapsed()
    };
    for _ in 0..2 {
        let alone = polls_of_2_ms(1);
        assert!(alone >= Duration::from_millis(2) * TASKS as u32);
        let four = polls_of_2_ms(4);
        assert!(four >= Duration::from_millis(2) * TASKS as u32 / 4);
        // It takes a moment to start them.
        polls_of_2_ms(64);
        let many = (0..20).map(|_| polls_of_2_ms(64)).min().unwrap();
        assert!(many < alone / 4, "{many:?} with 64, {alone:?} with one");
    }
}

#[test]
fn tasks_and_any_thread_may_call_it_also_for_the_default_executor() {
    in_own_process(|| {
        let before = Handle::current().metrics().workers();
        let inside = executor::spawn(async { Handle::current().set_workers(3).unwrap() });
        assert_eq!(executor::block_on(inside).unwrap(), before);
        let outside = thread::spawn(|| Handle::current().set_workers(1).unwrap());
        assert_eq!(outside.join().unwrap(), 3);
        // Also the one worker, in its own poll.
        let inside = executor::spawn(async {
            for n in [2, 1, 4] {
                Handle::current().set_workers(n).unwrap();
                yield_now().await;
            }
            spawn(async { Handle::current().metrics().workers() }).await
        });
        assert_eq!(executor::block_on(inside).unwrap().unwrap(), 4);
    });
}

#[test]
fn an_executor_that_has_ended_still_tells_the_number_before() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let handle = own.handle();
    drop(own);
    for (n, before) in [(5, 2), (1, 5), (3, 1)] {
        assert_eq!(handle.set_workers(n).unwrap(), before);
        assert_eq!(handle.metrics().workers(), n);
        assert_eq!(handle.metrics().threads(), 0, "nobody comes");
    }
    assert!(handle.set_workers(0).is_err());
}

/// Of polls that block, asleep or computing, more are under way than N allows from then on.
#[test]
fn a_task_does_not_wait_for_polls_that_are_stuck_since_there_were_more_workers() {
    let _watchdog = watchdog(60);
    for computing in [false, true] {
        let (own, gate, polls) = (executor(4), Gate::new(), Polls::default());
        let stuck: Vec<_> = (0..4)
            .map(|_| {
                let (gate, polls) = (gate.clone(), polls.clone());
                own.spawn(async move {
                    polls.during(|| if computing { gate.spin() } else { gate.wait() });
                })
            })
            .collect();
        eventually("all are stuck", || polls.now() == 4);
        assert_eq!(own.handle().set_workers(1).unwrap(), 4);
        own.block_on(own.spawn(async {})).unwrap();
        assert_eq!(polls.now(), 4, "they still are");
        gate.open();
        own.block_on(join_all(stuck));
        assert_sound(&own);
    }
}

#[test]
fn whoever_comes_back_from_a_call_finds_the_number_that_holds_then() {
    let _watchdog = watchdog(60);
    let (own, gate) = (patient_executor(4), Gate::new());
    let blocked = (0..4).map(|_| {
        let gate = gate.clone();
        own.spawn(async move { block_in_place(|| gate.wait()) })
    });
    let blocked: Vec<_> = blocked.collect();
    eventually("all are blocked", || own.metrics().blocked_threads() == 4);
    own.handle().set_workers(1).unwrap();
    own.block_on(own.spawn(async {})).unwrap();
    gate.open();
    own.block_on(join_all(blocked));
    let (stop, polls) = (Arc::new(AtomicBool::new(false)), Polls::default());
    let tasks = polls.of_tasks(&own.handle(), 4, &stop);
    polls.settle_at(1);
    stop.store(true, SeqCst);
    own.block_on(join_all(tasks));
}

/// A load for the races below: tasks that yield, sleep, spawn and block, one after the other.
fn load(own: &Handle, ledger: &Ledger, finished: &Arc<AtomicUsize>, seed: u64) -> Vec<Task> {
    let mut rng = Rng::with_seed(seed);
    let one = |_| {
        let (what, finished) = (rng.u8(..8), finished.clone());
        own.spawn(ledger.track(async move {
            match what {
                0 => block_in_place(|| thread::sleep(Duration::from_micros(50))),
                1 => sleep(Duration::from_micros(100)).await,
                2 | 3 => spawn(yield_now()).await.unwrap(),
                _ => yield_now().await,
            }
            finished.fetch_add(1, SeqCst);
        }))
    };
    (0..300).map(one).collect()
}

/// Changes N from 1 to 256 and back so many times.
fn change(own: &Handle, times: usize, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    for _ in 0..times {
        for n in [256, 1] {
            own.set_workers(n).unwrap();
            pause(&mut rng, Duration::from_micros(300));
        }
    }
}

#[test]
fn from_1_to_256_and_back_many_times_from_racing_threads_loses_nothing() {
    const TIMES: usize = 500;
    let _watchdog = watchdog(200);
    let own = executor(1);
    let (ledger, finished) = (Ledger::new(), Arc::new(AtomicUsize::new(0)));
    let handle = own.handle();
    let mut spawned = 0;
    thread::scope(|scope| {
        let changing = [1, 2].map(|seed| {
            let handle = &handle;
            scope.spawn(move || change(handle, TIMES, seed))
        });
        let is_over = || changing.iter().all(|thread| thread.is_finished());
        while !is_over() {
            let tasks = load(&handle, &ledger, &finished, spawned as u64);
            spawned += tasks.len();
            own.block_on(join_all(tasks));
        }
    });
    total(2 * TIMES, "changes of N from 1 to 256 and back");
    assert_eq!(finished.load(SeqCst), spawned);
    ledger.assert_settled();
    // And N is what was set last, in effect.
    own.handle().set_workers(2).unwrap();
    eventually("all sleep", || is_at_rest(&own.metrics()));
    let (gate, polls) = (Gate::new(), Polls::default());
    let patient = spawn_at(&gate, &own.handle(), 2, &polls);
    eventually("two run", || polls.now() == 2);
    gate.open();
    own.block_on(join_all(patient));
    assert_sound(&own);
}

#[test]
fn the_end_of_the_executor_may_come_meanwhile() {
    let _watchdog = watchdog(100);
    for round in 0..20 * effort() {
        let own = executor(1 + round % 3);
        let (ledger, finished) = (Ledger::new(), Arc::new(AtomicUsize::new(0)));
        let (handle, from_task) = (own.handle(), own.handle());
        drop(load(&handle, &ledger, &finished, round as u64));
        drop(own.spawn(ledger.track(async move {
            for n in 1..1000 {
                from_task.set_workers(1 + n % 7).unwrap();
                yield_now().await;
            }
        })));
        let changing = thread::spawn(move || {
            change(&handle, 5, round as u64);
            handle
        });
        pause(&mut Rng::with_seed(round as u64), Duration::from_millis(1));
        drop(own);
        ledger.assert_settled();
        let handle = changing.join().unwrap();
        assert_eq!(handle.metrics().threads(), 0);
    }
}
