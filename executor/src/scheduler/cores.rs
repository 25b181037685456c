//! How many cores this process may use. So many workers there are where nobody has chosen a number,
//! and as that changes they follow it: a container may be given more, or less, while it runs.
//!
//! num_cpus, which rounds a container's share up, remembers its answer for life. std, which rounds
//! it down, asks anew each time. So N is what num_cpus says until std's answer is another one than
//! at first, and std's from then on.
//!
//! Source: Go's `GOMAXPROCS`, since 1.25.

use crate::sync::Instant;
use std::{sync::OnceLock, thread, time::Duration};

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// What tells how many cores there are; `None` if that cannot be found out now.
pub(super) type Ask = fn() -> Option<usize>;

/// How many there were when the system was asked last.
#[derive(Clone, Copy)]
pub(super) struct Cores {
    ask: Ask,
    seen: Option<usize>,
}

impl Cores {
    /// How many workers an executor gets that starts now, and what it follows from then on.
    pub(super) fn at_start() -> (usize, Cores) {
        /// std's answer when num_cpus was asked.
        static FIRST: OnceLock<Option<usize>> = OnceLock::new();
        let seen = ask_system();
        let first = *FIRST.get_or_init(|| seen);
        let workers = seen.filter(|_| seen != first);
        let cores = Cores {
            ask: ask_system,
            seen,
        };
        (workers.unwrap_or_else(num_cpus::get), cores)
    }

    /// Asks again; returns the answer if it is another one.
    fn change(&mut self) -> Option<usize> {
        let cores = (self.ask)()?;
        let before = self.seen.replace(cores);
        before.filter(|&before| before != cores).map(|_| cores)
    }
}

/// For the monitor: asks now and then.
pub(super) struct Following {
    cores: Cores,
    ask_at: Instant,
}

impl Following {
    pub(super) fn new(cores: Cores, now: Instant) -> Following {
        Following {
            cores,
            ask_at: now + PAUSE,
        }
    }

    /// Whether it is time to ask.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.ask_at
    }

    /// Asks; returns how many cores there are if their number has changed.
    pub(super) fn change(&mut self, now: Instant) -> Option<usize> {
        self.ask_at = now + PAUSE;
        self.cores.change()
    }
}

fn ask_system() -> Option<usize> {
    if !may_be_asked() {
        return None;
    }
    thread::available_parallelism()
        .ok()
        .map(std::num::NonZero::get)
}

/// Linux tells a container's share in files. Where none can be opened for want of a descriptor, std
/// would take that for no limit.
#[cfg(target_os = "linux")]
fn may_be_asked() -> bool {
    let opened = std::fs::File::open("/proc/self/cgroup").map(drop);
    let missing = opened.map_err(|error| error.raw_os_error());
    !matches!(
        missing,
        Err(Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM))
    )
}

/// As above.
#[cfg(not(target_os = "linux"))]
fn may_be_asked() -> bool {
    true
}

#[cfg(all(test, not(loom), not(shuttle)))]
pub(super) mod made_up {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    /// What the "system" says, 0 for nothing; and how often it was asked.
    pub(crate) static CORES: AtomicUsize = AtomicUsize::new(2);
    pub(crate) static ASKED: AtomicUsize = AtomicUsize::new(0);

    /// Those of a made-up system, at first two.
    pub(crate) fn cores() -> Cores {
        Cores {
            ask: || {
                ASKED.fetch_add(1, SeqCst);
                Some(CORES.load(SeqCst)).filter(|&cores| cores > 0)
            },
            seen: Some(2),
        }
    }
}
