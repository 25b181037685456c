//! Who wants events to be recorded, and for how long.

use super::{Trace, Why, collect, collect::Part, recorder::Recorder, recording::Recording};
use crate::scheduler::Scheduler;
use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::Arc,
};

/// Records what an executor does, until it is dropped. [`Handle::trace`](crate::Handle::trace) returns
/// it.
///
/// It records like a flight recorder: each thread keeps its last 65,535 events, and whoever wants to
/// know what led to an incident takes a [`snapshot`](TraceGuard::snapshot) afterwards.
///
/// # Examples
///
/// ```
/// let handle = executor::Handle::current();
/// let recording = handle.trace();
/// executor::block_on(handle.spawn(async { /* ... */ }))?;
/// println!("{}", recording.snapshot().summary());
/// drop(recording);
/// # Ok::<(), executor::JoinError>(())
/// ```
#[must_use = "dropping the guard ends the recording"]
pub struct TraceGuard {
    scheduler: Arc<Scheduler>,
    recording: Recording,
}

/// A panic leaves nothing half recorded that anybody would rely on.
impl UnwindSafe for TraceGuard {}
// As for `UnwindSafe`.
impl RefUnwindSafe for TraceGuard {}

impl TraceGuard {
    /// Begins to record.
    pub(crate) fn new(scheduler: Arc<Scheduler>) -> TraceGuard {
        let recorder = scheduler.begin_to_record();
        TraceGuard {
            recording: Recording::begin(recorder),
            scheduler,
        }
    }

    /// Returns what has happened since the guard was made, as far as it is kept. The recording goes on,
    /// and no thread is waited for.
    ///
    /// A poll that has not ended is there, without its end. It takes some milliseconds for each full
    /// ring.
    pub fn snapshot(&self) -> Trace {
        collect::collect(&[Part::of(&self.recording)], Why::Snapshot)
    }
}

impl Drop for TraceGuard {
    fn drop(&mut self) {
        self.scheduler.end_to_record();
    }
}

impl fmt::Debug for TraceGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceGuard").finish_non_exhaustive()
    }
}

impl Scheduler {
    /// Somebody more wants events to be recorded.
    pub(crate) fn begin_to_record(&self) -> Arc<Recorder> {
        let make = || {
            let threads = &self.config.thread_name;
            let workers = self.config.max_machines;
            Arc::new(Recorder::new(threads, workers, self.config.simulated))
        };
        let recorder = self.heeded.begin_to_record(make);
        // Those that are busy look at once.
        let processors = self.processors.iter_in_use();
        processors.for_each(|processor| processor.request_maintenance());
        recorder
    }

    /// Somebody does not any more.
    fn end_to_record(&self) {
        self.heeded.end_to_record();
    }
}
