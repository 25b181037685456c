//! A dump for other programs to read.

use super::{Dump, TaskInfo, TaskState};
use crate::scheduler::task_id::TaskId;
use serde::Serialize;
use std::time::Duration;

#[derive(Serialize)]
struct Whole<'a> {
    workers: usize,
    threads: usize,
    idle_threads: usize,
    new_tasks: usize,
    tasks: Vec<Task<'a>>,
}

/// What is not known is left out.
#[derive(Serialize, Default)]
struct Task<'a> {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spawned_at: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    polled_for_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    polls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wakers: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for_task: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stacks: Option<Vec<Vec<Frame<'a>>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    silence: Option<String>,
}

#[derive(Serialize)]
struct Frame<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

impl Dump {
    /// Returns the dump as JSON, for other programs: the numbers of workers and threads, and each task.
    /// Needs the feature `trace`.
    ///
    /// What is not known of a task is left out. `state` is `running`, `runnable`, `waiting`, `leaked` or
    /// `block_on`; ids are the numbers that [`TaskId`] prints; times are in seconds.
    ///
    /// ```
    /// let json = executor::Handle::current().dump().to_json();
    /// assert!(json.starts_with(r#"{"workers":"#));
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        let whole = Whole {
            workers: self.workers,
            threads: self.threads,
            idle_threads: self.idle_threads,
            new_tasks: self.new_tasks,
            tasks: self.tasks.iter().map(task).collect(),
        };
        serde_json::to_string(&whole).expect("it has names for keys, and finite numbers")
    }
}

fn task(info: &TaskInfo) -> Task<'_> {
    let task = Task {
        id: info.id.number(),
        name: info.name(),
        spawned_at: info.spawned_at().map(ToString::to_string),
        thread: info.more.as_ref().and_then(|more| more.thread.as_deref()),
        parent: info.parent().map(TaskId::number),
        waiting_for_seconds: info.waiting_for().as_ref().map(Duration::as_secs_f64),
        polls: info.polls(),
        wakers: info.wakers(),
        waits_for_task: info.waits_for_task().map(TaskId::number),
        #[cfg(feature = "dump")]
        stacks: stacks(info),
        #[cfg(feature = "dump")]
        silence: info.silence().map(|silence| silence.to_string()),
        ..Task::default()
    };
    let state = match info.state {
        TaskState::Running {
            worker,
            lasts,
            blocked,
        } => {
            return Task {
                state: "running",
                worker: Some(worker),
                polled_for_seconds: Some(lasts.as_secs_f64()),
                blocked: Some(blocked),
                ..task
            };
        }
        TaskState::Runnable => "runnable",
        TaskState::Waiting => "waiting",
        TaskState::Leaked => "leaked",
        TaskState::BlockOn => "block_on",
    };
    Task { state, ..task }
}

#[cfg(feature = "dump")]
fn stacks(info: &TaskInfo) -> Option<Vec<Vec<Frame<'_>>>> {
    let stacks = info.stacks().iter().map(|stack| {
        let frames = stack.frames().iter().map(|one| Frame {
            function: one.function(),
            file: one.file().map(|file| file.display().to_string()),
            line: one.line(),
        });
        frames.collect()
    });
    Some(stacks.collect()).filter(|stacks: &Vec<_>| !stacks.is_empty())
}
