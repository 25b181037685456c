//! What the monitor tells the log: a poll that runs for longer than a second, once, with its task's
//! id and origin, and what its thread does; and that the limit of threads is reached while work
//! waits, once.
//!
//! Each test in a process of its own, since a process has one logger.
#![cfg(not(loom))]

mod common;

use common::{Gate, PATIENCE, eventually, in_process_with_log};
use executor::{Executor, TaskBuilder, TaskId};
use log::{Level, Record};
use std::{
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

static LINES: Mutex<Vec<(Level, String)>> = Mutex::new(Vec::new());

fn in_process_whose_log_is_kept(body: impl FnOnce()) {
    let keep = |record: &Record<'_>| {
        let line = (record.level(), record.args().to_string());
        LINES.lock().unwrap().push(line);
    };
    in_process_with_log(keep, body);
}

fn lines(level: Level) -> Vec<String> {
    let lines = LINES.lock().unwrap();
    let of_level = lines.iter().filter(|line| line.0 == level);
    of_level.map(|line| line.1.clone()).collect()
}

/// The reports of that task alone: on a busy machine other polls may take as long.
fn stalls_of(task: TaskId) -> Vec<String> {
    let mut stalls = lines(Level::Warn);
    let its = [format!("task {task}, "), format!("task {task} `")];
    stalls.retain(|line| its.iter().any(|its| line.contains(its)));
    stalls
}

/// What is said once must not be said again in this time: many rounds of the monitor.
const AGAIN: Duration = Duration::from_millis(200);

fn with_threads(threads: usize) -> Executor {
    Executor::builder()
        .workers(threads)
        .max_threads(threads)
        .build()
        .unwrap()
}

#[track_caller]
fn assert_only_line_names_the_way_out(lines: &[String]) {
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("max_threads"), "{lines:?}");
}

#[test]
fn a_stall_and_the_limit_of_threads_are_logged_once_each() {
    in_process_whose_log_is_kept(|| {
        let own = with_threads(1);
        let line = line!() + 1;
        let stalled = own.spawn(async {
            // For as long as the reports take to come, however busy the machine is; the limit is
            // reached only when the other task is there.
            eventually("both are reported", || {
                !lines(Level::Warn).is_empty() && !lines(Level::Error).is_empty()
            });
            thread::sleep(AGAIN);
        });
        let id = stalled.id();
        let waits = own.spawn(async {});
        own.block_on(stalled).unwrap();
        own.block_on(waits).unwrap();

        let stalls = stalls_of(id);
        assert_eq!(stalls.len(), 1, "{:?}", lines(Level::Warn));
        let origin = format!("task {id}, spawned at {}:{line}:", file!());
        assert!(stalls[0].contains(&origin), "{stalls:?}");
        assert_only_line_names_the_way_out(&lines(Level::Error));
    });
}

#[test]
fn a_task_with_a_name_stalls_and_panics_under_it() {
    in_process_whose_log_is_kept(|| {
        let own = with_threads(2);
        let (tell, told) = mpsc::channel();
        let stalls = async move {
            let own_id = told.recv().unwrap();
            eventually("it is reported", || !stalls_of(own_id).is_empty());
            std::panic::resume_unwind(Box::new("no cheese"))
        };
        let conn = TaskBuilder::new().name("conn");
        let line = line!() + 1;
        let task = conn.spawn_on(stalls, &own.handle());
        let id = task.id();
        tell.send(id).unwrap();
        assert!(
            own.block_on(async { task.await.map(|never: ()| never) })
                .is_err()
        );
        let origin = format!("task {id} `conn`, spawned at {}:{line}:", file!());
        assert!(stalls_of(id)[0].contains(&origin), "{:?}", stalls_of(id));
        // Said by a thread of its own.
        eventually("the panic is reported", || !lines(Level::Error).is_empty());
        let panics = lines(Level::Error);
        assert_eq!(panics.len(), 1, "{panics:?}");
        assert!(panics[0].contains(&origin), "{panics:?}");
        assert!(panics[0].ends_with(", panicked: no cheese"), "{panics:?}");
        // One without a name is its hook's business.
        let task = own.spawn(async { std::panic::resume_unwind(Box::new("no")) });
        assert!(
            own.block_on(async { task.await.map(|never: ()| never) })
                .is_err()
        );
        assert_eq!(lines(Level::Error), panics);
    });
}

/// The report of a poll of `body`, which gets the condition on which it may end.
#[track_caller]
fn report_of(body: impl FnOnce(&dyn Fn() -> bool) + Send + 'static) -> String {
    let own = with_threads(1);
    let (tell, told) = mpsc::channel();
    let stalled = own.spawn(async move {
        let own_id = told.recv().unwrap();
        body(&|| !stalls_of(own_id).is_empty());
    });
    let id = stalled.id();
    tell.send(id).unwrap();
    own.block_on(stalled).unwrap();
    stalls_of(id).remove(0)
}

