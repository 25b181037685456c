//! Which executor, and which of its workers, the calling thread is in.
//!
//! Thread-local pointers without a destructor, so that they can be read at any time, also by the
//! destructor of another thread-local. Guards on the stack set them, and reset them when they are
//! dropped.

use super::{Scheduler, bridge::Inside, task, worker::Worker};
#[cfg(shuttle)]
use crate::sync::shuttle::LocalCell as _;
use crate::{
    sync::{panic::caught, thread_local},
    timer::Timers,
};
#[cfg(not(shuttle))]
use std::cell::OnceCell;
use std::{
    cell::Cell,
    marker::PhantomData,
    ptr::{self, NonNull},
    sync::Arc,
    task::Waker,
};

thread_local! {
    static WORKER: Cell<*const Worker> = const { Cell::new(ptr::null()) };
    static CURRENT: Cell<*const Arc<Scheduler>> = const { Cell::new(ptr::null()) };
    static TIMERS: Cell<Option<Local>> = const { Cell::new(None) };
}

/// The wheel of a thread.
#[derive(Clone, Copy)]
struct Local {
    timers: &'static Timers,
    of: Of,
    /// Whose worker or `block_on` the thread is in; compared, and nothing else.
    scheduler: *const Scheduler,
}

/// Which timers a wheel is for.
#[derive(Clone, Copy)]
enum Of {
    All,
    /// Those that wake this.
    Waker(NonNull<Waker>),
    /// Those that wake the task that the thread polls.
    PolledTask,
}

impl Local {
    fn serves(self, waker: &Waker) -> bool {
        match self.of {
            Of::All => true,
            // SAFETY: set by a `TimersGuard`, which borrows the waker until it resets this.
            Of::Waker(only) => unsafe { only.as_ref() }.will_wake(waker),
            Of::PolledTask => task::polled_with(|own| own.is_some_and(|own| own.will_wake(waker))),
        }
    }

    /// Whether it serves anybody at all now.
    fn is_there(self) -> bool {
        !matches!(self.of, Of::PolledTask) || task::polled_with(|own| own.is_some())
    }
}

/// Calls `f` with the worker that this thread is, if it is one.
#[inline]
pub(crate) fn with_worker<R>(f: impl FnOnce(Option<&Worker>) -> R) -> R {
    // SAFETY: `f` returns before the caller does.
    f(unsafe { worker() })
}

/// The worker that this thread is, if it is one. Unlike [`with_worker`] it needs no closure, which
/// the compiler may not inline where it is used twice.
///
/// # Safety
///
/// The reference is dropped before the function that asks returns.
#[inline]
pub(super) unsafe fn worker<'a>() -> Option<&'a Worker> {
    // SAFETY: null, or set by a `WorkerGuard`, which borrows the worker until it resets the
    // pointer; whoever asks returns before, for the guard is on this thread's stack, below.
    unsafe { WORKER.get().as_ref() }
}

/// Calls `f` with the executor that this thread is in, if it is in one.
pub(crate) fn with_current<R>(f: impl FnOnce(Option<&Arc<Scheduler>>) -> R) -> R {
    // SAFETY: `f` returns before the caller does.
    f(unsafe { current() })
}

/// The executor that this thread is in, if it is in one. Unlike
/// [`with_current`] it needs no closure, through which a caller's line does not pass.
///
/// # Safety
///
/// The reference is dropped before the function that asks returns.
pub(super) unsafe fn current<'a>() -> Option<&'a Arc<Scheduler>> {
    // SAFETY: null, or set by a `CurrentGuard`, which borrows the `Arc` until it resets the
    // pointer; whoever asks returns before, for the guard is on this thread's stack, below.
    unsafe { CURRENT.get().as_ref() }
}

/// The wheel for timers that are polled on this thread and wake `waker`, if this thread has one.
pub(super) fn timers(waker: &Waker) -> Option<&'static Timers> {
    TIMERS
        .get()
        .filter(|local| local.serves(waker))
        .map(|local| local.timers)
}

/// The wheel of this thread, if it has one, whichever timers that is for.
pub(super) fn own_timers() -> Option<&'static Timers> {
    let local = TIMERS.get().filter(|local| local.is_there());
    local.map(|local| local.timers)
}

/// Whether the wheel that this thread looks at is one of a worker, or a `block_on`, of `scheduler`.
pub(super) fn is_driven_by(scheduler: &Scheduler) -> bool {
    let local = TIMERS.get().filter(|local| local.is_there());
    local.is_some_and(|local| ptr::eq(local.scheduler, scheduler))
}

/// Makes `timers` the wheel for the timers that are polled on this thread and wake `waker`, or for
/// all that are polled on this thread, until the guard is dropped.
pub(crate) fn enter_timers<'a>(
    scheduler: &Scheduler,
    timers: &'static Timers,
    waker: Option<&'a Waker>,
) -> TimersGuard<'a> {
    let of = waker.map_or(Of::All, |waker| Of::Waker(NonNull::from(waker)));
    enter_timers_of(scheduler, timers, of)
}

fn enter_timers_of<'a>(scheduler: &Scheduler, timers: &'static Timers, of: Of) -> TimersGuard<'a> {
    let local = Local {
        timers,
        of,
        scheduler,
    };
    TimersGuard {
        outer: TIMERS.replace(Some(local)),
        _borrow: PhantomData,
    }
}

