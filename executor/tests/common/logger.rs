//! A logger for a test. A process has but one, so such a test has a process of its own.

use super::in_own_process;
use log::{LevelFilter, Log, Metadata, Record};

struct Calls<F>(F);

impl<F: Fn(&Record<'_>) + Send + Sync> Log for Calls<F> {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // Others may log as well.
        if record.target().starts_with("executor") {
            (self.0)(record);
        }
    }

    fn flush(&self) {}
}

/// Runs `body` in a process of its own, where `log` gets what the executor logs.
#[track_caller]
pub fn in_process_with_log(log: impl Fn(&Record<'_>) + Send + Sync + 'static, body: impl FnOnce()) {
    in_own_process(|| {
        log::set_logger(Box::leak(Box::new(Calls(log)))).unwrap();
        log::set_max_level(LevelFilter::Info);
        body();
    });
}
