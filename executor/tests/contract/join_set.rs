//! `JoinSet`: a promise each.

use crate::common::{
    Gate, Ledger, Rng, Wakers, eventually, executor, quiet_panic, steady_executor, watchdog,
};
use executor::{Executor, Handle, JoinSet, TaskId};
use std::{
    collections::HashSet,
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker},
    thread,
};

/// Polls `join_next` once.
fn poll_next<T: Send + 'static>(set: &mut JoinSet<T>, waker: &Waker) -> Poll<Option<T>> {
    let polled = set.poll_join_next(&mut Context::from_waker(waker));
    polled.map(|joined| joined.map(|output| output.expect("the task yields")))
}

/// The outputs of the next `count` tasks.
fn outputs<T: Send + 'static>(set: &mut JoinSet<T>, count: usize) -> Vec<T> {
    futures::executor::block_on(async {
        let mut outputs = Vec::new();
        for _ in 0..count {
            outputs.push(set.join_next().await.expect("there is one").unwrap());
        }
        outputs
    })
}

#[test]
fn what_has_ended_before_anybody_asks_is_joined_in_that_order_too() {
    const TASKS: usize = 100;
    let _watchdog = watchdog(60);
    // One worker: its tasks end one after the other.
    let (own, mut set) = (steady_executor(1), JoinSet::new());
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..TASKS)
        .map(|i| {
            let order = order.clone();
            let task = async move {
                order.lock().unwrap().push(i);
                i
            };
            set.spawn_on(task, &own.handle())
        })
        .collect();
    eventually("all have ended", || {
        tasks.iter().all(|task| task.is_finished())
    });
    // The last one may not have left word yet.
    assert_eq!(outputs(&mut set, TASKS), *order.lock().unwrap());
}

#[test]
fn shutdown_waits_until_all_futures_have_been_dropped() {
    let _watchdog = watchdog(60);
    let (own, ledger, mut set) = (executor(2), Ledger::new(), JoinSet::new());
    let (gate, (tell, told)) = (Gate::new(), mpsc::channel());
    let inside = gate.clone();
    let in_poll = async move {
        tell.send(()).unwrap();
        inside.wait();
    };
    set.spawn_on(ledger.track(in_poll), &own.handle());
    set.spawn_on(ledger.track(pending()), &own.handle());
    set.spawn_on(async { quiet_panic("nobody hears of it") }, &own.handle());
    told.recv().unwrap();
    {
        let mut shutdown = pin!(set.shutdown());
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(
            shutdown.as_mut().poll(cx).is_pending(),
            "one is being polled"
        );
        gate.open();
        own.block_on(shutdown);
    }
    ledger.assert_settled();
    assert!(set.is_empty());
}

#[test]
fn join_all_yields_all_outputs_in_the_order_in_which_the_tasks_end() {
    let _watchdog = watchdog(60);
    // One worker: it leaves word of the second before it comes to the first again.
    let (own, mut set) = (steady_executor(1), JoinSet::new());
    let (open, opened) = async_channel::bounded::<()>(1);
    let first = async move {
        let _ = opened.recv().await;
        1
    };
    set.spawn_on(first, &own.handle());
    let second = set.spawn_on(async { 2 }, &own.handle());
    eventually("the second has ended", || second.is_finished());
    drop(open);
    assert_eq!(own.block_on(set.join_all()), [2, 1]);
}

