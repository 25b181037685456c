//! flume.

use super::{Channel, Channels, RECEIVES, Receiver, Sender};

/// The crate flume.
#[derive(Debug)]
pub enum Flume {}

/// With room for so many.
#[derive(Debug)]
pub enum Bounded {}

/// With room for all.
#[derive(Debug)]
pub enum Unbounded {}

impl Channels for Flume {
    type Bounded = Bounded;
    type Unbounded = Unbounded;
}

impl Channel for Bounded {
    type Sender = ::flume::Sender<usize>;
    type Receiver = ::flume::Receiver<usize>;

    fn open(room: usize) -> Option<(Self::Sender, Self::Receiver)> {
        Some(::flume::bounded(room))
    }
}

impl Channel for Unbounded {
    type Sender = ::flume::Sender<usize>;
    type Receiver = ::flume::Receiver<usize>;

    fn open(_room: usize) -> Option<(Self::Sender, Self::Receiver)> {
        Some(::flume::unbounded())
    }
}

impl Sender for ::flume::Sender<usize> {
    async fn send(&mut self, message: usize) {
        self.send_async(message).await.expect(RECEIVES);
    }
}

impl Receiver for ::flume::Receiver<usize> {
    async fn recv(&mut self) -> Option<usize> {
        self.recv_async().await.ok()
    }

    fn share(&self) -> Option<Self> {
        Some(self.clone())
    }
}
