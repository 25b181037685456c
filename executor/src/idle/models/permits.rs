//! Models of a change of N: against machines that sleep, posts, calls, and other changes.

use super::{Actor, Model, Work, assert_at_rest, explore, spawn};
use crate::{
    idle::{
        pool::Pool,
        work_loop::{Woken, WorkLoop},
    },
    sync::AtomicUsize,
};
use loom::{sync::atomic::Ordering::Relaxed, thread};
use std::sync::{
    Arc,
    atomic::{AtomicUsize as Count, Ordering::SeqCst},
};

/// Changes N; returns what it was.
fn set<W: Work>(model: &Arc<Model<W>>, permits: usize) -> usize {
    let change = model.idle.set_permits(permits);
    let before = change.before;
    model.permits_changed(change);
    before
}

fn spawn_setter<W: Work>(model: &Arc<Model<W>>, permits: usize) -> thread::JoinHandle<usize> {
    let model = model.clone();
    thread::spawn(move || set(&model, permits))
}

#[test]
fn a_higher_n_against_a_push() {
    // Machine 0 keeps the only permit. The poster sees it taken, or the higher N; or whoever raises
    // N sees the work.
    explore("a higher N against push", None, || {
        let model = Model::new(1, 2);
        let _keeps = model.active(0);
        let sleeper = model.searcher(1);
        sleeper.machine().sleep();
        let sleeper = spawn(sleeper, |actor| {
            assert!(actor.park(true) == Woken::Yes);
            assert!(actor.find_task().is_some());
        });
        let setter = spawn_setter(&model, 2);
        model.post();
        assert_eq!(setter.join().unwrap(), 1);
        sleeper.join().unwrap();
        assert!(!model.has_work());
        assert_eq!(model.idle.counts().active, 2);
    });
}

#[test]
fn a_higher_n_against_a_machine_that_falls_asleep() {
    // The work waits for a permit, or for machine 0; whoever comes does it, and nobody is counted
    // twice.
    explore("a higher N against sleep", None, || {
        let model = Model::new(1, 2);
        let (first, second) = (model.active(0), model.searcher(1));
        second.machine().sleep();
        model.work.fetch_add(1, Relaxed);
        let setter = spawn_setter(&model, 2);
        first.machine().sleep();
        setter.join().unwrap();
        let counts = model.idle.counts();
        assert!((1..=2).contains(&counts.active), "somebody was woken");
        assert_eq!(model.idle.machines().asleep, 2 - counts.active);
        let woken = [0, 1]
            .into_iter()
            .find(|&machine| model.parkers[machine].take_token());
        assert!(model.started(woken.unwrap()).find_task().is_some());
    });
}

#[test]
fn a_higher_n_wakes_as_many_sleepers_as_tasks_wait() {
    explore("a higher N wakes several", None, || {
        let model = Model::new(1, 4);
        let _keeps = model.active(0);
        for actor in [1, 2, 3].map(|number| model.searcher(number)) {
            actor.machine().sleep();
        }
        model.work.fetch_add(2, Relaxed);
        set(&model, 4);
        assert_eq!(model.idle.counts().active, 3, "two for two tasks");
        set(&model, 1);
        set(&model, 4);
        assert_eq!(model.idle.counts().active, 4, "they still wait");
    });
}

/// Pieces of work; the last to be done ends the executor.
struct Pieces {
    waiting: AtomicUsize,
    left: Count,
    /// Machine 0 blocks in what it does.
    first_blocks: bool,
}

impl Pieces {
    /// A model of two machines. No other can be had.
    fn model(first_blocks: bool, permits: usize) -> Arc<Model<Pieces>> {
        const PIECES: usize = 2;
        let work = Pieces {
            waiting: AtomicUsize::new(PIECES),
            left: Count::new(PIECES),
            first_blocks,
        };
        let mut model = Model::with(work, permits, 2);
        model.start = |_| false;
        Arc::new(model)
    }
}

impl Work for Pieces {
    fn waits(&self) -> bool {
        self.waiting.waits()
    }

    fn take(&self, _: &Actor<Pieces>) -> bool {
        let left = |work: usize| work.checked_sub(1);
        self.waiting.fetch_update(Relaxed, Relaxed, left).is_ok()
    }

    fn run(&self, actor: &Actor<Pieces>) {
        if self.first_blocks && actor.number == 0 {
            actor.block();
            actor.machine().unblock();
        }
        if self.left.fetch_sub(1, SeqCst) == 1 {
            actor.model.close();
        }
    }
}

