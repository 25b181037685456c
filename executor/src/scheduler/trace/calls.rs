//! Polls of the futures of `block_on`.

use super::event::{Ending, Kind};
use crate::scheduler::{Scheduler, callers::Caller, care::Heeded, task_id::TaskId};

impl Scheduler {
    /// A future of `block_on` is polled, until what this returns is dropped: if events are recorded.
    #[inline]
    pub(crate) fn record_poll_of(&self, caller: &Caller) -> Option<PollOfCall<'_>> {
        self.heeded
            .is_recording()
            .then(|| self.begin_poll_of(caller))
    }

    #[cold]
    fn begin_poll_of(&self, caller: &Caller) -> PollOfCall<'_> {
        let call = caller.call().map_or(0, TaskId::as_u64);
        self.heeded.record(Kind::CallBegins, 0, call);
        PollOfCall {
            heeded: &self.heeded,
            call,
            ending: Ending::Panicked,
        }
    }
}

/// A poll of a future of `block_on`, which is recorded.
pub(crate) struct PollOfCall<'a> {
    heeded: &'a Heeded,
    call: u64,
    ending: Ending,
}

impl PollOfCall<'_> {
    /// The poll has returned.
    pub(crate) fn end(mut self, is_ready: bool) {
        self.ending = if is_ready {
            Ending::Ready
        } else {
            Ending::Pending
        };
    }
}

impl Drop for PollOfCall<'_> {
    fn drop(&mut self) {
        let ending = self.ending as u8;
        self.heeded.record(Kind::CallEnds, ending, self.call);
    }
}
