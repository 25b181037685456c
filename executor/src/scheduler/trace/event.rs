//! The events of a trace, as two words each:
//!
//! ```text
//!   time in nanoseconds (48 bits, low) | kind (8) | argument (8)      payload (64)
//! ```
//!
//! What the payload is, and the argument, the kinds say. The page that shows them knows these numbers,
//! too (`page/events.js`).

use crate::record::ring::Words;

/// How many bits the time has: it starts anew after 78 hours.
const TIME_BITS: u32 = 48;

/// The times that there are.
pub(super) const TIMES: u64 = 1 << TIME_BITS;

/// The longest trace, in nanoseconds: 39 hours. Times that are further apart cannot be told from
/// such as are close.
pub(super) const LONGEST: u64 = TIMES / 2;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// What has happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub(crate) enum Kind { $($(#[$doc])* $name = $number,)* }

        impl Kind {
            fn of(number: u8) -> Option<Kind> {
                match number {
                    $($number => Some(Kind::$name),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// A task is spawned, and becomes runnable: the task.
    Spawn = 1,
    /// A poll begins: the task.
    PollBegins = 2,
    /// A poll ends: the task; the argument is an [`Ending`].
    PollEnds = 3,
    /// A task is woken, and becomes runnable: the task; the argument is a [`Queue`].
    Woken = 4,
    /// Tasks are stolen: the number of the worker who had them; the argument says how many, 255 at
    /// most.
    Stolen = 5,
    /// The worker falls asleep.
    Parks = 6,
    /// And is awake again.
    Unparked = 7,
    /// It begins to search for tasks with others.
    Searches = 8,
    /// The monitor takes the permit from its poll. The payload is the number of the worker, until the
    /// event is in its track.
    PermitTaken = 9,
    /// The permit goes to another thread while this one sits in a call that has announced itself. The
    /// payload is as above.
    PermitGiven = 10,
    /// It has a permit again.
    PermitBack = 11,
    /// A call begins that has announced that it blocks.
    BlockingBegins = 12,
    /// And ends.
    BlockingEnds = 13,
    /// Timers, sockets and the like are looked at: what is woken from here to the next poll, they wake.
    Fired = 14,
    /// The thread of a worker starts.
    ThreadStarts = 15,
    /// And ends.
    ThreadEnds = 16,
    /// A region of the user's begins: the number of its name; the argument tells the thread from
    /// others that share its track.
    RegionBegins = 17,
    /// And ends: as above.
    RegionEnds = 18,
    /// An event of the user's: the number of its name.
    User = 19,
    /// Events before this one were overwritten: how many. In no ring.
    Gap = 20,
    /// A future of `block_on` is polled: the id of the call.
    CallBegins = 21,
    /// And that ends: the id of the call; the argument is an [`Ending`].
    CallEnds = 22,
}

/// How a poll has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ending {
    Pending = 0,
    Ready = 1,
    Panicked = 2,
    /// It was none: the future was dropped instead.
    Cancelled = 3,
}

impl Ending {
    pub(super) fn of(argument: u8) -> Ending {
        match argument {
            0 => Ending::Pending,
            2 => Ending::Panicked,
            3 => Ending::Cancelled,
            _ => Ending::Ready,
        }
    }

    /// As people read it.
    #[cfg(feature = "trace")]
    pub(super) fn word(self) -> &'static str {
        match self {
            Ending::Pending => "pending",
            Ending::Ready => "ready",
            Ending::Panicked => "panicked",
            Ending::Cancelled => "cancelled",
        }
    }
}

/// Where a task goes that is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Queue {
    NextSlot = 0,
    Local = 1,
    Global = 2,
}

/// See the module's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) time: u64,
    pub(crate) kind: Kind,
    pub(crate) argument: u8,
    pub(crate) payload: u64,
}

impl Event {
    /// As words.
    pub(crate) fn words(self) -> Words {
        let kind_and_argument = u16::from_le_bytes([self.kind as u8, self.argument]);
        let first = (self.time % TIMES) | (u64::from(kind_and_argument) << TIME_BITS);
        [first, self.payload]
    }

    /// The event that these words are, if they are one.
    pub(crate) fn of([first, payload]: Words) -> Option<Event> {
        let kind_and_argument = (first >> TIME_BITS) as u16;
        let [kind, argument] = kind_and_argument.to_le_bytes();
        Some(Event {
            time: first % TIMES,
            kind: Kind::of(kind)?,
            argument,
            payload,
        })
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn events_survive_the_way_there_and_back() {
        let event = Event {
            time: TIMES - 7,
            kind: Kind::PollEnds,
            argument: 3,
            payload: u64::MAX - 5,
        };
        assert_eq!(Event::of(event.words()), Some(event));
        assert_eq!(Event::of([0, 1]), None);
        assert_eq!(event.words(), [0x0303_ffff_ffff_fff9, u64::MAX - 5]);
    }
}
