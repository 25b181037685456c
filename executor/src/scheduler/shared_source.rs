//! What all drivers of an executor share: timers that no single thread can answer for (`outside`),
//! and the descriptors that its poller knows (`netpoll`).

#[cfg(not(any(feature = "net", all(test, shuttle))))]
use super::driver::NoSource;
use super::driver::Source;
use crate::{
    idle::parker::Parker,
    sync::clock::NEVER,
    timer::{Timers, owned::OwnedTimers},
};
use std::sync::{Arc, OnceLock};

/// The poller, or nothing in its place.
#[cfg(any(feature = "net", all(test, shuttle)))]
pub(crate) type Sockets = Arc<crate::netpoll::Netpoll<Selected>>;
#[cfg(not(any(feature = "net", all(test, shuttle))))]
pub(crate) type Sockets = NoSource;

/// What the poller asks.
#[cfg(all(feature = "net", not(shuttle)))]
pub(crate) use crate::netpoll::kernel::Kernel as Selected;
#[cfg(all(test, shuttle))]
pub(crate) use crate::scheduler::schedules::events::MadeUp as Selected;

/// See the module's text.
#[derive(Clone, Default)]
pub(crate) struct SharedSource {
    timers: SharedTimers,
    pub(crate) sockets: Sockets,
}

/// Timers at which all workers of an executor look. There are none as long as nobody asks for them;
/// see `outside`.
#[derive(Clone, Default)]
struct SharedTimers(Arc<OnceLock<OwnedTimers>>);

impl SharedSource {
    /// The wheel.
    pub(crate) fn timers(&self) -> &'static Timers {
        self.timers.0.get_or_init(OwnedTimers::take).timers()
    }

    /// Whether anybody waits for a descriptor now, or is about to be woken for one. That takes a
    /// look at each.
    pub(crate) fn is_descriptor_awaited(&self) -> bool {
        #[cfg(any(feature = "net", all(test, shuttle)))]
        return self.sockets.is_anybody_waiting();
        #[cfg(not(any(feature = "net", all(test, shuttle))))]
        false
    }

    /// The wheel, if anybody has asked for it before.
    pub(crate) fn timers_if_any(&self) -> Option<&'static Timers> {
        self.timers.get()
    }
}

impl Source for SharedSource {
    fn is_waited_for(&self) -> bool {
        self.timers.is_waited_for() || self.sockets.is_waited_for()
    }

    fn seems_due(&self, now: u64) -> bool {
        // Both, here and below: asking the kernel is part of the answer.
        self.timers.seems_due(now) | self.sockets.seems_due(now)
    }

    fn seems_due_meanwhile(&self, now: u64) -> bool {
        self.timers.seems_due(now) | self.sockets.seems_due_meanwhile(now)
    }

    fn is_due(&self, now: u64) -> bool {
        self.timers.is_due(now) || self.sockets.is_due(now)
    }

    fn next_due(&self) -> u64 {
        self.timers.next_due().min(self.sockets.next_due())
    }

    fn fire(&self, now: u64, limit: usize) -> bool {
        // Both, not only the first that has something.
        self.timers.fire(now, limit) | self.sockets.fire(now, limit)
    }

    fn evict(&self) {
        self.timers.evict();
        self.sockets.evict();
    }

    fn sleep(&self, parker: &Parker, until: u64, begin: impl FnOnce()) -> Option<bool> {
        self.sockets.sleep(parker, until, begin)
    }

    fn interrupt(&self) {
        self.sockets.interrupt();
    }

    fn is_unwatched(&self) -> bool {
        self.sockets.is_unwatched()
    }

    fn last_look(&self) -> u64 {
        self.sockets.last_look()
    }
}

impl SharedTimers {
    fn get(&self) -> Option<&'static Timers> {
        self.0.get().map(OwnedTimers::timers)
    }
}

// Nothing is moderated: that is for a driver to decide, and here are several.
impl Source for SharedTimers {
    fn is_waited_for(&self) -> bool {
        self.next_due() != NEVER
    }

    fn seems_due(&self, now: u64) -> bool {
        self.next_due() <= now
    }

    fn is_due(&self, now: u64) -> bool {
        self.get().is_some_and(|timers| timers.is_due(now))
    }

    fn next_due(&self) -> u64 {
        self.get().map_or(NEVER, Timers::next_due)
    }

    fn fire(&self, now: u64, limit: usize) -> bool {
        self.get().is_some_and(|timers| timers.fire(now, limit))
    }

    fn evict(&self) {
        if let Some(timers) = self.get() {
            timers.evict();
        }
    }
}

#[cfg(any(feature = "net", all(test, shuttle)))]
impl<S: crate::netpoll::selector::Selector> Source for Arc<crate::netpoll::Netpoll<S>> {
    fn is_waited_for(&self) -> bool {
        (**self).is_waited_for()
    }

    fn seems_due(&self, now: u64) -> bool {
        let is_due = self.look(now);
        report_failure(self);
        is_due
    }

    fn seems_due_meanwhile(&self, now: u64) -> bool {
        let is_due = self.glance(now);
        report_failure(self);
        is_due
    }

    fn is_due(&self, now: u64) -> bool {
        (**self).is_due(now)
    }

    fn next_due(&self) -> u64 {
        (**self).next_due()
    }

    fn fire(&self, _: u64, limit: usize) -> bool {
        (**self).fire(limit)
    }

    fn evict(&self) {
        (**self).evict();
    }

    fn sleep(&self, parker: &Parker, until: u64, begin: impl FnOnce()) -> Option<bool> {
        (**self).sleep(parker, until, begin)
    }

    fn interrupt(&self) {
        (**self).interrupt();
    }

    fn is_unwatched(&self) -> bool {
        (**self).is_unwatched()
    }

    fn last_look(&self) -> u64 {
        (**self).last_look()
    }
}

/// Says, once, that the kernel does not answer any more.
#[cfg(any(feature = "net", all(test, shuttle)))]
fn report_failure<S: crate::netpoll::selector::Selector>(netpoll: &crate::netpoll::Netpoll<S>) {
    if let Some(error) = netpoll.take_failure() {
        super::warnings::warn(log::Level::Error, without_kernel(&error), true);
    }
}

#[cfg(any(feature = "net", all(test, shuttle)))]
fn without_kernel(error: &std::io::Error) -> String {
    format!(
        "the system's selector fails ({error}): has somebody closed a descriptor that is not \
         theirs? Sockets are tried every 10 ms from now on"
    )
}
