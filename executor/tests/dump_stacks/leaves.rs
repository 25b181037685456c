//! Futures of every kind that a program may wait for.
//!
//! A line that awaits is marked by a comment. The build may know the names of functions or not; the
//! lines it must know.

use super::{HOUR, LONG, all_wait, alone, common, info, stacks};
use common::{Boxed, executor, watchdog};
use executor::{
    Executor, JoinSet,
    dump::{Frame, Stack},
    time::{interval, sleep, timeout},
};
use futures::{
    StreamExt,
    channel::oneshot,
    future::{pending, poll_fn, select},
    join,
    stream::FuturesUnordered,
};
use std::{
    future::Future,
    net::TcpListener,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
};

const SOURCE: &str = include_str!("leaves.rs");

/// What a frame is on: the comment of its line, if it is one of this file.
fn mark(frame: &Frame) -> Option<&'static str> {
    if !frame.file()?.ends_with("dump_stacks/leaves.rs") {
        return None;
    }
    let line = SOURCE.lines().nth(frame.line()? as usize - 1)?;
    line.split_once("// ").map(|(_, mark)| mark)
}

/// The marks of a stack, the innermost first.
fn marks(stack: &Stack) -> Vec<&'static str> {
    stack.frames().iter().filter_map(mark).collect()
}

async fn three_deep() {
    two_deep().await; // outer
}

async fn two_deep() {
    one_deep().await; // middle
}

async fn one_deep() {
    sleep(HOUR).await; // sleep
}

async fn by_timeout() {
    _ = timeout(HOUR, pending::<()>()).await; // timeout
}

async fn by_inner_of_timeout() {
    _ = timeout(HOUR, one_deep()).await; // around sleep
}

async fn by_interval() {
    let mut interval = interval(HOUR);
    interval.tick().await;
    interval.tick().await; // interval
}

async fn by_join_handle() {
    let task = executor::spawn(pending::<()>()).abort_on_drop();
    task.await.unwrap(); // join
}

async fn by_join_set() {
    let mut set: JoinSet<()> = [pending()].into_iter().collect();
    _ = set.join_next().await; // join set
}

async fn by_wait_group() {
    let group = waitgroup::WaitGroup::new();
    group.add(1);
    group.wait().await; // wait group
}

async fn by_channel() {
    let (_send, receive) = async_channel::unbounded::<()>();
    receive_from(&receive).await; // receives
}

async fn receive_from(channel: &async_channel::Receiver<()>) {
    _ = channel.recv().await; // channel
}

async fn by_full_channel() {
    let (send, _receive) = async_channel::bounded(1);
    send.send(()).await.unwrap();
    _ = send.send(()).await; // full channel
}

async fn by_tokio_channel() {
    let (_send, mut receive) = tokio::sync::mpsc::channel::<()>(1);
    receive.recv().await; // tokio channel
}

async fn by_tokio_mutex() {
    let mutex = tokio::sync::Mutex::new(());
    let _held = mutex.lock().await;
    drop(mutex.lock().await); // tokio mutex
}

async fn by_tokio_notify() {
    tokio::sync::Notify::new().notified().await; // tokio notify
}

async fn by_oneshot() {
    let (_send, receive) = oneshot::channel::<()>();
    _ = receive.await; // oneshot
}

async fn by_futures_mutex() {
    let mutex = futures::lock::Mutex::new(());
    let _held = mutex.lock().await;
    drop(mutex.lock().await); // futures mutex
}

async fn by_hand() {
    let place = Mutex::new(None::<Waker>);
    poll_fn(|cx| {
        *place.lock().unwrap() = Some(cx.waker().clone()); // leaves its waker
        Poll::<()>::Pending
    })
    .await; // by hand
}

async fn by_async_io() {
    let listener = async_io::Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
    _ = listener.accept().await; // async-io
}

async fn by_select() {
    let (left, right) = (pin!(one_deep()), pin!(by_channel()));
    _ = select(left, right).await; // select
}

async fn by_join() {
    join!(one_deep(), two_deep(), by_channel()); // join
}

