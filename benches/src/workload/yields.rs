//! Giving way.

use crate::runtime::Runtime;

/// `tasks` tasks yield `times` times each.
pub async fn yields<R: Runtime>(tasks: usize, times: usize) {
    let task = |_| {
        R::spawn(async move {
            for _ in 0..times {
                R::yield_now().await;
            }
        })
    };
    for join in (0..tasks).map(task).collect::<Vec<_>>() {
        join.await;
    }
}
