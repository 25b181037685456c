//! `Builder::enter_tokio`: the executor's code is inside the context of a runtime of tokio, wherever
//! it runs, and no longer than that.
#![cfg(feature = "tokio")]

mod common;

use common::{Gate, OnDrop, PATIENCE, at_thread_end, eventually, in_own_process, watchdog};
use executor::{Builder, Executor, Handle, yield_now};
use std::{
    any::Any,
    future::pending,
    io, mem,
    net::Ipv4Addr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{self, Runtime},
    time::sleep,
};

const SHORT: Duration = Duration::from_millis(5);

fn runtime() -> Runtime {
    let mut builder = runtime::Builder::new_multi_thread();
    let builder = builder.worker_threads(1).thread_name("tokio's");
    builder.enable_all().build().unwrap()
}

/// With one worker, named "ours".
fn builder(runtime: &Runtime) -> Builder {
    let builder = Executor::builder().workers(1).thread_name("ours");
    builder.enter_tokio(runtime.handle().clone())
}

fn executor_in(runtime: &Runtime) -> Executor {
    builder(runtime).build().unwrap()
}

/// The runtime that the calling thread is inside.
fn inside() -> Option<runtime::Id> {
    let current = runtime::Handle::try_current();
    current.ok().map(|current| current.id())
}

fn id(runtime: &Runtime) -> Option<runtime::Id> {
    Some(runtime.handle().id())
}

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// What a panic said.
fn text(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<&str>() {
        Ok(text) => (*text).to_owned(),
        Err(other) => *other.downcast::<String>().unwrap(),
    }
}

#[test]
fn tokios_sockets_and_timers_work_in_our_tasks_on_our_threads() {
    let _watchdog = watchdog(60);
    let runtime = runtime();
    let own = executor_in(&runtime);
    let echoed = own.block_on(own.spawn(executor::time::timeout(PATIENCE, async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        executor::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let (mut reader, mut writer) = stream.split();
            let copied = tokio::io::copy(&mut reader, &mut writer).await;
            assert_eq!(thread_name(), "ours");
            copied
        });
        let mut stream = TcpStream::connect(address).await?;
        let begin = Instant::now();
        sleep(SHORT).await;
        assert!(begin.elapsed() >= SHORT);
        stream.write_all(b"over tokio's sockets").await?;
        stream.shutdown().await?;
        let mut echoed = String::new();
        stream.read_to_string(&mut echoed).await?;
        assert_eq!(thread_name(), "ours");
        io::Result::Ok(echoed)
    })));
    assert_eq!(echoed.unwrap().unwrap().unwrap(), "over tokio's sockets");
}

#[test]
fn what_is_spawned_by_tokio_runs_on_its_threads_and_is_no_task_of_ours() {
    let _watchdog = watchdog(60);
    let runtime = runtime();
    let own = executor_in(&runtime);
    let spawned = own.block_on(own.spawn(async {
        let task = tokio::spawn(async { thread_name() });
        let call = tokio::task::spawn_blocking(thread_name);
        (task.await.unwrap(), call.await.unwrap())
    }));
    assert_eq!(spawned.unwrap(), ("tokio's".into(), "tokio's".into()));
    assert_eq!(own.metrics().spawned_tasks(), 1);
}

#[test]
fn all_that_runs_on_our_threads_is_inside() {
    let _watchdog = watchdog(60);
    let runtime = runtime();
    let found: Arc<Mutex<Vec<(&str, _)>>> = Arc::default();
    let note = |what: &'static str| {
        let found = found.clone();
        move || found.lock().unwrap().push((what, inside()))
    };
    let own = builder(&runtime)
        .on_thread_start(note("on_thread_start"))
        .on_thread_stop(note("on_thread_stop"))
        .build()
        .unwrap();
    let (in_task, at_end) = (note("a task"), note("the end of a thread"));
    let task = own.spawn(async move {
        in_task();
        at_thread_end(at_end);
        yield_now().await;
    });
    own.block_on(task).unwrap();
    let closure = own.spawn_blocking(note("spawn_blocking"));
    own.block_on(closure).unwrap();

    let aborted = OnDrop(note("the drop of a future that is aborted"));
    let left = OnDrop(note("the drop of a future that is left"));
    let task = own.spawn(async move {
        let _aborted = aborted;
        pending::<()>().await
    });
    own.block_on(task.cancel());
    own.spawn(async move {
        let _left = left;
        pending::<()>().await
    });
    // One that sleeps and computes in its poll, so that others start.
    let gate = Gate::new();
    let (closed, on_stand_in) = (gate.clone(), note("a stand-in"));
    own.spawn(async move { closed.wait() });
    own.block_on(own.spawn(async move { on_stand_in() }))
        .unwrap();
    gate.open();
    let handle = own.handle();
    drop(own);
    let refused = OnDrop(note("the drop of a future that is refused"));
    drop(handle.spawn(async move { drop(refused) }));
    assert_eq!(inside(), None);

    let found = found.lock().unwrap();
    let outside: Vec<_> = found.iter().filter(|(_, at)| *at != id(&runtime)).collect();
    assert!(outside.is_empty(), "{outside:?}");
    assert!(found.len() >= 10, "{found:?}");
}

