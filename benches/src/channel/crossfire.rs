//! crossfire: its channels with many senders and many receivers. It has others, for one of either,
//! that may be faster where they do.

use super::{Channel, Channels, RECEIVES, Receiver, Sender};
use ::crossfire::{
    MAsyncRx, MAsyncTx, MTx,
    mpmc::{Array, List, bounded_async, unbounded_async},
};

/// The crate crossfire.
#[derive(Debug)]
pub enum Crossfire {}

/// With room for so many.
#[derive(Debug)]
pub enum Bounded {}

/// With room for all.
#[derive(Debug)]
pub enum Unbounded {}

impl Channels for Crossfire {
    type Bounded = Bounded;
    type Unbounded = Unbounded;
}

impl Channel for Bounded {
    type Sender = MAsyncTx<Array<usize>>;
    type Receiver = MAsyncRx<Array<usize>>;

    fn open(room: usize) -> Option<(Self::Sender, Self::Receiver)> {
        Some(bounded_async(room))
    }
}

impl Channel for Unbounded {
    type Sender = MTx<List<usize>>;
    type Receiver = MAsyncRx<List<usize>>;

    fn open(_room: usize) -> Option<(Self::Sender, Self::Receiver)> {
        Some(unbounded_async())
    }
}

impl Sender for MAsyncTx<Array<usize>> {
    async fn send(&mut self, message: usize) {
        (**self).send(message).await.expect(RECEIVES);
    }
}

/// Where there is room for all, a send does not wait.
impl Sender for MTx<List<usize>> {
    async fn send(&mut self, message: usize) {
        (**self).send(message).expect(RECEIVES);
    }
}

impl Receiver for MAsyncRx<Array<usize>> {
    async fn recv(&mut self) -> Option<usize> {
        (**self).recv().await.ok()
    }

    fn share(&self) -> Option<Self> {
        Some(self.clone())
    }
}

impl Receiver for MAsyncRx<List<usize>> {
    async fn recv(&mut self) -> Option<usize> {
        (**self).recv().await.ok()
    }

    fn share(&self) -> Option<Self> {
        Some(self.clone())
    }
}
