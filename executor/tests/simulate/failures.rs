//! What is found.

use crate::{HOUR, SECOND, assert_kind, common, found_within, with_seeds};
use executor::{
    Executor, Handle, JoinSet, Observer, TaskRef, block_on,
    sim::{FailureKind, Simulation, settle},
    simulate, spawn,
    time::{interval, sleep},
    yield_now,
};
use std::{
    collections::HashMap,
    future::{pending, poll_fn},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Poll, Waker},
    thread,
    time::Duration,
};

/// Each takes the fork on its left, then the one on its right, as all others do.
async fn dine(forks: Arc<[tokio::sync::Mutex<()>; 3]>, seat: usize) {
    let _left = forks[seat].lock().await;
    yield_now().await;
    let _right = forks[(seat + 1) % 3].lock().await;
}

async fn philosophers() {
    let forks = Arc::new([const { tokio::sync::Mutex::const_new(()) }; 3]);
    let all = [0, 1, 2].map(|seat| spawn(dine(forks.clone(), seat)));
    for philosopher in all {
        philosopher.await.unwrap();
    }
}

#[test]
fn philosophers_deadlock_and_the_report_says_who_waits() {
    let failure = found_within(100, philosophers);
    assert_kind(&failure, FailureKind::Deadlock);
    println!("{failure}");
    let waiting = failure.dump().tasks().iter();
    let seats = waiting.filter(|task| {
        let site = task.spawned_at().map(|site| site.file());
        site.is_some_and(|file| file.ends_with("failures.rs")) && task.waiting_for().is_some()
    });
    assert_eq!(seats.count(), 3, "{failure}");
    let text = failure.to_string();
    assert!(
        text.contains(&format!("EXECUTOR_SEED={}", failure.seed())),
        "{text}"
    );
    #[cfg(feature = "dump")]
    for task in failure
        .dump()
        .tasks()
        .iter()
        .filter(|task| task.waiting_for().is_some())
    {
        let stacks: String = task
            .stacks()
            .iter()
            .map(|stack| stack.to_string())
            .collect();
        assert!(stacks.contains("failures.rs"), "{failure}");
    }
    let replay = || {
        Simulation::new()
            .seed(failure.seed())
            .run(philosophers)
            .unwrap_err()
    };
    assert_eq!(
        (replay().step(), replay().time()),
        (failure.step(), failure.time())
    );
    let [first, second] = [(); 2].map(|()| replay().to_string());
    assert_eq!(first, second);
}

/// Reads, gives way, and writes.
async fn deposit(account: Arc<AtomicU32>, lock: Option<Arc<tokio::sync::Mutex<()>>>) {
    let _guard = match &lock {
        Some(lock) => Some(lock.lock().await),
        None => None,
    };
    let before = account.load(SeqCst);
    yield_now().await;
    account.store(before + 1, SeqCst);
}

async fn deposits(locked: bool) {
    let account = Arc::new(AtomicU32::new(0));
    let lock = locked.then(Arc::default);
    let tasks = [(); 2].map(|()| spawn(deposit(account.clone(), lock.clone())));
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(account.load(SeqCst), 2, "an update is lost");
}

#[test]
fn a_lost_update_is_found_and_absent_once_it_is_mended() {
    let failure = found_within(100, || deposits(false));
    assert_kind(&failure, FailureKind::Panic);
    assert!(
        failure.to_string().contains("an update is lost"),
        "{failure}"
    );
    let seeds = if cfg!(debug_assertions) {
        1_000
    } else {
        10_000
    };
    Simulation::new()
        .seeds(seeds)
        .run(|| deposits(true))
        .unwrap();
}

#[test]
fn a_main_that_ends_while_a_task_waits_leaks() {
    let failure = found_within(1, async || drop(spawn(pending::<()>())));
    assert_kind(&failure, FailureKind::Leak);
    assert_eq!(failure.dump().tasks().len(), 1, "{failure}");
    with_seeds(5, async || {
        // It ends by itself, an hour later.
        drop(spawn(sleep(HOUR)));
    });
}

async fn tick() {
    let mut ticks = interval(SECOND);
    loop {
        ticks.tick().await;
    }
}

