//! What of tokio's needs no runtime of it, and so works in our tasks: the executor's pages for who comes
//! from tokio, or from Go, say which.

use executor::{JoinSet, spawn, spawn_blocking, time::sleep, yield_now};
use std::{sync::Arc, time::Duration};
use tokio::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, oneshot, watch,
};
use tokio_util::task::TaskTracker;

const TASKS: usize = 20;

/// The whole takes a moment; what hangs, hangs for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs it as a task of ours, for so long and no longer.
fn run<F>(future: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    let task = spawn(executor::time::timeout(PATIENCE, future));
    let in_time = executor::block_on(task).expect("it does not fail");
    in_time.expect("it does not hang")
}

#[test]
fn select_takes_what_is_ready_and_drops_the_rest() {
    run(async {
        let (sender, mut receiver) = mpsc::channel(1);
        let taken = tokio::select! {
            message = receiver.recv() => message,
            () = sleep(Duration::from_millis(5)) => Some(0),
        };
        assert_eq!(taken, Some(0));
        sender.send(7).await.unwrap();
        let taken = tokio::select! {
            biased;
            message = receiver.recv() => message,
            () = std::future::pending() => None,
        };
        assert_eq!(taken, Some(7));
    });
}

#[test]
fn join_runs_all_and_try_join_until_one_fails() {
    run(async {
        let (one, two) = tokio::join!(
            async {
                yield_now().await;
                1
            },
            async { 2 }
        );
        assert_eq!((one, two), (1, 2));
        let failed = tokio::try_join!(std::future::pending::<Result<(), u32>>(), async {
            Err::<(), u32>(3)
        });
        assert_eq!(failed, Err(3));
    });
}

#[test]
fn all_of_sync_works_between_our_tasks() {
    run(async {
        let sum = Arc::new(Mutex::new(0));
        let total = Arc::new(RwLock::new(0));
        let few = Arc::new(Semaphore::new(2));
        let all = Arc::new(Barrier::new(TASKS));
        let once = Arc::new(OnceCell::new());
        let tasks: JoinSet<_> = (0..TASKS)
            .map(|i| {
                let (sum, total, few) = (sum.clone(), total.clone(), few.clone());
                let (all, once) = (all.clone(), once.clone());
                async move {
                    all.wait().await;
                    let _one_of_few = few.acquire_owned().await.unwrap();
                    let mut sum = sum.lock().await;
                    yield_now().await; // with the lock held
                    *sum += i;
                    *total.write().await += i;
                    *once.get_or_init(|| async { 7 }).await
                }
            })
            .collect();
        assert_eq!(tasks.join_all().await, [7; TASKS]);
        let expected = TASKS * (TASKS - 1) / 2;
        assert_eq!(*sum.lock().await, expected);
        assert_eq!(*total.read().await, expected);
    });
}

#[test]
fn so_do_its_channels_and_notifications() {
    run(async {
        let (answer, asked) = oneshot::channel();
        let (latest, mut watched) = watch::channel(0);
        let (everybody, mut hears) = broadcast::channel(4);
        let told = Arc::new(Notify::new());
        let tells = told.clone();
        spawn(async move {
            sleep(Duration::from_millis(1)).await;
            answer.send(1).unwrap();
            latest.send(2).unwrap();
            everybody.send(3).unwrap();
            tells.notify_one();
        });
        assert_eq!(asked.await, Ok(1));
        watched.changed().await.unwrap();
        assert_eq!(*watched.borrow(), 2);
        assert_eq!(hears.recv().await, Ok(3));
        told.notified().await;
    });
}

#[test]
fn a_task_tracker_tracks_our_tasks() {
    run(async {
        let tracker = TaskTracker::new();
        for _ in 0..TASKS {
            spawn(tracker.track_future(sleep(Duration::from_millis(1))));
        }
        tracker.close();
        tracker.wait().await;
        assert!(tracker.is_empty());
    });
}

#[test]
fn a_semaphore_lets_few_calls_block_at_once() {
    run(async {
        let few = Arc::new(Semaphore::new(4));
        let calls: JoinSet<_> = (0..TASKS)
            .map(|_| {
                let few = few.clone();
                async move {
                    let _one_of_few = few.clone().acquire_owned().await.unwrap();
                    let seen = few.clone();
                    spawn_blocking(move || seen.available_permits())
                        .await
                        .unwrap()
                }
            })
            .collect();
        assert!(calls.join_all().await.iter().all(|left| *left < 4));
    });
}
