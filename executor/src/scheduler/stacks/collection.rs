//! Who is asked for the stacks that it waits on, and who has answered.
//!
//! ```text
//!   dump's thread:  ask ──► wake ──► wait until most have answered, or some time ──► ask the next
//!   who polls:                claim ──► poll ──► answer
//! ```
//!
//! The thread that makes a dump asks some tasks, and wakes them. Whoever polls one claims it, polls
//! it with a waker that notes stacks, and answers when the poll is over. Few are asked at a time:
//! each is woken into a queue, where others wait as well.
//!
//! A poll may never end, and a worker never come to a task that was woken. Such tasks are *silent*:
//! after some milliseconds the next are asked beside them, and what they say at last is taken.
//! Whoever has said nothing by the deadline is named. So is a task that was not even asked by then.
//!
//! The lock is held to look and to note only: never over a poll, and never while a task is woken.

use super::{
    stack::Silence,
    trace::{Addresses, Traced, Tracing},
    turn::Turn,
};
#[cfg(shuttle)]
use crate::sync::shuttle::LocalCell as _;
use crate::{
    scheduler::task_id::TaskId,
    sync::{AtomicU32, Condvar, Instant, Mutex, Ordering, lock, thread_local, wait_until},
};
use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    marker::PhantomData,
    mem::{self, ManuallyDrop},
    sync::Arc,
    task::Waker,
    time::Duration,
};

/// How many tasks are asked at a time, and have not answered yet; half of it, when the next are.
const BATCH: usize = 128;

/// How long a task may keep the next ones waiting.
const PATIENCE: Duration = Duration::from_millis(10);

/// The longest time between two looks at those who are silent for long.
const MAX_PATIENCE: Duration = Duration::from_millis(160);

/// Counters of tasks that are asked; a power of two.
const BUCKETS: usize = 1 << 10;

/// Stacks that tasks wait on: what was said by each of a dump's tasks.
pub(crate) struct Collection {
    /// How many tasks are asked, by the last bits of their numbers. Read for each poll while there
    /// is a dump, and almost always zero.
    asked: Box<[AtomicU32; BUCKETS]>,
    round: Mutex<Round>,
    /// Enough have answered.
    changed: Condvar,
}

/// One dump's questions.
#[derive(Default)]
struct Round {
    /// Counts them, so that an answer to an earlier one is known as such.
    number: u64,
    /// Those who have not answered.
    open: HashMap<TaskId, Open>,
    /// How many of them are silent.
    silent: usize,
    /// Tell when no more than so many others are left.
    enough: usize,
    answers: Vec<(TaskId, Answer)>,
    /// Equal stacks are one.
    stacks: HashSet<Arc<Addresses>>,
}

/// A task that was asked and has not answered.
#[derive(Clone, Copy, Default)]
struct Open {
    /// It is being polled.
    is_claimed: bool,
    /// The next ones do not wait for it.
    is_silent: bool,
}

/// What was found about a task.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It waits, and has cloned its waker on these stacks.
    Waits(Stacks),
    /// It has woken itself in that poll, and need not wait.
    IsWoken(Stacks),
    /// It has ended.
    Ended,
    /// Why nothing was found.
    None(Silence),
}

/// The stacks of one task. None at all: the future has kept the waker of an earlier poll, or keeps
/// none.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    pub(crate) different: Vec<Arc<Addresses>>,
    /// There were more.
    pub(crate) more: bool,
    /// A task for whose end it waits.
    pub(crate) joined: Option<TaskId>,
}

