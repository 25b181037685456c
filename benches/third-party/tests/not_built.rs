//! What `executor` does not have, and its README says what to use instead: that, as it says it.

use async_executor::LocalExecutor;
use executor::{
    JoinSet, spawn,
    time::{sleep, timeout},
};
use futures::{FutureExt, executor::LocalPool, future::join_all, task::LocalSpawnExt};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

const TASKS: usize = 100;

/// Long enough for the tasks to wait at the same time.
const NAP: Duration = Duration::from_millis(2);

/// The whole takes a moment; what hangs, hangs for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// `block_on`, for so long and no longer.
fn block_on<F: Future>(future: F) -> F::Output {
    executor::block_on(timeout(PATIENCE, future)).expect("it does not hang")
}

#[test]
fn tasks_that_are_not_send_run_in_a_local_executor_under_block_on() {
    let local = LocalExecutor::new();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let thread = thread::current().id();
    block_on(local.run(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|i| {
                let seen = seen.clone();
                local.spawn(async move {
                    // Our timers, and tasks on our workers, as anywhere.
                    sleep(NAP).await;
                    let elsewhere = spawn(async move { (i, thread::current().id()) });
                    let (i, id) = elsewhere.await.unwrap();
                    assert_ne!(id, thread);
                    assert_eq!(thread::current().id(), thread);
                    seen.borrow_mut().push(i);
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
    }));
    seen.borrow_mut().sort();
    assert_eq!(*seen.borrow(), (0..TASKS).collect::<Vec<_>>());
}

#[test]
fn or_in_futures_local_pool() {
    let sum = Rc::new(Cell::new(0));
    executor::block_on(async {
        let mut pool = LocalPool::new();
        for i in 0..TASKS {
            let sum = sum.clone();
            let task = async move {
                sleep(NAP).await;
                let i = spawn(async move { i }).await.unwrap();
                sum.set(sum.get() + i);
            };
            pool.spawner().spawn_local(task).unwrap();
        }
        let all = async {
            while sum.get() < TASKS * (TASKS - 1) / 2 {
                sleep(NAP).await;
            }
        };
        let in_time = pool.run_until(timeout(PATIENCE, all));
        in_time.expect("it does not hang");
    });
    assert_eq!(sum.get(), TASKS * (TASKS - 1) / 2);
}

#[test]
fn futures_that_borrow_run_side_by_side_in_one_task() {
    let words = vec![String::from("borrowed"); TASKS];
    let lengths = words.iter().map(|word| async move {
        sleep(NAP).await;
        word.len()
    });
    let lengths = block_on(join_all(lengths));
    assert_eq!(lengths.iter().sum::<usize>(), TASKS * "borrowed".len());
}

#[test]
fn a_task_that_several_await_is_shared() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let task = spawn(async move {
        sleep(NAP).await;
        counted.fetch_add(1, SeqCst);
        String::from("once")
    });
    // `Shared` clones what it yields.
    let shared = task.map(|joined| joined.map_err(Arc::new)).shared();
    let waiters: JoinSet<_> = (0..TASKS).map(|_| shared.clone()).collect();
    let seen = block_on(waiters.join_all());
    assert!(
        seen.iter()
            .all(|joined| joined.as_deref().unwrap() == "once")
    );
    assert_eq!(runs.load(SeqCst), 1);
}

tokio::task_local! {
    static REQUEST: usize;
}

#[test]
fn tokios_task_locals_go_with_our_tasks() {
    let tasks = (0..TASKS).map(|i| {
        REQUEST.scope(i, async move {
            for _ in 0..10 {
                executor::yield_now().await;
                assert_eq!(REQUEST.get(), i);
            }
            // It is not inherited: who spawns hands it on.
            assert!(
                spawn(async { REQUEST.try_with(|_| ()) })
                    .await
                    .unwrap()
                    .is_err()
            );
            let inner = spawn(REQUEST.scope(REQUEST.get(), async { REQUEST.get() }));
            assert_eq!(inner.await.unwrap(), i);
        })
    });
    let tasks: JoinSet<_> = tasks.collect();
    assert_eq!(block_on(tasks.join_all()).len(), TASKS);
}

#[test]
fn tokio_utils_cancellation_tokens_end_our_tasks() {
    let token = CancellationToken::new();
    let mut tasks: JoinSet<_> = (0..TASKS)
        .map(|_| {
            let own = token.child_token();
            async move {
                let work = async {
                    loop {
                        sleep(NAP).await;
                    }
                };
                own.run_until_cancelled(work).await.map(|never: ()| never)
            }
        })
        .collect();
    assert!(tasks.try_join_next().is_none());
    token.cancel();
    let ended = block_on(tasks.join_all());
    assert_eq!(ended, [None; TASKS]);
}

#[test]
fn what_must_stay_on_one_thread_has_a_thread_of_its_own() {
    let handle = executor::Handle::current();
    let own = thread::spawn(move || {
        let work = async {
            let before = thread::current().id();
            sleep(NAP).await;
            let seven = spawn(async { 7 }).await.unwrap();
            (before == thread::current().id(), seven)
        };
        handle
            .block_on(timeout(PATIENCE, work))
            .expect("it does not hang")
    });
    assert_eq!(own.join().unwrap(), (true, 7));
}
