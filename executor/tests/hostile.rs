//! Callbacks that do in turn all that may be done to an executor: spawn, wake, abort, drop tasks,
//! handles, wakers and executors; and that panic then, where the crate promises to survive it.
//!
//! (What the log's callback may do is in `hostile_logger.rs`, for a process has one logger.)
#![cfg(not(loom))]

mod common;

use common::{
    Gate, Ledger, OnDrop, PATIENCE, assert_sound, child, eventually, few_workers, is_child,
    mischief::Mischief, output_within, watchdog, worker_counts,
};
use executor::{Executor, Handle, JoinHandle};
use std::{
    future::pending,
    panic::resume_unwind,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

/// Callbacks of each kind.
const CALLBACKS: usize = 60;

/// Runs `provoke`, which sees to it that so many callbacks act as it returns, on each number of
/// workers, without and with a panic at the end of each callback.
fn calm_and_panicking(provoke: impl Fn(&Executor, &Arc<Mischief>) -> usize) {
    for panics in [false, true] {
        on_each_number_of_workers(panics, &provoke);
    }
}

fn on_each_number_of_workers(panics: bool, provoke: impl Fn(&Executor, &Arc<Mischief>) -> usize) {
    for workers in worker_counts() {
        let own = common::executor(workers);
        let mischief = Mischief::on(&own, panics);
        let expected = provoke(&own, &mischief);
        eventually("all have acted", || mischief.acts() == expected);
        assert_sound(&own);
        drop(own);
        mischief.assert_settled();
    }
}

fn acts_on_drop(mischief: &Arc<Mischief>) -> impl Send + use<> {
    let (mischief, guard) = (mischief.clone(), mischief.ledger.guard());
    OnDrop(move || {
        let _guard = &guard;
        mischief.act();
    })
}

#[test]
fn a_futures_drop_may_do_anything_and_panic() {
    let _watchdog = watchdog(100);
    calm_and_panicking(|own, mischief| {
        let tasks: Vec<_> = (0..CALLBACKS)
            .map(|i| {
                let acts = acts_on_drop(mischief);
                own.spawn(async move {
                    let _acts = acts;
                    executor::yield_now().await;
                    // By turns it is dropped as it finishes, and as it is aborted.
                    if i % 2 == 1 {
                        pending::<()>().await;
                    }
                })
            })
            .collect();
        for (i, task) in tasks.into_iter().enumerate() {
            if i % 2 == 1 {
                task.abort();
            }
            assert_eq!(own.block_on(task).is_ok(), i % 2 == 0 && !mischief.panics);
        }
        CALLBACKS
    });
}

#[test]
fn a_futures_drop_may_do_anything_and_panic_as_the_executor_ends() {
    let _watchdog = watchdog(100);
    for panics in [false, true] {
        for workers in worker_counts() {
            let own = common::executor(workers);
            let mischief = Mischief::on(&own, panics);
            for _ in 0..CALLBACKS {
                let acts = acts_on_drop(&mischief);
                own.spawn(async move {
                    let _acts = acts;
                    pending::<()>().await
                });
            }
            drop(own);
            assert_eq!(mischief.acts(), CALLBACKS);
            mischief.assert_settled();
        }
    }
}

#[test]
fn an_outputs_and_a_payloads_drop_may_do_anything_and_panic() {
    let _watchdog = watchdog(100);
    calm_and_panicking(|own, mischief| {
        for i in 0..CALLBACKS {
            let acts = acts_on_drop(mischief);
            let unwinds = i % 2 == 0;
            let task = own.spawn(async move {
                executor::yield_now().await;
                if unwinds {
                    resume_unwind(Box::new(acts));
                }
                acts
            });
            match i % 3 {
                // By the worker, or by whoever drops the handle.
                0 => drop(task),
                1 => {
                    eventually("it is finished", || task.is_finished());
                    drop(task);
                }
                // With the error. (An output that was handed out is its receiver's.)
                _ if unwinds => drop(own.block_on(async { task.await.map(drop) }).unwrap_err()),
                _ => task.abort(),
            }
        }
        CALLBACKS
    });
}

#[test]
fn a_closure_of_spawn_blocking_may_do_anything_and_panic() {
    let _watchdog = watchdog(100);
    calm_and_panicking(|own, mischief| {
        let calls: Vec<_> = (0..CALLBACKS)
            .map(|_| {
                let (mischief, guard) = (mischief.clone(), mischief.ledger.guard());
                own.spawn_blocking(move || {
                    let _guard = guard;
                    mischief.act();
                })
            })
            .collect();
        for call in calls {
            assert_eq!(own.block_on(call).is_err(), mischief.panics);
        }
        CALLBACKS
    });
}

#[test]
fn thread_hooks_may_do_anything_and_panic() {
    let _watchdog = watchdog(100);
    for panics in [false, true] {
        for workers in worker_counts() {
            let mischief = Mischief::new(panics);
            let [starts, stops] = [mischief.clone(), mischief.clone()];
            let own = Executor::builder()
                .workers(workers)
                .on_thread_start(move || starts.act())
                .on_thread_stop(move || stops.act())
                .build()
                .unwrap();
            mischief.begin(&own);
            assert_sound(&own);
            // And stand-ins.
            let nested = || async { executor::block_on(executor::spawn(async {})).unwrap() };
            for task in [own.spawn(nested()), own.spawn(nested())] {
                own.block_on(task).unwrap();
            }
            drop(own);
            let acts = mischief.acts();
            assert!(acts >= 2 * workers, "{acts} acts");
            assert_eq!(acts % 2, 0, "each thread that starts stops");
            mischief.assert_settled();
        }
    }
}

/// What a handle is polled with: acts as it is woken.
struct Acts {
    mischief: Arc<Mischief>,
    /// The handle that was polled with it.
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Wake for Acts {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let handle = self.handle.lock().unwrap().take();
        if let Some(handle) = &handle {
            handle.abort();
        }
        self.mischief.act();
        drop(handle);
    }
}

/// A task that ends with the gate, and a waker that acts then, with the handle in its hands.
fn awaited_by_mischief(own: &Executor, mischief: &Arc<Mischief>, gate: &Gate) -> JoinHandle<()> {
    let acts = Arc::new(Acts {
        mischief: mischief.clone(),
        handle: Mutex::new(None),
    });
    let (gate, guard) = (gate.clone(), mischief.ledger.guard());
    let mut task = own.spawn(async move {
        let _guard = guard;
        executor::block_in_place(|| gate.wait());
    });
    let waker = Waker::from(acts.clone());
    let poll = Pin::new(&mut task).poll(&mut Context::from_waker(&waker));
    assert!(matches!(poll, Poll::Pending));
    // Another one, as the polled one is the waker's.
    let after = own.spawn(async {});
    *acts.handle.lock().unwrap() = Some(task);
    after
}

#[test]
fn the_waker_of_a_handles_awaiter_may_do_anything() {
    let _watchdog = watchdog(100);
    on_each_number_of_workers(false, |own, mischief| {
        let gate = Gate::new();
        let others: Vec<_> = (0..CALLBACKS)
            .map(|_| awaited_by_mischief(own, mischief, &gate))
            .collect();
        gate.open();
        for task in others {
            own.block_on(task).unwrap();
        }
        CALLBACKS
    });
}

#[test]
#[cfg(unix)]
fn a_waker_of_a_handles_awaiter_that_panics_aborts_the_process_at_once() {
    use std::os::unix::process::ExitStatusExt;

    let _watchdog = watchdog(100);
    if is_child() {
        let own = common::executor(2);
        let (mischief, gate) = (Mischief::on(&own, true), Gate::new());
        drop(awaited_by_mischief(&own, &mischief, &gate));
        println!("<about to be woken>");
        gate.open();
        // Never by itself: the limit is the parent's.
        thread::sleep(Duration::from_secs(3600));
    }
    let output = output_within(PATIENCE, child());
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("<about to be woken>"), "{output:?}");
}

