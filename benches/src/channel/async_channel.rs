//! async-channel: what this project's lessons use, and the rows that compare runtimes.

use super::{Channel, Channels, RECEIVES, Receiver, Sender};
use ::async_channel::{bounded, unbounded};

/// The crate async-channel.
#[derive(Debug)]
pub enum AsyncChannel {}

/// With room for so many.
#[derive(Debug)]
pub enum Bounded {}

/// With room for all.
#[derive(Debug)]
pub enum Unbounded {}

impl Channels for AsyncChannel {
    type Bounded = Bounded;
    type Unbounded = Unbounded;
}

impl Channel for Bounded {
    type Sender = ::async_channel::Sender<usize>;
    type Receiver = ::async_channel::Receiver<usize>;

    fn open(room: usize) -> Option<(Self::Sender, Self::Receiver)> {
        Some(bounded(room))
    }
}

impl Channel for Unbounded {
    type Sender = ::async_channel::Sender<usize>;
    type Receiver = ::async_channel::Receiver<usize>;

    fn open(_room: usize) -> Option<(Self::Sender, Self::Receiver)> {
        Some(unbounded())
    }
}

impl Sender for ::async_channel::Sender<usize> {
    async fn send(&mut self, message: usize) {
        ::async_channel::Sender::send(self, message)
            .await
            .expect(RECEIVES);
    }
}

impl Receiver for ::async_channel::Receiver<usize> {
    async fn recv(&mut self) -> Option<usize> {
        ::async_channel::Receiver::recv(self).await.ok()
    }

    fn share(&self) -> Option<Self> {
        Some(self.clone())
    }
}