#[test]
#[cfg(target_os = "linux")]
fn a_report_says_in_which_system_call_the_thread_sleeps() {
    in_process_whose_log_is_kept(|| {
        // Who sleeps in steps may be seen between two of them, on a busy machine.
        common::in_some_attempt(|| {
            let report = report_of(|is_reported| {
                eventually("it is reported", || {
                    thread::sleep(Duration::from_millis(500));
                    is_reported()
                });
            });
            ["nanosleep", "clock_nanosleep"].iter().any(|call| {
                let says = format!("blocks its thread, which is asleep in {call}: use `spawn_");
                report.contains(&says)
            })
        });
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_report_says_that_the_thread_computes() {
    in_process_whose_log_is_kept(|| {
        // What computes sleeps for a moment now and then: in the look at the reports.
        common::in_some_attempt(|| {
            let report = report_of(|is_reported| {
                eventually("it is reported", || {
                    common::work_for(Duration::from_millis(50));
                    is_reported()
                });
            });
            report.contains("blocks its thread, which is computing: use `spawn_")
        });
    });
}

#[test]
fn a_name_cannot_make_a_report_say_more_than_it_does() {
    in_process_whose_log_is_kept(|| {
        let own = with_threads(1);
        let (tell, told) = mpsc::channel();
        let stalls = async move {
            let own_id = told.recv().unwrap();
            eventually("it is reported", || !stalls_of(own_id).is_empty());
            std::panic::resume_unwind(Box::new("no cheese"))
        };
        let hostile = TaskBuilder::new().name("é\n\u{1b}[2J\u{202e}\"x\"");
        let task = hostile.spawn_on(stalls, &own.handle());
        let id = task.id();
        tell.send(id).unwrap();
        let error = own.block_on(async { task.await.map(|never: ()| never) });
        let shown = format!(r#"task {id} `é\n\u{{1b}}[2J\u{{202e}}"x"`"#);
        let error = error.unwrap_err().to_string();
        assert_eq!(error, format!("{shown} panicked: no cheese"));
        assert!(stalls_of(id)[0].starts_with(&shown), "{:?}", stalls_of(id));
        eventually("the panic is reported", || !lines(Level::Error).is_empty());
        let panics = lines(Level::Error);
        assert!(panics[0].starts_with(&shown), "{panics:?}");
    });
}

#[test]
fn each_poll_that_stalls_is_reported() {
    in_process_whose_log_is_kept(|| {
        let own = with_threads(1);
        for _ in 0..2 {
            let (tell, told) = mpsc::channel();
            let stalled = own.spawn(async move {
                let own_id = told.recv().unwrap();
                eventually("it is reported", || !stalls_of(own_id).is_empty());
            });
            tell.send(stalled.id()).unwrap();
            own.block_on(stalled).unwrap();
        }
    });
}

#[test]
fn a_poll_is_reported_when_it_has_taken_a_second_and_the_report_says_how_long() {
    in_process_whose_log_is_kept(|| {
        let own = with_threads(1);
        let (tell, told) = mpsc::channel();
        let stalled = own.spawn(async move {
            let begin = Instant::now();
            let own_id = told.recv().unwrap();
            eventually("it is reported", || !stalls_of(own_id).is_empty());
            (own_id, begin.elapsed())
        });
        tell.send(stalled.id()).unwrap();
        let (id, lasted) = own.block_on(stalled).unwrap();
        let report = stalls_of(id).remove(0);
        let (_, says) = report.split_once("in one poll for ").expect(&report);
        let (seconds, _) = says.split_once("s and ").expect(&report);
        let says = Duration::from_secs_f64(seconds.parse().expect(&report));
        // Of a shorter one there is no report.
        assert!(
            says >= Duration::from_secs(1) && says <= lasted,
            "{report}; {lasted:?}"
        );
    });
}

#[test]
fn the_limit_of_threads_is_logged_also_when_the_monitor_sleeps_since_all_of_them_block() {
    in_process_whose_log_is_kept(|| {
        const THREADS: usize = 2;
        let (own, gate) = (with_threads(THREADS), Gate::new());
        // One after the other, so that each finds a thread asleep and the limit is not yet reached.
        let blocked: Vec<_> = (0..THREADS)
            .map(|i| {
                eventually("the others sleep", || {
                    own.metrics().idle_threads() == THREADS - i
                });
                let gate = gate.clone();
                let task = own.spawn(async move { executor::block_in_place(|| gate.wait()) });
                eventually("it blocks", || own.metrics().blocked_threads() == i + 1);
                task
            })
            .collect();
        // Nobody is active and nothing waits, so the monitor has gone to sleep.
        thread::sleep(Duration::from_millis(300));
        assert_eq!(lines(Level::Error), [""; 0]);
        let begin = Instant::now();
        let waits: Vec<_> = (0..3)
            .map(|_| {
                let task = own.spawn(async {});
                thread::sleep(Duration::from_millis(20));
                task
            })
            .collect();
        while lines(Level::Error).is_empty() && begin.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(AGAIN);
        let limits = lines(Level::Error);
        assert!(waits.iter().all(|task| !task.is_finished()));
        gate.open();
        for task in blocked.into_iter().chain(waits) {
            own.block_on(task).unwrap();
        }
        assert_only_line_names_the_way_out(&limits);
    });
}

#[test]
fn a_poll_that_goes_on_after_a_long_call_or_wait_is_not_reported() {
    in_process_whose_log_is_kept(|| {
        let own = Executor::builder().workers(1).build().unwrap();
        for call in [
            || executor::block_in_place(|| thread::sleep(Duration::from_millis(1_200))),
            || executor::block_on(executor::time::sleep(Duration::from_millis(1_200))),
        ] {
            let task = own.spawn(async move {
                call();
                // Some rounds of the monitor.
                common::work_for(Duration::from_millis(30));
            });
            let id = task.id();
            own.block_on(task).unwrap();
            thread::sleep(AGAIN);
            assert!(stalls_of(id).is_empty(), "{:?}", stalls_of(id));
        }
    });
}
