//! A watchdog. It knows nothing of executors: the tests of other packages have it, too.

use std::{
    io::{self, Write},
    panic::Location,
    process,
    sync::mpsc,
    thread,
    time::Duration,
};

/// Aborts the process, with the name of the test, unless it is dropped in time.
#[must_use = "dropped at once it watches nothing"]
pub struct Watchdog(Option<(mpsc::Sender<()>, thread::JoinHandle<()>)>);

impl Watchdog {
    /// Watches the calling test, which has to end within `limit`.
    #[track_caller]
    pub fn with(limit: Duration) -> Watchdog {
        let place = Location::caller();
        let test = thread::current().name().unwrap_or("?").to_owned();
        let (alive, ended) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            let end = ended.recv_timeout(limit);
            if end == Err(mpsc::RecvTimeoutError::Timeout) {
                let text =
                    format!("\nwatchdog: test `{test}` ({place}) hangs: {limit:?} are over\n");
                // Not `eprintln`, which the test harness captures.
                let _ = io::stderr().write_all(text.as_bytes());
                process::abort();
            }
        });
        Watchdog(Some((alive, thread)))
    }
}

impl Drop for Watchdog {
    /// Its thread is gone then: LeakSanitizer takes what a thread holds that is ending as the
    /// process does for a leak.
    fn drop(&mut self) {
        let (alive, thread) = self.0.take().expect("dropped once");
        drop(alive);
        thread.join().expect("it does not panic");
    }
}
