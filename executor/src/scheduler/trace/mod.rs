//! What the workers of an executor did, and when: the events of the last moments.
//!
//! | file        | idea                                                                |
//! | ----------- | ------------------------------------------------------------------- |
//! | `event`     | the events, as two words each                                       |
//! | `recorder`  | where they are kept: a ring (`record::ring`) for each worker        |
//! | `recording` | from when on; who wants them: `guard`                               |
//! | `calls`     | what is not of tasks: polls of the futures of `block_on`            |
//! | `marks`     | regions and events of the user's; numbers of their `names`          |
//! | `collect`   | a trace is put together from what is in the rings                   |
//! | `track`     | a track is read: which polls, of which tasks, who woke whom         |
//! | `summary`   | what is worth knowing of it                                         |
//! | `chrome`, `html` | it is written for others; a browser shows it by `page`          |
//! | `to_file`   | `EXECUTOR_TRACE`: when and where it is written                      |
//!
//! Where nobody wants it, none of this costs anything: polls and spawns read one byte
//! (`idle::attention`) in any case, and a wake-up compares what its worker answers to
//! (`worker::witness`).

mod calls;
#[cfg(feature = "trace")]
mod chrome;
mod collect;
#[cfg(feature = "trace")]
mod day;
pub(super) mod event;
pub(crate) mod guard;
#[cfg(feature = "trace")]
mod html;
pub(crate) mod marks;
pub(super) mod names;
#[cfg(feature = "trace")]
mod page;
pub(super) mod recorder;
mod recording;
mod summary;
pub(super) mod to_file;
mod track;

use super::{printable::Site, task_id::TaskId, task_name::Name};
use event::Event;
#[cfg(feature = "trace")]
use std::time::SystemTime;
use std::{collections::BTreeMap, fmt, time::Duration};

pub use summary::{Party, Poll, Summary, Wait, Wakes, WorkerUse};

/// What the workers of an executor did, and when: the last events of each.
/// [`TraceGuard::snapshot`](crate::trace::TraceGuard::snapshot) takes it.
///
/// [`summary`](Trace::summary) says the most important of it. With the feature `trace` it is written
/// as a page for a browser (`write_html`), and as Chrome's JSON (`write_chrome`).
///
/// # Examples
///
/// ```
/// let executor = executor::Executor::builder().workers(2).build()?;
/// let recording = executor.handle().trace();
/// executor.block_on(executor.spawn(executor::yield_now()))?;
/// let trace = recording.snapshot();
/// assert!(trace.events() > 0);
/// println!("{}", trace.summary());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a trace does nothing by itself"]
pub struct Trace {
    why: Why,
    #[cfg(feature = "trace")]
    program: String,
    /// When the recording began.
    #[cfg(feature = "trace")]
    started: SystemTime,
    /// From then on, in nanoseconds.
    duration: u64,
    tracks: Vec<Track>,
    /// Those that occur in events.
    tasks: BTreeMap<TaskId, Task>,
    /// Names of regions and events of the user's, by number.
    #[cfg(feature = "trace")]
    strings: Vec<&'static str>,
}

impl Trace {
    /// Returns how many events there are.
    #[must_use]
    pub fn events(&self) -> usize {
        self.tracks.iter().map(|track| track.events.len()).sum()
    }

    /// Returns how many events there were that have been overwritten by later ones: each thread keeps
    /// its last 65,535.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.tracks.iter().map(|track| track.lost).sum()
    }

    /// Returns how long the recording lasts, or has lasted.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.duration)
    }

    /// Says what is worth knowing: how busy each worker was, the longest polls, the longest waits from
    /// a wake-up to the poll, and who woke whom.
    pub fn summary(&self) -> Summary {
        summary::of(self)
    }

    fn name_of(&self, id: TaskId) -> Option<&str> {
        self.tasks.get(&id)?.name.as_deref()
    }

    #[cfg(feature = "trace")]
    fn string(&self, number: u64) -> &'static str {
        let string = self.strings.get(number as usize);
        string.copied().unwrap_or("(unknown)")
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace")
            .field("why", &self.why)
            .field("duration", &self.duration())
            .field("tracks", &self.tracks.len())
            .field("events", &self.events())
            .field("lost", &self.lost())
            .finish_non_exhaustive()
    }
}

/// What a trace was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "some are for files alone")]
pub(super) enum Why {
    /// The program ends.
    Exit,
    /// A signal has asked for a dump.
    Dump,
    /// The program ends by a panic.
    Panic,
    /// A poll does not end.
    Stall,
    /// The program itself has asked.
    Snapshot,
}

/// What one thread did, or all that are no workers.
#[derive(Debug, Clone)]
struct Track {
    name: String,
    /// `None`: of all threads that are no workers.
    worker: Option<usize>,
    /// Events that were overwritten.
    lost: u64,
    /// From when on all is known: the first event that is left, or, where none was overwritten, when
    /// the recording began.
    known_from: u64,
    /// The latest of these moments of those tracks of its executor of which events were overwritten.
    all_known_from: Option<u64>,
    /// By time, from when the recording began.
    events: Vec<Event>,
}

/// What is known of a task.
#[derive(Debug, Clone, Default)]
struct Task {
    name: Option<Name>,
    parent: Option<TaskId>,
}

/// A task as people read it: its name if it has one, and the line that spawned it.
struct Shown<'a>(&'a Trace, TaskId);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown(trace, id) = *self;
        let task = super::task_name::Called(id, trace.name_of(id));
        write!(f, "{task} at {}", Site(id.spawned_at()))
    }
}