#[test]
fn what_ticks_for_ever_meets_a_limit_unless_it_is_aborted() {
    let _watchdog = common::watchdog(60);
    let simulation = Simulation::new().step_limit(10_000);
    let failure = simulation.run(async || drop(spawn(tick()))).unwrap_err();
    assert_kind(&failure, FailureKind::Limit);
    assert_eq!(failure.step(), 10_001);
    let simulation = Simulation::new().time_limit(HOUR);
    let failure = simulation.run(async || drop(spawn(tick()))).unwrap_err();
    assert_kind(&failure, FailureKind::Limit);
    assert_eq!(failure.time(), HOUR);
    simulate(async {
        let ticker = spawn(tick());
        sleep(10 * SECOND).await;
        ticker.abort();
    });
}

#[test]
fn a_live_lock_meets_the_limit_of_steps() {
    let _watchdog = common::watchdog(60);
    let run = async || {
        loop {
            yield_now().await;
        }
    };
    let failure = Simulation::new().step_limit(1_000).run(run).unwrap_err();
    assert_kind(&failure, FailureKind::Limit);
    let in_task = async || spawn(run()).await.unwrap();
    let failure = Simulation::new()
        .step_limit(1_000)
        .run(in_task)
        .unwrap_err();
    assert_kind(&failure, FailureKind::Limit);
}

#[test]
fn a_panic_of_main_is_a_failure_with_its_payload() {
    let failure = found_within(1, async || common::quiet_panic("oh"));
    assert_kind(&failure, FailureKind::Panic);
    assert!(
        failure.to_string().contains("main panicked: oh"),
        "{failure}"
    );
    assert_eq!(
        *failure.into_panic().unwrap().downcast::<&str>().unwrap(),
        "oh"
    );
}

#[test]
fn a_panic_that_no_handle_tells_anybody_of_is_a_failure() {
    for after in [false, true] {
        let failure = found_within(1, async || {
            let task = spawn(async { common::quiet_panic("oh") });
            if after {
                settle().await;
            }
            drop(task);
            sleep(SECOND).await;
        });
        assert_kind(&failure, FailureKind::Panic);
        assert!(failure.to_string().contains("failures.rs"), "{failure}");
    }
    // Main does not wait any more.
    let failure = found_within(1, async || {
        drop(spawn(async {
            sleep(SECOND).await;
            common::quiet_panic("oh")
        }));
    });
    assert_kind(&failure, FailureKind::Panic);
    assert_eq!(failure.time(), SECOND);
}

#[test]
fn a_panic_that_is_cancelled_or_shut_down_away_is_a_failure() {
    let panics = || async { common::quiet_panic("oh") };
    let failure = found_within(1, async || {
        let task = spawn(panics());
        settle().await;
        assert!(task.cancel().await.is_none());
        sleep(SECOND).await;
    });
    assert_kind(&failure, FailureKind::Panic);
    let failure = found_within(1, async || {
        let mut tasks = JoinSet::new();
        tasks.spawn(panics());
        settle().await;
        tasks.shutdown().await;
        sleep(SECOND).await;
    });
    assert_kind(&failure, FailureKind::Panic);
    // An abort is none, nor is a panic that somebody has seen.
    with_seeds(1, async || {
        let task = spawn(panics());
        assert!(task.await.unwrap_err().is_panic());
        assert!(spawn(pending::<()>()).cancel().await.is_none());
        let mut tasks = JoinSet::new();
        tasks.spawn(pending::<()>());
        tasks.shutdown().await;
    });
}

#[test]
fn limits_are_those_of_the_program_and_of_what_is_due() {
    let _watchdog = common::watchdog(20);
    // The workers' own end is nothing that the program does.
    let short = Simulation::new().step_limit(3);
    short.run(async || {}).unwrap();
    // What lies within the limit may be late.
    let late = Simulation::new().lateness(HOUR).time_limit(2 * SECOND);
    late.clone().seeds(20).run(|| sleep(SECOND)).unwrap();
    let failure = late.run(|| sleep(3 * SECOND)).unwrap_err();
    assert_kind(&failure, FailureKind::Limit);
}

#[test]
fn simulate_panics_with_the_text_of_the_failure() {
    let _watchdog = common::watchdog(60);
    let payload = catch_unwind(|| simulate(pending::<()>())).unwrap_err();
    let text = payload.downcast::<String>().unwrap();
    assert!(
        text.contains("deadlock") && text.contains("EXECUTOR_SEED="),
        "{text}"
    );
}

