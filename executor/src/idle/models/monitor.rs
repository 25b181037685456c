//! Models of the monitor: it takes permits, rests, and is woken.

use super::{Actor, Model, assert_at_rest, explore, spawn, spawn_stand_in};
use crate::{
    idle::{parker::Parker, pool::Pool, work_loop::WorkLoop},
    sync::{AtomicBool, AtomicU64, AtomicUsize, clock::NEVER},
};
use loom::{
    sync::atomic::Ordering::{AcqRel, Relaxed},
    thread,
};
use std::sync::Arc;

/// What the monitor does with a machine that it believes to be stuck.
fn take_permit(model: &Arc<Model>, machine: usize) {
    model.hand_off(|| model.permits[machine].take(), || {});
}

/// What the monitor does with an announced call that lasts.
fn take_offer(model: &Arc<Model>, machine: usize) {
    model.hand_off(|| model.permits[machine].take_offered(), || {});
}

/// One machine with a permit, and the monitor, which takes these steps. In the end the machine has
/// gone to sleep, so nobody may be counted.
fn race(
    name: &str,
    steps: &'static [fn(&Arc<Model>, usize)],
    machine: impl Fn(&Actor) + Send + Sync + Copy + 'static,
) {
    explore(name, None, move || {
        let model = Model::new(1, 1);
        let actor = model.active(0);
        let monitor = {
            let model = model.clone();
            thread::spawn(move || steps.iter().for_each(|step| step(&model, 0)))
        };
        machine(&actor);
        actor.machine().sleep();
        monitor.join().unwrap();
        assert_at_rest(&model, (1, 1));
    });
}

/// The monitor tries to take the permit twice.
fn monitor_against(name: &str, machine: impl Fn(&Actor) + Send + Sync + Copy + 'static) {
    race(name, &[take_permit, take_permit], machine);
}

#[test]
fn monitor_takes_a_permit_against_the_return_of_the_poll() {
    monitor_against("monitor against return", |actor| {
        actor.machine().after_poll();
        actor.machine().after_poll();
    });
}

#[test]
fn a_poll_whose_permit_was_taken_is_counted_again_when_it_returns() {
    explore("return without a permit", None, || {
        let model = Model::new(1, 1);
        let actor = model.active(0);
        take_permit(&model, 0);
        assert_eq!(model.idle.counts().active, 0);
        actor.machine().after_poll();
        assert_eq!(model.idle.counts().active, 1);
        assert!(model.permits[0].is_held());
    });
}

#[test]
fn monitor_takes_a_permit_against_sleep() {
    monitor_against("monitor against sleep", |_| {});
}

#[test]
fn monitor_takes_a_permit_against_an_announced_block() {
    monitor_against("monitor against block", |actor| {
        actor.block();
        actor.machine().unblock();
    });
}

/// One machine in a call, and the monitor, which believes that the call lasts, or that a poll does.
fn monitor_against_a_call(name: &str, call: impl Fn(&Actor) + Send + Sync + Copy + 'static) {
    race(name, &[take_offer, take_permit, take_offer], move |actor| {
        call(actor);
        actor.machine().unblock();
    });
}

#[test]
fn monitor_takes_an_offer_against_the_return_of_the_call() {
    monitor_against_a_call("monitor against a short call", |actor| {
        actor.machine().offer(|| {});
    });
}

#[test]
fn monitor_takes_an_offer_against_the_machine_that_does() {
    monitor_against_a_call("monitor against a long call", Actor::block);
}

#[test]
fn a_call_in_which_nobody_takes_the_offer_leaves_the_counts_as_they_are() {
    explore("a call without a monitor", None, || {
        let model = Model::new(1, 1);
        let actor = model.active(0);
        actor.machine().offer(|| {});
        assert_eq!(model.idle.counts().active, 1);
        assert!(!actor.machine().unblock());
        assert!(model.permits[0].is_held());
        take_permit(&model, 0);
        actor.machine().offer(|| {});
        assert!(actor.machine().unblock());
        assert_eq!(model.idle.counts().active, 1);
    });
}

