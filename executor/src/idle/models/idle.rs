//! Models of `idle` and `machine`: work is posted while machines sleep, block, step back and end.

use super::{Actor, Model, Work, assert_at_rest, explore, spawn, spawn_stand_in};
use crate::{
    idle::{
        accounting::MachineCounts,
        parker::Parker,
        permit::Permit,
        pool::Pool,
        work_loop::{Woken, WorkLoop},
    },
    queue::{
        local::{LocalQueue, Stealer, local_queue},
        testing::Number,
    },
    sync::AtomicUsize,
};
use loom::{sync::atomic::Ordering::Relaxed, thread};
use std::sync::{
    Arc,
    atomic::{AtomicUsize as Count, Ordering::SeqCst},
};

#[test]
fn sleep_against_push() {
    explore("sleep against push", None, || {
        let model = Model::new(1, 1);
        let worker = spawn(model.searcher(0), |actor| actor.work_once());
        model.post();
        worker.join().unwrap();
        assert!(!model.has_work());
    });
}

#[test]
fn last_searcher_against_producer() {
    // Each of the two workers keeps what it finds, so that two pieces of work need both.
    explore("last searcher against producer", Some(2), || {
        let model = Model::new(2, 2);
        let workers = [0, 1].map(|number| model.searcher(number));
        let workers = workers.map(|actor| spawn(actor, |actor| actor.work_once()));
        model.post();
        model.post();
        workers
            .into_iter()
            .for_each(|worker| worker.join().unwrap());
        assert!(!model.has_work());
    });
}

#[test]
fn two_posts_against_two_sleepers_with_one_permit() {
    explore("two posts, one permit", None, || {
        let model = Model::new(1, 2);
        for actor in [0, 1].map(|number| model.searcher(number)) {
            actor.machine().sleep();
        }
        let poster = {
            let model = model.clone();
            thread::spawn(move || model.post())
        };
        model.post();
        poster.join().unwrap();
        assert_eq!(model.idle.counts().active, 1, "the permit is taken once");
        assert_eq!(
            model.idle.machines(),
            MachineCounts {
                total: 2,
                asleep: 1
            }
        );
    });
}

#[test]
fn a_machine_that_may_not_search_sleeps_against_push() {
    explore("no search", None, || {
        let model = Model::new(1, 1);
        let worker = spawn(model.active(0), |actor| {
            assert!(actor.sleep() == Woken::Yes);
            assert!(actor.model.work.take(&actor));
        });
        model.post();
        worker.join().unwrap();
    });
}

#[test]
fn hand_off_against_push() {
    // The one worker blocks until the work is done that is posted meanwhile: a stand-in must come.
    explore("hand-off against push", Some(3), || {
        let model = Model::new(1, 2);
        let done = Arc::new(Parker::new());
        let stand_in = spawn_stand_in(&model, &done);
        let blocked = spawn(model.active(0), move |actor| {
            actor.block();
            done.park();
            actor.machine().unblock();
        });
        model.post();
        blocked.join().unwrap();
        stand_in.join().unwrap();
        assert_eq!(model.idle.counts().active, 2);
    });
}

/// A piece of work that ends the executor.
struct Last {
    waiting: AtomicUsize,
    stepped_back: Count,
}

impl Work for Last {
    fn waits(&self) -> bool {
        self.waiting.waits()
    }

    fn take(&self, _: &Actor<Last>) -> bool {
        self.waiting.swap(0, Relaxed) > 0
    }

    fn run(&self, actor: &Actor<Last>) {
        actor.model.close();
    }

    fn give_queue_away(&self, _: &Actor<Last>) {
        self.stepped_back.fetch_add(1, SeqCst);
    }
}

#[test]
fn one_of_two_steps_back_against_push() {
    explore("stepping back against push", Some(3), || {
        let work = Last {
            waiting: AtomicUsize::new(0),
            stepped_back: Count::new(0),
        };
        let model = Arc::new(Model::with(work, 1, 2));
        // Both are counted before one of them looks.
        let machines = [0, 1].map(|number| model.active(number));
        let machines = machines.map(|actor| spawn(actor, Actor::live));
        model.work.waiting.fetch_add(1, Relaxed);
        model.notify();
        machines
            .into_iter()
            .for_each(|machine| machine.join().unwrap());
        assert_eq!(model.work.stepped_back.load(SeqCst), 1);
        assert_at_rest(&model, (0, 0));
    });
}

/// Tasks in the local queue of machine 0, and those that it has given away, as a number.
struct Given {
    queue: Stealer<Number, 2>,
    /// Locked by its machine alone.
    own: std::sync::Mutex<LocalQueue<Number, 2>>,
    given: AtomicUsize,
    left: Count,
}

impl Work for Given {
    fn waits(&self) -> bool {
        !self.queue.is_empty() || self.given.waits()
    }

    fn take(&self, _: &Actor<Given>) -> bool {
        let given = || {
            self.given
                .fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1))
        };
        self.queue.steal_one().is_some() || given().is_ok()
    }

    fn run(&self, actor: &Actor<Given>) {
        if self.left.fetch_sub(1, SeqCst) == 1 {
            actor.model.close();
        }
    }

    fn give_queue_away(&self, actor: &Actor<Given>) {
        if actor.number == 0 {
            let own = self.own.lock().unwrap();
            while own.pop().is_some() {
                self.given.fetch_add(1, Relaxed);
            }
        }
    }
}

