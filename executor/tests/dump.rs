//! `Handle::dump`: what each task does, and who will never be woken.

mod common;

use common::{Gate, effort, executor, watchdog};
use executor::{
    Executor, Handle, JoinHandle, TaskBuilder, TaskId,
    dump::{Dump, TaskInfo, TaskState},
    time::sleep,
    yield_now,
};
use std::{
    future::{Future, pending, poll_fn},
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

/// An executor that tracks its tasks.
fn tracking(workers: usize) -> Executor {
    let builder = Executor::builder().workers(workers).track(true);
    builder.build().expect("an executor starts")
}

/// Dumps until `f` finds what it waits for.
fn dump_until<T>(handle: &Handle, f: impl Fn(&Dump) -> Option<T>) -> T {
    loop {
        if let Some(found) = f(&handle.dump()) {
            return found;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn find(dump: &Dump, id: TaskId) -> Option<TaskInfo> {
    dump.tasks().iter().find(|task| task.id() == id).cloned()
}

/// Waits until a task is in this state.
fn until(handle: &Handle, id: TaskId, is: impl Fn(TaskState) -> bool) -> TaskInfo {
    dump_until(handle, |dump| {
        find(dump, id).filter(|task| is(task.state()))
    })
}

fn until_waiting(handle: &Handle, id: TaskId) -> TaskInfo {
    until(handle, id, |state| state == TaskState::Waiting)
}

fn until_leaked(handle: &Handle, id: TaskId) -> TaskInfo {
    until(handle, id, |state| state == TaskState::Leaked)
}

fn is_running(state: TaskState) -> bool {
    matches!(state, TaskState::Running { .. })
}

/// Keeps its thread until it is told to stop.
fn spin(stop: &Arc<AtomicBool>) -> impl Future<Output = ()> + Send + 'static {
    let stop = stop.clone();
    async move {
        while !stop.load(SeqCst) {
            std::hint::spin_loop();
        }
    }
}

#[test]
fn a_task_is_waiting_running_or_runnable_and_gone_when_it_has_ended() {
    let _watchdog = watchdog(60);
    for own in [executor(1), tracking(1)] {
        let handle = own.handle();
        let (wake, woken) = async_channel::bounded::<()>(1);
        let waits = own.spawn(async move { woken.recv().await });
        let info = until_waiting(&handle, waits.id());
        assert_eq!(info.spawned_at(), waits.id().spawned_at());

        // With `handoff_after` of 10 ms a stand-in would run what is woken behind the one that spins.
        drop(own);
        let own = Executor::builder()
            .workers(1)
            .handoff_after(Duration::from_secs(600))
            .track(info.polls().is_some())
            .build()
            .unwrap();
        let handle = own.handle();
        let _ = wake.try_send(());
        let (wake, woken) = async_channel::bounded::<()>(1);
        let waits = own.spawn(async move { woken.recv().await });
        until_waiting(&handle, waits.id());
        let stop = Arc::new(AtomicBool::new(false));
        let spins = own.spawn(spin(&stop));
        let info = until(&handle, spins.id(), is_running);
        assert!(matches!(info.state(), TaskState::Running { worker: 0, .. }));
        wake.try_send(()).unwrap();
        until(&handle, waits.id(), |state| state == TaskState::Runnable);
        stop.store(true, SeqCst);
        let ids = [waits.id(), spins.id()];
        own.block_on(async {
            waits.await.unwrap().unwrap();
            spins.await.unwrap();
        });
        let dump = handle.dump();
        assert!(ids.iter().all(|&id| find(&dump, id).is_none()), "{dump}");
    }
}

#[test]
fn a_dump_is_complete_while_all_workers_are_stuck() {
    let _watchdog = watchdog(60);
    let own = Executor::builder()
        .workers(2)
        .max_threads(2)
        .build()
        .unwrap();
    let handle = own.handle();
    let waits: Vec<_> = (0..100).map(|_| own.spawn(pending::<()>())).collect();
    waits
        .iter()
        .for_each(|task| _ = until_waiting(&handle, task.id()));
    let stop = Arc::new(AtomicBool::new(false));
    let stuck = [own.spawn(spin(&stop)), own.spawn(spin(&stop))];
    stuck
        .iter()
        .for_each(|task| _ = until(&handle, task.id(), is_running));
    // The monitor sees it twice.
    let lasts = |state| match state {
        TaskState::Running { lasts, .. } => lasts,
        _ => Duration::ZERO,
    };
    for task in &stuck {
        until(&handle, task.id(), |state| {
            lasts(state) > Duration::from_millis(100)
        });
    }
    let queued = own.spawn(async {});
    let dump = handle.dump();
    assert_eq!(dump.tasks().len(), 102, "{dump}");
    assert_eq!(dump.new_tasks(), 1);
    stop.store(true, SeqCst);
    own.block_on(queued).unwrap();
}

#[test]
fn a_caller_of_block_on_is_there_with_its_line_and_thread_as_long_as_it_waits() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let handle = own.handle();
    let (wake, woken) = async_channel::bounded::<()>(1);
    let line = line!() + 3;
    let thread = thread::Builder::new().name("caller".into()).spawn({
        let handle = handle.clone();
        move || handle.block_on(async move { woken.recv().await })
    });
    let call = dump_until(&handle, |dump| {
        let mut calls = dump
            .tasks()
            .iter()
            .filter(|task| task.state() == TaskState::BlockOn);
        calls
            .next()
            .filter(|call| call.wakers() == Some(1))
            .cloned()
    });
    assert_eq!(call.spawned_at().unwrap().line(), line);
    assert_eq!(call.parent(), None);
    assert!(handle.dump().to_string().contains("on thread `caller`"));
    wake.try_send(()).unwrap();
    thread.unwrap().join().unwrap().unwrap();
    assert_eq!(handle.dump().tasks(), []);
    // Nor after a panic in it, although a waker of it is left.
    let kept: Arc<Mutex<Option<Waker>>> = Arc::default();
    let keep = kept.clone();
    let panics = poll_fn(move |cx| -> Poll<()> {
        *keep.lock().unwrap() = Some(cx.waker().clone());
        panic!("wanted");
    });
    let panicked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handle.block_on(panics)));
    assert!(panicked.is_err());
    assert_eq!(handle.dump().tasks(), []);
    // One inside of a task has the task as its parent.
    let task = own.spawn(async { executor::block_on(async { Handle::current().dump() }) });
    let id = task.id();
    let dump = own.block_on(task).unwrap();
    let call = dump.tasks().iter().find(|task| task.parent() == Some(id));
    assert_eq!(call.unwrap().state(), TaskState::BlockOn, "{dump}");
}

