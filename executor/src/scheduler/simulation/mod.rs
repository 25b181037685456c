//! The scheduler on one thread, in virtual time, by a seed.
//!
//! | file      | idea                                                                |
//! | --------- | ------------------------------------------------------------------- |
//! | `steps`   | who takes a step, what a step is, and when time passes               |
//! | `chance`  | what chance decides                                                  |
//! | `failure` | how a program fails                                                  |
//! | `journal` | what was done at each step, for comparison with another run          |
//! | `settle`  | who waits until all others are asleep                                |
//!
//! It is the scheduler that ships: its queues, its wheels, its register, and its workers, which
//! take the turns that `idle::work_loop` describes. What is missing are the threads. Where a
//! machine would get one, it gets a place in a list (`add_machine`); where a thread would sleep, it
//! is not stepped; and where it would wake up, it may be again. What the monitor does where nobody
//! comes to a timer is one more step that may be taken. So what a simulation finds can happen.
//!
//! # What is inside of what
//!
//! A call of `block_on` that waits takes steps until it is woken, on its own stack. The outermost
//! is that of main. One that is made in a task's poll keeps that poll, and so its worker, on the
//! stack: the worker is *amid* a step, and has given its permit away, as always while it waits. A
//! stand-in comes, and the scheduler goes on inside of that poll. Only the innermost call can
//! return. If an outer one is woken, it waits until it is the innermost: as if its thread were
//! slow. That the inner one waits for the outer, which threads could resolve, is told apart from a
//! deadlock.
//!
//! # The end
//!
//! When main has returned, steps are taken until no task is left; or until something is found that
//! the program does wrong. Then everything that waits unwinds: a call of `block_on` panics with
//! `Abandoned`, which no hook hears of. What is left of main is dropped once that is over, for its
//! destructors may panic, too. And the scheduler ends as any other does.

mod chance;
mod failure;
mod journal;
pub(crate) mod settle;
mod steps;

use super::{
    Scheduler, allowance,
    callers::Caller,
    config::Config,
    context,
    processor::Lease,
    random::Generator,
    simulated::{self, Simulated, Simulates},
    task::Task,
    task_id::{Numbering, TaskId},
    task_name::Called,
    worker::{Stage, Worker},
};
use crate::{
    sync::{
        clock::VirtualTime,
        panic::{Panic, caught},
    },
    timer::Timers,
};
use chance::Order;
pub(crate) use chance::unseeded;
use failure::Found;
pub(crate) use failure::same_outcome;
pub use failure::{Failure, FailureKind};
pub(crate) use journal::Journal;
use journal::Who;
use settle::Settling;
use std::{
    any::Any,
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{Arc, Weak},
    time::Duration,
};
pub(crate) use steps::wait;

/// What a simulation is to be like. `sim::Simulation` has the docs of each.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) workers: usize,
    pub(crate) lateness: Duration,
    pub(crate) spurious_wakes: f64,
    pub(crate) time_limit: Duration,
    pub(crate) step_limit: u64,
}

/// See the module's text. It belongs to one thread.
pub(crate) struct Simulation {
    scheduler: Arc<Scheduler>,
    settings: Settings,
    seed: u64,
    time: VirtualTime,
    /// What the scheduler's choices come from.
    chance: Generator,
    /// What the program's own come from: those it makes do not change the scheduler's.
    of_program: Generator,
    order: Order,
    machines: RefCell<Vec<Rc<Machine>>>,
    /// The calls of `block_on` that wait, the innermost last.
    calls: RefCell<Vec<Call>>,
    steps: Cell<u64>,
    journal: Journal,
    /// Tasks that were polled of late, any of which may be woken for nothing.
    of_late: RefCell<Vec<TaskId>>,
    settling: RefCell<Option<Settling>>,
    /// What a choice needs, kept for the next one.
    room: Cell<(Vec<Who>, Vec<usize>)>,
    main_has_ended: Cell<bool>,
    /// The scheduler closes: from now on steps are the workers' own.
    is_closing: Cell<bool>,
    /// What is left of main is being dropped.
    serves_destructors: Cell<bool>,
    /// Something was found.
    is_over: Cell<bool>,
    /// Steps since, for destructors.
    served: Cell<u64>,
    /// Calls of `block_on` that were abandoned since.
    abandoned: Cell<u64>,
    /// What, at which step, and when; until it is told of.
    found: RefCell<Option<(Found, u64, Duration)>>,
    failure: RefCell<Option<Failure>>,
}

