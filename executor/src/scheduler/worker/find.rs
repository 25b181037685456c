//! Finding a worker its next task.
//!
//! Where it comes from:
//!
//! 1. every so often (`pace`), and when the monitor asks for it, what timers and other sources
//!    (`driver`) wake, and the global queue, so that local work does not starve them;
//! 2. the next slot, but not for ever in a row, so that two tasks that wake each other do not
//!    starve the local queue;
//! 3. the local queue, first in, first out;
//! 4. what waits behind another worker that was busy when this one came here last, and is still at
//!    the same poll;
//! 5. the global queue, a fair share of it;
//! 6. what its sources wake, if anything is due;
//! 7. what the sources of those wake who do not come to them, if the monitor has found any due;
//! 8. half of another local queue; as a last resort a task in the next slot of a worker whose poll
//!    has not ended within a microsecond.
//!
//! Without the fourth, a worker to which something comes each time, as to a server from its clients,
//! would never steal. What waits behind a thread that has lost its core would wait until it has one
//! again: some milliseconds, where the median is a tenth of one. (tokio, too, steals before it asks
//! the kernel. To do so each time costs more: a theft breaks batches up.)

use super::{
    Suspect, Worker,
    schedule::{BATCHES, LoneWait},
};
use crate::{
    idle::{pool::Pool, work_loop::WorkLoop},
    queue::local::CAPACITY,
    scheduler::{
        processor::Processor, random::xorshift, simulated, task::Task, trace::event::Kind,
    },
    sync::{clock, hint},
};
use std::sync::atomic::Ordering;

/// Tasks that one source wakes before they have their turn, at most.
const EVENTS_IN_A_ROW: usize = 64;

/// The same while tasks wait in the global queue.
const EVENTS_BESIDE_OTHERS: usize = 16;

/// What was woken together wakes another worker if it takes so many nanoseconds, for all that is
/// known of polls. A wake-up costs both sides some microseconds, and it takes more of them until the
/// other one has its half. Where all cores are busy, with a server's clients for example, it comes in
/// somebody's stead: with 8 connections, each request took a fifth more CPU time.
const WORTH_WAKING: u64 = 100_000;

/// Tasks taken from the next slot in a row before the local queue has its turn. Long enough for a
/// request and its answers to stay in the cache, short beside a full local queue.
const NEXT_SLOT_RUN: u32 = if cfg!(shuttle) { 2 } else { 16 };

/// Tasks that make a queue worth stealing from at once. A theft costs both sides cache misses, as
/// much as some polls; a thief that takes each task as it comes gains nothing.
const WORTH_STEALING: usize = if cfg!(shuttle) { 2 } else { 32 };

/// Turns of the spin-wait hint (some 30 ns each) that a thief waits before it steals from queues of
/// fewer than [`WORTH_STEALING`] tasks: six microseconds, about the price of a wake-up. Meanwhile
/// more tasks may come, or their worker to them.
const PATIENCE_BESIDE_FEW: u32 = if cfg!(shuttle) { 1 } else { 200 };

/// Turns of that hint before a thief takes a lone task from a next slot: one microsecond. With the
/// longer patience, two tasks that hand work on to each other would stay on one core.
const PATIENCE_BESIDE_ONE: u32 = if cfg!(shuttle) { 1 } else { 30 };

/// Finding a task.
impl Worker {
    #[inline(always)] // As `WorkLoop::find_task`.
    pub(super) fn look_everywhere(&self) -> Option<Task> {
        let task = if self.is_maintenance_due() {
            self.maintain()
        } else {
            None
        };
        task.or_else(|| self.take_local())
            .or_else(|| self.find_elsewhere())
    }

    fn is_maintenance_due(&self) -> bool {
        let is_due = self.pace.count();
        is_due
            || self
                .processor()
                .maintenance_requested
                .load(Ordering::Relaxed)
    }

