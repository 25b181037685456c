//! Timers that do not fire: what a limit costs that is kept.

use crate::runtime::Runtime;
use futures::poll;
use std::{future, hint::black_box, pin::pin, time::Duration};

/// Far beyond the end of any workload.
const LONG: Duration = Duration::from_secs(30);

/// `tasks` tasks make a long sleep, poll it and drop it, `times` times each.
pub async fn abandoned<R: Runtime>(tasks: usize, times: usize) {
    let task = |_| {
        R::spawn(async move {
            for _ in 0..times {
                let sleep = pin!(R::sleep(LONG));
                assert!(poll!(sleep).is_pending());
            }
        })
    };
    for join in (0..tasks).map(task).collect::<Vec<_>>() {
        join.await;
    }
}

/// Gives a future that is ready a long time, `times` times.
pub async fn kept_limits<R: Runtime>(times: usize) {
    for i in 0..times {
        let output = R::timeout(LONG, future::ready(black_box(i))).await;
        assert_eq!(black_box(output), Some(i));
    }
}
