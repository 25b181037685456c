//! `Builder`: names, stacks, hooks, and what it refuses.

use crate::common::{Ledger, executor, quiet_panic, watchdog};
use executor::{Builder, Executor, Handle};
use std::{
    hint::black_box,
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

#[track_caller]
fn refuses(builder: Builder, words: &[&str]) {
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{text:?} does not mention {word:?}");
    }
}

#[test]
fn bad_settings_are_refused_with_a_text_that_mentions_the_way_out() {
    let _watchdog = watchdog(60);
    let builder = Executor::builder;
    refuses(
        builder().workers(0),
        &["workers(0)", "at least one", "leave `workers` out"],
    );
    refuses(
        builder().workers(usize::MAX),
        &["at most", "leave `workers` out"],
    );
    refuses(
        builder().workers(4).max_threads(3),
        &["max_threads(3)", "4", "raise it"],
    );
    refuses(builder().max_threads(0), &["max_threads(0)", "raise it"]);
    refuses(
        builder().handoff_after(Duration::ZERO),
        &["handoff_after(0)", "handoff(false)"],
    );
    refuses(
        builder().thread_name("a\0b"),
        &["thread_name", "NUL", "remove it"],
    );
    refuses(
        builder().thread_stack_size(1),
        &["thread_stack_size(1)", "65536", "leave it out"],
    );
    refuses(builder().thread_stack_size(0), &["thread_stack_size(0)"]);
    refuses(
        builder().thread_stack_size(usize::MAX),
        &["thread_stack_size", "address space"],
    );
}

