//! A thread that nobody has needed for ten seconds ends. What may happen then, each in a process of
//! its own and all at once, so that the ten seconds pass for all of them together.

mod common;

use common::{
    Gate, Ledger, PATIENCE, assert_sound, at_thread_end, eventually, executor, output_of, passed,
    role,
    sleeps::{begun, the_rest_of},
    watchdog,
};
use executor::{Executor, block_in_place, block_on};
use futures::future::join_all;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// One worker; a stand-in has run a task and is not needed any more.
fn with_unused_stand_in(builder: executor::Builder) -> Executor {
    let own = builder
        .workers(1)
        .handoff_after(Duration::from_secs(3600))
        .build()
        .unwrap();
    let task = own.spawn(async {
        executor::block_on(executor::spawn(async {})).unwrap();
    });
    own.block_on(task).unwrap();
    assert_eq!(own.metrics().threads(), 2);
    own
}

#[test]
#[ignore = "a part of `each_end_of_a_thread_that_nobody_needs`"]
fn role_a_stand_in_that_stays_unused_for_ten_seconds_ends() {
    let _watchdog = watchdog(100);
    let start = Instant::now();
    let own = with_unused_stand_in(Executor::builder());
    // Now and then there is something to do, for which one thread is enough; unless the machine
    // is so busy that it takes two, and the ten seconds begin anew.
    let ended = (0..60).any(|_| {
        thread::sleep(Duration::from_secs(1));
        own.block_on(own.spawn(async {})).unwrap();
        own.metrics().threads() == 1
    });
    assert!(ended && start.elapsed() >= Duration::from_secs(10));
}

/// Those that slept without an end, since they were no more than N, find out that they are. Also
/// where there is room for no stand-in, others are started for them when N is raised again.
#[test]
#[ignore = "a part of `each_end_of_a_thread_that_nobody_needs`"]
fn role_threads_that_are_more_than_a_lower_n_end_after_ten_seconds() {
    let _watchdog = watchdog(100);
    let all = [8, 100].map(|max_threads| {
        let builder = Executor::builder().workers(8).max_threads(max_threads);
        let builder = builder.handoff_after(Duration::from_secs(3600));
        let own = builder.build().unwrap();
        eventually("all sleep", || own.metrics().idle_threads() == 8);
        own
    });
    let begin = Instant::now();
    for own in &all {
        own.handle().set_workers(2).unwrap();
    }
    for own in &all {
        eventually("two are left", || own.metrics().threads() == 2);
        assert!(begin.elapsed() >= Duration::from_secs(10));
        own.handle().set_workers(8).unwrap();
        let (gate, inside) = (Gate::new(), Arc::new(AtomicUsize::new(0)));
        let tasks = (0..8).map(|_| {
            let (gate, inside) = (gate.clone(), inside.clone());
            own.spawn(async move {
                inside.fetch_add(1, SeqCst);
                gate.wait();
            })
        });
        let tasks: Vec<_> = tasks.collect();
        eventually("eight run", || inside.load(SeqCst) == 8);
        assert_eq!(own.metrics().threads(), 8);
        gate.open();
        own.block_on(join_all(tasks));
    }
}

#[test]
#[ignore = "a part of `each_end_of_a_thread_that_nobody_needs`"]
fn role_the_destructor_of_a_thread_local_of_an_ending_stand_in_may_spawn() {
    let _watchdog = watchdog(100);
    let (ends, is_ending) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    let (ran, has_run) = mpsc::channel();
    let first = Arc::new(Mutex::new(None::<Box<dyn FnOnce() + Send>>));
    let of_hook = first.clone();
    let builder = Executor::builder().on_thread_start(move || {
        let first = of_hook.clone();
        at_thread_end(move || {
            let f = first.lock().unwrap().take();
            f.into_iter().for_each(|f| f());
        });
    });
    let own = with_unused_stand_in(builder);
    let handle = own.handle();
    *first.lock().unwrap() = Some(Box::new(move || {
        ends.send(()).unwrap();
        may_go.recv().unwrap();
        // The other thread is blocked, so this asks for a new one.
        handle.spawn(async move { ran.send(()).unwrap() });
    }));
    is_ending
        .recv_timeout(PATIENCE)
        .expect("one of the two threads ends");
    let gate = Gate::new();
    let inside = gate.clone();
    let blocked = own.spawn_blocking(move || inside.wait());
    eventually("the worker is blocked", || {
        own.metrics().blocked_threads() == 1
    });
    thread::sleep(Duration::from_millis(50));
    go.send(()).unwrap();
    has_run
        .recv_timeout(Duration::from_secs(5))
        .expect("the task runs on a new thread");
    gate.open();
    own.block_on(blocked).unwrap();
}

