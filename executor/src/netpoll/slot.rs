//! What a poller knows of a descriptor, and the way back: which poller that is.
//!
//! A descriptor is added to a poller at the first wait, and asked of for writing at the first write
//! that would block: a datagram socket would tell of each datagram that has left it (golang#17249).
//! It stays there until it is [removed](Slot::disarm), or the poller [ends](Netpoll::evict); then
//! whoever waits has it added to another one.

use super::{
    Ended, Netpoll,
    readiness::Readiness,
    selector::{Event, Fd, Happened, Interest, Key, Selector},
};
use crate::sync::{Mutex, forked, lock};
use std::{fmt, io, mem, sync::Arc, task::Waker};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Something to read, or to accept.
    Read,
    /// Room to write, or a connection.
    Write,
}

/// See the module's text.
pub(crate) struct Slot<S: Selector> {
    read: Readiness,
    write: Readiness,
    home: Mutex<Option<Home<S>>>,
}

/// Where a descriptor is registered.
struct Home<S: Selector> {
    netpoll: Arc<Netpoll<S>>,
    key: Key,
    interest: Interest,
}

/// Why a descriptor could not be armed.
#[derive(Debug)]
pub(crate) enum NotArmed {
    /// The poller has ended.
    Ended,
    /// The system refuses.
    Refused(io::Error),
}

impl From<io::Error> for NotArmed {
    fn from(error: io::Error) -> NotArmed {
        NotArmed::Refused(error)
    }
}

impl From<Ended> for NotArmed {
    fn from(Ended: Ended) -> NotArmed {
        NotArmed::Ended
    }
}

impl<S: Selector> fmt::Debug for Slot<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("read", &self.read)
            .field("write", &self.write)
            .finish_non_exhaustive()
    }
}

impl<S: Selector> Slot<S> {
    /// Of a descriptor that no poller knows. `claims`: see [`Readiness::new`].
    pub(crate) fn new(claims: bool) -> Slot<S> {
        Slot {
            read: Readiness::new(claims),
            write: Readiness::new(claims),
            home: Mutex::new(None),
        }
    }

    /// What is known of one direction.
    pub(crate) fn readiness(&self, direction: Direction) -> &Readiness {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    /// Sees to it that the kernel tells of events in this direction, by the poller that knows the
    /// descriptor already, else by `netpoll`. Returns whether that one is new to it.
    pub(crate) fn arm(
        self: &Arc<Self>,
        netpoll: &Arc<Netpoll<S>>,
        fd: Fd,
        direction: Direction,
    ) -> Result<bool, NotArmed> {
        let mut home = lock(&self.home);
        if is_parents(&home) {
            // What it holds of us is its own, and so are those who wait.
            mem::forget((home.take(), self.forget_home()));
        }
        if let Some(home) = &mut *home {
            if direction == Direction::Write && home.interest == Interest::Read {
                home.netpoll.widen(fd, home.key)?;
                home.interest = Interest::Both;
            }
            self.readiness(direction).arm();
            return Ok(false);
        }
        let interest = match direction {
            Direction::Read => Interest::Read,
            // Whoever waits for a connection will read from it.
            Direction::Write => Interest::Both,
        };
        let key = netpoll.add(self, fd, interest)?;
        *home = Some(Home {
            netpoll: netpoll.clone(),
            key,
            interest,
        });
        self.read.arm();
        if interest == Interest::Both {
            self.write.arm();
        }
        Ok(true)
    }

    /// Whether the poller that knows the descriptor is one of the process that this one was forked
    /// from: then nobody tells of events here.
    pub(crate) fn is_left_behind(&self) -> bool {
        forked::is_child() && is_parents(&lock(&self.home))
    }

    /// Ends the registration, if there is one. Returns the wakers of those who wait.
    pub(crate) fn disarm(&self, fd: Fd) -> Vec<Waker> {
        // Locked until nobody believes to be armed.
        let mut home = lock(&self.home);
        match home.take() {
            None => return Vec::new(),
            // The parent's: removing the descriptor here would remove it there.
            // And those who wait are tasks of the parent.
            Some(home) if home.netpoll.is_forked() => {
                mem::forget((home, self.forget_home()));
                return Vec::new();
            }
            Some(home) => home.netpoll.remove(fd, home.key),
        }
        self.forget_home()
    }

    /// The poller has ended. Returns the wakers of those who wait.
    pub(super) fn orphan(&self) -> Vec<Waker> {
        let mut home = lock(&self.home);
        let poller = home.take();
        let waiting = self.forget_home();
        drop(home);
        drop(poller);
        waiting
    }

    /// Under the lock of `home`.
    fn forget_home(&self) -> Vec<Waker> {
        let mut waiting = Vec::new();
        self.read.disarm(&mut waiting);
        self.write.disarm(&mut waiting);
        waiting
    }

    /// Whether anybody waits.
    pub(super) fn is_awaited(&self) -> bool {
        self.read.is_awaited() || self.write.is_awaited()
    }

    /// Something has happened: the wakers of those who wait for it are appended to `due`.
    pub(super) fn deliver(&self, event: Event, due: &mut impl Extend<Waker>) {
        deliver(&self.read, event.read, due);
        deliver(&self.write, event.write, due);
    }

    /// Nobody knows what has happened: all who wait try again.
    pub(super) fn pretend(&self, due: &mut impl Extend<Waker>) {
        deliver(&self.read, Happened::Ready, due);
        deliver(&self.write, Happened::Ready, due);
    }
}

fn is_parents<S: Selector>(home: &Option<Home<S>>) -> bool {
    home.as_ref().is_some_and(|home| home.netpoll.is_forked())
}

fn deliver(readiness: &Readiness, happened: Happened, due: &mut impl Extend<Waker>) {
    if happened != Happened::Nothing {
        readiness.set(happened == Happened::Closed, due);
    }
}
