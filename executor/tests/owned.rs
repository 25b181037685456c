//! Owned executors never start the default one, nor a thread that it takes more than theirs.
#![cfg(target_os = "linux")]

mod common;

use common::{
    Ledger, PATIENCE, eventually, executor, in_own_process, sleeps::begun, steady_executor, threads,
};
use executor::{
    Executor, Handle, block_in_place,
    time::{interval, sleep, timeout},
};
use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use std::{
    future::pending,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const SHORT: Duration = Duration::from_millis(5);

/// More than `join_all` polls with its own waker.
const MANY: u32 = 40;

async fn nap(duration: Duration) {
    let deadline = Instant::now() + duration;
    sleep(duration).await;
    assert!(Instant::now() >= deadline, "early");
}

/// Sets of timers, each waited for with a waker that is not the task's.
async fn sets() {
    join_all((0..MANY).map(|i| nap(SHORT * i / 8))).await;
    let naps: FuturesUnordered<_> = (0..MANY).map(|i| nap(SHORT * i / 8)).collect();
    assert_eq!(naps.count().await, MANY as usize);
    let limits: FuturesUnordered<_> = (0..MANY).map(|_| timeout(SHORT, pending::<()>())).collect();
    assert!(limits.all(|late| async move { late.is_err() }).await);
    let mut ticks = futures::stream::select_all((0..3).map(|_| interval(SHORT)));
    for _ in 0..10 {
        ticks.next().await;
    }
    let mut begun = begun(SHORT).await;
    let mut set = FuturesUnordered::new();
    begun.as_mut().reset(Instant::now() + SHORT);
    set.push(begun);
    set.next().await;
}

/// Runs `body` where the default executor cannot start, and counts threads.
fn without_the_default_executor(body: impl Fn(&Executor)) {
    in_own_process(|| {
        // SAFETY: no other thread of this process reads the environment meanwhile.
        unsafe { std::env::set_var("EXECUTOR_WORKERS", "nonsense") };
        let outside = threads(None);
        for (workers, has_monitor) in [(1, true), (2, true), (1, false), (2, false)] {
            let own = if has_monitor {
                executor(workers)
            } else {
                steady_executor(workers)
            };
            body(&own);
            eventually("nobody else is there", || {
                threads(None) == outside + own.metrics().threads() + usize::from(has_monitor)
            });
            if !has_monitor {
                assert_eq!(own.metrics().threads(), workers);
            }
        }
    });
}

#[test]
fn a_set_of_timers_in_block_on() {
    without_the_default_executor(|own| own.block_on(sets()));
}

#[test]
fn a_set_of_timers_in_a_task() {
    without_the_default_executor(|own| own.block_on(own.spawn(sets())).unwrap());
}

#[test]
fn a_set_of_timers_in_a_task_that_nobody_waits_for() {
    without_the_default_executor(|own| {
        let (done, is_done) = mpsc::channel();
        drop(own.spawn(async move {
            sets().await;
            done.send(()).unwrap();
        }));
        is_done.recv_timeout(PATIENCE).unwrap();
    });
}

#[test]
fn a_set_of_timers_in_nested_block_ons() {
    without_the_default_executor(|own| {
        let handle = own.handle();
        let nested = move || handle.block_on(async { executor::block_on(sets()) });
        nested();
        let other = executor(1);
        other
            .block_on(other.spawn(async move { nested() }))
            .unwrap();
    });
}

#[test]
fn a_foreign_block_on_that_waits_for_a_timer() {
    without_the_default_executor(|own| {
        let foreign = || async { futures::executor::block_on(nap(SHORT)) };
        own.block_on(foreign());
        own.block_on(async { block_in_place(|| futures::executor::block_on(nap(SHORT))) });
        own.block_on(own.spawn(foreign())).unwrap();
        own.block_on(own.spawn_blocking(|| futures::executor::block_on(sets())))
            .unwrap();
    });
}

#[test]
fn a_foreign_block_on_beside_a_worker_that_sleeps() {
    without_the_default_executor(|own| {
        if own.metrics().workers() == 1 {
            return;
        }
        let (done, is_done) = mpsc::channel();
        drop(own.spawn(async move {
            // The other worker has long fallen asleep by then.
            thread::sleep(SHORT * 4);
            futures::executor::block_on(nap(SHORT * 4));
            done.send(()).unwrap();
        }));
        is_done.recv_timeout(PATIENCE).unwrap();
    });
}

#[test]
fn a_set_of_timers_in_block_on_of_an_executor_that_has_ended() {
    without_the_default_executor(|own| {
        let inner = Executor::builder()
            .workers(1)
            .handoff(own.metrics().workers() == 1)
            .build()
            .unwrap();
        let handle = inner.handle();
        let (begun, has_begun) = mpsc::channel();
        let waits = {
            let handle = handle.clone();
            thread::spawn(move || {
                handle.block_on(async {
                    let naps: FuturesUnordered<_> = (1..MANY).map(|i| nap(SHORT * i)).collect();
                    begun.send(()).unwrap();
                    naps.count().await
                })
            })
        };
        has_begun.recv().unwrap();
        thread::sleep(SHORT);
        drop(inner);
        assert_eq!(waits.join().unwrap(), MANY as usize - 1);
        handle.block_on(sets());
        // Also where the thread never sleeps.
        handle.block_on(async {
            let mut naps = FuturesUnordered::from_iter([nap(SHORT)]);
            while futures::poll!(naps.next()).is_pending() {
                executor::yield_now().await;
            }
        });
    });
}

#[test]
fn timers_of_a_set_that_outlives_its_executor_end_elsewhere() {
    in_own_process(|| {
        let ledger = Ledger::new();
        for own in [executor(1), steady_executor(1)] {
            let naps: FuturesUnordered<_> = (0..MANY)
                .map(|_| Box::pin(ledger.track(nap(SHORT * 10))))
                .collect();
            let mut naps = own.block_on(async {
                let mut naps = naps;
                assert!(futures::poll!(naps.next()).is_pending());
                naps
            });
            let other = executor(1);
            let rest = other.spawn(async move { while naps.next().await.is_some() {} });
            drop(own);
            other.block_on(rest).unwrap();
        }
        ledger.assert_settled();
        assert!(Handle::try_current().is_none());
    });
}
