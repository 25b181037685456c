//! Spawning: joined, awaited one at a time, detached, from outside, chained, and as a tree.

use super::countdown::Countdown;
use crate::runtime::Runtime;
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Spawns `tasks` tasks, then joins them all.
pub async fn spawn_join<R: Runtime>(tasks: usize) {
    let joins: Vec<_> = (0..tasks).map(|i| R::spawn(async move { i })).collect();
    for (i, join) in joins.into_iter().enumerate() {
        assert_eq!(join.await, i);
    }
}

/// Spawns and joins `tasks` tasks, one at a time.
pub async fn one_at_a_time<R: Runtime>(tasks: usize) {
    for i in 0..tasks {
        assert_eq!(R::spawn(async move { i }).await, i);
    }
}

/// Spawns `tasks` detached tasks and counts them down.
pub async fn detached<R: Runtime>(tasks: usize) {
    let done = Countdown::leaked(tasks);
    for _ in 0..tasks {
        R::spawn_detached(async { done.count() });
    }
    done.wait().await;
}

/// The same from the calling thread, which the runtime does not know.
pub fn outside<R: Runtime>(tasks: usize) -> Duration {
    let done = Countdown::leaked(tasks);
    let start = Instant::now();
    for _ in 0..tasks {
        R::spawn_outside(async { done.count() });
    }
    futures_lite::future::block_on(done.wait());
    start.elapsed()
}

/// Each task spawns the next one, `tasks` times.
pub async fn chained<R: Runtime>(tasks: usize) {
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn cannot promise `Send` to itself"
    )]
    fn link<R: Runtime>(
        left: usize,
        done: &'static Countdown,
    ) -> impl Future<Output = ()> + Send + 'static {
        async move {
            match left {
                0 => done.count(),
                _ => R::spawn_detached(link::<R>(left - 1, done)),
            }
        }
    }
    let done = Countdown::leaked(1);
    R::spawn_detached(link::<R>(tasks.saturating_sub(1), done));
    done.wait().await;
}

/// A tree of tasks, ten below each, with `leaves` leaves, a power of ten.
pub async fn skynet<R: Runtime>(leaves: usize) {
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn cannot promise `Send` to itself"
    )]
    fn node<R: Runtime>(
        first: usize,
        leaves: usize,
    ) -> impl Future<Output = usize> + Send + 'static {
        async move {
            if leaves == 1 {
                return first;
            }
            let part = leaves / 10;
            let below: [_; 10] =
                std::array::from_fn(|i| R::spawn(node::<R>(first + i * part, part)));
            let mut sum = 0;
            for join in below {
                sum += join.await;
            }
            sum
        }
    }
    assert_eq!(node::<R>(0, leaves).await, leaves * (leaves - 1) / 2);
}
