//! What tasks may do while they are asked, and where a dump may be made.

use super::{HOUR, LONG, SHORT, all_wait, alone, common, info};
use common::{
    Gate, OnDrop, Wakers, assert_sound, eventually, executor, in_own_process, quiet_panic,
    steady_executor, watchdog,
};
use executor::{
    Executor, Handle, JoinHandle,
    dump::{Silence, TaskInfo, TaskState},
    time::sleep,
};
use futures::future::{BoxFuture, FutureExt};
use std::{
    future::{Future, pending, poll_fn},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

/// A future that waits, and does this in its next poll.
fn when_polled_again<T>(
    act: impl FnOnce(&mut Context<'_>) -> Poll<T> + Send,
) -> impl Future<Output = T> + Send {
    let (mut act, mut waker) = (Some(act), None);
    poll_fn(move |cx| {
        if waker.is_none() {
            waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        act.take().map_or(Poll::Pending, |act| act(cx))
    })
}

/// Makes a dump of an executor with a task that does this when it is asked, and another one, which
/// must be told all the same. Returns what it says of the task, unless that has ended.
#[track_caller]
fn dump_while<T: Send + 'static>(
    own: &Executor,
    act: impl FnOnce(&mut Context<'_>) -> Poll<T> + Send + 'static,
) -> (JoinHandle<T>, Option<TaskInfo>) {
    let task = own.spawn(when_polled_again(act));
    let other = own.spawn(sleep(HOUR));
    all_wait(own, 2);
    let start = Instant::now();
    let dump = own.handle().dump_stacks(LONG);
    assert!(start.elapsed() < LONG);
    assert_eq!(info(&dump, other.id()).stacks().len(), 1, "{dump}");
    other.abort();
    let told = dump.tasks().iter().find(|told| told.id() == task.id());
    (task, told.cloned())
}

#[test]
fn a_task_may_end_when_it_is_asked() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = executor(2);
    let (task, told) = dump_while(&own, |_| Poll::Ready(7));
    assert!(told.is_none(), "{told:?}");
    assert_eq!(own.block_on(task).unwrap(), 7);
    assert_sound(&own);
}

#[test]
fn a_task_may_panic_when_it_is_asked() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = executor(2);
    let (task, told) = dump_while(&own, |_| -> Poll<()> { quiet_panic("asked") });
    assert!(told.is_none(), "{told:?}");
    assert!(own.block_on(task).unwrap_err().is_panic());
    assert_sound(&own);
}

#[test]
fn a_task_may_wake_itself_when_it_is_asked() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = executor(2);
    let (task, told) = dump_while(&own, |cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    let told = told.unwrap();
    assert_eq!(told.silence(), Some(Silence::Woken));
    assert_eq!(told.state(), TaskState::Runnable);
    all_wait(&own, 1);
    task.abort();
}

#[test]
fn a_task_that_is_woken_by_a_clone_when_it_is_asked_does_not_wait() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = steady_executor(1);
    let gate = Gate::new();
    let _open = OnDrop({
        let gate = gate.clone();
        move || gate.open()
    });
    let task = own.spawn(when_polled_again(move |cx| {
        // Before the task, once this poll is over.
        executor::spawn(async move { gate.spin() });
        let clone = cx.waker().clone();
        clone.wake();
        Poll::<()>::Pending
    }));
    own.spawn(sleep(HOUR));
    all_wait(&own, 2);
    let dump = own.handle().dump_stacks(SHORT);
    let told = info(&dump, task.id());
    assert_eq!(told.state(), TaskState::Runnable, "{dump}");
    assert_eq!(told.stacks().len(), 1, "{dump}");
}