/// See [`enter_timers`]. Holds a raw pointer, so it stays on its thread; and callers keep it on the
/// stack, so that guards are dropped in the reverse order.
pub(crate) struct TimersGuard<'a> {
    outer: Option<Local>,
    _borrow: PhantomData<&'a Waker>,
}

impl Drop for TimersGuard<'_> {
    fn drop(&mut self) {
        TIMERS.set(self.outer);
    }
}

/// Makes `scheduler` the current executor of this thread until the guard is dropped, and puts the
/// thread into the runtime of tokio that belongs to it, if there is one.
pub(crate) fn enter(scheduler: &Arc<Scheduler>) -> CurrentGuard<'_> {
    let inside = scheduler.config.bridge.enter();
    CurrentGuard {
        outer: CURRENT.replace(scheduler),
        _inside: inside,
    }
}

/// See [`enter`]. Stays on its thread and stack, as a [`TimersGuard`] does. Its drop may panic: see
/// [`Inside`].
pub(crate) struct CurrentGuard<'a> {
    outer: *const Arc<Scheduler>,
    /// Borrows the scheduler.
    _inside: Inside<'a>,
}

impl CurrentGuard<'_> {
    /// Drops it after foreign code that nobody is to hear of.
    pub(super) fn leave(self) {
        drop(caught(|| drop(self)));
    }
}

impl Drop for CurrentGuard<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
    }
}

/// Makes `scheduler` the current executor of this thread for good. Call first of all: thread-locals
/// are dropped in the reverse order, so the destructors of all others find this executor.
#[cfg(not(shuttle))]
pub(super) fn stay(scheduler: Arc<Scheduler>) {
    /// What a thread belongs to.
    struct Home(OnceCell<Arc<Scheduler>>);

    impl Drop for Home {
        fn drop(&mut self) {
            // Nobody is left on this thread who could have entered another one.
            CURRENT.set(ptr::null());
        }
    }

    std::thread_local!(static HOME: Home = const { Home(OnceCell::new()) });
    HOME.with(|home| CURRENT.set(home.0.get_or_init(|| scheduler)));
}

/// No random schedule asks for the current executor as its thread ends.
#[cfg(shuttle)]
pub(super) fn stay(_: Arc<Scheduler>) {}

/// An executor that this thread is in until somebody says otherwise.
///
/// Unlike a [`CurrentGuard`] it may be forgotten, and may be dropped in any order. So it lies on the
/// heap, and stays there unless it is left while it is the latest of all: then, and only then,
/// nobody else has its address.
pub(crate) struct Entered(NonNull<Place>);

struct Place {
    scheduler: Arc<Scheduler>,
    outer: *const Arc<Scheduler>,
}

/// An [`Entered`] is not the latest of its thread.
pub(crate) struct NotTheLatest;

impl Entered {
    /// Makes `scheduler` the current executor of this thread.
    pub(crate) fn new(scheduler: Arc<Scheduler>) -> Entered {
        let outer = CURRENT.get();
        let place = NonNull::from(Box::leak(Box::new(Place { scheduler, outer })));
        CURRENT.set(Entered::scheduler(place));
        Entered(place)
    }

    fn scheduler(place: NonNull<Place>) -> *const Arc<Scheduler> {
        // SAFETY: the place exists, for whoever asks has not freed it; nothing is read.
        unsafe { &raw const (*place.as_ptr()).scheduler }
    }

    /// Makes the executor from before the current one again.
    pub(crate) fn leave(self) -> Result<(), NotTheLatest> {
        let Entered(place) = self;
        if CURRENT.get() != Entered::scheduler(place) {
            // Somebody may have the address as his `outer`. If not, it is a leak.
            return Err(NotTheLatest);
        }
        // SAFETY: made by `Box::leak`, and freed here alone, for `self` is used up. Nobody else has
        // the address: who took it as his `outer` has given it back, or has become the latest and
        // never will be again.
        let place = unsafe { Box::from_raw(place.as_ptr()) };
        CURRENT.set(place.outer);
        // The last reference to the scheduler may be this one: after the thread has left it.
        drop(place);
        Ok(())
    }
}

/// Makes this thread the worker `worker` until the guard is dropped.
pub(crate) fn enter_worker(worker: &Worker) -> WorkerGuard<'_> {
    // Without a monitor nobody but the worker looks at its wheel, and the worker does not while it is
    // in a poll. So only timers that wake this very task may go into that wheel: others could be
    // waited for inside the poll.
    let of = if worker.has_monitor() {
        Of::All
    } else {
        Of::PolledTask
    };
    WorkerGuard {
        outer: WORKER.replace(worker),
        // Its thread is in the runtime of tokio for good.
        _current: CurrentGuard {
            outer: CURRENT.replace(worker.scheduler()),
            _inside: Inside::nothing(),
        },
        _timers: enter_timers_of(worker.scheduler(), worker.driver().timers(), of),
    }
}

/// See [`enter_worker`].
pub(crate) struct WorkerGuard<'a> {
    /// In a simulation one worker may run inside of another's poll.
    outer: *const Worker,
    _current: CurrentGuard<'a>,
    _timers: TimersGuard<'a>,
}

impl Drop for WorkerGuard<'_> {
    fn drop(&mut self) {
        WORKER.set(self.outer);
    }
}
