//! A `main` as Go runs it: for the lessons that turn on who comes first.

use std::future::Future;
use std::{panic, process};

use executor::Executor;

/// Runs `main` as a task like any other, on one worker, and ends the process as
/// soon as it returns, whatever else is going on. Go's runtime does just that.
///
/// One worker (`runtime.GOMAXPROCS(1)`), because with more of them a new task
/// may begin at once, next to main: as a rule it does not, but it may. With one,
/// it certainly has to wait until main waits, and the end of the process cannot
/// come in the middle of a line that a task prints.
pub fn go_main(main: impl Future<Output = ()> + Send + 'static) -> crate::Result<()> {
    // Without hand-off: not even a slow terminal brings in a second thread.
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
