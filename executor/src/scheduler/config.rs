//! The settings of an executor, as the scheduler uses them.

use super::{
    bridge::Bridge,
    cores::Cores,
    env::{self, OnDeadlock},
    observer::Observer,
};
use crate::{
    idle::accounting::MAX_MACHINES,
    sync::{Mutex, lock, panic::caught},
};
use std::{io, mem, sync::Arc, time::Duration};

/// Threads beyond the workers that may exist by default.
const DEFAULT_STAND_INS: usize = 512;

/// The same in a simulation. There those who wait in `block_on` lie on one stack, of some kilobytes
/// each, and a test's has two megabytes.
const SIMULATED_STAND_INS: usize = 128;

/// Threads one executor can have at most; what `max_threads` asks beyond is not granted.
const MAX_THREADS: usize = MAX_MACHINES;

/// The smallest stack accepted: what a poll and the report of a panic need, with a margin.
const MIN_STACK: usize = 64 << 10;

/// What a shorter `handoff_after` is raised to: the monitor cannot look more often.
pub(super) const MIN_HANDOFF_AFTER: Duration = Duration::from_micros(200);

/// What a longer `handoff_after` is cut to: sums of it and a point in time must not overflow.
const MAX_HANDOFF_AFTER: Duration = Duration::from_secs(3600);

/// See the module's text. `Builder` has the docs of each setting.
#[derive(Clone)]
pub(crate) struct Config {
    /// N at the start; 0 until [`resolve`](Config::resolve).
    pub(crate) workers: usize,
    /// What N follows, if nobody has chosen it.
    pub(super) cores: Option<Cores>,
    /// How many machines may exist; 0 until [`resolve`](Config::resolve).
    pub(crate) max_machines: usize,
    pub(crate) thread_name: String,
    pub(crate) thread_stack_size: Option<usize>,
    pub(crate) hooks: Hooks,
    pub(crate) bridge: Bridge,
    pub(crate) handoff: bool,
    pub(crate) handoff_after: Duration,
    /// Whether tasks are tracked.
    pub(crate) track: bool,
    /// Whether one thread steps all its workers, as those of a simulation.
    pub(super) simulated: bool,
    /// Of so many polls one is measured; as many as cost nothing if that is `None`.
    pub(crate) measure_every: Option<u32>,
    /// [`Nothing`](OnDeadlock::Nothing) until [`resolve`](Config::resolve).
    pub(super) on_deadlock: OnDeadlock,
}

/// Foreign code.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// What the user wants called on each thread.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_thread_start: Option<Hook>,
    pub(crate) on_thread_stop: Option<Hook>,
    /// Taken out as the executor starts.
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

/// The hooks of an executor, until it has ended. Whoever drops the last reference to it, a waker for
/// one, drops no closure of the user's.
pub(crate) struct HooksInUse(Mutex<Hooks>);

impl HooksInUse {
    pub(super) fn new(hooks: Hooks) -> HooksInUse {
        HooksInUse(Mutex::new(hooks))
    }

    /// Calls the user's hook on a thread that starts.
    pub(super) fn call_on_thread_start(&self) {
        let hook = lock(&self.0).on_thread_start.clone();
        call(hook);
    }

    /// Calls the user's hook on a thread that ends.
    pub(super) fn call_on_thread_stop(&self) {
        let hook = lock(&self.0).on_thread_stop.clone();
        call(hook);
    }

    /// No thread will start or end any more.
    pub(super) fn drop_all(&self) {
        let hooks = mem::take(&mut *lock(&self.0));
        drop(caught(|| drop(hooks)));
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            workers: 0,
            cores: None,
            max_machines: 0,
            thread_name: "executor".into(),
            thread_stack_size: None,
            hooks: Hooks::default(),
            bridge: Bridge::default(),
            handoff: true,
            handoff_after: Duration::from_millis(10),
            track: false,
            simulated: false,
            measure_every: None,
            on_deadlock: OnDeadlock::Nothing,
        }
    }
}

