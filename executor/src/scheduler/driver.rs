//! The seam for whatever wakes tasks from outside: timers, and one day sockets.
//!
//! A [`Source`] is where tasks wait for something that no task does. A [`Driver`] is the sources that one
//! thread looks after: a worker, a thread in `block_on`, or the monitor for threads that belong to no
//! executor. The rest of the scheduler knows drivers only:
//!
//! | who                        | when                                  | calls                             |
//! | -------------------------- | ------------------------------------- | --------------------------------- |
//! | a worker (`worker::find`)  | each 61st poll; and when it runs dry  | `due_now`, `fire_moderated`       |
//! | a worker (`worker::sleep`) | asleep, when something may be due     | `park`, `is_due`                  |
//! | a thread in `block_on`     | between two polls                     | `park`, `fire_all`                |
//! | the monitor                | where the driver's thread is away     | `next_due`, `fire_all`            |
//! | a worker that goes away    | before it blocks or ends              | `Scheduler::leave_driver`         |
//! | whoever unparks a machine  | after it has left the token           | `interrupt`                       |
//! | a leaf future (`leaf`)     | when it is polled                     | `timers`                          |
//!
//! # Sources of one thread, and of all
//!
//! The timers belong to one thread: nobody else makes their next deadline earlier (`timer`). A source of
//! the other kind is one for a whole executor, as the kernel's list of ready sockets will be. Nobody
//! rings when something happens there; somebody has to look, and best of all to sleep in it. So:
//!
//! * A worker that runs dry looks. One that goes to sleep does so *in* the source ([`Source::sleep`])
//!   unless another machine does already; whoever unparks it interrupts that.
//! * While somebody waits there, and nobody is active or sleeps there, the monitor stays awake
//!   ([`Source::needs_monitor`]), and looks there for the machines that are away.
//! * Who begins to wait there counts as posting work (`Pool::notify`): a machine is woken, finds nothing,
//!   and sleeps in the source.
//! * A machine that sleeps there does not retire as a spare: it is of use.
//!
//! Under random schedules such a source exists: `schedules::events`.

use crate::{
    idle::parker::{Parked, Parker},
    sync::clock::{self, NEVER},
    timer::{Timers, owned::OwnedTimers},
};

/// Where tasks wait for something outside the executor. Times are in nanoseconds, as `clock` counts.
pub(crate) trait Source {
    /// Whether anybody waits here. Asked often: one or two loads.
    fn is_waited_for(&self) -> bool;

    /// Whether there seems to be something to fire at `now`; does not wake anybody.
    fn seems_due(&self, now: u64) -> bool;

    /// Whether there is something to fire at `now`: worth a permit.
    fn is_due(&self, now: u64) -> bool {
        self.seems_due(now)
    }

    /// By when somebody has to look here; [`NEVER`] if no time is known.
    fn next_due(&self) -> u64;

    /// By when the driver has to look here: a little later, where it has just fired something, so that
    /// what comes in quick succession is fired together.
    fn next_look(&self) -> u64 {
        self.next_due()
    }

    /// Wakes whoever waits for what has happened by `now`, up to a batch after `limit` of them; returns
    /// whether there were any. Wakers are foreign code: no lock is held, and their panics are caught.
    fn fire(&self, now: u64, limit: usize) -> bool;

    /// The driver has just fired something: see [`next_look`](Source::next_look).
    fn moderate(&self, _now: u64) {}

    /// Wakes whoever waits here, for the executor ends.
    fn evict(&self);

    /// Sleeps until something happens here, `until` has come, or [`interrupt`](Source::interrupt) is
    /// called. `unparked` says whether that is the case; it must be asked once the call can be
    /// interrupted. Returns what it said last; `None`, and no sleep, if this is not the place for it.
    fn sleep(&self, _unparked: impl FnMut() -> bool, _until: u64) -> Option<bool> {
        None
    }

    /// Ends the [`sleep`](Source::sleep) of the machine that was unparked just now, if it sleeps here.
    fn interrupt(&self) {}

    /// Whether somebody waits here, and no machine sleeps here.
    fn needs_monitor(&self) -> bool {
        false
    }
}

impl Source for OwnedTimers {
    fn is_waited_for(&self) -> bool {
        self.timers().next_due() != NEVER
    }

    fn seems_due(&self, now: u64) -> bool {
        self.timers().next_look() <= now
    }

    fn is_due(&self, now: u64) -> bool {
        self.timers().is_due(now)
    }