#[test]
fn tasks_go_to_the_executor_that_is_asked_for() {
    let _watchdog = watchdog(60);
    let named = |name: &str| {
        Executor::builder()
            .workers(1)
            .thread_name(name)
            .build()
            .unwrap()
    };
    let (one, two) = (named("one"), named("two"));
    let name = || thread::current().name().unwrap().to_owned();
    let mut set = JoinSet::new();
    let next = |set: &mut JoinSet<String>| outputs(set, 1).remove(0);
    set.spawn_on(async move { name() }, &one.handle());
    assert_eq!(next(&mut set), "one");
    set.spawn_blocking_on(name, &two.handle());
    assert_eq!(next(&mut set), "two");
    one.block_on(async { set.spawn(async move { name() }) });
    assert_eq!(next(&mut set), "one");
    two.block_on(async { set.spawn_blocking(name) });
    assert_eq!(next(&mut set), "two");
    set.spawn(async move { name() });
    assert_eq!(next(&mut set), "executor");
    two.block_on(async { set.extend([async move { name() }]) });
    assert_eq!(next(&mut set), "two");
    let mut set: JoinSet<_> = one.block_on(async { [async move { name() }].into_iter().collect() });
    assert_eq!(next(&mut set), "one");
}

#[test]
fn a_task_knows_the_line_that_spawned_it_into_the_set() {
    let _watchdog = watchdog(60);
    let mut set = JoinSet::new();
    let line = line!() + 1;
    let spawned = set.spawn(async {});
    let blocking = set.spawn_blocking(|| ());
    let on = set.spawn_on(async {}, &Handle::current());
    let blocking_on = set.spawn_blocking_on(|| (), &Handle::current());
    let lines = [spawned, blocking, on, blocking_on].map(|task| {
        let site = task.id().spawned_at().unwrap();
        assert_eq!(site.file(), file!());
        site.line()
    });
    assert_eq!(lines, [line, line + 1, line + 2, line + 3]);
}

#[test]
fn on_an_executor_that_has_shut_down_a_task_is_cancelled_at_once() {
    let _watchdog = watchdog(60);
    let dead = executor(1).handle();
    let (ledger, mut set) = (Ledger::new(), JoinSet::new());
    let task = set.spawn_on(ledger.track(pending::<()>()), &dead);
    ledger.assert_settled();
    assert!(task.is_finished());
    assert!(set.try_join_next().unwrap().unwrap_err().is_cancelled());
}

#[test]
fn it_may_outlive_the_executor_whose_end_cancels_its_tasks() {
    let _watchdog = watchdog(60);
    let (own, mut set) = (executor(2), JoinSet::new());
    let done = set.spawn_on(async { 7 }, &own.handle());
    eventually("it has ended", || done.is_finished());
    for _ in 0..10 {
        set.spawn_on(pending(), &own.handle());
    }
    drop(own);
    let ends: Vec<_> = std::iter::from_fn(|| set.try_join_next()).collect();
    assert_eq!(ends.len(), 11);
    let cancelled = ends
        .iter()
        .filter(|end| end.as_ref().is_err_and(|e| e.is_cancelled()));
    assert_eq!(cancelled.count(), 10);
}

#[test]
fn large_futures_and_outputs_may_be_its_tasks() {
    let _watchdog = watchdog(60);
    let mut set = JoinSet::new();
    let large = [7_u8; 50_000];
    set.spawn(async move {
        executor::yield_now().await;
        [large[0]; 5_000]
    });
    assert_eq!(executor::block_on(set.join_all()), [[7; 5_000]]);
}

/// Panics when it is woken, after it has told of that.
struct PanicsAsItIsWoken(Mutex<mpsc::Sender<()>>);

impl Wake for PanicsAsItIsWoken {
    fn wake(self: Arc<Self>) {
        self.0.lock().unwrap().send(()).unwrap();
        quiet_panic("as it is woken");
    }
}

#[test]
fn a_waker_that_panics_harms_nobody() {
    let _watchdog = watchdog(60);
    let (own, mut set, wakers) = (steady_executor(1), JoinSet::new(), Wakers::new());
    set.spawn_on(wakers.once(), &own.handle());
    eventually("it waits", || wakers.len() == 1);
    let (send, woken) = mpsc::channel();
    let waker = Waker::from(Arc::new(PanicsAsItIsWoken(Mutex::new(send))));
    assert!(poll_next(&mut set, &waker).is_pending());
    wakers.take().remove(0).wake();
    woken.recv().unwrap();
    assert_eq!(outputs(&mut set, 1), [()]);
    assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
}

