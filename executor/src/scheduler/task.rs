//! The only file that makes tasks.
//!
//! A task is one allocation by `async-task`:
//!
//! ```text
//!   async-task's header │ Meta: id, registration │ Guarded future, later its outcome
//! ```
//!
//! # How a task finds its scheduler, and why it is there
//!
//! A task knows its executor's number: an `Arc` in each task would cost two contended
//! read-modify-writes per spawn. On a worker of that executor the scheduler is at hand anyway. In
//! `schedule`, on any other thread, the number becomes a pointer (`executor_id::get`). (`abort`
//! asks for it too, but in the way that may find none.) Whoever comes there has just turned the
//! task runnable and therefore holds its one [`Runnable`]. Claim: **while a `Runnable` exists and
//! its future has not been dropped, the scheduler exists.**
//!
//! * A task that was never polled: its `Runnable` was made by `spawn`, whose caller has the
//!   scheduler in hand until it is in a queue, and the queues belong to the scheduler.
//! * A task that was polled and is pending is *registered* with the scheduler (`Guarded::poll`)
//!   until its future is dropped, which only the holder of the `Runnable` can do. The last machine
//!   does not leave, and so does not let go of its `Arc`, before nothing is registered any more
//!   (`WorkLoop::drain`). If registration is refused because the scheduler is closing, the task
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

use super::{
    Scheduler,
    allowance::{self, poll_leaf},
    boxed_output::BoxedOutput,
    context, executor_id,
    recycle::{Maker, MakerByte},
    task_id::TaskId,
    task_name::{self, Name, Naming},
    worker::Arrival,
};
#[cfg(shuttle)]
use crate::sync::shuttle::LocalCell as _;
use crate::{
    idle::pool::Pool,
    queue::Word,
    suspended::Registration,
    sync::{
        panic::{Panic, caught},
        thread_local,
    },
};
use async_task::{Builder, Runnable, ScheduleInfo, WithInfo};
use std::{
    cell::Cell,
    future::Future,
    mem::{self, ManuallyDrop},
    pin::Pin,
    ptr::NonNull,
    task::{Context, Poll, ready},
};

/// A task that is ready to be polled: [`run`] it, or have it refused (`refused`). (Dropping it would leave its handle
/// without an outcome.)
pub(crate) type Task = Runnable<Meta>;

/// `async-task`'s join machinery. Dropping it would cancel the task.
pub(super) type Join<T> = async_task::Task<Outcome<T>, Meta>;

/// The handle's side of a task with an output of type `T`. Its owner detaches it.
pub(crate) struct Joiner<T>(Joins<T>);

/// A large output is in a box as soon as the future yields it: what it would pass through on its
/// way to the handle copies it onto the stack each time. Which field there is, the type says.
union Joins<T> {
    /// If `T` is not large.
    plain: ManuallyDrop<Join<T>>,
    /// If it is.
    boxed: ManuallyDrop<Join<BoxedOutput<T>>>,
}

impl<T> Joiner<T> {
    /// The handle's side of a task whose output is not large.
    pub(super) fn of_plain(join: Join<T>) -> Joiner<T> {
        assert!(!is_large::<T>());
        let plain = ManuallyDrop::new(join);
        Joiner(Joins { plain })
    }

    /// The handle's side of a task whose output is large, and boxed.
    pub(super) fn of_boxed(join: Join<BoxedOutput<T>>) -> Joiner<T> {
        assert!(is_large::<T>());
        let boxed = ManuallyDrop::new(join);
        Joiner(Joins { boxed })
    }

    /// What the scheduler keeps with the task.
    pub(crate) fn metadata(&self) -> &Meta {
        if const { is_large::<T>() } {
            self.boxed().metadata()
        } else {
            self.plain().metadata()
        }
    }

    /// Whether the task has ended.
    pub(crate) fn is_finished(&self) -> bool {
        if const { is_large::<T>() } {
            self.boxed().is_finished()
        } else {
            self.plain().is_finished()
        }
    }

