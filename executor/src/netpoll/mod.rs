//! The netpoller: who asks the kernel which descriptors are ready, and who sleeps there.
//!
//! One for each executor, made at the first wait for a descriptor. Woken tasks are the executor's
//! business, and so is who polls (`scheduler::driver`, "Sources of one thread, and of all"): a
//! worker that runs dry asks before it steals, one that sleeps does so here, a busy one asks now and
//! then, and the monitor sees to it that somebody does. (Go: the M that runs dry sleeps in
//! `netpoll`, `sysmon` asks every 10 ms. tokio: the worker that parks first holds the driver.)
//!
//! # The role
//!
//! Asking the kernel and sleeping there are one role, which is `FREE`, or held by somebody who is
//! `LOOKING` or `ASLEEP`. Nobody waits for it: whoever finds it taken relies on who holds it.
//!
//! | holder                   | what whoever finds it taken does | why nothing is missed                     |
//! | ------------------------ | -------------------------------- | ----------------------------------------- |
//! | a machine `ASLEEP`       | sleeps on its own parker         | events wake the other                     |
//! | an active machine, `LOOKING` | the same                     | it looks again before it sleeps           |
//! | the monitor, or its errand, `LOOKING` | the same            | the monitor stays awake while nobody sleeps here, and has a machine woken if none comes |
//!
//! So, *while descriptors are registered, a machine sleeps here, or one is active, or the monitor is
//! awake*; where there is no monitor, an active machine whose poll does not end has had another one
//! woken, if one slept, when it left this place.
//!
//! # The sleeper and who wakes it
//!
//! A machine that sleeps here has said so at its parker: `EMPTY` became `ELSEWHERE`. Whoever unparks
//! it swaps the token in, finds `ELSEWHERE`, and interrupts the selector; an interrupt that comes
//! before the wait ends that wait at once. The sleeper then takes the token. One interrupt may be
//! left over for the next sleeper, which finds nothing, and sleeps on.
//!
//! # From an event to a waker
//!
//! Under the role, and a lock on the table, each event changes the words of its slot, and moves the
//! wakers of those who wait to `due`. An event of which nobody wants to know ends no sleep. Wakers
//! are foreign code: they are woken by [`fire`](Netpoll::fire), without any lock, by whichever
//! worker comes first; what one does not wake is there for the next.
//!
//! An event names a key: where the slot is in the table, and how often that place was used before.
//! So one that was fetched before its descriptor went, and comes to the table after another took
//! the place, is for nobody (golang#59545).
//!
//! # Without the kernel
//!
//! Somebody may close our descriptors behind our back. (In Go, which throws then: golang#67056.)
//! Some call of the kernel fails then, and from that moment on nobody asks it any more: every 10 ms
//! all who wait try again, each descriptor counts as unwatched, and machines sleep on their own
//! parkers. The thread that sleeps in the selector at that moment still hears of events, and is
//! interrupted. At the end none of our descriptors is closed: their numbers may be somebody else's
//! by then.

#[cfg(all(feature = "net", not(any(loom, shuttle))))]
pub(crate) mod kernel;
#[cfg(all(test, loom))]
pub(crate) mod models;
pub(crate) mod readiness;
pub(crate) mod selector;
pub(crate) mod slot;
mod table;

use crate::{
    idle::parker::Parker,
    sync::{
        AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Mutex, Ordering,
        clock::{self, NEVER},
        forked::Process,
        lock,
        panic::wake,
    },
};
use selector::{Control, Fd, Interest, Key, Refused, Selector};
use slot::Slot;
// std's `Arc`: nothing here depends on what loom's would see.
use std::{
    collections::VecDeque,
    fmt, io, iter,
    sync::{Arc, OnceLock},
    task::Waker,
    time::Duration,
};
use table::Table;

/// While there is other work, the kernel is not asked more often than this, in nanoseconds.
const MODERATION: u64 = 50_000;

/// When waiting does not work any more, all operations are tried so often, in nanoseconds.
const WITHOUT_KERNEL: u64 = 10_000_000;

const FREE: u8 = 0;
const LOOKING: u8 = 1;
const ASLEEP: u8 = 2;

