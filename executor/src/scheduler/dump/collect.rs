//! Where what is known of tasks comes from.
//!
//! | what                    | from                                                               |
//! | ----------------------- | ------------------------------------------------------------------ |
//! | calls of `block_on`     | `callers`                                                          |
//! | what runs               | the counters of processors; for how long, the monitor has seen     |
//! | what waits, is runnable | the register of suspended tasks, page by page                      |
//! | all tasks, and the rest | `tracking`, if tasks are tracked                                   |
//!
//! These are read one after the other while tasks go on. So a task may be missing that changes from
//! one to the other meanwhile, and none is there twice.

use super::{
    super::{
        Scheduler,
        callers::{self, Call},
        processor::Processor,
        task_id::TaskId,
        thread_activity::ThreadActivity,
        tracking::{Known, Phase, Record, Tracking},
    },
    Dump, More, TaskInfo, TaskState, leaks,
};
use crate::{suspended::Seen, sync::clock};
use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering,
    time::Duration,
};

type Running = HashMap<TaskId, TaskState>;

impl Scheduler {
    /// As much as can be known of all tasks: also on what they wait, where the feature `dump` is on and
    /// they tell within this time.
    pub(in crate::scheduler) fn dump_in_full(&self, limit: Duration) -> Dump {
        #[cfg(feature = "dump")]
        return self.dump_stacks(crate::sync::Instant::now() + limit);
        #[cfg(not(feature = "dump"))]
        {
            _ = limit;
            self.dump()
        }
    }

    /// What all tasks do now. From any thread; waits for nobody.
    pub(crate) fn dump(&self) -> Dump {
        let now = clock::now();
        let processors = self.processors.iter().enumerate();
        let running: Running = processors
            .filter_map(|(index, processor)| running(index, processor, now))
            .collect();
        let mut tasks = match &self.heeded.tracking {
            Some(tracking) => self.tracked_tasks(tracking, &running, now),
            None => self.untracked_tasks(&running),
        };
        let new_tasks = (self.population().alive as usize).saturating_sub(tasks.len());
        tasks.iter_mut().for_each(|task| self.look_at_thread(task));
        sort(&mut tasks);
        let calls = callers::calls_on(&self.id)
            .into_iter()
            .map(|call| self.of_call(call));
        let machines = self.idle.machines();
        Dump {
            tasks: calls.chain(tasks).collect(),
            new_tasks,
            workers: self.idle.permits(),
            threads: machines.total,
            idle_threads: machines.asleep,
            is_tracking: self.heeded.tracking.is_some(),
            #[cfg(feature = "dump")]
            advice: None,
        }
    }

    /// What the thread does that runs a task.
    fn look_at_thread(&self, task: &mut TaskInfo) {
        if let TaskState::Running { worker, .. } = task.state {
            let counters = &self.processors.get(worker).counters;
            let thread = counters.thread.load(Ordering::Relaxed);
            task.more.get_or_insert_default().activity = ThreadActivity::of(thread);
        }
    }

    fn untracked_tasks(&self, running: &Running) -> Vec<TaskInfo> {
        let mut tasks = Vec::with_capacity(running.len() + self.suspended.len());
        tasks.extend(running.iter().map(|(&id, &state)| untracked(id, state)));
        self.suspended.walk(|page| {
            let others = page.iter().filter_map(suspended);
            let others = others.filter(|(id, _)| !running.contains_key(id));
            tasks.extend(others.map(|(id, state)| untracked(id, state)));
        });
        tasks
    }

    /// The tasks that wait, or are in a queue again, and whose end somebody has asked for.
    fn aborted(&self) -> HashSet<TaskId> {
        let mut aborted = HashSet::new();
        self.suspended.walk(|page| {
            let ids = page.iter().filter(|seen| seen.is_aborted);
            aborted.extend(ids.filter_map(|seen| TaskId::from_u64(seen.id)));
        });
        aborted
    }