#[test]
fn a_call_of_block_on_polls_or_waits_and_its_wakers_are_those_that_others_have() {
    let _watchdog = watchdog(60);
    for handoff in [true, false] {
        let own = Executor::builder().workers(2).handoff(handoff);
        let own = own.build().unwrap();
        let handle = own.handle();
        let is_told = |what| move |dump: &Dump| dump.to_string().contains(what).then_some(());
        let stop = Arc::new(AtomicBool::new(false));
        let (wake, woken) = async_channel::bounded::<()>(1);
        let call = thread::spawn({
            let (handle, computes) = (handle.clone(), spin(&stop));
            move || {
                handle.block_on(async move {
                    computes.await;
                    woken.recv().await.unwrap();
                });
            }
        });
        dump_until(&handle, is_told("`: polls\n"));
        stop.store(true, SeqCst);
        dump_until(&handle, is_told("`: waits, 1 waker\n"));
        // However many dumps are made at a time.
        let done = Arc::new(AtomicBool::new(false));
        let others = thread::spawn({
            let (handle, done) = (handle.clone(), done.clone());
            move || {
                while !done.load(SeqCst) {
                    let _ = handle.dump();
                }
            }
        });
        for _ in 0..2000 {
            let dump = handle.dump();
            assert_eq!(dump.tasks()[0].wakers(), Some(1), "{dump}");
        }
        done.store(true, SeqCst);
        others.join().unwrap();
        wake.try_send(()).unwrap();
        call.join().unwrap();
    }
}

