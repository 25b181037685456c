//! Made-up events: a second source beside the timers, of the kind that sockets will be.
//!
//! A *kernel* notes events as they happen and tells nobody; whoever wants to know has to ask it, or
//! to sleep in it. One kernel serves an executor. It is plugged in by `driver::SharedSource` alone:
//! neither finding nor sleeping, neither the monitor nor `block_on` knows of it.

use super::{Event, Trial, below, explore, is_part};
use crate::{
    block_in_place,
    idle::pool::Pool,
    scheduler::{context, driver::Source},
    spawn,
    sync::{
        AtomicBool, AtomicUsize, Instant, Mutex, MutexGuard, Ordering,
        clock::{self, NEVER},
        fence, lock,
        panic::caught,
        shuttle::{Condvar, run_clock},
        wait_until,
    },
    time::sleep,
    yield_now,
};
use shuttle::thread;
use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize as Count, Ordering::SeqCst},
    },
    task::{Poll, Waker},
    time::Duration,
};

/// The kernel of an executor.
pub(crate) type SharedSource = Arc<Kernel>;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Kernel {
    state: Mutex<State>,
    /// Waits that have not been fired.
    waits: AtomicUsize,
    /// A machine sleeps here. Changes under the lock.
    watched: AtomicBool,
    /// For the machine that sleeps here.
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What has happened since somebody asked.
    happened: Vec<usize>,
    /// What was fetched, until whoever waits for it comes to know.
    fetched: Vec<usize>,
    waiting: Vec<(usize, Waker)>,
    /// To be woken for what was fetched.
    due: Vec<Waker>,
}

impl State {
    /// Asks the kernel, which tells each event once.
    fn fetch(&mut self) {
        for event in std::mem::take(&mut self.happened) {
            self.fetched.push(event);
            if let Some(position) = self.waiting.iter().position(|(other, _)| *other == event) {
                self.due.push(self.waiting.swap_remove(position).1);
            }
        }
    }
}

impl Kernel {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// An event happens.
    fn happen(&self, event: usize) {
        self.lock().happened.push(event);
        self.news.notify_all();
    }

    /// Whether the event has been fetched. If not, `waker` is woken when it is.
    fn has_happened(&self, event: usize, waker: &Waker) -> bool {
        let mut state = self.lock();
        if let Some(position) = state.fetched.iter().position(|&other| other == event) {
            state.fetched.swap_remove(position);
            return true;
        }
        match state.waiting.iter_mut().find(|(other, _)| *other == event) {
            Some((_, before)) => before.clone_from(waker),
            None => {
                state.waiting.push((event, waker.clone()));
                self.waits.fetch_add(1, Ordering::Relaxed);
            }
        }
        false
    }
}

/// How often events were fetched by a machine asleep in the kernel, and by an errand: both must
/// occur.
static BY_SLEEPERS: Count = Count::new(0);
static BY_ERRANDS: Count = Count::new(0);

impl Source for Arc<Kernel> {
    fn is_waited_for(&self) -> bool {
        self.waits.load(Ordering::Relaxed) > 0
    }

    fn seems_due(&self, _: u64) -> bool {
        let mut state = self.lock();
        state.fetch();
        !state.due.is_empty()
    }

    fn next_due(&self) -> u64 {
        if self.is_waited_for() && !self.lock().due.is_empty() {
            0
        } else {
            NEVER
        }
    }

    fn fire(&self, _: u64, limit: usize) -> bool {
        if !self.is_waited_for() {
            return false;
        }
        let mut state = self.lock();
        state.fetch();
        let count = state.due.len().min(limit);
        let due: Vec<_> = state.due.drain(..count).collect();
        drop(state);
        self.waits.fetch_sub(count, Ordering::Relaxed);
        due.into_iter()
            .for_each(|waker| drop(caught(|| waker.wake())));
        if context::with_worker(|worker| worker.is_none()) {
            BY_ERRANDS.fetch_add(count, SeqCst);
        }
        count > 0
    }