/// The role, which is free again when this is dropped.
struct Role<'a> {
    word: &'a AtomicU8,
    role: u8,
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        debug_assert_eq!(
            self.word.load(Ordering::Relaxed),
            self.role,
            "nobody else's"
        );
        self.word.store(FREE, Ordering::Relaxed);
    }
}

/// See the module's text.
pub(crate) struct Netpoll<S: Selector> {
    system: OnceLock<System<S>>,
    /// Held while the system is made.
    opening: Mutex<()>,
    /// Descriptors in the table.
    registered: AtomicUsize,
    table: Mutex<Table<Arc<Slot<S>>>>,
    /// To be woken.
    due: Mutex<VecDeque<Waker>>,
    /// How many.
    due_count: AtomicUsize,
    role: AtomicU8,
    /// When the kernel was asked last.
    last_look: AtomicU64,
    /// Why waiting does not work any more, for whoever reports it.
    failure: Mutex<Option<io::Error>>,
    is_broken: AtomicBool,
    process: Process,
}

struct System<S: Selector> {
    /// For whoever has the role: nobody ever waits for this lock.
    selector: Mutex<S>,
    control: S::Control,
}

/// The executor has ended, and its poller with it.
#[derive(Debug)]
pub(crate) struct Ended;

impl<S: Selector> fmt::Debug for Netpoll<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Netpoll")
            .field("registered", &self.registered)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl<S: Selector> Default for Netpoll<S> {
    fn default() -> Netpoll<S> {
        Netpoll {
            system: OnceLock::new(),
            opening: Mutex::new(()),
            registered: AtomicUsize::new(0),
            table: Mutex::new(Table::new()),
            due: Mutex::new(VecDeque::new()),
            due_count: AtomicUsize::new(0),
            role: AtomicU8::new(FREE),
            last_look: AtomicU64::new(0),
            failure: Mutex::new(None),
            is_broken: AtomicBool::new(false),
            process: Process::this(),
        }
    }
}

/// Registering.
impl<S: Selector> Netpoll<S> {
    /// The selector, which is opened if there is none yet.
    fn system(&self) -> io::Result<&System<S>> {
        if let Some(system) = self.system.get() {
            return Ok(system);
        }
        let _opening = lock(&self.opening);
        if self.system.get().is_none() {
            let (selector, control) = S::open()?;
            let selector = Mutex::new(selector);
            let _ = self.system.set(System { selector, control });
        }
        Ok(self.system.get().expect("set above, under the lock"))
    }

    /// Registers a descriptor. Whoever is no worker has a machine woken afterwards, which will look
    /// here.
    fn add(&self, slot: &Arc<Slot<S>>, fd: Fd, interest: Interest) -> Result<Key, slot::NotArmed> {
        let system = self.system()?;
        let key = self
            .change_table(|table| table.insert(slot.clone()))
            .ok_or(Ended)?;
        if let Err(error) = self.watch(|| system.control.add(fd, key, interest)) {
            self.forget(key);
            return Err(error.into());
        }
        Ok(key)
    }

    fn widen(&self, fd: Fd, key: Key) -> io::Result<()> {
        let system = self.system()?;
        self.watch(|| system.control.widen(fd, key))
    }