#[test]
fn monitor_naps_against_a_permit_that_is_offered() {
    // Nobody else wakes it: it must see the offer, or be woken for it.
    explore("monitor's nap against an offer", None, || {
        let model = Model::new(1, 1);
        let actor = model.active(0);
        let monitor = {
            let model = model.clone();
            thread::spawn(move || {
                let offered = || model.permits[0].is_offered();
                model.monitor_sleep.nap(NEVER, offered, || NEVER);
            })
        };
        actor.machine().offer(|| {});
        monitor.join().unwrap();
    });
}

#[test]
fn monitor_takes_a_permit_against_a_poll_that_then_waits_for_what_it_has_woken() {
    // The poll holds its permit when it puts a task where nobody looks, the next slot, and tells
    // nobody. Then the monitor takes the permit; or it has done so, and emptied the slot, a moment
    // before the task came. Then the poll announces a call that waits for this task.
    explore(
        "a task that is woken beside a permit that is taken",
        Some(3),
        || {
            let model = Model::new(1, 2);
            let done = Arc::new(Parker::new());
            let stand_in = spawn_stand_in(&model, &done);
            let slot = Arc::new(AtomicUsize::new(0));
            let give_away = |model: &Model, slot: &AtomicUsize| {
                model.work.fetch_add(slot.swap(0, AcqRel), Relaxed);
            };
            let poll = {
                let slot = slot.clone();
                spawn(model.active(0), move |actor| {
                    let model = actor.model.clone();
                    if model.permits[0].is_held() {
                        slot.swap(1, AcqRel);
                    } else {
                        model.post();
                    }
                    actor.machine().offer_unwatched(|| give_away(&model, &slot));
                    actor.machine().give_offer(|| give_away(&model, &slot));
                    done.park();
                    actor.machine().unblock();
                })
            };
            model.hand_off(|| model.permits[0].take(), || give_away(&model, &slot));
            poll.join().unwrap();
            stand_in.join().unwrap();
            assert!(!model.has_work());
        },
    );
}

#[test]
fn monitor_takes_an_offer_against_push() {
    // The one worker is in a call until the work is done that is posted meanwhile. The monitor looks
    // twice; it takes the offer in the end.
    explore("monitor takes an offer against push", Some(3), || {
        let model = Model::new(1, 2);
        let done = Arc::new(Parker::new());
        let stand_in = spawn_stand_in(&model, &done);
        let call = spawn(model.active(0), move |actor| {
            actor.machine().offer(|| {});
            done.park();
            actor.machine().unblock();
        });
        let poster = {
            let model = model.clone();
            thread::spawn(move || model.post())
        };
        while !model.permits[0].is_offered() {
            thread::yield_now();
        }
        take_offer(&model, 0);
        poster.join().unwrap();
        call.join().unwrap();
        stand_in.join().unwrap();
        assert_eq!(model.idle.counts().active, 2);
    });
}

#[test]
fn monitor_takes_a_permit_against_a_machine_that_steps_back() {
    // Two machines, one permit: with the permit of one the surplus is gone, whoever gives it away.
    explore("monitor against stepping back", None, || {
        let model = Model::new(1, 2);
        let (actor, other) = (model.active(0), model.active(1));
        let monitor = {
            let model = model.clone();
            thread::spawn(move || take_permit(&model, 0))
        };
        let asleep = actor.machine().step_back(|| {});
        monitor.join().unwrap();
        actor.machine().after_poll();
        if !asleep {
            assert!(actor.machine().step_back(|| {}), "it was too early");
        }
        other.machine().sleep();
        assert_at_rest(&model, (2, 2));
    });
}

#[test]
fn monitor_takes_a_permit_against_push() {
    // The one worker is stuck until the work is done that is posted meanwhile. The monitor has seen
    // no work when it looked, or it takes the permit; in its next round it sees the work.
    explore("monitor against push", Some(3), || {
        let model = Model::new(1, 2);
        let done = Arc::new(Parker::new());
        let stand_in = spawn_stand_in(&model, &done);
        let stuck = spawn(model.active(0), move |actor| {
            done.park();
            actor.machine().after_poll();
        });
        let poster = {
            let model = model.clone();
            thread::spawn(move || model.post())
        };
        if model.has_work() {
            take_permit(&model, 0);
        }
        poster.join().unwrap();
        take_permit(&model, 0);
        stuck.join().unwrap();
        stand_in.join().unwrap();
        // Its next scheduling point, if the monitor was late and took the permit after the return.
        if model.permits[0].is_taken() {
            model.idle.unblock();
        }
        // One too many, until somebody steps back.
        assert_eq!(model.idle.counts().active, 2);
    });
}

