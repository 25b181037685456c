//! The attributes of the feature `macros`. What they refuse is in `misuse`.
#![cfg(all(feature = "macros", not(loom)))]

mod common;

use common::{
    Ledger, assert_passed, child, in_own_process, is_child, output_of, quiet_panic, role, watchdog,
};
use executor::{
    Handle, JoinError, TaskId,
    sim::{is_simulated, random},
    time::{now, sleep},
};
use std::{
    future::pending,
    io,
    panic::catch_unwind,
    rc::Rc,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
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

#[executor::test(simulate)]
async fn a_test_may_be_simulated() -> Result<(), JoinError> {
    let _watchdog = watchdog(60);
    assert!(is_simulated());
    assert_eq!(workers(), 4);
    let (start, hour) = (now(), Duration::from_secs(3600));
    sleep(hour).await;
    assert!(now() >= start + hour);
    executor::spawn(async {}).await
}

#[executor::test(crate = renamed::rt, simulate, workers = 2, seeds = 20)]
async fn a_simulated_test_may_have_workers_and_another_crate() {
    let _watchdog = watchdog(60);
    assert!(is_simulated());
    assert_eq!(workers(), 2);
}

/// Which ran.
static SEEDS: Mutex<Vec<u64>> = Mutex::new(Vec::new());

/// Is called by others, and by nobody else.
#[executor::test(simulate, seeds = 30)]
#[ignore = "a part of another test"]
async fn role_is_simulated_with_thirty_seeds() {
    SEEDS.lock().unwrap().push(random());
}

#[test]
fn a_simulated_test_runs_with_so_many_seeds_or_with_the_one_that_is_asked_for() {
    for (seed, runs) in [(None, 30), (Some("7"), 1)] {
        if is_child() {
            let _watchdog = watchdog(60);
            role_is_simulated_with_thirty_seeds();
            let mut seeds = SEEDS.lock().unwrap().clone();
            seeds.sort_unstable();
            seeds.dedup();
            println!("{} seeds", seeds.len());
            return;
        }
        let mut child = child();
        child.envs(seed.map(|seed| ("EXECUTOR_SEED", seed)));
        let output = output_of(child);
        assert_passed("with seeds", &output);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&format!("{runs} seeds\n")), "{text}");
    }
}

/// Is called by another one, and by nobody else. Fails with one seed in eight.
#[executor::test(simulate, seeds = 100)]
#[ignore = "a part of another test"]
async fn role_fails_with_some_seeds() -> Result<(), String> {
    println!("\nrun");
    executor::yield_now().await;
    if random().is_multiple_of(8) {
        return Err("out of cheese".into());
    }
    Ok(())
}

#[test]
fn a_simulated_test_that_fails_says_which_line_replays_it() {
    let _watchdog = watchdog(100);
    let run = |seed: Option<&str>| {
        let mut command = role("role_fails_with_some_seeds");
        command.envs(seed.map(|seed| ("EXECUTOR_SEED", seed)));
        let output = output_of(command);
        assert!(!output.status.success());
        let text = String::from_utf8_lossy(&output.stdout);
        (
            text.matches("\nrun\n").count(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (runs, text) = run(None);
    let line = text
        .lines()
        .find(|line| line.starts_with("    EXECUTOR_SEED="));
    let line = line.unwrap_or_else(|| panic!("no line in {text}")).trim();
    let (seed, command) = line.split_once(' ').unwrap();
    assert_eq!(
        command,
        "cargo test -p executor --test macros role_fails_with_some_seeds -- --exact"
    );
    let seed = seed.strip_prefix("EXECUTOR_SEED=").unwrap();
    assert_eq!(runs.to_string(), seed, "one run for each seed, from 1 on");
    let (runs, replayed) = run(Some(seed));
    assert_eq!(runs, 1);
    assert!(replayed.contains(line), "{replayed}");
    for text in [text, replayed] {
        assert!(
            text.contains("the test returned an error: \"out of cheese\""),
            "{text}"
        );
    }
}

#[executor::test(simulate)]
#[should_panic(expected = "as it should")]
async fn a_simulated_test_may_panic_if_it_should() {
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
