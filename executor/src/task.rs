//! The only file that makes tasks.
//!
//! A task is one allocation by `async-task`:
//!
//! ```text
//!   async-task's header │ Meta: scheduler, id, registration │ Guarded future, later its outcome
//! ```
//!
//! # How a task finds its scheduler, and why that pointer is good
//!
//! [`Meta::scheduler`] is a plain pointer: an `Arc` in each task would cost two contended
//! read-modify-writes per spawn. It is followed in one place, `schedule`, by whoever has just
//! turned the task runnable and therefore holds its one [`Runnable`]. Claim: **while a `Runnable`
//! exists and its future has not been dropped, the scheduler exists.**
//!
//! * A task that was never polled: its `Runnable` was made by `spawn`, whose caller has the
//!   scheduler in hand until it is in a queue, and the queues belong to the scheduler.
//! * A task that was polled and is pending is *registered* with the scheduler (`Guarded::poll`)
//!   until its future is dropped, which only the holder of the `Runnable` can do. The last machine
//!   does not leave, and so does not let go of its `Arc`, before nothing is registered any more
//!   (`scheduler::worker`). If registration is refused because the scheduler is closing, the task
//!   wakes itself during that poll and is dropped by the machine that polled it.
//! * A waker that outlives its task never reaches `schedule`: async-task ignores wake-ups of tasks
//!   that are completed or closed, and a task whose future was dropped is one or the other.
//!
//! Once the `Runnable` is in a queue it may be run and the scheduler may end at any moment, so a
//! foreign thread takes an `Arc` for the time of the push; a worker's own `Arc` serves it anyway.
//!
//! # Panics in user code
//!
//! async-task aborts the process if a future or an output panics as it is dropped. So neither is
//! handed to it bare: [`Guarded`] and [`Outcome`] catch the panic (the hook has reported it).

use crate::{
    error::JoinError,
    panic::{Panic, caught},
    queue::Word,
    scheduler::{Scheduler, context, directory, live::Registration},
    task_id::TaskId,
};
use async_task::{Builder, Runnable, ScheduleInfo, WithInfo};
use std::{
    cell::Cell,
    fmt,
    future::Future,
    mem::{self, ManuallyDrop},
    panic::Location,
    pin::Pin,
    ptr::NonNull,
    sync::Arc,
    task::{Context, Poll},
};

/// A task that is ready to be polled: run it or [`cancel`] it. (Dropping it would leave its handle
/// without an outcome.)
pub(crate) type Task = Runnable<Meta>;

/// The handle's side of a task: `async-task`'s join machinery. Dropping it would cancel the task.
pub(crate) type Joiner<T> = async_task::Task<Outcome<T>, Meta>;

// SAFETY: async-task documents `into_raw` and `from_raw` as inverse; a raw pointer left alone only
// leaks. `Runnable` is `Send` because `Meta` is `Send + Sync`.
unsafe impl Word for Task {
    fn into_raw(self) -> NonNull<()> {
        Runnable::into_raw(self)
    }

    unsafe fn from_raw(raw: NonNull<()>) -> Task {
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { Runnable::from_raw(raw) }
    }
}

/// What the scheduler keeps with each task.
pub(crate) struct Meta {
    /// See the module's text for when it may be followed.
    scheduler: NonNull<Scheduler>,
    pub(crate) id: TaskId,
    /// Where the scheduler has written the task down, and whether its end is asked for.
    pub(crate) registration: Registration,
}

// SAFETY: the scheduler is `Sync`; the rest are atomics and plain numbers.
unsafe impl Send for Meta {}
// SAFETY: as above.
unsafe impl Sync for Meta {}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Futures above this size are moved to the heap before anything else is done with them: what
/// captures one on its way, or keeps it beside its output, has room for it on the stack as well.
const LARGE_FUTURE: usize = 2 << 10;

/// Whether a future is better moved to the heap at once.
pub(crate) const fn is_large<F>() -> bool {
    size_of::<F>() > LARGE_FUTURE
}

