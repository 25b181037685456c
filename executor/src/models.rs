//! loom models of the code that ships: queues, next slot, parker, idle accounting. Those of the timers
//! are in `timer::models`.
//!
//! Run with `RUSTFLAGS="--cfg loom -C debug-assertions" cargo test --release -p executor --lib models`. Each model is
//! named after its race and prints how many interleavings it explored. Where a bound on
//! preemptions is set, the model says so: two preemptions find nearly all known bugs (CHESS, PLDI
//! 2007) and three threads without a bound do not end.

use crate::{
    idle::{Idle, Notify},
    parker::Parker,
    place::Place,
    queue::{
        local::{Owner, Stealer, local_queue, local_queue_at},
        next_slot::NextSlot,
        testing::Number,
    },
};
use loom::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};
use std::sync::atomic::{AtomicUsize as Count, Ordering::SeqCst};

/// Explores all interleavings with at most `preemptions` preemptions, if a bound is given.
pub(crate) fn explore(
    name: &str,
    preemptions: Option<usize>,
    model: impl Fn() + Send + Sync + 'static,
) {
    let explored = std::sync::Arc::new(Count::new(0));
    let counter = explored.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        counter.fetch_add(1, SeqCst);
        model();
    });
    eprintln!(
        "model {name}: {} interleavings, bound {preemptions:?}",
        explored.load(SeqCst)
    );
}

fn drain<const N: usize>(owner: &Owner<Number, N>) -> Vec<usize> {
    std::iter::from_fn(|| owner.pop())
        .map(|number| number.0)
        .collect()
}

/// Steals once and returns what came: the oldest and what arrived in the thief's own queue.
fn steal<const N: usize>(stealer: &Stealer<Number, N>) -> Vec<usize> {
    let (own, _) = local_queue::<Number, N>();
    let first = stealer.steal_into(&own).map(|(number, _)| number.0);
    first.into_iter().chain(drain(&own)).collect()
}

fn assert_all_once(mut seen: Vec<usize>, expected: usize) {
    seen.sort_unstable();
    assert_eq!(seen, (1..=expected).collect::<Vec<_>>());
}

#[test]
fn local_queue_push_and_pop_against_a_thief() {
    explore("push and pop against a thief", None, || {
        let (owner, stealer) = local_queue_at::<Number, 4>(usize::MAX - 1);
        let thief = thread::spawn(move || steal(&stealer));
        let mut seen = Vec::new();
        for i in 1..=3 {
            owner.push(Number(i), |_| unreachable!("there is room for four"));
        }
        seen.extend(owner.pop().map(|n| n.0));
        seen.extend(thief.join().unwrap());
        seen.extend(drain(&owner));
        assert_all_once(seen, 3);
    });
}

#[test]
fn local_queue_overflow_against_a_thief() {
    explore("overflow against a thief", None, || {
        let (owner, stealer) = local_queue_at::<Number, 2>(usize::MAX - 1);
        let thief = thread::spawn(move || steal(&stealer));
        let mut seen = Vec::new();
        for i in 1..=4 {
            owner.push(Number(i), |tasks| seen.extend(tasks.iter().map(|n| n.0)));
        }
        seen.extend(thief.join().unwrap());
        seen.extend(drain(&owner));
        assert_all_once(seen, 4);
    });
}

#[test]
fn local_queue_two_thieves_against_the_owner() {
    explore("two thieves against the owner", Some(3), || {
        let (owner, stealer) = local_queue_at::<Number, 2>(usize::MAX);
        let stealer = Arc::new(stealer);
        let thieves = [(); 2].map(|()| {
            let stealer = stealer.clone();
            thread::spawn(move || steal(&stealer))
        });
        let mut seen = Vec::new();
        for i in 1..=3 {
            owner.push(Number(i), |tasks| seen.extend(tasks.iter().map(|n| n.0)));
        }
        seen.extend(owner.pop().map(|n| n.0));
        for thief in thieves {
            seen.extend(thief.join().unwrap());
        }
        seen.extend(drain(&owner));
        assert_all_once(seen, 3);
    });
}

/// What a task points to: written before the task is queued, read by whoever gets the task.
#[derive(Clone)]
struct Payload(Arc<loom::cell::UnsafeCell<usize>>);