    /// Has the kernel watch a descriptor. If it watches none any more, those in the table are tried
    /// all the same.
    fn watch(&self, ask: impl FnOnce() -> Result<(), Refused>) -> io::Result<()> {
        if self.is_broken() {
            return Ok(());
        }
        match ask() {
            Err(Refused::Descriptor(error)) => Err(error),
            Err(Refused::Selector(error)) => {
                self.break_down(error);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn remove(&self, fd: Fd, key: Key) {
        if let Some(system) = self.system.get()
            && !self.is_broken()
        {
            // It fails if somebody has closed the descriptor behind our back; then it is gone.
            let _ = system.control.remove(fd);
        }
        self.forget(key);
    }

    fn forget(&self, key: Key) {
        drop(self.change_table(|table| table.remove(key)));
    }

    /// Changes the table, and says how many descriptors are in it.
    fn change_table<R>(&self, change: impl FnOnce(&mut Table<Arc<Slot<S>>>) -> R) -> R {
        let mut table = lock(&self.table);
        let result = change(&mut table);
        // Ordering: Relaxed; the fences of `idle` order it.
        self.registered.store(table.len(), Ordering::Relaxed);
        result
    }

    /// Whether this process was forked from the poller's own: then the kernel's part is the
    /// parent's.
    fn is_forked(&self) -> bool {
        self.process.is_forked()
    }

    /// For the end of the executor: whoever waits is woken, and waits elsewhere.
    pub(crate) fn evict(&self) {
        let slots = self.change_table(Table::close);
        let waiting = slots.into_iter().flat_map(|slot| slot.orphan());
        waiting.for_each(wake);
        self.fire(usize::MAX);
    }
}

/// Looking.
impl<S: Selector> Netpoll<S> {
    /// Whether descriptors are registered, or tasks are to be woken.
    pub(crate) fn is_waited_for(&self) -> bool {
        // The latter too, so that what was due for the last descriptor is not left.
        self.has_descriptors() || self.has_due()
    }

    /// Whether anybody waits for a descriptor now, or is about to be woken for one. That takes a look
    /// at each.
    pub(crate) fn is_anybody_waiting(&self) -> bool {
        self.has_due() || lock(&self.table).iter().any(|slot| slot.is_awaited())
    }

    fn has_descriptors(&self) -> bool {
        self.registered.load(Ordering::Relaxed) > 0
    }

    /// Whether tasks are to be woken.
    pub(crate) fn has_due(&self) -> bool {
        self.due_count.load(Ordering::Relaxed) > 0
    }

    /// Whether descriptors are registered, and no machine sleeps here that hears of their events.
    pub(crate) fn is_unwatched(&self) -> bool {
        let is_watched = || self.role.load(Ordering::Relaxed) == ASLEEP && !self.is_broken();
        self.has_descriptors() && !is_watched()
    }

    /// Asks the kernel, unless somebody else does, or sleeps there. Returns whether tasks are to be
    /// woken.
    pub(crate) fn look(&self, now: u64) -> bool {
        if !self.has_due() && self.is_unwatched() {
            if self.is_broken() {
                self.do_without_kernel(now);
            } else {
                self.ask(now);
            }
        }
        self.has_due()
    }

    /// The same for those who have other work: the kernel is not asked again if it was just now.
    pub(crate) fn glance(&self, now: u64) -> bool {
        self.has_due() || now.saturating_sub(self.last_look()) >= MODERATION && self.look(now)
    }

    /// When the kernel was asked last.
    pub(crate) fn last_look(&self) -> u64 {
        self.last_look.load(Ordering::Relaxed)
    }

    /// Whether it is time to come here.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        self.next_due() <= now
    }

    /// By when somebody has to come here, other than for an event.
    pub(crate) fn next_due(&self) -> u64 {
        if self.has_due() {
            0
        } else if self.is_broken() && self.has_descriptors() {
            self.last_look().saturating_add(WITHOUT_KERNEL)
        } else {
            NEVER
        }
    }

    #[cold]
    fn ask(&self, now: u64) {
        let Some(system) = self.system.get() else {
            return;
        };
        if let Some(_role) = self.take_role(LOOKING) {
            self.last_look.store(now, Ordering::Relaxed);
            self.turn(&mut lock(&system.selector), Some(Duration::ZERO));
        }
    }

    /// Takes the role, until it is dropped, unless somebody has it.
    fn take_role(&self, role: u8) -> Option<Role<'_>> {
        // Ordering: Relaxed; what it guards has a lock of its own.
        let free = self
            .role
            .compare_exchange(FREE, role, Ordering::Relaxed, Ordering::Relaxed);
        free.is_ok().then(|| Role {
            word: &self.role,
            role,
        })
    }

    /// Waits for events, and delivers them.
    fn turn(&self, selector: &mut S, timeout: Option<Duration>) {
        // Locked at the first event, which comes after the wait.
        let mut locked = None;
        let result = selector.wait(timeout, |event| {
            let (table, due) = locked.get_or_insert_with(|| (lock(&self.table), lock(&self.due)));
            if let Some(slot) = table.get(event.key) {
                slot.deliver(event, &mut **due);
            }
        });
        if let Some((table, due)) = locked {
            drop(table);
            self.count_due(&due);
        }
        if let Err(error) = result {
            self.break_down(error);
        }
    }

    /// Under the lock of `due`.
    fn count_due(&self, due: &VecDeque<Waker>) {
        // Ordering: Relaxed; whoever sees it takes the lock.
        self.due_count.store(due.len(), Ordering::Relaxed);
    }

    /// Wakes tasks that are to be woken, `limit` of them at most; returns whether there were any.
    /// Wakers are foreign code: no lock is held, and their panics are caught.
    pub(crate) fn fire(&self, limit: usize) -> bool {
        // One by one: a waker may take its time, and the others are for whoever comes meanwhile.
        let fired = iter::from_fn(|| self.take_due()).take(limit);
        fired.map(wake).count() > 0
    }

    fn take_due(&self) -> Option<Waker> {
        if !self.has_due() {
            return None;
        }
        let mut due = lock(&self.due);
        let waker = due.pop_front();
        self.count_due(&due);
        waker
    }
}

/// Sleeping.
impl<S: Selector> Netpoll<S> {
    /// Sleeps here until tasks are to be woken, the thread is unparked at `parker`, or `until` has
    /// come. Returns whether it was unparked; `None`, without a sleep, if this is not the place to
    /// sleep in. Calls `begin` if it is.
    pub(crate) fn sleep(&self, parker: &Parker, until: u64, begin: impl FnOnce()) -> Option<bool> {
        if !self.has_descriptors() || self.is_broken() {
            return None;
        }
        let system = self.system.get()?;
        let role = self.take_role(ASLEEP)?;
        if !parker.go_elsewhere() {
            return Some(true);
        }
        begin();
        let mut selector = lock(&system.selector);
        while !self.has_due() && !parker.is_notified() && !self.is_broken() {
            let Some(timeout) = time_left(until) else {
                break;
            };
            self.turn(&mut selector, timeout);
        }
        drop(selector);
        self.last_look.store(clock::now(), Ordering::Relaxed);
        drop(role);
        Some(parker.come_back())
    }

