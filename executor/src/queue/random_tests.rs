//! Random sequences of operations on local queues and next slots, which must agree with plain
//! containers. On one thread: what happens between operations is for the loom models.

use super::{
    local::{LocalQueue, Stealer, local_queue_at},
    next_slot::NextSlot,
    testing::Number,
};
use Operation::{Pop, Push, Put, Steal, StealOne, Take};
use proptest::prelude::*;
use std::collections::VecDeque;

/// Small, so that random sequences fill the ring, empty it and go round it.
const CAPACITY: usize = 8;

/// What is done to one of two processors. A number names it.
#[derive(Debug, Clone, Copy)]
enum Operation {
    /// Appends a new task to the local queue.
    Push(usize),
    Pop(usize),
    /// By the other processor, from this one.
    Steal(usize),
    /// By the monitor, from this one.
    StealOne(usize),
    /// Puts a new task into the next slot, and what it displaces into the local queue.
    Put(usize),
    Take(usize),
}

/// Two processors' queues.
struct Queues {
    owners: [LocalQueue<Number, CAPACITY>; 2],
    stealers: [Stealer<Number, CAPACITY>; 2],
    next: [NextSlot<Number>; 2],
    overflow: Vec<usize>,
}

impl Queues {
    fn starting_at(start: usize) -> Queues {
        let [(one, from_one), (other, from_other)] = [(); 2].map(|()| local_queue_at(start));
        Queues {
            owners: [one, other],
            stealers: [from_one, from_other],
            next: [NextSlot::new(), NextSlot::new()],
            overflow: Vec::new(),
        }
    }

    /// Carries an operation out; `new` is the task that it adds, if it adds one. Returns what the
    /// operation yields.
    fn carry_out(&mut self, operation: Operation, new: usize) -> Vec<usize> {
        let one = |task: Option<Number>| task.into_iter().map(|number| number.0).collect();
        match operation {
            Push(at) => self.push(at, Number(new)),
            Pop(at) => one(self.owners[at].pop()),
            Steal(from) => match self.stealers[from].steal_into(&self.owners[1 - from]) {
                Some((oldest, count)) => vec![oldest.0, count],
                None => vec![],
            },
            StealOne(from) => one(self.stealers[from].steal_one()),
            Put(at) => match self.next[at].put(Number(new)) {
                Some(displaced) => self.push(at, displaced),
                None => vec![],
            },
            Take(at) => one(self.next[at].take()),
        }
    }

    fn push(&mut self, at: usize, task: Number) -> Vec<usize> {
        let (before, overflow) = (self.overflow.len(), &mut self.overflow);
        let overflowed = self.owners[at].push(task, |tasks| {
            overflow.extend(tasks.into_iter().map(|task| task.0));
        });
        assert_eq!(overflowed, self.overflow.len() > before);
        self.overflow[before..].to_vec()
    }

    fn lengths(&self) -> [usize; 2] {
        let lengths = [0, 1].map(|at| self.owners[at].len());
        assert_eq!(lengths, [0, 1].map(|at| self.stealers[at].len()));
        lengths
    }
}

/// What queues and next slots are specified to do.
#[derive(Default)]
struct Model {
    local: [VecDeque<usize>; 2],
    next: [Option<usize>; 2],
}

impl Model {
    fn carry_out(&mut self, operation: Operation, new: usize) -> Vec<usize> {
        match operation {
            Push(at) => self.push(at, new),
            Pop(at) | StealOne(at) => self.local[at].pop_front().into_iter().collect(),
            Steal(from) => self.steal(from),
            Put(at) => match self.next[at].replace(new) {
                Some(displaced) => self.push(at, displaced),
                None => vec![],
            },
            Take(at) => self.next[at].take().into_iter().collect(),
        }
    }

    /// Returns what overflows: the older half and the new task, if the queue is full.
    fn push(&mut self, at: usize, task: usize) -> Vec<usize> {
        let local = &mut self.local[at];
        if local.len() < CAPACITY {
            local.push_back(task);
            return vec![];
        }
        local.drain(..CAPACITY / 2).chain([task]).collect()
    }

    /// Moves half, rounded up, as far as there is room, and returns the oldest and the count.
    fn steal(&mut self, from: usize) -> Vec<usize> {
        let room = CAPACITY - self.local[1 - from].len();
        let count = self.local[from].len().div_ceil(2).min(room + 1);
        let stolen: Vec<_> = self.local[from].drain(..count).collect();
        let Some((&oldest, rest)) = stolen.split_first() else {
            return vec![];
        };
        self.local[1 - from].extend(rest);
        vec![oldest, count]
    }
}

fn check(start: usize, operations: &[Operation]) {
    let (mut queues, mut model) = (Queues::starting_at(start), Model::default());
    for (step, &operation) in operations.iter().enumerate() {
        // Tasks are numbered from 1.
        let yielded = queues.carry_out(operation, step + 1);
        assert_eq!(
            yielded,
            model.carry_out(operation, step + 1),
            "{operation:?}, step {step}"
        );
        assert_eq!(queues.lengths(), [0, 1].map(|at| model.local[at].len()));
        assert_eq!(
            [0, 1].map(|at| queues.next[at].is_empty()),
            model.next.map(|task| task.is_none())
        );
    }
    for at in [0, 1] {
        let left: Vec<_> = std::iter::from_fn(|| queues.owners[at].pop()).collect();
        assert_eq!(
            left,
            model.local[at]
                .iter()
                .map(|&task| Number(task))
                .collect::<Vec<_>>()
        );
    }
}

/// More comes in than goes out, so that the rings are full now and then.
fn operation() -> impl Strategy<Value = Operation> {
    let operation = |make: fn(usize) -> Operation| (0..2_usize).prop_map(make);
    prop_oneof![
        6 => operation(Push),
        2 => operation(Pop),
        1 => operation(Steal),
        1 => operation(StealOne),
        2 => operation(Put),
        1 => operation(Take),
    ]
}

/// Positions at the start of a life and just before they wrap.
fn start() -> impl Strategy<Value = usize> {
    prop_oneof![0..16_usize, usize::MAX - 48..=usize::MAX]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn local_queues_and_next_slots_agree_with_plain_containers(
        start in start(),
        operations in prop::collection::vec(operation(), 0..150),
    ) {
        check(start, &operations);
    }
}

#[test]
fn a_full_ring_is_robbed_by_one_that_has_no_room() {
    let full = [[Push(0); CAPACITY], [Push(1); CAPACITY]].concat();
    check(
        0,
        &[&full[..], &[Steal(0), Steal(0), Pop(1), Steal(0), Push(1)]].concat(),
    );
}

#[test]
fn a_displaced_task_overflows_a_ring_whose_positions_wrap() {
    let full = [[Push(0); CAPACITY], [Put(0); CAPACITY]].concat();
    check(
        usize::MAX - 3,
        &[&full[..], &[StealOne(0), Steal(0), Take(0), Pop(0)]].concat(),
    );
}
