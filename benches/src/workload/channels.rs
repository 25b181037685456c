//! Messages over the channels of one crate or another, between tasks of this project's executor.

use super::timed;
use crate::{
    channel::{Channel, Channels, Receiver, Sender},
    runtime::{OwnedExecutor, Runtime},
};

/// How many messages a channel has room for, unless it has room for all.
const ROOM: usize = 100;

/// How many produce in `fan-in`, and consume in `fan-out`.
const MANY: usize = 8;

/// Runs a workload of the group `Channels` once: nanoseconds per message, or round trip.
///
/// # Errors
///
/// If the workload is unknown, or the crate has no channel like that.
pub fn run_channels<C: Channels>(name: &str, size: usize) -> Result<Vec<f64>, String> {
    match name.strip_suffix("-unbounded") {
        Some(kind) => run_kind::<C::Unbounded>(kind, size),
        None => run_kind::<C::Bounded>(name, size),
    }
}

fn run_kind<C: Channel>(name: &str, size: usize) -> Result<Vec<f64>, String> {
    let missing = || "this crate has no channel like that".to_owned();
    let took = match name {
        "channel-pair" => {
            let (sender, receiver) = C::open(ROOM).ok_or_else(missing)?;
            timed::<OwnedExecutor, _>(pair(sender, receiver, size))
        }
        "channel-ping-pong" => {
            let (there, back) = C::open(1).zip(C::open(1)).ok_or_else(missing)?;
            timed::<OwnedExecutor, _>(ping_pong(there, back, size))
        }
        "channel-fan-in" => {
            let (sender, receiver) = C::open(ROOM).ok_or_else(missing)?;
            timed::<OwnedExecutor, _>(fan_in(sender, receiver, size))
        }
        "channel-fan-out" => {
            let (sender, receiver) = C::open(ROOM).ok_or_else(missing)?;
            let receivers: Vec<_> = (0..MANY)
                .map(|_| receiver.share())
                .collect::<Option<_>>()
                .ok_or_else(missing)?;
            drop(receiver);
            timed::<OwnedExecutor, _>(fan_out(sender, receivers, size))
        }
        _ => return Err(format!("there is no workload '{name}'")),
    };
    Ok(vec![took.as_nanos() as f64 / size as f64])
}

async fn send_all<S: Sender>(mut sender: S, messages: usize) {
    for message in 0..messages {
        sender.send(message).await;
    }
}

async fn count_all<R: Receiver>(mut receiver: R) -> usize {
    let mut received = 0;
    while receiver.recv().await.is_some() {
        received += 1;
    }
    received
}

/// One sends, one receives.
async fn pair<S: Sender, R: Receiver>(sender: S, receiver: R, messages: usize) {
    let received = OwnedExecutor::spawn(count_all(receiver));
    send_all(sender, messages).await;
    assert_eq!(received.await, messages);
}

/// One sends, and waits for the answer of another, each time.
async fn ping_pong<S: Sender, R: Receiver>(
    (mut ping, mut pings): (S, R),
    (mut pong, mut pongs): (S, R),
    messages: usize,
) {
    let echo = OwnedExecutor::spawn(async move {
        while let Some(message) = pings.recv().await {
            pong.send(message).await;
        }
    });
    for message in 0..messages {
        ping.send(message).await;
        assert_eq!(pongs.recv().await, Some(message));
    }
    drop(ping);
    echo.await;
}

/// Many send, one receives.
async fn fan_in<S: Sender, R: Receiver>(sender: S, receiver: R, messages: usize) {
    for i in 0..MANY {
        let sender = sender.clone();
        OwnedExecutor::spawn_detached(send_all(sender, share_of(i, messages)));
    }
    drop(sender);
    assert_eq!(count_all(receiver).await, messages);
}

/// One sends, many receive.
async fn fan_out<S: Sender, R: Receiver>(sender: S, receivers: Vec<R>, messages: usize) {
    let consumers: Vec<_> = receivers
        .into_iter()
        .map(|receiver| OwnedExecutor::spawn(count_all(receiver)))
        .collect();
    send_all(sender, messages).await;
    let mut received = 0;
    for consumer in consumers {
        received += consumer.await;
    }
    assert_eq!(received, messages);
}

/// How many of so many messages one of the many sends.
fn share_of(i: usize, messages: usize) -> usize {
    messages / MANY + usize::from(i < messages % MANY)
}
