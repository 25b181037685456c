//! Destructors that run when the executor ends, or later: they may spawn, however often, and find
//! the executor that they belong to.

use crate::common::{
    Gate, OnDrop, at_thread_end, eventually, executor as workers, in_own_process, quiet_panic,
    sanitized, steady_executor, watchdog,
};
use executor::{Executor, Handle, JoinHandle, JoinSet};
use std::{
    future::{pending, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

/// Links of a chain, each of which spawns the next one as it is dropped.
fn links() -> usize {
    // A sanitizer takes its time.
    if sanitized() { 10_000 } else { 100_000 }
}

/// Counts the links that were dropped.
type Dropped = Arc<AtomicUsize>;

/// A link with so many behind it.
struct Link {
    behind: usize,
    dropped: Dropped,
}

impl Link {
    fn first(dropped: &Dropped) -> Link {
        Link {
            behind: links() - 1,
            dropped: dropped.clone(),
        }
    }

    async fn wait(self) {
        pending().await
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, SeqCst);
        if self.behind == 0 {
            return;
        }
        let next = Link {
            behind: self.behind - 1,
            dropped: self.dropped.clone(),
        };
        match self.behind % 4 {
            0 => drop(executor::spawn_blocking(move || drop(next))),
            1 => drop(Handle::current().spawn(next.wait())),
            _ => drop(executor::spawn(next.wait())),
        }
        if self.behind % 1_000 == 7 {
            quiet_panic("from a link");
        }
    }
}

/// Where the default executor cannot start: it has nothing to do with the end of another.
fn without_the_default_executor(body: impl Fn(Executor)) {
    in_own_process(|| {
        // SAFETY: no other thread of this process reads the environment meanwhile.
        unsafe { std::env::set_var("EXECUTOR_WORKERS", "nonsense") };
        for own in [workers(1), workers(2), steady_executor(1)] {
            body(own);
        }
    });
}

#[test]
fn a_chain_of_destructors_that_spawn_as_long_as_workers_drop_what_is_left() {
    without_the_default_executor(|own| {
        let dropped = Dropped::default();
        own.spawn(Link::first(&dropped).wait());
        eventually("it waits", || own.metrics().suspended_tasks() == 1);
        drop(own);
        assert_eq!(dropped.load(SeqCst), links());
    });
}

#[test]
fn a_chain_of_destructors_that_spawn_once_a_task_has_dropped_the_executor() {
    without_the_default_executor(|own| {
        let (dropped, handle) = (Dropped::default(), own.handle());
        let own = Mutex::new(Some(own));
        let first = Link::first(&dropped);
        handle.spawn(async move {
            let own = own.lock().unwrap().take();
            drop(own);
            drop(executor::spawn(first.wait()));
        });
        eventually("all are dropped", || dropped.load(SeqCst) == links());
        eventually("its threads end", || handle.metrics().threads() == 0);
    });
}

#[test]
fn a_chain_of_destructors_that_spawn_as_a_workers_thread_ends() {
    without_the_default_executor(|own| {
        let dropped = Dropped::default();
        let first = Link::first(&dropped);
        own.block_on(own.spawn(async { at_thread_end(move || drop(first)) }))
            .unwrap();
        drop(own);
        assert_eq!(dropped.load(SeqCst), links());
    });
}

#[test]
fn a_chain_of_destructors_that_spawn_long_after_the_end() {
    without_the_default_executor(|own| {
        let (dropped, handle) = (Dropped::default(), own.handle());
        drop(own);
        let first = handle.spawn(Link::first(&dropped).wait());
        assert_eq!(dropped.load(SeqCst), links(), "before the spawn returns");
        assert!(first.is_finished());
        let (again, outside) = (Dropped::default(), handle.clone());
        let first = Link::first(&again);
        thread::spawn(move || drop(outside.spawn(first.wait())))
            .join()
            .unwrap();
        assert_eq!(again.load(SeqCst), links());
    });
}

#[test]
fn a_chain_over_two_executors_that_have_ended() {
    struct Both {
        behind: usize,
        handles: [Handle; 2],
        dropped: Dropped,
    }
    impl Drop for Both {
        fn drop(&mut self) {
            self.dropped.fetch_add(1, SeqCst);
            let current = Handle::try_current().map(|current| format!("{current:?}"));
            assert_eq!(
                current,
                Some(format!("{:?}", self.handles[self.behind % 2]))
            );
            if self.behind > 0 {
                spawn_both(self.behind - 1, &self.handles, &self.dropped);
            }
        }
    }
    fn spawn_both(behind: usize, handles: &[Handle; 2], dropped: &Dropped) {
        let both = Both {
            behind,
            handles: handles.clone(),
            dropped: dropped.clone(),
        };
        drop(handles[behind % 2].spawn(async move {
            let _both = both;
            pending::<()>().await
        }));
    }
    in_own_process(|| {
        let handles = [workers(1), workers(1)].map(|own| own.handle());
        let dropped = Dropped::default();
        spawn_both(links() - 1, &handles, &dropped);
        assert_eq!(dropped.load(SeqCst), links());
    });
}

/// Waits for what it spawns, each inside the one before.
struct Waits {
    behind: usize,
    waits: fn(JoinHandle<()>),
    dropped: Dropped,
}

impl Waits {
    fn spawn(behind: usize, waits: fn(JoinHandle<()>), dropped: &Dropped) -> JoinHandle<()> {
        let dropped = dropped.clone();
        let own = Waits {
            behind,
            waits,
            dropped,
        };
        executor::spawn(async move {
            let _own = own;
            pending().await
        })
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        if self.behind > 0 {
            let next = Waits::spawn(self.behind - 1, self.waits, &self.dropped);
            (self.waits)(next);
        }
        self.dropped.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_destructor_may_wait_for_what_it_spawns_after_the_end() {
    const FEW: usize = 10;
    const MANY: usize = 100;
    without_the_default_executor(|own| {
        let handle = own.handle();
        drop(own);
        let _current = handle.enter();
        let assert_cancelled = |count, waits| {
            let dropped = Dropped::default();
            drop(Waits::spawn(count - 1, waits, &dropped));
            assert_eq!(dropped.load(SeqCst), count);
        };
        assert_cancelled(MANY, |next| {
            assert!(executor::block_on(next).unwrap_err().is_cancelled());
        });
        assert_cancelled(FEW, |next| {
            let end = futures::executor::block_on(next);
            assert!(end.unwrap_err().is_cancelled());
        });
    });
}

/// What a destructor of `own`'s sees must be `own`, ended.
#[derive(Clone)]
struct Sees {
    own: String,
    told: mpsc::Sender<&'static str>,
}

impl Sees {
    fn new(own: &Handle) -> (Sees, mpsc::Receiver<&'static str>) {
        let (told, heard) = mpsc::channel();
        let own = format!("{own:?}");
        (Sees { own, told }, heard)
    }

    /// Call where `own` has ended.
    fn look(&self, whence: &'static str) {
        let current = Handle::try_current().expect("there is a current executor");
        assert_eq!(format!("{current:?}"), self.own, "{whence}");
        let task = executor::spawn(ready(7));
        assert!(task.is_finished(), "{whence}: refused at once");
        let end = executor::block_on(task);
        assert!(end.unwrap_err().is_cancelled(), "{whence}");
        self.told.send(whence).unwrap();
    }

    fn on_drop(&self, whence: &'static str) -> impl Send + use<> {
        let sees = self.clone();
        OnDrop(move || sees.look(whence))
    }
}

#[test]
fn a_destructor_of_a_workers_thread_local_finds_the_ended_executor() {
    without_the_default_executor(|own| {
        let (sees, heard) = Sees::new(&own.handle());
        let seen = sees.on_drop("thread-local");
        own.block_on(own.spawn(async { at_thread_end(move || drop(seen)) }))
            .unwrap();
        drop((own, sees));
        assert_eq!(heard.iter().collect::<Vec<_>>(), ["thread-local"]);
    });
}

#[test]
fn a_destructor_of_a_spares_thread_local_finds_the_executor() {
    let _watchdog = watchdog(60);
    let own = workers(1);
    let (gate, inside) = (Gate::new(), Gate::new());
    let (tell, told) = mpsc::channel();
    let blocks = {
        let (gate, inside) = (gate.clone(), inside.clone());
        own.spawn_blocking(move || {
            inside.open();
            gate.wait();
        })
    };
    inside.wait();
    // By a stand-in, whose thread ends with the executor.
    own.block_on(own.spawn(async {
        at_thread_end(move || {
            let current = Handle::try_current().map(|current| format!("{current:?}"));
            tell.send(current).unwrap();
        });
    }))
    .unwrap();
    gate.open();
    own.block_on(blocks).unwrap();
    let name = format!("{:?}", own.handle());
    drop(own);
    assert_eq!(told.recv().unwrap(), Some(name));
}

#[test]
fn a_refused_future_and_closure_find_the_ended_executor() {
    without_the_default_executor(|own| {
        let handle = own.handle();
        let (sees, heard) = Sees::new(&handle);
        let of_task = sees.on_drop("task");
        own.spawn(async move {
            let _seen = of_task;
            pending::<()>().await
        });
        eventually("it waits", || own.metrics().suspended_tasks() == 1);
        drop(own);
        let [future, closure] = ["future", "closure"].map(|whence| sees.on_drop(whence));
        drop(handle.spawn(async move { drop(future) }));
        drop(handle.spawn_blocking(move || drop(closure)));
        assert!(Handle::try_current().is_none());
        drop(sees);
        let all: Vec<_> = heard.iter().collect();
        assert_eq!(all, ["task", "future", "closure"]);
    });
}

#[test]
fn the_hooks_are_dropped_at_the_end_although_handles_are_left() {
    without_the_default_executor(|own| {
        let starts = own.metrics().workers() == 1;
        drop(own);
        let (slot, late) = (Arc::new(Mutex::new(None::<Sees>)), Dropped::default());
        let (of_hook, dropped) = (slot.clone(), late.clone());
        let seen = OnDrop(move || {
            let sees = of_hook.lock().unwrap().take();
            sees.unwrap().look("hook");
            dropped.fetch_add(1, SeqCst);
            quiet_panic("from a hook's drop");
        });
        let hook = move || _ = &seen;
        let builder = Executor::builder().workers(1);
        let builder = if starts {
            builder.on_thread_start(hook)
        } else {
            builder.on_thread_stop(hook)
        };
        let own = builder.build().unwrap();
        let handle = own.handle();
        let (sees, heard) = Sees::new(&handle);
        *slot.lock().unwrap() = Some(sees);
        drop(own);
        assert_eq!(late.load(SeqCst), 1, "before the drop returns");
        assert_eq!(heard.recv().unwrap(), "hook");
        drop(handle);
    });
}

/// Tasks of which each has the handle of the one before, and lets it go as it is dropped.
fn chained<T: Send + 'static>(
    own: &Executor,
    keep: impl Fn(JoinHandle<()>) -> T,
) -> JoinHandle<()> {
    let first = own.spawn(pending());
    (1..links() / 10).fold(first, |before, _| {
        let kept = keep(before);
        own.spawn(async move {
            let _kept = kept;
            pending().await
        })
    })
}

/// Nothing here nests: an abort puts its task into a queue.
#[test]
fn a_chain_of_tasks_that_abort_each_other_is_dropped_aborted_and_ended() {
    without_the_default_executor(|own| {
        let last = chained(&own, JoinHandle::abort_on_drop);
        drop(last.abort_on_drop());
        eventually("all are aborted", || own.metrics().alive_tasks() == 0);
        let abort = |last: JoinHandle<()>| drop(last.abort_on_drop());
        let detach = |last: JoinHandle<()>| drop(last);
        for end in [abort, detach] {
            let own = workers(1);
            end(chained(&own, JoinHandle::abort_on_drop));
            drop(own);
            let own = workers(1);
            end(chained(&own, |before| {
                OnDrop({
                    let mut before = Some(before);
                    move || drop(before.take())
                })
            }));
            drop(own);
        }
    });
}

/// Each has the next one.
#[test]
fn sets_in_tasks_of_sets_end_with_the_executor() {
    fn set_with(own: &Handle, behind: usize) -> JoinSet<()> {
        let mut set = JoinSet::new();
        let handle = own.clone();
        set.spawn_on(
            async move {
                let _set = (behind > 0).then(|| set_with(&handle, behind - 1));
                pending::<()>().await
            },
            own,
        );
        set
    }
    without_the_default_executor(|own| {
        let handle = own.handle();
        let set = set_with(&handle, links() / 10);
        eventually("all wait", || {
            own.metrics().alive_tasks() == links() / 10 + 1
                && own.metrics().suspended_tasks() == links() / 10 + 1
        });
        drop(own);
        drop(set);
    });
}
