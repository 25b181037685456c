//! loom models of the code that ships: parker, accounting, the steps of machines, the register of
//! tasks, the end. Queues, rings, timers and the poller have theirs in `queue::models`,
//! `record::models`, `timer::models` and `netpoll::models`.
//!
//! Run with `RUSTFLAGS="--cfg loom -C debug-assertions" cargo test --release -p executor --lib
//! models`. Each model is named after its race and prints how many interleavings it explored, and
//! in what time. Where a bound on preemptions is set, the model says so: two preemptions find
//! nearly all known bugs (CHESS, PLDI 2007) and three threads without a bound do not end.
//!
//! A wake-up that is lost leaves a thread parked for ever, which loom reports as a deadlock: so
//! models park for real, and end only if everybody was woken.

mod end;
mod idle;
mod monitor;
mod netpoll;
mod parker;
mod permits;

use crate::{
    idle::{
        accounting::{Idle, MachineCounts},
        attention::Attention,
        machine::Machine,
        monitor_sleep::MonitorSleep,
        parker::{Parked, Parker},
        permit::Permit,
        pool::Pool,
        work_loop::{Woken, WorkLoop},
    },
    suspended::SuspendedTasks,
    sync::{
        AtomicBool, AtomicUsize,
        clock::{self, NEVER},
        explore::explore,
    },
};
use loom::{sync::atomic::Ordering::Relaxed, thread};
use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize as Count, Ordering::SeqCst},
    },
    time::Instant,
};

/// What the machines of a model work at, in place of queues of tasks.
trait Work: Sized + Send + Sync + 'static {
    /// Whether there is any.
    fn waits(&self) -> bool;

    /// How much, more or less.
    fn waiting(&self) -> usize {
        self.waits().into()
    }

    /// Takes a piece of it, if there is one; returns whether there was.
    fn take(&self, actor: &Actor<Self>) -> bool;

    /// Does the piece that was taken.
    fn run(&self, _actor: &Actor<Self>) {}

    /// For a machine that steps back.
    fn give_queue_away(&self, _actor: &Actor<Self>) {}

    /// Sleeps where events come, and returns whether the machine was unparked; `None`, without a
    /// sleep, if this is not the place to sleep in.
    fn sleep(&self, _parker: &Parker) -> Option<bool> {
        None
    }

    /// Ends that sleep.
    fn interrupt(&self) {}

    /// Whether an event has come.
    fn is_due(&self) -> bool {
        false
    }

    /// The executor has ended.
    fn end(_: &Model<Self>) {}
}

/// Pieces of work, as a number. The operations are relaxed on purpose: the protocol's own fences
/// must carry the proof.
impl Work for AtomicUsize {
    fn waits(&self) -> bool {
        self.load(Relaxed) > 0
    }

    fn waiting(&self) -> usize {
        self.load(Relaxed)
    }

    fn take(&self, _: &Actor) -> bool {
        let taken = self.fetch_update(Relaxed, Relaxed, |work| work.checked_sub(1));
        taken.is_ok()
    }
}

/// How the model's system answers to whoever starts a machine; false if it refuses.
type Start<W> = fn(&Arc<Model<W>>) -> bool;

/// The smallest executor around the code that ships.
struct Model<W = AtomicUsize> {
    idle: Idle,
    suspended: SuspendedTasks,
    attention: Attention,
    monitor_sleep: MonitorSleep,
    parkers: Vec<Parker>,
    permits: Vec<Permit>,
    work: W,
    start: Start<W>,
    limit_reached: AtomicBool,
    /// Of machines that were started.
    threads: std::sync::Mutex<Vec<thread::JoinHandle<()>>>,
    /// The last machine was one that could not be had.
    end_is_left: AtomicBool,
    /// Unparked when the last machine has ended.
    over: Parker,
}

/// A machine that can be had waits at its parker.
fn start_last<W>(model: &Arc<Model<W>>) -> bool {
    model.parkers[model.parkers.len() - 1].unpark();
    true
}

impl Model {
    fn new(permits: usize, machines: usize) -> Arc<Model> {
        Arc::new(Model::with(AtomicUsize::new(0), permits, machines))
    }

    fn post(self: &Arc<Self>) {
        self.work.fetch_add(1, Relaxed);
        self.notify();
    }
}

impl<W: Work> Model<W> {
    fn with(work: W, permits: usize, machines: usize) -> Model<W> {
        Model {
            idle: Idle::new(permits, machines),
            suspended: SuspendedTasks::new(SHARDS),
            attention: Attention::new(0),
            monitor_sleep: MonitorSleep::new(),
            parkers: (0..machines).map(|_| Parker::new()).collect(),
            permits: (0..machines).map(|_| Permit::given()).collect(),
            work,
            start: start_last,
            limit_reached: AtomicBool::new(false),
            threads: std::sync::Mutex::default(),
            end_is_left: AtomicBool::new(false),
            over: Parker::new(),
        }
    }

    /// For whoever waits for the end, and is the one to make it if nobody else may.
    fn see_to_the_end(self: &Arc<Self>) {
        self.over.park();
        if self.end_is_left.load(Relaxed) {
            W::end(self);
        }
    }

    /// A machine of the initial set, which searches.
    fn searcher(self: &Arc<Self>, number: usize) -> Actor<W> {
        self.idle.add_initial();
        self.started(number)
    }

    /// A machine of the initial set, which does not search any more.
    fn active(self: &Arc<Self>, number: usize) -> Actor<W> {
        let actor = self.searcher(number);
        actor.searching.set(false);
        self.idle.stop_searching();
        actor
    }