    /// Wakes what is due, and takes a task from the global queue.
    ///
    /// It also decides whether to measure, in the next poll, how long a lone task waits. Measuring
    /// takes as long as a short poll. So it is done if the monitor asks for it, and again while the
    /// wait is long.
    #[cold]
    fn maintain(&self) -> Option<Task> {
        let requested = &self.processor().maintenance_requested;
        let was_asked = requested.load(Ordering::Relaxed);
        if self.pace.has_stopped() && !was_asked {
            self.sampling.come_to_stop(&self.pace);
            self.settle_how_to_run();
            return None;
        }
        let now = clock::now();
        if self.has_monitor() {
            self.pace.look(now);
            requested.store(false, Ordering::Relaxed);
            self.sampling.choose(&self.pace);
            let wait_is_long = self.lone_wait.get() == LoneWait::Long;
            self.set_measure_next(was_asked || wait_is_long);
        } else {
            let is_due = self.pace.look_if_due(now);
            self.sampling.choose_next(&self.pace);
            if self.sampling.is_next() {
                self.settle_how_to_run();
            }
            if !is_due {
                return None;
            }
            requested.store(false, Ordering::Relaxed);
        }
        self.settle_whom_to_answer();
        self.poll_ended.set(0);
        if self.driver().is_due_at(now) {
            self.fire_events(now);
        }
        // Whoever came to sleep there while this worker looked sleeps elsewhere.
        self.scheduler().see_to_watcher();
        self.fire_neglected();
        let (task, is_more) = self.scheduler().global.pop()?;
        self.processor().counters.global_tasks.add(1);
        if is_more {
            // Only what runs now is taken: what goes through the local queue could overflow again
            // and again. The rest was in nobody's sight for a moment.
            self.scheduler().notify();
        }
        Some(task)
    }

    /// The slow path where there is no local task, out of line so that finding one inlines.
    #[inline(never)]
    fn find_elsewhere(&self) -> Option<Task> {
        // The last one waits, or has ended: it must not be found running, in a dump.
        self.clear_current_task();
        let found = self
            .take_stranded()
            .or_else(|| self.take_what_comes())
            .or_else(|| {
                self.recycler.hand_back(&self.scheduler().processors);
                self.steal()
            });
        if found.is_none() && self.sampling.is_next() {
            self.sampling.forget_next();
            self.settle_how_to_run();
        }
        found
    }

    #[inline]
    fn take_local(&self) -> Option<Task> {
        let run = self.next_slot_run.get();
        if let Some(task) = self.processor().next.take() {
            if run < NEXT_SLOT_RUN {
                self.next_slot_run.set(run + 1);
                return Some(task);
            }
            self.push_local(task);
        }
        if run != 0 {
            self.next_slot_run.set(0);
        }
        self.queue().pop()
    }

    /// Takes what waits behind the suspect, if that one is still at the same poll.
    fn take_stranded(&self) -> Option<Task> {
        let suspect = self.suspect.take()?;
        let Suspect { worker, polls } = suspect;
        let victim = self.scheduler().processors.get(worker);
        let waits = !victim.queue.is_empty() || !victim.next.is_empty();
        if !waits || victim.counters.polls.get() != polls || !self.begin_to_steal() {
            return None;
        }
        self.suspect.set(Some(suspect));
        let stolen = victim.queue.steal_into(self.queue());
        let (task, taken) = stolen.or_else(|| Some((victim.next.take()?, 1)))?;
        self.count_theft(worker, taken);
        Some(task)
    }

    /// Takes what has come from outside of the workers' queues. From another worker nothing was stolen
    /// for that: it is the suspect from now on.
    fn take_what_comes(&self) -> Option<Task> {
        let task = self
            .take_global_share()
            .or_else(|| self.take_fired())
            .or_else(|| self.take_neglected())?;
        let another = self.victims().next();
        self.suspect.set(another.map(|(worker, other)| Suspect {
            worker,
            polls: other.counters.polls.get(),
        }));
        Some(task)
    }

    fn take_fired(&self) -> Option<Task> {
        let now = self.driver().due_now()?;
        if self.fire_events(now) {
            self.take_local()
        } else {
            None
        }
    }

    fn take_neglected(&self) -> Option<Task> {
        if self.fire_neglected() {
            self.take_local()
        } else {
            None
        }
    }

    /// Wakes tasks that wait for what has happened outside by `now`; returns whether there were
    /// any.
    fn fire_events(&self, now: u64) -> bool {
        let limit = self.events_in_a_row();
        self.fire_by(|| self.driver().fire_moderated(now, limit))
    }

    /// The same for the sources of threads that do not come to them.
    fn fire_neglected(&self) -> bool {
        let scheduler = self.scheduler();
        if !scheduler.monitor.neglected.take() {
            return false;
        }
        let limit = self.events_in_a_row();
        self.fire_by(|| scheduler.fire_neglected(limit))
    }