#[test]
fn stepping_back_with_tasks_in_the_queue_against_a_thief_that_falls_asleep() {
    explore("stepping back with tasks", Some(3), || {
        let (own, queue) = local_queue::<Number, 2>();
        (1..=2).for_each(|i| _ = own.push(Number(i), |_| unreachable!("there is room")));
        let work = Given {
            queue,
            own: std::sync::Mutex::new(own),
            given: AtomicUsize::new(0),
            left: Count::new(2),
        };
        let model = Arc::new(Model::with(work, 1, 2));
        let (first, second) = (model.active(0), model.searcher(1));
        let thief = spawn(second, Actor::live);
        first.live();
        thief.join().unwrap();
        assert_at_rest(&model, (0, 0));
    });
}

/// Three tasks in the queue of a machine that does not come to them, and two thieves with queues of
/// their own. A theft takes two tasks of three: one is run, the other is in no queue until it is
/// published.
struct Stolen {
    victim: Stealer<Number, 4>,
    /// Each locked by its machine alone.
    own: [std::sync::Mutex<LocalQueue<Number, 4>>; 2],
    stealers: [Stealer<Number, 4>; 2],
}

impl Work for Stolen {
    fn waits(&self) -> bool {
        let all = self.stealers.iter().chain([&self.victim]);
        all.into_iter().any(|queue| !queue.is_empty())
    }

    /// From its own queue, else as a searcher from the others': must agree with
    /// `Worker::begin_to_steal`.
    fn take(&self, actor: &Actor<Stolen>) -> bool {
        let own = self.own[actor.number].lock().unwrap();
        if own.pop().is_some() {
            return true;
        }
        let other = &self.stealers[1 - actor.number];
        let mut victims = [&self.victim, other].into_iter();
        actor.machine().start_searching() && victims.any(|victim| victim.steal_into(&own).is_some())
    }
}

#[test]
fn a_theft_that_is_not_published_yet_against_a_thief_that_falls_asleep() {
    // The first is stuck in the one task that it runs. What else it has stolen is for the second,
    // which may have looked everywhere, and fallen asleep, while that was in no queue.
    explore("unpublished theft against sleep", None, || {
        let (owner, victim) = local_queue::<Number, 4>();
        (1..=3).for_each(|i| _ = owner.push(Number(i), |_| unreachable!("there is room")));
        let [(first, its), (second, and_its)] = [(); 2].map(|()| local_queue::<Number, 4>());
        let work = Stolen {
            victim,
            own: [first, second].map(std::sync::Mutex::new),
            stealers: [its, and_its],
        };
        let model = Arc::new(Model::with(work, 2, 2));
        let [stuck, other] = [0, 1].map(|number| model.searcher(number));
        let stuck = spawn(stuck, |actor| actor.work_once());
        let other = spawn(other, |actor| (0..2).for_each(|_| actor.work_once()));
        stuck.join().unwrap();
        other.join().unwrap();
        assert!(!model.has_work());
    });
}

#[test]
fn a_spare_that_ends_against_the_push_that_wakes_it() {
    // Machine 0 holds the only permit, machine 1 is a spare that wants to end, more machines are
    // not allowed. Machine 0 blocks and work comes: machine 1 must do it, or machine 2, which is
    // started in its stead once it is gone.
    explore("retire against notify", None, || {
        let mut model = Model::with(AtomicUsize::new(0), 1, 2);
        model.parkers.push(Parker::new());
        model.permits.push(Permit::given());
        let model = Arc::new(model);
        let blocks = model.active(0);
        let spare = model.searcher(1);
        spare.machine().sleep();
        let spare = spawn(spare, |actor| {
            // Its time as a spare is over.
            actor.spare_until.set(0);
            let model = actor.model.clone();
            if actor.park(true) == Woken::Yes {
                return actor.work_once();
            }
            model.machine_ended();
            // From here on this thread is machine 2.
            model.parkers[2].park();
            model.started(2).work_once();
        });
        blocks.block();
        model.post();
        spare.join().unwrap();
        assert!(!model.has_work());
    });
}

#[test]
fn a_sleeper_with_a_timer_against_the_push_that_wakes_it() {
    // Woken by either, it is counted once, and finds the work.
    explore("wake-up against notify", None, || {
        let model = Model::new(1, 1);
        let sleeper = model.searcher(0);
        sleeper.machine().sleep();
        let sleeper = spawn(sleeper, |actor| {
            actor.is_due.set(true);
            assert!(actor.park(false) == Woken::Yes);
            actor.work_once();
        });
        model.post();
        sleeper.join().unwrap();
        assert!(!model.has_work());
        let counts = model.idle.counts();
        assert_eq!((counts.active, counts.searching), (1, 0));
        assert!(
            !model.parkers[0].take_token(),
            "it would end the next sleep"
        );
        assert_eq!(
            model.idle.machines(),
            MachineCounts {
                total: 1,
                asleep: 0
            },
            "nobody is asleep"
        );
    });
}

#[test]
fn a_start_that_fails_against_a_machine_that_falls_asleep() {
    // Machine 0 falls asleep while a poster believes in the machine it is starting; when that
    // fails, machine 0 must not be left asleep with the work there.
    explore("failed start against sleep", None, || {
        let mut model = Model::with(AtomicUsize::new(0), 2, 3);
        model.start = |_| false;
        let model = Arc::new(model);
        let (worker, blocks) = (model.active(0), model.active(1));
        blocks.block();
        let worker = spawn(worker, |actor| {
            if actor.find_task().is_none() {
                assert!(actor.sleep() == Woken::Yes);
                assert!(actor.find_task().is_some());
            }
        });
        model.post();
        worker.join().unwrap();
        assert!(!model.has_work());
    });
}
