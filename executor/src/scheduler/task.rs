//! The only file that makes tasks.
//!
//! A task is one allocation by `async-task`:
//!
//! ```text
//!   async-task's header │ Meta: id and registration │ Guarded future, later its outcome
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
//!   (`WorkLoop::turn`). If registration is refused because the scheduler is closing, the task
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

#[cfg(feature = "dump")]
use super::stacks;
use super::{
    Scheduler,
    allowance::{self, poll_leaf},
    boxed_output::BoxedOutput,
    care::{self, Attended, Care},
    context, executor_id,
    outcome::{Failure, Outcome},
    recycle::{Maker, MakerByte},
    task_id::TaskId,
    task_name::Naming,
    trace::event::Queue,
    tracking::{self, Joining},
    worker::{Arrival, Worker},
};
#[cfg(shuttle)]
use crate::sync::shuttle::LocalCell as _;
use crate::{
    idle::pool::Pool,
    queue::Word,
    suspended::Registration,
    sync::{
        clock,
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
    ptr::{self, NonNull},
    task::{Context, Poll, Waker, ready},
};

/// A task that is ready to be polled: [`run`] it, or have it refused (`refused`). (Dropping it would
/// leave its handle without an outcome.)
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
            // SAFETY: `of_boxed` has made this, for `T` is large: `boxed` is the field that is set.
            let join = unsafe { &mut self.0.boxed };
            match ready!(poll_leaf(cx, |cx| poll_join(join, cx))).into_result() {
                Ok(output) => Poll::Ready(Ok(output.unbox())),
                Err(failure) => Poll::Ready(Err(error(failure))),
            }
        } else {
            // SAFETY: `of_plain` has made this, for `T` is not large.
            let join = unsafe { &mut self.0.plain };
            poll_leaf(cx, |cx| poll_join(join, cx))
                .map(|outcome| outcome.into_result().map_err(error))
        }
    }

    /// Lets the task go on by itself.
    pub(crate) fn detach(self) {
        if const { is_large::<T>() } {
            // SAFETY: as in `poll`.
            ManuallyDrop::into_inner(unsafe { self.0.boxed }).detach();
        } else {
            // SAFETY: as in `poll`.
            ManuallyDrop::into_inner(unsafe { self.0.plain }).detach();
        }
    }

    fn plain(&self) -> &Join<T> {
        assert!(!is_large::<T>());
        // SAFETY: as in `poll`.
        unsafe { &self.0.plain }
    }

    fn boxed(&self) -> &Join<BoxedOutput<T>> {
        assert!(is_large::<T>());
        // SAFETY: as in `poll`.
        unsafe { &self.0.boxed }
    }
}

/// Waits for the end of a task. A waiter that is tracked says for which task it waits.
#[inline]
fn poll_join<T>(join: &mut Join<T>, cx: &mut Context<'_>) -> Poll<Outcome<T>> {
    let poll = Pin::new(&mut *join).poll(cx);
    if poll.is_pending() && is_of_interest(cx.waker()) {
        return poll_tracked_join(join, cx);
    }
    poll
}

/// Whether somebody wants to know for what the task with this waker waits.
#[inline]
fn is_of_interest(waker: &Waker) -> bool {
    #[cfg(feature = "dump")]
    if stacks::is_traced(waker) {
        return true;
    }
    tracking::is_tracked(waker)
}

/// The same once more, with a waker that says so.
#[cold]
#[inline(never)]
fn poll_tracked_join<T>(join: &mut Join<T>, cx: &mut Context<'_>) -> Poll<Outcome<T>> {
    let joined = join.metadata().id();
    let waker = cx.waker();
    #[cfg(feature = "dump")]
    let waker = stacks::note_join(waker, joined);
    if !tracking::is_tracked(waker) {
        return Poll::Pending;
    }
    let joining = Joining::of(waker, joined);
    Pin::new(join).poll(&mut Context::from_waker(joining.waker()))
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
    /// Its id, its entry among the suspended tasks, and the abort flag.
    pub(crate) registration: Registration,
}

