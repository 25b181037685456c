//! Models of the end: of a task (`suspended`), and of the executor (`pool`).

use super::{Actor, Model, Work, assert_at_rest, explore, spawn};
use crate::{
    idle::{attention::Heed, pool::Pool, work_loop::WorkLoop},
    queue::{global::GlobalQueue, testing::Number},
    suspended::{Registration, SuspendedTasks},
    sync::{AtomicUsize, Mutex, lock},
};
use loom::{
    sync::atomic::Ordering::{AcqRel, Relaxed},
    thread,
};
use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize as Count, Ordering::SeqCst},
    },
    task::{Wake, Waker},
};

/// A task that waits for ever, until a run drops its future.
struct Task {
    registration: Registration,
    /// As async-task's: whoever finds it 0 queues the task.
    state: AtomicUsize,
    model: Weak<Model<Arc<Task>>>,
    queued: AtomicUsize,
    drops: Count,
}

const WOKEN: usize = 1;
const RUNNING: usize = 2;
const ENDED: usize = 4;

/// The shard of all that the tests register: not the first, which an aborter that has not seen it
/// would look into.
const SHARD: usize = 1;

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if self.state.fetch_or(WOKEN, AcqRel) == 0 {
            self.queue();
        }
    }
}

impl Task {
    fn queue(&self) {
        self.queued.fetch_add(1, Relaxed);
        self.model.upgrade().expect("the model is there").notify();
    }

    /// async-task's run, around what `Guarded::poll` does.
    fn run(self: &Arc<Self>, model: &Model<Arc<Task>>) {
        self.state.swap(RUNNING, AcqRel);
        if model.attention().before_poll(&self.registration) == Heed::End {
            self.drops.fetch_add(1, SeqCst);
            model.forget(&self.registration);
            self.state.swap(ENDED, AcqRel);
            // So that the other machines end as well.
            model.close();
            return;
        }
        let waker = Waker::from(self.clone());
        model.suspend(&self.registration, || SHARD, &waker);
        if self.state.fetch_and(!RUNNING, AcqRel) & WOKEN != 0 {
            self.queue();
        }
    }

    fn abort(&self, suspended: &SuspendedTasks) {
        self.registration
            .abort(|| suspended.find(&self.registration));
    }
}

/// The one task of the model.
impl Work for Arc<Task> {
    fn waits(&self) -> bool {
        self.queued.waits()
    }

    fn take(&self, _: &Actor<Arc<Task>>) -> bool {
        self.queued.swap(0, Relaxed) > 0
    }

    fn run(&self, actor: &Actor<Arc<Task>>) {
        Task::run(self, &actor.model);
    }
}

/// An executor with a task that is queued.
fn with_task(workers: usize) -> Arc<Model<Arc<Task>>> {
    Arc::new_cyclic(|model| {
        let task = Task {
            registration: Registration::none(0, 0, 0),
            state: AtomicUsize::new(WOKEN),
            model: model.clone(),
            queued: AtomicUsize::new(1),
            drops: Count::new(0),
        };
        Model::with(Arc::new(task), workers, workers)
    })
}

