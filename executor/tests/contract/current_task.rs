//! `TaskId::current`: what is part of a task, and what is not.

use crate::common::{OnDrop, executor, in_own_process, quiet_panic, watchdog};
use executor::TaskId;
use std::{
    future::{Future, pending},
    pin::pin,
    sync::{
        Arc, Mutex,
        mpsc::{self, Sender},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

#[test]
fn outside_of_tasks_there_is_none() {
    let _watchdog = watchdog(60);
    assert_eq!(TaskId::current(), None);
    assert_eq!(executor::block_on(async { TaskId::current() }), None);
    let (send, hooks) = mpsc::channel();
    let send_too = send.clone();
    let own = executor::Executor::builder()
        .workers(1)
        .on_thread_start(move || send.send(TaskId::current()).unwrap())
        .on_thread_stop(move || send_too.send(TaskId::current()).unwrap())
        .build()
        .unwrap();
    own.block_on(own.spawn(async {})).unwrap();
    drop(own);
    assert_eq!(hooks.iter().collect::<Vec<_>>(), [None, None]);
}

#[test]
fn what_a_task_calls_is_part_of_it() {
    let _watchdog = watchdog(60);
    let (own, other) = (executor(1), executor(1));
    let on_other = other.handle();
    let task = own.spawn(async move {
        let in_place = executor::block_in_place(TaskId::current);
        let nested = on_other.block_on(async { TaskId::current() });
        [in_place, nested, TaskId::current()]
    });
    let id = Some(task.id());
    assert_eq!(own.block_on(task).unwrap(), [id; 3]);
    let closure = own.spawn_blocking(TaskId::current);
    let id = closure.id();
    assert_eq!(own.block_on(closure).unwrap(), Some(id));
}

fn sends_it(send: &Sender<Option<TaskId>>) -> impl Send + use<> {
    let send = send.clone();
    OnDrop(move || send.send(TaskId::current()).unwrap())
}

#[test]
fn the_drop_of_a_future_is_part_of_its_task_however_it_ends() {
    let _watchdog = watchdog(60);
    let (own, (send, seen)) = (executor(1), mpsc::channel());
    let (ends, aborted, left) = (sends_it(&send), sends_it(&send), sends_it(&send));
    let task = own.spawn(async move { drop(ends) });
    let id = task.id();
    own.block_on(task).unwrap();
    assert_eq!(seen.recv().unwrap(), Some(id));

    let task = own.spawn(async move {
        let _aborted = aborted;
        pending::<()>().await
    });
    let id = task.id();
    own.block_on(task.cancel());
    assert_eq!(seen.recv().unwrap(), Some(id));

    let task = own.spawn(async move {
        let _left = left;
        pending::<()>().await
    });
    let id = task.id();
    drop(own);
    assert_eq!(seen.recv().unwrap(), Some(id));
}

#[test]
fn a_spawn_that_an_ended_executor_refuses_is_dropped_as_that_task_and_the_caller_goes_on_as_its_own()
 {
    let _watchdog = watchdog(60);
    let (own, (send, seen)) = (executor(1), mpsc::channel());
    let dead = executor(1).handle();
    let refused = sends_it(&send);
    let task = own.spawn(async move {
        let inner = dead.spawn(async move { drop(refused) });
        (inner.id(), TaskId::current())
    });
    let id = task.id();
    let (inner, after) = own.block_on(task).unwrap();
    assert_eq!(seen.recv().unwrap(), Some(inner));
    assert_eq!(after, Some(id));
}

/// Notes what is current where it is woken.
struct Notes(Mutex<Sender<Option<TaskId>>>);

impl Wake for Notes {
    fn wake(self: Arc<Self>) {
        let _ = self.0.lock().unwrap().send(TaskId::current());
    }
}

#[test]
fn the_waker_of_whoever_awaits_a_task_that_ends_is_no_part_of_it() {
    let _watchdog = watchdog(60);
    let (own, (send, seen)) = (executor(1), mpsc::channel());
    let (open, opened) = mpsc::channel::<()>();
    let mut task = own.spawn(async move { opened.recv() });
    let waker = Waker::from(Arc::new(Notes(Mutex::new(send))));
    let mut awaited = pin!(&mut task);
    assert!(matches!(
        awaited.as_mut().poll(&mut Context::from_waker(&waker)),
        Poll::Pending
    ));
    drop(open);
    assert_eq!(seen.recv().unwrap(), None);
    drop(own.block_on(task));
}

#[test]
fn after_a_task_that_has_panicked_the_worker_is_in_none() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let task = own.spawn(async { quiet_panic("no") });
    assert!(own.block_on(task).is_err());
    let closure = own.spawn(async { TaskId::current() });
    let id = closure.id();
    assert_eq!(own.block_on(closure).unwrap(), Some(id));
}

#[test]
fn the_panic_hook_may_ask_which_task_panics() {
    in_own_process(|| {
        static SEEN: Mutex<Vec<Option<TaskId>>> = Mutex::new(Vec::new());
        std::panic::set_hook(Box::new(|_| SEEN.lock().unwrap().push(TaskId::current())));
        let own = executor(1);
        let task = own.spawn(async { panic!("no") });
        let id = task.id();
        assert!(
            own.block_on(async { task.await.map(|never: ()| never) })
                .is_err()
        );
        assert!(thread::spawn(|| panic!("nor here")).join().is_err());
        let _ = std::panic::take_hook();
        assert_eq!(*SEEN.lock().unwrap(), [Some(id), None]);
    });
}
