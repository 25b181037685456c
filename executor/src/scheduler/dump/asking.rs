//! A dump's questions to the tasks of a scheduler.

use super::{Dump, TaskInfo, TaskState, collect::sort};
use crate::{
    scheduler::{
        Scheduler,
        simulated::Simulated,
        stacks::{
            Addresses, Answer, Asked, Silence, Stack, Stacks, Symbols, TURNS, Turn,
            is_in_traced_poll,
        },
        task_id::TaskId,
    },
    suspended::Seen,
    sync::Instant,
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    thread,
    time::Duration,
};

/// What a task has told.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Told {
    pub(crate) stacks: Vec<Stack>,
    /// There were more.
    pub(crate) more: bool,
    /// Why there is none.
    pub(crate) silence: Option<Silence>,
}

/// How long a dump may look for what has become of the tasks that have answered.
const PATIENCE: Duration = Duration::from_millis(10);

impl Scheduler {
    /// What all tasks do now, and on what those wait that do, or soon will. They are asked until the
    /// deadline at the latest.
    pub(crate) fn dump_stacks(&self, deadline: Instant) -> Dump {
        // Before the tasks are listed: what another dump has polled does not wait just then.
        let turn = self.turn(deadline);
        let mut dump = self.dump();
        let asked = dump.tasks.iter().filter(|task| will_wait(task.state));
        let asked: HashSet<_> = asked.map(|task| task.id).collect();
        let mut resolved = Resolved::default();
        match turn {
            Some(turn) => {
                let tasks = self.registered(|id| asked.contains(&id));
                let answers = self.heeded.stacks.collect(&turn, self, tasks, deadline);
                let answers: HashMap<_, _> = answers.into_iter().collect();
                let now = self.look_again(&answers);
                settle(&mut dump.tasks, answers, now, &mut resolved);
            }
            None => {
                let tasks = dump.tasks.iter_mut();
                for task in tasks.filter(|task| asked.contains(&task.id)) {
                    task.note(Answer::None(Silence::NotAsked), None, &mut resolved);
                }
            }
        }
        sort(&mut dump.tasks);
        dump.advice = resolved.symbols.advice();
        dump
    }

    /// The tasks as they are once all have answered. To be asked may change them, and others may have
    /// done so meanwhile.
    fn look_again(&self, answers: &HashMap<TaskId, Answer>) -> HashMap<TaskId, TaskInfo> {
        let begin = std::time::Instant::now();
        loop {
            let dump = self.dump();
            // A task answers at the end of its poll, and is seen to wait a moment later.
            let is_amid = |task: &TaskInfo| match task.state {
                TaskState::Running { .. } => true,
                state => dump.is_tracking && state == TaskState::Runnable,
            };
            let waited = |task: &TaskInfo| matches!(answers.get(&task.id), Some(Answer::Waits(_)));
            let goes_on = dump.tasks.iter().any(|task| is_amid(task) && waited(task));
            if !goes_on || begin.elapsed() >= PATIENCE {
                return dump.tasks.into_iter().map(|task| (task.id, task)).collect();
            }
            thread::sleep(PATIENCE / 10);
        }
    }

    /// Waits until no other thread makes a dump. In a forked child nobody would answer this one; and
    /// the tasks of a simulation that another thread is would be woken from outside.
    fn turn(&self, deadline: Instant) -> Option<Turn<'static>> {
        let is_elsewhere = |simulated: &Simulated| !simulated.is_here();
        if self.is_in_forked_child()
            || is_in_traced_poll()
            || self.simulated.as_deref().is_some_and(is_elsewhere)
        {
            return None;
        }
        TURNS.take(deadline.saturating_duration_since(Instant::now()))
    }

    /// Those of the tasks that are registered still, and so have not ended.
    fn registered(&self, is_meant: impl Fn(TaskId) -> bool) -> Vec<Seen> {
        let mut registered = Vec::new();
        self.suspended.walk(|page| {
            let meant = page.iter().filter(|seen| is_meant(self.id(seen)));
            registered.extend(meant);
        });
        registered
    }
}

/// Whether a task waits, or is going to as far as anybody can see: it is in a queue, or in a poll
/// that nobody has seen to last.
fn will_wait(state: TaskState) -> bool {
    match state {
        TaskState::Waiting | TaskState::Leaked | TaskState::Runnable => true,
        TaskState::Running { lasts, blocked, .. } => lasts.is_zero() && !blocked,
        TaskState::BlockOn => false,
    }
}

/// Puts together how tasks were before they were asked, what they have said, and how they are now.
fn settle(
    tasks: &mut Vec<TaskInfo>,
    mut answers: HashMap<TaskId, Answer>,
    mut now: HashMap<TaskId, TaskInfo>,
    resolved: &mut Resolved,
) {
    tasks.retain_mut(|task| {
        match (answers.remove(&task.id), now.remove(&task.id)) {
            (Some(Answer::Ended), _) | (None, None) => return false,
            (Some(answer), now) => task.note(answer, now, resolved),
            // Nobody has asked it.
            (None, Some(now)) => *task = now,
        }
        true
    });
}

impl TaskInfo {
    /// Notes what the task has said, and what it does now.
    fn note(&mut self, answer: Answer, now: Option<TaskInfo>, resolved: &mut Resolved) {
        let runs = matches!(self.state, TaskState::Running { .. });
        match answer {
            Answer::Waits(_) => self.waits_or_goes_on(now),
            Answer::IsWoken(_) => self.set_state(TaskState::Runnable),
            // It is what it was before it was asked.
            Answer::None(_) | Answer::Ended => {}
        }
        if let Some(joined) = answer.joined() {
            let more = self.more.get_or_insert_default();
            more.waits_for_task.get_or_insert(joined);
        }
        self.told = Some(resolved.tell(match answer {
            // In the poll that it was in before.
            Answer::None(Silence::NotPolled) if runs => Answer::None(Silence::InPoll),
            answer => answer,
        }));
    }