    fn next_due(&self) -> u64 {
        self.timers().next_due()
    }

    fn next_look(&self) -> u64 {
        self.timers().next_look()
    }

    fn fire(&self, now: u64, limit: usize) -> bool {
        self.timers().fire(now, limit)
    }

    fn moderate(&self, now: u64) {
        self.timers().moderate(now);
    }

    fn evict(&self) {
        self.timers().evict();
    }
}

/// The source that all drivers of an executor share: none in an ordinary build.
#[cfg(not(all(test, shuttle)))]
pub(crate) type SharedSource = ();
#[cfg(all(test, shuttle))]
pub(crate) use super::schedules::events::SharedSource;

impl Source for () {
    fn is_waited_for(&self) -> bool {
        false
    }

    fn seems_due(&self, _: u64) -> bool {
        false
    }

    fn next_due(&self) -> u64 {
        NEVER
    }

    fn fire(&self, _: u64, _: usize) -> bool {
        false
    }

    fn evict(&self) {}
}

/// The sources that one thread looks after; see the module's text.
#[derive(Debug)]
pub(crate) struct Driver<S = SharedSource> {
    timers: OwnedTimers,
    shared: S,
}

/// Of a thread in `block_on`, or of one in no executor: what the workers share is theirs to look after.
pub(crate) type LoneDriver = Driver<()>;

impl<S: Source> Driver<S> {
    /// Of a thread that does not look after it yet.
    pub(crate) fn new(shared: S) -> Driver<S> {
        Driver {
            timers: OwnedTimers::take(),
            shared,
        }
    }

    /// The thread's own timers.
    pub(crate) fn timers(&self) -> &'static Timers {
        self.timers.timers()
    }

    /// Whether its thread looks after it.
    pub(crate) fn is_driven(&self) -> bool {
        self.timers().is_driven()
    }

    /// Says so. Whoever takes the driver from sources that are waited for tells the monitor.
    pub(crate) fn set_driven(&self, driven: bool) {
        self.timers().set_driven(driven);
    }

    /// Whether anybody waits for one of the sources.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.timers.is_waited_for() || self.shared.is_waited_for()
    }

    /// The present, if there seems to be something to fire.
    pub(crate) fn due_now(&self) -> Option<u64> {
        if !self.is_waited_for() {
            return None;
        }
        let now = clock::now();
        (self.timers.seems_due(now) || self.shared.seems_due(now)).then_some(now)
    }

    /// Whether there is something to fire now.
    pub(crate) fn is_due(&self) -> bool {
        let now = clock::now();
        self.timers.is_due(now) || self.shared.is_due(now)
    }

    /// By when somebody has to look.
    pub(crate) fn next_due(&self) -> u64 {
        self.timers.next_due().min(self.shared.next_due())
    }

    /// For the driver's thread: fires what is due, up to a batch after `limit` of each source; returns
    /// whether there was anything.
    pub(crate) fn fire_moderated(&self, now: u64, limit: usize) -> bool {
        let fired = self.timers.fire(now, limit);
        if fired {
            self.timers.moderate(now);
        }
        fired | self.shared.fire(now, limit)
    }

    /// Fires all that is due.
    pub(crate) fn fire_all(&self, now: u64) {
        self.timers.fire(now, usize::MAX);
        self.shared.fire(now, usize::MAX);
    }

    /// Sleeps until the thread is unparked at `parker`, a source has to be looked at, or `until` has come.
    /// A thread that does not look after the sources sleeps beside them.
    pub(crate) fn park(&self, parker: &Parker, until: u64) -> Parked {
        let next_look = if self.is_driven() {
            let next_look = self.timers.next_look().min(self.shared.next_look());
            if let Some(unparked) = self.shared.sleep(|| parker.take_token(), next_look) {
                return if unparked {
                    Parked::Unparked
                } else {
                    Parked::InSource
                };
            }
            next_look
        } else {
            NEVER
        };
        match until.min(next_look) {
            NEVER => parker.park(),
            until if parker.park_until(clock::instant(until)) => {}
            _ => return Parked::TimedOut,
        }
        Parked::Unparked
    }

    /// After the token of this driver's thread was left at its parker.
    pub(crate) fn interrupt(&self) {
        self.shared.interrupt();
    }

    /// Unlinks and wakes what waits for the sources of this thread alone, so that it registers anew with
    /// whoever polls it.
    pub(crate) fn evict(&self) {
        self.timers.evict();
    }
}
