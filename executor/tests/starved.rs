//! What the system may take from an executor: the CPU, by stopping its process or giving it to
//! others, and threads.
#![cfg(all(target_os = "linux", not(loom)))]

mod common;

use common::{
    Ledger, PATIENCE, eventually, in_own_process,
    limits::{become_an_ordinary_user, limit_threads},
};
use executor::{Executor, time::sleep};
use futures::future::join_all;
use std::{
    hint, io,
    process::{self, Child, Command},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

/// The process is stopped and continued while its workers are busy: everything looks stuck then.
#[test]
fn a_stopped_and_continued_process_starts_at_most_one_thread_more() {
    const WORKERS: usize = 2;
    /// The polls are on a core for a small part of this, all in all, so none of them is stuck; and
    /// should a busy machine keep the shell from the next stop, not before one and a half of it.
    const HANDOFF_AFTER: Duration = Duration::from_secs(1);
    /// Longer than `handoff_after`, and all stops together far longer. For the monitor each counts
    /// as two of its periods, each of which is a tenth of a second.
    const STOPPED: Duration = Duration::from_millis(2_500);
    /// Between two stops: seconds apart for the clock, one after the other for the polls.
    const GOES_ON: Duration = Duration::from_millis(15);
    const STOPS: u32 = 4;

    in_own_process(|| {
        let own = Executor::builder()
            .workers(WORKERS)
            .handoff_after(HANDOFF_AFTER)
            .build()
            .unwrap();
        // Under way all the time, with others behind them that wait for their turn.
        let (over, begun) = (Arc::new(AtomicBool::new(false)), Ledger::new());
        let computing: Vec<_> = (0..20)
            .map(|_| {
                let (over, begun) = (over.clone(), begun.clone());
                own.spawn(async move {
                    let _begun = begun.guard();
                    while !over.load(SeqCst) {
                        hint::spin_loop();
                    }
                })
            })
            .collect();
        eventually("the polls are under way", || begun.made() >= WORKERS);
        let script = format!(
            "for i in $(seq {STOPS}); do
                     kill -STOP {0}; sleep {1}; kill -CONT {0}; sleep {2}
                 done",
            process::id(),
            STOPPED.as_secs_f64(),
            GOES_ON.as_secs_f64()
        );
        let begin = Instant::now();
        let shell = Command::new("sh").args(["-c", &script]).status();
        let metrics = own.metrics();
        over.store(true, SeqCst);
        assert!(shell.unwrap().success());
        assert!(begin.elapsed() >= STOPPED * STOPS, "it was not stopped");
        // One is the price of a busy machine.
        assert!(metrics.threads() <= WORKERS + 1, "{metrics:?}");
        assert!(metrics.handoffs() <= 1, "{metrics:?}");
        for task in computing {
            own.block_on(task).unwrap();
        }
    });
}

/// Processes that take all of the CPU that they get, as long as this lives.
struct Spinning(Vec<Child>);

impl Spinning {
    fn start(count: usize) -> Spinning {
        // Not for ever, should nobody be left to end them.
        let spin = "end=$(($(date +%s) + 100)); while [ $(date +%s) -lt $end ]; do
            i=0; while [ $i -lt 1000000 ]; do i=$((i + 1)); done; done";
        let spin = || Command::new("sh").args(["-c", spin]).spawn().unwrap();
        Spinning((0..count).map(|_| spin()).collect())
    }
}

impl Drop for Spinning {
    fn drop(&mut self) {
        for process in &mut self.0 {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Takes that much of the CPU, however long it takes to get it.
fn compute(time: Duration) {
    let used = || {
        let mut used = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: a place for the answer.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut used) };
        Duration::new(used.tv_sec as u64, used.tv_nsec as u32)
    };
    let end = used() + time;
    while used() < end {
        hint::spin_loop();
    }
}

#[test]
fn beside_processes_that_spin_all_goes_on_with_few_threads() {
    in_own_process(|| {
        const WORKERS: usize = 2;
        const TASKS: usize = 10;
        /// Not stuck by itself, but beside two others who want the same core.
        const POLL: Duration = Duration::from_millis(7);
        let own = common::executor(WORKERS);
        let _spinning = Spinning::start(2 * thread::available_parallelism().unwrap().get());
        let over = Arc::new(AtomicBool::new(false));
        let turns: Vec<_> = (0..TASKS).map(|_| Arc::new(AtomicUsize::new(0))).collect();
        let works = turns.iter().map(|turns| {
            let (turns, over) = (turns.clone(), over.clone());
            own.spawn(async move {
                while !over.load(SeqCst) {
                    compute(POLL);
                    turns.fetch_add(1, SeqCst);
                    executor::yield_now().await;
                }
            })
        });
        let works: Vec<_> = works.collect();
        let mut most = 0;
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(3) {
            let before: Vec<_> = turns.iter().map(|turns| turns.load(SeqCst)).collect();
            // Sleeps end, and outside spawns are run, each after each.
            let sleeps = (1..=5).map(|i| {
                own.spawn(async move {
                    let (begin, nap) = (Instant::now(), Duration::from_millis(i));
                    sleep(nap).await;
                    begin.elapsed() >= nap
                })
            });
            let in_time = own.block_on(join_all(sleeps.collect::<Vec<_>>()));
            assert!(in_time.into_iter().all(Result::unwrap), "never early");
            most = most.max(own.metrics().threads());
            eventually("each task has had its turn", || {
                most = most.max(own.metrics().threads());
                turns
                    .iter()
                    .zip(&before)
                    .all(|(now, before)| now.load(SeqCst) > *before)
            });
        }
        over.store(true, SeqCst);
        for task in works {
            own.block_on(task).unwrap();
        }
        assert!(own.metrics().handoffs() > 0, "no poll was stuck");
        // A stand-in for each worker that seems to compute, and one that is about to step back.
        // And for those that wait for a lock whose holder is off its core: they are asleep, and the
        // limit is for those that compute.
        assert!(most <= 2 * WORKERS + 1 + 2, "{most} threads");
    });
}

#[test]
fn at_the_systems_limit_of_threads_the_build_fails_or_all_tasks_finish() {
    in_own_process(|| {
        const WORKERS: usize = 3;
        become_an_ordinary_user();
        // What the user has already, which may change meanwhile: the first limit that allows one
        // thread more.
        let starts = |limit: &libc::rlim_t| {
            limit_threads(*limit);
            let thread = thread::Builder::new().spawn(|| {});
            thread.map(thread::JoinHandle::join).is_ok()
        };
        let first = (1..100_000).find(starts).expect("some limit is enough");
        let (mut failed, mut built) = (0, 0);
        for more in 0..12 {
            limit_threads(first - 1 + more);
            match Executor::builder().workers(WORKERS).build() {
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
                    assert!(error.to_string().contains("could not start"), "{error}");
                    failed += 1;
                }
                Ok(own) => {
                    assert_all_finish(&own);
                    let ended = own.shutdown_timeout(PATIENCE);
                    ended.expect("no thread is left behind");
                    built += 1;
                }
            }
        }
        // A sanitizer has threads, too.
        limit_threads(libc::RLIM_INFINITY);
        // With room for none of them up to room for all but one, at least.
        assert!(failed > 1 && built > 1, "{failed} failed, {built} built");
    });
}

/// Calls that block, and polls that do, all of which want stand-ins.
fn assert_all_finish(own: &Executor) {
    let blocks = |i: usize| async move {
        match i % 3 {
            0 => executor::block_in_place(|| thread::sleep(Duration::from_millis(2))),
            1 => thread::sleep(Duration::from_millis(12)),
            _ => executor::spawn_blocking(|| ()).await.unwrap(),
        }
        executor::spawn(async move { i }).await.unwrap()
    };
    let tasks: Vec<_> = (0..30).map(|i| own.spawn(blocks(i))).collect();
    for (i, task) in tasks.into_iter().enumerate() {
        assert_eq!(own.block_on(task).unwrap(), i);
    }
}