    /// Waits for the end of the task. A failure is `E` for the handle.
    pub(crate) fn poll<E>(
        &mut self,
        cx: &mut Context<'_>,
        error: impl FnOnce(Box<Failure>) -> E,
    ) -> Poll<Result<T, E>> {
        if const { is_large::<T>() } {
            // SAFETY: of this type, the field that there is.
            let join = unsafe { &mut self.0.boxed };
            match ready!(poll_leaf(cx, |cx| Pin::new(&mut **join).poll(cx))).into_result() {
                Ok(output) => Poll::Ready(Ok(output.unbox())),
                Err(failure) => Poll::Ready(Err(error(failure))),
            }
        } else {
            // SAFETY: as above.
            let join = unsafe { &mut self.0.plain };
            poll_leaf(cx, |cx| Pin::new(&mut **join).poll(cx))
                .map(|outcome| outcome.into_result().map_err(error))
        }
    }

    /// Lets the task go on by itself.
    pub(crate) fn detach(self) {
        if const { is_large::<T>() } {
            // SAFETY: of this type, the field that there is.
            ManuallyDrop::into_inner(unsafe { self.0.boxed }).detach();
        } else {
            // SAFETY: as above.
            ManuallyDrop::into_inner(unsafe { self.0.plain }).detach();
        }
    }

    fn plain(&self) -> &Join<T> {
        assert!(!is_large::<T>());
        // SAFETY: of this type, the field that there is.
        unsafe { &self.0.plain }
    }

    fn boxed(&self) -> &Join<BoxedOutput<T>> {
        assert!(is_large::<T>());
        // SAFETY: of this type, the field that there is.
        unsafe { &self.0.boxed }
    }
}

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
#[derive(Debug)]
pub(crate) struct Meta {
    pub(crate) id: TaskId,
    /// Its entry among the suspended tasks, and the abort flag.
    pub(crate) registration: Registration,
}

impl Meta {
    /// Who has made the task, and whether it is detached: what decides who frees it.
    pub(crate) fn maker(&self) -> MakerByte<'_> {
        MakerByte::of(self.registration.spare_byte())
    }

    /// The maker of a detached task that has not waited yet.
    pub(crate) fn maker_if_fresh(&self) -> Option<Maker> {
        let maker = self.maker().if_detached()?;
        self.registration.is_fresh().then_some(maker)
    }
}

// With async-task's header, a task that holds one word fits into 56 bytes: the largest that malloc
// has a cache line for. (Where pointers are smaller, so is the task.)
#[cfg(all(not(shuttle), target_pointer_width = "64"))]
const _: () = assert!(size_of::<Meta>() == 16 && size_of::<Outcome<()>>() == 8);

/// Larger futures and outputs are boxed first: what they pass through would copy them onto the
/// stack. And the memory of a task with a larger output is freed at once.
const LARGE: usize = 2 << 10;

/// Whether a future or an output of this type is above that size.
pub(crate) const fn is_large<T>() -> bool {
    size_of::<T>() > LARGE
}

/// Makes a task on `scheduler`. It is not in any queue yet.
pub(crate) fn create<F, N>(
    scheduler: &Scheduler,
    id: TaskId,
    name: N,
    future: F,
) -> (Task, Join<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    N: Naming,
{
    let meta = Meta {
        id,
        registration: Registration::none(scheduler.id.get(), MakerByte::ELSEWHERE),
    };
    let guarded = |_: &Meta| Guarded {
        future: ManuallyDrop::new(future),
        name,
    };
    Builder::new()
        .metadata(meta)
        .spawn(guarded, WithInfo(schedule))
}

thread_local! {
    /// The task that this thread runs.
    static RUNNING: Cell<Option<Running>> = const { Cell::new(None) };
}

/// What the future of a task finds here instead of carrying pointers to it.
#[derive(Clone, Copy)]
struct Running {
    meta: NonNull<Meta>,
    scheduler: NonNull<Scheduler>,
}

/// Polls a task of this scheduler once, or drops its future if its end was asked for. Nobody else
/// does either.
pub(crate) fn run(task: Task, scheduler: &Scheduler) {
    RUNNING.set(Some(Running {
        meta: NonNull::from(task.metadata()),
        scheduler: NonNull::from(scheduler),
    }));
    // Does not unwind: what may panic is caught (`Guarded`).
    task.run();
    RUNNING.set(None);
}

impl TaskId {
    /// Returns the id of the task that the calling code is part of: whose future this thread polls
    /// or drops. `None` outside of tasks.
    ///
    /// A future of [`block_on`](crate::block_on), called in a task, is part of that task. A closure
    /// of [`spawn_blocking`](crate::spawn_blocking) is a task of its own.
    ///
    /// The panic hook is called on the stack of the task that panics, so it may ask, too.
    ///
    /// ```
    /// use executor::TaskId;
    ///
    /// let task = executor::spawn(async { TaskId::current() });
    /// let id = task.id();
    /// assert_eq!(executor::block_on(task)?, Some(id));
    /// assert_eq!(TaskId::current(), None);
    /// # Ok::<(), executor::JoinError>(())
    /// ```
    #[must_use]
    pub fn current() -> Option<TaskId> {
        let Running { meta, .. } = RUNNING.get()?;
        // SAFETY: from `run`, whose task has not ended: `drop_future` clears this.
        // Only shared references to the metadata exist.
        Some(unsafe { meta.as_ref() }.id)
    }
}

/// The task that this thread runs and that has not ended: what the scheduler keeps with it, and the
/// scheduler.
#[inline]
fn running<'a>() -> (&'a Meta, &'a Scheduler) {
    let Running { meta, scheduler } = RUNNING.get().expect("a task is run by `run` alone");
    // SAFETY: from `run`, on whose task the caller works at this moment; the metadata is in the
    // same allocation as the future, and outlives it; only shared references to it exist, and
    // nobody here keeps one beyond a call on the future.
    let meta = unsafe { meta.as_ref() };
    // SAFETY: `run` borrows it until this task's run is over; nobody here keeps it beyond that.
    let scheduler = unsafe { scheduler.as_ref() };
    (meta, scheduler)
}

