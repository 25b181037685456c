//! What is worth knowing of a trace.

use super::{
    Shown, Trace,
    event::{Ending, Kind},
    track::{By, Step, Turn, put_in_turn},
};
use crate::scheduler::{
    printable::{Printable, Site},
    task_id::TaskId,
};
use std::{cmp::Reverse, collections::HashMap, fmt, panic::Location, time::Duration};

/// How many of each the summary has.
const MOST: usize = 10;

/// What is worth knowing of a [`Trace`]. [`Trace::summary`] returns it.
///
/// [`Display`](fmt::Display) prints it as people read it.
///
/// # Examples
///
/// ```
/// let executor = executor::Executor::builder().workers(1).build()?;
/// let recording = executor.handle().trace();
/// executor.block_on(executor.spawn(executor::yield_now()))?;
/// let summary = recording.snapshot().summary();
/// assert_eq!(summary.longest_polls().len(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a summary does nothing by itself"]
pub struct Summary {
    duration: Duration,
    lost: u64,
    workers: Vec<WorkerUse>,
    polls: Vec<Poll>,
    waits: Vec<Wait>,
    wakes: Vec<Wakes>,
    /// The tasks that occur, as they are shown.
    shown: HashMap<TaskId, String>,
}

impl Summary {
    /// Returns how each worker has used its time. A worker without an event is left out.
    #[must_use]
    pub fn workers(&self) -> &[WorkerUse] {
        &self.workers
    }

    /// Returns the ten longest polls, the longest first. A poll that has not ended is one of them as
    /// far as it has lasted.
    #[must_use]
    pub fn longest_polls(&self) -> &[Poll] {
        &self.polls
    }

    /// Returns the ten longest waits from the moment that a task was woken, or spawned, to its poll,
    /// the longest first. One whose poll may have been overwritten is left out.
    #[must_use]
    pub fn longest_waits(&self) -> &[Wait] {
        &self.waits
    }

    /// Returns who woke whom most often, ten of them at most. Tasks that were spawned by one line are
    /// one.
    #[must_use]
    pub fn wakes(&self) -> &[Wakes] {
        &self.wakes
    }
}

/// How a worker has used its time. [`Summary::workers`] returns it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerUse {
    name: String,
    polls: u64,
    polling: Duration,
    asleep: Duration,
    thefts: u64,
    share: f64,
}

impl WorkerUse {
    /// Returns what the worker is called in the trace.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns how many polls there were.
    #[must_use]
    pub fn polls(&self) -> u64 {
        self.polls
    }

    /// Returns for how long it has polled.
    #[must_use]
    pub fn polling(&self) -> Duration {
        self.polling
    }

    /// Returns for how long it has slept.
    #[must_use]
    pub fn asleep(&self) -> Duration {
        self.asleep
    }

    /// Returns how often it has stolen from others.
    #[must_use]
    pub fn thefts(&self) -> u64 {
        self.thefts
    }

    /// Returns the share of the time that it has polled in: from 0 to 1, where 1 is all of the time
    /// that is known of it.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.share
    }
}

/// A poll. [`Summary::longest_polls`] returns some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    task: TaskId,
    name: Option<String>,
    worker: String,
    began: Duration,
    lasted: Duration,
    has_ended: bool,
}

/// A wait of a task that was runnable. [`Summary::longest_waits`] returns some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    task: TaskId,
    name: Option<String>,
    worker: String,
    began: Duration,
    lasted: Duration,
}

macro_rules! of_a_task {
    ($($type:ident)*) => { $(
        impl $type {
            /// Returns the task.
            #[must_use]
            pub fn task(&self) -> TaskId {
                self.task
            }

            /// Returns the task's name, if it has one.
            #[must_use]
            pub fn name(&self) -> Option<&str> {
                self.name.as_deref()
            }

            /// Returns the line that spawned the task. For when it is `None` see
            /// [`TaskId::spawned_at`].
            #[must_use]
            pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
                self.task.spawned_at()
            }

            /// Returns what the worker is called that polled the task.
            #[must_use]
            pub fn worker(&self) -> &str {
                &self.worker
            }

            /// Returns when it began, from when the recording began.
            #[must_use]
            pub fn began(&self) -> Duration {
                self.began
            }

            /// Returns how long it lasted.
            #[must_use]
            pub fn lasted(&self) -> Duration {
                self.lasted
            }
        }
    )* };
}

of_a_task! { Poll Wait }