#[test]
fn the_first_line_of_a_dump_counts_in_whole_sentences() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let tasks = [own.spawn(pending::<()>()), own.spawn(pending::<()>())];
    dump_until(&own.handle(), |dump| {
        let said = "2 tasks, 0 calls of `block_on`; 2 workers, 2 threads, 2 of them idle\n";
        dump.to_string().starts_with(said).then_some(())
    });
    drop(tasks);
    let own = executor(1);
    dump_until(&own.handle(), |dump| {
        let said = "0 tasks, 0 calls of `block_on`; 1 worker, 1 thread, 1 of them idle\n";
        dump.to_string().starts_with(said).then_some(())
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_thread_whose_thread_locals_are_gone_may_call_block_on() {
    /// What the system calls as the thread ends, and once more: first it may come before std has
    /// let go of the thread.
    struct Last {
        key: libc::pthread_key_t,
        handle: Handle,
        is_again: bool,
    }

    fn set(last: Last) {
        let key = last.key;
        let value = Box::into_raw(Box::new(last));
        // SAFETY: the key is made below, and not deleted.
        let result = unsafe { libc::pthread_setspecific(key, value.cast()) };
        assert_eq!(result, 0);
    }

    extern "C" fn calls(last: *mut libc::c_void) {
        // SAFETY: from `Box::into_raw` above; the system passes it on once.
        let mut last = *unsafe { Box::from_raw(last.cast::<Last>()) };
        last.handle.block_on(yield_now());
        if !mem::replace(&mut last.is_again, true) {
            set(last);
        }
    }

    let _watchdog = watchdog(60);
    let own = executor(1);
    let handle = own.handle();
    let mut key = 0;
    // SAFETY: a place for the key, and a function that does not unwind, or aborts.
    let result = unsafe { libc::pthread_key_create(&mut key, Some(calls)) };
    assert_eq!(result, 0);
    let thread = thread::spawn(move || {
        handle.block_on(yield_now());
        set(Last {
            key,
            handle,
            is_again: false,
        });
    });
    thread.join().unwrap();
}

#[test]
fn tasks_that_do_the_same_are_one_group_and_those_with_other_names_are_not() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let handle = own.handle();
    let spawn = |name: &'static str| {
        TaskBuilder::new()
            .name(name)
            .spawn_on(pending::<()>(), &handle)
    };
    let tasks: Vec<_> = ["a", "b", "b", "b"].into_iter().map(spawn).collect();
    tasks
        .iter()
        .for_each(|task| _ = until_waiting(&handle, task.id()));
    let dump = handle.dump();
    let groups = dump.groups();
    let found: Vec<_> = groups
        .iter()
        .map(|group| (group.count(), group.name()))
        .collect();
    assert_eq!(found, [(3, Some("b")), (1, Some("a"))]);
    assert!(dump.to_string().contains("3 tasks `b` at "), "{dump}");
}

#[test]
fn a_name_cannot_make_a_dump_say_more_than_it_does() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let hostile = TaskBuilder::new().name("x\n\ntask 1 at y\u{1b}[2J\u{202e}");
    let task = hostile.spawn_on(pending::<()>(), &own.handle());
    until_waiting(&own.handle(), task.id());
    let dump = own.handle().dump().to_string();
    let shown = r" `x\n\ntask 1 at y\u{1b}[2J\u{202e}` at ";
    assert!(dump.contains(shown), "{dump}");
}

#[test]
#[cfg(target_os = "linux")]
fn of_a_task_that_runs_it_is_said_whether_its_thread_sleeps_or_computes() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let (gate, handle) = (Gate::new(), own.handle());
    let (asleep, awake) = (gate.clone(), gate.clone());
    let tasks = [
        own.spawn(async move { asleep.wait() }),
        own.spawn(async move { awake.spin() }),
    ];
    let ids = tasks.each_ref().map(JoinHandle::id);
    for (id, does) in ids.into_iter().zip([", asleep in futex", ", computing"]) {
        let of_task = format!("\ntask {id} at ");
        dump_until(&handle, |dump| {
            let dump = dump.to_string();
            let (_, rest) = dump.split_once(&of_task)?;
            rest.lines().next()?.contains(does).then_some(())
        });
    }
    gate.open();
}

#[test]
fn where_tasks_are_tracked_their_parents_polls_ages_and_wakers_are_known() {
    let _watchdog = watchdog(60);
    let own = tracking(2);
    let handle = own.handle();
    let (send, child) = async_channel::bounded(1);
    let parent = own.spawn(async move {
        for _ in 0..9 {
            yield_now().await;
        }
        let child = executor::spawn(sleep(Duration::from_secs(3600)));
        send.send(child.id()).await.unwrap();
        child.await.unwrap();
    });
    let child = own.block_on(child.recv()).unwrap();
    let info = until_waiting(&handle, child);
    assert_eq!(info.parent(), Some(parent.id()));
    assert_eq!((info.polls(), info.wakers()), (Some(1), Some(1)));
    let info = until_waiting(&handle, parent.id());
    assert_eq!((info.parent(), info.polls()), (None, Some(10)));
    assert_eq!(info.waits_for_task(), Some(child));
    assert_eq!(info.wakers(), Some(1));
    let old = |dump: &Dump| {
        find(dump, child)?
            .waiting_for()
            .filter(|age| age.as_millis() >= 20)
    };
    dump_until(&handle, old);
    assert!(handle.dump().leaked().next().is_none());
}

