//! A machine's own steps. Each changes permit and counts together, then does what the protocol asks
//! next.
//!
//! | step             | permit              | then                                         |
//! | ---------------- | ------------------- | -------------------------------------------- |
//! | `start_searching` |                    | searches, unless too many do                 |
//! | `stop_searching` |                     | the last searcher looks again                |
//! | `sleep`          | given, unless taken | looks again, parks                           |
//! | `step_back`      | given, if there is a machine too many | gives its queue away, looks again, parks |
//! | `wake_up`        |                     | if there is a permit for it: `woken`         |
//! | `woken`          | held                | searches                                     |
//! | `offer`          | offered; away, if it was taken | sees to it that the monitor watches; gives its queue away |
//! | `give_offer`     | away, unless taken  | `Pool::hand_off`                             |
//! | `unblock`        | held                | comes back, if somebody took the offer       |
//! | `after_poll`     |                     | comes back, if the monitor took the permit   |
//! | `come_back`      | held                | one machine may be too many: see `step_back` |
//! | `leave`          | given, unless taken | ends                                         |

use super::{
    accounting::{Part, WakeUp},
    permit::Permit,
    pool::Pool,
};
use std::{cell::Cell, sync::Arc};

/// A machine of a pool, as itself sees it.
pub(crate) struct Machine<'a, P> {
    pub(crate) pool: &'a Arc<P>,
    pub(crate) number: usize,
    pub(crate) permit: &'a Permit,
    /// Whether it is counted among the searchers.
    pub(crate) searching: &'a Cell<bool>,
}

impl<P: Pool> Machine<'_, P> {
    /// Counts the machine among the searchers, unless too many search; returns whether it is one.
    pub(crate) fn start_searching(&self) -> bool {
        if !self.searching.get() {
            self.searching.set(self.pool.idle().start_searching());
        }
        self.searching.get()
    }

    /// With work in hand. Must agree with "to stop searching" in `accounting`.
    pub(crate) fn stop_searching(&self) {
        if self.searching.replace(false) && self.pool.idle().stop_searching() {
            self.pool.last_search_ends();
        }
    }

    /// Goes to sleep; the caller parks. Returns whether the machine should wake up by itself some
    /// time. Must agree with "to fall asleep or block" in `accounting`, as `step_back`.
    pub(crate) fn sleep(&self) -> bool {
        let part = self.give_up();
        let may_retire = self.pool.idle().sleep(self.number, part);
        self.pool.recheck();
        may_retire
    }

    /// There is a machine too many; unless somebody else was faster, this one makes room: it goes
    /// to sleep, and the caller parks. Returns whether it does.
    pub(crate) fn step_back(&self, give_queue_away: impl FnOnce()) -> bool {
        if !self.permit.give() {
            // The monitor was faster. Seen anew from the next scheduling point.
            self.come_back();
            return false;
        }
        if !self
            .pool
            .idle()
            .step_back(self.number, self.searching.get())
        {
            self.permit.hold();
            return false;
        }
        self.searching.set(false);
        give_queue_away();
        self.pool.recheck();
        true
    }

    /// While asleep: takes a permit, if one is free, to do what is due.
    pub(crate) fn wake_up(&self) -> WakeUp {
        let woken = self.pool.idle().wake_up(self.number);
        if woken == WakeUp::Done {
            self.pool.monitor_sleep().wake_if_asleep();
        }
        woken
    }

    /// After a sleep; whoever ended it has counted this machine.
    pub(crate) fn woken(&self) {
        self.permit.hold();
        self.searching.set(true);
    }

    /// Offers its permit for the time that it sits in code which says that it blocks. The monitor
    /// takes the offer if that lasts.
    pub(crate) fn offer(&self, give_queue_away: impl FnOnce()) {
        if self.offer_unwatched(give_queue_away) {
            self.pool.monitor_sleep().watch();
        }
    }

    /// The same, for a machine that will take the offer itself. Returns whether there is one: the
    /// monitor may have taken the permit from the poll, and emptied the queue, just before the poll
    /// made a task runnable here.
    pub(crate) fn offer_unwatched(&self, give_queue_away: impl FnOnce()) -> bool {
        let offered = self.permit.offer();
        if !offered {
            give_queue_away();
            self.pool.notify_if_work();
        }
        offered
    }

    /// Takes its own offer, for such code will last; returns whether nobody has done so before.
    pub(crate) fn give_offer(&self, give_queue_away: impl FnOnce()) -> bool {
        self.pool
            .hand_off(|| self.permit.take_offered(), give_queue_away)
    }

    /// After such code. Returns whether it had lost its permit.
    pub(crate) fn unblock(&self) -> bool {
        let lost = !self.permit.keep();
        if lost {
            self.come_back();
        }
        lost
    }

    /// After a poll. Returns whether it had lost its permit.
    #[inline]
    pub(crate) fn after_poll(&self) -> bool {
        let lost = self.permit.is_taken();
        if lost {
            self.come_back();
        }
        lost
    }

    /// After code in which it lost its permit. There may be one active machine too many now.
    #[cold]
    pub(crate) fn come_back(&self) {
        // Counted first: the monitor may take the permit again as soon as it is held.
        self.pool.idle().unblock();
        self.permit.hold();
        self.pool.monitor_sleep().wake_if_asleep();
    }

    /// Gives its permit up for good.
    pub(crate) fn leave(&self) {
        self.pool.idle().leave(self.give_up());
    }

    /// Gives permit and search up; returns what it counted for.
    fn give_up(&self) -> Part {
        Part {
            permit: self.permit.give(),
            searching: self.searching.replace(false),
        }
    }
}