impl Meta {
    /// The task's id.
    #[inline]
    pub(crate) fn id(&self) -> TaskId {
        TaskId::from_u64(self.registration.id()).expect("`create` has made it of an id")
    }

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
    let executor = scheduler.id.get();
    let meta = Meta {
        registration: Registration::none(id.as_u64(), executor, MakerByte::ELSEWHERE),
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
    /// The waker that it is polled with; null outside of polls.
    static POLLED_WITH: Cell<*const Waker> = const { Cell::new(ptr::null()) };
}

/// What the future of a task finds here instead of carrying pointers to it. Callers keep none beyond
/// the run that they have it of.
#[derive(Clone, Copy)]
struct Running {
    meta: NonNull<Meta>,
    scheduler: NonNull<Scheduler>,
}

impl Running {
    /// The task that this thread runs and that has not ended.
    #[inline]
    fn get() -> Running {
        RUNNING.get().expect("a task is run by `run` alone")
    }

    /// What the scheduler keeps with the task.
    #[inline]
    fn meta(&self) -> &Meta {
        // SAFETY: from `run`, on whose task the caller works at this moment, for `drop_future` clears
        // it; the metadata is in the same allocation as the future, and outlives it; only shared
        // references to it exist.
        unsafe { self.meta.as_ref() }
    }

    #[inline]
    fn scheduler(&self) -> &Scheduler {
        // SAFETY: `run` borrows it until the task's run is over.
        unsafe { self.scheduler.as_ref() }
    }
}

/// Polls a task of this scheduler once, or drops its future if its end was asked for. Nobody else
/// does either. Returns whether the task was woken meanwhile, and so is in a queue again.
pub(crate) fn run(task: Task, scheduler: &Scheduler) -> bool {
    RUNNING.set(Some(Running {
        meta: NonNull::from(task.metadata()),
        scheduler: NonNull::from(scheduler),
    }));
    // Does not unwind: what may panic is caught (`Guarded`).
    let is_queued = task.run();
    RUNNING.set(None);
    POLLED_WITH.set(ptr::null());
    is_queued
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
        Some(RUNNING.get()?.meta().id())
    }
}

/// Until this is dropped, what this thread does is no part of the task that it runs, and it may run
/// others.
pub(super) struct Aside {
    outer: (Option<Running>, *const Waker),
}

/// See [`Aside`]. Callers keep it on the stack, so that what is set again is still there.
pub(super) fn step_aside() -> Aside {
    Aside {
        outer: (RUNNING.replace(None), POLLED_WITH.replace(ptr::null())),
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        RUNNING.set(self.outer.0);
        POLLED_WITH.set(self.outer.1);
    }
}

/// Calls `f` with the waker of the task that this thread polls, if it polls one.
pub(super) fn polled_with<R>(f: impl FnOnce(Option<&Waker>) -> R) -> R {
    // SAFETY: null, or set by the poll that this thread is in, whose caller keeps the waker until the
    // run is over, or sets this again.
    f(unsafe { POLLED_WITH.get().as_ref() })
}

/// Drops the future of a task on this thread, for `refused`. Its executor has ended, so the run does
/// not poll the future (`Guarded::poll`), and the handle yields `Cancelled`.
pub(super) fn cancel(task: Task, scheduler: &Scheduler) {
    // It may be called by a task.
    let _aside = step_aside();
    let _ended = run(task, scheduler);
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
    let registration = &task.metadata().registration;
    registration.set_runnable();
    let (executor, is_watched) = (registration.executor(), registration.is_watched());
    context::with_worker(|worker| match worker {
        Some(worker) if worker.answers_to(executor) && !is_watched => {
            worker.schedule(task, Arrival::of(&info));
        }
        _ => schedule_with_care(task, &info, worker),
    });
}

