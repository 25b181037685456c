//! [matrix-rust-sdk#2426](https://github.com/matrix-org/matrix-rust-sdk/issues/2426), mended in
//! [6988bd1e](https://github.com/matrix-org/matrix-rust-sdk/commit/6988bd1e6ffcd0c6f9fd29fb077eebf6a729b14c):
//! the synchronization of Element X stalls as it starts.
//!
//! A request holds the position in the stream of events, from before it is sent until its answer
//! has been handled. Answers are handled one at a time, which has a lock of its own. Who handles
//! one gives the position free, and then takes it once more, to store it, still with the other
//! lock. If another request has got the position in between, its answer waits for the lock, and
//! who has that waits for the position. The mend keeps the position to the end, and has no other
//! lock.

use crate::{Version, common::watchdog, find, find_nothing};
use executor::{
    sim::{FailureKind, random},
    spawn,
    time::sleep,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Mutex;

#[derive(Default)]
struct SlidingSync {
    position: Arc<Mutex<u64>>,
    handling: Mutex<()>,
    stored: Mutex<u64>,
}

impl SlidingSync {
    /// Sends one request, and handles the answer.
    async fn once(self: Arc<Self>, version: Version) {
        let mut position = self.position.clone().lock_owned().await;
        // The request, and its answer.
        some_time().await;
        let handle = async move {
            match version {
                Version::Broken => {
                    let handling = self.handling.lock().await;
                    *position += 1;
                    drop(position);
                    let position = *self.position.lock().await;
                    self.store(position).await;
                    drop(handling);
                }
                Version::Mended => {
                    *position += 1;
                    self.store(*position).await;
                    drop(position);
                }
            }
        };
        // A task, so that nobody cancels it.
        spawn(handle).await.unwrap();
    }

    async fn store(&self, position: u64) {
        let mut stored = self.stored.lock().await;
        // A database.
        some_time().await;
        *stored = position;
    }
}

async fn some_time() {
    sleep(Duration::from_millis(random() % 20)).await;
}

/// The application starts two requests, one some time after the other.
async fn program(version: Version) {
    let sync = Arc::new(SlidingSync::default());
    let first = spawn(sync.clone().once(version));
    some_time().await;
    let second = spawn(sync.clone().once(version));
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!(*sync.stored.lock().await, 2);
}

#[test]
fn two_locks_taken_in_two_orders_are_found() {
    let _watchdog = watchdog(60);
    let _ = find(program, FailureKind::Deadlock);
}

#[test]
fn one_lock_that_is_kept_to_the_end_deadlocks_nobody() {
    let _watchdog = watchdog(60);
    find_nothing(program);
}