#[test]
fn a_task_that_was_never_polled_is_listed_where_tasks_are_tracked() {
    let _watchdog = watchdog(60);
    let builder = Executor::builder().workers(1).max_threads(1).track(true);
    let own = builder.build().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stuck = own.spawn(spin(&stop));
    until(&own.handle(), stuck.id(), is_running);
    let new = own.spawn(async {});
    let info = find(&own.handle().dump(), new.id()).expect("it is there");
    assert_eq!((info.state(), info.polls()), (TaskState::Runnable, Some(0)));
    stop.store(true, SeqCst);
    own.block_on(new).unwrap();
}

/// Leaves its waker with whoever made it, or drops it.
struct Leaves {
    kept: Arc<Mutex<Vec<Waker>>>,
    keeps: bool,
}

impl Future for Leaves {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        if self.keeps {
            self.kept.lock().unwrap().push(waker);
        }
        Poll::Pending
    }
}

#[test]
fn a_task_is_leaked_as_soon_as_the_last_waker_of_it_is_gone() {
    let _watchdog = watchdog(60);
    let own = tracking(2);
    let handle = own.handle();
    let kept: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let leave = |keeps| Leaves {
        kept: kept.clone(),
        keeps,
    };
    let never_cloned = own.spawn(pending::<()>());
    let dropped = own.spawn(leave(false));
    let keeps = own.spawn(leave(true));
    for task in [&never_cloned, &dropped] {
        let info = until_leaked(&handle, task.id());
        assert_eq!(info.wakers(), Some(0));
        assert!(handle.dump().to_string().contains("LEAKED"));
    }
    until_waiting(&handle, keeps.id());
    // Woken by the one that is left, it is polled, and waits again, with another.
    let waker = kept.lock().unwrap().pop().unwrap();
    waker.wake();
    dump_until(&handle, |dump| {
        find(dump, keeps.id())?.polls().filter(|&polls| polls == 2)
    });
    until_waiting(&handle, keeps.id());
    kept.lock().unwrap().clear();
    until_leaked(&handle, keeps.id());
    assert_eq!(handle.dump().leaked().count(), 3);
    // An abort finds it all the same.
    for task in [never_cloned, dropped, keeps] {
        assert_eq!(own.block_on(task.cancel()), None);
    }
    assert_eq!(handle.dump().tasks(), []);
}

#[test]
fn whoever_waits_for_leaked_tasks_only_is_leaked_also_in_a_circle() {
    let _watchdog = watchdog(60);
    let own = tracking(2);
    let handle = own.handle();
    let lost = own.spawn(pending::<()>());
    let lost_id = lost.id();
    let waits_for_it = own.spawn(lost);
    // Two tasks that wait for each other.
    let (send, receive) = async_channel::bounded::<JoinHandle<()>>(1);
    let first = own.spawn(async move { receive.recv().await.unwrap().await.unwrap() });
    let first_id = first.id();
    let second = own.spawn(async move { first.await.unwrap() });
    let second_id = second.id();
    until_waiting(&handle, second_id);
    send.try_send(second).unwrap();
    for id in [lost_id, waits_for_it.id(), first_id, second_id] {
        until_leaked(&handle, id);
    }
    let dump = handle.dump();
    assert_eq!(
        find(&dump, waits_for_it.id()).unwrap().waits_for_task(),
        Some(lost_id)
    );
    assert_eq!(
        find(&dump, first_id).unwrap().waits_for_task(),
        Some(second_id)
    );
    // One that waits for one of them and for something else besides is not.
    let either = own.spawn(async move {
        futures::future::select(
            Box::pin(waits_for_it),
            Box::pin(sleep(Duration::from_secs(3600))),
        )
        .await;
    });
    until_waiting(&handle, either.id());
    assert_eq!(handle.dump().leaked().count(), 4);
}

