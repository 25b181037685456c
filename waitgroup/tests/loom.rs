//! Models of the races, on the real code; each is named after its race.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p waitgroup --test loom --release -- --nocapture
//! ```
//!
//! prints how many interleavings each model explored, and in what time. The two-sided races are
//! explored without a bound, the larger ones up to the number of preemptions that they name.
#![cfg(loom)]

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::pin::Pin;
use std::sync::Arc as StdArc;
use std::sync::atomic::AtomicUsize as Tally;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use loom::future::block_on;
use loom::model::Builder;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use loom::sync::{Arc, Mutex};
use loom::thread;
use waitgroup::{Wait, WaitGroup};

/// Explores the interleavings of `model` with at most so many preemptions (`None`: all of them) and
/// prints their number and the time that it took.
fn explore(name: &str, preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let (start, explored) = (Instant::now(), StdArc::new(Tally::new(0)));
    let tally = StdArc::clone(&explored);
    let mut builder = Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        tally.fetch_add(1, Relaxed);
        model();
    });
    eprintln!(
        "{name}: {explored:?} interleavings in {:.2} s, at most {preemptions:?} preemptions",
        start.elapsed().as_secs_f32()
    );
}

/// A side of a race.
type Side = Box<dyn FnOnce() + Send>;

fn side(run: impl FnOnce() + Send + 'static) -> Side {
    Box::new(run)
}

/// Which of the two sides of a race runs in the model's first thread.
#[derive(Clone, Copy, Debug)]
enum Order {
    AsWritten,
    Swapped,
}

impl Order {
    /// Runs both sides at once, and returns when both have returned.
    fn race(self, one: Side, other: Side) {
        let (here, there) = match self {
            Order::AsWritten => (one, other),
            Order::Swapped => (other, one),
        };
        let there = thread::spawn(there);
        here();
        there.join().unwrap();
    }
}

/// Explores all interleavings of a two-sided race, in both orders.
///
/// Loom runs the first thread as far as it goes, and looks afterwards for what could have gone
/// otherwise. It remembers only the latest access to each atomic, so a load of the second thread
/// can hide one of the first from the write that follows: one order alone leaves some races unseen.
fn explore_both_orders(name: &str, model: impl Fn(Order) + Send + Sync + Copy + 'static) {
    for order in [Order::AsWritten, Order::Swapped] {
        explore(&format!("{name}, {order:?}"), None, move || model(order));
    }
}

fn poll(wait: &mut Wait) -> Poll<()> {
    Pin::new(wait).poll(&mut Context::from_waker(Waker::noop()))
}

/// A group with `n` counted.
fn counted(n: usize) -> WaitGroup {
    let group = WaitGroup::new();
    group.add(n);
    group
}

fn spawn_done(group: &WaitGroup) -> thread::JoinHandle<()> {
    let group = group.clone();
    thread::spawn(move || group.done())
}

/// Does a piece of work that only the group can make visible, then `done`.
fn spawn_work(group: &WaitGroup) -> Arc<AtomicUsize> {
    let (group, work) = (group.clone(), Arc::new(AtomicUsize::new(0)));
    let shared = Arc::clone(&work);
    thread::spawn(move || {
        work.store(1, Relaxed);
        group.done();
    });
    shared
}

#[test]
fn done_against_wait() {
    explore_both_orders("done_against_wait", |order| {
        let group = counted(1);
        let other = group.clone();
        order.race(
            side(move || group.done()),
            side(move || {
                block_on(other.wait());
                assert_eq!(other.count(), 0);
            }),
        );
    });
}

#[test]
fn done_against_wait_blocking() {
    explore_both_orders("done_against_wait_blocking", |order| {
        let group = counted(1);
        let other = group.clone();
        order.race(
            side(move || group.done()),
            side(move || other.wait_blocking()),
        );
    });
}

#[test]
fn one_done_against_two_waiters() {
    explore("one_done_against_two_waiters", Some(2), || {
        let group = counted(1);
        let done = spawn_done(&group);
        let other = group.clone();
        let waiter = thread::spawn(move || block_on(other.wait()));
        block_on(group.wait());
        waiter.join().unwrap();
        done.join().unwrap();
    });
}

#[test]
fn two_dones_against_a_registered_waiter() {
    explore("two_dones_against_a_registered_waiter", Some(3), || {
        let group = counted(2);
        let wait = group.wait();
        let dones = [spawn_done(&group), spawn_done(&group)];
        block_on(wait);
        assert_eq!(group.count(), 0);
        dones.into_iter().for_each(|done| done.join().unwrap());
    });
}

