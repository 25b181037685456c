//! The seam for whatever wakes tasks from outside: timers and sockets.
//!
//! A [`Source`] is where tasks wait for something that no task does. A [`Driver`] is the sources
//! that one thread looks after: a worker, a thread in `block_on`, or a monitor for timers that
//! nobody else can answer for. The rest of the scheduler knows drivers only:
//!
//! | who                        | when                              | calls                       |
//! | -------------------------- | --------------------------------- | --------------------------- |
//! | a worker (`worker::find`)  | every so often (`worker::pace`);  | `due_now`, `fire_moderated` |
//! |                            | when it runs dry                  |                             |
//! | a worker (`worker::sleep`) | asleep, when something may be due | `park`, `is_due`            |
//! | a thread in `block_on`     | between two polls                 | `park`, `fire_all`          |
//! | the monitor                | where the driver's thread is away | `next_due`, `is_due`        |
//! | any worker, if the monitor | where the driver's thread is away | `fire`                      |
//! | has found something due    |                                   |                             |
//! | a worker that goes away    | when it blocks or ends; asleep,   | `Scheduler::driver_is_left` |
//! |                            | if there is no permit for it      |                             |
//! | whoever unparks a machine  | if it sleeps in a source          | `interrupt`                 |
//! | a leaf future (`leaf`)     | when it is polled                 | `timers`; the sockets' poller |
//!
//! # Sources of one thread, and of all
//!
//! Timers belong to one thread: no other makes their next deadline earlier (`timer`). The other
//! kind of source belongs to a whole executor (`shared_source`): the kernel's list of ready sockets
//! (`netpoll`), and the timers that no thread of an executor without a monitor can answer for
//! (`outside`). When something happens in the kernel, nobody is told. Somebody has to look, and best
//! of all to sleep there. So:
//!
//! * A worker that runs dry looks, and a busy one now and then.
//! * A worker that falls asleep does so *in* the source ([`Source::sleep`]), unless another machine
//!   does already. It is woken for other work when no other sleeps (`Idle::watch`).
//! * While somebody waits for it, and no machine sleeps in it ([`Source::is_unwatched`]), the monitor
//!   stays awake. If nobody has looked for a while, it looks itself, and has a machine woken, or
//!   started, that finds nothing and sleeps there (`monitor/sources`). So what happens waits for a
//!   poll that does not end no longer than tasks do.
//! * Without a monitor, a machine that leaves the source wakes another one for each task that it makes
//!   runnable, as any does there (`worker/schedule`); one of those that find nothing sleeps there. If
//!   none is woken because somebody searches, the last searcher wakes one (`Pool::last_search_ends`).
//! * Beginning to wait counts as posting work (`Pool::notify`), except on a worker, which will look.
//! * A machine that sleeps in it does not retire as a spare: it is of use.
//!
//! Random schedules have a kernel of their own: `schedules::events`.

use crate::{
    idle::parker::{Parked, Parker},
    sync::clock::{self, NEVER},
    timer::{Timers, owned::OwnedTimers},
};

/// Where tasks wait for something outside the executor. Times are in nanoseconds, as `clock` counts
/// them.
pub(crate) trait Source {
    /// Whether anybody waits here. Called often, so it takes no more than a load or two.
    fn is_waited_for(&self) -> bool;

    /// Whether there seems to be something to fire at `now`. A guess, which fires nothing.
    fn seems_due(&self, now: u64) -> bool;

    /// The same for a thread that has other work: where asking takes long, it is not done often.
    fn seems_due_meanwhile(&self, now: u64) -> bool {
        self.seems_due(now)
    }

    /// Whether there is something to fire at `now`, for which a sleeper takes a permit.
    fn is_due(&self, now: u64) -> bool {
        self.seems_due(now)
    }

    /// By when somebody has to look here. [`NEVER`] if no time is known.
    fn next_due(&self) -> u64;

    /// By when the driver has to look here. Where the driver has just fired something, that is a
    /// little later, so that what comes in quick succession is fired together.
    fn next_look(&self) -> u64 {
        self.next_due()
    }

    /// Wakes whoever waits for what has happened by `now`, and stops when their number has reached
    /// `limit`. Returns whether there were any. Wakers are foreign code: no lock is held, and their
    /// panics are caught.
    fn fire(&self, now: u64, limit: usize) -> bool;

    /// Makes [`next_look`](Source::next_look) later. For the driver, which has just fired
    /// something.
    fn moderate(&self, _now: u64) {}

    /// Wakes all that wait here. For the end of the executor.
    fn evict(&self);