#[test]
fn callers_of_block_on_and_holders_of_a_guard_are_inside_meanwhile() {
    let _watchdog = watchdog(60);
    let (one, other) = (runtime(), runtime());
    let (in_one, in_other, in_none) = (
        executor_in(&one),
        executor_in(&other),
        Executor::builder().workers(1).build().unwrap(),
    );
    assert_eq!(inside(), None);
    in_one.block_on(async {
        assert_eq!(inside(), id(&one));
        sleep(SHORT).await;
        in_other.block_on(async {
            assert_eq!(inside(), id(&other));
            // Who has no runtime changes nothing.
            in_none.block_on(async { assert_eq!(inside(), id(&other)) });
            let task = in_none.spawn(async { inside() });
            assert_eq!(task.await.unwrap(), None);
        });
        assert_eq!(inside(), id(&one));
    });
    assert_eq!(inside(), None);

    let handle = in_one.handle();
    let guard = handle.enter();
    assert_eq!(inside(), id(&one));
    let timer = sleep(SHORT);
    drop(guard);
    assert_eq!(inside(), None);
    executor::block_on(timer);
}

#[test]
fn a_block_on_inside_a_task_is_inside_its_own_and_comes_back() {
    let _watchdog = watchdog(60);
    let (one, other) = (runtime(), runtime());
    let (own, another) = (executor_in(&one), executor_in(&other));
    let ids = own.spawn(async move {
        let inner = another.block_on(async {
            sleep(SHORT).await;
            inside()
        });
        let outer = inside();
        drop(another);
        sleep(SHORT).await;
        (inner, outer, inside())
    });
    let ids = own.block_on(ids).unwrap();
    assert_eq!(ids, (id(&other), id(&one), id(&one)));
}

#[test]
fn a_panic_out_of_block_on_leaves_the_runtime() {
    let _watchdog = watchdog(60);
    let runtime = runtime();
    let own = executor_in(&runtime);
    let panics = AssertUnwindSafe(|| own.block_on(async { common::quiet_panic("of its future") }));
    assert_eq!(text(catch_unwind(panics).unwrap_err()), "of its future");
    assert_eq!(inside(), None);
}

#[test]
fn the_default_executor_can_be_inside_and_all_free_functions_with_it() {
    in_own_process(|| {
        let runtime: &Runtime = Box::leak(Box::new(runtime()));
        let _ = builder(runtime).build_global().unwrap();
        executor::block_on(async {
            sleep(SHORT).await;
            executor::spawn(sleep(SHORT)).await.unwrap();
            let closure = executor::spawn_blocking(inside);
            assert_eq!(closure.await.unwrap(), id(runtime));
            executor::spawn(async {
                sleep(SHORT).await;
                assert_eq!(executor::block_in_place(inside), id(runtime));
            })
            .await
            .unwrap();
        });
        assert_eq!(inside(), None);
    });
}

#[test]
fn tokios_tasks_can_use_an_executor_that_is_inside_the_same_runtime() {
    let _watchdog = watchdog(60);
    let runtime = runtime();
    let own = executor_in(&runtime);
    let handle = own.handle();
    let task = runtime.spawn(async move {
        let task = handle.spawn(async {
            sleep(SHORT).await;
            thread_name()
        });
        let name = task.await.unwrap();
        // It blocks the only thread of the runtime, which no timer of ours needs.
        handle.block_on(async {
            executor::time::sleep(SHORT).await;
            assert!(inside().is_some());
        });
        name
    });
    assert_eq!(own.block_on(task).unwrap(), "ours");
}

#[test]
fn tokios_block_on_and_the_drop_of_a_runtime_are_calls_that_block_like_others() {
    let _watchdog = watchdog(60);
    let runtime = runtime();
    let own = executor_in(&runtime);
    let task = own.spawn(async {
        let current = runtime::Handle::current();
        let name = current.block_on(async {
            sleep(SHORT).await;
            thread_name()
        });
        let of_its_own = self::runtime();
        let id = of_its_own.block_on(async { inside() });
        assert_eq!(id, self::id(&of_its_own));
        drop(of_its_own);
        assert_eq!(tokio::task::block_in_place(thread_name), "ours");
        (name, inside())
    });
    let (name, inside) = own.block_on(task).unwrap();
    assert_eq!((name.as_str(), inside), ("ours", id(&runtime)));
}

