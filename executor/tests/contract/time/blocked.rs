//! What becomes of the timers of a worker that blocks.

use super::*;

/// The one worker runs into `block` when it has registered sleeps of others, and `block` returns
/// when those are over.
#[track_caller]
fn sleeps_end_meanwhile(own: Executor, block: impl FnOnce(&Gate) + Send + 'static) {
    let (gate, left) = (Gate::new(), Arc::new(AtomicUsize::new(10)));
    let sleepers: Vec<_> = (0..10)
        .map(|i| {
            let (gate, left) = (gate.clone(), left.clone());
            own.spawn(async move {
                let deadline = Instant::now() + A_WHILE + i * SHORT;
                sleep_until(deadline).await;
                assert!(Instant::now() >= deadline, "early");
                if left.fetch_sub(1, SeqCst) == 1 {
                    gate.open();
                }
            })
        })
        .collect();
    let blocker = own.spawn(async move {
        block(&gate);
        gate.is_open()
    });
    assert!(own.block_on(blocker).unwrap(), "blocked in vain");
    for sleeper in sleepers {
        own.block_on(sleeper).unwrap();
    }
}

#[test]
fn sleeps_end_while_their_worker_sleeps_in_the_system() {
    let _watchdog = watchdog(60);
    sleeps_end_meanwhile(executor(1), Gate::wait);
}

#[test]
fn sleeps_end_while_their_worker_computes() {
    let _watchdog = watchdog(60);
    sleeps_end_meanwhile(executor(1), |gate| {
        let start = Instant::now();
        while !gate.is_open() && start.elapsed() < PATIENCE {
            std::hint::spin_loop();
        }
    });
}

#[test]
fn sleeps_end_while_their_worker_blocks_in_place() {
    let _watchdog = watchdog(60);
    sleeps_end_meanwhile(executor(1), |gate| block_in_place(|| gate.wait()));
}

#[test]
fn sleeps_end_while_a_worker_blocks_that_has_woken_up_for_one_of_them() {
    let _watchdog = watchdog(60);
    let (own, gate) = (executor(1), Gate::new());
    // Long enough for everybody to fall asleep meanwhile.
    let due = Instant::now() + Duration::from_millis(500);
    let opens = gate.clone();
    let later = own.spawn(async move {
        sleep_until(due + A_WHILE).await;
        opens.open();
    });
    let blocker = own.spawn(async move {
        sleep_until(due).await;
        gate.wait();
        gate.is_open()
    });
    assert!(own.block_on(blocker).unwrap(), "blocked in vain");
    own.block_on(later).unwrap();
}

#[test]
fn sleeps_end_although_their_worker_is_never_idle() {
    let _watchdog = watchdog(60);
    let (own, over) = (steady_executor(1), Arc::new(AtomicBool::new(false)));
    let busy: Vec<_> = (0..3)
        .map(|_| {
            let over = over.clone();
            own.spawn(async move {
                while !over.load(SeqCst) {
                    executor::yield_now().await;
                }
            })
        })
        .collect();
    let sleeps = own.spawn(async move {
        nap().await;
        over.store(true, SeqCst);
    });
    own.block_on(sleeps).unwrap();
    own.block_on(join_all(busy));
}

#[test]
fn sleeps_end_while_their_worker_is_in_a_nested_block_on() {
    let _watchdog = watchdog(60);
    let poll_the_gate = |gate: &Gate| {
        let opens = async {
            while !gate.is_open() {
                sleep(SHORT).await;
            }
        };
        let _ = block_on(timeout(PATIENCE, opens));
    };
    sleeps_end_meanwhile(executor(1), poll_the_gate);
}

#[test]
fn announced_blocking_hands_sleeps_over_however_patient_the_monitor() {
    let _watchdog = watchdog(60);
    sleeps_end_meanwhile(patient_executor(1), |gate| block_in_place(|| gate.wait()));
    let own = patient_executor(1);
    sleeps_end_meanwhile(own, |gate| {
        let gate = gate.clone();
        block_on(executor::spawn_blocking(move || gate.wait())).unwrap();
    });
}

#[test]
fn without_handoff_a_worker_that_blocks_delays_its_sleeps_and_loses_none() {
    let _watchdog = watchdog(60);
    let own = steady_executor(1);
    let sleepers: Vec<_> = (0..10).map(|_| own.spawn(nap())).collect();
    let blocker = own.spawn(async { thread::sleep(SHORT * 4) });
    own.block_on(blocker).unwrap();
    for sleeper in sleepers {
        own.block_on(sleeper).unwrap();
    }
}

#[test]
fn sleeps_that_a_stand_in_has_begun_end_when_it_is_not_needed_any_more() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let (stop, stopped) = mpsc::channel::<()>();
    let blocker = own.spawn(async move { block_in_place(|| stopped.recv()) });
    let sleepers: Vec<_> = (0..10)
        .map(|_| own.spawn(async { the_rest_of(begun(A_WHILE).await).await }))
        .collect();
    own.block_on(own.spawn(async {})).unwrap();
    drop(stop);
    assert!(own.block_on(blocker).unwrap().is_err());
    for sleeper in sleepers {
        own.block_on(sleeper).unwrap();
    }
}

/// What `wait` does has to end in time, on a thread of its own.
#[track_caller]
fn ends(wait: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let thread = thread::spawn(move || {
        wait();
        done.send(()).unwrap();
    });
    assert_eq!(is_done.recv_timeout(PATIENCE), Ok(()), "it hangs");
    thread.join().unwrap();
}

