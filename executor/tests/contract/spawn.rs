//! `spawn` from everywhere, panics, detaching, `yield_now`.

use crate::common::{
    Gate, Ledger, OnDrop, at_thread_end, eventually, executor, quiet_panic, steady_executor,
    watchdog,
};
use executor::{Executor, Handle};
use std::{
    future::{Future, pending},
    panic,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll},
    thread,
};

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

fn named(name: &str) -> Executor {
    Executor::builder()
        .workers(1)
        .thread_name(name)
        .build()
        .unwrap()
}

#[test]
fn it_works_from_a_plain_thread_on_the_default_executor() {
    let _watchdog = watchdog(60);
    let task = thread::spawn(|| executor::spawn(async { thread_name() }))
        .join()
        .unwrap();
    assert_eq!(executor::block_on(task).unwrap(), "executor");
}

#[test]
fn it_works_from_a_plain_thread_on_an_owned_executor() {
    let _watchdog = watchdog(60);
    let own = named("plain-owned");
    let handle = own.handle();
    let task = thread::spawn(move || handle.spawn(async { thread_name() }))
        .join()
        .unwrap();
    assert_eq!(own.block_on(task).unwrap(), "plain-owned");
}

#[test]
fn from_a_task_it_is_the_tasks_executor() {
    let _watchdog = watchdog(60);
    let own = named("tasks-own");
    let task = own.spawn(async { executor::spawn(async { thread_name() }).await.unwrap() });
    assert_eq!(futures::executor::block_on(task).unwrap(), "tasks-own");
}

#[test]
fn it_works_from_another_executors_task() {
    let _watchdog = watchdog(60);
    let (a, b) = (named("caller"), named("callee"));
    let on_b = b.handle();
    let task = a.spawn(async move { on_b.spawn(async { thread_name() }).await.unwrap() });
    assert_eq!(a.block_on(task).unwrap(), "callee");
}

#[test]
fn it_works_from_another_runtimes_thread() {
    let _watchdog = watchdog(60);
    let own = named("not-futures");
    let handle = own.handle();
    let names = thread::spawn(move || {
        futures::executor::block_on(async {
            let here = handle.spawn(async { thread_name() });
            let default = executor::spawn(async { thread_name() });
            (here.await.unwrap(), default.await.unwrap())
        })
    });
    assert_eq!(
        names.join().unwrap(),
        ("not-futures".into(), "executor".into())
    );
}

#[test]
fn it_works_from_a_drop() {
    let _watchdog = watchdog(60);
    let own = named("from-drop");
    let (send, names) = mpsc::channel();
    let spawn = move || {
        let send = send.clone();
        executor::spawn(async move { send.send(thread_name()).unwrap() });
    };
    // Of a task's future: as it ends, and as it is aborted.
    let ends = OnDrop(spawn.clone());
    own.block_on(own.spawn(async move { drop(ends) })).unwrap();
    assert_eq!(names.recv().unwrap(), "from-drop");
    let aborted = OnDrop(spawn.clone());
    let task = own.spawn(async move {
        let _aborted = aborted;
        pending::<()>().await
    });
    assert!(own.block_on(task.cancel()).is_none());
    assert_eq!(names.recv().unwrap(), "from-drop");
    // Of a local variable on a plain thread.
    drop(OnDrop(spawn));
    assert_eq!(names.recv().unwrap(), "executor");
}

#[test]
fn it_works_from_the_destructor_of_a_plain_threads_thread_local() {
    let _watchdog = watchdog(60);
    let own = named("from-tls");
    let handle = own.handle();
    let (send, names) = mpsc::channel();
    let thread = thread::spawn(move || {
        at_thread_end(move || {
            let send_too = send.clone();
            executor::block_on(async move {
                executor::spawn(async move { send.send(thread_name()).unwrap() })
                    .await
                    .unwrap();
            });
            handle.spawn(async move { send_too.send(thread_name()).unwrap() });
        });
    });
    assert_eq!(names.recv().unwrap(), "executor");
    assert_eq!(names.recv().unwrap(), "from-tls");
    thread.join().unwrap();
}

#[test]
fn it_works_from_the_destructor_of_a_workers_thread_local() {
    let _watchdog = watchdog(60);
    let own = named("dying-worker");
    let dead_soon = own.handle();
    let (send, results) = mpsc::channel();
    own.block_on(own.spawn(async move {
        at_thread_end(move || {
            // It still belongs to its executor, which has shut down.
            let current = Handle::try_current().map(|current| format!("{current:?}"));
            assert_eq!(current, Some(format!("{dead_soon:?}")));
            let ends = [dead_soon.spawn(async {}), executor::spawn(async {})];
            let ends = ends.map(|task| executor::block_on(task).unwrap_err().is_cancelled());
            send.send(ends).unwrap();
        });
    }))
    .unwrap();
    drop(own);
    assert_eq!(results.recv().unwrap(), [true; 2]);
}

#[test]
fn on_an_executor_that_has_shut_down_the_future_is_dropped_at_once() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let handle = own.handle();
    drop(own);
    let ledger = Ledger::new();
    let guard = ledger.guard();
    let task = handle.spawn(async move { drop(guard) });
    ledger.assert_settled();
    assert!(task.is_finished());
    assert!(executor::block_on(task).unwrap_err().is_cancelled());

    let guard = ledger.guard();
    let task = handle.spawn_blocking(move || drop(guard));
    ledger.assert_settled();
    assert!(executor::block_on(task).unwrap_err().is_cancelled());
    assert_eq!(
        handle.block_on(async { 7 }),
        7,
        "the caller's own future needs no worker"
    );
}

