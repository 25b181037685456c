//! The nth allocation fails, for each n: the process is aborted, and says why, or all comes to its
//! end with the right results. It never hangs, and never forgets a task. (A test binary of its own,
//! for its allocator.)
#![cfg(all(unix, not(loom)))]

mod common;

use common::{PATIENCE, output_within, passed, quiet_panic, role, watchdog};
use executor::time::{sleep, timeout};
use futures::future::join_all;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    env,
    future::pending,
    os::unix::process::ExitStatusExt,
    process::Output,
    ptr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
    time::Duration,
};

/// The system's, without the allocation that a test has chosen.
struct Failing;

/// Whether allocations are counted, and fail.
static ARMED: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// The number of the one that fails; 0 is none.
static FAILS: AtomicUsize = AtomicUsize::new(0);

fn refused() -> bool {
    ARMED.load(SeqCst) && COUNT.fetch_add(1, SeqCst) + 1 == FAILS.load(SeqCst)
}

// SAFETY: what it returns is null, which says that there is no memory, or the system's; which frees
// it.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if refused() {
            return ptr::null_mut();
        }
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if refused() {
            return ptr::null_mut();
        }
        // SAFETY: as above; the block is the system's.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above; the block is the system's.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Failing = Failing;

/// A little of everything that allocates; returns what it should come to.
fn everything(workers: usize) -> usize {
    let own = common::executor(workers);
    let mut sum = own.block_on(async {
        let waits = own.spawn(pending::<()>());
        let tasks = (0..10).map(|i| {
            own.spawn(async move {
                executor::yield_now().await;
                sleep(Duration::from_micros(50)).await;
                executor::spawn(async move { i }).await.unwrap()
            })
        });
        let mut sum: usize = join_all(tasks).await.into_iter().map(Result::unwrap).sum();
        sum += own.spawn_blocking(|| 100).await.unwrap();
        // A nested call, for which a stand-in comes.
        let nested = || executor::block_on(executor::spawn(async { 1_000 })).unwrap();
        sum += own.spawn(async move { nested() }).await.unwrap();
        let panics = own.spawn(async { quiet_panic("of the test") });
        sum += usize::from(panics.await.map(|never: ()| never).unwrap_err().is_panic());
        let late = timeout(Duration::from_micros(50), pending::<()>()).await;
        sum += usize::from(late.is_err());
        waits.abort();
        sum + usize::from(waits.await.unwrap_err().is_cancelled())
    });
    // A set of timers, which wake another than their task.
    let naps = (0..40).map(|_| sleep(Duration::from_micros(50)));
    sum += own.block_on(join_all(naps)).len();
    drop(own.spawn(async { executor::yield_now().await }));
    own.spawn(pending::<()>());
    let handle = own.handle();
    drop(own);
    let _entered = handle.enter();
    sum + usize::from(executor::spawn(async {}).is_finished())
}

/// Of `handle_alloc_error`, and of async-task, which aborts by itself where it gets no task.
const WORDS: [&str; 2] = ["memory allocation of", "aborting the process"];

const RIGHT: usize = 45 + 100 + 1_000 + 3 + 40 + 1;

/// What the child process is told.
const NTH: &str = "EXECUTOR_TEST_NTH";
const OF_WORKERS: &str = "EXECUTOR_TEST_OF_WORKERS";

#[test]
#[ignore = "a part of `an_allocation_that_fails_ends_the_process_or_harms_nothing`"]
fn role_fails_the_nth_allocation() {
    let number = |name| env::var(name).expect("its parent says").parse().unwrap();
    let workers = number(OF_WORKERS);
    FAILS.store(number(NTH), SeqCst);
    ARMED.store(true, SeqCst);
    let sum = everything(workers);
    ARMED.store(false, SeqCst);
    assert_eq!(sum, RIGHT);
    println!("<{} allocations>", COUNT.load(SeqCst));
}

fn with_nth_failing(nth: usize, workers: usize) -> Output {
    let mut command = role("role_fails_the_nth_allocation");
    command.env(NTH, nth.to_string());
    command.env(OF_WORKERS, workers.to_string());
    // Takes memory itself as it prints a panic, and with it the failure.
    command.env("RUST_BACKTRACE", "0");
    output_within(PATIENCE, command)
}

/// What it came to, in words.
fn fail_each_in_turn(workers: usize) -> String {
    let whole = with_nth_failing(0, workers);
    assert!(passed(&whole), "{whole:?}");
    let text = String::from_utf8_lossy(&whole.stdout);
    let count = text.split_once('<').unwrap().1.split_once(' ').unwrap().0;
    let allocations: usize = count.parse().unwrap();
    let mut aborts = 0;
    for nth in 1..=allocations {
        let output = with_nth_failing(nth, workers);
        if passed(&output) {
            continue;
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let said = WORDS.iter().any(|words| text.contains(words));
        assert!(
            output.status.signal() == Some(libc::SIGABRT) && said,
            "{workers} workers, allocation {nth} fails: {}\n{text}",
            output.status
        );
        aborts += 1;
    }
    // Else it is the test that fails.
    assert!(aborts > allocations / 2, "{aborts} of {allocations}");
    format!("{workers} workers: {aborts} of {allocations} end the process")
}

#[test]
fn an_allocation_that_fails_ends_the_process_or_harms_nothing() {
    let _watchdog = watchdog(200);
    let both = thread::scope(|scope| {
        [1, 2]
            .map(|n| scope.spawn(move || fail_each_in_turn(n)))
            .map(|thread| thread.join().unwrap())
    });
    println!("{}", both.join("\n"));
}
