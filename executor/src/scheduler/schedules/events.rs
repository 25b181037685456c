//! Made-up events: the poller for sockets (`netpoll`), and what waits with it (`descriptor`), around
//! devices and a selector that are made up.
//!
//! A device is ready once for each event that has happened, and nothing tells but the selector. As in
//! the kernel, events are edges: told once, and at once if the device is ready when it is added.

use super::{Event, Trial, below, explore, is_part};
use crate::{
    block_in_place,
    netpoll::selector::{self, Control, Fd, Happened, Interest, Key, Refused, Selector},
    scheduler::{
        context,
        descriptor::{Descriptor, Direction},
    },
    spawn,
    sync::{
        Instant, Mutex, MutexGuard, lock,
        shuttle::{Condvar, run_clock},
        wait_until,
    },
    time::sleep,
    yield_now,
};
use shuttle::thread;
use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, poll_fn},
    io,
    os::fd::BorrowedFd,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize as Count, Ordering::SeqCst},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

shuttle::lazy_static! {
    static ref DEVICES: Devices = Devices::default();
}

/// The devices of an execution, and what the selector knows of them.
#[derive(Default)]
struct Devices {
    state: Mutex<State>,
    /// For whoever waits in the selector.
    news: Condvar,
}

#[derive(Default)]
struct State {
    ready: BTreeSet<Fd>,
    added: BTreeMap<Fd, Key>,
    /// What has not been told yet.
    news: Vec<Key>,
    is_interrupted: bool,
    /// Somebody has closed the selector. Who waits in it stays there, and hears of what happens.
    is_lost: bool,
}

impl Devices {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The device becomes ready.
    fn happen(&self, device: Fd) {
        let mut state = self.lock();
        state.ready.insert(device);
        let key = state.added.get(&device).copied();
        state.news.extend(key);
        drop(state);
        self.news.notify_all();
    }

    /// Somebody closes the selector.
    fn lose(&self) {
        self.lock().is_lost = true;
    }

    /// Takes what has happened.
    fn read(&self, device: Fd) -> io::Result<()> {
        if self.lock().ready.remove(&device) {
            Ok(())
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }
}

/// The selector of an executor.
pub(crate) struct MadeUp;

/// How often events were fetched by a machine asleep in the selector, and tasks woken by an errand:
/// both must occur.
static BY_SLEEPERS: Count = Count::new(0);
static BY_ERRANDS: Count = Count::new(0);

impl Selector for MadeUp {
    type Control = MadeUp;

    fn open() -> io::Result<(MadeUp, MadeUp)> {
        Ok((MadeUp, MadeUp))
    }

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        tell: impl FnMut(selector::Event),
    ) -> io::Result<()> {
        let mut state = DEVICES.lock();
        if state.is_lost {
            return Err(io::ErrorKind::NotFound.into());
        }
        if timeout != Some(Duration::ZERO) {
            let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
            while state.news.is_empty() && !state.is_interrupted {
                state = match deadline {
                    None => DEVICES.news.wait(state).unwrap(),
                    Some(deadline) => match wait_until(&DEVICES.news, state, deadline) {
                        Some(state) => state,
                        None => return Ok(()),
                    },
                };
            }
            state.is_interrupted = false;
            BY_SLEEPERS.fetch_add(state.news.len(), SeqCst);
        }
        let news = std::mem::take(&mut state.news);
        drop(state);
        let events = news.into_iter().map(|key| selector::Event {
            key,
            read: Happened::Ready,
            write: Happened::Nothing,
        });
        events.for_each(tell);
        Ok(())
    }
}

impl Control for MadeUp {
    fn add(&self, fd: Fd, key: Key, _: Interest) -> Result<(), Refused> {
        let mut state = DEVICES.lock();
        if state.is_lost {
            return Err(Refused::Selector(io::ErrorKind::NotFound.into()));
        }
        state.added.insert(fd, key);
        if state.ready.contains(&fd) {
            state.news.push(key);
            drop(state);
            DEVICES.news.notify_all();
        }
        Ok(())
    }

    fn widen(&self, _: Fd, _: Key) -> Result<(), Refused> {
        unreachable!("nobody writes")
    }

    fn remove(&self, fd: Fd) -> io::Result<()> {
        DEVICES.lock().added.remove(&fd);
        Ok(())
    }

    fn interrupt(&self) -> io::Result<()> {
        DEVICES.lock().is_interrupted = true;
        DEVICES.news.notify_all();
        Ok(())
    }
}

