//! Tasks that send each other messages: over oneshot channels of `futures` and over
//! `async-channel`, which know no runtime.

use crate::runtime::Runtime;
use futures::channel::oneshot;

/// How many messages the channel of `fan_in` has room for.
const ROOM: usize = 100;

/// `pairs` pairs of tasks exchange one message each way.
pub async fn pairs<R: Runtime>(pairs: usize) {
    let joins: Vec<_> = (0..pairs)
        .map(|i| {
            let (ping, pinged) = oneshot::channel();
            let (pong, ponged) = oneshot::channel();
            R::spawn_detached(async move {
                let message: usize = pinged.await.expect("a ping comes");
                pong.send(message + 1).expect("the other waits");
            });
            R::spawn(async move {
                ping.send(i).expect("the other waits");
                assert_eq!(ponged.await, Ok(i + 1));
            })
        })
        .collect();
    for join in joins {
        join.await;
    }
}

/// Two tasks exchange `messages` messages each way over channels with room for one.
pub async fn ping_pong<R: Runtime>(messages: usize) {
    let (ping, pings) = async_channel::bounded(1);
    let (pong, pongs) = async_channel::bounded(1);
    let echo = R::spawn(async move {
        while let Ok(message) = pings.recv().await {
            pong.send(message).await.expect("the other waits");
        }
    });
    for message in 0..messages {
        ping.send(message).await.expect("the other waits");
        assert_eq!(pongs.recv().await, Ok(message));
    }
    drop(ping);
    echo.await;
}

/// `producers` tasks send `messages` messages each to this one.
pub async fn fan_in<R: Runtime>(producers: usize, messages: usize) {
    let (sender, receiver) = async_channel::bounded(ROOM);
    for _ in 0..producers {
        let sender = sender.clone();
        R::spawn_detached(async move {
            for message in 0..messages {
                sender.send(message).await.expect("the consumer lives");
            }
        });
    }
    drop(sender);
    let mut received = 0;
    while receiver.recv().await.is_ok() {
        received += 1;
    }
    assert_eq!(received, producers * messages);
}