/// The same on a thread that is no worker of the task's executor, or where somebody wants to know.
#[cold]
#[inline(never)]
fn schedule_with_care(task: Task, info: &ScheduleInfo, worker: Option<&Worker>) {
    let meta = task.metadata();
    let executor = meta.registration.executor();
    if let Some(own) = worker.filter(|worker| worker.scheduler().id.get() == executor) {
        return own.schedule_with_care(task, Arrival::of(info));
    }
    // SAFETY: the scheduler exists because we hold the `Runnable` of a task whose future has not
    // been dropped (the module's text); it was entered before it made the task.
    let scheduler = unsafe { executor_id::get(executor) };
    if meta.registration.is_watched() {
        scheduler.heeded.wake_times.woken(meta.id(), clock::now());
    }
    if scheduler.heeded.is_for_wakes() {
        scheduler.heeded.tell_of_wake(meta.id(), Queue::Global);
    }
    scheduler.push_global(task);
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

    /// Before a poll with something to heed beside the task. Unless that is settled now, and the caller
    /// goes on: returns what the poll does.
    #[cold]
    #[inline(never)]
    fn heed(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<Poll<Outcome<F::Output>>> {
        let running = Running::get();
        let heeded = &running.scheduler().heeded;
        match heeded.attend(&running.meta().registration, cx.waker()) {
            Attended::Settled => None,
            Attended::Dropped => Some(self.end_early()),
            Attended::Now(care) => Some(self.as_mut().poll_with_care(care, cx)),
        }
    }

    /// Polls once more, with care.
    fn poll_with_care(
        self: Pin<&mut Self>,
        care: Care<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<F::Output>> {
        let running = Running::get();
        let waker = care.waker(cx.waker());
        let poll = if care.is_end {
            self.end_early()
        } else {
            let _attended = care::attended(&running.meta().registration, cx.waker());
            self.poll(&mut Context::from_waker(waker))
        };
        // The other is gone as soon as `care` is.
        POLLED_WITH.set(cx.waker());
        match &poll {
            Poll::Ready(outcome) => care.end(outcome.ending()),
            Poll::Pending => care.waits(),
        }
        poll
    }

    /// Drops the future of a task that has yielded a value, or none because it was cancelled, and
    /// says so to the handle. That must find the future dropped, and hears of a panic in the drop.
    #[inline(always)] // In the one poll that most tasks have.
    fn end(mut self: Pin<&mut Self>, value: Option<F::Output>) -> Poll<Outcome<F::Output>> {
        let id = Running::get().meta().id();
        let outcome = match value {
            Some(value) => Outcome::value(value),
            None => Outcome::failure(id, self.name.name(), None),
        };
        Poll::Ready(match self.as_mut().drop_future() {
            Ok(()) => outcome,
            Err(panic) => Outcome::failure(id, self.name.name(), Some(panic)),
        })
    }

    /// Drops the future of a task that was cancelled.
    #[cold]
    #[inline(never)]
    fn end_early(self: Pin<&mut Self>) -> Poll<Outcome<F::Output>> {
        self.end(None)
    }

    /// Drops the future in place, which is there still; its panic comes back. From now on nothing
    /// on this thread is part of the task: before async-task wakes the handle's awaiter, it gives
    /// its reference away.
    fn drop_future(self: Pin<&mut Self>) -> Result<(), Panic> {
        let running = Running::get();
        POLLED_WITH.set(ptr::null());
        // SAFETY: moves nothing out of the pinned place.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: dropped once, as the registration says from now on.
        let drop = || unsafe { ManuallyDrop::drop(&mut this.future) };
        let dropped = if mem::needs_drop::<F>() {
            caught(drop)
        } else {
            Ok(())
        };
        running.scheduler().count_end();
        running.scheduler().forget(&running.meta().registration);
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
        let running = Running::get();
        let (meta, scheduler) = (running.meta(), running.scheduler());
        let registration = &meta.registration;
        debug_assert!(
            !registration.has_ended(),
            "async-task polls no task that has ended"
        );
        registration.clear_runnable();
        if !scheduler.heeded.is_clear(registration)
            && let Some(poll) = self.as_mut().heed(cx)
        {
            return poll;
        }
        POLLED_WITH.set(cx.waker());
        let polled = {
            let _allowance = allowance::begin_poll();
            caught(|| self.as_mut().poll_future(cx))
        };
        match polled {
            Ok(Poll::Pending) => {
                let shard =
                    || context::with_worker(|worker| worker.map_or(0, |worker| worker.index()));
                scheduler.suspend(registration, shard, cx.waker());
                Poll::Pending
            }
            Ok(Poll::Ready(value)) => self.end(Some(value)),
            Err(panic) => {
                // The future was dropped on the way here.
                Poll::Ready(Outcome::failure(meta.id(), self.name.name(), Some(panic)))
            }
        }
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