/// Makes a task on `scheduler`. It is not in any queue yet.
pub(crate) fn create<F>(
    scheduler: &Arc<Scheduler>,
    site: &'static Location<'static>,
    future: F,
) -> (Task, Joiner<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let meta = Meta {
        // From the `Arc` itself and not from a reference into it, so that it may become one again.
        scheduler: NonNull::new(Arc::as_ptr(scheduler).cast_mut()).expect("an `Arc` is not null"),
        id: TaskId::next(site),
        registration: Registration::none(),
    };
    let guarded = |_: &Meta| Guarded(ManuallyDrop::new(future));
    Builder::new()
        .metadata(meta)
        .spawn(guarded, WithInfo(schedule))
}

thread_local! {
    /// The task that this thread runs. In its metadata the future finds all that it would otherwise
    /// have to carry a pointer to.
    static RUNNING: Cell<Option<NonNull<Meta>>> = const { Cell::new(None) };
}

/// Polls a task once, or drops its future if its end was asked for. Nobody else does either.
pub(crate) fn run(task: Task) {
    let outer = RUNNING.replace(Some(NonNull::from(task.metadata())));
    // Does not unwind: what may panic is caught (`Guarded`).
    task.run();
    RUNNING.set(outer);
}

/// The metadata of the task that this thread runs.
fn running<'a>() -> &'a Meta {
    let meta = RUNNING.get().expect("a task is run by `run` alone");
    // SAFETY: from `run`, on whose task the caller works at this moment; the metadata is in the same
    // allocation as the future, and outlives it; only shared references to it exist, and nobody here
    // keeps one beyond a call on the future.
    unsafe { meta.as_ref() }
}

/// Drops the future of a task on this thread. Its executor has ended, so the run does not poll the
/// future (`Guarded::poll`), and the handle yields `Cancelled`.
pub(crate) fn cancel(task: Task) {
    run(task);
}

/// Asks a worker to drop a task's future soon, unless the task ends first.
pub(crate) fn abort(meta: &Meta) {
    meta.registration.request_abort();
    if !meta.registration.is_registered() {
        // It is about to be polled, or being polled, and will see the flag; or it has ended.
        return;
    }
    // The address may belong to a later executor by now; it does not know this registration.
    let scheduler = directory::find(meta.scheduler);
    if let Some(waker) = scheduler.and_then(|s| s.live.find(&meta.registration)) {
        waker.wake();
    }
}

/// Puts a task that has become runnable into a queue. async-task calls it for every wake-up.
fn schedule(task: Task, info: ScheduleInfo) {
    let scheduler = task.metadata().scheduler;
    context::with_worker(|worker| match worker {
        Some(worker) if worker.belongs_to(scheduler) => {
            worker.schedule(task, info.woken_while_running);
        }
        _ => {
            // SAFETY: the pointer came from an `Arc`, and the scheduler exists because we hold the
            // `Runnable` of a task whose future has not been dropped (the module's text).
            unsafe { Arc::increment_strong_count(scheduler.as_ptr()) };
            // SAFETY: the strong count was raised for this `Arc` just above.
            let scheduler = unsafe { Arc::from_raw(scheduler.as_ptr().cast_const()) };
            scheduler.push_global(task);
        }
    });
}

/// How a task ended, on its way to the handle. It may be dropped anywhere: a panic of the value's
/// destructor is caught.
pub(crate) struct Outcome<T>(ManuallyDrop<Result<T, Panic>>);

/// The payload that stands for a cancellation. A third case would cost each small task a word; this
/// has no size, so that boxing it allocates nothing.
struct Cancelled;

impl<T> Outcome<T> {
    fn new(ending: Result<T, Panic>) -> Outcome<T> {
        Outcome(ManuallyDrop::new(ending))
    }

    fn cancelled() -> Outcome<T> {
        Outcome::new(Err(Panic::new(Box::new(Cancelled))))
    }

    /// A panic while the future was dropped is what the handle hears of, unless the poll has panicked
    /// before.
    fn or_panicked(self, panic: Panic) -> Outcome<T> {
        match &*self.0 {
            Err(first) if !first.is::<Cancelled>() => self,
            Ok(_) | Err(_) => Outcome::new(Err(panic)),
        }
    }

    /// Hands the ending out, and with it the care for its destructor.
    pub(crate) fn into_result(self, id: TaskId) -> Result<T, JoinError> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again, so the ending is taken once.
        match unsafe { ManuallyDrop::take(&mut this.0) } {
            Ok(value) => Ok(value),
            Err(panic) if panic.is::<Cancelled>() => Err(JoinError::cancelled(id)),
            Err(panic) => Err(JoinError::panicked(id, panic)),
        }
    }
}

