//! What one poll tells.

use super::{INNER, Place, leave_forever, leave_waker};
use crate::scheduler::stacks::{
    symbols::Symbols,
    trace::{Addresses, MAX_STACKS, Traced, Tracing},
};
use futures::future::{BoxFuture, join, poll_fn};
use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

/// Counts wake-ups.
#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Calls `poll` with a waker that tells, below a frame of its own.
#[inline(never)]
fn traced<R>(own: &Waker, poll: impl FnOnce(&mut Context<'_>) -> R) -> (R, Traced) {
    let end = 0_u8;
    let tracing = Tracing::new(own, &end);
    let result = poll(&mut Context::from_waker(tracing.waker()));
    (result, tracing.finish())
}

fn poll_traced<F: Future>(waker: &Waker, mut future: Pin<&mut F>) -> (Poll<F::Output>, Traced) {
    traced(waker, |cx| future.as_mut().poll(cx))
}

fn trace_once(future: impl Future) -> Traced {
    let future = std::pin::pin!(future);
    poll_traced(Waker::noop(), future).1
}

/// The lines of this file that a stack is on.
fn lines(stack: &Addresses) -> Vec<u32> {
    let symbols = Symbols::default().symbols(stack).into_iter();
    symbols
        .filter(|symbol| {
            symbol
                .file
                .as_ref()
                .is_some_and(|file| file.to_string_lossy().contains("stacks/tests/"))
        })
        .filter_map(|symbol| symbol.line)
        .collect()
}

const MIDDLE: u32 = line!() + 3;
async fn middle(place: Place) {
    let before = place.lock().unwrap().len();
    leave_forever(place).await;
    assert!(before < usize::MAX);
}

#[test]
fn each_line_between_a_task_and_its_leaf_is_told() {
    let place = Place::default();
    let outer = line!() + 1;
    let traced = trace_once(async { middle(place).await });
    let [stack] = &traced.stacks[..] else {
        panic!("{traced:?}");
    };
    assert!(!stack.cut && !traced.more && !traced.woken);
    let lines = lines(stack);
    let mut found = lines.iter();
    for line in [INNER, MIDDLE, outer] {
        assert!(found.any(|&found| found == line), "{line} in {lines:?}");
    }
}

#[test]
fn the_stack_ends_with_the_task() {
    let depth = |frames: usize| trace_below(frames).stacks[0].frames.len();
    assert_eq!(depth(0), depth(100));
}

/// Traces a future so many calls further down the stack.
#[inline(never)]
fn trace_below(calls: usize) -> Traced {
    if calls == 0 {
        return trace_once(leave_forever(Place::default()));
    }
    let traced = trace_below(calls - 1);
    std::hint::black_box(calls);
    traced
}

#[test]
fn what_is_left_wakes_the_task_itself_and_is_its_own_waker() {
    let task = Arc::new(Task::default());
    let waker = Waker::from(task.clone());
    let place = Place::default();
    let future = std::pin::pin!(leave_forever(place.clone()));
    assert!(poll_traced(&waker, future).0.is_pending());
    let left = place.lock().unwrap().pop().unwrap();
    assert!(left.will_wake(&waker));
    left.wake();
    assert_eq!(task.0.load(Ordering::Relaxed), 1);
    drop(waker);
    assert_eq!(Arc::strong_count(&task), 1);
}

#[test]
fn branches_are_stacks_of_their_own_and_equal_ones_are_one() {
    let place = Place::default();
    let traced = trace_once(join(leave_forever(place.clone()), middle(place.clone())));
    assert_eq!(traced.stacks.len(), 2);
    let traced = trace_once(poll_fn(|cx| {
        (0..std::hint::black_box(10)).for_each(|_| leave_waker(&place, cx));
        Poll::<()>::Pending
    }));
    assert_eq!(traced.stacks.len(), 1);
    assert!(!traced.more);
}

#[test]
fn a_future_that_leaves_nothing_has_no_stack() {
    assert!(trace_once(pending::<()>()).stacks.is_empty());
}

#[test]
fn a_poll_that_wakes_itself_says_so() {
    let task = Arc::new(Task::default());
    let waker = task.clone().into();
    let (_, traced) = traced(&waker, |cx| cx.waker().wake_by_ref());
    assert!(traced.woken && traced.stacks.is_empty());
    assert_eq!(task.0.load(Ordering::Relaxed), 1);
}

fn nested(depth: usize, place: Place) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        match depth {
            0 => leave_forever(place).await,
            _ => nested(depth - 1, place).await,
        }
    })
}

#[test]
fn a_deep_stack_is_cut_and_the_inner_part_is_kept() {
    let traced = trace_once(nested(400, Place::default()));
    let stack = &traced.stacks[0];
    assert!(stack.cut);
    assert!(lines(stack).contains(&INNER));
    assert!(!trace_once(nested(4, Place::default())).stacks[0].cut);
}

#[inline(never)]
fn leave_below(calls: usize, place: &Place, cx: &Context<'_>) {
    match calls {
        0 => leave_waker(place, cx),
        _ => leave_below(calls - 1, place, cx),
    }
    std::hint::black_box(calls);
}

#[test]
fn stacks_have_a_limit_as_have_clones() {
    let place = Place::default();
    let leave = |clones: usize, depths: usize| {
        trace_once(poll_fn(|cx| {
            (0..clones).for_each(|clone| leave_below(clone % depths, &place, cx));
            Poll::<()>::Pending
        }))
    };
    let traced = leave(100, 100);
    assert_eq!(traced.stacks.len(), MAX_STACKS);
    assert!(traced.more);
    let traced = leave(2_000, 3);
    assert_eq!(traced.stacks.len(), 3);
    assert!(traced.more);
    // Nobody gets less than he asked for.
    assert_eq!(place.lock().unwrap().len(), 2_100);
}

#[test]
fn another_thread_may_clone_the_waker_meanwhile() {
    let task = Arc::new(Task::default());
    let waker = Waker::from(task.clone());
    let (clones, traced) = traced(&waker, |cx| {
        let waker = cx.waker();
        thread::scope(|scope| {
            let threads = [0; 4].map(|_| scope.spawn(|| [0; 50].map(|_| waker.clone())));
            threads.map(|thread| thread.join().unwrap())
        })
    });
    assert!(!traced.stacks.is_empty());
    let all = clones.iter().flatten();
    assert!(all.clone().all(|clone| clone.will_wake(&waker)));
    all.for_each(Waker::wake_by_ref);
    assert_eq!(task.0.load(Ordering::Relaxed), 200);
}

#[test]
fn a_poll_that_panics_leaves_wakers_that_work() {
    let task = Arc::new(Task::default());
    let waker = task.clone().into();
    let place = Place::default();
    let poll = || {
        traced(&waker, |cx| {
            leave_waker(&place, cx);
            panic!("as it is to");
        })
    };
    let poll = std::panic::AssertUnwindSafe(poll);
    assert!(std::panic::catch_unwind(poll).is_err());
    place.lock().unwrap().pop().unwrap().wake();
    assert_eq!(task.0.load(Ordering::Relaxed), 1);
}
