//! `Metrics::poll_times` and `wake_latencies`.

use crate::common::{eventually, in_some_attempt, watchdog};
use executor::{Executor, Histogram, time::sleep, yield_now};
use std::{
    future::pending,
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

const MS: Duration = Duration::from_millis(1);

/// One worker, whose permit nobody takes.
fn executor(measure_every: Option<u32>) -> Executor {
    let builder = Executor::builder().workers(1);
    let builder = builder.handoff_after(Duration::from_secs(3600));
    let builder = match measure_every {
        Some(polls) => builder.measure_every(polls),
        None => builder,
    };
    builder.build().unwrap()
}

fn compute(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Whether the histogram has found out how long these took, as far as it tells lengths apart.
fn is_of(times: &Histogram, mut known: Vec<Duration>) -> bool {
    known.sort();
    [10.0, 50.0, 90.0, 99.0].into_iter().all(|percent: f64| {
        let rank = (percent / 100.0 * known.len() as f64).ceil() as usize;
        // One poll more or less, and what surrounds one, are no difference.
        let (least, most) = (
            known[rank.saturating_sub(3)],
            known[(rank + 1).min(known.len() - 1)],
        );
        let (least, most) = (least.mul_f64(0.98), most.mul_f64(1.15) + MS / 10);
        (least..=most).contains(&times.percentile(percent))
    })
}

#[test]
fn polls_of_known_lengths_are_in_their_buckets() {
    let _watchdog = watchdog(60);
    for measure_every in [Some(1), None] {
        in_some_attempt(|| {
            let own = executor(measure_every);
            let task = own.spawn(async {
                let mut known = Vec::new();
                for number in 0..100 {
                    let begin = Instant::now();
                    compute(if number % 10 == 0 { 20 * MS } else { MS });
                    known.push(begin.elapsed());
                    yield_now().await;
                }
                known
            });
            let known = own.block_on(task).unwrap();
            let times = own.metrics().poll_times();
            let sum: Duration = known.iter().sum();
            // Those that take long are measured each.
            (95..=105).contains(&times.count())
                && is_of(&times, known)
                && times.max() >= 20 * MS
                && times.sum() >= sum.mul_f64(0.9)
                && times.sum() <= sum.mul_f64(1.1)
        });
    }
}

#[test]
fn what_is_measured_of_short_polls_counts_for_all_of_them() {
    let _watchdog = watchdog(60);
    const POLLS: u64 = 500_000;
    let own = executor(None);
    let task = own.spawn(async {
        for _ in 0..POLLS {
            yield_now().await;
        }
    });
    own.block_on(task).unwrap();
    let (polls, wakes) = (own.metrics().poll_times(), own.metrics().wake_latencies());
    // A thousand are measured, so a third is ten standard deviations.
    for estimate in [polls.count(), wakes.count()] {
        assert!(
            estimate.abs_diff(POLLS) < POLLS / 3,
            "{estimate}: {polls:?}, {wakes:?}"
        );
    }
}

#[test]
fn polls_after_a_sleep_are_measured_as_often_as_others() {
    let _watchdog = watchdog(60);
    const WAKE_UPS: u64 = 5_000;
    in_some_attempt(|| {
        let own = executor(Some(10));
        let polls = || own.metrics().processors()[0].polls();
        let sleeps = || own.metrics().idle_threads() == 1;
        let (sender, receiver) = async_channel::unbounded::<()>();
        let waits = own.spawn(async move { while receiver.recv().await.is_ok() {} });
        let before = (polls(), own.metrics().poll_times().count());
        for _ in 0..WAKE_UPS {
            while !sleeps() {
                thread::yield_now();
            }
            sender.send_blocking(()).unwrap();
        }
        drop(sender);
        own.block_on(waits).unwrap();
        let polls = polls() - before.0;
        let estimate = own.metrics().poll_times().count() - before.1;
        // Five hundred are measured: five standard deviations.
        polls > WAKE_UPS / 2 && estimate.abs_diff(polls) < polls / 4
    });
}

#[test]
fn long_polls_among_short_ones_are_as_many_as_they_are() {
    let _watchdog = watchdog(60);
    const ROUNDS: u64 = 400;
    const SHORT: u64 = 500;
    in_some_attempt(|| {
        let own = executor(Some(10));
        let task = own.spawn(async {
            for _ in 0..ROUNDS {
                compute(MS);
                for _ in 0..SHORT {
                    yield_now().await;
                }
            }
        });
        own.block_on(task).unwrap();
        let times = own.metrics().poll_times();
        let long = times.buckets().filter(|bucket| *bucket.times().end() >= MS);
        let long: u64 = long.map(|bucket| bucket.count()).sum();
        // Forty of them are measured: three standard deviations. If the first poll after each look were
        // measured, as the polls before looks are long, there would be many more.
        let all = ROUNDS * SHORT;
        long.abs_diff(ROUNDS) < ROUNDS / 2 && times.count().abs_diff(all) < all / 10
    });
}

#[test]
fn who_is_woken_while_the_worker_blocks_waits_that_long() {
    let _watchdog = watchdog(60);
    let own = executor(Some(1));
    let (sender, receiver) = async_channel::unbounded::<()>();
    let waits = own.spawn(async move { receiver.recv().await });
    eventually("it waits", || own.metrics().suspended_tasks() == 1);
    let blocks = own.spawn(async move {
        sender.send(()).await.unwrap();
        thread::sleep(50 * MS);
    });
    own.block_on(blocks).unwrap();
    own.block_on(waits).unwrap().unwrap();
    let latencies = own.metrics().wake_latencies();
    assert!(latencies.max() >= 40 * MS, "{latencies:?}");
    assert!(latencies.percentile(100.0) >= 40 * MS);
    assert!(own.metrics().poll_times().max() >= 50 * MS);
}

#[test]
fn who_is_woken_from_outside_waits_too() {
    let _watchdog = watchdog(60);
    let own = executor(Some(1));
    let (sender, receiver) = async_channel::unbounded::<()>();
    let waits = own.spawn(async move { receiver.recv().await });
    eventually("it waits", || own.metrics().suspended_tasks() == 1);
    let begun = Arc::new(AtomicBool::new(false));
    let says = begun.clone();
    let blocks = own.spawn(async move {
        says.store(true, SeqCst);
        thread::sleep(100 * MS);
    });
    eventually("it blocks", || begun.load(SeqCst));
    let woken = Instant::now();
    sender.send_blocking(()).unwrap();
    own.block_on(blocks).unwrap();
    let blocked = woken.elapsed();
    own.block_on(waits).unwrap().unwrap();
    let latencies = own.metrics().wake_latencies();
    assert!(
        latencies.max() >= blocked.saturating_sub(50 * MS).min(40 * MS),
        "{latencies:?}"
    );
    assert!(latencies.count() >= 1);
}

#[test]
fn without_a_monitor_it_is_the_same() {
    let _watchdog = watchdog(60);
    let own = Executor::builder()
        .workers(1)
        .handoff(false)
        .measure_every(1);
    let own = own.build().unwrap();
    let task = own.spawn(async {
        for _ in 0..99 {
            yield_now().await;
        }
    });
    own.block_on(task).unwrap();
    let metrics = own.metrics();
    assert!(
        (99..=100).contains(&metrics.poll_times().count()),
        "{metrics:?}"
    );
    assert_eq!(metrics.wake_latencies().count(), 99, "{metrics:?}");
}

#[test]
fn a_task_that_is_aborted_leaves_nothing_to_measure() {
    let _watchdog = watchdog(60);
    let own = executor(Some(1));
    let tasks: Vec<_> = (0..10).map(|_| own.spawn(sleep(3_600_000 * MS))).collect();
    eventually("all wait", || own.metrics().suspended_tasks() == 10);
    own.block_on(async {
        for task in tasks {
            assert!(task.cancel().await.is_none());
        }
    });
    eventually("it sleeps", || own.metrics().idle_threads() == 1);
    assert!(own.metrics().poll_times().count() >= 10);
}

#[test]
fn however_many_tasks_are_aborted_wake_ups_are_measured() {
    let _watchdog = watchdog(60);
    const WAKE_UPS: u64 = 1_000;
    let own = executor(Some(1));
    let aborts = own.spawn(async {
        // More than can be watched at once.
        for _ in 0..70_000 {
            let waits = executor::spawn(pending::<()>());
            yield_now().await;
            assert!(waits.cancel().await.is_none());
        }
    });
    own.block_on(aborts).unwrap();
    let before = own.metrics().wake_latencies().count();
    let yields = own.spawn(async {
        for _ in 0..WAKE_UPS {
            yield_now().await;
        }
    });
    own.block_on(yields).unwrap();
    let measured = own.metrics().wake_latencies().count() - before;
    assert!(measured >= WAKE_UPS - 1, "{measured}");
}

#[test]
fn of_nothing_everything_is_zero() {
    let _watchdog = watchdog(60);
    let none = Histogram::default();
    assert_eq!(
        (none.count(), none.max(), none.sum()),
        (0, Duration::ZERO, Duration::ZERO)
    );
    assert_eq!(none.percentile(99.0), Duration::ZERO);
    assert_eq!(none.buckets().count(), 0);
    assert_eq!(executor::Metrics::default().poll_times(), none);
}

#[test]
fn buckets_are_in_order_do_not_overlap_and_have_all() {
    let _watchdog = watchdog(60);
    let own = executor(Some(1));
    let task = own.spawn(async {
        for number in 0..50 {
            compute(Duration::from_micros(number * 20));
            yield_now().await;
        }
    });
    own.block_on(task).unwrap();
    let times = own.metrics().poll_times();
    let buckets: Vec<_> = times.buckets().collect();
    assert!(buckets.len() > 5, "{buckets:?}");
    let in_order = |pair: &[executor::Bucket]| pair[0].times().end() < pair[1].times().start();
    assert!(buckets.windows(2).all(in_order), "{buckets:?}");
    assert_eq!(
        buckets.iter().map(|bucket| bucket.count()).sum::<u64>(),
        times.count()
    );
    assert_eq!(*buckets.last().unwrap().times().end(), times.max());
}

#[test]
#[should_panic = "a percentile is from 0.0 to 100.0, and not 101"]
fn a_percentile_beyond_a_hundred_is_refused() {
    let _watchdog = watchdog(60);
    let _ = Histogram::default().percentile(101.0);
}

#[test]
fn to_measure_one_of_no_polls_is_refused() {
    let _watchdog = watchdog(60);
    let error = Executor::builder().measure_every(0).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("`measure_every(0)`"), "{error}");
}