#[test]
fn a_sleep_works_in_a_foreign_block_on_inside_of_block_on() {
    let _watchdog = watchdog(60);
    ends(|| block_on(async { futures::executor::block_on(nap()) }));
    ends(|| block_on(async { block_in_place(|| futures::executor::block_on(nap())) }));
}

#[test]
fn a_sleep_that_began_in_an_outer_block_on_ends_in_an_inner_one() {
    let _watchdog = watchdog(60);
    ends(|| block_on(async { block_on(the_rest_of(begun(A_WHILE).await)) }));
}

#[test]
fn a_sleep_that_began_in_a_worker_ends_in_block_on_inside_of_its_task() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let task = own.spawn(async { block_on(the_rest_of(begun(A_WHILE).await)) });
    own.block_on(task).unwrap();
}

#[test]
fn a_sleep_that_began_in_a_worker_without_handoff_ends_in_block_on_inside_of_its_task() {
    let _watchdog = watchdog(60);
    ends(|| {
        let own = steady_executor(1);
        let task = own.spawn(async { block_on(the_rest_of(begun(A_WHILE).await)) });
        own.block_on(task).unwrap();
    });
}

#[test]
fn a_sleep_works_in_a_foreign_block_on_on_the_only_worker_without_handoff() {
    let _watchdog = watchdog(60);
    ends(|| {
        let own = steady_executor(1);
        let task = own.spawn(async { futures::executor::block_on(nap()) });
        own.block_on(task).unwrap();
        let task = own.spawn_blocking(|| futures::executor::block_on(nap()));
        own.block_on(task).unwrap();
        let task = own.spawn(async {
            let sleep = begun(A_WHILE).await;
            futures::executor::block_on(the_rest_of(sleep));
        });
        own.block_on(task).unwrap();
    });
}

#[test]
fn tasks_in_a_task_sleep_without_handoff_too() {
    let _watchdog = watchdog(60);
    ends(|| {
        let own = steady_executor(1);
        let naps = (0..3).map(|_| nap()).collect::<FuturesUnordered<_>>();
        assert_eq!(own.block_on(own.spawn(naps.count())).unwrap(), 3);
    });
}

#[test]
fn a_sleep_works_in_a_foreign_block_on_in_a_poll_that_has_been_stuck_for_long() {
    let _watchdog = watchdog(60);
    ends(|| {
        let own = executor(1);
        let stuck = own.spawn(async {
            // Until its permit is taken, its stall is reported, and the monitor sleeps.
            thread::sleep(Duration::from_millis(1_500));
            futures::executor::block_on(nap());
        });
        let waits = own.spawn(async {});
        own.block_on(waits).unwrap();
        own.block_on(stuck).unwrap();
    });
}

/// How many polls lie between the ends of the first and the last of many sleeps with one deadline,
/// beside tasks that leave their worker no rest. `None`: the deadline came before all that was
/// ready.
fn polls_between_sleeps_that_end_together(sleepers: usize) -> Option<usize> {
    // Longer than the system keeps a thread off its core as a rule: then it would look stuck.
    let builder = Executor::builder().workers(1);
    let own = builder.handoff_after(A_WHILE).build().unwrap();
    let polls = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let busy = |_| {
        let (polls, over) = (polls.clone(), over.clone());
        own.spawn(async move {
            while !over.load(SeqCst) {
                // The worker looks at its timers after 61 of them, the monitor twice meanwhile.
                work_for(Duration::from_millis(1));
                polls.fetch_add(1, SeqCst);
                executor::yield_now().await;
            }
        })
    };
    let due = Instant::now() + A_WHILE * 2;
    let sleepers: Vec<_> = (0..sleepers)
        .map(|_| {
            let polls = polls.clone();
            own.spawn(async move {
                sleep_until(due).await;
                polls.load(SeqCst)
            })
        })
        .collect();
    // Else they would wait their turn in the global queue.
    eventually("all sleep", || {
        own.metrics().suspended_tasks() == sleepers.len() || Instant::now() >= due
    });
    let busy: Vec<_> = (0..20).map(busy).collect();
    let in_time = Instant::now() < due;
    let ends = own.block_on(join_all(sleepers));
    over.store(true, SeqCst);
    own.block_on(join_all(busy));
    let ends = || ends.iter().map(|end| *end.as_ref().unwrap());
    in_time.then(|| ends().max().unwrap() - ends().min().unwrap())
}

#[test]
fn sleeps_that_end_together_do_not_wait_for_each_other_on_a_busy_worker() {
    const SLEEPERS: usize = 100;
    const ROUNDS: usize = 5;
    let _watchdog = watchdog(100);
    let round = || polls_between_sleeps_that_end_together(SLEEPERS);
    let mut rounds = Vec::new();
    in_some_attempt(|| {
        rounds.extend(round());
        rounds.len() == ROUNDS
    });
    // From the global queue they come one by one, with 61 polls in between. A worker that the
    // system keeps off its core looks stuck, and then that happens; but not as a rule.
    let good = rounds.iter().filter(|polls| **polls < SLEEPERS * 20);
    assert!(2 * good.count() > ROUNDS, "polls in each round: {rounds:?}");
}

#[test]
fn a_sleep_that_began_in_block_on_ends_in_a_task_while_that_thread_blocks() {
    let _watchdog = watchdog(60);
    ends(|| {
        let own = executor(1);
        block_on(async {
            let (done, is_done) = mpsc::channel();
            let sleep = begun(A_WHILE).await;
            drop(own.spawn(async move {
                the_rest_of(sleep).await;
                done.send(()).unwrap();
            }));
            block_in_place(|| is_done.recv().unwrap());
        });
    });
}
