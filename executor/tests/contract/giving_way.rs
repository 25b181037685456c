//! A task whose futures are always ready gives way to others all the same.

use crate::common::{eventually, executor, steady_executor, watchdog, work_for};
use executor::{
    AbortHandle, Executor, JoinHandle, JoinSet, block_on, spawn,
    time::{Interval, interval, sleep, timeout},
};
use futures::{
    FutureExt, StreamExt,
    future::{Either, join, join_all, select},
    poll,
    stream::FuturesUnordered,
};
use std::{
    future::{Future, poll_fn, ready},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Wake, Waker},
    thread,
    time::Duration,
};

/// Results that a poll gets at once.
const ALLOWANCE: usize = 128;

const SHORT: Duration = Duration::from_millis(20);

async fn endless() {
    loop {
        sleep(Duration::ZERO).await;
    }
}

/// Endless with every leaf that there is.
fn endless_loops() -> Vec<Pin<Box<dyn Future<Output = ()> + Send>>> {
    vec![
        Box::pin(endless()),
        Box::pin(async {
            let mut ticks = interval(Duration::from_nanos(1));
            loop {
                ticks.tick().await;
            }
        }),
        Box::pin(async {
            let ticks = interval(Duration::from_nanos(1));
            ticks.for_each(|_| ready(())).await;
        }),
        Box::pin(async {
            loop {
                let _ = timeout(Duration::ZERO, std::future::pending::<()>()).await;
            }
        }),
        Box::pin(async {
            loop {
                let _ = timeout(Duration::ZERO, endless()).await;
            }
        }),
        Box::pin(async {
            loop {
                let mut all = FuturesUnordered::new();
                all.push(sleep(Duration::ZERO));
                all.next().await;
            }
        }),
        Box::pin(async {
            let mut empty = JoinSet::<()>::new();
            loop {
                empty.join_next().await;
            }
        }),
        Box::pin(async {
            loop {
                select(pin!(sleep(Duration::ZERO)), pin!(sleep(Duration::ZERO))).await;
            }
        }),
    ]
}

/// The handles of so many tasks that have ended.
async fn ended(own: &Executor, tasks: usize) -> Vec<JoinHandle<()>> {
    let handles: Vec<_> = (0..tasks).map(|_| own.spawn(async {})).collect();
    while !handles.iter().all(JoinHandle::is_finished) {
        executor::yield_now().await;
    }
    handles
}

#[test]
fn an_endless_loop_can_be_aborted() {
    let _watchdog = watchdog(60);
    for own in [executor(1), steady_executor(1)] {
        for endless in endless_loops() {
            let task = own.spawn(endless);
            eventually("it runs", || {
                own.metrics().processors().iter().any(|p| p.polls() > 2)
            });
            assert_eq!(own.block_on(task.cancel()), None);
        }
    }
}

#[test]
fn an_endless_loop_can_be_timed_out() {
    let _watchdog = watchdog(60);
    for own in [executor(1), steady_executor(1)] {
        for (inside, outside) in endless_loops().into_iter().zip(endless_loops()) {
            own.block_on(timeout(SHORT, outside)).unwrap_err();
            let task = own.spawn(timeout(SHORT, inside));
            own.block_on(task).unwrap().unwrap_err();
        }
    }
}

#[test]
fn the_other_side_of_an_endless_loop_runs_whichever_is_polled_first() {
    let _watchdog = watchdog(60);
    fn other_side() -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {
            sleep(SHORT).await;
            spawn(async {}).await.unwrap();
            interval(SHORT).take(2).for_each(|_| ready(())).await;
        })
    }
    for own in [executor(1), steady_executor(1)] {
        for (one, another) in endless_loops().into_iter().zip(endless_loops()) {
            let first = select(one, other_side());
            let won = own.block_on(own.spawn(first.map(|side| matches!(side, Either::Right(_)))));
            assert!(won.unwrap());
            let won = own.block_on(select(other_side(), another));
            assert!(matches!(won, Either::Left(_)));
        }
    }
    // Behind several.
    let mut sides = endless_loops();
    sides.push(other_side());
    block_on(futures::future::select_all(sides));
}

