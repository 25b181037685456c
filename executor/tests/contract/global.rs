//! `Builder::build_global`: settings for the default executor. A process has one, so each test has a
//! process of its own.

use crate::common::in_own_process;
use executor::{Builder, Executor, Handle, time::sleep};
use std::{
    io::ErrorKind,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

fn name() -> String {
    thread::current().name().unwrap().to_owned()
}

#[test]
fn the_default_executor_has_these_settings() {
    in_own_process(|| {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let builder = Builder::new().workers(3).thread_name("mine");
        let builder = builder.on_thread_start(|| {
            // Also what a hook spawns is this one's.
            executor::spawn(async { STARTED.fetch_add(1, SeqCst) });
        });
        let handle = builder.build_global().unwrap();
        assert_eq!(handle.metrics().workers(), 3);
        assert!(Handle::try_current().is_none(), "it is not entered");
        assert_eq!(Handle::current().metrics().workers(), 3);
        assert_eq!(
            executor::block_on(executor::spawn(async { name() })).unwrap(),
            "mine"
        );
        while STARTED.load(SeqCst) < 3 {
            thread::yield_now();
        }
        drop(handle);
        assert_eq!(
            executor::block_on(executor::spawn_blocking(name)).unwrap(),
            "mine"
        );
    });
}

#[test]
fn once_it_has_started_by_this_call_or_by_its_use_it_keeps_its_settings() {
    in_own_process(|| {
        let own = Executor::builder().workers(1).build().unwrap();
        own.block_on(own.spawn(async {})).unwrap();
        let handle = Builder::new().workers(3).build_global().unwrap();
        for builder in [Builder::new().workers(5), Builder::new().workers(3)] {
            let error = builder.build_global().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            assert!(error.to_string().contains("has started already"), "{error}");
        }
        assert_eq!(handle.metrics().workers(), 3);
    });
}

#[test]
fn its_first_use_starts_it_with_the_default_settings() {
    in_own_process(|| {
        executor::block_on(async {});
        let error = Builder::new().workers(3).build_global().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    });
}

#[test]
fn bad_settings_are_refused_as_by_build_and_nothing_has_started() {
    in_own_process(|| {
        for builder in [
            Builder::new().workers(0),
            Builder::new().handoff_after(Duration::ZERO),
        ] {
            let error = builder.build_global().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        assert_eq!(
            Builder::new()
                .workers(2)
                .build_global()
                .unwrap()
                .metrics()
                .workers(),
            2
        );
    });
}

#[test]
fn one_without_a_monitor_serves_timers_of_threads_that_are_in_no_executor() {
    in_own_process(|| {
        let builder = Builder::new().workers(1).handoff(false);
        let handle = builder.build_global().unwrap();
        let nap = || sleep(Duration::from_millis(5));
        futures::executor::block_on(nap());
        // Long asleep.
        thread::sleep(Duration::from_millis(50));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| futures::executor::block_on(nap()));
            }
        });
        // A sleep that is reset to an earlier deadline, while it is waited for.
        futures::executor::block_on(async {
            let mut late = pin!(sleep(Duration::from_secs(3600)));
            assert!(futures::poll!(late.as_mut()).is_pending());
            late.as_mut()
                .reset(Instant::now() + Duration::from_millis(5));
            late.await;
        });
        // In another executor's task, which waits in foreign code.
        let own = Executor::builder().workers(1).handoff(false).build();
        let own = own.unwrap();
        let inside = own.spawn(async move {
            executor::spawn(nap()).await.unwrap();
            handle.spawn(nap()).await.unwrap();
        });
        own.block_on(inside).unwrap();
        executor::block_on(executor::spawn(nap())).unwrap();
    });
}

#[test]
fn of_threads_that_come_at_once_one_wins() {
    in_own_process(|| {
        let handles: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (1..=8)
                .map(|workers| scope.spawn(move || Builder::new().workers(workers).build_global()))
                .collect();
            threads
                .into_iter()
                .filter_map(|thread| thread.join().unwrap().ok())
                .collect()
        });
        assert_eq!(handles.len(), 1);
        let workers = Handle::current().metrics().workers();
        assert_eq!(handles[0].metrics().workers(), workers);
    });
}
