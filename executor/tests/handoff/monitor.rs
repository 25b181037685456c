//! What the monitor costs, and what it does on bad days.

use crate::common::{
    Gate, activity, child, executor, in_own_process, is_child, watchdog, work_for,
};
use executor::{Executor, time::sleep};
use std::{
    fs::File,
    io::Read,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Wake-ups of this process in so long a time.
fn wake_ups(time: Duration) -> usize {
    let before = activity().1;
    thread::sleep(time);
    // This thread's own is one.
    activity().1 - before - 1
}

#[test]
fn a_poll_that_sleeps_and_nothing_else_wakes_nobody() {
    in_own_process(|| {
        for handoff_after in [Duration::from_millis(10), Duration::from_micros(200)] {
            let own = Executor::builder()
                .workers(2)
                .handoff_after(handoff_after)
                .build()
                .unwrap();
            let gate = Gate::new();
            let waiting = gate.clone();
            let sleeper = own.spawn(async move { waiting.wait() });
            // The first second is for the report.
            thread::sleep(Duration::from_millis(1_500));
            let ups = wake_ups(Duration::from_secs(2));
            gate.open();
            own.block_on(sleeper).unwrap();
            assert!(ups <= 10, "{ups} wake-ups in 2 s, with {handoff_after:?}");
        }
    });
}

/// Polls that sleep for a moment and one that sleeps too long, again and again: no storm.
#[test]
fn many_polls_that_sleep_for_a_moment_are_not_handed_off_by_the_thousand() {
    let _watchdog = watchdog(100);
    const WORKERS: usize = 64;
    let own = executor(WORKERS);
    let stop = Arc::new(AtomicBool::new(false));
    let naps = |nap| {
        let stop = stop.clone();
        own.spawn(async move {
            while !stop.load(SeqCst) {
                thread::sleep(nap);
                executor::yield_now().await;
            }
        })
    };
    let mut tasks: Vec<_> = (0..2 * WORKERS)
        .map(|_| naps(Duration::from_micros(1_500)))
        .collect();
    tasks.push(naps(Duration::from_millis(14)));
    thread::sleep(Duration::from_secs(1));
    stop.store(true, SeqCst);
    let handoffs = own.metrics().handoffs();
    for task in tasks {
        own.block_on(task).unwrap();
    }
    // 18,000 without the doubts; 70 for the one that is stuck.
    assert!(handoffs < 4_000, "{handoffs} in a second");
}

/// Takes all descriptors that this process may have.
fn all_descriptors() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

/// The worst delay of a ticker beside tasks that sleep for so long.
fn worst_delay(own: &Executor, nap: Duration) -> Duration {
    const PERIOD: Duration = Duration::from_millis(5);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let ticker = own.spawn(async move {
        let mut worst = Duration::ZERO;
        while !stopped.load(SeqCst) {
            let begin = Instant::now();
            sleep(PERIOD).await;
            worst = worst.max(begin.elapsed());
        }
        worst
    });
    let naps: Vec<_> = (0..12)
        .map(|_| own.spawn(async move { thread::sleep(nap) }))
        .collect();
    for task in naps {
        own.block_on(task).unwrap();
    }
    stop.store(true, SeqCst);
    own.block_on(ticker).unwrap()
}

#[test]
fn sleepers_are_known_as_such_with_all_descriptors_taken() {
    in_own_process(|| {
        let nap = Duration::from_millis(700);
        // Few, so that taking them is quick.
        let limit = libc::rlimit {
            rlim_cur: 200,
            rlim_max: 200,
        };
        // SAFETY: it reads a struct of ours.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
        let all = all_descriptors();
        let own = executor(2);
        let worst = worst_delay(&own, nap);
        drop(own);
        drop(all);
        assert!(worst < nap, "{worst:?}");
    });
}

/// A process that is stopped again and again gets on.
#[test]
fn a_process_that_is_stopped_and_continued_hands_off() {
    let _watchdog = watchdog(100);
    if is_child() {
        let (own, gate) = (executor(1), Gate::new());
        let waiting = gate.clone();
        let stuck = own.spawn(async move { waiting.wait() });
        let opens = own.spawn(async move { gate.open() });
        own.block_on(opens).unwrap();
        own.block_on(stuck).unwrap();
        return;
    }
    let mut command = child();
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let pid = libc::pid_t::try_from(process.id()).unwrap();
    let signal = |signal| {
        // SAFETY: a child that has not been waited for, so the number is still its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    };
    let begin = Instant::now();
    while process.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < Duration::from_secs(60), "it gets nowhere");
        signal(libc::SIGCONT);
        thread::sleep(Duration::from_millis(6));
        signal(libc::SIGSTOP);
        thread::sleep(Duration::from_millis(100));
    }
    let mut text = String::new();
    process
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(text.contains("test result: ok. 1 passed"), "{text}");
}

/// A thread that is woken competes with those that compute, so this says something about a poll that
/// is stuck beside many of them, and not about a moment.
#[test]
fn a_hand_off_comes_beside_many_threads_that_compute() {
    in_own_process(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let spinners: Vec<_> = (0..48)
            .map(|_| {
                let stop = stop.clone();
                thread::spawn(move || {
                    while !stop.load(SeqCst) {
                        work_for(Duration::from_millis(1));
                    }
                })
            })
            .collect();
        let own = Executor::builder()
            .workers(1)
            .handoff_after(Duration::from_micros(200))
            .build()
            .unwrap();
        let gate = Gate::new();
        let waiting = gate.clone();
        let stuck = own.spawn(async move { waiting.wait() });
        let (ran, has_run) = mpsc::channel();
        own.spawn(async move { ran.send(()).unwrap() });
        let outcome = has_run.recv_timeout(Duration::from_secs(20));
        stop.store(true, SeqCst);
        gate.open();
        own.block_on(stuck).unwrap();
        spinners
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        outcome.unwrap();
    });
}
