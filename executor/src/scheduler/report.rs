//! What the runtime says about the program that it runs, to its logger.
//!
//! A logger is foreign code: it may take its time, want locks that others hold, and panic. So it is
//! called on a thread of its own, which belongs to no executor, is waited for by nobody, and ends
//! when there is nothing left to say. Where there is no logger, the text goes to standard error.

use crate::sync::panic::caught;
use log::Level;
use std::{
    collections::VecDeque,
    io::{self, Write},
    process,
    sync::{Mutex, TryLockError},
    thread,
};

/// As long as the logger takes its time, so many reports wait. Further ones are lost.
const MOST_WAITING: usize = 64;

struct Reports {
    waiting: VecDeque<Report>,
    /// The process whose thread is at work. (A forked child has no thread.)
    at_work_in: Option<u32>,
}

/// See [`report`].
struct Report {
    level: Level,
    text: String,
    without_logger: bool,
}

static REPORTS: Mutex<Reports> = Mutex::new(Reports {
    waiting: VecDeque::new(),
    at_work_in: None,
});

/// Reports `text` soon. `without_logger`: also if there is no logger to take it.
pub(super) fn report(level: Level, text: String, without_logger: bool) {
    if cfg!(shuttle) {
        // A thread that shuttle does not know.
        return;
    }
    let mut reports = match REPORTS.try_lock() {
        Ok(reports) => reports,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        // Another executor reports something just now; or did when this process was forked, and
        // then the lock stays as it is. The text is not worth waiting for.
        Err(TryLockError::WouldBlock) => return,
    };
    if reports.waiting.len() < MOST_WAITING {
        reports.waiting.push_back(Report {
            level,
            text,
            without_logger,
        });
    }
    let this_process = Some(process::id());
    if reports.at_work_in != this_process {
        let thread = thread::Builder::new().name("executor-report".into());
        if thread.spawn(emit_all).is_ok() {
            reports.at_work_in = this_process;
        }
    }
}

/// Goes on until nothing is left to say.
fn emit_all() {
    while let Some(report) = next() {
        // The panic hook has said what there is to say.
        drop(caught(|| report.emit()));
    }
}

fn next() -> Option<Report> {
    let mut reports = crate::sync::lock_static(&REPORTS);
    let next = reports.waiting.pop_front();
    if next.is_none() {
        reports.at_work_in = None;
    }
    next
}

impl Report {
    fn emit(&self) {
        let Report {
            level,
            text,
            without_logger,
        } = self;
        log::log!(target: "executor", *level, "{text}");
        if *without_logger && log::max_level() == log::LevelFilter::Off {
            // Standard error may be closed; then nobody wants to know.
            let _ = writeln!(io::stderr(), "executor: {text}");
        }
    }
}
