//! `Builder::observer`.

use crate::common::{assert_sound, eventually, quiet_panic, watchdog};
use executor::{Executor, Handle, Observer, TaskBuilder, TaskId, TaskRef, time::sleep, yield_now};
use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Spawned,
    Begins,
    Ends(bool),
    Woken,
    Ended,
}

/// Writes down what it is told.
#[derive(Debug, Default, Clone)]
struct Log(Arc<Mutex<Vec<(TaskId, Seen)>>>);

impl Log {
    fn add(&self, task: &TaskRef<'_>, seen: Seen) {
        self.0.lock().unwrap().push((task.id(), seen));
    }

    fn of(&self, id: TaskId) -> Vec<Seen> {
        let all = self.0.lock().unwrap();
        let own = all.iter().filter(|(of, _)| *of == id);
        own.map(|(_, seen)| *seen).collect()
    }
}

impl Observer for Log {
    fn spawned(&self, task: &TaskRef<'_>) {
        self.add(task, Seen::Spawned);
    }

    fn poll_begins(&self, task: &TaskRef<'_>) {
        self.add(task, Seen::Begins);
    }

    fn poll_ends(&self, task: &TaskRef<'_>, ready: bool) {
        self.add(task, Seen::Ends(ready));
    }

    fn woken(&self, task: &TaskRef<'_>) {
        self.add(task, Seen::Woken);
    }

    fn ended(&self, task: &TaskRef<'_>) {
        self.add(task, Seen::Ended);
    }
}

fn observed(workers: usize, observer: impl Observer) -> Executor {
    let builder = Executor::builder().workers(workers).observer(observer);
    builder.build().unwrap()
}

#[test]
fn it_is_told_of_each_step_of_a_task_in_order() {
    use Seen::*;
    let _watchdog = watchdog(60);
    let log = Log::default();
    let own = observed(2, log.clone());
    let yields = own.spawn(yield_now());
    let sleeps = own.spawn(sleep(Duration::from_millis(5)));
    let panics = own.spawn(async { quiet_panic("no") });
    let ids = [yields.id(), sleeps.id(), panics.id()];
    own.block_on(async {
        yields.await.unwrap();
        sleeps.await.unwrap();
        assert!(panics.await.map(|never: ()| never).is_err());
    });
    let [yields, sleeps, panics] = ids.map(|id| log.of(id));
    let twice = [
        Spawned,
        Begins,
        Ends(false),
        Woken,
        Begins,
        Ends(true),
        Ended,
    ];
    assert_eq!(yields, twice);
    assert_eq!(sleeps, twice);
    assert_eq!(panics, [Spawned, Begins, Ends(true), Ended]);
}

#[test]
fn a_task_that_is_aborted_ends_without_a_poll() {
    use Seen::*;
    let _watchdog = watchdog(60);
    let log = Log::default();
    let own = observed(1, log.clone());
    let waits = own.spawn(pending::<()>());
    let id = waits.id();
    eventually("it waits", || own.metrics().suspended_tasks() == 1);
    own.block_on(waits.cancel());
    assert_eq!(log.of(id), [Spawned, Begins, Ends(false), Woken, Ended]);
    let left = own.spawn(pending::<()>()).id();
    eventually("it waits", || own.metrics().suspended_tasks() == 1);
    drop(own);
    assert_eq!(log.of(left), [Spawned, Begins, Ends(false), Woken, Ended]);
}

#[test]
fn it_is_told_of_tasks_that_are_spawned_while_the_executor_ends() {
    use Seen::*;

    /// Spawns as it is dropped.
    struct Spawns(Handle, Arc<Mutex<Option<TaskId>>>);

    impl Drop for Spawns {
        fn drop(&mut self) {
            *self.1.lock().unwrap() = Some(self.0.spawn(async {}).id());
        }
    }

    let _watchdog = watchdog(60);
    let log = Log::default();
    let own = observed(1, log.clone());
    let late = Arc::new(Mutex::new(None));
    let spawns = Spawns(own.handle(), late.clone());
    own.spawn(async {
        let _spawns = spawns;
        pending::<()>().await;
    });
    eventually("it waits", || own.metrics().suspended_tasks() == 1);
    drop(own);
    let late = late.lock().unwrap().unwrap();
    assert_eq!(log.of(late), [Spawned, Ended]);
}