#[test]
fn it_never_blocks_even_if_every_worker_does() {
    let _watchdog = watchdog(60);
    // No stand-in comes.
    let own = steady_executor(2);
    let (gate, blocking) = (Gate::new(), Ledger::new());
    let blocked: Vec<_> = (0..2)
        .map(|_| {
            let (gate, blocking) = (gate.clone(), blocking.clone());
            own.spawn(async move {
                let _blocking = blocking.guard();
                gate.wait();
            })
        })
        .collect();
    eventually("every worker blocks", || blocking.made() == 2);
    let ran = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..10_000)
        .map(|_| {
            let ran = ran.clone();
            own.spawn(async move { ran.fetch_add(1, SeqCst) })
        })
        .collect();
    assert_eq!(
        (blocking.dropped(), ran.load(SeqCst)),
        (0, 0),
        "they still block"
    );
    gate.open();
    own.block_on(futures::future::join_all(blocked));
    own.block_on(futures::future::join_all(tasks));
    assert_eq!(ran.load(SeqCst), 10_000);
}

#[test]
fn a_panic_is_caught_and_its_worker_lives() {
    let _watchdog = watchdog(60);
    let own = steady_executor(1);
    let worker = own
        .block_on(own.spawn(async { thread::current().id() }))
        .unwrap();
    let ledger = Ledger::new();
    for wait_first in [false, true] {
        let guard = ledger.guard();
        let task = own.spawn(async move {
            let _guard = guard;
            if wait_first {
                executor::yield_now().await;
            }
            quiet_panic("in a task")
        });
        let error = own
            .block_on(async { task.await.map(|never: ()| never) })
            .unwrap_err();
        ledger.assert_settled();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "in a task");
    }
    let after = own
        .block_on(own.spawn(async { thread::current().id() }))
        .unwrap();
    assert_eq!(after, worker);
    assert_eq!(own.metrics().threads(), 1);
}

#[test]
fn the_panic_of_a_detached_task_goes_to_the_panic_hook_alone() {
    let _watchdog = watchdog(60);
    static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let outer = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        match info
            .payload()
            .downcast_ref::<String>()
            .filter(|text| text.contains("nobody joins"))
        {
            Some(text) => HEARD.lock().unwrap().push(text.clone()),
            None => outer(info),
        }
    }));
    let own = executor(1);
    drop(own.spawn(async {
        let text = String::from("nobody joins this one");
        std::panic::panic_any(text)
    }));
    eventually("the hook hears of it", || !HEARD.lock().unwrap().is_empty());
    assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
    assert_eq!(*HEARD.lock().unwrap(), ["nobody joins this one"]);
}

#[test]
fn yield_now_lets_the_other_runnable_tasks_run_first() {
    let _watchdog = watchdog(60);
    let own = steady_executor(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    let task = {
        let order = order.clone();
        own.spawn(async move {
            let others: Vec<_> = (0..3)
                .map(|i| {
                    let order = order.clone();
                    executor::spawn(async move { order.lock().unwrap().push(i) })
                })
                .collect();
            executor::yield_now().await;
            order.lock().unwrap().push(100);
            for other in others {
                other.await.unwrap();
            }
        })
    };
    own.block_on(task).unwrap();
    let mut order = order.lock().unwrap().clone();
    assert_eq!(order.pop(), Some(100), "all others ran before: {order:?}");
    order.sort_unstable();
    assert_eq!(order, [0, 1, 2]);
}

#[test]
fn tasks_run_on_several_workers_at_once() {
    let _watchdog = watchdog(60);
    let own = executor(4);
    let barrier = Arc::new(std::sync::Barrier::new(4));
    let tasks = (0..4).map(|_| {
        let barrier = barrier.clone();
        own.spawn(async move { barrier.wait().is_leader() })
    });
    let tasks: Vec<_> = tasks.collect();
    let leaders = own.block_on(futures::future::join_all(tasks));
    assert_eq!(
        leaders
            .into_iter()
            .filter(|leader| *leader.as_ref().unwrap())
            .count(),
        1
    );
}

#[test]
fn tasks_that_share_their_worker_with_a_poll_that_does_not_end_are_stolen() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let gate = Gate::new();
    let inside = gate.clone();
    let ran = Arc::new(AtomicUsize::new(0));
    let count = ran.clone();
    let blocked = own.spawn(async move {
        for _ in 0..100 {
            let count = count.clone();
            executor::spawn(async move { count.fetch_add(1, SeqCst) });
        }
        inside.wait();
    });
    // The last of them may be alone in the next slot, for which nobody is woken: to get it from
    // behind a poll that does not say that it blocks is the monitor's business.
    eventually("the other worker has run them", || ran.load(SeqCst) >= 99);
    gate.open();
    own.block_on(blocked).unwrap();
    eventually("the last has run", || ran.load(SeqCst) == 100);
}

#[test]
fn the_destructor_of_a_future_whose_poll_panics_finds_the_thread_panicking() {
    let _watchdog = watchdog(60);
    /// Says in its destructor whether the thread is panicking, and then panics itself if told to.
    struct Witness {
        says: mpsc::Sender<bool>,
        panics: bool,
    }
    impl Future for Witness {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            quiet_panic("in the poll")
        }
    }
    impl Drop for Witness {
        fn drop(&mut self) {
            self.says.send(thread::panicking()).unwrap();
            if self.panics {
                quiet_panic("in the destructor");
            }
        }
    }
    let own = executor(1);
    for panics in [false, true] {
        let (says, said) = mpsc::channel();
        let task = own.spawn(Witness { says, panics });
        let error = own.block_on(task).unwrap_err();
        assert_eq!(
            *error.into_panic().downcast::<&str>().unwrap(),
            "in the poll"
        );
        // Dropped once, too.
        assert_eq!(said.iter().collect::<Vec<_>>(), [true]);
    }
}