/// A machine without a thread.
struct Machine {
    worker: Worker,
    stage: Cell<Stage>,
    in_hand: Cell<Option<Task>>,
    /// It is amid a step, further out on this stack.
    is_amid: Cell<bool>,
}

/// A call of `block_on` that waits.
#[derive(Clone)]
struct Call {
    /// Not a reference that counts: those are wakers, to a dump.
    caller: Weak<Caller>,
    timers: &'static Timers,
}

impl Call {
    fn caller(&self) -> Arc<Caller> {
        self.caller
            .upgrade()
            .expect("its thread keeps it until the call has ended")
    }

    fn is_woken(&self) -> bool {
        self.caller().parker.has_token()
    }
}

/// Calls `f` with the simulation that this thread is, if it is one.
fn with<R>(f: impl FnOnce(Option<&Simulation>) -> R) -> R {
    simulated::with(|current| {
        let simulation = current.map(|current| {
            let current: &dyn Any = current;
            current.downcast_ref().expect("there is no other kind")
        });
        f(simulation)
    })
}

/// Call before blocking on a future of `scheduler`'s.
///
/// # Panics
///
/// If it is in a simulation, and the thread is not; or the other way round.
#[track_caller]
pub(crate) fn refuse_other_threads(scheduler: &Arc<Scheduler>) {
    let is_own = |simulation: &Simulation| Arc::ptr_eq(&simulation.scheduler, scheduler);
    match with(|current| current.map(is_own)) {
        Some(false) => panic!(
            "`block_on` of an executor in a simulation of another: what threads do is not \
             simulated, and time would not pass meanwhile. Spawn on the simulated executor, by the \
             free functions, and await"
        ),
        None if scheduler.is_simulated() => panic!(
            "`block_on` of a simulated executor on another thread, which is not simulated: spawn a \
             task instead"
        ),
        _ => {}
    }
}

/// Drops what is left of main, on the simulation's thread. A destructor that waits is served as
/// long as that can be.
pub(crate) fn drop_main(scheduler: &Arc<Scheduler>, drop: impl FnOnce()) -> Result<(), Panic> {
    let serve = |on| {
        with(|current| {
            let current = current.expect("main runs in a simulation");
            current.serves_destructors.set(on);
        });
    };
    let _current = context::enter(scheduler);
    serve(true);
    let dropped = caught(drop);
    serve(false);
    dropped
}

/// A number for the program: by the seed in a simulation, elsewhere any.
pub(crate) fn random() -> u64 {
    with(|current| match current {
        Some(simulation) => simulation.of_program.next(),
        None => unseeded(),
    })
}

/// Yes with this probability in a simulation, elsewhere never.
pub(crate) fn is_bugged(probability: f64) -> bool {
    with(|current| current.is_some_and(|simulation| simulation.of_program.is_so(probability)))
}

impl Simulates for Simulation {
    fn part(&self) -> &Simulated {
        let part = self.scheduler.simulated.as_deref();
        part.expect("its settings say that it is simulated")
    }

    fn add_machine(&self) {
        let lease = Lease::new(self.scheduler.clone());
        let machine = Machine {
            worker: Worker::stepped(lease, self.chance.next() as u32),
            stage: Cell::new(Stage::New),
            in_hand: Cell::new(None),
            is_amid: Cell::new(false),
        };
        self.machines.borrow_mut().push(Rc::new(machine));
    }

    fn has_patience_run_out(&self) -> bool {
        self.chance.below(2) == 0
    }

    #[cfg(feature = "dump")]
    fn step_until(&self, enough: &dyn Fn() -> bool) {
        self.step_workers_until(enough);
    }

    fn nobody_hears_of(&self, task: TaskId, name: Option<&str>, panic: Panic) {
        let called = Called(task, name);
        let what = format!("{called}, spawned at {}, panicked", task.site());
        self.note_panic(&what, panic);
    }
}

/// How a run has ended.
pub(crate) struct Run<T> {
    pub(crate) result: Result<T, Failure>,
    pub(crate) journal: Journal,
}

