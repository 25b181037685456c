//! What the kernel can do for a poller, as far as the protocol needs it: models and random
//! schedules have a kernel of their own.

use std::{io, time::Duration};

/// The number of a descriptor.
pub(crate) type Fd = i32;

/// What an event is known by: the key that the descriptor was added with.
pub(crate) type Key = usize;

/// What the kernel is to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    /// What can be read.
    Read,
    /// And room to write.
    Both,
}

/// What has happened to a descriptor. Edges: told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) key: Key,
    pub(crate) read: Happened,
    pub(crate) write: Happened,
}

/// What has happened in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    Nothing,
    /// An operation may succeed.
    Ready,
    /// And so will all after it: the peer has closed, or there is an error.
    Closed,
}

/// Why the kernel does not do what a [`Control`] asks for.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It does not watch this descriptor.
    Descriptor(io::Error),
    /// There is no selector any more: somebody has closed it, for example.
    Selector(io::Error),
}

/// Waits for events. One thread at a time.
pub(crate) trait Selector: Sized + Send {
    type Control: Control;

    /// Asks the system for a selector, and for what controls it.
    fn open() -> io::Result<(Self, Self::Control)>;

    /// Waits until something happens, for `timeout` at most if there is one, or until it is
    /// interrupted; tells of what has happened. May return before, with nothing to tell. An error
    /// says that there is no selector any more.
    fn wait(&mut self, timeout: Option<Duration>, tell: impl FnMut(Event)) -> io::Result<()>;

    /// Whether there is no selector any more, though nobody has noticed. For whoever is about to
    /// drop it.
    fn is_lost(&mut self, _control: &Self::Control) -> bool {
        false
    }

    /// For a selector that is no more: closes none of its descriptors, whose numbers may be
    /// somebody else's by now.
    fn abandon(self, _control: Self::Control) {}
}

/// Controls a [`Selector`]. From any thread, also while another one waits.
pub(crate) trait Control: Send + Sync {
    /// Tells of events of `fd` from now on, and of what is so already.
    fn add(&self, fd: Fd, key: Key, interest: Interest) -> Result<(), Refused>;

    /// Tells of more of them, and again of what is so already.
    fn widen(&self, fd: Fd, key: Key) -> Result<(), Refused>;

    /// Tells of no more.
    fn remove(&self, fd: Fd) -> io::Result<()>;

    /// Ends the wait of the thread that waits, or the next one. An error says that it cannot.
    fn interrupt(&self) -> io::Result<()>;
}
