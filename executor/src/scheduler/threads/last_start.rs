//! A start that the system refuses while the last machine ends.

use super::refusals::{in_own_process, soon};
use crate::{
    Executor, Handle,
    idle::{accounting::Notify, pool::Pool},
    scheduler::{Scheduler, task_id::TaskId},
    sync::refusals::{plan, still_to_refuse},
};
use std::{
    future::pending,
    sync::{Arc, mpsc},
    thread::{self, ThreadId},
    time::Duration,
};

/// Says who drops it, and in which executor.
struct Dropped(mpsc::Sender<(ThreadId, Option<String>)>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let current = Handle::try_current().map(|current| format!("{current:?}"));
        self.0.send((thread::current().id(), current)).unwrap();
    }
}

/// A task in the global queue that no machine will find.
fn leave_a_task(scheduler: &Arc<Scheduler>, dropped: Dropped) {
    let future = async move {
        let _dropped = dropped;
        pending::<()>().await
    };
    let (task, joiner) = scheduler.make(TaskId::here(), (), future);
    scheduler.spawned_elsewhere();
    joiner.detach();
    assert!(scheduler.global.push(task).is_ok(), "no end has come yet");
}

/// Has the calling thread ask for a stand-in, which it gets no more before all machines have ended.
fn whoever_asks_is_the_last(executor: &Executor) -> mpsc::Receiver<(ThreadId, Option<String>)> {
    let scheduler = executor.handle().scheduler;
    let (release, released) = mpsc::channel::<()>();
    let (begins, has_begun) = mpsc::channel();
    drop(executor.spawn_blocking(move || {
        begins.send(()).unwrap();
        released.recv()
    }));
    // Before, none is active for a moment also as the only machine falls asleep.
    has_begun.recv().unwrap();
    soon(|| scheduler.idle.counts().active == 0);
    let decision = scheduler.idle.notify();
    assert_eq!(decision, Notify::Start);
    scheduler.close();
    drop(release);
    soon(|| scheduler.idle.machines().total == 1);
    let (tell, told) = mpsc::channel();
    leave_a_task(&scheduler, Dropped(tell));
    plan(0, 1);
    scheduler.carry_out(decision);
    assert_eq!(still_to_refuse(), 0);
    told
}

#[test]
fn whoever_asks_for_the_last_machine_in_vain_drops_nothing() {
    in_own_process(
        "whoever_asks_for_the_last_machine_in_vain_drops_nothing",
        module_path!(),
        || {
            for limited in [false, true] {
                let executor = Executor::builder().workers(1).build().unwrap();
                let name = format!("{:?}", executor.handle());
                let told = whoever_asks_is_the_last(&executor);
                if limited {
                    executor.shutdown_timeout(Duration::from_secs(20)).unwrap();
                } else {
                    drop(executor);
                }
                let (thread, current) = told.recv().unwrap();
                assert!(!limited || thread != thread::current().id());
                assert_eq!(current, Some(name));
            }
            // And where nobody waits for it.
            let executor = Executor::builder().workers(1).build().unwrap();
            let told = whoever_asks_is_the_last(&executor);
            let (thread, _) = told.recv_timeout(Duration::from_secs(20)).unwrap();
            assert_ne!(thread, thread::current().id());
        },
    );
}