    fn of_call(&self, call: Call) -> TaskInfo {
        // Where there is no monitor, one is kept for timers while the thread waits.
        let for_timers = call.waits && !self.config.handoff;
        let more = More {
            parent: call.task,
            wakers: Some(call.wakers.saturating_sub(for_timers.into())),
            thread: Some(call.thread_name().to_owned()),
            waits: call.waits,
            ..More::default()
        };
        TaskInfo {
            id: call.id,
            state: TaskState::BlockOn,
            more: Some(Box::new(more)),
            #[cfg(feature = "dump")]
            told: None,
        }
    }

    fn tracked_tasks(&self, tracking: &Tracking, running: &Running, now: u64) -> Vec<TaskInfo> {
        let records = tracking.all();
        let leaked = leaks::find(&records, || self.aborted());
        let tasks = records.iter().filter_map(|record| {
            let known = record.known();
            if known.phase == Phase::Ended {
                return None;
            }
            let state = match (known.phase, running.get(&record.id)) {
                _ if leaked.contains(&record.id) => TaskState::Leaked,
                (Phase::Polled, Some(&state)) => state_for(state, now.saturating_sub(known.since)),
                (Phase::Waits, _) if !known.is_woken => TaskState::Waiting,
                _ => TaskState::Runnable,
            };
            Some(tracked(record, &known, state, now))
        });
        tasks.collect()
    }
}

/// The task that a processor's machine polls.
fn running(worker: usize, processor: &Processor, now: u64) -> Option<(TaskId, TaskState)> {
    let counters = &processor.counters;
    let polls = counters.polls.get();
    let id = TaskId::from_u64(counters.task.load(Ordering::Relaxed))?;
    let state = TaskState::Running {
        worker,
        lasts: Duration::from_nanos(processor.long_poll.lasts(polls, now)),
        blocked: processor.permit.is_missing(),
    };
    Some((id, state))
}

/// A poll that was seen to begin so long ago, in nanoseconds.
fn state_for(mut state: TaskState, nanos: u64) -> TaskState {
    if let TaskState::Running { lasts, .. } = &mut state {
        *lasts = Duration::from_nanos(nanos);
    }
    state
}

fn suspended(seen: &Seen) -> Option<(TaskId, TaskState)> {
    let state = if seen.is_runnable {
        TaskState::Runnable
    } else {
        TaskState::Waiting
    };
    Some((TaskId::from_u64(seen.id)?, state))
}

/// Those that run come first, and those that wait last; calls of `block_on` before all of them.
pub(super) fn sort(tasks: &mut [TaskInfo]) {
    tasks.sort_by_key(|task| match task.state {
        // As they were.
        TaskState::BlockOn => (0, 0),
        state => (order(state), task.id.serial()),
    });
}

/// The place of a state.
fn order(state: TaskState) -> u8 {
    match state {
        TaskState::BlockOn => 0,
        TaskState::Running { .. } => 1,
        TaskState::Runnable => 2,
        TaskState::Leaked => 3,
        TaskState::Waiting => 4,
    }
}

fn untracked(id: TaskId, state: TaskState) -> TaskInfo {
    let name = id.name();
    let more = name.is_some().then(|| More {
        name,
        ..More::default()
    });
    TaskInfo {
        id,
        state,
        more: more.map(Box::new),
        #[cfg(feature = "dump")]
        told: None,
    }
}

fn tracked(record: &Record, known: &Known, state: TaskState, now: u64) -> TaskInfo {
    let waits = !matches!(state, TaskState::Running { .. });
    let waiting_for = waits.then(|| Duration::from_nanos(now.saturating_sub(known.since)));
    let more = More {
        name: record.id.name(),
        parent: record.parent,
        waiting_for,
        polls: Some(known.polls),
        wakers: Some(known.wakers),
        waits_for_task: known.joined().next(),
        ..More::default()
    };
    TaskInfo {
        id: record.id,
        state,
        more: Some(Box::new(more)),
        #[cfg(feature = "dump")]
        told: None,
    }
}