impl Payload {
    fn new() -> Payload {
        Payload(Arc::new(loom::cell::UnsafeCell::new(0)))
    }

    fn write(&self) {
        // SAFETY: nobody has the task yet.
        self.0.with_mut(|value| unsafe { *value = 1 });
    }

    fn read(&self) {
        // SAFETY: the pusher wrote before it pushed; loom checks just that.
        assert_eq!(self.0.with(|value| unsafe { *value }), 1);
    }
}

#[test]
fn local_queue_hands_over_what_the_tasks_point_to() {
    explore("a stolen task's memory", None, || {
        let (owner, stealer) = local_queue::<Number, 2>();
        let payload = Payload::new();
        let read = payload.clone();
        let thief = thread::spawn(move || {
            let (own, _) = local_queue::<Number, 2>();
            if stealer.steal_into(&own).is_some() {
                read.read();
            }
        });
        payload.write();
        owner.push(Number(1), |_| unreachable!("there is room"));
        thief.join().unwrap();
        drop(drain(&owner));
    });
}

#[test]
fn local_queue_hands_on_what_was_stolen() {
    // The second thief meets the first one's queue only, and not the one that the task came from.
    explore("a task stolen twice", None, || {
        let (owner, stealer) = local_queue::<Number, 4>();
        let (first, from_first) = local_queue::<Number, 4>();
        let payload = Payload::new();
        let read = payload.clone();
        let second = thread::spawn(move || {
            if from_first.steal_one().is_some() {
                read.read();
            }
        });
        payload.write();
        (1..=3).for_each(|i| drop(owner.push(Number(i), |_| unreachable!("there is room"))));
        assert_eq!(stealer.steal_into(&first), Some((Number(1), 2)));
        second.join().unwrap();
    });
}

#[test]
fn local_queue_is_emptied_one_by_one_by_another_thread() {
    explore("emptied by another thread", None, || {
        let (owner, stealer) = local_queue_at::<Number, 4>(usize::MAX);
        let payload = Payload::new();
        let read = payload.clone();
        let thief = thread::spawn(move || {
            let taken = std::iter::from_fn(|| stealer.steal_one());
            taken.inspect(|_| read.read()).map(|n| n.0).collect()
        });
        payload.write();
        (1..=3).for_each(|i| drop(owner.push(Number(i), |_| unreachable!("there is room"))));
        let mut seen: Vec<usize> = owner.pop().map(|n| n.0).into_iter().collect();
        seen.extend::<Vec<_>>(thief.join().unwrap());
        seen.extend(drain(&owner));
        assert_all_once(seen, 3);
    });
}

#[test]
fn next_slot_hands_over_what_the_task_points_to() {
    explore("the memory of the task in the next slot", None, || {
        let slot = Arc::new(NextSlot::new());
        let payload = Payload::new();
        let (taken_from, read) = (slot.clone(), payload.clone());
        let thief = thread::spawn(move || {
            if taken_from.take().is_some() {
                read.read();
            }
        });
        payload.write();
        slot.put(Number(1));
        thief.join().unwrap();
    });
}

#[test]
fn next_slot_owner_against_two_thieves() {
    explore("next slot", None, || {
        let slot = Arc::new(NextSlot::new());
        let thieves = [(); 2].map(|()| {
            let slot = slot.clone();
            thread::spawn(move || slot.take())
        });
        let mut seen: Vec<Number> = Vec::new();
        seen.extend(slot.put(Number(1)));
        seen.extend(slot.put(Number(2)));
        seen.extend(slot.take());
        for thief in thieves {
            seen.extend(thief.join().unwrap());
        }
        seen.extend(slot.take());
        assert_all_once(seen.into_iter().map(|n| n.0).collect(), 2);
    });
}

#[test]
fn parker_park_against_two_unparks() {
    explore("parker", None, || {
        let parker = Arc::new(Parker::new());
        let flag = Arc::new(AtomicBool::new(false));
        let wakers = [(); 2].map(|()| {
            let (parker, flag) = (parker.clone(), flag.clone());
            thread::spawn(move || {
                flag.store(true, Relaxed);
                parker.unpark();
            })
        });
        parker.park();
        assert!(
            flag.load(Relaxed),
            "what was done before the wake-up is visible"
        );
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
    });
}

