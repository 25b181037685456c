//! Does one thing a number of times, on one worker, for `scripts/instructions` to count the
//! processor's instructions of under callgrind.

use clap::{Parser, ValueEnum};
use executor::{Executor, time, yield_now};
use std::{
    future::{pending, poll_fn},
    pin::pin,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
    time::Duration,
};

#[derive(Parser)]
struct Arguments {
    what: What,
    /// How many times.
    times: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// A task is spawned, runs, and is joined.
    Spawn,
    /// A detached task is spawned, and runs.
    Detach,
    /// A task is left pending for the first time, and aborted.
    Abort,
    /// A task wakes another one, which is polled.
    Wake,
    /// A task yields.
    Yield,
    /// A sleep is made, polled and dropped.
    Sleep,
}

fn main() {
    let Arguments { what, times } = Arguments::parse();
    // A monitor that looks as seldom as it ever does: how often depends on the time.
    let executor = Executor::builder()
        .workers(1)
        .handoff_after(Duration::from_secs(3600));
    let executor = executor.build().expect("an executor starts");
    let task = async move {
        match what {
            What::Spawn => spawn(times).await,
            What::Detach => detach(times).await,
            What::Abort => abort(times).await,
            What::Wake => wake(times).await,
            What::Yield => yields(times).await,
            What::Sleep => sleep(times).await,
        }
    };
    let task = executor.spawn(task);
    executor.block_on(task).expect("the task ends");
}

async fn spawn(times: usize) {
    for _ in 0..times {
        executor::spawn(async {}).await.expect("the task ends");
    }
}

async fn detach(times: usize) {
    for _ in 0..times {
        drop(executor::spawn(async {}));
        yield_now().await;
    }
}

async fn abort(times: usize) {
    for _ in 0..times {
        let task = executor::spawn(pending::<()>());
        yield_now().await;
        task.cancel().await;
    }
}

/// Two tasks in turn: half the wakes each.
async fn wake(times: usize) {
    let place = Arc::new(Mutex::new(Waker::noop().clone()));
    let other = executor::spawn(take_turns(place.clone(), times / 2));
    take_turns(place, times / 2).await;
    other.abort();
}

/// Wakes whoever waits at the place, and waits there, again and again.
async fn take_turns(place: Arc<Mutex<Waker>>, turns: usize) {
    let mut left = turns;
    poll_fn(move |cx| {
        let other = std::mem::replace(&mut *place.lock().expect("no panic"), cx.waker().clone());
        other.wake();
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}

async fn yields(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}

async fn sleep(times: usize) {
    for _ in 0..times {
        let mut sleep = pin!(time::sleep(Duration::from_secs(30)));
        assert!(futures::poll!(sleep.as_mut()).is_pending());
    }
}
