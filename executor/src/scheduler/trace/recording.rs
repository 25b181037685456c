//! What is recorded of an executor, from a moment on. Several may be recorded at once.

use super::recorder::Recorder;
use std::sync::Arc;

/// What is recorded of an executor from a moment on.
pub(crate) struct Recording {
    pub(super) recorder: Arc<Recorder>,
    pub(super) since: u64,
    /// What each ring had before.
    before: Vec<u64>,
}

impl Recording {
    /// From now on.
    pub(super) fn begin(recorder: Arc<Recorder>) -> Recording {
        Recording {
            before: recorder.written(),
            since: recorder.now(),
            recorder,
        }
    }

    /// Whether the executor has ended, and nobody has a handle of it.
    #[cfg(feature = "trace")]
    pub(super) fn is_of_an_ended_executor(&self) -> bool {
        Arc::strong_count(&self.recorder) == 1
    }

    /// The number of the first event of a ring.
    pub(super) fn first(&self, ring: usize) -> u64 {
        self.before.get(ring).copied().unwrap_or(0)
    }
}