/// The monitor's rest without a round to come, as `Rounds::sleep`.
fn sleep(model: &Arc<Model>) {
    model
        .monitor_sleep
        .sleep(NEVER, || model.needs_monitor(), || NEVER);
}

#[test]
fn monitor_falls_asleep_against_a_machine_that_becomes_active() {
    explore("monitor asleep against wake_if_asleep", None, || {
        let model = Model::new(1, 1);
        let blocked = model.active(0);
        blocked.block();
        let monitor = {
            let model = model.clone();
            thread::spawn(move || sleep(&model))
        };
        blocked.machine().unblock();
        monitor.join().unwrap();
    });
}

#[test]
fn monitor_falls_asleep_against_a_machine_that_is_woken() {
    explore("monitor asleep against notify", None, || {
        let model = Model::new(1, 1);
        model.active(0).machine().sleep();
        let monitor = {
            let model = model.clone();
            thread::spawn(move || sleep(&model))
        };
        model.post();
        monitor.join().unwrap();
    });
}

#[test]
fn monitor_falls_asleep_against_a_start_that_fails() {
    // The one machine is blocked and the system has no thread for another at first: nobody but the
    // monitor can try again.
    explore("monitor asleep against failed start", Some(3), || {
        let mut model = Model::with(AtomicUsize::new(0), 1, 2);
        model.start = |model| {
            let again = model.limit_reached.swap(true, Relaxed);
            if again {
                model.start_thread(1, |actor| actor.work_once());
            }
            again
        };
        let model = Arc::new(model);
        model.active(0).block();
        let monitor = {
            let model = model.clone();
            thread::spawn(move || {
                // As `Rounds::run` and `round`, which has nothing else to do.
                while model.threads.lock().unwrap().is_empty() {
                    sleep(&model);
                    model.notify_if_work();
                    thread::yield_now();
                }
            })
        };
        model.post();
        monitor.join().unwrap();
        model.join_started();
        assert!(!model.has_work(), "a machine was started");
    });
}

#[test]
fn monitor_falls_asleep_against_the_limit_of_machines() {
    // Nobody but the monitor says that the limit is reached.
    explore("monitor asleep against limit", None, || {
        let model = Model::new(1, 2);
        for number in [0, 1] {
            model.active(number).block();
        }
        let monitor = {
            let model = model.clone();
            thread::spawn(move || sleep(&model))
        };
        model.post();
        monitor.join().unwrap();
        assert!(model.limit_reached.load(Relaxed));
    });
}

/// The monitor rests, without a round to come so that nothing but a wake-up ends it, and somebody
/// leaves a timer to it.
fn a_timer_left_alone(
    name: &str,
    rest: impl Fn(&Model, &dyn Fn() -> u64) + Send + Sync + Copy + 'static,
) {
    explore(name, None, move || {
        let model = Model::new(1, 1);
        let driven = Arc::new(AtomicBool::new(true));
        let monitor = {
            let (model, driven) = (model.clone(), driven.clone());
            thread::spawn(move || {
                rest(&model, &|| if driven.load(Relaxed) { NEVER } else { 1 });
            })
        };
        model.monitor_sleep.take_over(|| {
            driven.store(false, Relaxed);
            1
        });
        monitor.join().unwrap();
    });
}

#[test]
fn monitor_falls_asleep_against_a_timer_that_is_left_alone() {
    a_timer_left_alone("monitor asleep against timer", |model, first_deadline| {
        model.monitor_sleep.sleep(NEVER, || false, first_deadline);
    });
}

#[test]
fn monitor_naps_against_a_timer_that_is_left_alone() {
    a_timer_left_alone("monitor's nap against timer", |model, first_deadline| {
        model.monitor_sleep.nap(NEVER, || false, first_deadline);
    });
}