#[test]
#[ignore = "a part of `each_end_of_a_thread_that_nobody_needs`"]
fn role_an_executor_may_be_dropped_by_a_thread_local_of_its_own_ending_stand_in() {
    let _watchdog = watchdog(100);
    let last = Arc::new(Mutex::new(None::<Executor>));
    let (dropped, is_dropped) = mpsc::channel();
    let of_hook = last.clone();
    let builder = Executor::builder().on_thread_start(move || {
        let (last, dropped) = (of_hook.clone(), dropped.clone());
        at_thread_end(move || {
            let own = last.lock().unwrap().take();
            if own.is_some() {
                drop(own);
                dropped.send(()).unwrap();
            }
        });
    });
    let own = with_unused_stand_in(builder);
    let handle = own.handle();
    *last.lock().unwrap() = Some(own);
    is_dropped.recv_timeout(PATIENCE).expect("the drop returns");
    eventually("the other thread has ended", || {
        handle.metrics().threads() == 0
    });
}

#[test]
#[ignore = "a part of `each_end_of_a_thread_that_nobody_needs`"]
fn role_the_stop_hook_of_an_ending_stand_in_may_spawn_and_block() {
    let _watchdog = watchdog(100);
    let ran = Arc::new(AtomicUsize::new(0));
    let count = ran.clone();
    let builder = Executor::builder().on_thread_stop(move || {
        for _ in 0..3 {
            let count = count.clone();
            executor::spawn(async move { count.fetch_add(1, SeqCst) });
        }
        executor::block_in_place(|| thread::sleep(Duration::from_millis(1)));
    });
    let own = with_unused_stand_in(builder);
    eventually("the tasks of the hook run", || ran.load(SeqCst) == 3);
    eventually("it has ended", || own.metrics().threads() == 1);
    assert_sound(&own);
    drop(own);
    assert_eq!(ran.load(SeqCst), 3);
}

#[test]
#[ignore = "a part of `each_end_of_a_thread_that_nobody_needs`"]
fn role_fifty_that_stood_in_end_and_leave_the_workers() {
    let _watchdog = watchdog(100);
    let (own, gate, begun) = (executor(2), Gate::new(), Ledger::new());
    let sleepers: Vec<_> = (0..50)
        .map(|_| {
            let (gate, begun) = (gate.clone(), begun.clone());
            own.spawn(async move {
                let _begun = begun.guard();
                gate.wait();
            })
        })
        .collect();
    eventually("there is a thread for each", || begun.made() == 50);
    assert!(own.metrics().threads() >= 50);
    gate.open();
    for sleeper in sleepers {
        own.block_on(sleeper).unwrap();
    }
    let ended = (0..60).any(|_| {
        thread::sleep(Duration::from_secs(1));
        own.metrics().threads() == 2
    });
    assert!(ended, "{:?}", own.metrics());
}

#[test]
#[ignore = "a part of `each_end_of_a_thread_that_nobody_needs`"]
fn role_a_retired_threads_sleeps_still_end() {
    let _watchdog = watchdog(100);
    let (own, ledger) = (executor(1), Ledger::new());
    // A thread that nobody needs ends after ten seconds.
    let duration = Duration::from_secs(13);
    let (stop, stopped) = mpsc::channel::<()>();
    // Which of the two threads ends is not known.
    let blocker = own.spawn(async move {
        let sleeps = join_all([(); 10].map(|()| begun(duration))).await;
        let _ = block_in_place(|| stopped.recv());
        sleeps
    });
    let stand_in = own.spawn(join_all([(); 10].map(|()| begun(duration))));
    let mut sleeps = block_on(stand_in).unwrap();
    drop(stop);
    sleeps.extend(block_on(blocker).unwrap());
    let tasks: Vec<_> = sleeps
        .into_iter()
        .map(|sleep| own.spawn(ledger.track(the_rest_of(sleep))))
        .collect();
    eventually("a thread has ended", || own.metrics().threads() == 1);
    for outcome in block_on(join_all(tasks)) {
        outcome.unwrap();
    }
    ledger.assert_settled();
}

