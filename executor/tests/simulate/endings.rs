//! How a simulation that has failed ends: nothing that the program does keeps it from that.

use crate::{HOUR, assert_kind, common, found_within};
use executor::{
    TaskBuilder, block_on,
    sim::{FailureKind, Simulation},
    simulate, spawn,
    time::sleep,
    yield_now,
};
use std::{
    future::{pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    task::Poll,
};

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_destructor_of_mains_may_panic() {
    let _watchdog = common::watchdog(20);
    let failure = found_within(1, async || {
        let _panics = OnDrop(|| common::quiet_panic("in a destructor"));
        pending::<()>().await;
    });
    assert_kind(&failure, FailureKind::Deadlock);
    // Nothing else is wrong there.
    let failure = found_within(1, || {
        let panics = OnDrop(|| common::quiet_panic("in a destructor"));
        poll_fn(move |_| {
            _ = &panics;
            Poll::Ready(())
        })
    });
    assert_kind(&failure, FailureKind::Panic);
    assert!(failure.to_string().contains("in a destructor"), "{failure}");
}

#[test]
fn a_destructor_of_mains_that_goes_on_for_ever_is_left() {
    let _watchdog = common::watchdog(60);
    let endless = async || {
        loop {
            yield_now().await;
        }
    };
    let asleep = async || pending::<()>().await;
    assert_left(endless);
    assert_left(asleep);
}

#[track_caller]
fn assert_left(what: impl AsyncFn()) {
    let after = AtomicUsize::new(0);
    let main = async || {
        let _after = OnDrop(|| _ = after.fetch_add(1, SeqCst));
        let _blocks = OnDrop(|| block_on(what()));
        pending::<()>().await;
    };
    let failure = Simulation::new().step_limit(1_000).run(main).unwrap_err();
    assert_kind(&failure, FailureKind::Deadlock);
    assert_eq!(after.load(SeqCst), 1, "the others are dropped");
}

#[test]
fn a_program_that_never_lets_go_of_block_on_is_aborted_with_the_failure() {
    let _watchdog = common::watchdog(60);
    if common::is_child() {
        simulate(async {
            loop {
                _ = catch_unwind(|| block_on(pending::<()>()));
            }
        });
        return;
    }
    let output = common::output_of(common::child());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!common::passed(&output), "{text}");
    assert!(
        text.contains("deadlock: ") && text.contains("EXECUTOR_SEED="),
        "{text}"
    );
    assert!(text.contains("the process is aborted"), "{text}");
}

#[test]
fn a_call_that_is_abandoned_is_not_reported_as_a_panic_of_its_task() {
    if common::is_child() {
        let failure = found_within(1, async || {
            let task = TaskBuilder::new().name("innocent");
            let task = task.spawn(async { block_on(pending::<()>()) });
            sleep(HOUR).await;
            task.await.unwrap();
        });
        assert_kind(&failure, FailureKind::Deadlock);
        return;
    }
    let output = common::output_of(common::child());
    let text = String::from_utf8_lossy(&output.stderr);
    common::assert_passed("the child", &output);
    assert!(!text.contains("innocent"), "{text}");
}

#[test]
fn what_is_caught_in_a_task_does_not_keep_the_others() {
    let _watchdog = common::watchdog(60);
    let failure = found_within(1, async || {
        let caught = spawn(async {
            let call = || block_on(pending::<()>());
            catch_unwind(AssertUnwindSafe(call)).is_err()
        });
        caught.await.unwrap();
    });
    assert_kind(&failure, FailureKind::Deadlock);
}
