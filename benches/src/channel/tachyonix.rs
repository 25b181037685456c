//! tachyonix: many senders, one receiver, and always a limit.

use super::{Channel, Channels, Missing, RECEIVES, Receiver, Sender};
use ::tachyonix::channel;

/// The crate tachyonix.
#[derive(Debug)]
pub enum Tachyonix {}

/// With room for so many.
#[derive(Debug)]
pub enum Bounded {}

impl Channels for Tachyonix {
    type Bounded = Bounded;
    type Unbounded = Missing;
}

impl Channel for Bounded {
    type Sender = ::tachyonix::Sender<usize>;
    type Receiver = ::tachyonix::Receiver<usize>;

    fn open(room: usize) -> Option<(Self::Sender, Self::Receiver)> {
        Some(channel(room))
    }
}

impl Sender for ::tachyonix::Sender<usize> {
    async fn send(&mut self, message: usize) {
        ::tachyonix::Sender::send(self, message)
            .await
            .expect(RECEIVES);
    }
}

impl Receiver for ::tachyonix::Receiver<usize> {
    async fn recv(&mut self) -> Option<usize> {
        ::tachyonix::Receiver::recv(self).await.ok()
    }
}
