//! The threads behind the machines: started here, joined here.

use super::{Scheduler, driver::Source, processor::Lease, task, worker::run_machine};
use crate::idle::pool::Pool;
#[cfg(shuttle)]
use crate::sync::shuttle::IsFinished as _;
use crate::sync::{Condvar, Instant, Mutex, lock, thread, wait, wait_until};
use std::{io, mem, sync::Arc, time::Duration};

/// The join handles of all threads that have not been joined.
#[derive(Default)]
pub(crate) struct Threads {
    state: Mutex<State>,
    /// Signalled, with the lock of `state`, when all have ended.
    all_ended: Condvar,
}

#[derive(Default)]
struct State {
    handles: Vec<thread::JoinHandle<()>>,
    /// The last machine has ended, and nothing is left in the queues.
    ended: bool,
}

impl Threads {
    /// One more thread to join: it must end once the last machine has.
    pub(super) fn add(&self, thread: thread::JoinHandle<()>) {
        lock(&self.state).handles.push(thread);
    }
}

impl Scheduler {
    /// Starts the thread of a machine that `idle` has counted.
    pub(super) fn start_machine(self: &Arc<Self>) -> io::Result<()> {
        let lease = Lease::new(self.clone());
        let mut builder = thread::Builder::new().name(self.config.thread_name.clone());
        if let Some(bytes) = self.config.thread_stack_size {
            builder = builder.stack_size(bytes);
        }
        // Under the lock, so that nobody joins "all" threads before this one is among them.
        let mut state = lock(&self.threads.state);
        let handle = builder.spawn(move || run_machine(lease))?;
        // Threads that ended as spares: joining those takes no time.
        let (ended, mut running): (Vec<_>, Vec<_>) = mem::take(&mut state.handles)
            .into_iter()
            .partition(thread::JoinHandle::is_finished);
        running.push(handle);
        state.handles = running;
        drop(state);
        ended.into_iter().for_each(join);
        Ok(())
    }

    /// Ends the executor, in the name of its last machine.
    pub(super) fn end(&self) {
        self.processors.iter().for_each(|p| p.driver.evict());
        self.shared_source.evict();
        // Everybody is gone, so nothing is registered; what is in the queue now was never polled.
        self.close_queue(&self.global, |task| task::cancel(task, self));
        self.monitor.rest.wake();
        lock(&self.threads.state).ended = true;
        self.threads.all_ended.notify_all();
    }

    /// Waits until every machine has ended, for `timeout` at most if there is one, and joins their
    /// threads. Returns how many machines there still are.
    pub(crate) fn join_machines(&self, timeout: Option<Duration>) -> usize {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = lock(&self.threads.state);
        while !state.ended {
            state = match deadline {
                None => wait(&self.threads.all_ended, state),
                Some(deadline) => match wait_until(&self.threads.all_ended, state, deadline) {
                    Some(state) => state,
                    // The last one may just be emptying the queues.
                    None => return self.idle.machines().total.max(1),
                },
            };
        }
        let ended = mem::take(&mut state.handles);
        drop(state);
        ended.into_iter().for_each(join);
        0
    }
}

/// Joins a thread, unless it is the calling one: a destructor of a thread-local of a machine that
/// has ended may well drop the executor.
fn join(thread: thread::JoinHandle<()>) {
    if thread.thread().id() != thread::current().id() {
        drop(thread.join());
    }
}

#[cfg(all(test, not(shuttle)))]
pub(crate) mod refusals;
