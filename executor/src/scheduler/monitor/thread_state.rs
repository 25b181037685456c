//! Whether the thread of a stuck poll sleeps in the system or computes.
//!
//! The system says so in a file. Where that cannot be had, the time that the thread has spent on a
//! core tells: if there is no more of it than when somebody asked before, the thread sleeps; unless
//! this process has all cores busy, for then it may only wait for one. (Other processes that have
//! them busy are not seen: then a thread that computes may be taken for one that sleeps, which costs
//! a stand-in that was not needed.)

use crate::scheduler::system::{self, RunState};
use std::time::{Duration, Instant};

/// What a stuck poll's thread does, for all that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ThreadState {
    /// It waits in the system, and needs no core.
    Asleep,
    /// It is on a core, or waits for one; or that is unknown.
    Computing,
    /// To be asked again soon, for then it can be told.
    Unknown,
}

/// Times on a core, when somebody asked last.
#[derive(Debug, Clone, Copy)]
pub(super) struct CpuTimes {
    at: Instant,
    thread: Duration,
    process: Duration,
}

/// Asks for the state of a thread. `before` is what was learnt of the same poll before, if anything
/// was, and becomes what is learnt now.
pub(super) fn ask(thread: u64, before: &mut Option<CpuTimes>) -> ThreadState {
    match system::run_state(thread) {
        Some(RunState::Asleep) => ThreadState::Asleep,
        Some(RunState::Running) => ThreadState::Computing,
        None => by_cpu_time(thread, before),
    }
}

fn by_cpu_time(thread: u64, before: &mut Option<CpuTimes>) -> ThreadState {
    let Some(used) = system::cpu_time(thread) else {
        return ThreadState::Computing;
    };
    let now = CpuTimes {
        at: Instant::now(),
        thread: used,
        process: system::process_cpu_time().unwrap_or_default(),
    };
    match before.replace(now) {
        None => ThreadState::Unknown,
        Some(before) if used > before.thread => ThreadState::Computing,
        Some(before) if may_wait_for_core(before, now) => ThreadState::Computing,
        Some(_) => ThreadState::Asleep,
    }
}

/// Whether this process alone has kept nearly all cores busy.
fn may_wait_for_core(before: CpuTimes, now: CpuTimes) -> bool {
    // Remembered, where std opens files each time: this is for when none is to be had.
    let cores = u32::try_from(num_cpus::get()).unwrap_or(1);
    let busy = now.process.saturating_sub(before.process);
    let all = now.at.saturating_duration_since(before.at) * cores;
    busy * 10 >= all * 9
}
