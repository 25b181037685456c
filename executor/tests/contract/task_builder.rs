//! `TaskBuilder`: names, and where they appear.

use crate::common::{OnDrop, child, executor, is_child, output_of, passed, quiet_panic, watchdog};
use executor::{Executor, JoinError, TaskBuilder, TaskId};
use std::{
    future::pending,
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

fn conn() -> TaskBuilder {
    TaskBuilder::new().name("conn")
}

fn texts(error: &JoinError) -> [String; 2] {
    [error.to_string(), format!("{error:?}")]
}

#[test]
fn the_error_of_a_task_with_a_name_says_the_name() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let task = conn().spawn_on(pending::<()>(), &own.handle());
    let id = task.id();
    task.abort();
    assert_eq!(
        texts(&own.block_on(task).unwrap_err()),
        [
            format!("task {id} `conn` was cancelled"),
            format!("JoinError::Cancelled(TaskId({id}), \"conn\")"),
        ]
    );
    let task = conn().spawn_on(async { quiet_panic("no cheese") }, &own.handle());
    let id = task.id();
    let error = own
        .block_on(async { task.await.map(|never: ()| never) })
        .unwrap_err();
    assert_eq!(
        texts(&error),
        [
            format!("task {id} `conn` panicked: no cheese"),
            format!("JoinError::Panic(TaskId({id}), \"conn\", Some(\"no cheese\"))"),
        ]
    );
    // After it was opened, too.
    assert!(error.into_panic().is::<&str>());
}

#[test]
fn also_if_the_future_panics_as_it_is_dropped_or_the_executor_ends() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let hostile = OnDrop(|| quiet_panic("in a drop"));
    let task = conn().spawn_on(async move { drop(hostile) }, &own.handle());
    let panicked = own.block_on(task).unwrap_err().to_string();
    assert!(
        panicked.contains("`conn` panicked: in a drop"),
        "{panicked}"
    );
    let hostile = OnDrop(|| quiet_panic("in a drop"));
    let waits = async move {
        let _hostile = hostile;
        pending::<()>().await
    };
    let task = conn().spawn_on(waits, &own.handle());
    let left = conn().spawn_on(pending::<()>(), &own.handle());
    drop(own);
    let panicked = executor::block_on(task).unwrap_err().to_string();
    assert!(
        panicked.contains("`conn` panicked: in a drop"),
        "{panicked}"
    );
    let cancelled = executor::block_on(left).unwrap_err().to_string();
    assert!(cancelled.contains("`conn` was cancelled"), "{cancelled}");
}

#[test]
fn on_an_executor_that_has_shut_down_the_error_says_the_name() {
    let _watchdog = watchdog(60);
    let dead = executor(1).handle();
    let error = executor::block_on(conn().spawn_on(async {}, &dead)).unwrap_err();
    assert!(
        error.to_string().contains("`conn` was cancelled"),
        "{error}"
    );
    assert_eq!(error.id().name(), None);
}

#[test]
fn the_id_knows_the_name_while_the_task_lives() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let (open, opened) = async_channel::bounded::<()>(1);
    let tasks: Vec<_> = (0..10)
        .map(|i| {
            let opened = opened.clone();
            // One name twice, and some that were made just now.
            let name = format!("conn {}", i / 2);
            let task = async move {
                let _ = opened.recv().await;
                TaskId::current().unwrap().name()
            };
            TaskBuilder::new().name(name).spawn_on(task, &own.handle())
        })
        .collect();
    for (i, task) in tasks.iter().enumerate() {
        assert_eq!(task.id().name(), Some(format!("conn {}", i / 2).into()));
    }
    drop(open);
    for (i, task) in tasks.into_iter().enumerate() {
        let id = task.id();
        let inside = own.block_on(task).unwrap();
        assert_eq!(inside, Some(format!("conn {}", i / 2).into()));
        assert_eq!(id.name(), None, "it has ended");
    }
}

#[test]
fn the_drop_of_a_future_still_knows_the_name() {
    let _watchdog = watchdog(60);
    let (own, (send, seen)) = (executor(1), mpsc::channel());
    let asks = OnDrop(move || send.send(TaskId::current().unwrap().name()).unwrap());
    drop(conn().spawn_on(async move { drop(asks) }, &own.handle()));
    assert_eq!(seen.recv().unwrap().as_deref(), Some("conn"));
}

