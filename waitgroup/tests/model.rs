//! Random sequences of operations on a group, beside a model that is little more than a number.
//!
//! One thread: what happens between operations is for the loom models.
#![cfg(not(loom))]

mod common;

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use Operation::*;
use common::Bell;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use waitgroup::{Guard, Wait, WaitGroup};

/// Waits, guards and tracked futures are named by a number, counted round and round.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Add(usize),
    Done,
    BeginWait,
    PollWait(usize),
    DropWait(usize),
    MakeGuard,
    DropGuard(usize),
    MakeTrack,
    PollTrack(usize),
    /// Polls it once more, and its future is ready then.
    FinishTrack(usize),
    DropTrack(usize),
}

/// A wait, and what the model knows about it.
struct Waiter {
    wait: Wait,
    /// The count has been zero since the wait began.
    over: bool,
    /// Left by the last poll, if that was pending.
    alarm: Option<Arc<Bell>>,
}

/// A tracked future that ends when it is told to.
struct Tracked {
    track: Pin<Box<dyn Future<Output = ()>>>,
    finish: Arc<AtomicBool>,
}

#[derive(Default)]
struct Pair {
    group: WaitGroup,
    /// The model.
    count: usize,
    waiters: Vec<Waiter>,
    guards: Vec<Guard>,
    tracks: Vec<Tracked>,
    /// With the number of times that each must have been woken.
    alarms: Vec<(Arc<Bell>, usize)>,
}

impl Pair {
    fn carry_out(&mut self, operation: Operation) {
        match operation {
            Add(n) => {
                self.group.add(n);
                self.count += n;
            }
            Done => self.lower(|group| group.done()),
            BeginWait => self.begin_wait(),
            PollWait(number) => self.poll_wait(number),
            DropWait(number) => drop(take(&mut self.waiters, number)),
            MakeGuard => {
                self.guards.push(self.group.guard());
                self.count += 1;
            }
            DropGuard(number) => {
                if let Some(guard) = take(&mut self.guards, number) {
                    self.lower(|_| drop(guard));
                }
            }
            MakeTrack => self.make_track(),
            PollTrack(number) => self.poll_track(number),
            FinishTrack(number) => self.finish_track(number),
            DropTrack(number) => {
                if let Some(tracked) = take(&mut self.tracks, number) {
                    self.lower(|_| drop(tracked));
                }
            }
        }
    }

    /// For what lowers the count by one. It must panic if, and only if, there is nothing to take:
    /// an earlier `done` may have taken what a guard owes.
    fn lower(&mut self, done: impl FnOnce(&WaitGroup)) {
        let panicked = catch_unwind(AssertUnwindSafe(|| done(&self.group))).is_err();
        assert_eq!(
            panicked,
            self.count == 0,
            "a panic with a count of {}",
            self.count
        );
        if self.count == 1 {
            self.end_generation();
        }
        self.count = self.count.saturating_sub(1);
    }

    /// Every wait is over, and whoever waits is woken, by the waker of the last poll.
    fn end_generation(&mut self) {
        for waiter in &mut self.waiters {
            waiter.over = true;
            if let Some(woken) = waiter.alarm.take() {
                self.alarms.push((woken, 1));
            }
        }
    }

    fn begin_wait(&mut self) {
        self.waiters.push(Waiter {
            wait: self.group.wait(),
            over: self.count == 0,
            alarm: None,
        });
    }

    /// Ready if the wait is over, however often it is polled.
    fn poll_wait(&mut self, number: usize) {
        let Some(waiter) = pick(&mut self.waiters, number) else {
            return;
        };
        let (alarm, waker) = Bell::new();
        let poll = poll(&mut waiter.wait, &waker);
        assert_eq!(
            poll.is_ready(),
            waiter.over,
            "a wait that is over: {}",
            waiter.over
        );
        let replaced = match poll {
            Poll::Ready(()) => Some(alarm),
            Poll::Pending => waiter.alarm.replace(alarm),
        };
        self.alarms.extend(replaced.map(|alarm| (alarm, 0)));
    }