/// The last owner of an executor.
#[derive(Clone, Default)]
struct Last(Arc<Mutex<Option<Executor>>>);

impl Last {
    fn drop_executor(&self) {
        // Two statements, so that it is not dropped under the lock.
        let own = self.0.lock().unwrap().take();
        drop(own);
    }
}

/// Has `provoke` make a callback that drops the executor itself; all that it had must go then.
fn dropped_by_its_own(provoke: impl Fn(&Handle, Last) -> Option<JoinHandle<()>>) {
    for round in 0..20 {
        let (last, ledger) = (Last::default(), Ledger::new());
        let own = common::executor(few_workers(round));
        let handle = own.handle();
        for _ in 0..5 {
            let guard = ledger.guard();
            own.spawn(async move {
                let _guard = guard;
                pending::<()>().await
            });
        }
        *last.0.lock().unwrap() = Some(own);
        let kept = provoke(&handle, last.clone());
        eventually("its threads end", || handle.metrics().threads() == 0);
        ledger.assert_settled();
        assert!(last.0.lock().unwrap().is_none(), "it was not called");
        drop(kept);
    }
}

#[test]
fn a_futures_drop_may_drop_the_executor() {
    let _watchdog = watchdog(100);
    dropped_by_its_own(|handle, last| {
        let drops = OnDrop(move || last.drop_executor());
        let task = handle.spawn(async move {
            let _drops = drops;
            pending::<()>().await
        });
        task.abort();
        Some(task)
    });
}