    /// Ends the sleep of the machine that sleeps here.
    pub(crate) fn interrupt(&self) {
        if let Some(system) = self.system.get()
            && let Err(error) = system.control.interrupt()
        {
            self.break_down(error);
        }
    }
}

/// `None` if the time has come; `Some(None)` if it never does.
fn time_left(until: u64) -> Option<Option<Duration>> {
    if until == NEVER {
        return Some(None);
    }
    let left = until.saturating_sub(clock::now());
    (left > 0).then(|| Some(Duration::from_nanos(left)))
}

/// When the kernel does not answer any more: somebody has closed our descriptor, for example.
impl<S: Selector> Netpoll<S> {
    fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    #[cold]
    fn break_down(&self, error: io::Error) {
        if !self.is_broken.swap(true, Ordering::Relaxed) {
            *lock(&self.failure) = Some(error);
            // Whoever sleeps there does not hear of what will be tried.
            self.interrupt();
        }
    }

    /// Why waiting does not work any more. Once, for whoever reports it.
    pub(crate) fn take_failure(&self) -> Option<io::Error> {
        if self.is_broken() {
            lock(&self.failure).take()
        } else {
            None
        }
    }

    /// All operations are tried now and then.
    #[cold]
    fn do_without_kernel(&self, now: u64) {
        if now.saturating_sub(self.last_look()) < WITHOUT_KERNEL {
            return;
        }
        self.last_look.store(now, Ordering::Relaxed);
        let table = lock(&self.table);
        let mut due = lock(&self.due);
        table.iter().for_each(|slot| slot.pretend(&mut *due));
        self.count_due(&due);
    }
}

impl<S: Selector> Drop for Netpoll<S> {
    fn drop(&mut self) {
        if let Some(System { selector, control }) = self.system.take()
            && let Ok(mut selector) = selector.into_inner()
            // A child must not ask: the events are its parent's.
            && (self.is_broken() || !self.is_forked() && selector.is_lost(&control))
        {
            selector.abandon(control);
        }
    }
}