#[test]
fn nothing_is_left_behind_when_the_system_refuses_a_thread() {
    let _watchdog = watchdog(60);
    let (started, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (up, down) = (started.clone(), stopped.clone());
    let builder = Executor::builder()
        .workers(3)
        .thread_stack_size(1 << 47)
        .on_thread_start(move || {
            up.fetch_add(1, SeqCst);
        })
        .on_thread_stop(move || {
            down.fetch_add(1, SeqCst);
        });
    let error = builder.build().unwrap_err();
    assert_ne!(error.kind(), ErrorKind::InvalidInput);
    let text = error.to_string();
    assert!(text.contains("could not start thread 1 of 3"), "{text}");
    assert!(
        text.contains("fewer workers") && text.contains("smaller stack"),
        "{text}"
    );
    assert_eq!(started.load(SeqCst), stopped.load(SeqCst));
}

#[test]
fn every_thread_bears_the_name() {
    let _watchdog = watchdog(60);
    let own = Executor::builder()
        .workers(2)
        .thread_name("a name of my own")
        .build()
        .unwrap();
    let name = || thread::current().name().map(str::to_owned);
    let nested = own.spawn(async move {
        let stand_in = executor::block_on(executor::spawn(async move { name() })).unwrap();
        [name(), stand_in]
    });
    let expected = Some("a name of my own".to_owned());
    assert_eq!(own.block_on(nested).unwrap(), [expected.clone(), expected]);
    let default = executor(1);
    let task = default.spawn(async move { name() });
    assert_eq!(default.block_on(task).unwrap().as_deref(), Some("executor"));
}

#[test]
#[cfg(target_os = "linux")]
fn the_monitors_thread_bears_the_name_too_and_is_there_for_handoff_alone() {
    let _watchdog = watchdog(60);
    for (handoff, name) in [(true, "two and one"), (false, "two alone")] {
        let builder = Executor::builder().workers(2).handoff(handoff);
        let _own = builder.thread_name(name).build().unwrap();
        // Each takes its name itself, as it begins.
        crate::common::eventually("all have the name", || {
            crate::common::threads(Some(name)) == 2 + usize::from(handoff)
        });
    }
}

#[test]
fn every_thread_has_the_stack_asked_for() {
    let _watchdog = watchdog(60);
    fn use_stack(kib: usize) -> usize {
        let page = black_box([kib as u8; 1024]);
        match kib {
            0 => usize::from(page[0]),
            _ => use_stack(kib - 1) + usize::from(black_box(&page)[kib % 1024] == kib as u8),
        }
    }
    let own = Executor::builder()
        .workers(1)
        .thread_stack_size(64 << 20)
        .build()
        .unwrap();
    // Ten times what the default stack would bear.
    assert_eq!(
        own.block_on(own.spawn(async { use_stack(20 << 10) }))
            .unwrap(),
        20 << 10
    );
    let stand_in = own.spawn(async {
        executor::block_on(executor::spawn(async { use_stack(20 << 10) })).unwrap()
    });
    assert_eq!(own.block_on(stand_in).unwrap(), 20 << 10);
}

#[test]
fn the_smallest_stack_bears_a_poll_and_the_report_of_a_panic() {
    let _watchdog = watchdog(60);
    let own = Executor::builder()
        .workers(2)
        .thread_stack_size(64 << 10)
        .build()
        .unwrap();
    assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
    let task = own.spawn(async { panic!("this text is on purpose") });
    assert!(
        own.block_on(async { task.await.map(|never: ()| never) })
            .unwrap_err()
            .is_panic()
    );
    let task = own.spawn(async { executor::block_on(executor::spawn(async { 7 })).unwrap() });
    assert_eq!(own.block_on(task).unwrap(), 7);
}

#[test]
fn the_hooks_run_on_every_thread_once_stand_ins_included() {
    let _watchdog = watchdog(60);
    let (starts, stops) = (mpsc::channel(), mpsc::channel());
    let (start, stop) = (starts.0, stops.0);
    let own = Executor::builder()
        .workers(2)
        .on_thread_start(move || start.send(thread::current().id()).unwrap())
        .on_thread_stop(move || stop.send(thread::current().id()).unwrap())
        .build()
        .unwrap();
    let task = own.spawn(async {
        let here = thread::current().id();
        [
            here,
            executor::block_on(executor::spawn(async { thread::current().id() })).unwrap(),
        ]
    });
    let ran = own.block_on(task).unwrap();
    let sleeps: Vec<_> = (0..8)
        .map(|_| own.spawn_blocking(|| thread::sleep(Duration::from_millis(5))))
        .collect();
    own.block_on(futures::future::join_all(sleeps));
    drop(own);
    let started: Vec<_> = starts.1.iter().collect();
    let mut stopped: Vec<_> = stops.1.iter().collect();
    assert!(started.len() >= 3, "there were stand-ins");
    assert!(ran.iter().all(|thread| started.contains(thread)));
    stopped.retain(|thread| started.contains(thread));
    assert_eq!(stopped.len(), started.len());
    let unique: std::collections::HashSet<_> = stopped.iter().collect();
    assert_eq!(unique.len(), started.len());
}

#[test]
fn on_thread_start_has_run_before_the_threads_first_task() {
    let _watchdog = watchdog(60);
    thread_local!(static GREETED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
    let own = Executor::builder()
        .workers(2)
        .on_thread_start(|| {
            thread::sleep(Duration::from_millis(5));
            GREETED.set(true);
        })
        .build()
        .unwrap();
    for _ in 0..20 {
        assert!(own.block_on(own.spawn(async { GREETED.get() })).unwrap());
        assert!(own.block_on(own.spawn_blocking(|| GREETED.get())).unwrap());
    }
}

#[test]
fn a_hook_that_panics_harms_nobody() {
    let _watchdog = watchdog(60);
    let (calls, called) = mpsc::channel();
    let calls_too = calls.clone();
    let own = Executor::builder()
        .workers(2)
        .handoff(false)
        .on_thread_start(move || {
            calls.send("start").unwrap();
            quiet_panic("start")
        })
        .on_thread_stop(move || {
            calls_too.send("stop").unwrap();
            quiet_panic("stop")
        })
        .build()
        .unwrap();
    assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
    assert_eq!(own.block_on(own.spawn_blocking(|| 7)).unwrap(), 7);
    drop(own);
    let mut calls: Vec<_> = called.iter().collect();
    calls.sort_unstable();
    assert_eq!(calls, ["start", "start", "stop", "stop"]);
}

#[test]
fn hooks_may_spawn() {
    let _watchdog = watchdog(60);
    let (ledger, ran) = (Ledger::new(), Arc::new(AtomicUsize::new(0)));
    let spawn = {
        let (ledger, ran) = (ledger.clone(), ran.clone());
        move || {
            for _ in 0..3 {
                let (guard, ran) = (ledger.guard(), ran.clone());
                executor::spawn(async move {
                    let _guard = guard;
                    executor::yield_now().await;
                    ran.fetch_add(1, SeqCst);
                });
            }
        }
    };
    let own = Executor::builder()
        .workers(2)
        .handoff(false)
        .on_thread_start(spawn.clone())
        .on_thread_stop(spawn)
        .build()
        .unwrap();
    crate::common::eventually("what the start hooks spawned has run", || {
        ran.load(SeqCst) == 6
    });
    drop(own);
    assert_eq!(
        ran.load(SeqCst),
        6,
        "what the stop hooks spawn comes too late"
    );
    ledger.assert_settled();
}

#[test]
fn what_the_first_start_hooks_spawn_calls_for_no_more_threads_than_workers() {
    let _watchdog = watchdog(60);
    for handoff in [false, true] {
        for _ in 0..30 {
            let own = Executor::builder()
                .workers(32)
                .max_threads(32)
                .handoff(handoff)
                .on_thread_start(|| {
                    for _ in 0..3 {
                        executor::spawn(async { executor::yield_now().await });
                    }
                })
                .build()
                .unwrap();
            assert_eq!(own.metrics().threads(), 32);
            assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
        }
    }
}

/// The first call of the hook does something, those on stand-ins do not.
fn once(f: impl Fn() + Send + Sync + 'static) -> impl Fn() + Send + Sync + 'static {
    let called = AtomicBool::new(false);
    move || {
        if !called.swap(true, SeqCst) {
            f();
        }
    }
}

#[test]
fn on_thread_start_may_wait_for_a_task() {
    let _watchdog = watchdog(60);
    let (send, heard) = mpsc::channel();
    let own = Executor::builder()
        .workers(1)
        .on_thread_start(once(move || {
            let answer = executor::block_on(executor::spawn(async { 7 }));
            send.send(answer.unwrap()).unwrap();
        }))
        .build()
        .unwrap();
    let answer = heard.recv_timeout(Duration::from_secs(10));
    if answer.is_err() {
        std::mem::forget(own); // It could not be dropped either.
        panic!("the hook waits in vain");
    }
    assert_eq!(answer, Ok(7));
    assert_eq!(own.block_on(own.spawn(async { 8 })).unwrap(), 8);
}

#[test]
fn a_blocking_call_in_on_thread_start_holds_nobody_up() {
    let _watchdog = watchdog(60);
    let (open, opened) = mpsc::channel();
    let (report, reported) = mpsc::channel();
    let opened = std::sync::Mutex::new(opened);
    let own = Executor::builder()
        .workers(1)
        .on_thread_start(once(move || {
            let opened = opened.lock().unwrap();
            let wait = || opened.recv_timeout(Duration::from_secs(10));
            report.send(executor::block_in_place(wait)).unwrap();
        }))
        .build()
        .unwrap();
    drop(own.spawn(async move { open.send(()).unwrap() }));
    assert_eq!(
        reported.recv().unwrap(),
        Ok(()),
        "the task runs while the hook waits"
    );
}

#[test]
fn a_blocking_call_in_on_thread_stop_upsets_nothing() {
    let _watchdog = watchdog(60);
    let (send, heard) = mpsc::channel();
    // No stand-in comes because the machine is busy.
    let own = Executor::builder()
        .workers(2)
        .handoff_after(Duration::from_secs(3600))
        .on_thread_stop(move || {
            executor::block_in_place(|| thread::sleep(Duration::from_millis(2)));
            let waited = executor::block_on(async {
                executor::yield_now().await;
                executor::spawn(async {}).await.unwrap_err().is_cancelled()
            });
            send.send((waited, Handle::current().metrics().searching_threads() <= 2))
                .unwrap();
        })
        .build()
        .unwrap();
    assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
    drop(own);
    assert_eq!(
        heard.iter().collect::<Vec<_>>(),
        [(true, true); 2],
        "both hooks came to their end"
    );
}

#[test]
fn a_builder_may_be_cloned_and_builds_executors_that_are_alike() {
    let _watchdog = watchdog(60);
    let builder = Executor::builder().workers(2).thread_name("twin");
    assert!(format!("{builder:?}").contains("twin"));
    for own in [builder.clone().build().unwrap(), builder.build().unwrap()] {
        let name = own.spawn(async { thread::current().name().map(str::to_owned) });
        assert_eq!(own.block_on(name).unwrap().as_deref(), Some("twin"));
        assert_eq!(own.metrics().workers(), 2);
    }
}

#[test]
fn handoff_after_accepts_any_positive_duration() {
    let _watchdog = watchdog(60);
    for after in [
        Duration::from_nanos(1),
        Duration::from_millis(10),
        Duration::MAX,
    ] {
        let own = Executor::builder()
            .workers(1)
            .handoff_after(after)
            .build()
            .unwrap();
        assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
    }
}

#[test]
fn sixty_four_workers_are_possible_on_any_machine() {
    let _watchdog = watchdog(60);
    let own = executor(64);
    assert_eq!(own.metrics().workers(), 64);
    let barrier = Arc::new(std::sync::Barrier::new(64));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let barrier = barrier.clone();
            own.spawn(async move {
                barrier.wait();
            })
        })
        .collect();
    for outcome in own.block_on(futures::future::join_all(tasks)) {
        outcome.unwrap();
    }
}