thread_local! {
    /// This thread is in a poll that a dump waits for.
    static IN_TRACED_POLL: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is in a poll that a dump waits for. To wait for another one there is to wait
/// for itself.
pub(crate) fn is_in_traced_poll() -> bool {
    IN_TRACED_POLL.get()
}

impl Collection {
    pub(crate) fn new() -> Collection {
        Collection {
            asked: Box::new([const { AtomicU32::new(0) }; BUCKETS]),
            round: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Asks `tasks` of `all`, each once, and returns at the deadline at the latest.
    pub(crate) fn collect<A: Asked>(
        &self,
        _: &Turn<'_>,
        all: &A,
        tasks: Vec<A::Task>,
        deadline: Instant,
    ) -> Vec<(TaskId, Answer)> {
        // Not to grow, and to be copied, under the lock that those who answer take.
        lock(&self.round).answers = Vec::with_capacity(tasks.len());
        let current = TaskId::current();
        let (asking, others): (Vec<_>, Vec<_>) = tasks
            .into_iter()
            .partition(|task| current == Some(all.id(task)));
        let mut others = others.into_iter();
        let mut asker = Asker::begin(self, all);
        asker.ask_all(&mut others, deadline);
        let mut answers = asker.finish();
        let mut none = |tasks: &mut dyn Iterator<Item = A::Task>, silence| {
            answers.extend(tasks.map(|task| (all.id(&task), Answer::None(silence))));
        };
        none(&mut others, Silence::NotAsked);
        none(&mut asking.into_iter(), Silence::MakesTheDump);
        answers
    }

    /// Whether a dump waits for this task to be polled. Then the caller, who is about to poll it,
    /// or to drop its future, answers by the claim.
    #[inline]
    pub(crate) fn claim(&self, id: TaskId) -> Option<Claim<'_>> {
        // Ordering: Relaxed; `ask` comes before the wake-up, and the wake-up before the poll that
        // answers.
        if self.bucket(id).load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.claim_asked(id)
    }

    #[cold]
    fn claim_asked(&self, id: TaskId) -> Option<Claim<'_>> {
        let mut round = lock(&self.round);
        let open = round.open.get_mut(&id).filter(|open| !open.is_claimed)?;
        open.is_claimed = true;
        self.no_more_asked(id);
        Some(Claim {
            collection: self,
            id,
            round: round.number,
        })
    }

    fn bucket(&self, id: TaskId) -> &AtomicU32 {
        &self.asked[id.serial() as usize % BUCKETS]
    }

    fn ask(&self, id: TaskId) {
        lock(&self.round).open.insert(id, Open::default());
        // Ordering: Relaxed, see `claim`.
        self.bucket(id).fetch_add(1, Ordering::Relaxed);
    }

    fn no_more_asked(&self, id: TaskId) {
        // Ordering: Relaxed; whoever reads the old number looks under the lock.
        self.bucket(id).fetch_sub(1, Ordering::Relaxed);
    }

    /// Notes what a task of round `number` has said, unless that is over.
    fn note(&self, id: TaskId, number: u64, answer: impl FnOnce(&mut Round) -> Answer) {
        let mut round = lock(&self.round);
        if round.number != number {
            return;
        }
        let Some(open) = round.open.remove(&id) else {
            return;
        };
        if !open.is_claimed {
            self.no_more_asked(id);
        }
        round.silent -= usize::from(open.is_silent);
        let answer = answer(&mut round);
        round.answers.push((id, answer));
        if round.has_enough() {
            self.changed.notify_one();
        }
    }
}

impl Round {
    fn has_enough(&self) -> bool {
        self.open.len() - self.silent <= self.enough
    }

    fn set_silent(&mut self, id: TaskId, is_silent: bool) {
        if let Some(open) = self.open.get_mut(&id) {
            self.silent -= usize::from(open.is_silent);
            open.is_silent = is_silent;
            self.silent += usize::from(is_silent);
        }
    }

    /// The same stacks, each of them one with those that are equal.
    fn fold(&mut self, traced: Traced) -> Stacks {
        let one = |stack: Addresses| match self.stacks.get(&stack) {
            Some(equal) => equal.clone(),
            None => {
                let stack = Arc::new(stack);
                self.stacks.insert(stack.clone());
                stack
            }
        };
        Stacks {
            different: traced.stacks.into_iter().map(one).collect(),
            more: traced.more,
            joined: traced.joined,
        }
    }
}

/// A task that a dump has asked, for whoever is about to poll it. Dropped, it says that the task
/// has ended.
pub(crate) struct Claim<'a> {
    collection: &'a Collection,
    id: TaskId,
    round: u64,
}

