//! What the runtime says about the program that it runs, to its logger.
//!
//! A logger is foreign code: it may take its time, want locks that others hold, and panic. So it is
//! called on a thread of its own, which belongs to no executor, is waited for by nobody, and ends
//! when there is nothing left to say. Where there is no logger, the text goes to standard error.

use super::report;
use crate::sync::{clock, forked::Process, lock_static, panic::caught};
use log::Level;
use std::{collections::VecDeque, sync::Mutex, thread};

/// As long as the logger takes its time, so many wait. Further ones are lost.
const MOST_WAITING: usize = 64;

pub(super) struct Warnings {
    waiting: VecDeque<Warning>,
    /// The process whose thread is at work. (A forked child has no thread.)
    at_work_in: Option<Process>,
}

/// See [`warn`].
struct Warning {
    level: Level,
    text: String,
    without_logger: bool,
}

static WARNINGS: Mutex<Warnings> = Mutex::new(Warnings {
    waiting: VecDeque::new(),
    at_work_in: None,
});

/// The lock, for `fork`.
#[cfg(all(unix, not(shuttle)))]
pub(super) type Held = std::sync::MutexGuard<'static, Warnings>;

/// Takes the lock.
#[cfg(all(unix, not(shuttle)))]
pub(super) fn hold() -> Held {
    lock_static(&WARNINGS)
}

/// Says `text` soon. `without_logger`: also if there is no logger to take it.
pub(super) fn warn(level: Level, text: String, without_logger: bool) {
    if cfg!(shuttle) {
        // A thread that shuttle does not know.
        return;
    }
    let warning = Warning {
        level,
        text,
        without_logger,
    };
    if clock::is_virtual() {
        // In a simulation no thread is started. Whoever comes here holds no lock of ours.
        return drop(caught(|| warning.emit()));
    }
    let mut warnings = lock_static(&WARNINGS);
    if warnings.at_work_in.is_some_and(Process::is_forked) {
        // In a forked child: these are for the parent's thread.
        warnings.waiting.clear();
        warnings.at_work_in = None;
    }
    if warnings.waiting.len() < MOST_WAITING {
        warnings.waiting.push_back(warning);
    }
    let is_at_work = warnings.at_work_in.replace(Process::this()).is_some();
    drop(warnings);
    if !is_at_work {
        let thread = thread::Builder::new().name("executor-report".into());
        if thread.spawn(emit_all).is_err() {
            // The next warning tries again.
            lock_static(&WARNINGS).at_work_in = None;
        }
    }
}

/// Goes on until nothing is left to say.
fn emit_all() {
    while let Some(warning) = next() {
        // The panic hook has said what there is to say.
        drop(caught(|| warning.emit()));
    }
}

fn next() -> Option<Warning> {
    let mut warnings = lock_static(&WARNINGS);
    let next = warnings.waiting.pop_front();
    if next.is_none() {
        warnings.at_work_in = None;
    }
    next
}

impl Warning {
    fn emit(&self) {
        let Warning {
            level,
            text,
            without_logger,
        } = self;
        log::log!(target: "executor", *level, "{text}");
        if *without_logger && log::max_level() == log::LevelFilter::Off {
            report::line(&format!("executor: {text}"));
        }
    }
}