impl Config {
    /// Of a simulation: what is known of its tasks is to be all there is to know.
    pub(super) fn of_simulation(workers: usize) -> Config {
        Config {
            workers,
            max_machines: (workers + SIMULATED_STAND_INS).min(MAX_THREADS),
            track: true,
            simulated: true,
            ..Config::default()
        }
    }

    /// Checks everything, and fills in what the user has left open. For the errors see
    /// `Builder::build`.
    #[track_caller]
    pub(crate) fn resolve(
        mut self,
        workers: Option<usize>,
        max_threads: Option<usize>,
    ) -> io::Result<Config> {
        self.on_deadlock = env::on_deadlock();
        (self.workers, self.cores) = resolve_workers(workers)?;
        self.track |= env::tracks();
        self.max_machines = self.resolve_max_machines(max_threads)?;
        self.check_threads()?;
        if self.handoff_after.is_zero() {
            return invalid(
                "`handoff_after(0)` would take every poll for a blocked one: give it a positive \
                 duration, or turn hand-off off with `handoff(false)`",
            );
        }
        if self.measure_every == Some(0) {
            return invalid(
                "`measure_every(0)`: of how many polls is one to be measured? 1 measures each; leave \
                 it out for as many as cost nothing",
            );
        }
        self.handoff_after = self
            .handoff_after
            .clamp(MIN_HANDOFF_AFTER, MAX_HANDOFF_AFTER);
        Ok(self)
    }

    fn resolve_max_machines(&self, max_threads: Option<usize>) -> io::Result<usize> {
        let workers = self.workers;
        let max_threads = max_threads.unwrap_or(workers + DEFAULT_STAND_INS);
        if max_threads < workers {
            return invalid(format!(
                "`max_threads({max_threads})` is below the number of workers, {workers}: raise it \
                 or ask for fewer `workers`"
            ));
        }
        Ok(if self.handoff {
            max_threads.min(MAX_THREADS)
        } else {
            workers
        })
    }

    fn check_threads(&self) -> io::Result<()> {
        if self.thread_name.contains('\0') {
            return invalid(format!(
                "`thread_name({:?})` has a NUL byte, which no system takes in a thread's name: \
                 remove it",
                self.thread_name
            ));
        }
        if let Some(bytes) = self.thread_stack_size
            && !(MIN_STACK..=isize::MAX as usize).contains(&bytes)
        {
            return invalid(format!(
                "`thread_stack_size({bytes})`: a stack has {MIN_STACK} bytes or more, and fits the \
                 address space; leave it out for 2 MiB"
            ));
        }
        Ok(())
    }

    /// So many threads may get into each other's way: the workers, and those that become workers on
    /// the other cores if N is raised.
    pub(crate) fn busy_threads(&self) -> usize {
        // Random schedules, and simulations, must not depend on the machine.
        let is_random = cfg!(shuttle) || self.simulated;
        let cores = if is_random { 1 } else { num_cpus::get() };
        self.workers.max(cores).min(self.max_machines)
    }
}

#[track_caller]
fn resolve_workers(asked: Option<usize>) -> io::Result<(usize, Option<Cores>)> {
    // No closure: it would not pass the caller's line on.
    let chosen = match asked {
        Some(workers) => Some(workers),
        None => env::workers(),
    };
    let Some(workers) = chosen else {
        let (workers, cores) = Cores::at_start();
        return Ok((workers.min(MAX_THREADS), Some(cores)));
    };
    if workers == 0 {
        return invalid(
            "`workers(0)`: an executor needs at least one worker; leave `workers` out for one per \
             core",
        );
    }
    if workers > MAX_THREADS {
        let (asked, way_out) = match asked {
            Some(_) => (format!("workers({workers})"), "leave `workers` out"),
            None => (format!("EXECUTOR_WORKERS={workers}"), "unset it"),
        };
        return invalid(format!(
            "`{asked}`: at most {MAX_THREADS} are possible; {way_out} for one per core"
        ));
    }
    Ok((workers, None))
}

/// A hook is foreign code: its panic has been reported by the panic hook, and the thread goes on.
fn call(hook: Option<Hook>) {
    if let Some(hook) = hook {
        drop(caught(|| hook()));
    }
}

fn invalid<T>(text: impl Into<String>) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, text.into()))
}
