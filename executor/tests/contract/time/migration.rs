//! Sleeps that begin in one place and end in another.

use super::*;

#[test]
fn a_sleep_that_began_in_block_on_goes_on_elsewhere() {
    let _watchdog = watchdog(60);
    end_everywhere(block_on(join_all([(); 4].map(|()| begun(A_WHILE)))));
}

#[test]
fn a_sleep_that_began_in_a_task_outlives_the_executor() {
    let _watchdog = watchdog(60);
    let first = executor(1);
    let task = first.spawn(join_all([(); 4].map(|()| begun(A_WHILE))));
    let sleeps = first.block_on(task).unwrap();
    drop(first);
    end_everywhere(sleeps);
}

/// Without a call of our `block_on` on this thread, which might see to what an earlier one has
/// left.
#[track_caller]
fn end_everywhere(sleeps: Vec<Pin<Box<Sleep>>>) {
    let own = executor(1);
    let [in_task, in_block_on, in_a_block_on_of_own, in_foreign] = sleeps
        .try_into()
        .map(|all: [_; 4]| all.map(the_rest_of))
        .unwrap();
    let task = own.spawn(in_task);
    let handle = own.handle();
    let threads = [
        thread::spawn(|| block_on(in_block_on)),
        thread::spawn(move || handle.block_on(in_a_block_on_of_own)),
    ];
    futures::executor::block_on(in_foreign);
    futures::executor::block_on(task).unwrap();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_task_that_waits_for_a_sleep_from_elsewhere_survives_the_end_of_that_place() {
    let _watchdog = watchdog(60);
    let own = steady_executor(1);
    for handoff in [false, true] {
        let first = Executor::builder()
            .workers(1)
            .handoff(handoff)
            .build()
            .unwrap();
        let sleep = first.block_on(first.spawn(begun(A_WHILE))).unwrap();
        let from_executor = own.spawn(the_rest_of(sleep));
        let (send, receive) = mpsc::channel();
        block_on(async {
            send.send(own.spawn(the_rest_of(begun(A_WHILE).await)))
                .unwrap();
            // Both have been polled there by the time this ends.
            own.spawn(async {}).await.unwrap();
        });
        let from_block_on = receive.recv().unwrap();
        // Keeps the scheduler in memory, but nobody works there any more.
        let _handle = first.handle();
        drop(first);
        // Our own would see to what the call above has left.
        futures::executor::block_on(from_executor).unwrap();
        futures::executor::block_on(from_block_on).unwrap();
    }
}

#[test]
fn dropping_an_executor_does_not_wait_for_sleeps_but_drops_them() {
    let _watchdog = watchdog(60);
    for (workers, handoff) in [(1, true), (4, true), (1, false), (4, false)] {
        let (ledger, threads) = (Ledger::new(), Ledger::new());
        let count = threads.clone();
        let own = Executor::builder()
            .workers(workers)
            .handoff(handoff)
            .on_thread_start(move || {
                let guard = count.guard();
                at_thread_end(|| drop(guard));
            })
            .build()
            .unwrap();
        for i in 0..100 {
            let guard = ledger.guard();
            drop(own.spawn(async move {
                sleep(if i == 0 { SHORT } else { HOUR }).await;
                drop(guard);
            }));
        }
        eventually("most wait", || own.metrics().suspended_tasks() >= 99);
        drop(own);
        ledger.assert_settled();
        threads.assert_settled();
    }
}
