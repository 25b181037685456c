//! `EXECUTOR_SCHEDTRACE`: the scheduler's state as a line on standard error, like Go's
//! `GODEBUG=schedtrace`.

use crate::{env, metrics::Metrics, scheduler::Scheduler};
use std::{
    io,
    sync::{Weak, mpsc},
    thread,
    time::Instant,
};

/// The thread that prints; dropping this ends it.
pub(crate) struct Trace {
    /// Dropped first, which ends the thread's wait.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Trace {
    /// Starts the thread if the environment asks for it.
    pub(crate) fn start(scheduler: Weak<Scheduler>) -> io::Result<Option<Trace>> {
        let Some(period) = env::trace_period() else {
            return Ok(None);
        };
        #[cfg(test)]
        crate::scheduler::threads::refusals::refuse_if_asked()?;
        let (stop, stopped) = mpsc::channel();
        let started = Instant::now();
        let print = move || {
            while stopped.recv_timeout(period) == Err(mpsc::RecvTimeoutError::Timeout) {
                let Some(scheduler) = scheduler.upgrade() else {
                    return;
                };
                eprintln!(
                    "{}",
                    line(started.elapsed().as_millis(), &Metrics::of(&scheduler))
                );
            }
        };
        let thread = thread::Builder::new()
            .name("executor-trace".into())
            .spawn(print)?;
        Ok(Some(Trace {
            stop: Some(stop),
            thread: Some(thread),
        }))
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its only panic would be a closed standard error.
            drop(thread.join());
        }
    }
}

fn line(ms: u128, metrics: &Metrics) -> String {
    let queues: Vec<_> = metrics
        .processors()
        .iter()
        .map(|p| p.local_queue_len())
        .collect();
    format!(
        "SCHED {ms}ms: workers={} threads={} idle={} searching={} blocked={} suspended={} \
         handoffs={} globalq={} localq={queues:?}",
        metrics.workers(),
        metrics.threads(),
        metrics.idle_threads(),
        metrics.searching_threads(),
        metrics.blocked_threads(),
        metrics.suspended_tasks(),
        metrics.handoffs(),
        metrics.global_queue_len(),
    )
}