    /// Sleeps until something happens here, `until` has come, or the thread is unparked at `parker`,
    /// and so [interrupted](Source::interrupt) here. Returns whether it was unparked; `None`,
    /// without a sleep, if this is not the place to sleep in. Calls `begin` if it is.
    fn sleep(&self, _parker: &Parker, _until: u64, _begin: impl FnOnce()) -> Option<bool> {
        None
    }

    /// Ends the [`sleep`](Source::sleep) of the machine that sleeps here.
    fn interrupt(&self) {}

    /// Whether somebody waits here, and no machine sleeps here.
    fn is_unwatched(&self) -> bool {
        false
    }

    /// When somebody looked here last, as far as that matters to [`is_unwatched`](Source::is_unwatched).
    fn last_look(&self) -> u64 {
        0
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

/// In place of a source, where there is none.
#[derive(Clone, Default)]
pub(crate) struct NoSource;

impl Source for NoSource {
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

/// The sources that one thread looks after.
pub(crate) struct Driver<S> {
    timers: OwnedTimers,
    shared: S,
}

/// The driver of a thread in `block_on`, or of threads in no executor. What workers share is for
/// workers to look after.
pub(crate) type LoneDriver = Driver<NoSource>;

impl LoneDriver {
    /// Makes a driver with timers only.
    pub(crate) fn lone() -> LoneDriver {
        Driver::new(NoSource)
    }
}

impl<S: Source> Driver<S> {
    /// Makes a driver that no thread looks after yet.
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

    /// Sets whether its thread looks after it. If you clear that while somebody waits for a source,
    /// tell the monitor.
    pub(crate) fn set_driven(&self, driven: bool) {
        self.timers().set_driven(driven);
    }

    /// Whether anybody waits for one of the sources.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.timers.is_waited_for() || self.shared.is_waited_for()
    }

    /// The present time, if there seems to be something to fire. For a thread with nothing else to do.
    pub(crate) fn due_now(&self) -> Option<u64> {
        if !self.is_waited_for() {
            return None;
        }
        // Both: whoever asks the kernel must not have to wait for a moment without a timer.
        let is_due = |&now: &u64| self.timers.seems_due(now) | self.shared.seems_due(now);
        Some(clock::now()).filter(is_due)
    }

    /// Whether there seems to be something to fire at `now`. For a thread that has other work.
    pub(crate) fn is_due_at(&self, now: u64) -> bool {
        // Both, as above.
        self.timers.seems_due(now) | self.shared.seems_due_meanwhile(now)
    }

    /// Whether there is something to fire now.
    pub(crate) fn is_due(&self) -> bool {
        let now = clock::now();
        self.timers.is_due(now) || self.shared.is_due(now)
    }

    /// By when somebody has to look at the sources.
    pub(crate) fn next_due(&self) -> u64 {
        self.timers.next_due().min(self.shared.next_due())
    }

    /// Fires what is due at `now`. Of each source, stops when the number of what it fired has reached
    /// `limit`. Returns whether there was anything. For the driver's thread.
    pub(crate) fn fire_moderated(&self, now: u64, limit: usize) -> bool {
        // Both, not only the first that has something.
        fire_moderated(&self.timers, now, limit) | fire_moderated(&self.shared, now, limit)
    }

    /// Fires what is due at `now`, at most `limit` of each source. Returns whether there was
    /// anything. For anybody.
    pub(crate) fn fire(&self, now: u64, limit: usize) -> bool {
        // Both, as above.
        self.timers.fire(now, limit) | self.shared.fire(now, limit)
    }

    /// Fires all that is due.
    pub(crate) fn fire_all(&self, now: u64) {
        self.fire(now, usize::MAX);
    }

    /// Sleeps until the thread is unparked at `parker`, a source has to be looked at, or `until`
    /// has come. A thread that does not look after the sources does not heed them. Calls
    /// `begin_to_watch` before it sleeps in a source.
    pub(crate) fn park(
        &self,
        parker: &Parker,
        until: u64,
        begin_to_watch: impl FnOnce(),
    ) -> Parked {
        let next_look = if self.is_driven() {
            let next_look = self.timers.next_look().min(self.shared.next_look());
            if let Some(unparked) = self.shared.sleep(parker, next_look, begin_to_watch) {
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

    /// Wakes all that wait for the sources of this thread alone, so that they wait with whoever
    /// polls them.
    pub(crate) fn evict(&self) {
        self.timers.evict();
    }
}

fn fire_moderated(source: &impl Source, now: u64, limit: usize) -> bool {
    let fired = source.fire(now, limit);
    if fired {
        source.moderate(now);
    }
    fired
}
