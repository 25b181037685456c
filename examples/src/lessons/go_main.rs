//! A `main` as Go runs it, for the lessons in which it matters who comes first.

use std::future::Future;
use std::{panic, process};

use executor::Executor;

/// Runs `main` as a task like any other, on one worker, and ends the process as
/// soon as `main` returns, whatever else is going on. Go's runtime does the same.
///
/// There is one worker (`runtime.GOMAXPROCS(1)`), so a new task has to wait until
/// main waits, and the process cannot end in the middle of a line that a task
/// prints. With more workers a new task may begin beside main, though it rarely
/// does.
pub fn go_main(main: impl Future<Output = ()> + Send + 'static) -> crate::Result<()> {
    // Without hand-off, not even a slow terminal brings in a second thread.
    let executor = Executor::builder().workers(1).handoff(false).build()?;
    let main = executor.spawn(async {
        main.await;
        process::exit(0)
    });
    match executor.block_on(main) {
        Ok(never) => never,
        Err(error) => panic::resume_unwind(error.into_panic()),
    }
}
