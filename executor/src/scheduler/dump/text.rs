//! A dump as people read it.

use super::{Dump, Group, TaskInfo, TaskState};
use crate::scheduler::{printable::Printable, thread_activity::ThreadActivity};
use std::fmt;

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self
            .tasks
            .iter()
            .filter(|task| task.state == TaskState::BlockOn)
            .count();
        let tasks = self.tasks.len() - calls + self.new_tasks;
        writeln!(
            f,
            "{}, {} of `block_on`; {}, {}, {} of them idle",
            Count(tasks, "task"),
            Count(calls, "call"),
            Count(self.workers, "worker"),
            Count(self.threads, "thread"),
            self.idle_threads,
        )?;
        self.groups()
            .iter()
            .try_for_each(|group| writeln!(f, "\n{group}"))?;
        if self.new_tasks > 0 {
            writeln!(
                f,
                "\n{} not polled yet, in a queue",
                Count(self.new_tasks, "task")
            )?;
        }
        #[cfg(feature = "dump")]
        if let Some(advice) = self.advice {
            writeln!(f, "\n({advice})")?;
        }
        if !self.is_tracking {
            writeln!(
                f,
                "\n(ages, polls and leaked tasks are known with EXECUTOR_TRACK=1)"
            )?;
        }
        Ok(())
    }
}

struct Count(usize, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(count, what) = self;
        write!(f, "{count} {what}{}", if *count == 1 { "" } else { "s" })
    }
}

/// One entry, without a line break at its end.
impl fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.first();
        match self.count() {
            _ if task.state == TaskState::BlockOn => write!(f, "block_on")?,
            1 => write!(f, "task {}", task.id)?,
            count => write!(f, "{count} tasks")?,
        }
        if let Some(name) = self.name() {
            write!(f, " `{}`", Printable(name))?;
        }
        write!(f, " at {}: ", task.id.site())?;
        self.fmt_state(f)
    }
}

impl Group<'_> {
    fn fmt_state(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state() {
            TaskState::BlockOn => return self.first().fmt_call(f),
            TaskState::Running {
                worker,
                lasts,
                blocked,
            } => {
                write!(f, "running on worker {worker}")?;
                if !lasts.is_zero() {
                    write!(f, " for {lasts:.1?}")?;
                }
                if let Some(does) = self.first().activity() {
                    write!(f, ", {does}")?;
                }
                if blocked {
                    write!(f, ", which another thread stands in for")?;
                }
            }
            TaskState::Runnable => write!(f, "runnable")?,
            TaskState::Waiting => write!(f, "waiting")?,
            TaskState::Leaked => write!(f, "LEAKED: it waits, and nobody will ever wake it")?,
        }
        match self.waiting_for() {
            Some((least, most)) if self.count() > 1 => {
                write!(f, ", for {least:.1?} to {most:.1?}")?
            }
            Some((_, most)) => write!(f, ", for {most:.1?}")?,
            None => {}
        }
        if self.count() == 1 {
            self.first().fmt_more(f)?;
        }
        #[cfg(feature = "dump")]
        self.fmt_stacks(f)?;
        Ok(())
    }
}

#[cfg(feature = "dump")]
impl Group<'_> {
    /// The stacks, each frame on a line of its own.
    fn fmt_stacks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, stack) in self.stacks().iter().enumerate() {
            if number > 0 {
                write!(f, "\n  or")?;
            }
            let text = stack.to_string();
            text.lines()
                .try_for_each(|line| write!(f, "\n    {line}"))?;
        }
        if self.first().told.as_ref().is_some_and(|told| told.more) {
            write!(f, "\n    (and more stacks)")?;
        }
        match self.silence() {
            Some(silence) => write!(f, "\n    ({silence})"),
            None => Ok(()),
        }
    }
}

impl TaskInfo {
    fn activity(&self) -> Option<ThreadActivity> {
        self.more.as_ref()?.activity
    }

    fn fmt_call(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = self.more.as_deref();
        let thread = more
            .and_then(|more| more.thread.as_deref())
            .unwrap_or_default();
        write!(f, "on thread `{}`", Printable(thread))?;
        if let Some(task) = self.parent() {
            write!(f, ", in task {task}")?;
        }
        match self.wakers() {
            _ if !more.is_some_and(|more| more.waits) => write!(f, ": polls"),
            Some(0) | None => write!(f, ": waits, and no waker of it is left"),
            Some(wakers) => write!(f, ": waits, {}", Count(wakers, "waker")),
        }
    }

    fn fmt_more(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(polls) = self.polls() {
            write!(f, ", {}", Count(polls as usize, "poll"))?;
        }
        if let Some(wakers) = self.wakers() {
            write!(f, ", {}", Count(wakers, "waker"))?;
        }
        if let Some(task) = self.waits_for_task() {
            write!(f, ", waits for the end of task {task}")?;
        }
        if let Some(parent) = self.parent() {
            write!(f, ", spawned by task {parent}")?;
        }
        Ok(())
    }
}
