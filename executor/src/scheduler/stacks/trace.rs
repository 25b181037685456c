//! A waker for one poll, which takes the thread's stack each time that it is cloned.

use crate::{
    scheduler::task_id::TaskId,
    sync::{AtomicBool, Mutex, Ordering, lock},
};
use std::{
    mem::{self, ManuallyDrop},
    ptr,
    sync::Arc,
    task::{RawWaker, RawWakerVTable, Waker},
};

/// Stacks of one poll that are kept, all of them different.
pub(super) const MAX_STACKS: usize = 64;

/// Stacks of one poll that are taken at all, at some microseconds each.
const MAX_TAKEN: usize = 1 << 10;

/// Frames of a stack: the innermost ones, which end with the one that is waited for.
const MAX_FRAMES: usize = 256;

/// A stack as addresses: to where each call returns, the innermost first.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Addresses {
    pub(crate) frames: Box<[usize]>,
    /// There were more.
    pub(crate) cut: bool,
}

/// What a poll has told.
#[derive(Debug, Default)]
pub(crate) struct Traced {
    pub(crate) stacks: Vec<Addresses>,
    /// There were more.
    pub(crate) more: bool,
    /// The poll has woken its own task, which does not wait, then.
    pub(crate) woken: bool,
    /// A task for whose end it waits.
    pub(crate) joined: Option<TaskId>,
}

/// The waker of one poll.
pub(crate) struct Tracing {
    waker: Waker,
    notes: Arc<Notes>,
}

impl Tracing {
    /// For a poll on this thread, of a task that is woken by `own`. Stacks are taken down to the
    /// frame that `end` lies in.
    pub(crate) fn new<T>(own: &Waker, end: &T) -> Tracing {
        let notes = Arc::new(Notes::default());
        let tracer = Tracer {
            own: own.clone(),
            end: ptr::from_ref(end).addr(),
            notes: notes.clone(),
        };
        Tracing {
            waker: tracer.into_waker(),
            notes,
        }
    }

    /// The waker, whose clones are clones of the task's own.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// What the poll has told, which is over.
    pub(crate) fn finish(self) -> Traced {
        let taken = mem::take(&mut *lock(&self.notes.taken));
        Traced {
            stacks: taken.stacks,
            more: taken.more,
            joined: taken.joined,
            // Ordering: Relaxed; a wake-up on another thread has come in time or has not.
            woken: self.notes.woken.load(Ordering::Relaxed),
        }
    }
}

/// Whether the waker is that of a poll which tells.
#[inline]
pub(crate) fn is_traced(waker: &Waker) -> bool {
    ptr::eq(waker.vtable(), &raw const VTABLE)
}

/// Notes that who polls with this waker waits for the end of a task, if the waker is that of a poll
/// which tells. Returns the waker that its clones are of.
pub(crate) fn note_join(waker: &Waker, joined: TaskId) -> &Waker {
    if !is_traced(waker) {
        return waker;
    }
    // SAFETY: the waker has this table, and outlives the reference.
    let tracer = unsafe { tracer(waker.data()) };
    lock(&tracer.notes.taken).joined = Some(joined);
    &tracer.own
}

/// What the waker refers to.
struct Tracer {
    own: Waker,
    end: usize,
    notes: Arc<Notes>,
}

#[derive(Default)]
struct Notes {
    taken: Mutex<Taken>,
    woken: AtomicBool,
}

#[derive(Default)]
struct Taken {
    stacks: Vec<Addresses>,
    more: bool,
    /// How many, equal ones too.
    number: usize,
    joined: Option<TaskId>,
}

impl Tracer {
    fn into_waker(self) -> Waker {
        let data = Arc::into_raw(Arc::new(self)).cast();
        // SAFETY: the functions are for the address of a tracer with a share in its `Arc`, as this
        // is; a tracer may be used by, and dropped on, any thread; their results are those of the
        // task's own waker.
        unsafe { Waker::new(data, &VTABLE) }
    }

    /// Takes the stack of a clone. A thread that was sent a reference to the waker may come here
    /// beside the one that polls.
    fn take_stack(&self) {
        {
            let mut taken = lock(&self.notes.taken);
            taken.number += 1;
            if taken.number > MAX_TAKEN || taken.stacks.len() == MAX_STACKS {
                taken.more = true;
                return;
            }
        }
        let stack = Addresses::take(self.end);
        let mut taken = lock(&self.notes.taken);
        if !taken.stacks.contains(&stack) && taken.stacks.len() < MAX_STACKS {
            taken.stacks.push(stack);
        }
    }

    fn wake(&self) {
        // Ordering: Relaxed; see `finish`.
        self.notes.woken.store(true, Ordering::Relaxed);
        self.own.wake_by_ref();
    }
}

const fn may_be_anywhere<T: Send + Sync>() {}
const _: () = may_be_anywhere::<Tracer>();

impl Addresses {
    /// Takes this thread's stack down to the frame that `end` is an address in.
    fn take(mut end: usize) -> Addresses {
        let mut frames = Vec::with_capacity(32);
        let mut cut = false;
        // It holds a lock of its own meanwhile, and calls only this closure.
        backtrace::trace(|frame| {
            // The lowest address of the frame. Stacks grow downwards, so callers have higher ones.
            let start = frame.sp().addr();
            if frames.is_empty() && start > end {
                // Another thread's stack, or one that the future has made for itself: all of it.
                end = usize::MAX;
            }
            if start > end {
                return false;
            }
            cut = frames.len() == MAX_FRAMES;
            if !cut {
                frames.push(frame.ip().addr());
            }
            !cut
        });
        Addresses {
            frames: frames.into(),
            cut,
        }
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

/// Clones the task's own waker.
///
/// # Safety
///
/// `data` is that of a waker with [`VTABLE`], which exists until this returns.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the caller's promise.
    let tracer = unsafe { tracer(data) };
    tracer.take_stack();
    // Handed on with its reference.
    let clone = ManuallyDrop::new(tracer.own.clone());
    RawWaker::new(clone.data(), clone.vtable())
}

/// # Safety
///
/// As for [`clone`], and the waker is not used afterwards.
unsafe fn wake(data: *const ()) {
    // SAFETY: the caller's promise.
    unsafe { wake_by_ref(data) };
    // SAFETY: the caller's promise.
    unsafe { release(data) };
}

/// # Safety
///
/// As for [`clone`].
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the caller's promise.
    unsafe { tracer(data) }.wake();
}

/// # Safety
///
/// As for [`wake`].
unsafe fn release(data: *const ()) {
    // SAFETY: from `Arc::into_raw` in `into_waker`, and the waker's share is its own.
    drop(unsafe { Arc::from_raw(data.cast::<Tracer>()) });
}

/// # Safety
///
/// As for [`clone`], and the reference is not kept until then.
unsafe fn tracer<'a>(data: *const ()) -> &'a Tracer {
    // SAFETY: from `Arc::into_raw` in `into_waker`, and the waker has its share still.
    unsafe { &*data.cast::<Tracer>() }
}
