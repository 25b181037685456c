//! What was done at each step of a run, for comparison with another run by the same seed.

use super::failure::moment;
use std::{cell::RefCell, fmt, vec};

/// What was done at one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Who took the step.
    pub(super) who: Who,
    /// The number of the task that was polled; 0 if none was, or it has ended.
    pub(super) task: u64,
    /// Nanoseconds since the start.
    pub(super) time: u64,
    /// How many tasks were alive afterwards.
    pub(super) alive: u64,
}

/// Who may take a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The innermost call of `block_on`, which is polled.
    Call,
    /// A call of `block_on` whose timers are fired.
    Timers(usize),
    /// What the monitor would do.
    Monitor,
    Worker(usize),
    /// Nobody could, and time has passed.
    Time,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.who {
            Who::Call => f.write_str("a call of block_on was polled")?,
            Who::Timers(_) => f.write_str("the timers of a call of block_on were fired")?,
            Who::Monitor => f.write_str("what is due was given to a worker")?,
            Who::Worker(worker) if self.task == 0 => write!(f, "worker {worker} took a turn")?,
            Who::Worker(worker) => write!(f, "worker {worker} polled task {}", self.task)?,
            Who::Time => f.write_str("time passed")?,
        }
        write!(f, " (tasks left: {}), at {}", self.alive, moment(self.time))
    }
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) enum Journal {
    /// Nobody wants to know.
    #[default]
    None,
    Written(RefCell<Vec<Entry>>),
    /// Is compared with what was written in another run, from here on.
    Compared(RefCell<vec::IntoIter<Entry>>),
}

/// What two runs differ in.
#[derive(Debug)]
pub(super) struct Difference(pub(super) String);

impl Journal {
    /// An empty one, to be written.
    pub(crate) fn new() -> Journal {
        Journal::Written(RefCell::default())
    }

    /// The same run, to be compared with.
    pub(crate) fn into_compared(self) -> Journal {
        match self {
            Journal::Written(entries) => {
                let entries = entries.into_inner().into_iter();
                Journal::Compared(RefCell::new(entries))
            }
            other => other,
        }
    }

    /// Notes what was done at the next step to come to its end. (In a nested `block_on` steps are
    /// inside of others.)
    pub(super) fn note(&self, entry: Entry) -> Result<(), Difference> {
        match self {
            Journal::Written(entries) => entries.borrow_mut().push(entry),
            Journal::Compared(before) => {
                let known = before.borrow_mut().next();
                if known != Some(entry) {
                    return Err(difference(known, Some(entry)));
                }
            }
            Journal::None => {}
        }
        Ok(())
    }

    /// There are no further steps.
    pub(super) fn end(&self) -> Result<(), Difference> {
        if let Journal::Compared(before) = self
            && let Some(known) = before.borrow_mut().next()
        {
            return Err(difference(Some(known), None));
        }
        Ok(())
    }
}

fn difference(first: Option<Entry>, second: Option<Entry>) -> Difference {
    let did = |entry: Option<Entry>| match entry {
        Some(entry) => entry.to_string(),
        None => "it was over".to_owned(),
    };
    Difference(format!(
        "two runs with the same seed differ. The first: {}. The second: {}. What may do that: the \
         order of a `HashMap`, real time or a lock that is fair by it, a thread, a number from \
         elsewhere than `executor::sim::random`",
        did(first),
        did(second)
    ))
}