#[test]
fn a_deadlock_inside_of_a_nested_block_on_is_one() {
    let failure = found_within(1, async || {
        spawn(async { block_on(pending::<()>()) }).await.unwrap();
    });
    assert_kind(&failure, FailureKind::Deadlock);
    let failure = found_within(1, async || block_on(pending::<()>()));
    assert_kind(&failure, FailureKind::Deadlock);
}

#[test]
fn a_call_that_waits_for_one_further_out_is_told_apart() {
    let failure = found_within(20, async || {
        let (sender, receiver) = async_channel::bounded::<()>(1);
        let outer = spawn(async move {
            block_on(async {
                for _ in 0..5 {
                    yield_now().await;
                }
            });
            sender.send(()).await.unwrap();
        });
        let inner = spawn(async move { block_on(receiver.recv()) });
        outer.await.unwrap();
        inner.await.unwrap().unwrap();
    });
    assert_kind(&failure, FailureKind::Deadlock);
    assert!(
        failure
            .to_string()
            .contains("on threads this may be no failure. Await there instead"),
        "{failure}"
    );
}

#[test]
fn what_a_seed_does_not_decide_is_found_by_running_it_twice() {
    let _watchdog = common::watchdog(60);
    let simulation = Simulation::new().seeds(20).check_determinism(true);
    let failure = simulation.run(async || {
        let (sender, receiver) = async_channel::unbounded();
        let senders: HashMap<_, _> = (0..20).map(|i| (i, sender.clone())).collect();
        for (i, sender) in senders {
            spawn(async move {
                sleep(i * SECOND).await;
                sender.send(i).await.unwrap();
            });
        }
        drop(sender);
        while receiver.recv().await.is_ok() {}
    });
    let failure = failure.unwrap_err();
    assert_kind(&failure, FailureKind::Nondeterminism);
    assert!(
        failure.step() > 0 && failure.to_string().contains("The second"),
        "{failure}"
    );
    // Another number of steps, and nothing else.
    let runs = AtomicUsize::new(0);
    let failure = simulation.run(async || {
        for _ in 0..runs.fetch_add(1, SeqCst) {
            yield_now().await;
        }
    });
    assert_kind(&failure.unwrap_err(), FailureKind::Nondeterminism);
}

#[test]
fn a_failure_that_one_of_two_runs_has_alone_is_no_failure_of_that_seed() {
    let _watchdog = common::watchdog(60);
    let simulation = Simulation::new().seed(7).check_determinism(true);
    for run_that_fails in [0, 1] {
        let runs = AtomicUsize::new(0);
        let failure = simulation.run(async || {
            let run = runs.fetch_add(1, SeqCst);
            yield_now().await;
            if run == run_that_fails {
                common::quiet_panic("oh");
            }
            yield_now().await;
        });
        assert_kind(&failure.unwrap_err(), FailureKind::Nondeterminism);
    }
    // As deep in both, but another one.
    let runs = AtomicUsize::new(0);
    let failure = simulation.run(async || {
        if runs.fetch_add(1, SeqCst) == 0 {
            drop(spawn(pending::<()>()));
        } else {
            drop(spawn(sleep(SECOND)));
        }
    });
    assert_kind(&failure.unwrap_err(), FailureKind::Nondeterminism);
    // The same in both.
    let runs = AtomicUsize::new(0);
    let failure = simulation.run(async || {
        runs.fetch_add(1, SeqCst);
        common::quiet_panic("oh");
    });
    assert_kind(&failure.unwrap_err(), FailureKind::Panic);
    assert_eq!(runs.load(SeqCst), 2);
}

