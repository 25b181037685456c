//! Locks of the whole process, and `fork`.
//!
//! In a forked child a lock that another thread of the parent held at that moment stays locked for
//! ever, and what it guards may be half changed. So the thread that forks holds all locks of the
//! whole process meanwhile (`pthread_atfork`), and both processes let go of them. So no lock of ours
//! keeps a child from building an executor of its own. And a child counts that it is one.
//!
//! Our critical sections are short, run no foreign code, and take no other of these locks, but for
//! the start of the default executor, which takes all: hence the order here.
//!
//! Locks of one executor are not held: a child has no use for its parent's. Nor are std's, which
//! nobody can reach: one of them is held as a thread starts or ends.

#[cfg(feature = "dump")]
use super::stacks;
use super::{callers, default, executor_id, helpers, task_name, trace::names, warnings};
use crate::{
    sync::{
        clock::{self, NEVER},
        forked,
    },
    timer::owned,
};
use std::{
    cell::Cell,
    mem::ManuallyDrop,
    sync::atomic::{AtomicBool, Ordering},
};

/// All locks of the whole process.
#[expect(dead_code, reason = "they are held, not used")]
struct Held(
    default::Held,
    executor_id::Held,
    owned::Held,
    task_name::Held,
    callers::Held,
    helpers::Held,
    names::Held,
    #[cfg(feature = "dump")] stacks::Held,
    warnings::Held,
);

thread_local! {
    /// What the calling thread, which is about to fork, holds. Has no destructor, so that it is
    /// there at any time.
    static HELD: Cell<ManuallyDrop<Option<Held>>> = const { Cell::new(ManuallyDrop::new(None)) };
}

/// Sees to it that children that are forked from now on can build executors.
pub(super) fn prepare_children() {
    static PREPARED: AtomicBool = AtomicBool::new(false);
    // Ordering: Relaxed; whoever comes second does not rely on the first.
    if !PREPARED.swap(true, Ordering::Relaxed) {
        // SAFETY: three functions that live as long as the program, and do not unwind. If there is
        // no memory for it, children have to do without.
        let result = unsafe { libc::pthread_atfork(Some(hold), Some(release), Some(begin)) };
        if result == 0 {
            forked::children_count();
        }
    }
}

extern "C" fn hold() {
    // Whose first reading is a lock as well: now nobody is in it any more.
    clock::now_or_before(NEVER);
    let held = Held(
        default::hold(),
        executor_id::hold(),
        owned::hold(),
        task_name::hold(),
        callers::hold(),
        helpers::hold(),
        names::hold(),
        #[cfg(feature = "dump")]
        stacks::hold(),
        warnings::hold(),
    );
    HELD.set(ManuallyDrop::new(Some(held)));
}

/// In the child.
extern "C" fn begin() {
    forked::count();
    release();
}

extern "C" fn release() {
    let held = HELD.replace(ManuallyDrop::new(None));
    drop(ManuallyDrop::into_inner(held));
}
