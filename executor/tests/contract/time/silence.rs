//! What timers cost that are not due.

use super::*;
use crate::{
    common::{Wakers, in_own_process},
    idle::assert_silent,
};
use executor::Handle;

#[test]
fn long_sleeps_use_no_cpu() {
    in_own_process(|| {
        let own = executor(4);
        for duration in [HOUR, Duration::MAX, Duration::from_millis(u64::MAX)] {
            drop(own.spawn(sleep(duration)));
            drop(executor::spawn(sleep(duration)));
        }
        let waits = thread::spawn(|| block_on(timeout(Duration::MAX, pending::<()>())));
        // On a thread without an executor.
        let outside = futures::executor::block_on(begun(Duration::MAX));
        let bells = Wakers::new();
        drop(own.spawn(timeout(HOUR, bells.forever())));
        eventually("they wait", || {
            own.metrics().suspended_tasks() == 4 && bells.len() == 1
        });
        // The threads of the default one may not all have started.
        assert_silent(&[own.handle(), Handle::current()]);
        assert!(!outside.is_elapsed() && !waits.is_finished());
        assert_eq!(own.metrics().suspended_tasks(), 4);
    });
}

#[test]
fn sleeps_that_are_no_more_use_no_cpu() {
    in_own_process(|| {
        let own = executor(4);
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                own.spawn(async {
                    for _ in 0..10 {
                        drop(join_all([(); 100].map(|()| begun(Duration::from_secs(30)))).await);
                        executor::yield_now().await;
                    }
                })
            })
            .collect();
        for outcome in own.block_on(join_all(tasks)) {
            outcome.unwrap();
        }
        assert_silent(&[own.handle()]);
    });
}
