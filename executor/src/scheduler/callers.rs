//! Who is in `block_on`, in the whole process: a program that hangs is to show its `main`.
//!
//! A call is known by an id of its own, as a task is: the id names the line. To begin a call costs
//! some stores; the list is locked when a thread makes its first, or one inside of another.

use super::{
    Scheduler, context, executor_id::ExecutorId, simulated::Simulated, system, task_id::TaskId,
};
#[cfg(all(unix, not(shuttle)))]
use crate::sync::{release_without_freeing, try_lock};
use crate::{
    idle::parker::Parker,
    sync::{forked, lock_static},
};
use std::{
    panic::Location,
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering},
    },
    task::Wake,
    thread::Thread,
};

/// All that have not been dropped, and some that have.
static CALLERS: Mutex<Vec<Weak<Caller>>> = Mutex::new(Vec::new());

/// The lock, held by whoever is about to fork the process.
#[cfg(all(unix, not(shuttle)))]
pub(super) struct Held(#[expect(dead_code)] MutexGuard<'static, Vec<Weak<Caller>>>);

/// Takes the lock.
#[cfg(all(unix, not(shuttle)))]
pub(super) fn hold() -> Held {
    Held(lock_static(&CALLERS))
}

/// Where a thread waits for its future. A clone of it is a waker of that future's.
pub(crate) struct Caller {
    pub(crate) parker: Parker,
    /// The id of the present call; 0 if there is none.
    call: AtomicU64,
    /// The number of its executor.
    executor: AtomicU16,
    /// The task that makes the call; 0 if none does.
    task: AtomicU64,
    /// How often it has begun a wait or ended one: odd while it waits.
    waits: AtomicU64,
    /// `None` for a thread that is ending: std may not tell any more.
    thread: Option<Thread>,
    /// How the system numbers the thread.
    number: AtomicU64,
    /// The process that the thread is in.
    generation: AtomicU32,
    /// If the thread simulates, and this call is part of that.
    simulated: Option<Arc<Simulated>>,
}

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(part) = &self.simulated
            && !part.is_at_hand()
        {
            let on_worker = context::with_worker(|worker| worker.is_some());
            part.refuse_to_wake_call(self.call(), on_worker);
        }
        self.parker.unpark();
    }
}

/// References to a [`Caller`] that are no wakers which somebody could wake: its thread has one, and
/// lends the future another.
const OWN: usize = 2;

impl Caller {
    /// Of the calling thread, which is in no call.
    pub(crate) fn new(thread: Option<Thread>, scheduler: &Scheduler) -> Arc<Caller> {
        let caller = Arc::new(Caller {
            parker: Parker::new(),
            call: AtomicU64::new(0),
            executor: AtomicU16::new(0),
            task: AtomicU64::new(0),
            waits: AtomicU64::new(0),
            thread,
            number: AtomicU64::new(system::current_thread()),
            generation: AtomicU32::new(forked::generation()),
            // Of an executor that was simulated, it is a call as of any that has ended.
            simulated: scheduler.simulated.clone().filter(|part| part.goes_on()),
        });
        let mut callers = lock_static(&CALLERS);
        if callers.len() == callers.capacity() {
            callers.retain(|caller| caller.strong_count() > 0);
        }
        callers.push(Arc::downgrade(&caller));
        caller
    }

    /// Whether it is part of a simulation.
    pub(crate) fn is_simulated(&self) -> bool {
        self.simulated.is_some()
    }

    /// A call on an executor begins, at that line.
    pub(crate) fn begin(&self, scheduler: &Scheduler, line: &'static Location<'static>) {
        let task = TaskId::current().map_or(0, TaskId::as_u64);
        self.settle_in_process();
        // Ordering: Relaxed for all but the id, which publishes the others.
        self.task.store(task, Ordering::Relaxed);
        self.executor.store(scheduler.id.get(), Ordering::Relaxed);
        self.call
            .store(TaskId::at(line).as_u64(), Ordering::Release);
    }

    /// In a forked child the thread has another number than in the parent, where it may have been
    /// in calls before.
    fn settle_in_process(&self) {
        let generation = forked::generation();
        if self.generation.load(Ordering::Relaxed) != generation {
            let number = system::current_thread();
            self.number.store(number, Ordering::Relaxed);
            self.generation.store(generation, Ordering::Relaxed);
        }
    }

    /// Whether its thread is one of this process.
    fn is_here(&self) -> bool {
        self.generation.load(Ordering::Relaxed) == forked::generation()
    }

    /// The id of the present call, if there is one.
    pub(super) fn call(&self) -> Option<TaskId> {
        TaskId::from_u64(self.call.load(Ordering::Acquire))
    }

