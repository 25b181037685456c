//! Races of timers, each tried thousands of times: firing against everything that may happen to a
//! sleep meanwhile.
//!
//! Where a lost wake-up is what is looked for, the executors are without hand-off: these have no
//! monitor, which would look after a neglected timer within milliseconds.
#![cfg(not(loom))]

mod common;

use common::{
    Boxed, Guard, Ledger, Wakers, effort, eventually, executor, steady_executor, watchdog,
    work_for, worker_counts,
};
use executor::{
    Executor, block_in_place, block_on,
    time::{Sleep, sleep},
};
use futures::future::join_all;
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

type Pinned = Pin<Box<Sleep>>;

/// Generates numbers that are spread out but the same in each run.
struct Random(u64);

impl Random {
    fn new(seed: usize) -> Random {
        Random((seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    /// In the range in which threads can meet.
    fn short(&mut self) -> Duration {
        Duration::from_micros(self.below(300))
    }

    /// Lets about as much time pass as a short sleep takes.
    fn pause(&mut self) {
        match self.below(4) {
            0 => {}
            1 => thread::yield_now(),
            _ => work_for(self.short()),
        }
    }
}

/// A sleep that has been polled with that waker, so that it has its place among the calling thread's
/// timers.
fn begun_with(waker: &Waker, duration: Duration) -> Pinned {
    let mut sleep = Box::pin(sleep(duration));
    let _ = sleep.as_mut().poll(&mut Context::from_waker(waker));
    sleep
}

/// The same, with the waker of the calling task.
async fn begun(duration: Duration) -> Pinned {
    poll_fn(|cx| Poll::Ready(begun_with(cx.waker(), duration))).await
}

fn assert_not_early(sleep: &Sleep) {
    assert!(Instant::now() >= sleep.deadline(), "early");
}

/// Waits for a sleep that has begun elsewhere.
async fn the_rest_of(mut sleep: Pinned, guard: Guard) {
    sleep.as_mut().await;
    assert_not_early(&sleep);
    drop(guard);
}

/// What a sleep may wake once, and not before its deadline.
struct Bell {
    deadline: Instant,
    rings: AtomicUsize,
    faults: Arc<AtomicUsize>,
    _guard: Guard,
}

impl Bell {
    fn new(deadline: Instant, faults: &Arc<AtomicUsize>, ledger: &Ledger) -> Arc<Bell> {
        Arc::new(Bell {
            deadline,
            rings: AtomicUsize::new(0),
            faults: faults.clone(),
            _guard: ledger.guard(),
        })
    }

    fn has_rung(&self) -> bool {
        self.rings.load(SeqCst) > 0
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let again = self.rings.fetch_add(1, SeqCst) > 0;
        if again || Instant::now() < self.deadline {
            self.faults.fetch_add(1, SeqCst);
        }
    }
}

/// A sleep of `duration` that has begun, and what it wakes.
fn belled(duration: Duration, faults: &Arc<AtomicUsize>, ledger: &Ledger) -> (Pinned, Arc<Bell>) {
    let mut sleep = Box::pin(sleep(duration));
    let bell = Bell::new(sleep.deadline(), faults, ledger);
    let waker = Waker::from(bell.clone());
    let poll = sleep.as_mut().poll(&mut Context::from_waker(&waker));
    if poll.is_ready() {
        // Over before it was polled: nobody will be woken.
        bell.rings.fetch_add(1, SeqCst);
    }
    (sleep, bell)
}

#[test]
fn a_sleep_may_be_dropped_at_any_moment_by_any_thread() {
    let _watchdog = watchdog(100);
    let (own, ledger) = (steady_executor(2), Ledger::new());
    let faults = Arc::new(AtomicUsize::new(0));
    let (senders, droppers): (Vec<_>, Vec<_>) = (0..4)
        .map(|i| {
            let (send, sleeps) = mpsc::channel::<Pinned>();
            let dropper = thread::spawn(move || {
                let mut random = Random::new(i);
                for sleep in sleeps {
                    random.pause();
                    if sleep.is_elapsed() {
                        assert_not_early(&sleep);
                    }
                    drop(sleep);
                }
            });
            (send, dropper)
        })
        .unzip();
    let tasks: Vec<_> = (0..4)
        .map(|i| {
            let (senders, faults, ledger) = (senders.clone(), faults.clone(), ledger.clone());
            own.spawn(async move {
                let mut random = Random::new(i);
                for _ in 0..2_000 * effort() {
                    let (sleep, _) = belled(random.short(), &faults, &ledger);
                    senders[random.below(4) as usize].send(sleep).unwrap();
                    executor::yield_now().await;
                }
            })
        })
        .collect();
    drop(senders);
    for outcome in block_on(join_all(tasks)) {
        outcome.unwrap();
    }
    for dropper in droppers {
        dropper.join().unwrap();
    }
    // A worker may be about to wake the last of them.
    eventually("all wakers are gone", || ledger.dropped() == ledger.made());
    assert_eq!(faults.load(SeqCst), 0, "woken early, or more than once");
}

/// Waits for a sleep that others have access to, too.
async fn wait_for(sleep: Arc<Mutex<Pinned>>, guard: Guard) {
    poll_fn(|cx| {
        let mut sleep = sleep.lock().unwrap();
        let poll = sleep.as_mut().poll(cx);
        if poll.is_ready() {
            assert_not_early(&sleep);
        }
        poll
    })
    .await;
    drop(guard);
}

#[test]
fn a_sleep_may_be_reset_at_any_moment_by_any_thread() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let (own, other, ledger) = (steady_executor(workers), steady_executor(1), Ledger::new());
        let mut random = Random::new(workers);
        for i in 0..300 * effort() {
            let sleeps: Vec<_> = (0..8)
                .map(|_| Arc::new(Mutex::new(Box::pin(sleep(random.short())))))
                .collect();
            let waiting: Vec<_> = sleeps
                .iter()
                .map(|sleep| own.spawn(wait_for(sleep.clone(), ledger.guard())))
                .collect();
            let mut random = Random::new(i);
            let mut reset = move || {
                for _ in 0..3 {
                    random.pause();
                    for sleep in &sleeps {
                        let deadline = Instant::now() + random.short();
                        sleep.lock().unwrap().as_mut().reset(deadline);
                    }
                }
            };
            match i % 3 {
                0 => thread::spawn(reset).join().unwrap(),
                1 => block_on(other.spawn(async move { reset() })).unwrap(),
                _ => block_on(own.spawn(async move { reset() })).unwrap(),
            }
            for outcome in block_on(join_all(waiting)) {
                outcome.unwrap();
            }
        }
        ledger.assert_settled();
    }
}

/// One of several tasks that poll the same sleep, each as often as it likes. Only the last of them is
/// woken; it tells the others.
async fn take_turns(sleep: Arc<Mutex<Pinned>>, others: Wakers, mut turns: u64, guard: Guard) {
    poll_fn(|cx| {
        let mut sleep = sleep.lock().unwrap();
        others.add(cx.waker());
        if sleep.as_mut().poll(cx).is_ready() {
            assert_not_early(&sleep);
            others.take().into_iter().for_each(Waker::wake);
            return Poll::Ready(());
        }
        if turns > 0 {
            turns -= 1;
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
    drop(guard);
}

#[test]
fn of_two_tasks_that_take_turns_with_a_sleep_the_last_one_is_woken() {
    let _watchdog = watchdog(100);
    let (own, other) = (steady_executor(2), steady_executor(1));
    let (ledger, mut random) = (Ledger::new(), Random::new(0));
    for _ in 0..1_000 * effort() {
        let tasks: Vec<_> = (0..8)
            .flat_map(|_| {
                let sleep = Arc::new(Mutex::new(Box::pin(sleep(random.short()))));
                let wakers = Wakers::new();
                [&own, &other].map(|place| {
                    let turns = random.below(20);
                    let guard = ledger.guard();
                    place.spawn(take_turns(sleep.clone(), wakers.clone(), turns, guard))
                })
            })
            .collect();
        for outcome in block_on(join_all(tasks)) {
            outcome.unwrap();
        }
    }
    ledger.assert_settled();
}

/// Polls the sleep here, and goes elsewhere; after some hops waits for it.
fn hop(
    places: Arc<[Executor; 3]>,
    mut sleep: Pinned,
    mut random: Random,
    guard: Guard,
) -> Boxed<()> {
    Box::pin(async move {
        if random.below(5) == 0 {
            return the_rest_of(sleep, guard).await;
        }
        if futures::poll!(sleep.as_mut()).is_ready() {
            assert_not_early(&sleep);
            return;
        }
        random.pause();
        let next = random.below(4) as usize;
        let everywhere = places.clone();
        match places.get(next) {
            Some(place) => {
                let onwards = hop(everywhere, sleep, random, guard);
                place.spawn(onwards).await.unwrap();
            }
            // In a place that ends as soon as the sleep has been polled there.
            None => {
                let _ = block_on(async { futures::poll!(sleep.as_mut()) });
                hop(everywhere, sleep, random, guard).await;
            }
        }
    })
}

#[test]
fn a_sleep_may_go_from_place_to_place_while_it_fires() {
    let _watchdog = watchdog(100);
    let places = Arc::new([steady_executor(1), steady_executor(2), executor(2)]);
    let ledger = Ledger::new();
    for i in 0..250 * effort() {
        let tasks: Vec<_> = (0..20)
            .map(|j| {
                let mut random = Random::new(i * 20 + j);
                let sleep = Box::pin(sleep(random.short()));
                let place = &places[j % 3];
                place.spawn(hop(places.clone(), sleep, random, ledger.guard()))
            })
            .collect();
        for outcome in block_on(join_all(tasks)) {
            outcome.unwrap();
        }
    }
    ledger.assert_settled();
}

#[test]
fn an_executor_may_end_while_its_sleeps_are_waited_for_elsewhere() {
    let _watchdog = watchdog(100);
    let (own, ledger) = (steady_executor(2), Ledger::new());
    for i in 0..350 * effort() {
        let mut random = Random::new(i);
        let ending = Executor::builder()
            .workers(1 + i % 2)
            .handoff(i % 4 < 2)
            .build()
            .unwrap();
        let durations: Vec<_> = (0..40).map(|_| random.short()).collect();
        let begin = ending.spawn(join_all(durations.into_iter().map(begun)));
        let tasks: Vec<_> = block_on(begin)
            .unwrap()
            .into_iter()
            .map(|sleep| own.spawn(the_rest_of(sleep, ledger.guard())))
            .collect();
        // Some that end with it.
        for _ in 0..10 {
            drop(ending.spawn(the_rest_of(Box::pin(sleep(random.short())), ledger.guard())));
        }
        random.pause();
        // Whether its memory is freed at once must not matter.
        let _handle = (i % 3 == 0).then(|| ending.handle());
        drop(ending);
        for outcome in block_on(join_all(tasks)) {
            outcome.unwrap();
        }
        ledger.assert_settled();
    }
}

#[test]
fn block_on_may_end_while_its_sleeps_are_waited_for_elsewhere() {
    let _watchdog = watchdog(100);
    let (own, ledger) = (steady_executor(2), Ledger::new());
    thread::scope(|scope| {
        for i in 0..4 {
            let (own, ledger) = (&own, &ledger);
            scope.spawn(move || {
                let mut random = Random::new(i);
                for _ in 0..800 * effort() {
                    let mut tasks = Vec::new();
                    block_on(async {
                        for _ in 0..10 {
                            let sleep = begun(random.short()).await;
                            tasks.push(own.spawn(the_rest_of(sleep, ledger.guard())));
                        }
                        random.pause();
                    });
                    // A foreign one: the next call of ours would attend to what this one has left.
                    for outcome in futures::executor::block_on(join_all(tasks)) {
                        outcome.unwrap();
                    }
                }
            });
        }
    });
    ledger.assert_settled();
}

#[test]
fn threads_may_create_and_drop_sleeps_while_workers_fire_others() {
    let _watchdog = watchdog(100);
    let (own, ledger, stop) = (executor(2), Ledger::new(), Arc::new(AtomicBool::new(false)));
    let faults = Arc::new(AtomicUsize::new(0));
    let sleepers: Vec<_> = (0..20)
        .map(|i| {
            let (stop, ledger) = (stop.clone(), ledger.clone());
            own.spawn(async move {
                let mut random = Random::new(i);
                while !stop.load(SeqCst) {
                    the_rest_of(begun(random.short()).await, ledger.guard()).await;
                }
            })
        })
        .collect();
    thread::scope(|scope| {
        for i in 0..8 {
            // Half of them share one wheel, the others have one each.
            let churn = churn(Random::new(i), faults.clone(), ledger.clone());
            scope.spawn(move || match i % 2 {
                0 => futures::executor::block_on(churn),
                _ => block_on(churn),
            });
        }
    });
    stop.store(true, SeqCst);
    for outcome in block_on(join_all(sleepers)) {
        outcome.unwrap();
    }
    eventually("all wakers are gone", || ledger.dropped() == ledger.made());
    assert_eq!(faults.load(SeqCst), 0, "woken early, or more than once");
}

/// Creates and drops sleeps of random lengths, and waits for some of them.
async fn churn(mut random: Random, faults: Arc<AtomicUsize>, ledger: Ledger) {
    for _ in 0..500 * effort() {
        let mut kept = Vec::new();
        for _ in 0..50 {
            let bits = random.below(45);
            let duration = Duration::from_nanos(random.below(1 << bits));
            kept.push(belled(duration, &faults, &ledger));
            if random.below(2) == 0 {
                drop(kept.swap_remove(random.below(kept.len() as u64) as usize));
            }
        }
        let soon = Instant::now() + Duration::from_millis(1);
        kept.retain(|(sleep, _)| sleep.deadline() < soon);
        // None of those is forgotten.
        while !kept.iter().all(|(_, bell)| bell.has_rung()) {
            sleep(Duration::from_micros(100)).await;
        }
    }
}

#[test]
fn a_worker_may_block_and_come_back_while_its_sleeps_are_due() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let (own, ledger) = (executor(workers), Ledger::new());
        let tasks: Vec<_> = (0..8)
            .map(|i| {
                let ledger = ledger.clone();
                own.spawn(async move {
                    let mut random = Random::new(i);
                    for _ in 0..300 * effort() {
                        let sleep = begun(random.short()).await;
                        match random.below(4) {
                            0 => block_in_place(|| random.pause()),
                            1 => block_on(the_rest_of(
                                Box::pin(executor::time::sleep(random.short())),
                                ledger.guard(),
                            )),
                            2 => random.pause(),
                            _ => {}
                        }
                        the_rest_of(sleep, ledger.guard()).await;
                    }
                })
            })
            .collect();
        for outcome in block_on(join_all(tasks)) {
            outcome.unwrap();
        }
        ledger.assert_settled();
    }
}

#[test]
fn a_worker_that_wakes_up_for_a_timer_misses_no_task_and_the_other_way_round() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let (own, mut random) = (steady_executor(workers), Random::new(workers));
        block_on(async {
            for i in 0..700 * effort() {
                let duration = random.short();
                let sleeps = own.spawn(async move {
                    sleep(duration).await;
                    i
                });
                random.pause();
                assert_eq!(own.spawn(async move { i }).await.unwrap(), i);
                assert_eq!(sleeps.await.unwrap(), i);
            }
        });
    }
}