impl<'a> Claim<'a> {
    /// Begins the poll of the task, on this thread. `own` is the task's waker, and `end` lies in a
    /// frame of the stack beyond which nothing is of interest.
    pub(crate) fn begin_poll<T>(self, own: &Waker, end: &T) -> TracedPoll<'a> {
        TracedPoll {
            _in_poll: InTracedPoll::enter(),
            tracing: Tracing::new(own, end),
            claim: self,
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let note = |_: &mut Round| Answer::Ended;
        self.collection.note(self.id, self.round, note);
    }
}

/// A poll that a dump waits for. Dropped, it says that the task has ended.
pub(crate) struct TracedPoll<'a> {
    _in_poll: InTracedPoll,
    tracing: Tracing,
    claim: Claim<'a>,
}

impl TracedPoll<'_> {
    /// The waker to poll with.
    pub(crate) fn waker(&self) -> &Waker {
        self.tracing.waker()
    }

    /// The poll is over, and has left the task pending.
    pub(crate) fn answer(self) {
        let traced = self.tracing.finish();
        let claim = ManuallyDrop::new(self.claim);
        claim.collection.note(claim.id, claim.round, |round| {
            let woken = traced.woken;
            let stacks = round.fold(traced);
            if woken {
                Answer::IsWoken(stacks)
            } else {
                Answer::Waits(stacks)
            }
        });
    }
}

/// Until it is dropped this thread is in a poll that a dump waits for.
struct InTracedPoll {
    outer: bool,
    _on_this_thread: PhantomData<*const ()>,
}

impl InTracedPoll {
    fn enter() -> InTracedPoll {
        InTracedPoll {
            outer: IN_TRACED_POLL.replace(true),
            _on_this_thread: PhantomData,
        }
    }
}

impl Drop for InTracedPoll {
    fn drop(&mut self) {
        IN_TRACED_POLL.set(self.outer);
    }
}

/// The tasks that a dump may ask.
pub(crate) trait Asked {
    type Task;

    fn id(&self, task: &Self::Task) -> TaskId;

    /// Has a task polled that may not have ended; returns whether it has not. It may have been
    /// woken before.
    fn wake(&self, task: &Self::Task) -> bool;

    /// Where nobody else polls, as in a simulation: polls tasks that were woken, until `enough` says
    /// so, or none is left.
    fn poll_here(&self, _enough: &dyn Fn() -> bool) {}

    /// From now on whoever polls a task [claims](Collection::claim) it first.
    fn begin_to_ask(&self);

    /// Nobody need do so any more.
    fn end_to_ask(&self);
}

/// The thread whose round it is.
struct Asker<'a, A: Asked> {
    collection: &'a Collection,
    all: &'a A,
    /// Those who have been asked of late.
    waited_for: Vec<A::Task>,
    silent: Vec<A::Task>,
    is_over: bool,
}