#[test]
fn it_learns_who_a_task_is_and_who_has_spawned_it() {
    /// A task, its name, its parent, and whether it was spawned in this file.
    type Known = (TaskId, Option<String>, Option<TaskId>, bool);

    #[derive(Default, Clone)]
    struct Who(Arc<Mutex<Vec<Known>>>);

    impl Observer for Who {
        fn ended(&self, task: &TaskRef<'_>) {
            let name = task.name().map(|name| name.into_owned());
            let is_here = task.spawned_at().unwrap().file() == file!();
            let who = (task.id(), name, task.parent(), is_here);
            self.0.lock().unwrap().push(who);
        }
    }

    let _watchdog = watchdog(60);
    let who = Who::default();
    let own = observed(1, who.clone());
    let parent = own.spawn(async {
        let child = TaskBuilder::new().name("child").spawn(async {});
        let id = child.id();
        child.await.unwrap();
        id
    });
    let parent_id = parent.id();
    let child_id = own.block_on(parent).unwrap();
    assert_eq!(
        *who.0.lock().unwrap(),
        [
            (child_id, Some("child".into()), Some(parent_id), true),
            (parent_id, None, None, true)
        ]
    );
}

/// Does the same whenever it is called.
struct Does<F>(F);

impl<F: Fn() + Send + Sync + 'static> Observer for Does<F> {
    fn spawned(&self, _: &TaskRef<'_>) {
        self.0();
    }

    fn poll_begins(&self, _: &TaskRef<'_>) {
        self.0();
    }

    fn poll_ends(&self, _: &TaskRef<'_>, _: bool) {
        self.0();
    }

    fn woken(&self, _: &TaskRef<'_>) {
        self.0();
    }

    fn ended(&self, _: &TaskRef<'_>) {
        self.0();
    }
}

/// Tasks of each kind, with tracking and without.
fn put_to_work(own: &Executor) {
    assert_sound(own);
    let ticks = own.spawn(async {
        for _ in 0..5 {
            sleep(Duration::from_millis(1)).await;
            executor::spawn(yield_now()).await.unwrap();
        }
    });
    let panics = own.spawn(async { quiet_panic("no") });
    let blocks = own.spawn_blocking(|| thread::sleep(Duration::from_millis(5)));
    let waits = own.spawn(pending::<()>());
    own.block_on(async {
        ticks.await.unwrap();
        assert!(panics.await.map(|never: ()| never).is_err());
        blocks.await.unwrap();
        assert!(waits.cancel().await.is_none());
    });
}

fn with_and_without_tracking(observer: impl Fn() -> Arc<dyn Fn() + Send + Sync>) {
    for tracks in [false, true] {
        let does = observer();
        let builder = Executor::builder().workers(2).track(tracks);
        let own = builder.observer(Does(move || does())).build().unwrap();
        put_to_work(&own);
        drop(own);
    }
}

#[test]
fn its_panics_are_caught() {
    let _watchdog = watchdog(60);
    with_and_without_tracking(|| Arc::new(|| quiet_panic("an observer's")));
}

#[test]
fn it_may_spawn_and_is_not_told_of_that() {
    let _watchdog = watchdog(60);
    let (spawned, run) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    struct Spawns(Arc<AtomicUsize>, Arc<AtomicUsize>);

    impl Observer for Spawns {
        fn spawned(&self, _: &TaskRef<'_>) {
            self.0.fetch_add(1, SeqCst);
            let run = self.1.clone();
            drop(executor::spawn(async move { _ = run.fetch_add(1, SeqCst) }));
        }
    }

    let own = observed(1, Spawns(spawned.clone(), run.clone()));
    own.block_on(own.spawn(async {
        for _ in 0..9 {
            executor::spawn(async {}).await.unwrap();
        }
    }))
    .unwrap();
    assert_eq!(spawned.load(SeqCst), 10);
    // The one outside of the executor is spawned on the default one.
    eventually("all have run", || run.load(SeqCst) == 10);
}

/// Does something whenever a task is spawned.
struct DoesOnSpawn<F>(F);

impl<F: Fn() + Send + Sync + 'static> Observer for DoesOnSpawn<F> {
    fn spawned(&self, _: &TaskRef<'_>) {
        self.0();
    }
}

#[test]
fn what_it_does_to_another_executor_the_observer_there_is_told() {
    use Seen::*;
    let _watchdog = watchdog(60);
    for tracks in [false, true] {
        let log = Log::default();
        let builder = Executor::builder().workers(1).track(tracks);
        let other = builder.observer(log.clone()).build().unwrap();
        let (sender, receiver) = async_channel::bounded::<()>(1);
        let woken = other.spawn(async move { receiver.recv().await });
        let woken_id = woken.id();
        eventually("it waits", || other.metrics().suspended_tasks() == 1);

        let (handle, spawned) = (other.handle(), Arc::new(Mutex::new(None)));
        let task = spawned.clone();
        let own = observed(
            1,
            DoesOnSpawn(move || {
                *task.lock().unwrap() = Some(handle.spawn(async {}));
                sender.try_send(()).unwrap();
            }),
        );
        own.block_on(own.spawn(async {})).unwrap();
        let spawned = spawned.lock().unwrap().take().unwrap();
        let spawned_id = spawned.id();
        other.block_on(async {
            spawned.await.unwrap();
            woken.await.unwrap().unwrap();
        });
        drop(other);
        assert_eq!(log.of(spawned_id), [Spawned, Begins, Ends(true), Ended]);
        let begin = [Spawned, Begins, Ends(false)];
        let seen = log.of(woken_id);
        assert_eq!(seen[..3], begin);
        assert_eq!(seen.iter().filter(|seen| **seen == Woken).count(), 1);
    }
}