/// Some workers, and somebody who makes an end; all must be over then.
fn end_against(
    name: &str,
    preemptions: Option<usize>,
    workers: usize,
    waits: bool,
    end: fn(&Arc<Model<Arc<Task>>>),
) {
    explore(name, preemptions, move || {
        let model = with_task(workers);
        let actors: Vec<_> = (0..workers).map(|number| model.active(number)).collect();
        if waits {
            actors[0].work_once();
        }
        let workers: Vec<_> = actors
            .into_iter()
            .map(|actor| spawn(actor, Actor::live))
            .collect();
        end(&model);
        model.over.park();
        assert_eq!(
            model.work.drops.load(SeqCst),
            1,
            "the future is dropped once"
        );
        assert!(model.suspended.is_empty() && !model.has_work());
        assert_at_rest(&model, (0, 0));
        workers
            .into_iter()
            .for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn abort_against_register() {
    end_against("abort against register", Some(3), 1, false, |model| {
        model.work.abort(&model.suspended);
    });
}

#[test]
fn close_against_insert() {
    end_against("close against insert", Some(3), 1, false, |model| {
        model.close()
    });
}

#[test]
fn close_against_a_parked_worker() {
    end_against("close against parked workers", Some(2), 2, true, |model| {
        model.close()
    });
}

#[test]
fn close_against_a_worker_that_falls_asleep() {
    explore("close against sleep", None, || {
        let model = Model::new(1, 1);
        let worker = spawn(model.active(0), Actor::live);
        model.close();
        model.over.park();
        assert_at_rest(&model, (0, 0));
        worker.join().unwrap();
    });
}

#[test]
fn what_was_done_before_the_close_against_who_sees_it() {
    explore("close publishes", None, || {
        let model = Model::new(1, 1);
        let before = Arc::new(AtomicUsize::new(0));
        let closer = {
            let (model, before) = (model.clone(), before.clone());
            thread::spawn(move || {
                before.store(1, Relaxed);
                model.close();
            })
        };
        if model.is_closed() {
            assert_eq!(before.load(Relaxed), 1);
        }
        closer.join().unwrap();
    });
}

#[test]
fn abort_against_the_end_of_the_task_and_the_next_one_at_its_key() {
    explore("abort against end", None, || {
        let suspended = Arc::new(SuspendedTasks::new(super::SHARDS));
        let [first, second] = [(); 2].map(|()| Arc::new(Registration::none(0, 0, 0)));
        let woken = Arc::new(Woken(Mutex::new(0)));
        let (other, waker) = (Waker::noop(), Waker::from(woken.clone()));
        assert!(suspended.insert(SHARD, &first, other));
        let aborter = {
            let (suspended, first) = (suspended.clone(), first.clone());
            thread::spawn(move || {
                first.abort(|| suspended.find(&first));
            })
        };
        assert!(!suspended.remove(&first), "it is not closed");
        assert!(suspended.insert(SHARD, &second, &waker));
        aborter.join().unwrap();
        assert_eq!(*lock(&woken.0), 0, "another task is woken");
        assert!(first.has_ended() && second.is_registered());
    });
}

/// Counts how often it is woken.
struct Woken(Mutex<usize>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        *lock(&self.0) += 1;
    }
}

/// Tasks that were spawned and never polled.
struct Spawned {
    global: GlobalQueue<Number>,
    drops: Count,
    poster: thread::ThreadId,
    /// While it posts.
    posts: AtomicBool,
}

impl Spawned {
    fn drop_one(&self) {
        self.drops.fetch_add(1, SeqCst);
    }
}

impl Work for Spawned {
    fn waits(&self) -> bool {
        !self.global.is_empty()
    }

    fn take(&self, _: &Actor<Spawned>) -> bool {
        self.global.pop().is_some()
    }

    fn run(&self, _: &Actor<Spawned>) {
        self.drop_one();
    }

    fn end(model: &Model<Spawned>) {
        let Spawned { global, .. } = &model.work;
        let is_poster = thread::current().id() == model.work.poster;
        assert!(
            !is_poster || !model.work.posts.load(SeqCst),
            "not on the stack of whoever posts"
        );
        model.close_queue(global, |_| model.work.drop_one());
    }
}

/// The last machine ends, while somebody spawns who has found the executor open.
fn spawn_against_the_end(name: &str, max_machines: usize, start: super::Start<Spawned>) {
    explore(name, Some(3), move || {
        let work = Spawned {
            global: GlobalQueue::new(),
            drops: Count::new(0),
            poster: thread::current().id(),
            posts: AtomicBool::new(true),
        };
        let mut model = Model::with(work, 1, max_machines);
        model.start = start;
        let model = Arc::new(model);
        let last = model.active(0);
        model.close();
        let last = spawn(last, Actor::live);
        let Spawned { global, .. } = &model.work;
        model.post_to(global, Number(1), |_| model.work.drop_one());
        model.work.posts.store(false, SeqCst);
        model.see_to_the_end();
        assert_eq!(model.work.drops.load(SeqCst), 1, "it is dropped once");
        assert!(!model.has_work());
        assert_at_rest(&model, (0, 0));
        last.join().unwrap();
        model.join_started();
    });
}

#[test]
fn spawn_against_the_last_machine_that_ends() {
    spawn_against_the_end("spawn against the last machine", 1, |_| unreachable!());
    spawn_against_the_end(
        "spawn against the last machine, with a stand-in",
        2,
        |model| {
            model.start_thread(1, Actor::live);
            true
        },
    );
    spawn_against_the_end("spawn against the last machine, start refused", 2, |_| {
        false
    });
}