    /// The call is over.
    pub(crate) fn end(&self) {
        self.call.store(0, Ordering::Release);
    }

    /// Says whether the thread waits.
    pub(crate) fn set_waiting(&self, waits: bool) {
        let before = self.waits.load(Ordering::Relaxed);
        debug_assert_eq!(is_odd(before), !waits);
        // Ordering: Relaxed; for who finds it parked, the parker's lock orders it.
        self.waits.store(before.wrapping_add(1), Ordering::Relaxed);
    }

    /// How the system numbers the thread.
    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }
}

/// A call of `block_on` at one moment.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Its own id.
    pub(super) id: TaskId,
    /// The task that makes it.
    pub(super) task: Option<TaskId>,
    /// Whether it waits, and does not poll.
    pub(super) waits: bool,
    /// Clones of its waker.
    pub(super) wakers: usize,
    thread: Option<Thread>,
}

impl Call {
    /// The name of its thread.
    pub(super) fn thread_name(&self) -> &str {
        let name = self.thread.as_ref().and_then(Thread::name);
        name.unwrap_or("without a name")
    }
}

fn is_odd(number: u64) -> bool {
    number % 2 == 1
}

/// What `look` says of each thread that has ever been in a call, and has not ended.
///
/// Under the lock, and a thread's reference is gone before the lock is: what others look at
/// meanwhile must not count as wakers.
fn look_at_all<T>(mut look: impl FnMut(&Arc<Caller>) -> Option<T>) -> Vec<T> {
    let callers = lock_static(&CALLERS);
    callers
        .iter()
        .filter_map(|caller| look(&caller.upgrade()?))
        .collect()
}

/// Where a thread is that calls `block_on` now and then, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rest {
    /// How the system numbers the thread.
    pub(super) thread: u64,
    /// A number that changes when the thread runs.
    pub(super) waits: u64,
    /// It sleeps in a call, and nobody has woken it.
    pub(super) is_parked: bool,
}

/// Where all these threads are.
pub(super) fn rests() -> Vec<Rest> {
    look_at_all(|caller| {
        // First, for its lock: see `set_waiting`.
        let is_parked = caller.parker.is_parked();
        caller.is_here().then(|| Rest {
            thread: caller.number(),
            waits: caller.waits.load(Ordering::Relaxed),
            is_parked,
        })
    })
}

/// The calls on an executor.
pub(super) fn calls_on(executor: &ExecutorId) -> Vec<Call> {
    look_at_all(|caller| look(caller, executor))
}

/// Calls `f` with each call on an executor, without a wait and without an allocation. Returns `None`
/// if somebody holds the lock.
#[cfg(all(unix, not(shuttle)))]
pub(super) fn try_for_each(executor: &ExecutorId, mut f: impl FnMut(Call)) -> Option<()> {
    let callers = try_lock(&CALLERS)?;
    for caller in callers.iter().filter_map(Weak::upgrade) {
        if let Some(call) = look(&caller, executor) {
            f(call);
        }
        release_without_freeing(caller);
    }
    Some(())
}

fn look(caller: &Arc<Caller>, executor: &ExecutorId) -> Option<Call> {
    let id = caller.call()?;
    let is_meant = caller.executor.load(Ordering::Relaxed) == executor.get() && caller.is_here();
    is_meant.then(|| Call {
        id,
        task: TaskId::from_u64(caller.task.load(Ordering::Relaxed)),
        waits: is_odd(caller.waits.load(Ordering::Relaxed)),
        // And this one.
        wakers: Arc::strong_count(caller).saturating_sub(OWN + 1),
        thread: caller.thread.clone(),
    })
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::{
        future::poll_fn,
        sync::atomic::AtomicBool,
        task::{Poll, Waker},
        thread,
    };

    #[test]
    fn whoever_looks_at_callers_does_not_count_as_one_of_their_wakers() {
        let executor = crate::Executor::builder().workers(1).build().unwrap();
        let scheduler = executor.handle().scheduler;
        let done = AtomicBool::new(false);
        let counted = thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    rests();
                    calls_on(&scheduler.id);
                }
            });
            let counted = executor.block_on(poll_fn(|cx| {
                let _kept: Waker = cx.waker().clone();
                let count = || {
                    calls_on(&scheduler.id)
                        .iter()
                        .map(|call| call.wakers)
                        .sum::<usize>()
                };
                Poll::Ready((0..10_000).map(|_| count()).find(|&wakers| wakers != 1))
            }));
            done.store(true, Ordering::Relaxed);
            counted
        });
        assert_eq!(counted, None);
    }
}
