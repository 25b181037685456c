//! Little work that two cores could share: independent tasks, and two tasks that hand it on.

use super::blocked::Blocker;
use crate::runtime::Runtime;
use std::time::Duration;

/// How long each piece of work takes: about as long as it takes to wake a worker.
const PIECE: Duration = Duration::from_micros(5);

/// Tasks spawned and joined at once.
const FORKS: usize = 8;

fn work() {
    Blocker::Spinning.block(PIECE);
}

/// Spawns tasks that work, eight at a time, and joins them; `tasks` in all, which eight divides.
pub async fn forks<R: Runtime>(tasks: usize) {
    for _ in 0..tasks / FORKS {
        let joins: Vec<_> = (0..FORKS).map(|_| R::spawn(async { work() })).collect();
        for join in joins {
            join.await;
        }
    }
}

/// Two tasks: each works on each of `messages` messages, and the one hands them on to the other,
/// over a channel with room for one.
pub async fn pipeline<R: Runtime>(messages: usize) {
    let (sender, receiver) = async_channel::bounded(1);
    let source = R::spawn(async move {
        for message in 0..messages {
            work();
            sender.send(message).await.expect("the other waits");
        }
    });
    let sink = R::spawn(async move {
        let mut received = 0;
        while receiver.recv().await.is_ok() {
            work();
            received += 1;
        }
        received
    });
    source.await;
    assert_eq!(sink.await, messages);
}