#[test]
fn a_waker_that_panics_as_it_is_cloned_or_dropped_leaves_the_set_whole() {
    const VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| match data.addr() {
            0 => quiet_panic("as it is cloned"),
            _ => RawWaker::new(data, &VTABLE),
        },
        |_| {},
        |_| {},
        |data| {
            if data.addr() == 2 {
                quiet_panic("as it is dropped");
            }
        },
    );
    let hostile = |kind: usize| {
        // SAFETY: the data is a number, and stands for nothing that could be freed.
        let waker = unsafe { Waker::new(std::ptr::without_provenance(kind), &VTABLE) };
        std::mem::ManuallyDrop::new(waker)
    };
    let _watchdog = watchdog(60);
    let own = executor(1);
    for (kind, panics_at) in [(0, 1), (2, 2)] {
        let (mut set, wakers) = (JoinSet::new(), Wakers::new());
        set.spawn_on(wakers.once(), &own.handle());
        eventually("it waits", || wakers.len() == 1);
        let waker = hostile(kind);
        for poll in 1..=panics_at {
            let waker: &Waker = if poll == 1 { &waker } else { Waker::noop() };
            let polled = catch_unwind(AssertUnwindSafe(|| poll_next(&mut set, waker)));
            assert_eq!(
                polled.is_err(),
                poll == panics_at,
                "waker {kind}, poll {poll}"
            );
        }
        wakers.take().remove(0).wake();
        assert_eq!(outputs(&mut set, 1), [()]);

        // And one that is there when the set is dropped.
        let mut set = JoinSet::new();
        set.spawn_on(pending::<()>(), &own.handle());
        let waker = hostile(kind.max(1));
        assert!(poll_next(&mut set, &waker).is_pending());
        drop(set);
    }
}

/// Drops a set as it is woken by one of the set's tasks.
struct DropsTheSet(Mutex<Option<JoinSet<()>>>, Mutex<mpsc::Sender<()>>);

impl Wake for DropsTheSet {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
        self.1.lock().unwrap().send(()).unwrap();
    }
}

#[test]
fn a_waker_may_drop_the_very_set_that_wakes_it() {
    let _watchdog = watchdog(60);
    let (own, mut set, wakers) = (executor(2), JoinSet::new(), Wakers::new());
    for _ in 0..2 {
        set.spawn_on(wakers.once(), &own.handle());
    }
    eventually("they wait", || wakers.len() == 2);
    let (send, dropped) = mpsc::channel();
    let owner = Arc::new(DropsTheSet(Mutex::new(None), Mutex::new(send)));
    let waker = Waker::from(owner.clone());
    assert!(poll_next(&mut set, &waker).is_pending());
    *owner.0.lock().unwrap() = Some(set);
    drop((owner, waker));
    wakers.take().into_iter().for_each(Waker::wake);
    dropped.recv().unwrap();
}

#[test]
fn an_output_whose_drop_panics_harms_nobody_who_drops_the_set() {
    struct Hostile;
    impl Drop for Hostile {
        fn drop(&mut self) {
            quiet_panic("as it is dropped");
        }
    }
    let _watchdog = watchdog(60);
    let (own, mut set) = (executor(1), JoinSet::new());
    for _ in 0..3 {
        let task = set.spawn_on(async { Hostile }, &own.handle());
        eventually("it has ended", || task.is_finished());
    }
    drop(set);
    assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
}

