//! Where the events of an executor are kept: a ring for each worker, which that alone writes, and one
//! for all other threads, under a lock.
//!
//! Rings are made when their worker first has something to record, and stay until the executor is
//! gone. That of a stand-in that seldom ran takes little: memory that was never written is none.

use super::event::{Event, Kind, LONGEST};
use crate::{
    record::ring::{Copied, Ring},
    scheduler::{
        printable::Printable,
        task_id::TaskId,
        task_name::{self, Name},
    },
    sync::{Mutex, clock, forked::Process, lock},
};
use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The names of tasks that have ended, the newest of them.
const NAMES: usize = 1 << 16;

/// A ring, and what tells its times, which begin anew after 78 hours.
pub(super) struct Timed {
    ring: Ring,
    /// When its newest event was.
    newest: AtomicU64,
    /// The number of the first event after the last pause that was longer than a trace can be.
    after_pause: AtomicU64,
}

/// What was in a ring.
pub(super) struct Events {
    pub(super) copied: Copied,
    /// When the newest one was, or one that came soon after it.
    pub(super) newest: u64,
    /// How many of those that were asked for were overwritten.
    pub(super) lost: u64,
}

impl Timed {
    fn new() -> Timed {
        Timed {
            ring: Ring::new(),
            newest: AtomicU64::new(0),
            after_pause: AtomicU64::new(0),
        }
    }

    /// For the one writer, or under a lock of all writers.
    fn push(&self, event: Event) {
        // Ordering: Relaxed for all here; the ring's Release publishes them.
        let newest = self.newest.load(Ordering::Relaxed);
        if event.time.saturating_sub(newest) > LONGEST {
            self.after_pause
                .store(self.ring.written(), Ordering::Relaxed);
        }
        self.newest.store(event.time, Ordering::Relaxed);
        self.ring.push(event.words());
    }

    /// The events from this number on, without those before a pause.
    fn copy(&self, from: u64) -> Events {
        let mut copied = self.ring.copy(from);
        // Ordering: Relaxed for both; the copy has acquired what came before its events.
        let after_pause = self.after_pause.load(Ordering::Relaxed);
        let newest = self.newest.load(Ordering::Relaxed);
        let lost = copied.first.saturating_sub(from.max(after_pause));
        let end = copied.first + copied.events.len() as u64;
        let first = after_pause.clamp(copied.first, end);
        copied.events.drain(..(first - copied.first) as usize);
        copied.first = first;
        Events {
            copied,
            newest,
            lost,
        }
    }
}

/// See the module's text.
pub(crate) struct Recorder {
    /// What the executor is called, among several.
    executor: String,
    /// Its time is virtual.
    is_simulated: bool,
    workers: Box<[OnceLock<Timed>]>,
    elsewhere: OnceLock<Timed>,
    /// Of those who write to that.
    writers: Mutex<()>,
    names: Mutex<VecDeque<(TaskId, Name)>>,
    /// Of those who read them.
    readers: Mutex<()>,
    process: Process,
}

impl Recorder {
    /// For an executor whose threads have this name, and that may have so many workers.
    pub(crate) fn new(threads: &str, workers: usize, is_simulated: bool) -> Recorder {
        // Numbers of executors are used again.
        static RECORDED: AtomicU64 = AtomicU64::new(0);
        let number = 1 + RECORDED.fetch_add(1, Ordering::Relaxed);
        Recorder {
            executor: format!("{} {number}", Printable(threads)),
            is_simulated,
            workers: (0..workers).map(|_| OnceLock::new()).collect(),
            elsewhere: OnceLock::new(),
            writers: Mutex::new(()),
            names: Mutex::default(),
            readers: Mutex::new(()),
            process: Process::this(),
        }
    }

    /// The present, by the executor's own clock. Another may be that of this thread: what simulates has
    /// handles of executors that do not, and others one of an executor that was simulated.
    pub(super) fn now(&self) -> u64 {
        if self.is_simulated {
            clock::now()
        } else {
            clock::real_now()
        }
    }

    /// Records an event of the worker that this thread is.
    pub(crate) fn record(&self, worker: usize, event: Event) {
        self.workers[worker].get_or_init(Timed::new).push(event);
    }

    /// Records an event of any other thread. Returns when it was.
    pub(crate) fn record_elsewhere(&self, kind: Kind, argument: u8, payload: u64) {
        // In a forked child somebody may hold the lock for ever.
        if self.process.is_forked() {
            return;
        }
        let ring = self.elsewhere.get_or_init(Timed::new);
        let _writer = lock(&self.writers);
        // Under the lock, so that the ring is in order.
        let time = self.now();
        let event = Event {
            time,
            kind,
            argument,
            payload,
        };
        ring.push(event);
    }

    /// A task ends; if it has a name, nobody else will know that.
    pub(crate) fn keep_name(&self, id: TaskId) {
        // As above.
        if self.process.is_forked() {
            return;
        }
        let Some(name) = task_name::of(id) else {
            return;
        };
        let mut names = lock(&self.names);
        let oldest = (names.len() == NAMES).then(|| names.pop_front());
        names.push_back((id, name));
        drop(names);
        drop(oldest);
    }

    /// The names of tasks that have ended. They are away while they are copied, so that no task
    /// waits for that as it ends.
    pub(super) fn names(&self) -> HashMap<TaskId, Name> {
        if self.process.is_forked() {
            return HashMap::new();
        }
        let _reader = lock(&self.readers);
        let mut names = mem::take(&mut *lock(&self.names));
        let copied = names.iter().cloned().collect();
        let mut newer = lock(&self.names);
        names.append(&mut newer);
        let surplus = names.len().saturating_sub(NAMES);
        let oldest: Vec<_> = names.drain(..surplus).collect();
        *newer = names;
        drop(newer);
        drop(oldest);
        copied
    }

    /// How many events each ring has had; that of the other threads comes last.
    pub(super) fn written(&self) -> Vec<u64> {
        let rings = self.workers.iter().chain([&self.elsewhere]);
        rings
            .map(|ring| ring.get().map_or(0, |timed| timed.ring.written()))
            .collect()
    }

    /// The rings that there are, each with its number as in [`written`](Recorder::written), and what is
    /// in them from the event on whose number `from` says.
    pub(super) fn copy(&self, from: impl Fn(usize) -> u64) -> Vec<(usize, Events)> {
        let rings = self.workers.iter().chain([&self.elsewhere]).enumerate();
        let copied =
            rings.filter_map(|(number, ring)| Some((number, ring.get()?.copy(from(number)))));
        copied.collect()
    }

    /// How many workers there may be: the number of the ring of other threads.
    pub(super) fn workers(&self) -> usize {
        self.workers.len()
    }

    /// What the executor is called, among several.
    pub(super) fn executor(&self) -> &str {
        &self.executor
    }
}
