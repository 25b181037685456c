//! How a simulated program fails.

use crate::{scheduler::dump::Dump, sync::panic::Panic};
use std::{any::Any, error::Error, fmt, time::Duration};

/// Says how a simulated program has failed, when, and what its tasks did at that moment.
///
/// [`Display`](fmt::Display) prints all of it, and the setting that has it happen again.
///
/// # Examples
///
/// ```
/// use executor::sim::{FailureKind, Simulation};
/// use std::future;
///
/// let failure = Simulation::new().seed(7).run(future::pending::<()>).unwrap_err();
/// assert_eq!(failure.kind(), FailureKind::Deadlock);
/// assert_eq!(failure.seed(), 7);
/// assert!(failure.to_string().contains("EXECUTOR_SEED=7"));
/// ```
#[must_use = "a failure says nothing by itself"]
pub struct Failure(Box<Inner>);

struct Inner {
    kind: FailureKind,
    text: String,
    seed: u64,
    step: u64,
    time: Duration,
    dump: Dump,
    panic: Option<Panic>,
}

/// In which way a simulated program has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// Main waits, all tasks are asleep, and nothing is due: nobody will ever wake any of them.
    Deadlock,
    /// Main has ended, and of the tasks that are left none will ever be woken.
    Leak,
    /// The program went on for longer than the limit of time, or of steps.
    Limit,
    /// Main has panicked, or a task whose handle was dropped and had told nobody of it.
    Panic,
    /// The program did another thing when it was run again with the same seed; or something was
    /// done to it from outside, which no seed decides: another thread has woken a task, for one.
    Nondeterminism,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailureKind::Deadlock => "deadlock",
            FailureKind::Leak => "leak",
            FailureKind::Limit => "limit",
            FailureKind::Panic => "panic",
            FailureKind::Nondeterminism => "nondeterminism",
        })
    }
}

/// What was found, before anybody says when.
pub(super) struct Found {
    pub(super) kind: FailureKind,
    pub(super) text: String,
    pub(super) panic: Option<Panic>,
}

impl Failure {
    pub(super) fn new(found: Found, seed: u64, step: u64, time: Duration, dump: Dump) -> Failure {
        Failure(Box::new(Inner {
            kind: found.kind,
            text: found.text,
            seed,
            step,
            time,
            dump,
            panic: found.panic,
        }))
    }

    /// Returns in which way the program has failed.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.0.kind
    }

    /// Returns the seed. With it, and the same settings, the program fails in the same way again.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Returns the number of steps until then: polls, and what workers do in between. For
    /// [`Nondeterminism`](FailureKind::Nondeterminism) it is the first step that differs.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.0.step
    }

    /// Returns how much virtual time had passed.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.0.time
    }

    /// Returns what main and each task did. With the feature `dump`, also on what they waited, line
    /// by line.
    pub fn dump(&self) -> &Dump {
        &self.0.dump
    }

    /// Returns the payload of the panic, for [`std::panic::resume_unwind`]. `None` for other kinds.
    #[must_use]
    pub fn into_panic(self) -> Option<Box<dyn Any + Send + 'static>> {
        self.0.panic.map(Panic::into_payload)
    }
}

/// What two runs with the same seed have come to, whose steps were compared as far as both went.
///
/// # Errors
///
/// If both have failed in the same way, that; if only one has, or in another way,
/// [`Nondeterminism`](FailureKind::Nondeterminism).
pub(crate) fn same_outcome<T>(
    first: Result<(), Failure>,
    second: Result<T, Failure>,
) -> Result<T, Failure> {
    let found = |outcome: &Failure| (outcome.kind(), outcome.step(), outcome.time());
    let (first, second) = match (first, second) {
        (Ok(()), Ok(output)) => return Ok(output),
        (Ok(()), Err(second)) => (None, Some(second)),
        (Err(first), Ok(_)) => (Some(first), None),
        (Err(first), Err(second)) if found(&first) == found(&second) => return Err(second),
        (Err(first), Err(second)) => (Some(first), Some(second)),
    };
    let is_told = |failure: &Failure| failure.kind() == FailureKind::Nondeterminism;
    let end = |failure: &Option<Failure>| match failure {
        Some(Failure(inner)) => format!("{}, at step {}", inner.kind, inner.step),
        None => "no failure".to_owned(),
    };
    let ends = [&first, &second].map(end);
    let mut all: Vec<_> = [second, first].into_iter().flatten().collect();
    // The steps differ, or another thread has come in.
    if let Some(told) = all.iter().position(is_told) {
        return Err(all.swap_remove(told));
    }
    let earliest = all.into_iter().min_by_key(Failure::step);
    let Failure(mut failure) = earliest.expect("one has failed");
    let [first, second] = ends;
    failure.kind = FailureKind::Nondeterminism;
    failure.panic = None;
    failure.text = format!(
        "two runs with the same seed end differently. The first: {first}. The second: {second}. \
         One of them says: {}",
        failure.text
    );
    Err(Failure(failure))
}

/// A virtual time, in nanoseconds, as people see it.
pub(super) fn moment(time: u64) -> String {
    format!("{:?}", Duration::from_nanos(time))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            kind,
            text,
            seed,
            step,
            time,
            dump,
            ..
        } = &*self.0;
        writeln!(f, "{kind}: {text}")?;
        writeln!(
            f,
            "in a simulation with seed {seed}, at step {step}, after {time:?} of virtual time"
        )?;
        writeln!(f, "{dump}")?;
        write!(f, "to have it happen again, set EXECUTOR_SEED={seed}")
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What `unwrap` shows is for people.
        fmt::Display::fmt(self, f)
    }
}

impl Error for Failure {}