    /// Starts a machine as a thread, which is joined by `join_started`.
    fn start_thread(self: &Arc<Self>, number: usize, run: impl FnOnce(Actor<W>) + Send + 'static) {
        let thread = spawn(self.started(number), run);
        self.threads.lock().unwrap().push(thread);
    }

    fn join_started(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap());
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    }

    /// A machine that somebody else has counted, as a searcher.
    fn started(self: &Arc<Self>, number: usize) -> Actor<W> {
        self.permits[number].hold();
        Actor {
            model: self.clone(),
            number,
            searching: Cell::new(true),
            is_due: Cell::new(false),
            is_driven: Cell::new(true),
            spare_until: Cell::new(NEVER),
        }
    }
}

/// Shards of the register: an abort must find the right one.
const SHARDS: usize = 2;

impl<W: Work> Pool for Model<W> {
    fn idle(&self) -> &Idle {
        &self.idle
    }

    fn suspended(&self) -> &SuspendedTasks {
        &self.suspended
    }

    fn attention(&self) -> &Attention {
        &self.attention
    }

    fn monitor_sleep(&self) -> &MonitorSleep {
        &self.monitor_sleep
    }

    fn has_work(&self) -> bool {
        self.work.waits()
    }

    fn waiting(&self) -> usize {
        self.work.waiting()
    }

    fn unpark(&self, machine: usize) {
        self.parkers[machine].unpark_or(|| self.work.interrupt());
    }

    fn start(self: &Arc<Self>) -> bool {
        (self.start)(self)
    }

    fn limit_reached(&self) {
        self.limit_reached.store(true, Relaxed);
    }

    fn all_ended(self: &Arc<Self>) {
        W::end(self);
        self.over.unpark();
    }

    fn leave_the_end(&self) {
        self.end_is_left.store(true, Relaxed);
        self.over.unpark();
    }
}

/// A machine's thread.
struct Actor<W = AtomicUsize> {
    model: Arc<Model<W>>,
    number: usize,
    searching: Cell<bool>,
    /// A timer of its own is due, or will be before it is woken.
    is_due: Cell<bool>,
    /// It looks after its sources.
    is_driven: Cell<bool>,
    spare_until: Cell<u64>,
}

impl<W: Work> WorkLoop for Actor<W> {
    type Pool = Model<W>;
    type Task = ();

    fn pool(&self) -> &Arc<Model<W>> {
        &self.model
    }

    fn machine(&self) -> Machine<'_, Model<W>> {
        Machine {
            pool: &self.model,
            number: self.number,
            permit: &self.model.permits[self.number],
            searching: &self.searching,
        }
    }

    fn look_for_task(&self) -> Option<()> {
        self.model.work.take(self).then_some(())
    }

    fn run(&self, (): ()) {
        self.model.work.run(self);
        self.machine().after_poll();
    }

    fn give_queue_away(&self) {
        self.model.work.give_queue_away(self);
    }

    fn begin_to_sleep(&self, _: bool) {}

    fn doze(&self) -> Parked {
        if self.is_driven.get() {
            match self.model.work.sleep(self.parker()) {
                Some(true) => return Parked::Unparked,
                Some(false) => return Parked::InSource,
                None => {}
            }
        }
        if !self.is_due.get() && self.spare_until.get() == NEVER {
            self.parker().park();
        } else if !self.parker().park_until(clock::instant(0)) {
            return Parked::TimedOut;
        }
        Parked::Unparked
    }

    fn parker(&self) -> &Parker {
        &self.model.parkers[self.number]
    }

    fn is_due(&self) -> bool {
        self.is_due.take() || self.model.work.is_due()
    }

    fn drive_sources(&self, on: bool) {
        self.is_driven.set(on);
    }

    fn spare_until(&self) -> u64 {
        self.spare_until.get()
    }

    fn set_spare_until(&self, _: u64) {
        // Once is enough for a model.
        self.spare_until.set(NEVER);
    }
}

impl<W: Work> Actor<W> {
    /// Sleeps until there is something to do.
    fn sleep(&self) -> Woken {
        let may_retire = self.machine().sleep();
        self.park(may_retire)
    }

    /// Until it has done one piece of work.
    fn work_once(&self) {
        while self.find_task().is_none() {
            assert!(self.sleep() == Woken::Yes);
        }
        self.run(());
    }

    /// Gives its permit away for a call that lasts, as `Worker::begin_wait`.
    fn block(&self) {
        self.machine().offer_unwatched(|| self.give_queue_away());
        self.machine().give_offer(|| self.give_queue_away());
    }

    /// Until the executor ends, or the machine as a spare: must agree with `run_machine`.
    fn live(self) {
        self.work();
        self.model.machine_ended();
    }
}

/// Lets an actor run on a thread of its own.
fn spawn<W: Work>(
    actor: Actor<W>,
    run: impl FnOnce(Actor<W>) + Send + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || run(actor))
}

/// The stand-in of a machine whose permit is given away, as machine 1: does the work, and says so.
fn spawn_stand_in(model: &Arc<Model>, done: &Arc<Parker>) -> thread::JoinHandle<()> {
    let (model, done) = (model.clone(), done.clone());
    thread::spawn(move || {
        model.parkers[1].park();
        model.started(1).work_once();
        done.unpark();
    })
}

/// When all machines were asleep, or gone.
fn assert_at_rest<W: Work>(model: &Model<W>, (total, asleep): (usize, usize)) {
    let counts = model.idle.counts();
    assert_eq!((counts.active, counts.searching), (0, 0));
    assert_eq!(model.idle.machines(), MachineCounts { total, asleep });
}