#[test]
fn whoever_waits_for_a_leaked_task_that_can_be_aborted_is_not_leaked() {
    let _watchdog = watchdog(60);
    let own = tracking(2);
    let handle = own.handle();
    let lost = own.spawn(pending::<()>());
    let (lost_id, abort) = (lost.id(), lost.abort_handle());
    let waits = own.spawn(async move { lost.await.unwrap_err().is_cancelled() });
    let outer = own.spawn(async { waits.await.unwrap() });
    until_leaked(&handle, lost_id);
    until_waiting(&handle, outer.id());
    let leaked = || handle.dump().leaked().map(TaskInfo::id).collect::<Vec<_>>();
    assert_eq!(leaked(), [lost_id], "those who wait for it may go on");
    // A clone of the handle can do it, too.
    let clone = abort.clone();
    drop(abort);
    assert_eq!(leaked(), [lost_id]);
    clone.abort();
    drop(clone);
    assert!(own.block_on(outer).unwrap(), "they do go on");
    // Without a handle they are leaked, and so they are if it comes to nothing.
    let lost = own.spawn(pending::<()>());
    let abort = lost.abort_handle();
    let waits = own.spawn(lost);
    until_waiting(&handle, waits.id());
    assert_eq!(handle.dump().leaked().count(), 1);
    drop(abort);
    until_leaked(&handle, waits.id());
}

#[test]
fn nobody_waits_for_the_end_of_a_task_whose_handle_is_not_polled_any_more() {
    let _watchdog = watchdog(60);
    let own = tracking(2);
    let handle = own.handle();
    let lost = own.spawn(pending::<()>());
    let lost_id = lost.id();
    let (wake, woken) = async_channel::bounded::<()>(1);
    let (send, sent) = async_channel::bounded(1);
    let waits = own.spawn(async move {
        let first = futures::future::select(lost, Box::pin(woken.recv())).await;
        let futures::future::Either::Right((Ok(()), lost)) = first else {
            panic!("it was sent");
        };
        // That poll may have polled the handle, the next one does not.
        yield_now().await;
        send.send(lost).await.unwrap();
        pending::<()>().await;
    });
    let info = until_waiting(&handle, waits.id());
    assert_eq!(info.waits_for_task(), Some(lost_id));
    wake.try_send(()).unwrap();
    let lost = own.block_on(sent.recv()).unwrap();
    let info = dump_until(&handle, |dump| {
        let info = find(dump, waits.id())?;
        (info.state() == TaskState::Waiting && info.polls() == Some(3)).then_some(info)
    });
    // Its waker is with the other task still, and whoever has the handle now can have it woken.
    assert_eq!((info.waits_for_task(), info.wakers()), (None, Some(1)));
    drop(lost);
}

#[test]
fn a_long_chain_of_tasks_that_wait_for_each_other_is_dumped_in_a_moment() {
    const LENGTH: usize = 20_000;
    let _watchdog = watchdog(120);
    let own = tracking(2);
    let handle = own.handle();
    let spawn_chain = |first: JoinHandle<()>| {
        (1..LENGTH).fold(first, |before, _| {
            own.spawn(async move { before.await.unwrap() })
        })
    };
    let is_still = |dump: &Dump| {
        let waits = |task: &&TaskInfo| task.waits_for_task().is_some();
        (dump.tasks().iter().filter(waits).count() == LENGTH - 1).then_some(())
    };
    let (wake, woken) = async_channel::bounded::<()>(1);
    let last = spawn_chain(own.spawn(async move { woken.recv().await.unwrap() }));
    dump_until(&handle, is_still);
    let start = Instant::now();
    assert_eq!(handle.dump().leaked().count(), 0);
    let taken = start.elapsed();
    assert!(taken < Duration::from_secs(5), "{taken:?}");
    wake.try_send(()).unwrap();
    own.block_on(last).unwrap();
    let last = spawn_chain(own.spawn(pending()));
    until_leaked(&handle, last.id());
    assert_eq!(handle.dump().leaked().count(), LENGTH);
}