fn recursive(depth: usize) -> Boxed<()> {
    Box::pin(async move {
        match depth {
            0 => one_deep().await,           // innermost
            _ => recursive(depth - 1).await, // recursion
        }
    })
}

async fn by_unordered() {
    let mut unordered = FuturesUnordered::from_iter([one_deep()]);
    unordered.next().await; // unordered
}

async fn by_stream() {
    let (_send, mut receive) = futures::channel::mpsc::unbounded::<()>();
    receive.next().await; // stream
}

#[cfg(all(feature = "net", unix))]
async fn by_socket() {
    let listener = executor::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap();
    _ = listener.accept().await; // socket
}

/// A task, the names of what it waits for as far as a build without names has them, and the lines
/// of each of its stacks.
type Leaf = (Boxed<()>, &'static str, &'static [&'static [&'static str]]);

fn leaves() -> Vec<Leaf> {
    fn leaf(
        future: impl Future<Output = ()> + Send + 'static,
        name: &'static str,
        stacks: &'static [&'static [&'static str]],
    ) -> Leaf {
        (Box::pin(future), name, stacks)
    }
    vec![
        leaf(three_deep(), "sleep", &[&["sleep", "middle", "outer"]]),
        leaf(by_timeout(), "timeout", &[&["timeout"]]),
        leaf(
            by_inner_of_timeout(),
            "time",
            &[&["sleep", "around sleep"], &["around sleep"]],
        ),
        leaf(by_interval(), "interval", &[&["interval"]]),
        leaf(by_join_handle(), "join", &[&["join"]]),
        leaf(by_join_set(), "join_set", &[&["join set"]]),
        leaf(by_wait_group(), "wait", &[&["wait group"]]),
        leaf(by_channel(), "async-channel", &[&["channel", "receives"]]),
        leaf(by_full_channel(), "async-channel", &[&["full channel"]]),
        leaf(by_tokio_channel(), "tokio", &[&["tokio channel"]]),
        leaf(by_tokio_mutex(), "tokio", &[&["tokio mutex"]]),
        leaf(by_tokio_notify(), "tokio", &[&["tokio notify"]]),
        leaf(by_oneshot(), "oneshot", &[&["oneshot"]]),
        leaf(by_futures_mutex(), "futures-util", &[&["futures mutex"]]),
        leaf(by_hand(), "leaves.rs", &[&["leaves its waker", "by hand"]]),
        leaf(by_async_io(), "async-io", &[&["async-io"]]),
        leaf(
            by_select(),
            "",
            &[&["sleep", "select"], &["channel", "receives", "select"]],
        ),
        leaf(
            by_join(),
            "",
            &[
                &["sleep", "join"],
                &["sleep", "middle", "join"],
                &["channel", "receives", "join"],
            ],
        ),
        leaf(
            recursive(3),
            "sleep",
            &[&["sleep", "innermost", "recursion", "recursion", "recursion"]],
        ),
        leaf(by_unordered(), "futures-util", &[&["unordered"]]),
        leaf(by_stream(), "futures-channel", &[&["stream"]]),
        #[cfg(all(feature = "net", unix))]
        leaf(by_socket(), "net", &[&["socket"]]),
        // Whoever clones no waker cannot be traced.
        leaf(pending(), "", &[]),
    ]
}

#[test]
fn every_kind_of_leaf_tells_the_lines_that_wait_for_it() {
    let _alone = alone();
    let _watchdog = watchdog(60);
    let own = executor(2);
    let tasks: Vec<_> = leaves()
        .into_iter()
        .map(|(future, name, expected)| (own.spawn(future), name, expected))
        .collect();
    // Two of them have a task each that they wait for.
    all_wait(&own, tasks.len() + 2);
    let dump = own.handle().dump_stacks(LONG);
    println!("{dump}");
    for (task, name, expected) in &tasks {
        let stacks = info(&dump, task.id()).stacks();
        let mut found: Vec<_> = stacks.iter().map(marks).collect();
        let mut expected = expected.to_vec();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{name}: {stacks:#?}");
        for stack in stacks {
            assert_is_readable(stack);
            let leaf = stack.frames()[0].to_string().to_lowercase();
            assert!(leaf.contains(name), "{name} is not in {leaf}");
        }
    }
    // They wait as before.
    assert_eq!(own.metrics().suspended_tasks(), tasks.len() + 2);
}

/// Nothing is in it that says nothing about the program.
#[track_caller]
fn assert_is_readable(stack: &Stack) {
    assert!(!stack.is_cut());
    for frame in stack.frames() {
        let text = frame.to_string();
        for part in [
            "/rustc/",
            "scheduler/",
            "timer/",
            "async-task",
            "event-listener",
            "dump/stacks/",
        ] {
            assert!(!text.contains(part), "{stack}");
        }
    }
    let of_library = |frame: &&Frame| mark(frame).is_none();
    let leaf = stack.frames().iter().take_while(of_library).count();
    // Of each package one; but here `waitgroup` is part of the program, as far as its files tell.
    let text = stack.to_string();
    let is_of_program = text.contains("waitgroup::") || text.contains("waitgroup/src");
    assert!(leaf <= if is_of_program { 3 } else { 2 }, "{stack}");
}

#[test]
fn a_task_that_is_asked_again_says_the_same() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = executor(1);
    let task = own.spawn(three_deep());
    all_wait(&own, 1);
    let first = stacks(&own, &task);
    assert_eq!(first.len(), 1);
    for _ in 0..10 {
        all_wait(&own, 1);
        assert_eq!(stacks(&own, &task), first);
    }
}

#[test]
fn a_task_that_awaits_another_says_which() {
    for tracks in [false, true] {
        let _alone = alone();
        let _watchdog = watchdog(20);
        let own = Executor::builder()
            .workers(1)
            .track(tracks)
            .build()
            .unwrap();
        let awaited = own.spawn(one_deep());
        let id = awaited.id();
        let awaits = own.spawn(async { awaited.await.unwrap() });
        all_wait(&own, 2);
        let dump = own.handle().dump_stacks(LONG);
        assert_eq!(info(&dump, awaits.id()).waits_for_task(), Some(id));
        assert_eq!(info(&dump, id).waits_for_task(), None);
        assert_eq!(info(&dump, awaits.id()).stacks().len(), 1);
        // As before, where it is known without being asked for.
        all_wait(&own, 2);
        let dump = own.handle().dump();
        let expected = tracks.then_some(id);
        assert_eq!(info(&dump, awaits.id()).waits_for_task(), expected);
    }
}

#[test]
fn what_is_awaited_is_told_in_a_process_without_other_executors_too() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    // The one of the caller is asked, not that of the tasks' thread.
    let (one, other) = (executor(1), executor(1));
    let task = one.spawn(one_deep());
    all_wait(&one, 1);
    let dump = other.block_on(async { one.handle().dump_stacks(LONG) });
    assert_eq!(info(&dump, task.id()).stacks().len(), 1);
}

#[test]
fn a_deep_recursion_is_cut_and_says_so() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = executor(1);
    let task = own.spawn(recursive(300));
    all_wait(&own, 1);
    let stacks = stacks(&own, &task);
    assert!(stacks[0].is_cut());
    assert_eq!(marks(&stacks[0])[..2], ["sleep", "innermost"]);
    assert!(stacks[0].to_string().ends_with("(and more)"));
}

#[test]
fn a_future_that_clones_a_thousand_times_is_not_told_a_thousand_times() {
    let _alone = alone();
    let _watchdog = watchdog(20);
    let own = executor(1);
    let kept = Arc::new(Mutex::new(Vec::new()));
    let task = own.spawn(poll_fn(move |cx| {
        kept.lock().unwrap().clear();
        (0..1_000).for_each(|_| kept.lock().unwrap().push(cx.waker().clone()));
        Poll::<()>::Pending
    }));
    all_wait(&own, 1);
    assert!((1..=64).contains(&stacks(&own, &task).len()));
}
