//! Whether this process was forked from another, which has threads and descriptors that this one
//! has not.
//!
//! To ask the system who we are is a system call. So a child counts that it is one, by
//! `pthread_atfork` (`scheduler::fork`); the system is asked only where that cannot be had.

use std::{
    process,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

/// How many forks this process is away from the first.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Whether children count.
static COUNTED: AtomicBool = AtomicBool::new(false);

/// A process that the caller was in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    id: u32,
    generation: u32,
}

impl Process {
    /// The present one.
    pub(crate) fn this() -> Process {
        Process {
            id: process::id(),
            generation: GENERATION.load(Ordering::Relaxed),
        }
    }

    /// The system's number.
    pub(crate) fn id(self) -> u32 {
        self.id
    }

    /// Whether the present process is another, which was forked from this one.
    pub(crate) fn is_forked(self) -> bool {
        // Ordering: Relaxed for all; a child has one thread when it counts.
        if COUNTED.load(Ordering::Relaxed) {
            GENERATION.load(Ordering::Relaxed) != self.generation
        } else {
            cfg!(unix) && process::id() != self.id
        }
    }
}

/// How many forks this process is away from the first, where children count. One load.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Whether the present process is a child that counts. One load.
#[cfg(any(feature = "net", all(test, any(loom, shuttle))))]
pub(crate) fn is_child() -> bool {
    GENERATION.load(Ordering::Relaxed) != 0
}

/// Each child will call [`count`] from now on.
#[cfg(all(unix, not(any(loom, shuttle))))]
pub(crate) fn children_count() {
    COUNTED.store(true, Ordering::Relaxed);
}

/// This process is a child.
#[cfg(all(unix, not(any(loom, shuttle))))]
pub(crate) fn count() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}