/// The smallest executor around the real accounting: a counter of work instead of queues. Its
/// operations are relaxed on purpose: the protocol's own fences must carry the proof.
struct Model {
    idle: Idle,
    parkers: Vec<Parker>,
    work: AtomicUsize,
}

impl Model {
    fn new(places: usize, machines: usize) -> Arc<Model> {
        Model::with_parkers(machines, Idle::new(places, machines))
    }

    fn with_parkers(parkers: usize, idle: Idle) -> Arc<Model> {
        Arc::new(Model {
            idle,
            parkers: (0..parkers).map(|_| Parker::new()).collect(),
            work: AtomicUsize::new(0),
        })
    }

    fn post(&self) {
        self.work.fetch_add(1, Relaxed);
        self.notify();
    }

    fn notify(&self) {
        match self.idle.notify() {
            Notify::Nobody | Notify::Limit => {}
            // A machine that is to be started waits at its parker in these models.
            Notify::Wake(machine) => self.parkers[machine].unpark(),
            Notify::Start => self.parkers[self.parkers.len() - 1].unpark(),
        }
    }

    fn take(&self) -> bool {
        self.work
            .fetch_update(Relaxed, Relaxed, |work| work.checked_sub(1))
            .is_ok()
    }

    fn has_work(&self) -> bool {
        self.work.load(Relaxed) > 0
    }

    /// As `Scheduler::notify_if_work`.
    fn look_again(&self) {
        self.idle.look_again();
        if self.has_work() {
            self.notify();
        }
    }

    /// What a worker does until it has work in hand, as `Worker::work` does. Begins as a searcher.
    fn find_work(&self, machine: usize) {
        let mut searching = true;
        loop {
            if self.take() {
                break;
            }
            self.idle.sleep(machine, searching, true);
            self.look_again();
            self.parkers[machine].park();
            searching = true;
        }
        if searching && self.idle.stop_searching() {
            self.look_again();
        }
    }
}

#[test]
fn sleep_against_push() {
    explore("sleep against push", None, || {
        let model = Model::new(1, 1);
        model.idle.add_initial();
        let worker = {
            let model = model.clone();
            thread::spawn(move || model.find_work(0))
        };
        model.post();
        worker.join().unwrap();
        assert!(!model.has_work());
    });
}

#[test]
fn last_searcher_against_producer() {
    // Each of the two workers keeps what it finds, so that two pieces of work need both: a wake-up
    // that is lost leaves one asleep for ever, which loom reports as a deadlock.
    explore("last searcher against producer", Some(2), || {
        let model = Model::new(2, 2);
        (0..2).for_each(|_| model.idle.add_initial());
        let workers = [0, 1].map(|machine| {
            let model = model.clone();
            thread::spawn(move || model.find_work(machine))
        });
        model.post();
        model.post();
        workers
            .into_iter()
            .for_each(|worker| worker.join().unwrap());
        assert!(!model.has_work());
    });
}

#[test]
fn two_posts_against_two_sleepers_with_one_place() {
    explore("two posts, one place", None, || {
        let model = Model::new(1, 2);
        (0..2).for_each(|_| model.idle.add_initial());
        (0..2).for_each(|machine| drop(model.idle.sleep(machine, true, true)));
        let poster = {
            let model = model.clone();
            thread::spawn(move || model.post())
        };
        model.post();
        poster.join().unwrap();
        assert_eq!(model.idle.counts().active, 1, "the place is taken once");
        assert_eq!(model.idle.machines(), (2, 1));
    });
}

#[test]
fn a_machine_that_may_not_search_sleeps_against_push() {
    explore("no search", None, || {
        let model = Model::new(1, 1);
        model.idle.add_initial();
        assert!(model.idle.stop_searching());
        let worker = {
            let model = model.clone();
            thread::spawn(move || {
                model.idle.sleep(0, false, true);
                model.look_again();
                model.parkers[0].park();
                assert!(model.take());
            })
        };
        model.post();
        worker.join().unwrap();
    });
}