#[test]
fn a_lower_n_against_machines_that_work_and_sleep() {
    // One of the two steps back, or sleeps, as it happens: the other does what is left.
    explore("a lower N against two machines", Some(2), || {
        let model = Pieces::model(false, 2);
        let machines = [0, 1].map(|number| model.active(number));
        let machines = machines.map(|actor| spawn(actor, Actor::live));
        assert_eq!(set(&model, 1), 2);
        machines
            .into_iter()
            .for_each(|machine| machine.join().unwrap());
        assert_eq!(model.work.left.load(SeqCst), 0);
        assert_at_rest(&model, (0, 0));
    });
}

#[test]
fn a_lower_n_tells_sleepers_that_they_are_spares() {
    // They slept for ever, for no machine was a spare. When N is lower they must sleep as spares:
    // one of them ends.
    explore("a lower N makes spares", Some(3), || {
        let model = Model::new(2, 2);
        let ended = Arc::new(Count::new(0));
        let machines = [0, 1].map(|number| model.active(number));
        let ends = machines.map(|actor| {
            let ended = ended.clone();
            spawn(actor, move |actor| {
                let mut may_retire = actor.machine().sleep();
                while !may_retire {
                    assert!(actor.park(false) == Woken::Yes);
                    if actor.model.idle.surplus() && actor.machine().step_back(|| {}) {
                        break;
                    }
                    may_retire = actor.machine().sleep();
                }
                if actor.model.idle.retire(actor.number) {
                    ended.fetch_add(1, SeqCst);
                }
            })
        });
        assert_eq!(set(&model, 1), 2);
        ends.into_iter().for_each(|end| end.join().unwrap());
        assert_eq!(ended.load(SeqCst), 1);
        assert_eq!(model.idle.machines().asleep, 1);
        assert_eq!(model.idle.counts().active, 0);
    });
}

#[test]
fn two_changes_of_n_at_the_same_time() {
    // Each returns what the other has set, or what was before; and the last one stays.
    explore("two changes of N", None, || {
        let model = Model::new(2, 3);
        let _keeps = model.active(0);
        let setter = spawn_setter(&model, 3);
        let one = set(&model, 1);
        let other = setter.join().unwrap();
        assert!(matches!(
            (one, other, model.idle.permits()),
            (2, 1, 3) | (3, 2, 1)
        ));
        assert_eq!(model.idle.counts().active, 1);
    });
}

#[test]
fn a_change_of_n_against_a_hand_off_and_its_return() {
    // Machine 0 blocks in its piece and comes back, machine 1 sleeps or does the other; meanwhile N
    // is 1, 2, and 1 again.
    explore("a change of N against hand-off", Some(2), || {
        let model = Pieces::model(true, 1);
        let (first, second) = (model.active(0), model.searcher(1));
        second.machine().sleep();
        let second = spawn(second, |actor| {
            assert!(actor.park(true) == Woken::Yes);
            actor.live();
        });
        let setter = {
            let model = model.clone();
            thread::spawn(move || {
                set(&model, 2);
                set(&model, 1);
            })
        };
        first.live();
        second.join().unwrap();
        setter.join().unwrap();
        assert_eq!(model.work.left.load(SeqCst), 0);
        assert_at_rest(&model, (0, 0));
    });
}

/// Machine 0 keeps its permit, two others sleep. While N changes, two pieces of work are posted.
/// Returns how many are active in the end, of whom all but machine 0 have been unparked.
fn posts_against(permits: usize, changes: &'static [usize]) -> (usize, usize) {
    let model = Model::new(permits, 3);
    let _keeps = model.active(0);
    for actor in [1, 2].map(|number| model.searcher(number)) {
        actor.machine().sleep();
    }
    let setter = {
        let model = model.clone();
        thread::spawn(move || changes.iter().for_each(|&permits| _ = set(&model, permits)))
    };
    model.post();
    model.post();
    setter.join().unwrap();
    let counts = model.idle.counts();
    assert_eq!(model.idle.machines().asleep, 3 - counts.active);
    let woken = [1, 2].map(|machine| usize::from(model.parkers[machine].take_token()));
    assert_eq!(woken[0] + woken[1], counts.active - 1);
    (counts.active, counts.searching)
}

#[test]
fn posts_against_an_n_that_rises_and_falls_wake_no_more_than_its_highest() {
    explore("posts against a rise and a fall", Some(3), || {
        let (active, _) = posts_against(1, &[2, 1]);
        assert!(active <= 2);
    });
}

#[test]
fn posts_against_an_n_that_falls_and_rises_are_heard_of() {
    explore("posts against a fall and a rise", Some(3), || {
        let (active, searching) = posts_against(2, &[1, 3]);
        assert!(active == 3 || searching > 0);
    });
}