#[test]
fn a_task_without_a_name_is_like_any_other() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let task =
        TaskBuilder::new().spawn_on(async { TaskId::current().unwrap().name() }, &own.handle());
    assert_eq!(task.id().name(), None);
    assert_eq!(own.block_on(task).unwrap(), None);
    let task = TaskBuilder::default().spawn_on(pending::<()>(), &own.handle());
    let id = task.id();
    task.abort();
    let expected = [
        format!("task {id} was cancelled"),
        format!("JoinError::Cancelled(TaskId({id}))"),
    ];
    assert_eq!(texts(&own.block_on(task).unwrap_err()), expected);
}

#[test]
fn tasks_go_to_the_executor_that_is_asked_for() {
    let _watchdog = watchdog(60);
    let own = Executor::builder()
        .workers(1)
        .thread_name("own")
        .build()
        .unwrap();
    let name = || thread::current().name().unwrap().to_owned();
    let tasks = [
        conn().spawn_on(async move { name() }, &own.handle()),
        conn().spawn_blocking_on(name, &own.handle()),
    ];
    for task in tasks {
        assert_eq!(own.block_on(task).unwrap(), "own");
    }
    let from_inside = own.block_on(async {
        let spawned = conn().spawn(async move { name() }).await.unwrap();
        [spawned, conn().spawn_blocking(name).await.unwrap()]
    });
    assert_eq!(from_inside, ["own", "own"]);
    let task = conn().spawn(async move { name() });
    assert_eq!(executor::block_on(task).unwrap(), "executor");
}

#[test]
fn a_task_knows_the_line_that_spawned_it_with_and_without_a_name() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    for builder in [TaskBuilder::new(), conn()] {
        let [a, b, c, d] = [(); 4].map(|()| builder.clone());
        let line = line!() + 1;
        let spawned = a.spawn(async {});
        let blocking = b.spawn_blocking(|| ());
        let on = c.spawn_on(async {}, &own.handle());
        let blocking_on = d.spawn_blocking_on(|| (), &own.handle());
        let lines = [spawned, blocking, on, blocking_on].map(|task| {
            let site = task.id().spawned_at().unwrap();
            assert_eq!(site.file(), file!());
            site.line()
        });
        assert_eq!(lines, [line, line + 1, line + 2, line + 3]);
    }
}

#[test]
fn large_futures_may_have_names() {
    let _watchdog = watchdog(60);
    let large = [7_u8; 50_000];
    let task = conn().spawn(async move {
        executor::yield_now().await;
        large[0]
    });
    assert_eq!(executor::block_on(task).unwrap(), 7);
}

#[test]
fn a_panic_hook_may_ask_for_the_name() {
    let _watchdog = watchdog(60);
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let outer = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        match TaskId::current().and_then(|id| id.name()) {
            Some(name) if name == "asked for by a hook" => SEEN.lock().unwrap().push(name.into()),
            _ => outer(info),
        }
    }));
    let own = executor(1);
    let task = TaskBuilder::new()
        .name("asked for by a hook")
        .spawn_on(async { panic!("no") }, &own.handle());
    assert!(
        own.block_on(async { task.await.map(|never: ()| never) })
            .is_err()
    );
    assert_eq!(*SEEN.lock().unwrap(), ["asked for by a hook"]);
}

#[test]
fn where_nobody_logs_the_panic_of_a_task_with_a_name_is_told_on_standard_error() {
    let _watchdog = watchdog(60);
    if is_child() {
        let own = executor(1);
        let task = conn().spawn_on(async { panic!("no cheese") }, &own.handle());
        own.block_on(async {
            let _: Result<(), _> = task.await;
        });
        // A thread that nobody waits for writes the line. What is written at the same time comes
        // between its parts.
        thread::sleep(Duration::from_secs(1));
        own.block_on(async {
            let _: Result<(), _> = own.spawn(async { panic!("without a name") }).await;
        });
        thread::sleep(Duration::from_millis(200));
        return;
    }
    let output = output_of(child());
    assert!(passed(&output));
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("executor: "))
        .collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(lines[0].contains(" `conn`, spawned at executor/tests/contract/task_builder.rs:"));
    assert!(lines[0].ends_with(", panicked: no cheese"), "{text}");
}
