//! What every channel has to offer to be measured, a file for each crate.
//!
//! Crates differ in what a channel is: some have types of their own for those without a limit, some
//! have one receiver. So a crate is a type without values that names two kinds of channels, and a
//! receiver says itself whether it can be shared.

mod async_channel;
mod crossfire;
mod flume;
mod futures;
mod kanal;
mod missing;
mod tachyonix;
mod tokio;

pub use self::{
    async_channel::AsyncChannel, crossfire::Crossfire, flume::Flume, futures::FuturesMpsc,
    kanal::Kanal, missing::Missing, tachyonix::Tachyonix, tokio::TokioSync,
};

use std::future::Future;

/// A crate with channels.
pub trait Channels: Send + 'static {
    /// With room for so many messages.
    type Bounded: Channel;

    /// With room for all; [`Missing`] if the crate has none.
    type Unbounded: Channel;
}

/// A kind of channel.
pub trait Channel: Send + 'static {
    /// Its sending side.
    type Sender: Sender;

    /// Its receiving side.
    type Receiver: Receiver;

    /// A channel with room for so many messages, or for all; `None` if there is none of this kind.
    fn open(room: usize) -> Option<(Self::Sender, Self::Receiver)>;
}

/// Puts numbers into a channel, which is closed when the last one is dropped.
pub trait Sender: Clone + Send + 'static {
    /// Waits until there is room. Panics if nobody receives any more.
    fn send(&mut self, message: usize) -> impl Future<Output = ()> + Send;
}

/// Takes numbers out of a channel.
pub trait Receiver: Send + 'static {
    /// Waits for a message; `None` if the channel is closed and empty.
    fn recv(&mut self) -> impl Future<Output = Option<usize>> + Send;

    /// Another receiver of the same channel; `None` if it has but one.
    fn share(&self) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

/// Why a send cannot fail.
const RECEIVES: &str = "the receiver lives as long as there are messages";