    /// As many as there is room for. The others wait where they are, in order. What the local queue
    /// has no room for goes to the global one instead, which a worker that is never idle comes to
    /// once in a while: of 512 busy connections half were there, and waited for 40 ms.
    ///
    /// And while something waits there, fewer than this worker runs until it looks again: so its own
    /// queue becomes empty, and it takes a share.
    fn events_in_a_row(&self) -> usize {
        let room = CAPACITY.saturating_sub(self.queue().len());
        let most = if self.scheduler().global.is_empty() {
            EVENTS_IN_A_ROW
        } else {
            EVENTS_BESIDE_OTHERS
        };
        room.clamp(1, most)
    }

    /// Calls `fire`, and tells others of the tasks that it has woken here.
    fn fire_by(&self, fire: impl FnOnce() -> bool) -> bool {
        self.about_to_run_foreign_code();
        self.record(Kind::Fired, 0, 0);
        self.firing.set(BATCHES && self.may_batch());
        let fired = fire();
        let batched = self.firing.replace(false);
        self.after_foreign_code();
        if batched && self.takes_long_alone() {
            self.scheduler().notify();
        }
        fired
    }

    /// Without a monitor nobody sees to a batch whose waker does not return. And what a seed does is
    /// not to depend on whether there are sockets.
    fn may_batch(&self) -> bool {
        self.has_monitor() && !self.scheduler().is_simulated()
    }

    /// Whether what waits here is worth a wake-up of another worker. If it is not, and some poll
    /// takes longer than all before, the monitor wakes one in its next round.
    fn takes_long_alone(&self) -> bool {
        let tasks = self.queue().len();
        tasks > 1 && self.pace.time_of(tasks) >= WORTH_WAKING
    }

    /// A waker is foreign code and may take its time: nobody may rely on this searcher. If it takes
    /// too long, the monitor does as with a poll.
    fn about_to_run_foreign_code(&self) {
        self.machine().stop_searching();
        self.clear_current_task();
    }

    fn take_global_share(&self) -> Option<Task> {
        let scheduler = self.scheduler();
        let (task, taken) = scheduler
            .global
            .pop_share(scheduler.idle.permits(), self.queue())?;
        self.processor().counters.global_tasks.add(taken as u64);
        if taken > 1 && !self.searching.get() {
            // Between the two queues nobody saw them.
            scheduler.notify();
        }
        Some(task)
    }

    fn steal(&self) -> Option<Task> {
        if !self.begin_to_steal() {
            return None;
        }
        self.steal_from_queues(WORTH_STEALING)
            .or_else(|| self.take_global_share())
            .or_else(|| self.steal_patiently())
    }

    /// Whether this worker may steal. Must agree with `Stolen::take` in `idle::models::idle`: only a
    /// searcher does.
    fn begin_to_steal(&self) -> bool {
        let is_searching = self.searching.get();
        let may_search = self.machine().start_searching();
        if may_search && !is_searching {
            self.record(Kind::Searches, 0, 0);
        }
        may_search
    }

    /// The other processors, from a random one on.
    fn victims(&self) -> impl Iterator<Item = (usize, &Processor)> {
        let processors = &self.scheduler().processors;
        let (count, own) = (processors.in_use(), self.index());
        // They need to be spread, not unpredictable.
        self.random.set(xorshift(self.random.get()));
        let start = self.random.get() as usize % count;
        (start..start + count)
            .map(move |index| index % count)
            .filter(move |&index| index != own)
            .map(|index| (index, processors.get(index)))
    }

    /// Steals half of a queue of at least so many tasks.
    fn steal_from_queues(&self, at_least: usize) -> Option<Task> {
        let (from, (task, taken)) = self
            .victims()
            .filter(|(_, victim)| victim.queue.len() >= at_least)
            .find_map(|(index, victim)| Some((index, victim.queue.steal_into(self.queue())?)))?;
        self.count_theft(from, taken);
        Some(task)
    }

