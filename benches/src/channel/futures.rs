//! `futures::channel::mpsc`: many senders, one receiver. Its room is that of the channel and one
//! more for each sender.

use super::{Channel, Channels, RECEIVES, Receiver, Sender};
use ::futures::{SinkExt, StreamExt, channel::mpsc};

/// The channels of `futures::channel::mpsc`.
#[derive(Debug)]
pub enum FuturesMpsc {}

/// With room for so many.
#[derive(Debug)]
pub enum Bounded {}

/// With room for all.
#[derive(Debug)]
pub enum Unbounded {}

impl Channels for FuturesMpsc {
    type Bounded = Bounded;
    type Unbounded = Unbounded;
}

impl Channel for Bounded {
    type Sender = mpsc::Sender<usize>;
    type Receiver = mpsc::Receiver<usize>;

    fn open(room: usize) -> Option<(Self::Sender, Self::Receiver)> {
        Some(mpsc::channel(room))
    }
}

impl Channel for Unbounded {
    type Sender = mpsc::UnboundedSender<usize>;
    type Receiver = mpsc::UnboundedReceiver<usize>;

    fn open(_room: usize) -> Option<(Self::Sender, Self::Receiver)> {
        Some(mpsc::unbounded())
    }
}

impl Sender for mpsc::Sender<usize> {
    async fn send(&mut self, message: usize) {
        SinkExt::send(self, message).await.expect(RECEIVES);
    }
}

impl Sender for mpsc::UnboundedSender<usize> {
    async fn send(&mut self, message: usize) {
        self.unbounded_send(message).expect(RECEIVES);
    }
}

impl Receiver for mpsc::Receiver<usize> {
    async fn recv(&mut self) -> Option<usize> {
        self.next().await
    }
}

impl Receiver for mpsc::UnboundedReceiver<usize> {
    async fn recv(&mut self) -> Option<usize> {
        self.next().await
    }
}
