//! Who takes a step, what a step is, and when time passes.
//!
//! A step is what a thread would do between two looks at what others have done: a worker's turn,
//! which is a poll or the way to sleep (now and then a turn is two steps: it finds a task, and polls
//! it); a poll of the future of `block_on`; a look of the monitor's. Of all who may take one, chance
//! chooses. Time stands still meanwhile. When nobody may take a step any more, it goes on to when
//! something is due.

use super::{
    Call, FailureKind, Found, Machine, Simulation,
    journal::{Difference, Entry, Who},
    with,
};
#[cfg(feature = "dump")]
use crate::sync::Instant;
use crate::{
    idle::pool::Pool,
    scheduler::{
        allowance,
        callers::Caller,
        context,
        dump::Dump,
        report,
        simulated::{Abandoned, Simulates},
        task,
        task_id::TaskId,
        worker::{Stage, step::Whims},
    },
    sync::clock::{self, NEVER, VIRTUAL_START},
    timer::Timers,
};
use std::{panic, process, rc::Rc, sync::Arc, thread, time::Duration};

/// Tasks polled of late that may be woken for nothing.
const OF_LATE: usize = 32;

/// Of so many turns of a worker, it takes one as if a lone task waited for long.
const LONE_TASKS: usize = 4;

/// Of so many tasks that a worker finds, it polls one in a step of its own.
const PREEMPTED: usize = 4;

/// What the next step was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It has been taken.
    Taken,
    /// It is the poll that the innermost call of `block_on` is about to make.
    OfCall,
    /// Nobody could take one.
    None,
}

/// Who may take the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Among {
    All,
    /// Workers alone: the innermost call of `block_on` does not wait just now.
    #[cfg(feature = "dump")]
    Workers,
}

/// Waits for a call of `block_on`, on the thread of a simulation: takes steps until the call is
/// woken.
///
/// # Panics
///
/// With [`Abandoned`] when the simulation is over.
pub(crate) fn wait(caller: &Arc<Caller>, timers: &'static Timers) {
    with(|current| {
        let simulation = current.expect("asked before");
        let _call = simulation.begin_wait(caller, timers);
        simulation.step_until_woken();
    });
}

/// The time in which a call of `block_on` waits.
struct Waiting<'a>(&'a Simulation);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.calls.borrow_mut().pop();
    }
}

impl Simulation {
    /// How much virtual time has passed.
    pub(super) fn passed(&self) -> Duration {
        Duration::from_nanos(clock::now() - VIRTUAL_START)
    }