/// Drops the future of a task on this thread, for `refused`. Its executor has ended, so the run does
/// not poll the future (`Guarded::poll`), and the handle yields `Cancelled`.
pub(super) fn cancel(task: Task, scheduler: &Scheduler) {
    // Of all that runs tasks, this alone may be called by one.
    let outer = RUNNING.get();
    run(task, scheduler);
    RUNNING.set(outer);
}

/// Asks a worker to drop a task's future soon, unless the task ends first.
pub(crate) fn abort(meta: &Meta) {
    meta.registration.abort(|| {
        // The number may belong to a later executor by now; it does not know this registration.
        let scheduler = executor_id::find(meta.registration.executor())?;
        scheduler.suspended.find(&meta.registration)
    });
}

/// Puts a task that has become runnable into a queue. async-task calls it once for each time that a
/// task does.
fn schedule(task: Task, info: ScheduleInfo) {
    let executor = task.metadata().registration.executor();
    context::with_worker(|worker| match worker {
        Some(worker) if worker.scheduler().id.get() == executor => {
            worker.schedule(task, Arrival::of(&info));
        }
        _ => {
            // SAFETY: the scheduler exists because we hold the `Runnable` of a task whose future
            // has not been dropped (the module's text); it was entered before it made the task.
            let scheduler = unsafe { executor_id::get(executor) };
            scheduler.push_global(task);
        }
    });
}

/// How a task ended, on its way to the handle. It may be dropped anywhere: a panic of the value's
/// destructor is caught.
pub(crate) struct Outcome<T>(ManuallyDrop<Result<T, Box<Failure>>>);

/// Why there is no value. Boxed, because failures are rare, and a small task has room for a word.
pub(crate) struct Failure {
    pub(crate) id: TaskId,
    /// The task's, if it has one.
    pub(crate) name: Option<Name>,
    /// `None` if the task was cancelled.
    pub(crate) panic: Option<Panic>,
}

impl<T> Outcome<T> {
    fn value(value: T) -> Outcome<T> {
        Outcome(ManuallyDrop::new(Ok(value)))
    }

    /// The task was cancelled, or has panicked.
    #[inline]
    fn failure(id: TaskId, name: Option<Name>, panic: Option<Panic>) -> Outcome<T> {
        if let (Some(name), Some(panic)) = (&name, &panic) {
            task_name::report_panic(id, name, panic.message());
        }
        Outcome(ManuallyDrop::new(Err(Box::new(Failure {
            id,
            name,
            panic,
        }))))
    }

    /// Hands the ending out, and with it the care for its destructor.
    pub(crate) fn into_result(self) -> Result<T, Box<Failure>> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again, so the ending is taken once.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }
}

impl<T> Drop for Outcome<T> {
    #[inline]
    fn drop(&mut self) {
        if mem::needs_drop::<T>() || self.0.is_err() {
            self.drop_caught();
        }
    }
}

