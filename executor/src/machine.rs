//! A machine's own steps: where its place, its part in the counts of `idle`, and what it does after
//! each change belong together.
//!
//! | step             | place             | then                                            |
//! | ---------------- | ----------------- | ----------------------------------------------- |
//! | `stop_searching` |                   | the last searcher looks again                   |
//! | `sleep`          | given, unless taken | looks again, parks                            |
//! | `step_back`      | given, if there is a machine too many | gives its queue away, looks again, parks |
//! | `woken`          | held              | searches                                        |
//! | `block`          | given, unless taken | looks again                                   |
//! | `come_back`      | held              | one machine may be too many: see `step_back`    |
//! | `leave`          | given, unless taken | ends                                          |

use crate::{crew::Crew, place::Place};
use std::{cell::Cell, sync::Arc};

/// A machine of a crew, as itself sees it.
pub(crate) struct Machine<'a, C> {
    pub(crate) crew: &'a Arc<C>,
    pub(crate) number: usize,
    pub(crate) place: &'a Place,
    /// Whether it is counted among the searchers.
    pub(crate) searching: &'a Cell<bool>,
}

impl<C: Crew> Machine<'_, C> {
    /// With work in hand. Must agree with `idle`'s "to stop searching".
    pub(crate) fn stop_searching(&self) {
        if self.searching.replace(false) && self.crew.idle().stop_searching() {
            self.crew.notify_if_work();
        }
    }

    /// Goes to sleep; the caller parks. Returns whether the machine should wake up by itself some time.
    /// Must agree with `idle`'s "to fall asleep or block", as `step_back` and `block`.
    pub(crate) fn sleep(&self) -> bool {
        let had_place = self.place.give();
        let was_searching = self.searching.replace(false);
        let may_retire = self
            .crew
            .idle()
            .sleep(self.number, was_searching, had_place);
        self.crew.look_again();
        may_retire
    }

    /// There is a machine too many; unless somebody else was faster, this one makes room: it goes to
    /// sleep, and the caller parks. Returns whether it does.
    pub(crate) fn step_back(&self, give_queue_away: impl FnOnce()) -> bool {
        if !self.place.give() {
            // The monitor was faster. Seen anew from the next scheduling point.
            self.come_back();
            return false;
        }
        if !self
            .crew
            .idle()
            .step_back(self.number, self.searching.get())
        {
            self.place.hold();
            return false;
        }
        self.searching.set(false);
        give_queue_away();
        self.crew.look_again();
        true
    }

    /// After a sleep; whoever ended it has counted this machine.
    pub(crate) fn woken(&self) {
        self.place.hold();
        self.searching.set(true);
    }

    /// Gives its place away for the time that it sits in code which says that it blocks; returns whether
    /// the monitor has not done so before.
    pub(crate) fn block(&self) -> bool {
        let had_place = self.place.give();
        if had_place {
            self.crew.idle().block();
        }
        self.crew.look_again();
        had_place
    }

    /// After such code, or after a poll during which the monitor gave its place away. There may be
    /// one active machine too many now.
    pub(crate) fn come_back(&self) {
        // Counted first: the monitor may take the place again as soon as it is held.
        self.crew.idle().unblock();
        self.place.hold();
        self.crew.doze().rouse();
    }

    /// Gives its place up for good.
    pub(crate) fn leave(&self) {
        let had_place = self.place.give();
        self.crew
            .idle()
            .leave(self.searching.replace(false), had_place);
    }
}
