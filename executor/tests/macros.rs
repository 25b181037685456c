//! The attributes of the feature `macros`. What they refuse is in `misuse`.
#![cfg(all(feature = "macros", not(loom)))]

mod common;

use common::{Ledger, in_own_process, quiet_panic, watchdog};
use executor::{Handle, JoinError, TaskId};
use std::{
    future::pending,
    io,
    panic::catch_unwind,
    rc::Rc,
    sync::{Mutex, PoisonError},
    thread,
};

/// This crate by another name.
mod renamed {
    pub use executor as rt;
}

fn workers() -> usize {
    Handle::current().metrics().workers()
}

#[executor::main]
async fn plain_main() -> Result<usize, JoinError> {
    let not_send = Rc::new(());
    executor::yield_now().await;
    drop(not_send);
    assert_eq!(TaskId::current(), None);
    executor::spawn(async { workers() }).await
}

#[executor::main(workers = 3)]
async fn main_with_three() -> usize {
    executor::spawn(async { workers() }).await.unwrap()
}

#[executor::main(crate = crate::renamed::rt, workers = 1_0usize,)]
pub(crate) async fn main_of_a_renamed_crate() -> usize {
    workers()
}

#[test]
fn a_main_runs_on_the_default_executor_on_the_calling_thread() {
    in_own_process(|| {
        assert!(plain_main().unwrap() >= 1);
        // As often as one likes.
        assert!(plain_main().unwrap() >= 1);
    });
}

#[test]
fn the_number_of_workers_is_the_default_executors() {
    in_own_process(|| {
        assert_eq!(main_with_three(), 3);
        assert_eq!(executor::block_on(async { workers() }), 3);
        let text = catch_unwind(main_with_three).unwrap_err();
        let text = text.downcast::<String>().unwrap();
        assert!(text.contains("has started already"), "{text}");
    });
}

#[test]
fn the_crate_may_have_another_name() {
    in_own_process(|| assert_eq!(main_of_a_renamed_crate(), 10));
}

#[executor::test]
async fn a_test_has_an_executor_of_its_own() {
    let _watchdog = watchdog(60);
    let default = thread::spawn(|| format!("{:?}", Handle::current()))
        .join()
        .unwrap();
    assert_ne!(format!("{:?}", Handle::current()), default);
    let inside = executor::spawn(async { format!("{:?}", Handle::current()) });
    assert_eq!(inside.await.unwrap(), format!("{:?}", Handle::current()));
}

#[executor::test(workers = 3)]
async fn a_test_may_say_how_many_workers_that_has() {
    let _watchdog = watchdog(60);
    assert_eq!(workers(), 3);
}

#[executor::test(crate = renamed::rt)]
async fn a_test_may_find_the_crate_by_another_name() {
    let _watchdog = watchdog(60);
    assert!(workers() >= 1);
}

#[executor::test]
async fn a_test_may_return_a_result() -> io::Result<()> {
    let _watchdog = watchdog(60);
    Ok(executor::spawn(async {}).await?)
}

#[executor::test]
#[should_panic(expected = "as it should")]
async fn a_test_may_panic_if_it_should() {
    let _watchdog = watchdog(60);
    executor::yield_now().await;
    quiet_panic("as it should");
}

/// What a test has left behind that ended before.
static LEFT: Mutex<Option<Ledger>> = Mutex::new(None);

/// Is called by another one, and by nobody else.
#[executor::test]
#[ignore = "a part of another test"]
async fn role_leaves_a_task_and_fails() -> Result<(), String> {
    let ledger = Ledger::new();
    executor::spawn(ledger.track(pending::<()>()));
    *LEFT.lock().unwrap_or_else(PoisonError::into_inner) = Some(ledger);
    Err("and fails".into())
}

/// Is called by another one, and by nobody else.
#[executor::test]
#[ignore = "a part of another test"]
async fn role_leaves_a_task_and_panics() {
    let ledger = Ledger::new();
    executor::spawn(ledger.track(pending::<()>()));
    *LEFT.lock().unwrap_or_else(PoisonError::into_inner) = Some(ledger);
    quiet_panic("and panics");
}

#[test]
fn the_executor_of_a_test_is_dropped_at_its_end_however_that_ends() {
    let _watchdog = watchdog(60);
    assert_eq!(role_leaves_a_task_and_fails(), Err("and fails".into()));
    let left = LEFT.lock().unwrap().take().unwrap();
    assert_eq!(left.made(), 1);
    left.assert_settled();
    assert!(catch_unwind(role_leaves_a_task_and_panics).is_err());
    LEFT.lock().unwrap().take().unwrap().assert_settled();
}

/// Is called by another one, and by nobody else.
#[executor::test(workers = 2)]
#[ignore = "a part of another test"]
async fn role_spawns() {
    executor::spawn(async {}).await.unwrap();
}

#[test]
fn the_default_executor_is_not_started_by_a_test() {
    in_own_process(|| {
        role_spawns();
        let global = executor::Builder::new().workers(5).build_global().unwrap();
        assert_eq!(global.metrics().workers(), 5);
        assert_eq!(global.metrics().spawned_tasks(), 0);
    });
}
