//! Where a sleep works: everywhere.

use super::*;

#[test]
fn a_sleep_works_in_tasks_and_in_block_on() {
    let _watchdog = watchdog(60);
    block_on(nap());
    block_on(executor::spawn(nap())).unwrap();
    for workers in worker_counts() {
        let own = executor(workers);
        own.block_on(nap());
        own.block_on(own.spawn(nap())).unwrap();
    }
}

#[test]
fn a_sleep_works_in_nested_block_on() {
    let _watchdog = watchdog(60);
    for own in [executor(1), steady_executor(1)] {
        let nested = || block_on(async { block_on(nap()) });
        own.block_on(async { nested() });
        own.block_on(own.spawn(async move { nested() })).unwrap();
    }
}

#[test]
fn a_sleep_works_in_a_foreign_block_on_that_blocks_a_worker() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let foreign = || futures::executor::block_on(nap());
    own.block_on(own.spawn(async move { block_in_place(foreign) }))
        .unwrap();
    own.block_on(own.spawn_blocking(foreign)).unwrap();
    // Nobody has said that it blocks.
    own.block_on(own.spawn(async move { foreign() })).unwrap();
}

#[test]
fn a_sleep_works_on_a_thread_of_no_executor() {
    let _watchdog = watchdog(60);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| futures::executor::block_on(nap()));
        }
    });
}

#[test]
fn a_sleep_works_in_a_runtime_of_tokio() {
    let _watchdog = watchdog(60);
    use tokio::runtime::Builder;
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let tokio = builder.build().unwrap();
        tokio.block_on(nap());
        tokio.block_on(tokio.spawn(nap())).unwrap();
    }
}

#[test]
fn a_sleep_works_in_another_executors_worker() {
    let _watchdog = watchdog(60);
    let (own, other) = (executor(1), Arc::new(executor(1)));
    let inside = other.clone();
    let task = own.spawn(async move {
        inside.block_on(nap());
        inside.spawn(nap()).await.unwrap();
        inside.block_on(inside.spawn(nap())).unwrap();
        nap().await;
    });
    own.block_on(task).unwrap();
}

#[test]
fn timers_of_async_io_work_in_tasks() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let task = own.spawn(async {
        let deadline = Instant::now() + SHORT;
        async_io::Timer::after(SHORT).await;
        nap().await;
        Instant::now() >= deadline + SHORT
    });
    assert!(own.block_on(task).unwrap());
}

#[test]
fn sleeps_of_tokio_work_in_tasks_when_a_runtime_of_tokio_drives_them() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let handle = tokio.handle().clone();
    let task = own.spawn(async move {
        let deadline = Instant::now() + SHORT;
        let sleep = {
            let _inside = handle.enter();
            tokio::time::sleep(SHORT)
        };
        sleep.await;
        nap().await;
        Instant::now() >= deadline + SHORT
    });
    assert!(own.block_on(task).unwrap());
}

#[test]
fn a_sleep_works_while_another_future_is_being_dropped() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let (bell, waker) = Bell::new();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    let on_drop = OnDrop(move || {
        let mut sleep = Box::pin(sleep(SHORT));
        let first_poll = poll_with(&waker, &mut sleep);
        keep.lock().unwrap().push((sleep, first_poll));
        block_on(nap());
    });
    let dropped_inside = own.spawn(async move { drop(on_drop) });
    own.block_on(dropped_inside).unwrap();
    let (sleep, first_poll) = kept.lock().unwrap().pop().unwrap();
    // One that is over at its first poll wakes nobody.
    if first_poll.is_pending() {
        eventually("it rings", || bell.rings() == 1);
    }
    assert!(sleep.is_elapsed());
}