#[test]
fn a_leaked_task_that_leaves_a_waker_when_it_is_asked_is_leaked_no_more() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = Executor::builder().workers(1).track(true).build().unwrap();
    let wakers = Wakers::new();
    let task = own.spawn({
        let (wakers, mut polls) = (wakers.clone(), 0);
        poll_fn(move |cx| {
            polls += 1;
            if polls > 1 {
                wakers.add(cx.waker());
            }
            Poll::<()>::Pending
        })
    });
    let leaked = own.spawn(pending::<()>());
    let joins = own.spawn(leaked);
    eventually("three are leaked", || {
        own.handle().dump().leaked().count() == 3
    });
    let dump = own.handle().dump_stacks(LONG);
    let told = info(&dump, task.id());
    assert_eq!(told.state(), TaskState::Waiting, "{dump}");
    assert_eq!(told.wakers(), Some(wakers.len()), "{dump}");
    assert_eq!(info(&dump, joins.id()).state(), TaskState::Leaked, "{dump}");
    assert_eq!(dump.leaked().count(), 2, "{dump}");
}

#[test]
fn a_task_may_abort_another_when_it_is_asked_and_itself() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = executor(1);
    let victim = own.spawn(pending::<()>());
    let abort = victim.abort_handle();
    all_wait(&own, 1);
    let (send, receive) = std::sync::mpsc::channel::<executor::AbortHandle>();
    let task = own.spawn(when_polled_again(move |_| {
        abort.abort();
        receive.recv().unwrap().abort();
        Poll::<()>::Pending
    }));
    send.send(task.abort_handle()).unwrap();
    all_wait(&own, 2);
    let start = Instant::now();
    _ = own.handle().dump_stacks(LONG);
    assert!(start.elapsed() < LONG);
    assert!(own.block_on(victim).unwrap_err().is_cancelled());
    assert!(own.block_on(task).unwrap_err().is_cancelled());
    assert_sound(&own);
}

#[test]
fn tasks_that_spawn_for_ever_are_no_reason_to_go_on_for_ever() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = executor(2);
    fn spawner(spawned: Arc<AtomicUsize>) -> BoxFuture<'static, ()> {
        when_polled_again(move |_| {
            for _ in 0..2 {
                executor::spawn(spawner(spawned.clone()));
            }
            spawned.fetch_add(2, SeqCst);
            Poll::Ready(())
        })
        .boxed()
    }
    let spawned = Arc::default();
    for _ in 0..100 {
        own.spawn(spawner(Arc::clone(&spawned)));
    }
    all_wait(&own, 100);
    let dump = own.handle().dump_stacks(LONG);
    assert!(dump.tasks().is_empty(), "who has ended is not told: {dump}");
    assert_eq!(spawned.load(SeqCst), 200);
}

#[test]
fn a_task_that_makes_a_dump_when_it_is_asked_is_told_nothing() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = executor(2);
    let handle = own.handle();
    let (task, told) = dump_while(&own, move |_| {
        let dump = handle.dump_stacks(LONG);
        let mut tasks = dump.tasks().iter();
        Poll::Ready(tasks.all(|task| task.stacks().is_empty()))
    });
    assert!(told.is_none(), "{told:?}");
    assert!(own.block_on(task).unwrap());
}

#[test]
fn a_task_may_drop_an_executor_when_it_is_asked() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = executor(2);
    let other = executor(1);
    let task = other.spawn(pending::<()>());
    let (dropped, told) = dump_while(&own, move |_| {
        drop(other);
        Poll::Ready(())
    });
    assert!(told.is_none(), "{told:?}");
    own.block_on(dropped).unwrap();
    assert!(own.block_on(task).unwrap_err().is_cancelled());
    // Its own, too.
    let place = Arc::new(Mutex::new(None));
    let mine = Arc::clone(&place);
    let own = executor(1);
    let handle = own.handle();
    own.spawn(when_polled_again(move |_| {
        drop(mine.lock().unwrap().take());
        Poll::<()>::Pending
    }));
    all_wait(&own, 1);
    *place.lock().unwrap() = Some(own);
    _ = handle.dump_stacks(LONG);
    assert!(place.lock().unwrap().is_none());
}

#[test]
fn dumps_at_once_are_all_made() {
    let _alone = alone();
    let _watchdog = watchdog(60);
    let own = executor(2);
    for _ in 0..100 {
        own.spawn(sleep(HOUR));
    }
    all_wait(&own, 100);
    let threads = [(); 4].map(|()| {
        let handle = own.handle();
        thread::spawn(move || {
            (0..20)
                .map(|_| handle.dump_stacks(LONG))
                .collect::<Vec<_>>()
        })
    });
    for dump in threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
    {
        let mut waiting = dump
            .tasks()
            .iter()
            .filter(|task| task.state() == TaskState::Waiting);
        assert!(waiting.all(|task| task.stacks().len() == 1), "{dump}");
    }
}