    /// Waits a moment, then steals what the others have not come to: a few tasks of a queue, or the
    /// task in a next slot whose worker's poll has not ended within that moment.
    fn steal_patiently(&self) -> Option<Task> {
        let behind = self.victims().find(|(_, victim)| !victim.next.is_empty());
        if behind.is_none() && self.are_queues_empty() {
            return None;
        }
        let polls = behind.map(|(_, victim)| victim.counters.polls.get());
        wait(PATIENCE_BESIDE_ONE);
        if !self.are_queues_empty() {
            wait(PATIENCE_BESIDE_FEW - PATIENCE_BESIDE_ONE);
        }
        self.steal_from_queues(1).or_else(|| {
            let (from, victim) = behind.filter(|(_, victim)| {
                // In a simulation that poll has ended long since, and chance says what would have
                // been.
                Some(victim.counters.polls.get()) == polls && simulated::has_patience_run_out()
            })?;
            let task = victim.next.take()?;
            self.count_theft(from, 1);
            Some(task)
        })
    }

    /// Whether every other worker's queue is empty.
    fn are_queues_empty(&self) -> bool {
        self.victims().all(|(_, victim)| victim.queue.is_empty())
    }

    fn count_theft(&self, from: usize, tasks: usize) {
        self.record(Kind::Stolen, tasks.min(u8::MAX.into()) as u8, from as u64);
        self.processor().counters.steals.add(1);
        self.processor().counters.stolen_tasks.add(tasks as u64);
    }
}

/// Not in a simulation: there nothing would happen meanwhile.
fn wait(turns: u32) {
    if !clock::is_virtual() {
        (0..turns).for_each(|_| hint::spin_loop());
    }
}

#[cfg(all(test, feature = "net", not(any(loom, shuttle))))]
mod tests {
    use crate::{Executor, scheduler::context::with_worker, sync::lock, yield_now};
    use std::{
        future::poll_fn,
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Poll, Waker},
        time::{Duration, Instant},
    };

    /// So many tasks on two workers are woken together on one, whose polls take `poll` before, and
    /// do `then`: whether the other one is woken at once.
    fn wake_another(
        tasks: usize,
        poll: Duration,
        then: impl Fn() + Clone + Send + 'static,
    ) -> bool {
        let own = Executor::builder().workers(2);
        let own = own.handoff_after(Duration::from_secs(3_600));
        let own = own.build().unwrap();
        let wakers = Arc::new(Mutex::new(Vec::<Waker>::new()));
        let woken: Vec<_> = (0..tasks)
            .map(|_| {
                let (wakers, then, mut is_woken) = (wakers.clone(), then.clone(), false);
                own.spawn(poll_fn(move |cx| {
                    if is_woken {
                        then();
                        return Poll::Ready(());
                    }
                    is_woken = true;
                    lock(&wakers).push(cx.waker().clone());
                    Poll::Pending
                }))
            })
            .collect();
        let handle = own.handle();
        let wakes = own.spawn(async move {
            let mut polls = 0;
            // The other worker comes to the first tasks, too. Until it sleeps, polls are as long.
            while polls < 1_000 || handle.metrics().idle_threads() != 1 {
                let begin = Instant::now();
                while begin.elapsed() < poll {}
                yield_now().await;
                polls += 1;
            }
            let wakers = std::mem::take(&mut *lock(&wakers));
            assert_eq!(wakers.len(), tasks);
            let left = with_worker(|worker| {
                let worker = worker.expect("in a task");
                worker.fire_by(|| {
                    wakers.into_iter().for_each(Waker::wake);
                    true
                });
                worker.queue().len()
            });
            // Or it has been awake meanwhile, and has run some.
            handle.metrics().idle_threads() == 0 || left < tasks
        });
        let is_woken = own.block_on(wakes).unwrap();
        for task in woken {
            own.block_on(task).unwrap();
        }
        is_woken
    }

    #[test]
    fn what_takes_long_together_wakes_another_worker() {
        // On a machine that does other things as well polls look long, and the monitor may come
        // in between.
        let in_some = |tasks, poll, is_woken| {
            (0..50).any(|_| wake_another(tasks, Duration::from_micros(poll), || ()) == is_woken)
        };
        assert!(in_some(50, 10, true));
        assert!(in_some(2, 100, true));
        assert!(in_some(1, 100, false));
        assert!(in_some(2, 0, false));
    }

    #[test]
    fn the_monitor_tells_others_if_a_poll_is_long_after_all() {
        for _ in 0..10 {
            let left = Arc::new(AtomicUsize::new(2));
            wake_another(2, Duration::ZERO, move || {
                left.fetch_sub(1, Ordering::Relaxed);
                let begin = Instant::now();
                while left.load(Ordering::Relaxed) > 0 {
                    assert!(
                        begin.elapsed() < Duration::from_secs(30),
                        "it waits behind this"
                    );
                }
            });
        }
    }
}
