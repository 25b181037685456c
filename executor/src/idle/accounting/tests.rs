use super::*;

const RUNNING: Part = Part {
    searching: false,
    permit: true,
};

/// An executor with `permits` machines, all asleep: the highest number fell asleep last.
fn all_asleep(permits: usize, max_machines: usize) -> Idle {
    let idle = Idle::new(permits, max_machines);
    for machine in 0..permits {
        idle.add_initial();
        assert!(!idle.sleep(machine, Part::SEARCHER));
    }
    idle
}

#[test]
fn the_last_to_fall_asleep_is_woken_first_and_as_a_searcher() {
    let idle = all_asleep(4, 4);
    assert_eq!(idle.notify(), Notify::Wake(3));
    assert_eq!(
        idle.counts(),
        Counts {
            active: 1,
            searching: 1
        }
    );
}

#[test]
fn a_push_wakes_nobody_while_somebody_searches() {
    let idle = all_asleep(4, 4);
    assert_eq!(idle.notify(), Notify::Wake(3));
    assert_eq!(idle.notify(), Notify::Nobody);
    assert!(idle.stop_searching(), "the only searcher was the last");
    assert_eq!(idle.notify(), Notify::Wake(2));
}

#[test]
fn at_most_half_the_machines_search() {
    let idle = Idle::new(4, 4);
    (0..4).for_each(|_| idle.add_initial());
    (0..4).for_each(|_| assert_eq!(idle.stop_searching(), idle.counts().searching == 0));
    assert_eq!(
        [0; 4].map(|_| idle.start_searching()),
        [true, true, false, false]
    );
    let one = Idle::new(1, 1);
    one.add_initial();
    assert!(one.stop_searching());
    assert!(one.start_searching(), "a lone machine may search");
}

#[test]
fn a_permit_given_away_is_taken_by_a_new_machine_up_to_the_limit() {
    let idle = Idle::new(1, 2);
    idle.add_initial();
    assert!(idle.stop_searching());
    assert_eq!(idle.notify(), Notify::Nobody, "the permit is taken");
    idle.block();
    assert_eq!(idle.notify(), Notify::Start);
    assert!(idle.stop_searching());
    idle.block();
    assert_eq!(idle.notify(), Notify::Limit, "two machines are the limit");
    idle.unblock();
    assert_eq!(
        idle.counts(),
        Counts {
            active: 1,
            searching: 0
        }
    );
}

#[test]
fn a_start_that_failed_leaves_the_counts_as_they_were() {
    let idle = Idle::new(1, 2);
    idle.add_initial();
    assert!(idle.stop_searching());
    idle.block();
    assert_eq!(idle.notify(), Notify::Start);
    assert_eq!(idle.start_failed(), Some(Notify::Nobody));
    assert_eq!(idle.notify(), Notify::Start, "and can be tried again");
    assert_eq!(
        idle.machines(),
        MachineCounts {
            total: 2,
            asleep: 0
        }
    );
}

#[test]
fn a_start_that_failed_as_the_last_machine_is_the_end() {
    let idle = Idle::new(1, 2);
    idle.add_initial();
    assert!(idle.stop_searching());
    idle.block();
    assert_eq!(idle.notify(), Notify::Start);
    idle.unblock();
    idle.leave(RUNNING);
    assert!(!idle.ended(), "one is being started");
    assert_eq!(idle.start_failed(), None);
}

#[test]
fn nothing_is_started_once_every_machine_has_ended() {
    let idle = Idle::new(1, 2);
    idle.add_initial();
    idle.leave(Part::SEARCHER);
    assert!(idle.ended());
    assert_eq!(idle.notify(), Notify::Nobody);
}

#[test]
fn one_machine_too_many_steps_back_and_only_one() {
    let idle = Idle::new(1, 2);
    idle.add_initial();
    assert!(idle.stop_searching());
    idle.block();
    assert_eq!(idle.notify(), Notify::Start);
    assert!(idle.stop_searching());
    assert!(!idle.surplus());
    idle.unblock();
    assert!(idle.surplus());
    assert!(idle.step_back(1, false));
    assert!(!idle.step_back(0, false));
}