#[test]
fn tasks_may_spawn_into_sets_of_their_own_and_drop_them() {
    let _watchdog = watchdog(60);
    fn tree(depth: usize, leaves: Arc<AtomicUsize>) -> crate::common::Boxed<()> {
        Box::pin(async move {
            if depth == 0 {
                leaves.fetch_add(1, SeqCst);
                return;
            }
            let below = (0..4).map(|_| tree(depth - 1, leaves.clone()));
            let mut set: JoinSet<()> = below.collect();
            set.spawn(pending());
            for _ in 0..4 {
                set.join_next().await.unwrap().unwrap();
            }
        })
    }
    let (own, leaves) = (executor(2), Arc::new(AtomicUsize::new(0)));
    own.block_on(own.spawn(tree(5, leaves.clone()))).unwrap();
    assert_eq!(leaves.load(SeqCst), 4_usize.pow(5));
    eventually("those that wait are dropped", || {
        own.metrics().suspended_tasks() == 0
    });
}

/// Each in less than a second. What looks at all tasks for each of them takes minutes.
mod with_a_hundred_thousand_tasks {
    use super::*;

    const TASKS: usize = 100_000;

    #[test]
    fn they_end_and_are_joined_in_any_order() {
        let _watchdog = watchdog(20);
        let (own, mut set, wakers) = (executor(2), JoinSet::new(), Wakers::new());
        for _ in 0..TASKS {
            set.spawn_on(wakers.once(), &own.handle());
        }
        eventually("they wait", || wakers.len() == TASKS);
        let mut woken = wakers.take();
        Rng::with_seed(2).shuffle(&mut woken);
        let ends = thread::spawn(move || woken.into_iter().for_each(Waker::wake));
        assert_eq!(own.block_on(set.join_all()).len(), TASKS);
        ends.join().unwrap();
    }

    #[test]
    fn a_few_that_are_left_take_no_longer_to_abort_than_ever() {
        let _watchdog = watchdog(20);
        let (own, mut set) = (executor(2), JoinSet::new());
        let lasts = set.spawn_blocking_on(|| (), &own.handle());
        let first = own.block_on(set.join_next_with_id()).unwrap().unwrap();
        assert_eq!(first.0, lasts.id());
        set.spawn_on(pending(), &own.handle());
        for _ in 0..TASKS {
            set.spawn_on(async {}, &own.handle());
        }
        own.block_on(async {
            for _ in 0..TASKS {
                set.join_next().await.unwrap().unwrap();
            }
        });
        assert_eq!(set.len(), 1);
        for _ in 0..TASKS {
            set.abort_all();
        }
        own.block_on(set.shutdown());
    }

    #[test]
    fn they_may_be_aborted_and_dropped_at_once() {
        let _watchdog = watchdog(20);
        let (own, ledger, mut set) = (executor(2), Ledger::new(), JoinSet::new());
        for _ in 0..TASKS {
            set.spawn_on(ledger.track(pending::<()>()), &own.handle());
        }
        drop(set);
        eventually("they are dropped", || ledger.dropped() == TASKS);
    }
}

#[test]
fn ends_races_with_polls_and_nothing_is_lost_or_seen_twice() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let mut rng = Rng::with_seed(3);
    for _ in 0..300 {
        let mut set = JoinSet::new();
        let tasks = rng.usize(1..8);
        let ids: HashSet<TaskId> = (0..tasks)
            .map(|_| {
                let yields = rng.u8(..3);
                let task = async move {
                    for _ in 0..yields {
                        executor::yield_now().await;
                    }
                };
                set.spawn_on(task, &own.handle()).id()
            })
            .collect();
        let joined = own.block_on(async {
            let mut joined = HashSet::new();
            while let Some(end) = set.join_next_with_id().await {
                assert!(joined.insert(end.unwrap().0));
            }
            joined
        });
        assert_eq!(joined, ids);
    }
}

#[test]
fn for_debugging_it_says_how_many_tasks_it_has() {
    let _watchdog = watchdog(60);
    let mut set = JoinSet::default();
    set.spawn(async {});
    assert_eq!(format!("{set:?}"), "JoinSet { len: 1 }");
}
