//! Sets of tasks that are joined as they end.

use crate::runtime::{Runtime, TaskSet};
use futures::channel::oneshot;

/// Spawns `tasks` tasks into a set, then joins them.
pub async fn set_in_order<R: Runtime>(tasks: usize) {
    let mut set = R::Set::default();
    for i in 0..tasks {
        set.spawn(async move { i });
    }
    assert_eq!(drain(&mut set).await, sum_below(tasks));
}

/// The same with tasks that all wait, and that another task lets end one by one in an order that
/// has nothing to do with the one in which they were spawned.
pub async fn set_at_random<R: Runtime>(tasks: usize) {
    let mut set = R::Set::default();
    let mut ends: Vec<_> = (0..tasks)
        .map(|i| {
            let (end, ended) = oneshot::channel::<()>();
            set.spawn(async move {
                ended.await.expect("it is told");
                i
            });
            end
        })
        .collect();
    shuffle(&mut ends);
    R::spawn_detached(async move {
        for end in ends {
            end.send(()).expect("it waits");
        }
    });
    assert_eq!(drain(&mut set).await, sum_below(tasks));
}

async fn drain<S: TaskSet>(set: &mut S) -> usize {
    let mut sum = 0;
    while let Some(i) = set.join_next().await {
        sum += i;
    }
    sum
}

fn sum_below(n: usize) -> usize {
    n * n.saturating_sub(1) / 2
}

/// Fisher and Yates's, with the same figures each time.
fn shuffle<T>(items: &mut [T]) {
    let mut random = 1_u64;
    for last in (1..items.len()).rev() {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        items.swap(last, (random >> 33) as usize % (last + 1));
    }
}
