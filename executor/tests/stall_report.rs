//! A poll that runs for longer than a second is reported, once, with its task's id and origin.
//! (A test binary of its own, since a process has one logger.)

#![cfg(not(loom))]

use executor::Executor;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::{sync::Mutex, thread, time::Duration};

static LINES: Mutex<Vec<(Level, String)>> = Mutex::new(Vec::new());

struct Collect;

impl Log for Collect {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINES
            .lock()
            .unwrap()
            .push((record.level(), record.args().to_string()));
    }

    fn flush(&self) {}
}

#[test]
fn a_stall_and_the_limit_of_threads_are_logged_once_each() {
    log::set_logger(&Collect).unwrap();
    log::set_max_level(LevelFilter::Info);

    let executor = Executor::builder()
        .workers(1)
        .max_threads(1)
        .build()
        .unwrap();
    let line = line!() + 1;
    let stalled = executor.spawn(async { thread::sleep(Duration::from_millis(1_600)) });
    let id = stalled.id();
    let waits = executor.spawn(async {});
    executor.block_on(stalled).unwrap();
    executor.block_on(waits).unwrap();

    let lines = LINES.lock().unwrap();
    let of = |level| {
        lines
            .iter()
            .filter(move |line| line.0 == level)
            .map(|line| &line.1)
    };
    let (stalls, limits): (Vec<_>, Vec<_>) =
        (of(Level::Warn).collect(), of(Level::Error).collect());
    assert_eq!((stalls.len(), limits.len()), (1, 1), "{lines:?}");
    assert!(
        stalls[0].contains(&format!("task {id}, spawned at {}:{line}:", file!())),
        "{stalls:?}"
    );
    assert!(limits[0].contains("max_threads"), "{limits:?}");
}
