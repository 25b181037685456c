//! kanal: a sender writes into the future of a receiver that waits.

use super::{Channel, Channels, RECEIVES, Receiver, Sender};
use ::kanal::{AsyncReceiver, AsyncSender, bounded_async, unbounded_async};

/// The crate kanal.
#[derive(Debug)]
pub enum Kanal {}

/// With room for so many.
#[derive(Debug)]
pub enum Bounded {}

/// With room for all.
#[derive(Debug)]
pub enum Unbounded {}

impl Channels for Kanal {
    type Bounded = Bounded;
    type Unbounded = Unbounded;
}

impl Channel for Bounded {
    type Sender = AsyncSender<usize>;
    type Receiver = AsyncReceiver<usize>;

    fn open(room: usize) -> Option<(Self::Sender, Self::Receiver)> {
        Some(bounded_async(room))
    }
}

impl Channel for Unbounded {
    type Sender = AsyncSender<usize>;
    type Receiver = AsyncReceiver<usize>;

    fn open(_room: usize) -> Option<(Self::Sender, Self::Receiver)> {
        Some(unbounded_async())
    }
}

impl Sender for AsyncSender<usize> {
    async fn send(&mut self, message: usize) {
        AsyncSender::send(self, message).await.expect(RECEIVES);
    }
}

impl Receiver for AsyncReceiver<usize> {
    async fn recv(&mut self) -> Option<usize> {
        AsyncReceiver::recv(self).await.ok()
    }

    fn share(&self) -> Option<Self> {
        Some(self.clone())
    }
}