/// Waits for an event, as a future of a socket does.
async fn event(event: usize) {
    let device = Device(event as Fd, Descriptor::claiming());
    let mut reading = pin!(
        device
            .1
            .io(device.fd(), Direction::Read, || DEVICES.read(device.0))
    );
    poll_fn(|cx| {
        let witness = Waker::from(Arc::new(Witness(cx.waker().clone())));
        reading.as_mut().poll(&mut Context::from_waker(&witness))
    })
    .await
    .unwrap();
}

struct Device(Fd, Descriptor);

impl Device {
    fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: nothing is done with it but to hand its number to `MadeUp`.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.1.deregister(self.fd());
    }
}

/// Sees who wakes a task.
struct Witness(Waker);

impl Wake for Witness {
    fn wake(self: Arc<Self>) {
        if context::with_worker(|worker| worker.is_none()) {
            BY_ERRANDS.fetch_add(1, SeqCst);
        }
        self.0.wake_by_ref();
    }
}

/// A thread on which the first `count` events happen, in an order that chance decides.
fn run_kernel(count: usize) -> thread::JoinHandle<()> {
    run_kernel_after(Duration::ZERO, count)
}

fn run_kernel_after(delay: Duration, count: usize) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let begin = Instant::now().checked_add(delay).expect("soon");
        let (nothing, signal) = (Mutex::new(()), Condvar::new());
        while wait_until(&signal, lock(&nothing), begin).is_some() {}
        let mut events: Vec<_> = (0..count).collect();
        while !events.is_empty() {
            DEVICES.happen(events.swap_remove(below(events.len())) as Fd);
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
        let kernel = run_kernel(4);
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
        let kernel = run_kernel(3);
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
        if below(2) == 0 {
            // The monitor falls asleep before anybody waits.
            trial.executor.block_on(sleep(Duration::from_secs(1)));
        }
        // By then the monitor has had rounds enough in which there was nothing else to do.
        let kernel = run_kernel_after(Duration::from_secs(1), 1);
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
        let kernel = run_kernel(3);
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
        let kernel = run_kernel(3);
        (0..below(3)).for_each(|_| thread::yield_now());
        trial.end();
        assert!(waiting.iter().all(|task| task.is_finished()));
        kernel.join().unwrap();
    });
}

/// Without a monitor: whoever leaves the selector for a poll that does not end has had somebody else
/// sleep there. And whoever waits for the first event is heard although all that are awake search.
#[test]
fn an_event_does_not_wait_for_polls_without_end() {
    explore("events beside polls without end", 15_000, || {
        let count = 1 + below(2);
        let trial = Trial::of_workers(count + 1);
        let released = Event::new();
        let stuck = (0..count).map(|number| {
            let (released, waits) = (released.clone(), below(2) == 0);
            trial.executor.spawn(trial.tasks.track(async move {
                if waits {
                    event(number).await;
                }
                released.wait_blocking();
            }))
        });
        let stuck: Vec<_> = stuck.collect();
        let kernel = run_kernel(count + 1);
        let release = async move {
            event(count).await;
            released.set();
        };
        if below(2) == 0 {
            trial.executor.block_on(release);
        } else {
            let release = trial.executor.spawn(trial.tasks.track(release));
            trial.executor.block_on(release).unwrap();
        }
        stuck
            .into_iter()
            .for_each(|task| trial.executor.block_on(task).unwrap());
        kernel.join().unwrap();
        trial.end();
    });
}

/// Somebody closes the selector at any moment: whoever waits, and whoever begins to, is served all
/// the same.
#[test]
fn events_reach_whoever_waits_when_the_selector_is_lost() {
    explore("events when the selector is lost", 15_000, || {
        let workers = 1 + below(2);
        let trial = if below(2) == 0 {
            Trial::of_workers(workers)
        } else {
            Trial::of_workers_and_stand_ins(workers, 1)
        };
        let clock = run_clock();
        let kernel = run_kernel(4);
        let thief = thread::spawn(|| {
            (0..below(20)).for_each(|_| thread::yield_now());
            DEVICES.lose();
        });
        let waiting = (0..3).map(|number| {
            trial.executor.spawn(trial.tasks.track(async move {
                (0..below(3)).for_each(|_| thread::yield_now());
                event(number).await;
            }))
        });
        let waiting: Vec<_> = waiting.collect();
        trial.executor.block_on(event(3));
        waiting
            .into_iter()
            .for_each(|task| trial.executor.block_on(task).unwrap());
        kernel.join().unwrap();
        thief.join().unwrap();
        assert_eq!(trial.tasks.finished(), 3);
        drop(clock);
        trial.end();
    });
}