#[test]
fn a_wake_up_from_another_thread_is_refused_by_name() {
    let _watchdog = common::watchdog(20);
    let failure = found_within(1, async || {
        let waker: Arc<Mutex<Option<Waker>>> = Arc::default();
        let told = waker.clone();
        let waits = spawn(poll_fn(move |cx| {
            *told.lock().unwrap() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        settle().await;
        let waker = waker.lock().unwrap().take().unwrap();
        let thread = thread::Builder::new().name("outsider".into());
        let woken = thread.spawn(move || waker.wake()).unwrap().join();
        let text = woken.unwrap_err().downcast::<String>().unwrap();
        assert!(
            text.contains("outsider") && text.contains("failures.rs"),
            "{text}"
        );
        waits.await.unwrap();
    });
    assert_kind(&failure, FailureKind::Nondeterminism);
    assert!(failure.to_string().contains("outsider"), "{failure}");
    let failure = found_within(1, async || {
        let (waker, handle) = (
            poll_fn(|cx| Poll::Ready(cx.waker().clone())).await,
            Handle::current(),
        );
        let stop = spawn(pending::<()>()).abort_handle();
        settle().await;
        let aborted = thread::spawn(move || stop.abort()).join();
        assert!(aborted.is_err());
        let woken = thread::spawn(move || waker.wake()).join();
        assert!(woken.is_err(), "main");
        let spawned = thread::spawn(move || drop(handle.spawn(async {}))).join();
        assert!(spawned.is_err());
        pending::<()>().await;
    });
    assert_kind(&failure, FailureKind::Nondeterminism);
}

#[test]
fn a_thread_whose_wake_up_was_refused_goes_on_as_if_nothing_had_been() {
    #[derive(Clone, Default)]
    struct Wakes(Arc<AtomicUsize>);
    impl Observer for Wakes {
        fn woken(&self, _: &TaskRef<'_>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let _watchdog = common::watchdog(20);
    let failure = found_within(1, async || {
        let waker: Arc<Mutex<Option<Waker>>> = Arc::default();
        let told = waker.clone();
        drop(spawn(poll_fn(move |cx| {
            *told.lock().unwrap() = Some(cx.waker().clone());
            Poll::<()>::Pending
        })));
        settle().await;
        let waker = waker.lock().unwrap().take().unwrap();
        let thread = thread::spawn(move || {
            catch_unwind(AssertUnwindSafe(|| waker.wake())).unwrap_err();
            let wakes = Wakes::default();
            let observed = Executor::builder().workers(1).observer(wakes.clone());
            let observed = observed.build().unwrap();
            let (sender, receiver) = async_channel::bounded(1);
            let task = observed.spawn(async move { receiver.recv().await });
            while observed.metrics().suspended_tasks() == 0 {
                thread::yield_now();
            }
            sender.try_send(()).unwrap();
            observed.block_on(task).unwrap().unwrap();
            assert_eq!(wakes.0.load(SeqCst), 1, "its own wake-up is told of");
        });
        thread.join().unwrap();
        pending::<()>().await;
    });
    assert_kind(&failure, FailureKind::Nondeterminism);
    // The waker was used up.
    let tasks = failure.dump().tasks().iter();
    let mut wakers = tasks
        .filter(|task| task.polls() == Some(1))
        .map(|task| task.wakers());
    assert_eq!(wakers.next(), Some(Some(0)), "{failure}");
}

#[test]
fn a_task_of_an_executor_outside_does_not_end_the_process_by_waking_one_inside() {
    let _watchdog = common::watchdog(20);
    let outside = common::executor(1);
    let (go, gone) = mpsc::channel();
    let gone = Mutex::new(gone);
    let task = Mutex::new(Some(
        outside.spawn(async move { gone.lock().unwrap().recv().unwrap() }),
    ));
    let failure = found_within(1, async || {
        let task = task.lock().unwrap().take().unwrap();
        let waits = spawn(task);
        settle().await;
        go.send(()).unwrap();
        // Until it has come.
        loop {
            yield_now().await;
            if waits.is_finished() {
                return;
            }
        }
    });
    assert_kind(&failure, FailureKind::Nondeterminism);
    common::assert_sound(&outside);
}

#[test]
fn no_simulation_begins_in_an_executor_and_no_executor_in_a_simulation() {
    let _watchdog = common::watchdog(20);
    let text = |result: thread::Result<()>| *result.unwrap_err().downcast::<String>().unwrap();
    let refused = |run: &dyn Fn()| text(catch_unwind(AssertUnwindSafe(run)));
    let own = common::executor(1);
    let simulated = || simulate(async {});
    assert!(refused(&|| own.block_on(async { simulated() })).contains("in an executor"));
    let in_task = own.block_on(own.spawn(async move { simulated() }));
    assert!(in_task.unwrap_err().to_string().contains("in an executor"));
    let handle = own.handle();
    assert!(
        refused(&|| {
            let _entered = handle.enter();
            simulated();
        })
        .contains("in an executor")
    );
    simulate(async {
        let nested = spawn(async move { simulated() }).await.unwrap_err();
        assert!(
            nested.to_string().contains("in a simulation already"),
            "{nested}"
        );
        let error = Executor::new().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        let outside = handle.clone();
        let blocked = spawn(async move { outside.block_on(async {}) });
        assert!(
            blocked
                .await
                .unwrap_err()
                .to_string()
                .contains("not simulated")
        );
    });
    let escaped = simulate(async { Handle::current() });
    assert!(
        block_on(escaped.spawn(async {}))
            .unwrap_err()
            .is_cancelled()
    );
    assert_eq!(
        escaped.block_on(async {
            sleep(Duration::from_millis(1)).await;
            yield_now().await;
            7
        }),
        7,
        "as of one that has shut down"
    );
}

#[test]
fn a_simulated_executor_is_blocked_on_by_its_own_thread_alone() {
    let _watchdog = common::watchdog(60);
    simulate(async {
        let handle = Handle::current();
        let other = thread::spawn(move || handle.block_on(async {}));
        let text = other.join().unwrap_err().downcast::<&str>().unwrap();
        assert!(text.contains("not simulated"), "{text}");
    });
}

#[test]
fn a_panic_in_a_destructor_at_the_end_stays_there() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            common::quiet_panic("in a destructor");
        }
    }
    let failure = found_within(1, async || {
        spawn(async {
            let _panics = Panics;
            pending::<()>().await;
        })
        .await
        .unwrap();
    });
    assert_kind(&failure, FailureKind::Deadlock);
}

#[test]
fn wrong_settings_are_refused() {
    let _watchdog = common::watchdog(60);
    let refused = |f: fn() -> Simulation| catch_unwind(f).is_err();
    assert!(refused(|| Simulation::new().seeds(0)));
    assert!(refused(|| Simulation::new().workers(0)));
    assert!(refused(|| Simulation::new().workers(1_000_000)));
    assert!(refused(|| Simulation::new().spurious_wakes(1.5)));
    assert!(refused(|| Simulation::new().spurious_wakes(f64::NAN)));
    // No sum overflows.
    let far = Simulation::new()
        .time_limit(Duration::MAX)
        .lateness(Duration::MAX);
    (0..20).for_each(|seed| drop(far.clone().seed(seed).run(|| sleep(SECOND))));
}

/// So a dump says that nobody can.
#[test]
fn no_waker_is_left_of_a_main_that_nobody_can_wake() {
    let _watchdog = common::watchdog(60);
    let failure = Simulation::new().run(pending::<()>).unwrap_err();
    let calls = failure.dump().tasks().iter();
    let wakers: Vec<_> = calls.map(|call| call.wakers()).collect();
    assert_eq!(wakers, [Some(0)], "{failure}");
    let failure = Simulation::new().run(async || {
        let kept = Arc::new(Mutex::new(None));
        let keeps = kept.clone();
        poll_fn(move |cx| -> Poll<()> {
            *keeps.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        drop(kept);
    });
    let failure = failure.unwrap_err();
    assert_eq!(failure.dump().tasks()[0].wakers(), Some(1), "{failure}");
}

#[cfg(feature = "dump")]
#[test]
fn another_thread_can_dump_a_simulation_and_asks_none_of_its_tasks() {
    /// In real time: other tests have dumps, too, and one is made at a time.
    const PATIENCE: Duration = Duration::from_secs(30);
    let _watchdog = common::watchdog(60);
    let result = Simulation::new().run(async || {
        let sleeper = spawn(sleep(SECOND));
        settle().await;
        let simulated = Handle::current();
        let looks = std::thread::spawn(move || simulated.dump_stacks(PATIENCE));
        let dump = looks.join().unwrap();
        assert!(dump.tasks().iter().any(|task| task.id() == sleeper.id()));
        assert!(dump.tasks().iter().all(|task| task.stacks().is_empty()));
        assert!(dump.to_string().contains("cannot be from here"), "{dump}");
        let here = Handle::current().dump_stacks(PATIENCE);
        let sleeps = here.tasks().iter().find(|task| task.id() == sleeper.id());
        assert_eq!(sleeps.unwrap().stacks().len(), 1, "{here}");
        sleeper.await.unwrap();
    });
    assert!(result.is_ok(), "{result:?}");
}

#[cfg(all(feature = "net", unix))]
#[test]
fn sockets_are_not_simulated_and_say_so() {
    let _watchdog = common::watchdog(60);
    use executor::net::{Interest, TcpListener, unix::UnixStream};
    use futures::AsyncReadExt;
    simulate(async {
        let (one, _other) = UnixStream::pair().unwrap();
        let error = (&one).read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let accepting = spawn(async move { listener.accept().await.map(drop) });
        let error = accepting.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("not simulated"), "{error}");
    });
    // Also if an executor outside knows the socket.
    let (one, other) = UnixStream::pair().unwrap();
    let waited = block_on(async { futures::poll!((&one).read(&mut [0])) });
    assert!(waited.is_pending());
    let error = simulate(async { (&one).read(&mut [0]).await }).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
    // To try waits for nothing.
    simulate(async {
        let mut calls = 0;
        for socket in [&one, &other] {
            for _ in 0..3 {
                let tried = socket.try_io(Interest::READABLE, || {
                    calls += 1;
                    socket.try_read(&mut [0])
                });
                assert_eq!(tried.unwrap_err().kind(), io::ErrorKind::WouldBlock);
            }
        }
        assert_eq!(calls, 6);
    });
}

#[cfg(all(feature = "signal", unix))]
#[test]
fn signals_are_not_simulated_and_say_so() {
    let _watchdog = common::watchdog(60);
    let error = simulate(executor::signal::ctrl_c()).unwrap_err();
    assert!(error.to_string().contains("not simulated"), "{error}");
}

#[test]
fn a_destructor_that_blocks_while_main_is_abandoned_is_served() {
    struct Waits(Arc<AtomicUsize>);
    impl Drop for Waits {
        fn drop(&mut self) {
            let dropped = self.0.clone();
            _ = block_on(spawn(async move {
                yield_now().await;
                dropped.fetch_add(1, SeqCst)
            }));
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let failure = found_within(1, async || {
        let _waits = Waits(dropped.clone());
        pending::<()>().await;
    });
    assert_kind(&failure, FailureKind::Deadlock);
    assert_eq!(dropped.load(SeqCst), 1);
}

#[test]
fn what_nobody_hears_of_is_told_once_the_locks_are_free_that_its_handle_was_dropped_under() {
    let failure = found_within(1, async || {
        let lock = Arc::new(Mutex::new(()));
        let others = lock.clone();
        spawn(poll_fn(move |_| {
            drop(others.lock());
            Poll::<()>::Pending
        }));
        let panics = spawn(async { common::quiet_panic("oh") });
        settle().await;
        let guard = lock.lock();
        drop(panics);
        drop(guard);
        pending::<()>().await;
    });
    assert_kind(&failure, FailureKind::Panic);
}

#[test]
fn a_failure_goes_wherever_errors_go() {
    fn takes<E: std::error::Error + Send + Sync + 'static>(_: E) {}
    takes(found_within(1, pending::<()>));
}

#[test]
fn what_a_failed_run_has_returned_is_dropped_outside_of_it() {
    struct Outside(Arc<AtomicUsize>);
    impl Drop for Outside {
        fn drop(&mut self) {
            assert!(!executor::sim::is_simulated());
            self.0.fetch_add(1, SeqCst);
            block_on(sleep(Duration::from_millis(1)));
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let failure = found_within(1, async || {
        drop(spawn(pending::<()>()));
        Outside(dropped.clone())
    });
    assert_kind(&failure, FailureKind::Leak);
    assert_eq!(dropped.load(SeqCst), 1);
}

#[test]
fn what_main_returns_is_there_until_all_tasks_have_ended() {
    let main = async || {
        let (sender, receiver) = async_channel::bounded::<()>(1);
        spawn(async move { while receiver.recv().await.is_ok() {} });
        sender
    };
    assert_kind(&found_within(1, main), FailureKind::Leak);
    with_seeds(5, async || drop(main().await));
}
