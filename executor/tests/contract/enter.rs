//! `Handle::enter`.

use crate::common::{at_thread_end, executor, steady_executor, watchdog};
use executor::{Executor, Handle, time::sleep};
use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// The workers of the current executor tell which one it is; the default one is not asked for.
fn current() -> Option<usize> {
    Handle::try_current().map(|current| current.metrics().workers())
}

/// Calls `f` on a thread of its own, which nobody else relies on afterwards.
fn on_own_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| scope.spawn(f).join().unwrap())
}

#[test]
fn the_free_functions_act_on_it_until_the_guard_is_dropped() {
    let _watchdog = watchdog(60);
    let own = Executor::builder()
        .workers(3)
        .thread_name("own")
        .build()
        .unwrap();
    let name = || thread::current().name().unwrap().to_owned();
    let handle = own.handle();
    let guard = handle.enter();
    assert_eq!(current(), Some(3));
    assert_eq!(Handle::current().metrics().workers(), 3);
    assert_eq!(executor::block_on(async { current() }), Some(3));
    let tasks = [
        executor::spawn(async move { name() }),
        executor::spawn_blocking(name),
    ];
    drop(guard);
    assert_eq!(current(), None);
    for task in tasks {
        assert_eq!(executor::block_on(task).unwrap(), "own");
    }
    assert_eq!(
        executor::block_on(executor::spawn(async move { name() })).unwrap(),
        "executor"
    );
}

#[test]
fn guards_nest_and_other_threads_know_nothing_of_them() {
    let _watchdog = watchdog(60);
    let (three, five) = (executor(3).handle(), executor(5).handle());
    let outer = three.enter();
    {
        let _inner = five.enter();
        assert_eq!(current(), Some(5));
        let _again = three.enter();
        assert_eq!(current(), Some(3));
        assert_eq!(on_own_thread(current), None);
    }
    assert_eq!(current(), Some(3));
    drop(outer);
    assert_eq!(current(), None);
}

#[test]
fn a_block_on_inside_is_in_its_own_executor_and_a_guard_inside_of_that_counts() {
    let _watchdog = watchdog(60);
    let (three, five) = (executor(3), executor(5));
    let (on_three, on_five) = (three.handle(), five.handle());
    let _guard = on_three.enter();
    five.block_on(async {
        assert_eq!(current(), Some(5));
        let _guard = on_three.enter();
        assert_eq!(current(), Some(3));
    });
    assert_eq!(current(), Some(3));
    let seen = executor::spawn(async move {
        let before = current();
        let guard = on_five.enter();
        let inside = current();
        drop(guard);
        [before, inside, current()]
    });
    assert_eq!(three.block_on(seen).unwrap(), [Some(3), Some(5), Some(3)]);
}

#[test]
fn what_is_spawned_on_an_executor_that_has_ended_is_dropped() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let handle = own.handle();
    let guard = handle.enter();
    drop(own);
    assert!(
        executor::block_on(executor::spawn(async {}))
            .unwrap_err()
            .is_cancelled()
    );
    drop(guard);
}

#[test]
fn it_serves_the_timers_of_a_foreign_executor_on_this_thread_until_it_ends() {
    let _watchdog = watchdog(60);
    let nap = || sleep(Duration::from_millis(5));
    for own in [executor(1), steady_executor(1)] {
        let handle = own.handle();
        let guard = handle.enter();
        futures::executor::block_on(nap());
        futures::executor::block_on(async {
            let mut late = pin!(sleep(Duration::from_secs(3600)));
            assert!(futures::poll!(late.as_mut()).is_pending());
            late.as_mut()
                .reset(Instant::now() + Duration::from_millis(5));
            late.await;
        });
        futures::executor::block_on(async {
            let mut nap = pin!(nap());
            assert!(futures::poll!(nap.as_mut()).is_pending());
            drop(own);
            nap.await;
        });
        futures::executor::block_on(nap());
        drop(guard);
    }
}

/// The text of a panic.
fn panic_of(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    (*payload.downcast::<&str>().unwrap()).to_owned()
}

#[test]
fn a_guard_that_is_dropped_before_a_later_one_panics_and_leaves_the_later_one() {
    let _watchdog = watchdog(60);
    on_own_thread(|| {
        let (three, five) = (executor(3).handle(), executor(5).handle());
        let earlier = three.enter();
        let later = five.enter();
        let text = panic_of(|| drop(earlier));
        assert!(text.contains("dropped out of order"), "{text}");
        assert_eq!(current(), Some(5));
        drop(later);
        assert_eq!(
            current(),
            Some(3),
            "the earlier one cannot be left any more"
        );
    });
}

#[test]
fn a_guard_that_is_dropped_in_a_later_block_on_panics() {
    let _watchdog = watchdog(60);
    on_own_thread(|| {
        let (three, five) = (executor(3).handle(), executor(5));
        let guard = three.enter();
        let text = panic_of(|| five.block_on(async { drop(guard) }));
        assert!(text.contains("dropped out of order"), "{text}");
        assert_eq!(current(), Some(3));
    });
}

#[test]
fn a_guard_of_a_block_on_that_is_dropped_after_it_panics() {
    let _watchdog = watchdog(60);
    on_own_thread(|| {
        let (three, five) = (executor(3).handle(), executor(5));
        let guard = five.block_on(async { three.enter() });
        assert_eq!(current(), None);
        let text = panic_of(|| drop(guard));
        assert!(text.contains("dropped out of order"), "{text}");
        assert_eq!(current(), None);
    });
}

#[test]
fn a_wrong_order_while_the_thread_panics_is_no_second_panic() {
    let _watchdog = watchdog(60);
    on_own_thread(|| {
        let (three, five) = (executor(3).handle(), executor(5).handle());
        let text = panic_of(|| {
            // Its parts are dropped in this order, the earlier one first.
            let _both = (three.enter(), five.enter());
            panic!("the first");
        });
        assert_eq!(text, "the first");
    });
}

#[test]
fn a_guard_that_is_forgotten_keeps_its_executor_current_although_the_handle_is_gone() {
    let _watchdog = watchdog(60);
    on_own_thread(|| {
        let own = executor(3);
        let handle = own.handle();
        mem::forget(handle.enter());
        drop((handle, own));
        assert_eq!(current(), Some(3));
        assert!(
            executor::block_on(executor::spawn(async {}))
                .unwrap_err()
                .is_cancelled()
        );
    });
}

#[test]
fn the_destructor_of_a_thread_local_may_drop_a_guard() {
    let _watchdog = watchdog(60);
    let (send, seen) = mpsc::channel();
    on_own_thread(|| {
        let handle: &'static Handle = Box::leak(Box::new(executor(3).handle()));
        let guard = handle.enter();
        at_thread_end(move || {
            let before = current();
            drop(guard);
            send.send([before, current()]).unwrap();
        });
    });
    assert_eq!(seen.recv().unwrap(), [Some(3), None]);
}