    fn begin_wait(&self, caller: &Arc<Caller>, timers: &'static Timers) -> Waiting<'_> {
        let caller = Arc::downgrade(caller);
        self.calls.borrow_mut().push(Call { caller, timers });
        Waiting(self)
    }

    fn step_until_woken(&self) {
        loop {
            if self.is_over() && !self.serves() {
                self.abandon();
            }
            match self.step() {
                Step::OfCall => return,
                Step::Taken => {}
                Step::None if self.let_time_pass() => {}
                Step::None => self.abandon(),
            }
        }
    }

    /// Whether a call goes on though the simulation is over: in a destructor, for as many steps as
    /// there may have been before. (Where something unwinds, a second panic would end the process.)
    fn serves(&self) -> bool {
        if !self.serves_destructors.get() && !thread::panicking() {
            return false;
        }
        /// Enough for a few of them, where a program is to be short.
        const LEAST: u64 = 10_000;
        self.served.set(self.served.get() + 1);
        self.served.get() <= self.settings.step_limit.max(LEAST)
    }

    /// The call will never return.
    fn abandon(&self) -> ! {
        /// More than there are in programs that do not call again and again.
        const MOST: u64 = 100_000;
        self.tell();
        self.abandoned.set(self.abandoned.get() + 1);
        let is_futile = self.abandoned.get() > MOST;
        if is_futile || thread::panicking() {
            // Nobody else will hear of it: the process ends.
            let failure = self.failure.borrow();
            let failure = failure.iter().map(|failure| failure.to_string());
            failure.for_each(|text| report::line(&text));
        }
        if is_futile {
            report::line(
                "the simulation cannot end, for the program goes on whenever `block_on` panics: \
                 the process is aborted",
            );
            process::abort();
        }
        panic::resume_unwind(Box::new(Abandoned))
    }

    /// After the end of main: has all tasks end, or finds that they do not. Then ends the
    /// scheduler.
    pub(super) fn finish(&self) {
        while !self.is_over() && self.alive() > 0 {
            if self.step() == Step::None {
                self.let_time_pass();
            }
        }
        // Those that are left, before they are dropped.
        self.tell();
        self.is_closing.set(true);
        self.scheduler.close();
        while !self.machines.borrow().is_empty() {
            let step = self.step();
            assert!(step != Step::None, "the end wakes everybody");
        }
        if !self.is_over()
            && let Err(difference) = self.journal.end()
        {
            self.steps.set(self.steps.get() + 1);
            self.note_difference(difference);
        }
        self.tell();
        self.part().end();
    }

    /// Whether something was found.
    fn is_over(&self) -> bool {
        if let Some(text) = self.part().refused() {
            self.found(FailureKind::Nondeterminism, text.clone());
        }
        self.tell();
        self.is_over.get()
    }

    pub(super) fn found(&self, kind: FailureKind, text: String) {
        self.fail(Found {
            kind,
            text,
            panic: None,
        });
    }

    fn note_difference(&self, difference: Difference) {
        self.found(FailureKind::Nondeterminism, difference.0);
    }

    /// Has workers take steps, inside of whatever goes on, until `enough` says so, or none of them
    /// can.
    #[cfg(feature = "dump")]
    pub(super) fn step_workers_until(&self, enough: &dyn Fn() -> bool) {
        /// More than it takes to ask a task, if there are not very many that spin meanwhile.
        const MOST: usize = 100_000;
        let step = || !enough() && self.step_of(Among::Workers) == Step::Taken;
        _ = (0..MOST).take_while(|_| step()).count();
    }

    /// Takes one step, of anybody who may.
    fn step(&self) -> Step {
        self.step_of(Among::All)
    }

    fn step_of(&self, among: Among) -> Step {
        let Some(who) = self.choose(among) else {
            return Step::None;
        };
        let before = self.begin_step();
        if !before {
            return Step::Taken;
        }
        let task = match who {
            Who::Call | Who::Time => None,
            Who::Timers(call) => {
                let timers = self.calls.borrow()[call].timers;
                timers.fire(clock::now(), usize::MAX);
                None
            }
            Who::Monitor => {
                self.scheduler.find_neglected();
                None
            }
            Who::Worker(number) => self.step_machine(self.machine(number)),
        };
        self.wake_for_nothing(task);
        self.end_step(who, task);
        if who == Who::Call {
            let call = self.calls.borrow().last().cloned();
            call.iter()
                .for_each(|call| _ = call.caller().parker.take_token());
            return Step::OfCall;
        }
        Step::Taken
    }

    /// Counts a step; returns whether it may be taken.
    fn begin_step(&self) -> bool {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        let limit = self.settings.step_limit;
        if steps > limit && !self.is_over.get() && !self.is_closing.get() {
            let text = format!(
                "the program went on for more than {limit} steps: does it ever end? If it does, \
                 raise `step_limit`"
            );
            self.found(FailureKind::Limit, text);
            return false;
        }
        true
    }

    fn end_step(&self, who: Who, task: Option<TaskId>) {
        if matches!(self.journal, super::Journal::None) || self.is_over.get() {
            return;
        }
        let entry = Entry {
            who,
            task: task.map_or(0, TaskId::number),
            time: clock::now() - VIRTUAL_START,
            alive: self.alive(),
        };
        if let Err(difference) = self.journal.note(entry) {
            self.note_difference(difference);
        }
    }

    /// Who takes the next step.
    fn choose(&self, among: Among) -> Option<Who> {
        let now = clock::now();
        let (mut ready, mut numbers) = self.room.take();
        let mut may = |who, number| {
            ready.push(who);
            numbers.push(number);
        };
        // Whoever may have a priority has a number: machines after the others, for there may be any
        // number of them.
        if among == Among::All {
            let calls = self.calls.borrow();
            for (place, call) in calls.iter().enumerate() {
                if place + 1 == calls.len() && call.is_woken() {
                    may(Who::Call, 0);
                }
                if call.timers.next_due() <= now {
                    may(Who::Timers(place), 1);
                }
            }
            if self.scheduler.first_neglected() <= now {
                may(Who::Monitor, 2);
            }
        }
        for machine in self.machines.borrow().iter() {
            if machine.may_step(now) {
                let number = machine.worker.index();
                may(Who::Worker(number), 3 + number);
            }
        }
        let chosen = match ready.len() {
            0 => None,
            _ => Some(ready[self.order.choose(&numbers, &self.chance)]),
        };
        ready.clear();
        numbers.clear();
        self.room.set((ready, numbers));
        chosen
    }

    fn machine(&self, number: usize) -> Rc<Machine> {
        let machines = self.machines.borrow();
        let mut with_number = machines.iter().filter(|m| m.worker.index() == number);
        with_number.next().expect("it may take a step").clone()
    }

    /// Has a worker take a step. Returns the task that it has polled, and that has not ended.
    fn step_machine(&self, machine: Rc<Machine>) -> Option<TaskId> {
        let stage = machine.stage.get();
        let whims = Whims {
            tells_of_lone_tasks: self.chance.below(LONE_TASKS) == 0,
            is_preempted: self.chance.below(PREEMPTED) == 0,
        };
        machine.is_amid.set(true);
        let next = {
            let _aside = task::step_aside();
            let _uncounted = allowance::suspend();
            let _worker = context::enter_worker(&machine.worker);
            machine.worker.step(stage, &whims, &machine.in_hand)
        };
        machine.is_amid.set(false);
        machine.stage.set(next);
        if next == Stage::Gone {
            self.remove(machine);
            return None;
        }
        let may_have_polled = matches!(stage, Stage::Awake | Stage::Holding);
        (may_have_polled && next == Stage::Awake)
            .then(|| TaskId::from_u64(machine.worker.polled()))
            .flatten()
    }

    /// A machine has come to its end. Must agree with `run_machine`.
    fn remove(&self, machine: Rc<Machine>) {
        let mut machines = self.machines.borrow_mut();
        machines.retain(|other| !Rc::ptr_eq(other, &machine));
        drop(machines);
        // The last reference, and with it the worker.
        drop(machine);
        self.scheduler.machine_ended();
    }

    /// Wakes somebody who does not wait for it, now and then.
    fn wake_for_nothing(&self, polled: Option<TaskId>) {
        if self.settings.spurious_wakes == 0.0 {
            return;
        }
        let mut of_late = self.of_late.borrow_mut();
        if let Some(id) = polled {
            if of_late.len() < OF_LATE {
                of_late.push(id);
            } else {
                of_late[self.chance.below(OF_LATE)] = id;
            }
        }
        if !self.chance.is_so(self.settings.spurious_wakes) {
            return;
        }
        let chosen = self.chance.below(of_late.len() + 1);
        let id = of_late.get(chosen).copied();
        drop(of_late);
        match id {
            Some(id) => {
                let tracking = &self.scheduler.heeded.tracking;
                tracking.iter().for_each(|all| all.wake_for_nothing(id));
            }
            None => {
                let calls = self.calls.borrow();
                calls
                    .last()
                    .iter()
                    .for_each(|call| call.caller().parker.unpark());
            }
        }
    }

    /// Everybody sleeps: goes on to when something is due, or finds that nothing is. Returns
    /// whether anybody may go on.
    fn let_time_pass(&self) -> bool {
        if self.settle() {
            return true;
        }
        let due = self.next_due();
        if due == NEVER {
            self.found_asleep();
            return false;
        }
        let late = self.chance.up_to(self.settings.lateness);
        let limit = self.settings.time_limit;
        let last = VIRTUAL_START + clock::nanoseconds(limit);
        let due = due.max(clock::now());
        if due > last {
            self.time.set(last.max(clock::now()));
            let text = format!(
                "the program went on for more than {limit:?} of virtual time: does it ever end? If \
                 it does, raise `time_limit`"
            );
            self.found(FailureKind::Limit, text);
            return false;
        }
        if self.begin_step() {
            self.time.set(due.saturating_add(late).min(last));
            self.end_step(Who::Time, None);
        }
        true
    }

    fn next_due(&self) -> u64 {
        let calls = self.calls.borrow();
        let of_calls = calls.iter().map(|call| call.timers.next_due());
        let machines = self.machines.borrow();
        let of_machines = machines.iter().filter(|m| !m.is_amid.get());
        let of_machines = of_machines.map(|machine| machine.worker.due());
        let all = of_calls.chain(of_machines);
        all.chain([self.scheduler.first_neglected()])
            .min()
            .unwrap_or(NEVER)
    }

    /// Nobody will ever wake anybody.
    fn found_asleep(&self) {
        let (kind, mut text) = if self.main_has_ended.get() {
            let text = match self.alive() {
                1 => "main has ended, and the task that is left will wait for ever".to_owned(),
                left => {
                    format!("main has ended, and the {left} tasks that are left will wait for ever")
                }
            };
            (FailureKind::Leak, text)
        } else {
            let text = "main waits, all tasks are asleep, and nothing is due".to_owned();
            (FailureKind::Deadlock, text)
        };
        text.push_str(
            ". If a thread, or another runtime, was to wake anybody: that is not simulated",
        );
        // The innermost one is not: it would have gone on.
        if self.calls.borrow().iter().any(Call::is_woken) {
            text.push_str(
                ". But a call of `block_on` has been woken, and cannot return before another one \
                 inside of it, on the stack of the one thread that a simulation has: on threads \
                 this may be no failure. Await there instead",
            );
        }
        let waiting = self.scheduler.waiting();
        if waiting > 0 {
            let most = self.scheduler.config.max_machines;
            text.push_str(&format!(
                ". But {waiting} tasks are to run, and all of {most} machines wait in `block_on`, \
                 which is as many as the one stack of a simulation has room for: on threads this \
                 may be no failure"
            ));
        }
        self.found(kind, text);
    }

    /// What everybody does.
    #[cfg(not(feature = "dump"))]
    pub(super) fn dump(&self) -> Dump {
        self.scheduler.dump()
    }

    /// What everybody does, and on what they wait.
    #[cfg(feature = "dump")]
    pub(super) fn dump(&self) -> Dump {
        /// In real time: other dumps of this process may be under way.
        const LIMIT: Duration = Duration::from_secs(2);
        self.scheduler.dump_stacks(Instant::now() + LIMIT)
    }
}
