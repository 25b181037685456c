//! Races of timers, each tried thousands of times: firing against everything that may happen to a
//! sleep meanwhile.
//!
//! Where a lost wake-up is what is looked for, the executors are without hand-off: these have no
//! monitor, which would look after a neglected timer within milliseconds.
#![cfg(not(loom))]

mod common;

use common::{
    Boxed, Guard, Ledger, Rng, Wakers, effort, eventually, executor, moment, pause,
    sleeps::{Pinned, Shared, assert_not_early, begun, shared, the_rest_of, wait_for},
    steady_executor, watchdog, worker_counts,
};
use executor::{
    Executor, block_in_place, block_on,
    time::{Sleep, sleep},
};
use futures::future::join_all;
use std::{
    future::{Future, poll_fn},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

/// The range in which the threads of these races meet: short sleeps, and pauses as long as those.
const MOMENT: Duration = Duration::from_micros(300);

/// What a sleep may wake once, and not before its deadline.
struct Witness {
    deadline: Instant,
    wakes: AtomicUsize,
    faults: Arc<AtomicUsize>,
    _guard: Guard,
}

impl Witness {
    fn new(deadline: Instant, faults: &Arc<AtomicUsize>, ledger: &Ledger) -> Arc<Witness> {
        Arc::new(Witness {
            deadline,
            wakes: AtomicUsize::new(0),
            faults: faults.clone(),
            _guard: ledger.guard(),
        })
    }

    fn was_woken(&self) -> bool {
        self.wakes.load(SeqCst) > 0
    }
}

impl Wake for Witness {
    fn wake(self: Arc<Self>) {
        let again = self.wakes.fetch_add(1, SeqCst) > 0;
        if again || Instant::now() < self.deadline {
            self.faults.fetch_add(1, SeqCst);
        }
    }
}

/// A sleep of `duration` that has begun, and what it wakes.
fn witnessed(
    duration: Duration,
    faults: &Arc<AtomicUsize>,
    ledger: &Ledger,
) -> (Pinned, Arc<Witness>) {
    let mut sleep = Box::pin(sleep(duration));
    let witness = Witness::new(sleep.deadline(), faults, ledger);
    let waker = Waker::from(witness.clone());
    let poll = sleep.as_mut().poll(&mut Context::from_waker(&waker));
    if poll.is_ready() {
        // Over before it was polled: nobody will be woken.
        witness.wakes.fetch_add(1, SeqCst);
    }
    (sleep, witness)
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
                let mut rng = Rng::with_seed(i as u64);
                for sleep in sleeps {
                    pause(&mut rng, MOMENT);
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
                let mut rng = Rng::with_seed(i as u64);
                for _ in 0..2_000 * effort() {
                    let (sleep, _) = witnessed(moment(&mut rng, MOMENT), &faults, &ledger);
                    senders[rng.u64(..4) as usize].send(sleep).unwrap();
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

#[test]
fn a_sleep_may_be_reset_at_any_moment_by_any_thread() {
    let _watchdog = watchdog(100);
    for workers in worker_counts() {
        let (own, other, ledger) = (steady_executor(workers), steady_executor(1), Ledger::new());
        let mut rng = Rng::with_seed(workers as u64);
        for i in 0..300 * effort() {
            let sleeps: Vec<_> = (0..8)
                .map(|_| shared(sleep(moment(&mut rng, MOMENT))))
                .collect();
            let waiting: Vec<_> = sleeps
                .iter()
                .map(|sleep| own.spawn(ledger.track(wait_for(sleep.clone()))))
                .collect();
            let mut rng = Rng::with_seed(i as u64);
            let mut reset = move || {
                for _ in 0..3 {
                    pause(&mut rng, MOMENT);
                    for sleep in &sleeps {
                        let deadline = Instant::now() + moment(&mut rng, MOMENT);
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

/// One of several tasks that poll the same sleep, each as often as it likes. Only the last of them
/// is woken; it tells the others.
async fn take_turns(sleep: Shared<Sleep>, others: Wakers, mut turns: u64) {
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
}

#[test]
fn of_two_tasks_that_take_turns_with_a_sleep_the_last_one_is_woken() {
    let _watchdog = watchdog(100);
    let (own, other) = (steady_executor(2), steady_executor(1));
    let (ledger, mut rng) = (Ledger::new(), Rng::with_seed(0));
    for _ in 0..1_000 * effort() {
        let tasks: Vec<_> = (0..8)
            .flat_map(|_| {
                let sleep = shared(sleep(moment(&mut rng, MOMENT)));
                let wakers = Wakers::new();
                [&own, &other].map(|place| {
                    let turns = rng.u64(..20);
                    let takes_turns = take_turns(sleep.clone(), wakers.clone(), turns);
                    place.spawn(ledger.track(takes_turns))
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
fn hop(places: Arc<[Executor; 3]>, mut sleep: Pinned, mut rng: Rng) -> Boxed<()> {
    Box::pin(async move {
        if rng.u64(..5) == 0 {
            return the_rest_of(sleep).await;
        }
        if futures::poll!(sleep.as_mut()).is_ready() {
            assert_not_early(&sleep);
            return;
        }
        pause(&mut rng, MOMENT);
        let next = rng.u64(..4) as usize;
        let everywhere = places.clone();
        match places.get(next) {
            Some(place) => {
                let onwards = hop(everywhere, sleep, rng);
                place.spawn(onwards).await.unwrap();
            }
            // In a place that ends as soon as the sleep has been polled there.
            None => {
                let _ = block_on(async { futures::poll!(sleep.as_mut()) });
                hop(everywhere, sleep, rng).await;
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
                let mut rng = Rng::with_seed((i * 20 + j) as u64);
                let sleep = Box::pin(sleep(moment(&mut rng, MOMENT)));
                let place = &places[j % 3];
                place.spawn(ledger.track(hop(places.clone(), sleep, rng)))
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
        let mut rng = Rng::with_seed(i as u64);
        let ending = Executor::builder()
            .workers(1 + i % 2)
            .handoff(i % 4 < 2)
            .build()
            .unwrap();
        let durations: Vec<_> = (0..40).map(|_| moment(&mut rng, MOMENT)).collect();
        let begin = ending.spawn(join_all(durations.into_iter().map(begun)));
        let tasks: Vec<_> = block_on(begin)
            .unwrap()
            .into_iter()
            .map(|sleep| own.spawn(ledger.track(the_rest_of(sleep))))
            .collect();
        // Some that end with it.
        for _ in 0..10 {
            let ends_with_it = the_rest_of(Box::pin(sleep(moment(&mut rng, MOMENT))));
            drop(ending.spawn(ledger.track(ends_with_it)));
        }
        pause(&mut rng, MOMENT);
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
                let mut rng = Rng::with_seed(i as u64);
                for _ in 0..800 * effort() {
                    let mut tasks = Vec::new();
                    block_on(async {
                        for _ in 0..10 {
                            let sleep = begun(moment(&mut rng, MOMENT)).await;
                            tasks.push(own.spawn(ledger.track(the_rest_of(sleep))));
                        }
                        pause(&mut rng, MOMENT);
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
                let mut rng = Rng::with_seed(i as u64);
                while !stop.load(SeqCst) {
                    let sleep = begun(moment(&mut rng, MOMENT)).await;
                    ledger.track(the_rest_of(sleep)).await;
                }
            })
        })
        .collect();
    thread::scope(|scope| {
        for i in 0..8 {
            // Half of them share one wheel, the others have one each.
            let churn = churn(Rng::with_seed(i as u64), faults.clone(), ledger.clone());
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

/// Creates and drops sleeps of rng lengths, and waits for some of them.
async fn churn(mut rng: Rng, faults: Arc<AtomicUsize>, ledger: Ledger) {
    for _ in 0..500 * effort() {
        let mut kept = Vec::new();
        for _ in 0..50 {
            let bits = rng.u64(..45);
            let duration = Duration::from_nanos(rng.u64(..1 << bits));
            kept.push(witnessed(duration, &faults, &ledger));
            if rng.u64(..2) == 0 {
                drop(kept.swap_remove(rng.u64(..kept.len() as u64) as usize));
            }
        }
        let soon = Instant::now() + Duration::from_millis(1);
        kept.retain(|(sleep, _)| sleep.deadline() < soon);
        // None of those is forgotten.
        while !kept.iter().all(|(_, witness)| witness.was_woken()) {
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
                    let mut rng = Rng::with_seed(i as u64);
                    for _ in 0..300 * effort() {
                        let sleep = begun(moment(&mut rng, MOMENT)).await;
                        match rng.u64(..4) {
                            0 => block_in_place(|| pause(&mut rng, MOMENT)),
                            1 => block_on(the_rest_of(Box::pin(executor::time::sleep(moment(
                                &mut rng, MOMENT,
                            ))))),
                            2 => pause(&mut rng, MOMENT),
                            _ => {}
                        }
                        ledger.track(the_rest_of(sleep)).await;
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
        let (own, mut rng) = (steady_executor(workers), Rng::with_seed(workers as u64));
        block_on(async {
            for i in 0..700 * effort() {
                let duration = moment(&mut rng, MOMENT);
                let sleeps = own.spawn(async move {
                    sleep(duration).await;
                    i
                });
                pause(&mut rng, MOMENT);
                assert_eq!(own.spawn(async move { i }).await.unwrap(), i);
                assert_eq!(sleeps.await.unwrap(), i);
            }
        });
    }
}