impl<T> Outcome<T> {
    #[inline(never)]
    fn drop_caught(&mut self) {
        // SAFETY: called by `drop` alone, once; `into_result` forgets `self`.
        let _ = caught(|| unsafe { ManuallyDrop::drop(&mut self.0) });
    }
}

/// The user's future with the guards that async-task lacks. Whether it is there still, its
/// registration says.
struct Guarded<F: Future, N: Naming> {
    /// Structurally pinned. (Not an `Option`: few futures have a niche for it.)
    future: ManuallyDrop<F>,
    /// Outlives the future, whose drop may panic.
    name: N,
}

impl<F: Future, N: Naming> Guarded<F, N> {
    /// The future, pinned as this wrapper is, for one who knows that it is there.
    fn project(self: Pin<&mut Self>) -> Pin<&mut F> {
        // SAFETY: the future is structurally pinned: it is only dropped in place (`drop_future`),
        // never moved; `Guarded` is `Unpin` only if `F` is; it is not packed.
        unsafe { self.map_unchecked_mut(|this| &mut *this.future) }
    }

    /// Polls the future. If that panics, the future is dropped as the panic leaves the poll, so that
    /// its destructor finds the thread panicking.
    fn poll_future(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut unwinding = DropAsItUnwinds(self);
        let poll = unwinding.0.as_mut().project().poll(cx);
        mem::forget(unwinding);
        poll
    }

    /// Drops the future in place, which is there still; its panic comes back. From now on nothing
    /// on this thread is part of the task: before async-task wakes the handle's awaiter, it gives
    /// its reference away.
    fn drop_future(self: Pin<&mut Self>) -> Result<(), Panic> {
        let (meta, scheduler) = running();
        // SAFETY: moves nothing out of the pinned place.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: dropped once, as the registration says from now on.
        let drop = || unsafe { ManuallyDrop::drop(&mut this.future) };
        let dropped = if mem::needs_drop::<F>() {
            caught(drop)
        } else {
            Ok(())
        };
        scheduler.count_end();
        scheduler.forget(&meta.registration);
        RUNNING.set(None);
        dropped
    }
}

/// Drops the future of a poll that panics.
struct DropAsItUnwinds<'a, F: Future, N: Naming>(Pin<&'a mut Guarded<F, N>>);

impl<F: Future, N: Naming> Drop for DropAsItUnwinds<'_, F, N> {
    fn drop(&mut self) {
        // The handle hears of the poll's own panic.
        drop(self.0.as_mut().drop_future());
    }
}

impl<F: Future, N: Naming> Future for Guarded<F, N> {
    type Output = Outcome<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (meta, scheduler) = running();
        let Meta { id, registration } = meta;
        debug_assert!(
            !registration.has_ended(),
            "async-task polls no task that has ended"
        );
        let outcome = if scheduler.is_cancelled(registration) {
            Outcome::failure(*id, self.name.name(), None)
        } else {
            let _timers = context::enter_poll(scheduler, cx.waker());
            let _allowance = allowance::begin_poll();
            match caught(|| self.as_mut().poll_future(cx)) {
                Ok(Poll::Pending) => {
                    let shard =
                        || context::with_worker(|worker| worker.map_or(0, |worker| worker.index()));
                    scheduler.suspend(registration, shard, cx.waker());
                    return Poll::Pending;
                }
                Ok(Poll::Ready(value)) => Outcome::value(value),
                Err(panic) => {
                    // The future was dropped on the way here.
                    return Poll::Ready(Outcome::failure(*id, self.name.name(), Some(panic)));
                }
            }
        };
        // The handle must find the future dropped, and hears of a panic in that drop.
        Poll::Ready(match self.as_mut().drop_future() {
            Ok(()) => outcome,
            Err(panic) => Outcome::failure(*id, self.name.name(), Some(panic)),
        })
    }
}

impl<F: Future, N: Naming> Drop for Guarded<F, N> {
    fn drop(&mut self) {
        if RUNNING.get().is_none() {
            // The run that is about to end has dropped the future.
            return;
        }
        // SAFETY: `Drop` is the last use, and nothing is moved out of the pinned place.
        let this = unsafe { Pin::new_unchecked(self) };
        // Nobody is left to tell of a panic here; the hook has reported it.
        drop(this.drop_future());
    }
}
