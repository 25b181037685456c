//! Models of machines that look at the poller and sleep there: an event always finds one.

use super::{Actor, Model, Work, explore, spawn};
use crate::{
    idle::{parker::Parker, pool::Pool, work_loop::WorkLoop},
    netpoll::{
        Netpoll,
        models::{KERNEL, Model as Kernel},
        readiness::Waiter,
        slot::{Direction, Slot},
    },
    sync::{Mutex, clock::NEVER, lock},
};
use loom::thread;
use std::{
    mem,
    sync::Arc,
    task::{Context, Wake, Waker},
};

/// One task, which waits for one event.
struct Events {
    netpoll: Arc<Netpoll<Kernel>>,
    task: Arc<Task>,
}

/// Whether it is in a queue. (A lock, for to loom a swap may read what another has overwritten.)
struct Task(Mutex<bool>);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        *lock(&self.0) = true;
    }
}

impl Events {
    /// The task has been polled, and waits.
    fn new() -> Events {
        let netpoll = Arc::new(Netpoll::default());
        let task = Arc::new(Task(Mutex::new(false)));
        let slot = Arc::new(Slot::new(false));
        let waker = Waker::from(task.clone());
        let cx = Context::from_waker(&waker);
        let seen = slot.readiness(Direction::Read).poll(&cx, Waiter::One);
        assert!(!seen.is_ready());
        slot.arm(&netpoll, 0, Direction::Read).unwrap();
        Events { netpoll, task }
    }
}

impl Work for Events {
    fn waits(&self) -> bool {
        false
    }

    /// As a worker that runs dry.
    fn take(&self, actor: &Actor<Self>) -> bool {
        if self.netpoll.look(1) {
            actor.machine().stop_searching();
            self.netpoll.fire(1);
            return mem::take(&mut *lock(&self.task.0));
        }
        false
    }

    fn run(&self, actor: &Actor<Self>) {
        assert!(KERNEL.read());
        actor.model.close();
    }

    fn sleep(&self, parker: &Parker) -> Option<bool> {
        self.netpoll.sleep(parker, NEVER, || ())
    }

    fn interrupt(&self) {
        self.netpoll.interrupt();
    }

    fn is_due(&self) -> bool {
        self.netpoll.has_due()
    }

    fn end(model: &Model<Self>) {
        model.work.netpoll.evict();
    }
}

/// Whoever gets the event ends the executor; if nobody does, all sleep for ever.
fn served(name: &str, permits: usize) {
    explore(name, Some(1), move || {
        let model = Arc::new(Model::with(Events::new(), permits, 2));
        let machines = [model.searcher(0), model.searcher(1)];
        let machines = machines.map(|machine| spawn(machine, Actor::live));
        let kernel = thread::spawn(|| KERNEL.happen());
        machines
            .into_iter()
            .for_each(|machine| machine.join().unwrap());
        kernel.join().unwrap();
    });
}

#[test]
fn netpoll_an_event_against_two_machines_that_run_dry() {
    served("netpoll, two machines run dry", 2);
}

/// One too many: it steps back, and may be in the selector when the event comes, without a permit.
#[test]
fn netpoll_an_event_against_a_machine_too_many() {
    served("netpoll, a machine too many", 1);
}
