//! A reference to a task through which anybody may ask for its end, whatever the task yields.
//!
//! It holds one of async-task's reference counts, as a waker does. So it keeps the task's memory,
//! and neither the future nor the output. As with the references of `recycle`, it is never the last
//! one to a task that has not ended: the run of the task holds another, or the register of
//! suspended tasks does.
//!
//! # Where the reference comes from
//!
//! async-task gives wakers to whoever has the `Runnable`, and not to whoever has the handle. A
//! waker for each task that is spawned, in case that somebody asks for it, would cost two
//! read-modify-writes a task. So this file relies on what async-task does and does not document:
//! `Runnable` and `Task` are the same pointer to the task, and `Runnable::waker` asks nothing of
//! the task but that it exists. That is why the manifest names async-task's version to the last
//! digit but one, and a test here checks it.

use super::{
    executor_id,
    task::{self, Joiner, Meta, Task},
    task_id::TaskId,
    tracking::{self, Abortable},
};
use std::{
    mem::{self, ManuallyDrop},
    ptr::NonNull,
    task::Waker,
};

/// See the module's text.
pub(crate) struct Aborter {
    /// Keeps the memory that `task` points to.
    memory: Waker,
    /// Is looked at only: it is neither polled nor dropped, for it belongs to the handle.
    task: ManuallyDrop<Joiner<()>>,
    /// Counts it, if the task is tracked.
    _counted: Option<Abortable>,
}

impl Aborter {
    /// A reference to the task of this handle.
    pub(crate) fn of<T>(joiner: &Joiner<T>) -> Aborter {
        const { assert!(size_of::<Joiner<T>>() == size_of::<NonNull<()>>()) };
        const { assert!(size_of::<Joiner<T>>() == size_of::<Task>()) };
        // SAFETY: both are a pointer to the task, of the same size, whatever `T` is (the module's
        // text). The copy is not dropped, and neither polled nor asked for the output: only for what
        // does not depend on `T`.
        let task = unsafe { mem::transmute_copy::<Joiner<T>, ManuallyDrop<Joiner<()>>>(joiner) };
        // SAFETY: as above. The copy is neither run nor dropped, which leaves the count of
        // references as it is; and the task exists, for `joiner` does.
        let runnable = unsafe { mem::transmute_copy::<Joiner<T>, ManuallyDrop<Task>>(joiner) };
        let memory = runnable.waker();
        let counted = tracking::is_used().then(|| count(joiner.metadata()));
        Aborter {
            memory,
            task,
            _counted: counted.flatten(),
        }
    }

    fn meta(&self) -> &Meta {
        self.task.metadata()
    }

    /// Asks for the end of the task.
    pub(crate) fn abort(&self) {
        task::abort(self.meta());
    }

    /// Whether the task has ended, in whatever way.
    pub(crate) fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// The task's id.
    pub(crate) fn id(&self) -> TaskId {
        self.meta().id()
    }
}

/// Counts a reference more, unless the task has ended, or is not tracked.
#[cold]
#[inline(never)]
fn count(meta: &Meta) -> Option<Abortable> {
    // The number may belong to a later executor by now; it does not know this task.
    let scheduler = executor_id::find(meta.registration.executor())?;
    let record = scheduler.heeded.tracking.as_ref()?.find(meta.id())?;
    Some(Abortable::of(record))
}

impl Clone for Aborter {
    fn clone(&self) -> Aborter {
        // SAFETY: as in `of`; the clone's own waker keeps the memory.
        let task = unsafe { mem::transmute_copy(&self.task) };
        Aborter {
            memory: self.memory.clone(),
            task,
            _counted: self._counted.clone(),
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    /// What the module's text relies on.
    #[test]
    fn a_handle_and_a_runnable_are_the_same_pointer_and_a_waker_counts_as_one_reference() {
        use std::sync::{Arc, Weak};
        struct OnlyMemory(#[expect(dead_code)] Arc<()>);

        let memory = Arc::new(());
        let remains = Arc::downgrade(&memory);
        let is_freed = |remains: &Weak<()>| remains.upgrade().is_none();
        let (runnable, task) = async_task::Builder::new()
            .metadata(OnlyMemory(memory))
            .spawn(|_| async { 7_u64 }, |_| {});
        // SAFETY: a pointer each, as the sizes say, and never dropped.
        let copy = unsafe {
            mem::transmute_copy::<_, ManuallyDrop<async_task::Runnable<OnlyMemory>>>(&task)
        };
        let of_copy = NonNull::from(copy.metadata());
        assert_eq!(of_copy, NonNull::from(task.metadata()));
        let waker = copy.waker();
        assert!(waker.will_wake(&runnable.waker()));
        runnable.run();
        drop(task);
        assert!(!is_freed(&remains), "the waker keeps the memory");
        drop(waker);
        assert!(is_freed(&remains), "and nobody else does");
    }
}
