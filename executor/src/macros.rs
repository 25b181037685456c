//! What the attributes of the feature `macros` call.

use crate::{builder::Builder, free::block_on};
use std::future::Future;

/// Runs the future of a `main`: with a number of workers for the default executor, if there is one.
#[track_caller]
pub fn main<F: Future>(workers: Option<usize>, main: F) -> F::Output {
    if let Some(workers) = workers {
        let started = Builder::new().workers(workers).build_global();
        if let Err(error) = started {
            panic!("the default executor cannot start: {error}");
        }
    }
    block_on(main)
}

/// Runs the future of a test on an executor of its own, which ends with it.
#[track_caller]
pub fn test<F: Future>(workers: Option<usize>, test: F) -> F::Output {
    let mut builder = Builder::new();
    if let Some(workers) = workers {
        builder = builder.workers(workers);
    }
    match builder.build() {
        Ok(executor) => executor.block_on(test),
        Err(error) => panic!("the test's executor cannot start: {error}"),
    }
}