#[test]
fn observers_that_act_on_each_others_executors_come_to_an_end() {
    let _watchdog = watchdog(60);
    let handles = Arc::new(Mutex::new(Vec::<Handle>::new()));
    let calls = [0, 1].map(|_| Arc::new(AtomicUsize::new(0)));
    let owns = [0, 1].map(|this| {
        let (handles, calls) = (handles.clone(), calls[this].clone());
        observed(
            1,
            DoesOnSpawn(move || {
                calls.fetch_add(1, SeqCst);
                // That of the other one comes first: afterwards this one is still silent.
                for executor in [1 - this, this] {
                    let handle = handles.lock().unwrap()[executor].clone();
                    drop(handle.spawn(async {}));
                }
            }),
        )
    });
    handles
        .lock()
        .unwrap()
        .extend(owns.each_ref().map(Executor::handle));
    let counts = || calls.each_ref().map(|calls| calls.load(SeqCst));
    owns[0].block_on(owns[0].spawn(async {})).unwrap();
    assert_eq!(counts(), [1, 1]);
    owns[0].block_on(owns[0].spawn(async {})).unwrap();
    assert_eq!(counts(), [2, 2], "it is told again");
}

#[test]
fn it_may_block_dump_and_trace() {
    let _watchdog = watchdog(60);
    with_and_without_tracking(|| {
        Arc::new(|| {
            executor::block_in_place(|| thread::sleep(Duration::from_micros(100)));
            if let Some(handle) = Handle::try_current() {
                drop(handle.dump());
                drop(handle.metrics());
            }
        })
    });
}

#[test]
fn it_may_drop_the_executor_wherever_it_is_called() {
    let _watchdog = watchdog(60);
    const STEPS: usize = 6;
    for tracks in [false, true] {
        for step in 0..STEPS {
            let owner = Arc::new(Mutex::new(None::<Executor>));
            let (calls, owned) = (AtomicUsize::new(0), owner.clone());
            let observer = Does(move || {
                if calls.fetch_add(1, SeqCst) == step {
                    let own = owned.lock().unwrap().take();
                    drop(own);
                }
            });
            let builder = Executor::builder().workers(2).track(tracks);
            let own = builder.observer(observer).build().unwrap();
            let handle = own.handle();
            *owner.lock().unwrap() = Some(own);
            let (sender, receiver) = async_channel::bounded::<()>(1);
            let waits = handle.spawn(async move { receiver.recv().await });
            let id = waits.id();
            // Woken on this thread.
            let _ = sender.send_blocking(());
            let ended = handle.block_on(waits);
            assert!(
                ended.is_ok() || ended.unwrap_err().is_cancelled(),
                "{id}, step {step}"
            );
            drop(owner.lock().unwrap().take());
            eventually("its threads have ended", || handle.metrics().threads() == 0);
        }
    }
}

#[test]
fn it_is_dropped_when_the_executor_has_ended_and_not_before() {
    let _watchdog = watchdog(60);
    let alive = Arc::new(());
    struct Holds(#[expect(dead_code)] Arc<()>);

    impl Observer for Holds {}

    impl Drop for Holds {
        fn drop(&mut self) {
            quiet_panic("as it is dropped");
        }
    }

    let own = observed(2, Holds(alive.clone()));
    let handle = own.handle();
    own.block_on(own.spawn(yield_now())).unwrap();
    assert_eq!(Arc::strong_count(&alive), 2);
    drop(own);
    assert_eq!(Arc::strong_count(&alive), 1);
    assert!(handle.spawn(async {}).is_finished());
}

#[test]
fn many_tasks_of_many_workers_are_told_of_once_each() {
    let _watchdog = watchdog(60);
    const TASKS: usize = 2_000;
    let log = Log::default();
    let own = observed(4, log.clone());
    own.block_on(own.spawn(async {
        let tasks: Vec<_> = (0..TASKS).map(|_| executor::spawn(yield_now())).collect();
        for task in tasks {
            task.await.unwrap();
        }
    }))
    .unwrap();
    let all = log.0.lock().unwrap();
    let count = |seen: Seen| all.iter().filter(|(_, other)| *other == seen).count();
    assert_eq!(count(Seen::Spawned), TASKS + 1);
    assert_eq!(count(Seen::Ended), TASKS + 1);
    assert_eq!(
        count(Seen::Begins),
        count(Seen::Ends(false)) + count(Seen::Ends(true))
    );
    // Each wake-up leads to one poll, and each task has a first one beside those.
    assert_eq!(count(Seen::Begins), count(Seen::Woken) + TASKS + 1);
}