impl Poll {
    /// Returns whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }
}

/// How often one has woken another. [`Summary::wakes`] returns some.
///
/// A task that is woken during its own poll goes back to a queue at that poll's end, and so counts as
/// woken by itself, whoever it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wakes {
    by: Party,
    woken: Option<&'static Location<'static>>,
    count: u64,
}

impl Wakes {
    /// Returns who woke.
    #[must_use]
    pub fn by(&self) -> Party {
        self.by
    }

    /// Returns the line that spawned the tasks which were woken.
    #[must_use]
    pub fn woken(&self) -> Option<&'static Location<'static>> {
        self.woken
    }

    /// Returns how often.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Who has woken a task. Further ones may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Party {
    /// A task that this line has spawned. For when it is `None` see [`TaskId::spawned_at`].
    Tasks(Option<&'static Location<'static>>),
    /// A timer, or a socket; or a worker woke it, and nothing says for whom.
    Outside,
    /// A thread that is no worker of the executor.
    Thread,
}

pub(super) fn of(trace: &Trace) -> Summary {
    let mut summary = Summary {
        duration: trace.duration(),
        lost: trace.lost(),
        workers: Vec::new(),
        polls: Vec::new(),
        waits: Vec::new(),
        wakes: wakes(trace),
        shown: HashMap::new(),
    };
    let (mut polls, mut runnable) = (Longest::default(), Vec::new());
    for (number, track) in trace.tracks.iter().enumerate() {
        let mut usage = Usage::default();
        track.steps(|step| match step {
            Step::Polled { is_call: true, .. } => {}
            Step::Polled {
                id,
                from,
                to,
                is_cut,
                ..
            } => {
                let end = to.map_or(trace.duration, |(end, _)| end);
                let is_poll = to.is_none_or(|(_, ending)| ending != Ending::Cancelled);
                // Else its future was dropped instead.
                if is_poll {
                    usage.polls += 1;
                    usage.polling += end.saturating_sub(from);
                    polls.add(end.saturating_sub(from), (number, id, from, to.is_some()));
                }
                if !is_cut {
                    runnable.push(turn(id, from, Some(number)));
                }
            }
            Step::Spawns { id, at, .. } | Step::Woken { id, at, .. } => {
                if track.is_poll_kept(at) {
                    runnable.push(turn(id, at, None));
                }
            }
            Step::Other(event) => match event.kind {
                Kind::Stolen => usage.thefts += 1,
                Kind::Parks => usage.sleeps_since = Some(event.time),
                Kind::Unparked => usage.wakes_up(event.time),
                _ => {}
            },
        });
        usage.wakes_up(trace.duration);
        if track.worker.is_some() {
            let known = trace.duration.saturating_sub(track.known_from).max(1);
            summary.workers.push(WorkerUse {
                name: track.name.clone(),
                polls: usage.polls,
                polling: Duration::from_nanos(usage.polling),
                asleep: Duration::from_nanos(usage.asleep),
                thefts: usage.thefts,
                share: (usage.polling as f64 / known as f64).min(1.0),
            });
        }
    }
    let name = |id| trace.name_of(id).map(str::to_owned);
    let worker = |number: usize| trace.tracks[number].name.clone();
    for (lasted, (number, task, began, has_ended)) in polls.sorted() {
        summary.polls.push(Poll {
            task,
            name: name(task),
            worker: worker(number),
            began: Duration::from_nanos(began),
            lasted: Duration::from_nanos(lasted),
            has_ended,
        });
    }
    for (lasted, (number, task, began)) in waits(runnable).sorted() {
        summary.waits.push(Wait {
            task,
            name: name(task),
            worker: worker(number),
            began: Duration::from_nanos(began),
            lasted: Duration::from_nanos(lasted),
        });
    }
    let polls = summary.polls.iter().map(|poll| poll.task);
    let tasks = polls.chain(summary.waits.iter().map(|wait| wait.task));
    summary.shown = tasks
        .map(|task| (task, Shown(trace, task).to_string()))
        .collect();
    summary
}

/// What a worker has used its time for.
#[derive(Default)]
struct Usage {
    polls: u64,
    polling: u64,
    asleep: u64,
    thefts: u64,
    sleeps_since: Option<u64>,
}

impl Usage {
    fn wakes_up(&mut self, at: u64) {
        if let Some(since) = self.sleeps_since.take() {
            self.asleep += at.saturating_sub(since);
        }
    }
}