#[test]
fn one_comparison_says_whether_anybody_is_to_be_woken() {
    for (permits, active) in [(1, 0), (1, 1), (4, 3), (4, 4), (4, 5)] {
        let idle = Idle::new(permits, 8);
        (0..active).for_each(|_| idle.add_initial());
        assert_eq!(idle.may_notify(), active == 0, "they search");
        (0..active).for_each(|_| _ = idle.stop_searching());
        assert_eq!(idle.may_notify(), active < permits);
    }
    let most = Idle::new(MAX_MACHINES, MAX_MACHINES);
    assert!(most.may_notify());
    most.add_initial();
    assert!(!most.may_notify(), "it searches");
    (1..MAX_MACHINES).for_each(|_| most.add_initial());
    let all = Counts {
        active: MAX_MACHINES,
        searching: MAX_MACHINES,
    };
    assert_eq!((most.counts(), most.permits()), (all, MAX_MACHINES));
}

#[test]
fn a_change_of_n_leaves_the_counts_alone() {
    let idle = Idle::new(2, 8);
    idle.add_initial();
    for (permits, before) in [(8, 2), (1, 8), (1, 1), (3, 1)] {
        let woken = Vec::new();
        assert_eq!(idle.set_permits(permits), PermitsSet { before, woken });
        assert_eq!(idle.permits(), permits);
        let one = Counts {
            active: 1,
            searching: 1,
        };
        assert_eq!(idle.counts(), one);
    }
}

#[test]
fn those_who_slept_for_ever_are_woken_when_some_of_them_become_spares() {
    let idle = all_asleep(3, 4);
    assert!(idle.set_permits(4).woken.is_empty(), "nobody is");
    assert!(idle.set_permits(3).woken.is_empty(), "nobody is");
    assert_eq!(idle.set_permits(2).woken, [0, 1, 2]);
    assert!(idle.surplus());
    assert!(idle.step_back(0, true));
    assert!(!idle.step_back(1, true));
    assert!(idle.sleep(1, Part::SEARCHER) && idle.sleep(2, Part::SEARCHER));
    assert!(idle.set_permits(1).woken.is_empty(), "they know");
}

#[test]
fn several_are_woken_as_far_as_there_are_permits() {
    let idle = all_asleep(4, 4);
    assert!(idle.wake_several(0).is_empty());
    assert_eq!(idle.wake_several(1), [3]);
    assert_eq!(idle.wake_several(9), [0, 1, 2]);
    (0..4).for_each(|machine| _ = idle.sleep(machine, Part::SEARCHER));
    assert_eq!(idle.notify(), Notify::Wake(3));
    idle.unblock();
    idle.unblock();
    assert_eq!(idle.wake_several(9), [2], "three permits are taken");
}

#[test]
fn without_room_for_stand_ins_a_machine_is_started_for_another_that_has_retired() {
    let idle = all_asleep(2, 2);
    assert_eq!(idle.set_permits(1).woken, [0, 1]);
    assert!(idle.step_back(0, true));
    assert!(idle.retire(0));
    assert!(!idle.ended());
    assert!(idle.stop_searching());
    assert_eq!(idle.notify(), Notify::Nobody, "the permit is taken");
    assert!(idle.set_permits(2).woken.is_empty());
    assert_eq!(idle.notify(), Notify::Start);
}

#[test]
fn a_spare_machine_may_end_but_not_one_of_the_n() {
    let idle = Idle::new(1, 2);
    idle.add_initial();
    idle.block();
    assert!(idle.stop_searching());
    assert_eq!(idle.notify(), Notify::Start);
    assert!(idle.sleep(1, Part::SEARCHER), "it may have to end some day");
    assert!(!idle.retire(1), "it is the only free machine");
    idle.unblock();
    assert!(idle.retire(1));
    assert!(!idle.retire(1), "it is gone");
    assert!(!idle.ended());
    assert!(
        !idle.sleep(0, RUNNING),
        "there is no more machine than permits"
    );
    assert!(!idle.retire(0));
}
