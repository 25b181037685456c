//! What becomes of a message when a receive is cancelled, crate by crate.
//!
//! A receive is cancelled when its future is dropped before it was ready: by a time-out, by the
//! other branch of a `select`, by the end of its task. A message whose sender has seen it sent must
//! then still be there for the next receive. `Contestant::keeps_messages` says of which crate that
//! holds, and the report repeats it: here each is held to it, also the one of which it does not.

use benches::{
    channel::{
        AsyncChannel, Channel, Channels, Crossfire, Flume, FuturesMpsc, Kanal, Missing, Receiver,
        Sender, Tachyonix, TokioSync,
    },
    contestant::Contestant,
    runtime::{OwnedExecutor, Runtime},
    workload::{Group, WORKLOADS, run_channels},
};
use executor::{
    Executor, spawn,
    time::{sleep, timeout},
    yield_now,
};
use futures::{
    FutureExt,
    future::{Either, select},
    poll,
};
use std::{
    any::TypeId,
    collections::BTreeSet,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

#[path = "../../executor/tests/common/watchdog.rs"]
mod watchdog;

use watchdog::Watchdog;

const MESSAGES: usize = 20_000;

/// Of so many sends one at least is followed by a receive that is cancelled.
const SENDS_A_CANCEL: usize = 16;

/// How long a receive has before it is timed out.
const BRIEFLY: Duration = Duration::from_micros(20);

/// The whole takes seconds; what hangs, hangs for ever.
const PATIENCE: Duration = Duration::from_secs(300);

/// What holds of every crate.
macro_rules! each {
    ($($name:ident: $channels:ty;)*) => {
        mod a_send_that_is_cancelled_leaves_its_room_to_others {
            use super::*;
            $(
                #[test]
                fn $name() {
                    let _watchdog = Watchdog::with(PATIENCE);
                    cancelled_sends::<<$channels as Channels>::Bounded>();
                }
            )*
        }
    };
}

/// What holds of those that keep their messages.
macro_rules! each_that_keeps {
    ($($name:ident: $channels:ty, $contestant:ident;)*) => {
        mod a_message_whose_receive_is_cancelled_comes_to_the_next {
            use super::*;
            $(
                #[test]
                fn $name() {
                    let _watchdog = Watchdog::with(PATIENCE);
                    assert!(Contestant::$contestant.keeps_messages());
                    assert!(keeps::<<$channels as Channels>::Bounded>());
                    if !is_missing::<<$channels as Channels>::Unbounded>() {
                        assert!(keeps::<<$channels as Channels>::Unbounded>());
                    }
                }
            )*
        }

        mod receives_that_lose_against_timers_and_others_lose_no_message {
            use super::*;
            $(
                #[test]
                fn $name() {
                    let _watchdog = Watchdog::with(PATIENCE);
                    cancelled_again_and_again::<<$channels as Channels>::Bounded>(1);
                    cancelled_again_and_again::<<$channels as Channels>::Bounded>(100);
                    if !is_missing::<<$channels as Channels>::Unbounded>() {
                        cancelled_again_and_again::<<$channels as Channels>::Unbounded>(0);
                    }
                }
            )*
        }
    };
}

/// What holds of those that keep their messages and have several receivers.
macro_rules! each_that_is_shared {
    ($($name:ident: $channels:ty;)*) => {
        mod a_receive_that_is_cancelled_passes_its_wake_up_on {
            use super::*;
            $(
                #[test]
                fn $name() {
                    let _watchdog = Watchdog::with(PATIENCE);
                    cancelled_beside_another::<<$channels as Channels>::Bounded>();
                    cancelled_beside_another::<<$channels as Channels>::Unbounded>();
                }
            )*
        }
    };
}

each! {
    async_channel: AsyncChannel;
    flume: Flume;
    kanal: Kanal;
    crossfire: Crossfire;
    tachyonix: Tachyonix;
    tokio_sync: TokioSync;
    futures_mpsc: FuturesMpsc;
}

each_that_keeps! {
    async_channel: AsyncChannel, AsyncChannel;
    flume: Flume, Flume;
    crossfire: Crossfire, Crossfire;
    tachyonix: Tachyonix, Tachyonix;
    tokio_sync: TokioSync, TokioSync;
    futures_mpsc: FuturesMpsc, FuturesMpsc;
}

each_that_is_shared! {
    async_channel: AsyncChannel;
    flume: Flume;
    crossfire: Crossfire;
}

/// If this fails, kanal has become safe, and `keeps_messages` should say so.
#[test]
fn a_message_whose_receive_is_cancelled_is_lost_with_kanal() {
    let _watchdog = Watchdog::with(PATIENCE);
    assert!(!Contestant::Kanal.keeps_messages());
    assert!(!keeps::<<Kanal as Channels>::Bounded>());
    assert!(!keeps::<<Kanal as Channels>::Unbounded>());
}

fn is_missing<C: Channel>() -> bool {
    TypeId::of::<C>() == TypeId::of::<Missing>()
}

fn open<C: Channel>(room: usize) -> (C::Sender, C::Receiver) {
    C::open(room).expect("the crate has this kind")
}

fn executor() -> Executor {
    Executor::builder().workers(2).build().expect("it starts")
}

/// A receive waits, a message is sent, and the receive is dropped without having been polled again.
/// Whether the next one finds the message.
fn keeps<C: Channel>() -> bool {
    let (mut sender, mut receiver) = open::<C>(1);
    {
        let mut receive = pin!(receiver.recv());
        assert_eq!(poll_once(receive.as_mut()), Poll::Pending);
        let sent = sender.send(7).now_or_never();
        sent.expect("there is room, and so the sender knows it sent");
    }
    drop(sender);
    match executor().block_on(receiver.recv()) {
        Some(message) => message == 7,
        None => false,
    }
}

fn poll_once<F: Future + Unpin>(mut future: F) -> Poll<F::Output> {
    match (&mut future).now_or_never() {
        Some(output) => Poll::Ready(output),
        None => Poll::Pending,
    }
}

/// A consumer that gives each receive little time, in all ways in which it may be cancelled. Every
/// message must come, in order, and once.
fn cancelled_again_and_again<C: Channel>(room: usize) {
    let (mut sender, mut receiver) = open::<C>(room);
    let executor = executor();
    let cancelled = Arc::new(AtomicUsize::new(0));
    let seen = cancelled.clone();
    let producer = executor.spawn(async move {
        for message in 0..MESSAGES {
            sender.send(message).await;
            // So often, whoever of the two is slower: there is nothing to receive until then.
            while seen.load(Relaxed) < message / SENDS_A_CANCEL {
                yield_now().await;
            }
        }
    });
    let consumer = executor.spawn(async move {
        let mut expected = 0;
        for turn in 0.. {
            let received = match turn % 3 {
                0 => match poll!(pin!(receiver.recv())) {
                    Poll::Ready(received) => Some(received),
                    Poll::Pending => None,
                },
                1 => {
                    let receive = pin!(receiver.recv());
                    match select(receive, pin!(yield_now())).await {
                        Either::Left((received, _)) => Some(received),
                        Either::Right(_) => None,
                    }
                }
                _ => timeout(BRIEFLY, receiver.recv()).await.ok(),
            };
            match received {
                Some(Some(message)) => {
                    assert_eq!(message, expected);
                    expected += 1;
                }
                Some(None) => break,
                None => _ = cancelled.fetch_add(1, Relaxed),
            }
        }
        expected
    });
    let received = executor.block_on(consumer).expect("it does not fail");
    executor.block_on(producer).expect("it does not fail");
    assert_eq!(received, MESSAGES);
}

/// Two receivers wait, a message wakes the first, which is dropped: the second must get it.
fn cancelled_beside_another<C: Channel>() {
    let (mut sender, mut first) = open::<C>(1);
    let mut second = first.share().expect("there may be several receivers");
    executor().block_on(async move {
        let other = {
            let mut cancelled = pin!(first.recv());
            assert_eq!(poll!(cancelled.as_mut()), Poll::Pending);
            let other = spawn(async move { second.recv().await });
            // Until it waits, too.
            sleep(Duration::from_millis(20)).await;
            sender.send(7).await;
            other
        };
        assert_eq!(other.await.expect("it does not fail"), Some(7));
    });
}

/// A channel is full, sends wait, and are dropped: what was sent comes, and then there is room.
/// Whether the messages of the dropped ones come is nobody's promise, for nobody saw them sent.
fn cancelled_sends<C: Channel>() {
    let (mut sender, mut receiver) = open::<C>(1);
    let mut seen = 0;
    // futures' channel has room for one more, for each sender.
    while sender.send(seen).now_or_never().is_some() {
        seen += 1;
        assert!(seen < 10, "a channel with room for 1");
    }
    for waits in 100..200 {
        assert_eq!(sender.send(waits).now_or_never(), None);
    }
    executor().block_on(async move {
        let mut received = BTreeSet::new();
        let last = spawn(async move { sender.send(1_000).await });
        while let Some(message) = receiver.recv().await {
            assert!(received.insert(message), "{message} came twice");
        }
        last.await.expect("it does not fail");
        let expected: Vec<usize> = (0..seen).chain([1_000]).collect();
        let missing = expected.iter().find(|message| !received.contains(message));
        assert_eq!(missing, None, "of {received:?}");
    });
}

/// What the guide recommends where a sender is to wait for its receiver.
#[test]
fn flumes_channel_without_room_hands_over_as_gos_does() {
    let _watchdog = Watchdog::with(PATIENCE);
    let (sender, receiver) = flume::bounded(0);
    assert!(sender.send_async(1).now_or_never().is_none());
    let sending = executor::spawn(async move { sender.send_async(2).await });
    assert_eq!(executor().block_on(receiver.recv_async()), Ok(2));
    assert_eq!(
        executor().block_on(sending).expect("it does not fail"),
        Ok(())
    );
}

#[test]
fn every_workload_gives_a_figure_or_says_that_there_is_no_such_channel() {
    let _watchdog = Watchdog::with(PATIENCE);
    type Run = fn(&str, usize) -> Result<Vec<f64>, String>;
    let crates: [(Contestant, Run); 7] = [
        (Contestant::AsyncChannel, run_channels::<AsyncChannel>),
        (Contestant::Flume, run_channels::<Flume>),
        (Contestant::Kanal, run_channels::<Kanal>),
        (Contestant::Crossfire, run_channels::<Crossfire>),
        (Contestant::Tachyonix, run_channels::<Tachyonix>),
        (Contestant::TokioSync, run_channels::<TokioSync>),
        (Contestant::FuturesMpsc, run_channels::<FuturesMpsc>),
    ];
    OwnedExecutor::start(2);
    for workload in WORKLOADS {
        if workload.group == Group::Channels {
            for (contestant, run) in crates {
                let ran = run(workload.name, 1_000);
                let runs = contestant.runs(workload);
                assert_eq!(ran.is_ok(), runs, "{} of {contestant}", workload.name);
            }
        }
    }
    assert!(run_channels::<Flume>("channel-no-such", 1).is_err());
}