/// Runs a program once. `main` blocks on it.
///
/// # Panics
///
/// On a thread that is in an executor.
#[track_caller]
pub(crate) fn run<T>(
    settings: &Settings,
    seed: u64,
    journal: Journal,
    main: impl FnOnce(&Arc<Scheduler>) -> T,
) -> Run<T> {
    refuse_in_executor();
    let (output, failure, journal) = {
        let _numbering = Numbering::begin();
        allowance::begin_anew();
        let simulation = Simulation::new(settings.clone(), seed, journal);
        let output = {
            // SAFETY: the simulation is on this stack until this block is over, and with it the
            // guard.
            let _entered = unsafe { simulated::enter(&simulation) };
            simulation.run(main)
        };
        let Simulation {
            failure, journal, ..
        } = simulation;
        (output, failure.into_inner(), journal)
    };
    // From here on time is real: the output may be dropped.
    let result = match failure {
        Some(failure) => Err(failure),
        None => Ok(output.expect("main has returned, or it has failed")),
    };
    Run { result, journal }
}

#[track_caller]
fn refuse_in_executor() {
    let place = if simulated::is_on() {
        "in a simulation already"
    } else if context::with_current(|current| current.is_some()) {
        "in an executor: in a task, in `block_on`, or behind `Handle::enter`"
    } else {
        return;
    };
    panic!("a simulation runs on a thread of its own, but this one is {place}");
}

impl Machine {
    fn may_step(&self, now: u64) -> bool {
        !self.is_amid.get() && self.worker.may_step(self.stage.get(), now)
    }
}

impl Simulation {
    fn new(settings: Settings, seed: u64, journal: Journal) -> Simulation {
        let chance = Generator::new(seed);
        // Before the wheels are made.
        let time = VirtualTime::begin();
        let scheduler = Scheduler::new(Config::of_simulation(settings.workers));
        let scheduler = match scheduler {
            Ok(scheduler) => scheduler,
            Err(error) => panic!("the simulation cannot start: {error}"),
        };
        Simulation {
            scheduler,
            settings,
            seed,
            time,
            order: Order::of(&chance),
            of_program: Generator::new(chance.next()),
            chance,
            machines: RefCell::default(),
            calls: RefCell::default(),
            steps: Cell::new(0),
            journal,
            of_late: RefCell::default(),
            settling: RefCell::default(),
            room: Cell::default(),
            main_has_ended: Cell::new(false),
            is_closing: Cell::new(false),
            serves_destructors: Cell::new(false),
            is_over: Cell::new(false),
            served: Cell::new(0),
            abandoned: Cell::new(0),
            found: RefCell::default(),
            failure: RefCell::default(),
        }
    }

    fn run<T>(&self, main: impl FnOnce(&Arc<Scheduler>) -> T) -> Option<T> {
        let workers = 0..self.settings.workers;
        workers
            .clone()
            .for_each(|_| self.scheduler.idle.add_initial());
        workers.for_each(|_| self.add_machine());
        let output = caught(|| main(&self.scheduler));
        self.main_has_ended.set(true);
        let output = match output {
            Ok(output) => Some(output),
            Err(panic) => {
                self.note_panic("main panicked", panic);
                None
            }
        };
        {
            let _current = context::enter(&self.scheduler);
            self.finish();
        }
        output
    }

    /// Notes that the program has panicked, unless that is because the simulation is over.
    fn note_panic(&self, what: &str, panic: Panic) {
        let text = match panic.message() {
            Some(message) => format!("{what}: {message}"),
            None => what.to_owned(),
        };
        self.fail(Found {
            kind: FailureKind::Panic,
            text,
            panic: Some(panic),
        });
    }

    /// Notes what is wrong, unless something was before. From now on everything ends. What all
    /// tasks do is told after this step: the caller may be in foreign code, which may hold locks.
    fn fail(&self, found: Found) {
        if !self.is_over.replace(true) {
            *self.found.borrow_mut() = Some((found, self.steps.get(), self.passed()));
        }
    }

    /// Between two steps: tells of what was found.
    fn tell(&self) {
        if let Some((found, step, time)) = self.found.take() {
            let dump = self.dump();
            let failure = Failure::new(found, self.seed, step, time, dump);
            *self.failure.borrow_mut() = Some(failure);
        }
    }

    /// How many tasks have not ended.
    fn alive(&self) -> u64 {
        self.scheduler.population().alive
    }
}