    fn evict(&self) {
        let mut state = self.lock();
        let waiting = std::mem::take(&mut state.waiting).into_iter();
        let mut all = std::mem::take(&mut state.due);
        all.extend(waiting.map(|(_, waker)| waker));
        drop(state);
        self.waits.fetch_sub(all.len(), Ordering::Relaxed);
        all.into_iter()
            .for_each(|waker| drop(caught(|| waker.wake())));
    }

    fn sleep(&self, mut unparked: impl FnMut() -> bool, until: u64) -> Option<bool> {
        if !self.is_waited_for() {
            return None;
        }
        let mut state = self.lock();
        if self.watched.swap(true, Ordering::Relaxed) {
            return None;
        }
        // Pairs with the fence in `interrupt`.
        fence(Ordering::SeqCst);
        let woken = loop {
            if unparked() {
                break true;
            }
            state.fetch();
            if !state.due.is_empty() {
                BY_SLEEPERS.fetch_add(1, SeqCst);
                break false;
            }
            let left = clock::instant(until).saturating_duration_since(Instant::now());
            if until == NEVER {
                state = self.news.wait(state).unwrap();
            } else if left.is_zero() {
                break false;
            } else {
                state = self.news.wait_timeout(state, left).unwrap().0;
            }
        };
        self.watched.store(false, Ordering::Relaxed);
        drop(state);
        Some(woken)
    }

    fn interrupt(&self) {
        // Pairs with the fence in `sleep`.
        fence(Ordering::SeqCst);
        if self.watched.load(Ordering::Relaxed) {
            // The sleeper has looked for its token under the lock.
            drop(self.lock());
            self.news.notify_all();
        }
    }

    fn needs_monitor(&self) -> bool {
        self.is_waited_for() && !self.watched.load(Ordering::Relaxed)
    }
}

/// Waits for an event of the current executor's kernel: a leaf future.
async fn event(event: usize) {
    poll_fn(|cx| {
        context::with_current(|scheduler| {
            let scheduler = scheduler.expect("polled inside an executor");
            if scheduler.shared_source.has_happened(event, cx.waker()) {
                return Poll::Ready(());
            }
            // As for new work: from now on somebody has to look at the kernel.
            scheduler.notify();
            Poll::Pending
        })
    })
    .await;
}

/// A thread on which the first `count` events happen, in an order that chance decides.
fn run_kernel(trial: &Trial, count: usize) -> thread::JoinHandle<()> {
    run_kernel_after(Duration::ZERO, trial, count)
}

fn run_kernel_after(delay: Duration, trial: &Trial, count: usize) -> thread::JoinHandle<()> {
    let kernel = trial.scheduler.shared_source.clone();
    thread::spawn(move || {
        let begin = Instant::now().checked_add(delay).expect("soon");
        let (nothing, signal) = (Mutex::new(()), Condvar::new());
        while wait_until(&signal, lock(&nothing), begin).is_some() {}
        let mut events: Vec<_> = (0..count).collect();
        while !events.is_empty() {
            kernel.happen(events.swap_remove(below(events.len())));
            (0..below(3)).for_each(|_| thread::yield_now());
        }
    })
}

/// No monitor, and time stands still: a worker asleep in the kernel, or one that runs dry, must see
/// each.
#[test]
fn events_reach_whoever_waits_on_workers_alone() {
    explore("events on workers alone", 15_000, || {
        let trial = Trial::of_workers(1 + below(2));
        let kernel = run_kernel(&trial, 4);
        let waiting = (0..3).map(|number| {
            let tasks = trial.tasks.clone();
            trial.executor.spawn(trial.tasks.track(async move {
                if below(2) == 0 {
                    yield_now().await;
                }
                event(number).await;
                spawn(tasks.track(yield_now())).await.unwrap();
            }))
        });
        let waiting: Vec<_> = waiting.collect();
        // The thread of `block_on` looks at no kernel itself.
        trial.executor.block_on(event(3));
        waiting
            .into_iter()
            .for_each(|task| trial.executor.block_on(task).unwrap());
        kernel.join().unwrap();
        assert_eq!(trial.tasks.finished(), 6);
        trial.end();
    });
    assert!(
        is_part() || BY_SLEEPERS.load(SeqCst) > 0,
        "nobody slept there"
    );
}

