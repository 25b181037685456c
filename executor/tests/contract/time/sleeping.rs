//! The sleep itself.

use super::*;

#[test]
fn zero_and_the_past_are_ready_at_the_first_poll() {
    let _watchdog = watchdog(60);
    let now = Instant::now();
    let before = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
    let sleeps = || [sleep(Duration::ZERO), sleep_until(now), sleep_until(before)];
    for sleep in sleeps() {
        assert!(sleep.is_elapsed());
        assert_eq!(sleep.now_or_never(), Some(()));
    }
    for sleep in sleeps() {
        assert_eq!(block_on(async { sleep.now_or_never() }), Some(()));
    }
}

#[test]
fn a_sleep_counts_from_its_creation() {
    let _watchdog = watchdog(60);
    let before = Instant::now();
    let mut late = Box::pin(sleep(A_WHILE));
    let after = Instant::now();
    thread::sleep(SHORT);
    let _ = poll_with(Waker::noop(), &mut late);
    assert!((before + A_WHILE..=after + A_WHILE).contains(&late.deadline()));
    block_on(the_rest_of(late));
}

/// How late the one of many sleeps is that is least so.
async fn least_lateness() -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..30 {
        let deadline = Instant::now() + SHORT;
        sleep_until(deadline).await;
        least = least.min(Instant::now() - deadline);
    }
    least
}

#[test]
fn a_sleep_ends_soon_after_its_deadline_wherever_it_is() {
    let _watchdog = watchdog(60);
    // A busy machine makes many late, but hardly all of them: else these would have to sleep for
    // longer.
    const SOON: Duration = Duration::from_millis(3);
    let own = executor(2);
    let latenesses = [
        block_on(least_lateness()),
        own.block_on(own.spawn(least_lateness())).unwrap(),
        futures::executor::block_on(least_lateness()),
    ];
    assert!(latenesses.iter().all(|late| *late < SOON), "{latenesses:?}");
}

#[test]
fn sleeps_of_one_worker_end_in_the_order_of_their_deadlines() {
    let _watchdog = watchdog(60);
    in_some_attempt(they_end_in_order);
}

/// `false`: the worker was too slow to begin all before the first deadline.
fn they_end_in_order() -> bool {
    struct Note(mpsc::Sender<u32>, u32);
    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            self.0.send(self.1).unwrap();
        }
    }
    let own = steady_executor(1);
    let (send, woken) = mpsc::channel();
    let task = own.spawn(async move {
        let first = Instant::now() + A_WHILE;
        let sleeps = [3, 0, 7, 5, 1, 9, 8, 2, 6, 4].map(|i| {
            let deadline = first + Duration::from_millis(2) * i;
            let mut sleep = Box::pin(sleep_until(deadline));
            let waker = Waker::from(Arc::new(Note(send.clone(), i)));
            let _ = poll_with(&waker, &mut sleep);
            sleep
        });
        (Instant::now() < first).then_some(sleeps)
    });
    let Some(sleeps) = own.block_on(task).unwrap() else {
        return false;
    };
    let order: Vec<_> = woken.iter().take(10).collect();
    assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert!(sleeps.iter().all(|sleep| sleep.is_elapsed()));
    true
}

#[test]
fn ten_thousand_sleeps_at_once_all_end_and_none_early() {
    let _watchdog = watchdog(60);
    let (own, ledger) = (executor(2), Ledger::new());
    let tasks: Vec<_> = (0..10_000_u64)
        .map(|i| {
            let guard = ledger.guard();
            own.spawn(async move {
                let _guard = guard;
                // A prime, so that they are spread over 100 ms.
                let duration = Duration::from_micros(i * 7919 % 100_000);
                let deadline = Instant::now() + duration;
                sleep(duration).await;
                assert!(Instant::now() >= deadline, "early");
            })
        })
        .collect();
    for outcome in own.block_on(join_all(tasks)) {
        outcome.unwrap();
    }
    ledger.assert_settled();
}

#[test]
fn the_latest_task_to_poll_is_woken_and_no_earlier_one() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    in_some_attempt(|| the_latest_is_woken(block_on(own.spawn(begun(A_WHILE))).unwrap()));
    in_some_attempt(|| the_latest_is_woken(Box::pin(sleep(A_WHILE))));
}

/// `false`: this thread was too slow to poll twice before the deadline.
fn the_latest_is_woken(mut sleep: Pin<Box<Sleep>>) -> bool {
    let (first, first_waker) = Bell::new();
    let (latest, latest_waker) = Bell::new();
    let _ = poll_with(&first_waker, &mut sleep);
    let _ = poll_with(&latest_waker, &mut sleep);
    let in_time = Instant::now() < sleep.deadline();
    if in_time {
        eventually("the latest is woken", || latest.rings() == 1);
        assert_eq!(first.rings(), 0);
    }
    in_time
}

#[test]
fn a_waker_that_panics_harms_nobody_else() {
    let _watchdog = watchdog(60);
    let own = steady_executor(1);
    let inside = |wakers| {
        let begins = own.spawn(async { begun_beside_bad_wakers(wakers) });
        own.block_on(begins).unwrap()
    };
    in_some_attempt(|| all_are_woken("a worker", inside));
    own.block_on(own.spawn(nap())).unwrap();

    in_some_attempt(|| all_are_woken("the default executor", begun_beside_bad_wakers));
    futures::executor::block_on(nap());
}

type Sleeps = Vec<Pin<Box<Sleep>>>;

/// `begin` begins sleeps with the wakers it is given, and others. `false`: it was too slow.
#[track_caller]
fn all_are_woken(by: &str, begin: impl Fn(Vec<Waker>) -> Option<Sleeps>) -> bool {
    // New ones each time: of sleeps that were begun too slowly some may have fired.
    let (bells, wakers): (Vec<_>, Vec<_>) = (0..40).map(|_| Bell::new()).unzip();
    let Some(sleeps) = begin(wakers) else {
        return false;
    };
    eventually(format_args!("{by} has fired them"), || {
        bells.iter().all(|bell| bell.rings() == 1)
    });
    assert!(sleeps.iter().all(|sleep| sleep.is_elapsed()));
    true
}

/// Sleeps with the same deadline, every second one with a bad waker. `None`: the deadline came
/// before all had begun.
fn begun_beside_bad_wakers(good: Vec<Waker>) -> Option<Sleeps> {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            quiet_panic("from a waker");
        }
    }
    let deadline = Instant::now() + A_WHILE * 5;
    let bad = Waker::from(Arc::new(Panics));
    let begin = |waker| {
        let mut sleep = Box::pin(sleep_until(deadline));
        let _ = poll_with(waker, &mut sleep);
        sleep
    };
    let wakers = good.iter().flat_map(|good| [good, &bad]);
    let sleeps = wakers.map(begin).collect();
    (Instant::now() < deadline).then_some(sleeps)
}

#[test]
fn wakers_are_released_with_the_sleep_or_when_it_is_over() {
    let _watchdog = watchdog(60);
    let (bell, waker) = Bell::new();
    let wakers = || Arc::strong_count(&bell) - 2;
    let mut long = Box::pin(sleep(HOUR));
    let _ = poll_with(&waker, &mut long);
    let _ = poll_with(&waker, &mut long);
    assert_eq!(wakers(), 1);
    drop(long);
    assert_eq!(wakers(), 0);
    let mut short = Box::pin(sleep(SHORT));
    // One that is over at its first poll wakes nobody.
    if poll_with(&waker, &mut short).is_pending() {
        eventually("it is woken", || bell.rings() == 1);
    }
    eventually("the waker is gone", || wakers() == 0);
}