impl<'a, A: Asked> Asker<'a, A> {
    fn begin(collection: &'a Collection, all: &'a A) -> Asker<'a, A> {
        all.begin_to_ask();
        Asker {
            collection,
            all,
            waited_for: Vec::new(),
            silent: Vec::new(),
            is_over: false,
        }
    }

    fn ask_all(&mut self, tasks: &mut impl Iterator<Item = A::Task>, deadline: Instant) {
        while Instant::now() < deadline {
            let room = BATCH - self.waited_for.len();
            for task in tasks.by_ref().take(room) {
                self.collection.ask(self.all.id(&task));
                self.wake(&task);
                self.waited_for.push(task);
            }
            if self.waited_for.len() < BATCH {
                return self.wait_for_all(deadline);
            }
            let in_time = self.wait_for(BATCH / 2, deadline.min(Instant::now() + PATIENCE));
            self.forget_answered();
            if !in_time {
                self.set_silent(&self.waited_for, true);
                self.wake_again();
                self.silent.append(&mut self.waited_for);
            }
        }
    }

    /// All have been asked. The silent ones are all that is left to wait for, and they may be many:
    /// those that have been so for long are woken again less and less often.
    fn wait_for_all(&mut self, deadline: Instant) {
        self.set_silent(&self.silent, false);
        self.waited_for.append(&mut self.silent);
        let mut patience = PATIENCE;
        while !self.wait_for(0, deadline.min(Instant::now() + patience)) {
            if Instant::now() >= deadline {
                return;
            }
            self.forget_answered();
            self.wake_again();
            patience = (2 * patience).min(MAX_PATIENCE);
        }
    }

    /// Wakes a task that was asked, or notes that it has ended.
    fn wake(&self, task: &A::Task) {
        if !self.all.wake(task) {
            let number = lock(&self.collection.round).number;
            self.collection
                .note(self.all.id(task), number, |_| Answer::Ended);
        }
    }

    /// Wakes those who have not begun to answer: some may have ended in a poll that began before
    /// they were asked. The others will be heard of when their polls are over, and would be polled
    /// once more for nothing.
    fn wake_again(&self) {
        for piece in self.waited_for.chunks(BATCH) {
            let round = lock(&self.collection.round);
            let is_claimed = |task: &A::Task| match round.open.get(&self.all.id(task)) {
                Some(open) => open.is_claimed,
                None => true,
            };
            let tasks: Vec<_> = piece.iter().filter(|task| !is_claimed(task)).collect();
            drop(round);
            tasks.into_iter().for_each(|task| self.wake(task));
        }
    }

    fn set_silent(&self, tasks: &[A::Task], are_silent: bool) {
        // In pieces, since whoever answers waits for the lock.
        for piece in tasks.chunks(BATCH) {
            let mut round = lock(&self.collection.round);
            for task in piece {
                round.set_silent(self.all.id(task), are_silent);
            }
        }
    }

    fn forget_answered(&mut self) {
        let mut are_open = Vec::with_capacity(self.waited_for.len());
        for piece in self.waited_for.chunks(BATCH) {
            let round = lock(&self.collection.round);
            let is_open = |task| round.open.contains_key(&self.all.id(task));
            are_open.extend(piece.iter().map(is_open));
        }
        let mut are_open = are_open.into_iter();
        self.waited_for.retain(|_| are_open.next() == Some(true));
    }

    /// Waits until no more than so many have not answered, without the silent ones. Returns whether
    /// that was in time.
    fn wait_for(&self, enough: usize, until: Instant) -> bool {
        let round = || lock(&self.collection.round);
        round().enough = enough;
        self.all.poll_here(&|| round().has_enough());
        let mut round = round();
        while !round.has_enough() {
            match wait_until(&self.collection.changed, round, until) {
                Some(woken) => round = woken,
                None => return false,
            }
        }
        true
    }

    /// Ends the round. Returns what each of those said that were asked.
    fn finish(mut self) -> Vec<(TaskId, Answer)> {
        let round = self.end();
        let silence = |open: Open| match open.is_claimed {
            true => Silence::InPoll,
            false => Silence::NotPolled,
        };
        let open = round.open.into_iter();
        let silent = open.map(|(id, open)| (id, Answer::None(silence(open))));
        round.answers.into_iter().chain(silent).collect()
    }

    fn end(&mut self) -> Round {
        self.is_over = true;
        self.all.end_to_ask();
        let mut round = lock(&self.collection.round);
        let next = Round {
            number: round.number + 1,
            ..Round::default()
        };
        let round = mem::replace(&mut *round, next);
        for (&id, open) in &round.open {
            if !open.is_claimed {
                self.collection.no_more_asked(id);
            }
        }
        round
    }
}

impl<A: Asked> Drop for Asker<'_, A> {
    fn drop(&mut self) {
        if !self.is_over {
            self.end();
        }
    }
}
