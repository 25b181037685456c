//! `EXECUTOR_SCHEDTRACE`: the scheduler's state as a line on standard error, like Go's
//! `GODEBUG=schedtrace`.

use super::{
    Scheduler, config::Config, dump::on_signal, env, helpers::Helper, metrics::Metrics, report,
    trace::to_file,
};
use crate::sync::thread;
use std::{
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

/// What is to be told of a new scheduler.
pub(crate) struct Wanted {
    period: Option<Duration>,
    dump: Option<on_signal::Asked>,
    file: Option<to_file::Destination>,
}

impl Wanted {
    /// What the environment asks for. Panics if that is nonsense.
    #[track_caller]
    pub(crate) fn of_environment() -> Wanted {
        Wanted {
            period: env::trace_period(),
            dump: on_signal::asked(),
            file: to_file::asked(),
        }
    }
}

/// The thread that prints; dropping this ends it.
pub(crate) struct SchedTrace {
    /// Dropped first, which ends the thread's wait.
    stop: Option<mpsc::Sender<()>>,
    /// Says, by its own end, that the thread is about to end.
    ended: Mutex<mpsc::Receiver<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// How long its end is waited for. It takes no time, unless standard error is something that
/// claims to take a line at once, and does not.
const PATIENCE: Duration = Duration::from_millis(100);

impl SchedTrace {
    /// Starts a scheduler, and the threads that tell of it.
    pub(crate) fn start_with_scheduler(
        config: Config,
        Wanted { period, dump, file }: Wanted,
    ) -> io::Result<(Arc<Scheduler>, Option<SchedTrace>)> {
        let scheduler = Scheduler::start(config, |scheduler| {
            to_file::start(file, || scheduler.begin_to_record());
        })?;
        if let Err(error) = on_signal::start(dump) {
            return Err(scheduler.give_up("the thread that prints dumps", error));
        }
        let trace = period.map(|period| SchedTrace::start(&scheduler, period));
        match trace.transpose() {
            Ok(trace) => Ok((scheduler, trace)),
            Err(error) => Err(scheduler.give_up("the thread that traces", error)),
        }
    }

    fn start(scheduler: &Arc<Scheduler>, period: Duration) -> io::Result<SchedTrace> {
        let scheduler = Arc::downgrade(scheduler);
        let (stop, stopped) = mpsc::channel();
        let (ends, ended) = mpsc::channel();
        let started = Instant::now();
        let print = move || {
            let _ends = ends;
            let _helper = Helper::this_thread();
            while stopped.recv_timeout(period) == Err(mpsc::RecvTimeoutError::Timeout) {
                let Some(scheduler) = scheduler.upgrade() else {
                    return;
                };
                let metrics = Metrics::of(&scheduler);
                // The line may take its time.
                drop(scheduler);
                report::line(&line(started.elapsed().as_millis(), &metrics));
            }
        };
        let thread = thread::Builder::new()
            .name("executor-trace".into())
            .spawn(print)?;
        Ok(SchedTrace {
            stop: Some(stop),
            ended: Mutex::new(ended),
            thread: Some(thread),
        })
    }
}

impl Drop for SchedTrace {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = self.thread.take()
            && ended.recv_timeout(PATIENCE) != Err(mpsc::RecvTimeoutError::Timeout)
        {
            // It does not panic, so there is nothing to be told.
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