#[test]
fn other_tasks_of_the_only_worker_run_beside_an_endless_loop() {
    let _watchdog = watchdog(60);
    for endless in endless_loops() {
        let own = steady_executor(1);
        let task = own.spawn(endless);
        for i in 0..10 {
            assert_eq!(own.block_on(own.spawn(async move { i })).unwrap(), i);
        }
        own.block_on(own.spawn(sleep(SHORT))).unwrap();
        assert!(!task.is_finished());
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Rings(AtomicUsize);

impl Wake for Rings {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// How many of these are ready before the first that is not, and whether that one has woken whoever
/// polled it.
fn ready_in_a_row<F: Future>(futures: impl IntoIterator<Item = F>) -> (usize, bool) {
    let rings = Arc::new(Rings::default());
    let waker = Waker::from(rings.clone());
    let cx = &mut Context::from_waker(&waker);
    let ready = futures
        .into_iter()
        .take_while(|_| rings.0.load(SeqCst) == 0)
        .map(|future| pin!(future).poll(cx).is_ready())
        .take_while(|is_ready| *is_ready)
        .count();
    (ready, rings.0.load(SeqCst) == 1)
}

#[test]
fn the_first_128_ready_results_of_a_poll_are_given_at_once_and_the_next_wakes_the_task() {
    let _watchdog = watchdog(60);
    let own = Arc::new(executor(1));
    let counts = |own: Arc<Executor>| async move {
        let handles = ended(&own, 2 * ALLOWANCE).await;
        let sleeps = || (0..2 * ALLOWANCE).map(|_| sleep(Duration::ZERO));
        executor::yield_now().await;
        assert_eq!(ready_in_a_row(sleeps()), (ALLOWANCE, true));
        executor::yield_now().await;
        assert_eq!(ready_in_a_row(handles), (ALLOWANCE, true));
        executor::yield_now().await;
        let mut ticks = late_ticks();
        let mut tick = |_: &usize| poll_fn(|cx| ticks.poll_tick(cx)).now_or_never().is_some();
        assert_eq!((0..2 * ALLOWANCE).take_while(&mut tick).count(), ALLOWANCE);
        executor::yield_now().await;
        // Of all together.
        let handles = ended(&own, ALLOWANCE / 2).await;
        executor::yield_now().await;
        assert_eq!(ready_in_a_row(handles), (ALLOWANCE / 2, false));
        assert_eq!(ready_in_a_row(sleeps()), (ALLOWANCE / 2, true));
    };
    own.block_on(counts(own.clone()));
    own.block_on(own.spawn(counts(own.clone()))).unwrap();
}

/// An interval that has missed many ticks.
fn late_ticks() -> Interval {
    let ticks = interval(Duration::from_nanos(1));
    thread::sleep(Duration::from_millis(1));
    ticks
}

/// A set of so many tasks, all of which have ended.
async fn ended_set(own: &Executor, tasks: usize) -> JoinSet<()> {
    let mut set = JoinSet::new();
    let handles: Vec<_> = (0..tasks)
        .map(|_| set.spawn_on(async {}, &own.handle()))
        .collect();
    while !handles.iter().all(AbortHandle::is_finished) {
        executor::yield_now().await;
    }
    set
}

#[test]
fn a_set_gives_128_of_its_ended_tasks_at_once_and_keeps_the_others() {
    let _watchdog = watchdog(60);
    let own = Arc::new(executor(1));
    let counts = |own: Arc<Executor>| async move {
        let mut set = ended_set(&own, 2 * ALLOWANCE).await;
        executor::yield_now().await;
        // Each call leaves the set before the next one.
        let rings = Arc::new(Rings::default());
        let waker = Waker::from(rings.clone());
        let is_given = |set: &mut JoinSet<()>| {
            let cx = &mut Context::from_waker(&waker);
            set.poll_join_next(cx).is_ready()
        };
        let given = (0..2 * ALLOWANCE).take_while(|_| is_given(&mut set));
        assert_eq!(given.count(), ALLOWANCE);
        assert_eq!(rings.0.load(SeqCst), 1);
        assert_eq!(set.len(), ALLOWANCE);
        // Who does not wait is refused nothing, and spawns as before.
        assert!(set.try_join_next().is_some_and(|task| task.is_ok()));
        let late = set.spawn_on(std::future::pending(), &own.handle());
        assert!(!is_given(&mut set));
        executor::yield_now().await;
        for _ in 0..ALLOWANCE - 1 {
            set.join_next().await.unwrap().unwrap();
        }
        late.abort();
        let error = set.join_next().await.unwrap().unwrap_err();
        assert_eq!((error.id(), error.is_cancelled()), (late.id(), true));
        assert!(set.join_next().await.is_none());
    };
    own.block_on(counts(own.clone()));
    own.block_on(own.spawn(counts(own.clone()))).unwrap();
}

#[test]
fn nothing_is_lost_by_giving_way() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let tasks: Vec<_> = (0..2_000).map(|i| own.spawn(async move { i })).collect();
    let sum = async {
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    };
    assert_eq!(own.block_on(own.spawn(sum)).unwrap(), 1_999_000);
    let tasks = (0..2_000).map(|i| own.spawn(async move { i }));
    let outputs = own.block_on(join_all(tasks));
    assert_eq!(
        outputs.into_iter().map(Result::unwrap).sum::<i32>(),
        1_999_000
    );
    let (one, other) = own.block_on(join(
        interval(Duration::from_nanos(1)).take(1_000).count(),
        late_ticks().take(1_000).count(),
    ));
    assert_eq!((one, other), (1_000, 1_000));
}

#[test]
fn outside_of_our_polls_everything_is_given_at_once() {
    let _watchdog = watchdog(60);
    const MANY: usize = 10 * ALLOWANCE;
    let sleeps = || (0..MANY).map(|_| sleep(Duration::ZERO));
    assert_eq!(ready_in_a_row(sleeps()), (MANY, false));
    let own = executor(1);
    let handles = own.block_on(ended(&own, MANY));
    assert_eq!(ready_in_a_row(handles), (MANY, false));
}

#[test]
fn another_crates_block_on_inside_of_a_task_that_has_used_up_its_allowance_returns() {
    let _watchdog = watchdog(60);
    for own in [executor(1), steady_executor(1)] {
        let foreign = || async {
            futures::executor::block_on(async {
                for _ in 0..10 * ALLOWANCE {
                    sleep(Duration::ZERO).await;
                }
            });
            // The same with a loop that does not return from its poll.
            for _ in 0..2 * ALLOWANCE {
                let mut sleep = pin!(sleep(Duration::ZERO));
                while poll!(sleep.as_mut()).is_pending() {
                    work_for(Duration::from_micros(1));
                }
            }
            block_on(async {
                for _ in 0..10 * ALLOWANCE {
                    sleep(Duration::ZERO).await;
                }
            });
        };
        own.block_on(foreign());
        own.block_on(own.spawn(foreign())).unwrap();
    }
}