impl<T> Drop for Outcome<T> {
    fn drop(&mut self) {
        if mem::needs_drop::<Result<T, Panic>>() {
            // SAFETY: dropped here and nowhere else; `into_result` forgets `self`.
            let _ = caught(|| unsafe { ManuallyDrop::drop(&mut self.0) });
        }
    }
}

/// The user's future with the guards that async-task lacks. Whether it is there still, its
/// registration says.
struct Guarded<F: Future>(
    /// Structurally pinned. (Not an `Option`: few futures have a niche for it.)
    ManuallyDrop<F>,
);

impl<F: Future> Guarded<F> {
    /// The future, pinned as this wrapper is, for one who knows that it is there.
    fn project(self: Pin<&mut Self>) -> Pin<&mut F> {
        // SAFETY: the future is structurally pinned: it is only dropped in place (`drop_future`),
        // never moved; `Guarded` is `Unpin` only if `F` is; it is not packed.
        unsafe { self.map_unchecked_mut(|this| &mut *this.0) }
    }

    /// Drops the future in place, if it is there still; its panic comes back.
    fn drop_future(self: Pin<&mut Self>, meta: &Meta) -> Result<(), Panic> {
        if meta.registration.has_ended() {
            return Ok(());
        }
        // Also if the drop unwinds: nothing is ever dropped twice.
        meta.registration.set_ended();
        // SAFETY: moves nothing out of the pinned place.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: dropped once, as the flag says from now on.
        let drop = || unsafe { ManuallyDrop::drop(&mut this.0) };
        let dropped = if mem::needs_drop::<F>() {
            caught(drop)
        } else {
            Ok(())
        };
        if meta.registration.is_registered() {
            scheduler(meta).deregister(&meta.registration);
        }
        dropped
    }
}

fn scheduler(meta: &Meta) -> &Scheduler {
    // SAFETY: called while the future is polled, or dropped by whoever ran its task to the end
    // while it was registered: by a machine that holds an `Arc` beyond the moment when nothing
    // is registered any more, or by a `spawn` that holds one; not kept beyond the call.
    unsafe { meta.scheduler.as_ref() }
}

/// After the first poll that left the task pending: it is written down from now on, so that an abort
/// or the end of the executor finds it. A task that never waits is never written down.
fn write_down(meta: &Meta, cx: &Context<'_>) {
    let registration = &meta.registration;
    let shard = context::with_worker(|worker| worker.map_or(0, |worker| worker.index()));
    let registered = scheduler(meta).live.insert(shard, registration, cx.waker());
    if !registered || registration.is_aborted() {
        cx.waker().wake_by_ref();
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Outcome<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let meta = running();
        assert!(
            !meta.registration.has_ended(),
            "async-task polls no task that has ended"
        );
        // The end of the executor is looked for here, and not only by the worker before it runs the
        // task: `close` wakes each task that waits, and finds one scheduled already by somebody
        // else's wake-up. Then async-task makes what came before that wake-up (the flag) visible to
        // the run, but does not run the task twice.
        let outcome = if meta.registration.is_aborted() || scheduler(meta).is_closed() {
            Outcome::cancelled()
        } else {
            let future = self.as_mut().project();
            match caught(|| future.poll(cx)) {
                Ok(Poll::Pending) => {
                    if !meta.registration.is_registered() {
                        write_down(meta, cx);
                    }
                    return Poll::Pending;
                }
                Ok(Poll::Ready(value)) => Outcome::new(Ok(value)),
                Err(panic) => Outcome::new(Err(panic)),
            }
        };
        // The handle must find the future dropped, and hears of a panic in that drop.
        Poll::Ready(match self.drop_future(meta) {
            Ok(()) => outcome,
            Err(panic) => outcome.or_panicked(panic),
        })
    }
}

impl<F: Future> Drop for Guarded<F> {
    fn drop(&mut self) {
        // SAFETY: `Drop` is the last use, and nothing is moved out of the pinned place.
        let this = unsafe { Pin::new_unchecked(self) };
        // Nobody is left to tell of a panic here; the hook has reported it.
        drop(this.drop_future(running()));
    }
}