/// One more stand-in comes while the one before is in the destructor of a thread-local, which waits
/// for as long as the spawn of a task would have to, too.
#[test]
#[ignore = "a part of `each_end_of_a_thread_that_nobody_needs`"]
fn role_the_destructor_of_a_thread_local_of_an_ending_stand_in_delays_no_other() {
    let _watchdog = watchdog(100);
    let (gate, ends) = (Gate::new(), Arc::new(AtomicUsize::new(0)));
    let (waiting, ending) = (gate.clone(), ends.clone());
    let builder = Executor::builder().on_thread_start(move || {
        let (waiting, ending) = (waiting.clone(), ending.clone());
        at_thread_end(move || {
            ending.fetch_add(1, SeqCst);
            waiting.wait();
        });
    });
    let own = with_unused_stand_in(builder);
    eventually("a stand-in ends", || ends.load(SeqCst) == 1);
    // The only worker waits for a task, which is one for a new stand-in.
    let (done, is_done) = mpsc::channel();
    let waits = own.spawn(async move {
        executor::block_on(executor::spawn(async {})).unwrap();
        done.send(()).unwrap();
    });
    let outcome = is_done.recv_timeout(PATIENCE);
    gate.open();
    outcome.unwrap();
    own.block_on(waits).unwrap();
}

/// Threads, mappings and kilobytes of address space of this process.
#[cfg(target_os = "linux")]
fn footprint() -> [usize; 3] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))
        .unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    [
        common::threads(None),
        maps.lines().count(),
        size.trim().trim_end_matches(" kB").parse().unwrap(),
    ]
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "a part of `each_end_of_a_thread_that_nobody_needs`"]
fn role_after_a_burst_of_stand_ins_the_process_is_as_it_was() {
    let _watchdog = watchdog(100);
    const BURST: usize = 500;
    let own = executor(2);
    assert_sound(&own);
    let before = footprint();
    let gate = Gate::new();
    let tasks: Vec<_> = (0..BURST)
        .map(|_| {
            let gate = gate.clone();
            own.spawn(async move { block_in_place(|| gate.wait()) })
        })
        .collect();
    eventually("all block", || own.metrics().blocked_threads() == BURST);
    let [_, mappings, _] = footprint();
    gate.open();
    for task in tasks {
        own.block_on(task).unwrap();
    }
    eventually("the threads have ended", || {
        let [threads, mappings_now, kilobytes] = footprint();
        // Each has a mapping for its stack, one for a guard, and 2 MiB.
        threads == before[0]
            && (common::sanitized()
                || (mappings_now <= before[1] + mappings / 20
                    && kilobytes <= before[2] + BURST * 2_048 / 20))
    });
    assert_sound(&own);
}

#[test]
fn each_end_of_a_thread_that_nobody_needs() {
    let _watchdog = watchdog(100);
    let roles = [
        "role_a_stand_in_that_stays_unused_for_ten_seconds_ends",
        "role_threads_that_are_more_than_a_lower_n_end_after_ten_seconds",
        "role_the_destructor_of_a_thread_local_of_an_ending_stand_in_may_spawn",
        "role_an_executor_may_be_dropped_by_a_thread_local_of_its_own_ending_stand_in",
        "role_the_stop_hook_of_an_ending_stand_in_may_spawn_and_block",
        "role_fifty_that_stood_in_end_and_leave_the_workers",
        "role_a_retired_threads_sleeps_still_end",
        "role_the_destructor_of_a_thread_local_of_an_ending_stand_in_delays_no_other",
        #[cfg(target_os = "linux")]
        "role_after_a_burst_of_stand_ins_the_process_is_as_it_was",
    ];
    let failures: Vec<_> = roles
        .iter()
        .map(|&name| {
            let mut role = role(name);
            // Of its own accord glibc keeps 64 MiB of address space for each of many threads,
            // whatever becomes of them.
            role.env("MALLOC_ARENA_MAX", "1");
            thread::spawn(move || (name, output_of(role)))
        })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .filter(|(_, output)| !passed(output))
        .map(|(name, output)| {
            let text = [output.stdout, output.stderr].concat();
            format!(
                "{name}: {}\n{}\n",
                output.status,
                String::from_utf8_lossy(&text)
            )
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.concat());
}