#[test]
fn drop_of_a_wait_against_the_done_that_wakes_it() {
    explore(
        "drop_of_a_wait_against_the_done_that_wakes_it",
        Some(3),
        || {
            let group = counted(1);
            let mut dropped = group.wait();
            let kept = group.wait();
            assert!(poll(&mut dropped).is_pending());
            let done = spawn_done(&group);
            let drops = thread::spawn(move || drop(dropped));
            block_on(kept);
            drops.join().unwrap();
            done.join().unwrap();
        },
    );
}

#[test]
fn the_last_handle_goes_against_the_first_poll_of_a_wait() {
    let name = "the_last_handle_goes_against_the_first_poll_of_a_wait";
    explore_both_orders(name, |order| {
        let group = counted(1);
        let wait = Arc::new(Mutex::new(group.wait()));
        let polled = Arc::clone(&wait);
        let woken = StdArc::new(CountWakes::default());
        let waker = Waker::from(StdArc::clone(&woken));
        order.race(
            side(move || drop(group)),
            side(move || {
                let mut wait = polled.lock().unwrap();
                let cx = &mut Context::from_waker(&waker);
                assert!(Pin::new(&mut *wait).poll(cx).is_pending());
            }),
        );
        let mut wait = wait.lock().unwrap();
        let knows = is_orphaned(&wait);
        assert!(knows ^ (woken.0.load(Relaxed) == 1), "woken, or found out");
        assert!(poll(&mut wait).is_pending() && is_orphaned(&wait));
    });
}

#[test]
fn two_handles_go_at_once_one_of_them_a_guard() {
    explore_both_orders("two_handles_go_at_once_one_of_them_a_guard", |order| {
        // Whichever is the last, the count is zero by then.
        let group = WaitGroup::new();
        let guard = group.guard();
        let mut wait = group.wait();
        order.race(side(move || drop(group)), side(move || drop(guard)));
        assert!(poll(&mut wait).is_ready());
    });
}

#[test]
fn two_handles_go_at_once_and_leave_work_counted() {
    explore_both_orders("two_handles_go_at_once_and_leave_work_counted", |order| {
        let group = counted(2);
        let mut wait = group.wait();
        let other = group.clone();
        order.race(side(move || other.done()), side(move || drop(group)));
        assert!(poll(&mut wait).is_pending() && is_orphaned(&wait));
    });
}

#[test]
fn the_last_handle_goes_against_the_drop_of_a_wait() {
    let name = "the_last_handle_goes_against_the_drop_of_a_wait";
    explore_both_orders(name, |order| {
        let group = counted(1);
        let mut dropped = group.wait();
        let mut kept = group.wait();
        assert!(poll(&mut dropped).is_pending());
        order.race(side(move || drop(group)), side(move || drop(dropped)));
        assert!(poll(&mut kept).is_pending() && is_orphaned(&kept));
    });
}

#[derive(Default)]
struct CountWakes(Tally);

