//! Models of the queues.

use super::{
    global::{Batch, GlobalQueue},
    local::{LocalQueue, Stealer, local_queue, local_queue_at},
    next_slot::NextSlot,
    testing::Number,
};
use crate::sync::explore::explore;
use loom::{sync::Arc, thread};
use std::collections::VecDeque;

fn drain<const N: usize>(owner: &LocalQueue<Number, N>) -> Vec<usize> {
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
        (1..=3).for_each(|i| _ = owner.push(Number(i), |_| unreachable!("there is room")));
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
        (1..=3).for_each(|i| _ = owner.push(Number(i), |_| unreachable!("there is room")));
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

/// A global queue with two batches, of 1 and 2, and of 3 and 4.
fn two_batches() -> Arc<GlobalQueue<Number>> {
    let queue = GlobalQueue::new();
    for numbers in [[1, 2], [3, 4]] {
        let batch = Batch::from(VecDeque::from(numbers.map(Number)));
        assert!(queue.push_batch(batch).is_ok());
    }
    Arc::new(queue)
}

fn take(queue: &GlobalQueue<Number>, tasks: usize) -> Vec<usize> {
    let one = || queue.pop().map(|(number, _)| number.0);
    (0..tasks).filter_map(|_| one()).collect()
}

#[test]
fn global_queue_two_workers_take_from_batches() {
    // What one of them puts in front the other may take, or put its own rest there before.
    explore("two workers and the front", Some(3), || {
        let queue = two_batches();
        let other = queue.clone();
        let thread = thread::spawn(move || take(&other, 1));
        let mut seen = take(&queue, 1);
        seen.extend(thread.join().unwrap());
        let rest = take(&queue, 4);
        assert!(rest.is_sorted(), "{rest:?}");
        seen.extend(rest);
        assert_all_once(seen, 4);
        assert!(queue.is_empty());
        assert_eq!(queue.len(), 0);
    });
}