#[test]
fn a_payloads_drop_may_drop_the_executor() {
    let _watchdog = watchdog(100);
    dropped_by_its_own(|handle, last| {
        let drops = OnDrop(move || last.drop_executor());
        drop(handle.spawn::<_>(async move {
            executor::yield_now().await;
            resume_unwind(Box::new(drops))
        }));
        None
    });
}

#[test]
fn a_closure_of_spawn_blocking_may_drop_the_executor() {
    let _watchdog = watchdog(100);
    dropped_by_its_own(|handle, last| Some(handle.spawn_blocking(move || last.drop_executor())));
}

#[test]
fn the_waker_of_a_handles_awaiter_may_drop_the_executor() {
    struct Drops(Last);
    impl Wake for Drops {
        fn wake(self: Arc<Self>) {
            self.0.drop_executor();
        }
    }
    let _watchdog = watchdog(100);
    dropped_by_its_own(|handle, last| {
        let gate = Gate::new();
        let inside = gate.clone();
        let mut task = handle.spawn_blocking(move || inside.wait());
        let waker = Waker::from(Arc::new(Drops(last)));
        let poll = Pin::new(&mut task).poll(&mut Context::from_waker(&waker));
        assert!(matches!(poll, Poll::Pending));
        gate.open();
        Some(task)
    });
}

#[test]
fn the_start_hook_of_a_stand_in_may_drop_the_executor() {
    let _watchdog = watchdog(100);
    for _ in 0..20 {
        let (last, ledger) = (Last::default(), Ledger::new());
        let of_hook = last.clone();
        // No stand-in comes before the one that is asked for.
        let own = Executor::builder()
            .workers(1)
            .handoff_after(Duration::from_secs(3600))
            .on_thread_start(move || of_hook.drop_executor())
            .build()
            .unwrap();
        // The worker's own hook has run, and has found no executor to drop.
        own.block_on(own.spawn(async {})).unwrap();
        let handle = own.handle();
        *last.0.lock().unwrap() = Some(own);
        let guard = ledger.guard();
        let nested = handle.spawn(async move {
            let _guard = guard;
            // Asks for the stand-in.
            let _ = executor::block_on(executor::spawn(async {}));
            pending::<()>().await
        });
        eventually("its threads end", || handle.metrics().threads() == 0);
        ledger.assert_settled();
        let end = futures::executor::block_on(nested).unwrap_err();
        assert!(end.is_cancelled(), "{end}");
    }
}