#[test]
fn a_runtime_that_nobody_drives_keeps_its_timers_waiting_and_nobody_else() {
    let _watchdog = watchdog(60);
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let own = executor_in(&runtime);
    let task = own.spawn(async { sleep(Duration::from_millis(1)).await });
    own.block_on(executor::time::sleep(20 * SHORT));
    assert!(!task.is_finished());
    runtime.block_on(task).unwrap();
}

#[test]
fn once_the_runtime_has_been_shut_down_its_sockets_fail_and_its_timers_panic() {
    let _watchdog = watchdog(60);
    let runtime = runtime();
    let own = executor_in(&runtime);
    let (begun, has_begun) = mpsc::channel();
    let waits = own.spawn(async move {
        let timer = sleep(Duration::from_secs(3600));
        begun.send(()).unwrap();
        timer.await
    });
    has_begun.recv().unwrap();
    eventually("it waits", || own.metrics().suspended_tasks() == 1);
    drop(runtime);

    const DOWN: &str = "A Tokio 1.x context was found, but it is being shutdown.";
    let panicked = own.block_on(waits).unwrap_err();
    assert_eq!(text(panicked.into_panic()), DOWN);
    let (bound, spawned) = own
        .block_on(own.spawn(async {
            let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            (bound.map(drop), tokio::spawn(async {}).await)
        }))
        .unwrap();
    assert_eq!(bound.unwrap_err().to_string(), DOWN);
    assert!(spawned.unwrap_err().is_cancelled());
    let late = own.block_on(own.spawn(async { sleep(SHORT).await }));
    assert_eq!(text(late.unwrap_err().into_panic()), DOWN);
    own.block_on(own.spawn(executor::time::sleep(SHORT)))
        .unwrap();
}

#[test]
fn a_guard_of_tokios_that_a_task_forgets_keeps_no_thread_from_ending() {
    let _watchdog = watchdog(60);
    let (one, other) = (runtime(), runtime());
    let own = executor_in(&one);
    let forget = {
        let other = other.handle().clone();
        move || mem::forget(other.enter())
    };
    let (forgets, forgets_later) = (forget.clone(), OnDrop(forget));
    own.block_on(own.spawn(async move { forgets() })).unwrap();
    let handle = own.handle();
    own.shutdown_timeout(PATIENCE).unwrap();
    // On this thread, whose context is wrong from now on. `spawn` does not panic.
    thread::spawn(move || drop(handle.spawn(async move { drop(forgets_later) })))
        .join()
        .unwrap();
}

#[test]
fn one_that_the_future_of_block_on_forgets_panics_as_in_tokio() {
    let _watchdog = watchdog(60);
    let (one, other) = (runtime(), runtime());
    let own = executor_in(&one);
    let forgets = || mem::forget(other.enter());
    let in_tokio = catch_unwind(AssertUnwindSafe(|| one.block_on(async { forgets() })));
    let in_ours = thread::scope(|scope| {
        let thread = scope.spawn(|| own.block_on(async { forgets() }));
        thread.join()
    });
    let [in_tokio, in_ours] = [in_tokio, in_ours].map(|ended| text(ended.unwrap_err()));
    assert!(in_ours.contains("dropped out of order"), "{in_ours}");
    assert_eq!(in_ours, in_tokio);
    assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
}

#[test]
fn guards_of_both_kinds_nest_and_dropped_out_of_order_they_panic() {
    let _watchdog = watchdog(60);
    let (one, other) = (runtime(), runtime());
    let own = executor_in(&one);
    let handle: &Handle = Box::leak(Box::new(own.handle()));
    thread::scope(|scope| {
        scope.spawn(|| {
            let ours = handle.enter();
            let theirs = other.enter();
            assert_eq!(inside(), id(&other));
            drop(theirs);
            assert_eq!(inside(), id(&one));
            drop(ours);
            assert_eq!(inside(), None);
        });
        scope.spawn(|| {
            let (ours, _theirs) = (handle.enter(), other.enter());
            let panicked = catch_unwind(AssertUnwindSafe(|| drop(ours)));
            let text = text(panicked.unwrap_err());
            assert!(text.contains("dropped out of order"), "{text}");
        });
    });
}

#[test]
fn block_on_works_as_a_thread_ends_when_tokios_own_thread_local_is_gone() {
    let _watchdog = watchdog(60);
    let runtime = runtime();
    let own = executor_in(&runtime);
    let (handle, runs) = (own.handle(), Arc::new(AtomicUsize::new(0)));
    let counts = runs.clone();
    let thread = thread::spawn(move || {
        let of_the_end = handle.clone();
        // First of all, so that its destructor comes last.
        at_thread_end(move || {
            let gone = runtime::Handle::try_current().unwrap_err();
            assert!(gone.is_thread_local_destroyed());
            of_the_end.block_on(async { counts.fetch_add(1, SeqCst) });
        });
        handle.block_on(async { assert!(inside().is_some()) });
    });
    thread.join().unwrap();
    assert_eq!(runs.load(SeqCst), 1);
}