#[test]
fn nobody_is_said_to_be_leaked_who_is_not_however_busy_they_are() {
    let _watchdog = watchdog(120);
    let own = tracking(2);
    let handle = own.handle();
    let leaked = own.spawn(pending::<()>());
    until_leaked(&handle, leaked.id());
    let stop = Arc::new(AtomicBool::new(false));
    let rounds = Arc::new(AtomicUsize::new(0));
    for pair in 0..8 {
        let (ping, pinged) = async_channel::bounded::<()>(1);
        let (pong, ponged) = async_channel::bounded::<()>(1);
        let rounds = rounds.clone();
        drop(own.spawn(async move {
            while ping.send(()).await.is_ok() && ponged.recv().await.is_ok() {
                rounds.fetch_add(1, SeqCst);
                match pair % 4 {
                    0 => yield_now().await,
                    1 => executor::spawn(yield_now()).await.unwrap(),
                    2 => sleep(Duration::from_micros(50)).await,
                    _ => executor::spawn(async { sleep(Duration::ZERO).await })
                        .await
                        .unwrap(),
                }
            }
        }));
        let stop = stop.clone();
        drop(own.spawn(async move {
            while !stop.load(SeqCst) && pinged.recv().await.is_ok() && pong.send(()).await.is_ok() {
            }
        }));
    }
    // Wakers that foreign threads clone, wake and drop.
    let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let woken = own.spawn({
        let (wakers, stop) = (wakers.clone(), stop.clone());
        poll_fn(move |cx| {
            if stop.load(SeqCst) {
                return Poll::Ready(());
            }
            *wakers.lock().unwrap() = vec![cx.waker().clone()];
            Poll::Pending
        })
    });
    let thread = thread::spawn({
        let (wakers, stop) = (wakers.clone(), stop.clone());
        move || {
            while !stop.load(SeqCst) {
                let waker = wakers.lock().unwrap().pop();
                waker.into_iter().for_each(Waker::wake);
            }
        }
    });
    let until = Instant::now() + Duration::from_secs(2 * effort() as u64);
    let mut dumps = 0;
    while Instant::now() < until || dumps < 100 {
        let dump = handle.dump();
        let found: Vec<_> = dump.leaked().map(TaskInfo::id).collect();
        assert_eq!(found, [leaked.id()], "{dump}");
        dumps += 1;
    }
    println!("{dumps} dumps, {} rounds", rounds.load(SeqCst));
    assert!(rounds.load(SeqCst) > 100);
    stop.store(true, SeqCst);
    thread.join().unwrap();
    // The thread may have ended between a poll and its wake-up.
    while !woken.is_finished() {
        wakers.lock().unwrap().drain(..).for_each(Waker::wake);
        thread::yield_now();
    }
}

#[test]
fn a_dump_can_be_taken_anywhere_and_while_the_executor_ends() {
    struct DumpsInDrop(Handle);

    impl Drop for DumpsInDrop {
        fn drop(&mut self) {
            let _ = self.0.dump().to_string();
        }
    }

    struct DumpsWhenWoken(Handle);

    impl Wake for DumpsWhenWoken {
        fn wake(self: Arc<Self>) {
            let _ = self.0.dump().to_string();
        }
    }

    let _watchdog = watchdog(60);
    for own in [executor(2), tracking(2)] {
        let handle = own.handle();
        let guard = DumpsInDrop(handle.clone());
        drop(own.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        let waker = Waker::from(Arc::new(DumpsWhenWoken(handle.clone())));
        let mut timer = Box::pin(sleep(Duration::from_millis(5)));
        let _guard = handle.enter();
        let poll = timer.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
        let in_task = own.spawn(async { Handle::current().dump().tasks().len() });
        assert!(own.block_on(in_task).unwrap() >= 1);
        let stop = Arc::new(AtomicBool::new(false));
        let dumps = thread::spawn({
            let (handle, stop) = (handle.clone(), stop.clone());
            move || {
                while !stop.load(SeqCst) {
                    let _ = handle.dump().to_string();
                }
            }
        });
        thread::sleep(Duration::from_millis(20));
        drop(own);
        stop.store(true, SeqCst);
        dumps.join().unwrap();
        assert_eq!(handle.dump().tasks(), []);
    }
}

/// How long the dump of so many waiting tasks takes.
fn time_of_dump(tasks: usize) -> Duration {
    let own = executor(2);
    let handle = own.handle();
    let tasks: Vec<_> = (0..tasks).map(|_| own.spawn(pending::<()>())).collect();
    dump_until(&handle, |dump| {
        let waiting = dump.groups().iter().map(|group| group.count()).max();
        (waiting == Some(tasks.len())).then_some(())
    });
    let start = Instant::now();
    let dump = handle.dump();
    let taken = start.elapsed();
    println!("{} tasks: {taken:?}", dump.tasks().len());
    let start = Instant::now();
    let text = dump.to_string();
    println!("as text: {:?}\n{text}", start.elapsed());
    taken
}

#[test]
fn a_hundred_thousand_tasks_are_dumped_in_a_moment() {
    let _watchdog = watchdog(60);
    assert!(time_of_dump(100_000) < Duration::from_secs(5));
}

#[test]
#[ignore = "in a release build: cargo test --release -p executor --test dump -- --ignored --nocapture"]
fn a_million_tasks_are_dumped_within_a_second() {
    let _watchdog = watchdog(120);
    assert!(time_of_dump(1_000_000) < Duration::from_secs(1));
}