#[test]
fn a_dump_may_be_made_anywhere() {
    let _alone = alone();
    let _watchdog = watchdog(60);
    let own = executor(1);
    let waiting = own.spawn(sleep(HOUR)).id();
    all_wait(&own, 1);
    let made = Arc::new(AtomicUsize::new(0));
    let dump = {
        let (made, handle) = (made.clone(), own.handle());
        move || {
            let dump = handle.dump_stacks(LONG);
            assert_eq!(info(&dump, waiting).stacks().len(), 1, "{dump}");
            made.fetch_add(1, SeqCst);
        }
    };
    // In `block_on`, and in a task of another executor.
    own.block_on(async { dump() });
    let other = executor(1);
    other
        .block_on(other.spawn(futures::future::lazy(clone_call(&dump))))
        .unwrap();
    // In a destructor of a task.
    let at_end = OnDrop(dump.clone());
    let task = own.spawn(async move {
        let _at_end = at_end;
        pending::<()>().await;
    });
    all_wait(&own, 2);
    assert!(own.block_on(task.cancel()).is_none());
    // In a waker: that of whoever awaits a task, on a worker.
    struct Dumps<F>(F);
    impl<F: Fn() + Send + Sync> Wake for Dumps<F> {
        fn wake(self: Arc<Self>) {
            (self.0)();
        }
    }
    let mut task = own.spawn(when_polled_again(|_| Poll::Ready(())));
    all_wait(&own, 2);
    let waker = Waker::from(Arc::new(Dumps(dump.clone())));
    assert!(
        task.poll_unpin(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let before = made.load(SeqCst);
    dump();
    eventually("the waker has made its dump", || {
        made.load(SeqCst) >= before + 2
    });
}

fn clone_call<F: Fn() + Clone>(f: &F) -> impl FnOnce(&mut Context<'_>) + use<F> {
    let f = f.clone();
    move |_| f()
}

#[test]
fn a_dump_during_the_end_of_an_executor_comes_to_its_end() {
    let _alone = alone();
    let _watchdog = watchdog(60);
    for round in 0..20 {
        let own = executor(2);
        for _ in 0..200 {
            own.spawn(sleep(HOUR));
        }
        let handle = own.handle();
        let dumper = thread::spawn(move || {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(20) {
                _ = handle.dump_stacks(LONG);
            }
            handle
        });
        thread::sleep(Duration::from_millis(round));
        let start = Instant::now();
        drop(own);
        let handle = dumper.join().unwrap();
        assert!(start.elapsed() < LONG);
        assert!(handle.dump_stacks(LONG).tasks().is_empty());
    }
}

#[test]
fn an_executor_without_a_free_thread_is_told_of_what_can_be_told() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = Executor::builder()
        .workers(1)
        .max_threads(1)
        .build()
        .unwrap();
    let waiting = own.spawn(sleep(HOUR)).id();
    all_wait(&own, 1);
    let handle = own.handle();
    // No stand-in can come while its only worker makes the dump.
    let dump = own.block_on(own.spawn(async move { handle.dump_stacks(SHORT) }));
    let dump = dump.unwrap();
    assert_eq!(info(&dump, waiting).silence(), Some(Silence::NotPolled));
    assert!(matches!(
        info(&dump, waiting).state(),
        TaskState::Waiting | TaskState::Runnable
    ));
    assert_sound(&own);
}

#[test]
#[cfg(unix)]
fn in_a_forked_child_nobody_is_asked() {
    let _alone = alone();
    in_own_process(|| {
        let own = executor(1);
        let waiting = own.spawn(sleep(HOUR)).id();
        all_wait(&own, 1);
        let handle: Handle = own.handle();
        common::limits::in_fork(|| {
            let start = Instant::now();
            let dump = handle.dump_stacks(LONG);
            assert!(start.elapsed() < LONG);
            assert_eq!(info(&dump, waiting).silence(), Some(Silence::NotAsked));
        });
    });
}