/// With all workers away, the monitor has stand-ins look.
#[test]
fn events_reach_tasks_whose_workers_block_or_get_stuck() {
    explore("events while workers block", 15_000, || {
        let trial = Trial::of_workers_and_stand_ins(1 + below(2), 2);
        let clock = run_clock();
        let kernel = run_kernel(&trial, 3);
        let released = Event::new();
        let away = (0..2).map(|number| {
            let released = released.clone();
            trial.executor.spawn(trial.tasks.track(async move {
                event(number).await;
                if below(2) == 0 {
                    block_in_place(|| released.wait_blocking());
                } else {
                    released.wait_blocking();
                }
                sleep(Duration::from_micros(100)).await;
            }))
        });
        let mut all: Vec<_> = away.collect();
        let release = released.clone();
        all.push(trial.executor.spawn(trial.tasks.track(async move {
            event(2).await;
            release.set();
        })));
        all.into_iter()
            .for_each(|task| trial.executor.block_on(task).unwrap());
        kernel.join().unwrap();
        assert_eq!(trial.tasks.finished(), 3);
        drop(clock);
        trial.end();
    });
}

/// Neither a worker nor a stand-in is left to look at the kernel, and the monitor must send somebody.
#[test]
fn an_event_is_seen_where_no_machine_is_left() {
    explore("events without machines", 10_000, || {
        let trial = Trial::of_workers_and_stand_ins(1, 0);
        let clock = run_clock();
        let released = Event::new();
        let away = released.clone();
        let away = trial.executor.spawn(trial.tasks.track(async move {
            block_in_place(|| away.wait_blocking());
        }));
        // By then the monitor has had rounds enough in which there was nothing else to do.
        let kernel = run_kernel_after(Duration::from_secs(1), &trial, 1);
        trial.executor.block_on(event(0));
        released.set();
        trial.executor.block_on(away).unwrap();
        kernel.join().unwrap();
        drop(clock);
        trial.end();
    });
    assert!(is_part() || BY_ERRANDS.load(SeqCst) > 0, "nobody was sent");
}

/// Spares that watch the kernel, while others end; and machines that sleep until a timer in it.
#[test]
fn events_and_timers_wake_the_same_machines() {
    explore("events and timers", 10_000, || {
        let trial = Trial::of_workers_and_stand_ins(2, 1);
        let clock = run_clock();
        let tasks = (0..3).map(|number| {
            trial.executor.spawn(trial.tasks.track(async move {
                sleep(Duration::from_millis(number)).await;
                event(number as usize).await;
                sleep(Duration::from_secs(number)).await;
                yield_now().await;
            }))
        });
        let tasks: Vec<_> = tasks.collect();
        let kernel = run_kernel(&trial, 3);
        tasks
            .into_iter()
            .for_each(|task| trial.executor.block_on(task).unwrap());
        kernel.join().unwrap();
        drop(clock);
        trial.end();
    });
}

#[test]
fn the_end_against_events() {
    explore("end against events", 10_000, || {
        let trial = Trial::of_workers_and_stand_ins(2, 1);
        let waiting = (0..3).map(|number| trial.executor.spawn(trial.tasks.track(event(number))));
        let waiting: Vec<_> = waiting.collect();
        let kernel = run_kernel(&trial, 3);
        (0..below(3)).for_each(|_| thread::yield_now());
        trial.end();
        assert!(waiting.iter().all(|task| task.is_finished()));
        kernel.join().unwrap();
    });
}