/// The longest of many.
struct Longest<T>(Vec<(u64, T)>);

impl<T> Default for Longest<T> {
    fn default() -> Longest<T> {
        Longest(Vec::new())
    }
}

impl<T> Longest<T> {
    fn add(&mut self, length: u64, what: T) {
        self.0.push((length, what));
        if self.0.len() >= 100 * MOST {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.0.sort_by_key(|(length, _)| Reverse(*length));
        self.0.truncate(MOST);
    }

    fn sorted(mut self) -> Vec<(u64, T)> {
        self.cut();
        self.0
    }
}

/// That a task became runnable (no track), or was polled (on one).
fn turn(id: TaskId, at: u64, polled: Option<usize>) -> Turn<Option<usize>> {
    Turn {
        id,
        at,
        is_poll: polled.is_some(),
        what: polled,
    }
}

/// The longest waits, from when tasks became runnable to when they were polled.
fn waits(turns: Vec<Turn<Option<usize>>>) -> Longest<(usize, TaskId, u64)> {
    let mut longest = Longest::default();
    for pair in put_in_turn(turns).windows(2) {
        if let [before, poll] = pair
            && let (None, Some(track)) = (before.what, poll.what)
            && before.id == poll.id
        {
            longest.add(poll.at - before.at, (track, poll.id, before.at));
        }
    }
    longest
}

fn wakes(trace: &Trace) -> Vec<Wakes> {
    let mut counts: HashMap<_, u64> = HashMap::new();
    for track in &trace.tracks {
        track.steps(|step| {
            if let Step::Woken { id, by, .. } = step {
                let by = match by {
                    By::Task(task) => Party::Tasks(task.spawned_at()),
                    By::Outside => Party::Outside,
                    By::Thread => Party::Thread,
                };
                *counts.entry((by, id.spawned_at())).or_default() += 1;
            }
        });
    }
    let mut longest = Longest::default();
    for ((by, woken), count) in counts {
        longest.add(count, Wakes { by, woken, count });
    }
    let sorted = longest.sorted().into_iter();
    sorted.map(|(_, wakes)| wakes).collect()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1?} recorded", self.duration)?;
        if self.lost > 0 {
            write!(f, "; {} events before were overwritten", self.lost)?;
        }
        writeln!(f, "\n\nhow busy each worker was:")?;
        for worker in &self.workers {
            writeln!(f, "  {worker}")?;
        }
        if !self.polls.is_empty() {
            writeln!(f, "\nthe longest polls:")?;
        }
        for poll in &self.polls {
            let unfinished = if poll.has_ended {
                ""
            } else {
                ", and has not ended"
            };
            self.line(f, poll.lasted, poll.task, &poll.worker)?;
            writeln!(f, ", {:.1?} after the beginning{unfinished}", poll.began)?;
        }
        if !self.waits.is_empty() {
            writeln!(f, "\nthe longest waits, from runnable to polled:")?;
        }
        for wait in &self.waits {
            self.line(f, wait.lasted, wait.task, &wait.worker)?;
            writeln!(f, ", {:.1?} after the beginning", wait.began)?;
        }
        if !self.wakes.is_empty() {
            writeln!(f, "\nwho woke whom:")?;
        }
        for Wakes { by, woken, count } in &self.wakes {
            writeln!(f, "  {count:>9} times: {by} woke tasks at {}", Site(*woken))?;
        }
        Ok(())
    }
}

impl Summary {
    fn line(
        &self,
        f: &mut fmt::Formatter<'_>,
        lasted: Duration,
        task: TaskId,
        worker: &str,
    ) -> fmt::Result {
        let lasted = format!("{lasted:.1?}");
        let task = self.shown.get(&task).map_or("", String::as_str);
        write!(f, "  {lasted:>9}  {task}, by {worker}")
    }
}

impl fmt::Display for WorkerUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WorkerUse {
            name,
            polls,
            polling,
            asleep,
            thefts,
            share,
        } = self;
        write!(
            f,
            "{}: {:.1} % polling ({polling:.1?} in {polls} polls), asleep for {asleep:.1?}, stole \
             {thefts} times",
            Printable(name),
            100.0 * share
        )
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Party::Tasks(line) => write!(f, "tasks at {}", Site(*line)),
            Party::Outside => f.write_str("timers and sockets"),
            Party::Thread => f.write_str("other threads"),
        }
    }
}