impl Wake for CountWakes {
    fn wake(self: StdArc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Whether the wait knows that it never ends.
fn is_orphaned(wait: &Wait) -> bool {
    format!("{wait:?}").contains("orphaned")
}

#[test]
fn late_notification_against_the_waiter_of_the_next_generation() {
    let name = "late_notification_against_the_waiter_of_the_next_generation";
    explore_both_orders(name, |order| {
        let group = counted(1);
        let mut first = group.wait();
        let (ending, next) = (group.clone(), group.clone());
        let second = Arc::new(Mutex::new(None));
        let found = Arc::clone(&second);
        order.race(
            side(move || ending.done()),
            side(move || {
                // The zero is seen at once: the notification may still be on its way.
                if next.count() == 0 {
                    next.add(1);
                    let mut wait = next.wait();
                    assert!(
                        poll(&mut wait).is_pending(),
                        "woken before the notification"
                    );
                    *found.lock().unwrap() = Some(wait);
                }
            }),
        );
        assert!(poll(&mut first).is_ready(), "its own generation is over");
        let second = second.lock().unwrap().take();
        if let Some(mut second) = second {
            assert!(
                poll(&mut second).is_pending(),
                "woken by the notification of the first"
            );
            group.done();
            assert!(poll(&mut second).is_ready());
        }
    });
}

#[test]
fn wait_against_the_zero_between_two_generations() {
    explore_both_orders("wait_against_the_zero_between_two_generations", |order| {
        let group = counted(1);
        let other = group.clone();
        order.race(
            side(move || {
                group.done();
                group.add(1);
                group.done();
            }),
            side(move || block_on(other.wait())),
        );
    });
}

#[test]
fn add_from_zero_against_wait() {
    explore_both_orders("add_from_zero_against_wait", |order| {
        let group = WaitGroup::new();
        let other = group.clone();
        order.race(
            side(move || {
                group.add(1);
                group.done();
            }),
            side(move || block_on(other.wait())),
        );
    });
}

#[test]
fn add_against_the_last_awaited_done() {
    explore_both_orders("add_against_the_last_awaited_done", |order| {
        let group = counted(1);
        let wait = group.wait();
        let (one, other) = (group.clone(), group.clone());
        order.race(
            side(move || one.done()),
            side(move || {
                other.add(1);
                other.done();
            }),
        );
        block_on(wait);
        assert_eq!(group.count(), 0);
    });
}

#[test]
fn visibility_of_work_against_wait() {
    explore_both_orders("visibility_of_work_against_wait", |order| {
        let group = counted(1);
        let other = group.clone();
        let work = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&work);
        order.race(
            side(move || {
                work.store(1, Relaxed);
                group.done();
            }),
            side(move || {
                block_on(other.wait());
                assert_eq!(seen.load(Relaxed), 1, "work done but not seen");
            }),
        );
    });
}

#[test]
fn visibility_of_work_that_ends_one_wait_against_another_wait() {
    explore_both_orders(
        "visibility_of_work_that_ends_one_wait_against_another_wait",
        |order| {
            // The last `done` has a waiter to wake. The other wait may find the 0 without the lock.
            let group = counted(1);
            let registered = group.wait();
            let other = group.clone();
            let work = Arc::new(AtomicUsize::new(0));
            let seen = Arc::clone(&work);
            order.race(
                side(move || {
                    work.store(1, Relaxed);
                    group.done();
                }),
                side(move || {
                    if poll(&mut other.wait()).is_ready() {
                        assert_eq!(seen.load(Relaxed), 1, "work done but not seen");
                    }
                }),
            );
            block_on(registered);
        },
    );
}

#[test]
fn visibility_of_two_works_against_wait() {
    explore("visibility_of_two_works_against_wait", Some(3), || {
        let group = counted(2);
        let works = [spawn_work(&group), spawn_work(&group)];
        block_on(group.wait());
        assert!(
            works.iter().all(|work| work.load(Relaxed) == 1),
            "work done but not seen"
        );
    });
}

#[test]
fn visibility_of_two_works_against_a_registered_waiter() {
    explore(
        "visibility_of_two_works_against_a_registered_waiter",
        Some(3),
        || {
            let group = counted(2);
            let wait = group.wait();
            let works = [spawn_work(&group), spawn_work(&group)];
            block_on(wait);
            assert!(
                works.iter().all(|work| work.load(Relaxed) == 1),
                "work done but not seen"
            );
        },
    );
}

#[test]
fn visibility_of_work_against_an_add_that_comes_after_it() {
    explore(
        "visibility_of_work_against_an_add_that_comes_after_it",
        Some(2),
        || {
            // The Relaxed `add` must not cut the release sequence of the `done` before it.
            let group = counted(2);
            let work = spawn_work(&group);
            let other = group.clone();
            thread::spawn(move || {
                other.add(1);
                other.done();
                other.done();
            });
            block_on(group.wait());
            assert_eq!(work.load(Relaxed), 1, "work done but not seen");
        },
    );
}

#[test]
fn done_against_done_with_one_counted() {
    hide_the_panics_meant_to_happen();
    for awaited in [false, true] {
        let name = format!("done_against_done_with_one_counted, awaited: {awaited}");
        explore(&name, None, move || {
            let group = counted(1);
            let mut wait = awaited.then(|| group.wait());
            let other = group.clone();
            let other = thread::spawn(move || panics(|| other.done()));
            let here = panics(|| group.done());
            assert!(
                here ^ other.join().unwrap(),
                "exactly one of the two panics"
            );
            assert_eq!(group.count(), 0);
            assert!(wait.iter_mut().all(|wait| poll(wait).is_ready()));
        });
    }
}

/// They happen in every interleaving. All else goes to the hook that was there before.
fn hide_the_panics_meant_to_happen() {
    let before = take_hook();
    set_hook(Box::new(move |info| {
        if info.payload().downcast_ref() != Some(&"negative WaitGroup counter") {
            before(info);
        }
    }));
}

fn panics(f: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

#[test]
fn cancellation_of_a_tracked_future_against_wait() {
    struct SetOnDrop(Arc<AtomicBool>);
    impl Drop for SetOnDrop {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    explore_both_orders("cancellation_of_a_tracked_future_against_wait", |order| {
        let group = WaitGroup::new();
        let dropped = Arc::new(AtomicBool::new(false));
        let owned = SetOnDrop(Arc::clone(&dropped));
        let tracked = group.track(poll_fn(move |_| -> Poll<()> {
            let _ = &owned;
            Poll::Pending
        }));
        order.race(
            side(move || drop(tracked)),
            side(move || {
                block_on(group.wait());
                assert!(dropped.load(Relaxed), "counted off before it was dropped");
            }),
        );
    });
}