#[test]
fn hand_over_against_push() {
    // The one worker blocks until the work is done that is posted meanwhile: a stand-in must come.
    explore("hand-over against push", Some(3), || {
        let model = Model::new(1, 2);
        model.idle.add_initial();
        assert!(model.idle.stop_searching());
        let done = Arc::new(Parker::new());
        let stand_in = {
            let (model, done) = (model.clone(), done.clone());
            thread::spawn(move || {
                model.parkers[1].park();
                model.find_work(1);
                done.unpark();
            })
        };
        let blocked = {
            let (model, done) = (model.clone(), done.clone());
            thread::spawn(move || {
                model.idle.block();
                model.look_again();
                done.park();
                model.idle.unblock();
            })
        };
        model.post();
        blocked.join().unwrap();
        stand_in.join().unwrap();
    });
}

#[test]
fn one_of_two_steps_back_against_push() {
    explore("stepping back against push", Some(3), || {
        let model = Model::new(1, 2);
        (0..2).for_each(|_| model.idle.add_initial());
        let stepped_back = Arc::new(AtomicUsize::new(0));
        let machines = [0, 1].map(|machine| {
            let (model, stepped_back) = (model.clone(), stepped_back.clone());
            thread::spawn(move || {
                model.idle.stop_searching();
                if model.idle.surplus() && model.idle.step_back(machine, false) {
                    stepped_back.fetch_add(1, Relaxed);
                    model.look_again();
                    return;
                }
                // Stays, and finds the work: nobody else is there to be woken for it but the one
                // that stepped back, which has gone home in this model.
                while !model.take() {
                    thread::yield_now();
                }
            })
        });
        model.work.fetch_add(1, Relaxed);
        machines
            .into_iter()
            .for_each(|machine| machine.join().unwrap());
        assert_eq!(stepped_back.load(Relaxed), 1);
        assert!(!model.idle.surplus());
    });
}

#[test]
fn a_spare_that_ends_against_the_push_that_wakes_it() {
    // Machine 0 holds the only place, machine 1 is a spare that wants to end, more machines are
    // not allowed. Machine 0 blocks and work comes: machine 1 must do it, or machine 2, which is
    // started in its stead once it is gone.
    explore("retire against notify", None, || {
        let model = Model::with_parkers(3, Idle::new(1, 2));
        (0..2).for_each(|_| model.idle.add_initial());
        model.idle.stop_searching();
        model.idle.sleep(1, true, true);
        let spare = {
            let model = model.clone();
            thread::spawn(move || {
                let retired = model.idle.retire(1);
                if retired {
                    // As `Scheduler::machine_ended`.
                    model.idle.ended();
                    model.look_again();
                    // From here on this thread plays machine 2.
                }
                let machine = if retired { 2 } else { 1 };
                model.parkers[machine].park();
                model.find_work(machine);
            })
        };
        model.idle.block();
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
        model.idle.add_initial();
        model.idle.sleep(0, true, true);
        let sleeper = {
            let model = model.clone();
            thread::spawn(move || {
                // As `Worker::park` when a timer is due.
                if !model.idle.wake_up(0) {
                    model.parkers[0].park();
                }
                model.find_work(0);
            })
        };
        model.post();
        sleeper.join().unwrap();
        assert!(!model.has_work());
        let counts = model.idle.counts();
        assert_eq!((counts.active, counts.searching), (1, 0));
        assert_eq!(model.idle.machines(), (1, 0), "nobody is asleep");
    });
}

#[test]
fn a_start_that_fails_against_a_machine_that_falls_asleep() {
    // Machine 0 falls asleep while a poster believes in the machine it is starting; when that
    // fails, machine 0 must not be left asleep with the work there.
    explore("failed start against sleep", None, || {
        let model = Model::new(2, 3);
        (0..2).for_each(|_| model.idle.add_initial());
        model.idle.stop_searching();
        model.idle.stop_searching();
        model.idle.block();
        let worker = {
            let model = model.clone();
            thread::spawn(move || {
                if model.take() {
                    return;
                }
                model.idle.sleep(0, false, true);
                model.look_again();
                model.parkers[0].park();
                assert!(model.take());
            })
        };
        model.work.fetch_add(1, Relaxed);
        let mut decision = model.idle.notify();
        loop {
            match decision {
                Notify::Start => decision = model.idle.start_failed().unwrap(),
                Notify::Wake(machine) => break model.parkers[machine].unpark(),
                Notify::Nobody | Notify::Limit => break,
            }
        }
        worker.join().unwrap();
        assert!(!model.has_work());
    });
}