    /// It was left waiting by the poll in which it was asked.
    fn waits_or_goes_on(&mut self, now: Option<TaskInfo>) {
        let state = match now.as_ref().map(|now| now.state) {
            Some(state @ (TaskState::Runnable | TaskState::Leaked)) => state,
            _ => TaskState::Waiting,
        };
        let was_leaked = self.state == TaskState::Leaked;
        self.set_state(state);
        // It has left a waker where it had left none.
        if was_leaked && state != TaskState::Leaked {
            let wakers = now.and_then(|now| now.wakers());
            self.more.get_or_insert_default().wakers = wakers;
        }
    }

    fn set_state(&mut self, state: TaskState) {
        self.state = state;
        self.more.as_mut().map(|more| more.activity.take());
    }
}

impl Asked for Scheduler {
    type Task = Seen;

    fn id(&self, task: &Seen) -> TaskId {
        TaskId::from_u64(task.id).expect("the register has it from a task")
    }

    fn wake(&self, task: &Seen) -> bool {
        let waker = self.suspended.waker_of(task);
        waker.map(|waker| waker.wake()).is_some()
    }

    fn poll_here(&self, enough: &dyn Fn() -> bool) {
        if let Some(part) = &self.simulated {
            part.step_until(enough);
        }
    }

    fn begin_to_ask(&self) {
        self.heeded.begin_to_ask();
    }

    fn end_to_ask(&self) {
        self.heeded.end_to_ask();
    }
}

impl Answer {
    fn joined(&self) -> Option<TaskId> {
        match self {
            Answer::Waits(stacks) | Answer::IsWoken(stacks) => stacks.joined,
            Answer::None(_) | Answer::Ended => None,
        }
    }
}

/// What a task has told: on which stacks, known by their addresses; whether there were more; why
/// there is none.
type Unresolved = (Vec<*const Addresses>, bool, Option<Silence>);

/// Answers that are resolved. Equal ones are one.
#[derive(Default)]
struct Resolved {
    symbols: Symbols,
    /// By the addresses of what is kept here, and so has them for itself.
    stacks: HashMap<*const Addresses, (Stack, Arc<Addresses>)>,
    by_stacks: HashMap<Unresolved, Arc<Told>>,
    different: HashSet<Arc<Told>>,
}

impl Resolved {
    fn tell(&mut self, answer: Answer) -> Arc<Told> {
        let (stacks, silence) = match answer {
            Answer::Waits(stacks) => (stacks, Some(Silence::NoWaker)),
            Answer::IsWoken(stacks) => (stacks, Some(Silence::Woken)),
            Answer::None(silence) => (Stacks::default(), Some(silence)),
            Answer::Ended => Default::default(),
        };
        let silence = silence.filter(|_| stacks.different.is_empty());
        let addresses = stacks.different.iter().map(Arc::as_ptr).collect();
        let key = (addresses, stacks.more, silence);
        if let Some(told) = self.by_stacks.get(&key) {
            return told.clone();
        }
        let told = Arc::new(Told {
            stacks: self.resolve_all(stacks.different),
            more: stacks.more,
            silence,
        });
        // Other addresses may be of the same lines.
        let told = self.different.get(&told).unwrap_or(&told).clone();
        self.different.insert(told.clone());
        self.by_stacks.insert(key, told.clone());
        told
    }

    fn resolve_all(&mut self, stacks: Vec<Arc<Addresses>>) -> Vec<Stack> {
        let mut resolved = Vec::with_capacity(stacks.len());
        for stack in stacks {
            let stack = self.resolve(stack);
            if !resolved.contains(&stack) {
                resolved.push(stack);
            }
        }
        resolved
    }

    fn resolve(&mut self, stack: Arc<Addresses>) -> Stack {
        let resolved = self.stacks.entry(Arc::as_ptr(&stack));
        let (resolved, _) = resolved.or_insert_with(|| (self.symbols.resolve(&stack), stack));
        resolved.clone()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn task(id: TaskId, state: TaskState) -> TaskInfo {
        TaskInfo {
            id,
            state,
            more: None,
            told: None,
        }
    }

    #[test]
    fn who_has_ended_before_he_was_asked_is_no_more_told_of_than_who_has_then() {
        use TaskState::{Leaked, Runnable, Waiting};
        let [before, then, waits, woken, leaked] = [(); 5].map(|()| TaskId::here());
        let mut tasks = Vec::from([before, then, waits, woken, leaked].map(|id| task(id, Leaked)));
        let answers = HashMap::from([
            (then, Answer::Ended),
            (waits, Answer::Waits(Stacks::default())),
            (woken, Answer::IsWoken(Stacks::default())),
            (leaked, Answer::Waits(Stacks::default())),
        ]);
        let now = [(waits, Waiting), (woken, Waiting), (leaked, Leaked)];
        let now = now.map(|(id, state)| (id, task(id, state)));
        let now = HashMap::from(now);
        settle(&mut tasks, answers, now, &mut Resolved::default());
        let settled = tasks.iter().map(|task| (task.id, task.state));
        let expected = [(waits, Waiting), (woken, Runnable), (leaked, Leaked)];
        assert!(settled.eq(expected));
    }
}
