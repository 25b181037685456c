//! `tokio::sync::mpsc`, which needs no runtime of tokio: many senders, one receiver.

use super::{Channel, Channels, RECEIVES, Receiver, Sender};
use ::tokio::sync::mpsc;

/// The channels of `tokio::sync::mpsc`.
#[derive(Debug)]
pub enum TokioSync {}

/// With room for so many.
#[derive(Debug)]
pub enum Bounded {}

/// With room for all.
#[derive(Debug)]
pub enum Unbounded {}

impl Channels for TokioSync {
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
        Some(mpsc::unbounded_channel())
    }
}

impl Sender for mpsc::Sender<usize> {
    async fn send(&mut self, message: usize) {
        mpsc::Sender::send(self, message).await.expect(RECEIVES);
    }
}

impl Sender for mpsc::UnboundedSender<usize> {
    async fn send(&mut self, message: usize) {
        mpsc::UnboundedSender::send(self, message).expect(RECEIVES);
    }
}

impl Receiver for mpsc::Receiver<usize> {
    async fn recv(&mut self) -> Option<usize> {
        mpsc::Receiver::recv(self).await
    }
}

impl Receiver for mpsc::UnboundedReceiver<usize> {
    async fn recv(&mut self) -> Option<usize> {
        mpsc::UnboundedReceiver::recv(self).await
    }
}
