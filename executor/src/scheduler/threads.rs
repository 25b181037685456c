//! The threads behind the machines: started here, joined here.
//!
//! A thread that ends as a spare is joined by the monitor, so that its stack does not stay mapped;
//! and not before the system has forgotten it, for until then it may be in the destructor of a
//! thread-local, which is foreign code and may take its time.

use super::{Scheduler, context, driver::Source, processor::Lease, system, worker::run_machine};
use crate::idle::pool::Pool;
#[cfg(shuttle)]
use crate::sync::shuttle::IsFinished as _;
use crate::sync::{AtomicUsize, Condvar, Instant, Mutex, Ordering, lock, thread, wait, wait_until};
use std::{
    io, mem,
    sync::{
        Arc,
        atomic::{AtomicU64 as UnseenAtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// All threads that have not been joined.
#[derive(Default)]
pub(crate) struct Threads {
    state: Mutex<State>,
    /// How many have ended, or are about to.
    to_join: AtomicUsize,
    /// Signalled, with the lock of `state`, when `end` changes.
    end_changes: Condvar,
}

#[derive(Default)]
struct State {
    running: Vec<Thread>,
    end: End,
}

/// What has become of the executor's end.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum End {
    /// There are machines, or the last one is making the end.
    #[default]
    ToCome,
    /// There are no machines, and it is left to the monitor, or to whoever waits without a limit.
    Left,
    /// Nothing is left in the queues.
    Over,
}

struct Thread {
    handle: thread::JoinHandle<()>,
    /// How the system numbers it, once it runs.
    number: Arc<UnseenAtomicU64>,
}

impl Thread {
    /// Whether to join it takes no time.
    fn is_gone(&self) -> bool {
        self.handle.is_finished() && system::is_gone(self.number.load(Relaxed))
    }
}

impl Threads {
    /// Starts a thread, which must end once the last machine has.
    pub(super) fn start(
        &self,
        builder: thread::Builder,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let number = Arc::new(UnseenAtomicU64::new(0));
        let told = number.clone();
        let run = move || {
            told.store(system::current_thread(), Relaxed);
            run();
        };
        // Under the lock, so that nobody joins "all" threads before this one is among them.
        let mut state = lock(&self.state);
        let handle = builder.spawn(run)?;
        state.running.push(Thread { handle, number });
        Ok(())
    }

    /// Whether the executor has ended.
    pub(super) fn are_over(&self) -> bool {
        lock(&self.state).end == End::Over
    }

    /// Whether there are threads to join, for the monitor.
    pub(super) fn have_ended(&self) -> bool {
        // Ordering: Relaxed; whoever ends wakes the monitor after it has said so.
        self.to_join.load(Ordering::Relaxed) > 0
    }

    /// Takes the threads that it takes no time to join.
    fn take_gone(&self) -> Vec<Thread> {
        let mut state = lock(&self.state);
        let all = mem::take(&mut state.running);
        let (gone, running) = all.into_iter().partition(Thread::is_gone);
        state.running = running;
        gone
    }

    /// Joins all threads. (The monitor, one of the first, may start others until it has ended.)
    fn join_all(&self) {
        loop {
            let running = mem::take(&mut lock(&self.state).running);
            if running.is_empty() {
                return;
            }
            running.into_iter().for_each(join);
        }
    }

    /// Joins the threads that have ended by then, and returns how many have not: destructors of
    /// thread-locals, and wakers, are foreign code.
    #[cfg(not(shuttle))]
    fn join_until(&self, deadline: Instant) -> usize {
        /// Nobody says when a thread is gone.
        const PAUSE: Duration = Duration::from_millis(1);
        let own = thread::current().id();
        loop {
            self.take_gone().into_iter().for_each(join);
            let state = lock(&self.state);
            let others = state.running.iter();
            let left = others.filter(|t| t.handle.thread().id() != own).count();
            drop(state);
            if left == 0 || Instant::now() >= deadline {
                return left;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Shuttle does not tell whether a thread has ended.
    #[cfg(shuttle)]
    fn join_until(&self, _: Instant) -> usize {
        self.join_all();
        0
    }

    /// The last machine was one that the system has refused: somebody who may run foreign code
    /// makes the end.
    pub(super) fn leave_the_end(&self) {
        lock(&self.state).end = End::Left;
        self.end_changes.notify_all();
    }

    /// Joins those threads that have ended, if it takes no time. Returns whether there were any.
    pub(super) fn join_ended(&self) -> bool {
        if !self.have_ended() {
            return false;
        }
        let gone = self.take_gone();
        let any = !gone.is_empty();
        self.to_join.fetch_sub(gone.len(), Ordering::Relaxed);
        gone.into_iter().for_each(join);
        any
    }
}

impl Scheduler {
    /// Starts the thread of a machine that `idle` has counted.
    pub(super) fn start_machine(self: &Arc<Self>) -> io::Result<()> {
        if let Some(part) = &self.simulated {
            return part.add_machine();
        }
        let lease = Lease::new(self.clone());
        let mut builder = thread::Builder::new().name(self.config.thread_name.clone());
        if let Some(bytes) = self.config.thread_stack_size {
            builder = builder.stack_size(bytes);
        }
        self.start_thread(builder, move || run_machine(lease))
    }

    /// Starts a thread that runs foreign code, with this executor as the current one.
    pub(super) fn start_thread(
        self: &Arc<Self>,
        builder: thread::Builder,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let scheduler = self.clone();
        self.threads.start(builder, move || {
            scheduler.config.bridge.stay();
            context::stay(scheduler);
            run();
        })
    }

    /// The last act of a machine's thread, or of an errand's: it can be joined soon.
    pub(super) fn thread_ends(&self) {
        self.threads.to_join.fetch_add(1, Ordering::Relaxed);
        self.monitor.rest.wake_if_asleep();
    }

    /// Ends the executor, in the name of its last machine.
    pub(super) fn end(self: &Arc<Self>) {
        self.processors.iter().for_each(|p| p.driver.evict());
        self.shared_source.evict();
        // Everybody is gone, so nothing is registered; what is in the queue now was never polled.
        self.close_queue(&self.global, |task| self.refuse(task));
        self.hooks.drop_all();
        if let Some(observing) = &self.heeded.observing {
            observing.end();
        }
        self.monitor.rest.wake();
        lock(&self.threads.state).end = End::Over;
        self.threads.end_changes.notify_all();
    }

    /// Once there are no machines: waits for the end, and makes it if it was left.
    pub(super) fn see_to_the_end(self: &Arc<Self>) {
        let mut state = lock(&self.threads.state);
        while state.end != End::Over {
            if state.end == End::Left {
                state.end = End::ToCome;
                drop(state);
                return self.all_ended();
            }
            state = wait(&self.threads.end_changes, state);
        }
    }

    /// Waits until every machine has ended, for `timeout` at most if there is one, and joins their
    /// threads. Returns how many machines there still are.
    pub(crate) fn join_machines(self: &Arc<Self>, timeout: Option<Duration>) -> usize {
        let Some(deadline) = timeout.and_then(|timeout| Instant::now().checked_add(timeout)) else {
            self.see_to_the_end();
            self.threads.join_all();
            return 0;
        };
        let mut state = lock(&self.threads.state);
        while state.end != End::Over {
            state = match wait_until(&self.threads.end_changes, state, deadline) {
                Some(state) => state,
                // The last one may just be emptying the queues.
                None => return self.idle.machines().total.max(1),
            };
        }
        drop(state);
        self.threads.join_until(deadline)
    }
}

/// Joins a thread, unless it is the calling one: a destructor of a thread-local of a machine that
/// has ended may well drop the executor.
fn join(Thread { handle, .. }: Thread) {
    if handle.thread().id() != thread::current().id() {
        drop(handle.join());
    }
}

#[cfg(all(test, not(shuttle)))]
mod last_start;
#[cfg(all(test, not(shuttle)))]
pub(crate) mod refusals;