    fn make_track(&mut self) {
        let finish = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&finish);
        let future = poll_fn(move |_| match told.load(Relaxed) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        let track = Box::pin(self.group.track(future));
        self.tracks.push(Tracked { track, finish });
        self.count += 1;
    }

    fn poll_track(&mut self, number: usize) {
        if let Some(tracked) = pick(&mut self.tracks, number) {
            assert!(poll(&mut tracked.track, Waker::noop()).is_pending());
        }
    }

    fn finish_track(&mut self, number: usize) {
        if let Some(mut tracked) = take(&mut self.tracks, number) {
            tracked.finish.store(true, Relaxed);
            self.lower(|_| assert!(poll(&mut tracked.track, Waker::noop()).is_ready()));
            // Finished, it owes nothing: its drop must not count.
        }
    }

    fn check(&self) {
        assert_eq!(self.group.count(), self.count);
        for (alarm, times) in &self.alarms {
            assert_eq!(alarm.rings(), *times, "times that a waker was woken");
        }
        for alarm in self
            .waiters
            .iter()
            .filter_map(|waiter| waiter.alarm.as_ref())
        {
            assert_eq!(alarm.rings(), 0, "woken before the count was zero");
        }
    }

    /// Brings the count to zero: all that waits is woken, and ready.
    fn settle(mut self) {
        (0..self.guards.len()).for_each(|_| self.carry_out(DropGuard(0)));
        (0..self.tracks.len()).for_each(|_| self.carry_out(DropTrack(0)));
        (0..self.count).for_each(|_| self.carry_out(Done));
        self.check();
        (0..self.waiters.len()).for_each(|number| self.carry_out(PollWait(number)));
        self.check();
    }
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

fn pick<T>(all: &mut [T], number: usize) -> Option<&mut T> {
    let count = all.len().max(1);
    all.get_mut(number % count)
}

fn take<T>(all: &mut Vec<T>, number: usize) -> Option<T> {
    (!all.is_empty()).then(|| all.swap_remove(number % all.len()))
}

fn check(operations: &[Operation]) {
    let mut pair = Pair::default();
    for &operation in operations {
        pair.carry_out(operation);
        pair.check();
    }
    pair.settle();
}

/// The count stays low, so that it is zero now and then.
fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        1 => (0..3_usize).prop_map(Add),
        3 => Just(Done),
        3 => Just(BeginWait),
        4 => any::<usize>().prop_map(PollWait),
        1 => any::<usize>().prop_map(DropWait),
        1 => Just(MakeGuard),
        1 => any::<usize>().prop_map(DropGuard),
        1 => Just(MakeTrack),
        1 => any::<usize>().prop_map(PollTrack),
        1 => any::<usize>().prop_map(FinishTrack),
        1 => any::<usize>().prop_map(DropTrack),
    ]
}

/// Beside this file, where proptest does not look for the crate of an integration test by itself.
fn corpus() -> Option<Box<dyn proptest::test_runner::FailurePersistence>> {
    Some(Box::new(FileFailurePersistence::WithSource(
        "proptest-regressions",
    )))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: corpus(),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_group_agrees_with_a_number(operations in prop::collection::vec(operation(), 0..120)) {
        check(&operations);
    }
}

#[test]
fn a_wait_polled_with_two_wakers_across_two_generations_wakes_the_second_once() {
    check(&[
        Add(1),
        BeginWait,
        PollWait(0),
        PollWait(0),
        Done,
        Add(1),
        BeginWait,
        PollWait(1),
        Done,
    ]);
}

#[test]
fn a_guard_robbed_by_a_done_panics_and_ends_nothing_twice() {
    check(&[
        MakeGuard,
        BeginWait,
        PollWait(0),
        Done,
        DropGuard(0),
        MakeTrack,
        BeginWait,
        Done,
    ]);
}
