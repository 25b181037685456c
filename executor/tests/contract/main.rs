//! The promises of `executor`'s public interface, one test each, named after the promise.

#[path = "../common/mod.rs"]
mod common;

/// A test each, whose body is run on executors of one worker and of two: in `block_on`, and as a
/// task.
macro_rules! promises {
    ($(async fn $promise:ident() $body:block)*) => {
        $(
            #[test]
            fn $promise() {
                async fn promise() $body
                crate::keep(promise);
            }
        )*
    };
}

mod abort;
mod abort_handle;
mod anywhere;
mod block_on;
mod blocking;
mod builder;
mod current_task;
mod enter;
mod fairness;
mod giving_way;
mod global;
mod handle;
mod histograms;
mod idle;
mod join;
mod join_set;
mod last_steps;
mod metrics;
mod observer;
mod set_workers;
mod shutdown;
mod spawn;
mod task_builder;
mod time;
mod traits;

fn keep<F: Future<Output = ()> + Send + 'static>(promise: fn() -> F) {
    let _watchdog = common::watchdog(60);
    for workers in common::worker_counts() {
        let own = common::executor(workers);
        own.block_on(promise());
        own.block_on(own.spawn(promise())).unwrap();
    }
}