/// What the monitor does with a machine that it believes to be stuck.
fn take_place(model: &Model, place: &Place) {
    if place.take() {
        model.idle.block();
        model.look_again();
    }
}

/// What a machine does after a poll, as `Worker::come_back`.
fn poll_returned(model: &Model, place: &Place) {
    if place.is_taken() {
        model.idle.unblock();
        place.hold();
    }
}

/// One machine with a place, and the monitor, which tries to take it twice. In the end the machine
/// has gone to sleep, so nobody may be counted.
fn monitor_against(name: &str, machine: impl Fn(&Model, &Place) + Send + Sync + Copy + 'static) {
    explore(name, None, move || {
        let model = Model::new(1, 1);
        model.idle.add_initial();
        assert!(model.idle.stop_searching());
        let place = Arc::new(Place::given());
        place.hold();
        let monitor = {
            let (model, place) = (model.clone(), place.clone());
            thread::spawn(move || {
                take_place(&model, &place);
                take_place(&model, &place);
            })
        };
        machine(&model, &place);
        let had_place = place.give();
        model.idle.sleep(0, false, had_place);
        monitor.join().unwrap();
        assert_eq!(model.idle.counts().active, 0);
    });
}

#[test]
fn monitor_takes_a_place_against_the_return_of_the_poll() {
    monitor_against("monitor against return", |model, place| {
        poll_returned(model, place);
        poll_returned(model, place);
    });
}

#[test]
fn monitor_takes_a_place_against_sleep() {
    monitor_against("monitor against sleep", |_, _| {});
}

#[test]
fn monitor_takes_a_place_against_an_announced_block() {
    monitor_against("monitor against block", |model, place| {
        // As `Worker::block` and the drop of its guard.
        if place.give() {
            model.idle.block();
        }
        model.look_again();
        model.idle.unblock();
        place.hold();
    });
}

#[test]
fn monitor_takes_a_place_against_push() {
    // The one worker is stuck until the work is done that is posted meanwhile. The monitor has seen
    // no work when it looked, or it takes the place; in its next round it sees the work.
    explore("monitor against push", Some(3), || {
        let model = Model::new(1, 2);
        model.idle.add_initial();
        assert!(model.idle.stop_searching());
        let place = Arc::new(Place::given());
        place.hold();
        let done = Arc::new(Parker::new());
        let stand_in = {
            let (model, done) = (model.clone(), done.clone());
            thread::spawn(move || {
                model.parkers[1].park();
                model.find_work(1);
                done.unpark();
            })
        };
        let stuck = {
            let (model, place, done) = (model.clone(), place.clone(), done.clone());
            thread::spawn(move || {
                done.park();
                poll_returned(&model, &place);
            })
        };
        let poster = {
            let model = model.clone();
            thread::spawn(move || model.post())
        };
        if model.has_work() {
            take_place(&model, &place);
        }
        poster.join().unwrap();
        take_place(&model, &place);
        stuck.join().unwrap();
        stand_in.join().unwrap();
        // Its next scheduling point, if the monitor was late and took the place after the return.
        poll_returned(&model, &place);
        // One too many, until somebody steps back.
        assert_eq!(model.idle.counts().active, 2);
    });
}

#[test]
fn monitor_falls_asleep_against_a_machine_that_becomes_active() {
    // As `Rounds::sleep` and `Monitor::rouse`.
    explore("monitor asleep against rouse", None, || {
        let model = Model::new(1, 1);
        let (asleep, parker) = (Arc::new(AtomicBool::new(false)), Arc::new(Parker::new()));
        let monitor = {
            let (model, asleep, parker) = (model.clone(), asleep.clone(), parker.clone());
            thread::spawn(move || {
                asleep.store(true, Relaxed);
                model.idle.look_again();
                if model.idle.counts().active == 0 {
                    parker.park();
                }
            })
        };
        model.idle.unblock();
        model.idle.look_again();
        if asleep.load(Relaxed) && asleep.swap(false, Relaxed) {
            parker.unpark();
        }
        monitor.join().unwrap();
    });
}
