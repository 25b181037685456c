//! Who runs, who searches, who sleeps, and who is woken for new work.
//!
//! # Words
//!
//! The executor has N *permits*: N machines run tasks at once, and while one too many does, it
//! steps back. A machine that holds a permit is *active*: it runs tasks or *searches* for one. A
//! machine without a permit is *asleep* here, *blocked* in somebody's code, or *stuck* in a poll.
//!
//! One word holds N and both counts; all changes of it are read-modify-writes, so they have one
//! order:
//!
//! ```text
//!   bits    63 … 48   47 … 32   31 … 16     15 … 0
//!   state =    0    |    N    | searching | active
//! ```
//!
//! | step               | active | searching | sleepers | under the lock |
//! | ------------------ | ------ | --------- | -------- | -------------- |
//! | `set_permits`      | + sleepers that may be spares now | the same | the others | yes |
//! | `wake_several`     | + so many | + so many | − so many | yes        |
//! | `notify`           | + 1    | + 1       | − 1, or a new machine | yes |
//! | `sleep`            | − 1 if it had a permit | − 1 if it searched | + 1 | yes |
//! | `wake_up`          | + 1    | + 1       | − 1      | yes            |
//! | `step_back`        | − 1    | − 1 if it searched | + 1 | yes    |
//! | `start_searching`  |        | + 1       |          | no             |
//! | `stop_searching`   |        | − 1       |          | no             |
//! | `block`            | − 1    |           |          | no             |
//! | `unblock`          | + 1    |           |          | no             |
//! | `leave`            | − 1 if it had a permit | − 1 if it searched | | no |
//! | `retire`           |        |           | − 1      | yes            |
//! | `wake_all`         | + all sleepers | + all sleepers | none left | yes |
//! | `add_initial`      | + 1    | + 1       |          | no             |
//!
//! # Protocol
//!
//! **To post work:** push it; `notify`: a full fence, then read the word. If somebody searches, or
//! all N permits are taken, do nothing: a searcher finds it, or a machine that is active looks
//! again before it sleeps. Else wake one sleeper (or start a machine), which begins as a searcher.
//!
//! **To fall asleep or block:** leave the word (`sleep`, `block`); a full fence; look at every
//! queue once more; if there is work, `notify` as if it had just been posted.
//!
//! **To stop searching with work in hand:** leave the searchers; whoever was the last of them does
//! a full fence, looks at every queue, and if there is more work, `notify`.
//!
//! **To raise N:** raise it; a full fence; look at every queue; if there is work, wake sleepers for
//! it, and `notify` as if it had just been posted. **To lower N:** lower it. Whoever passes a
//! scheduling point while more than N are active steps back.
//!
//! **To move work from one queue to another** without being a searcher: as to post it, for in
//! between others did not see it. (A lone task that its own worker moves from the next slot to the
//! local queue needs none: nobody relied on seeing it in the slot, and this worker is active.)
//!
//! # Why no wake-up is lost
//!
//! Poster: *push, fence, read word.* Leaver: *write word, fence, read queues.* Of the two fences
//! one comes first. If the poster's does, the leaver sees the push and notifies in its stead. If
//! the leaver's does, the poster sees the leaver gone. That covers the machine that sleeps, the one
//! that blocks, the last searcher, and whoever raises N, each of which writes the word before it
//! looks. (A lower N makes no permit free, and whoever steps back leaves N others active, each of
//! which looks again before it sleeps.) A wake-up that is skipped because somebody searches is
//! thereby in the hands of that searcher, and it either finds the work, or sleeps and looks again.
//! The counts of a woken machine are raised by the one that wakes it, under the lock, so a second
//! poster already sees a searcher.
//!
//! Every machine that sleeps looks again, not only the last searcher: with the number of searchers
//! limited, a machine may sleep without having searched at all.
//!
//! The next slot is not looked at: a lone task there wakes nobody, or only as a hint (see
//! `scheduler::worker::schedule`). Nor is anybody told of what a worker has woken from its sources
//! together and will have run in a moment; should it not come to it, the monitor tells others.
//!
//! Sources: Go's `findRunnable`, `wakep` and `resetspinning`; tokio's `idle.rs`; rayon-core's
//! `sleep/README.md`. Theirs wake the next machine whenever the last searcher finds work; here only
//! if there is more work, since a wake-up costs its caller some microseconds.

#[cfg(all(unix, not(any(loom, shuttle))))]
use crate::sync::try_lock;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering, fence, lock};

const ONE_ACTIVE: u64 = 1;
const ONE_SEARCHING: u64 = 1 << 16;
const ONE_PERMIT: u64 = 1 << 32;

/// More machines than this there cannot be, nor permits: no field of the word overflows.
pub(crate) const MAX_MACHINES: usize = 1 << 15;

/// The counts as one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) active: usize,
    pub(crate) searching: usize,
}

impl From<u64> for Counts {
    fn from(word: u64) -> Counts {
        Counts {
            active: usize::from(word as u16),
            searching: usize::from((word / ONE_SEARCHING) as u16),
        }
    }
}

/// N, in the same snapshot.
fn permits(word: u64) -> usize {
    (word / ONE_PERMIT) as usize
}

/// What N was, and whom a change of it wakes.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PermitsSet {
    pub(crate) before: usize,
    /// Unpark these: they are searchers.
    pub(crate) woken: Vec<usize>,
}

/// What one machine counts for in the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) searching: bool,
    /// Not if the monitor has taken its permit, and with it this part of the count.
    pub(crate) permit: bool,
}

impl Part {
    /// A machine that was woken or started, and has found nothing yet.
    pub(crate) const SEARCHER: Part = Part {
        searching: true,
        permit: true,
    };
}

/// How many machines there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MachineCounts {
    /// Active, asleep, blocked, or being started.
    pub(crate) total: usize,
    pub(crate) asleep: usize,
}

/// What whoever posted work has to do now. The woken machine's counts are raised already.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Notify {
    /// Nothing: somebody searches, or every permit is taken.
    Nobody,
    /// Unpark this machine; it is a searcher.
    Wake(usize),
    /// Start a machine as a searcher, or report `start_failed`.
    Start,
    /// Nobody, since as many machines exist as are allowed and none is asleep.
    Limit,
}

/// What became of a sleeper that wanted to wake up.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WakeUp {
    /// It is active now, as a searcher.
    Done,
    /// Somebody has counted it, and will unpark it.
    BeingWoken,
    /// It sleeps on: every permit is taken.
    NoPermit,
}

/// The accounting. Machines are known by their numbers only.
#[derive(Debug)]
pub(crate) struct Idle {
    state: AtomicU64,
    max_machines: usize,
    machines: Mutex<Machines>,
    /// The machine that sleeps in a source of events, or did so last.
    watcher: AtomicUsize,
}

#[derive(Debug)]
struct Machines {
    /// Last in, first out: the machine that slept least has the warmest caches.
    asleep: Vec<usize>,
    /// Machines that exist or are being started: active, asleep and blocked.
    total: usize,
    /// Others than the initial ones may be started: there is room for stand-ins, or N has changed.
    may_start: bool,
}

impl Machines {
    fn counts(&self) -> MachineCounts {
        MachineCounts {
            total: self.total,
            asleep: self.asleep.len(),
        }
    }

    /// Takes the machine out that fell asleep last, `watcher` after all others.
    fn pop(&mut self, watcher: usize) -> Option<usize> {
        let last = self.asleep.len().checked_sub(1)?;
        let is_watcher = self.asleep[last] == watcher;
        Some(self.asleep.remove(if is_watcher {
            last.saturating_sub(1)
        } else {
            last
        }))
    }
}

impl Idle {
    /// No machine exists yet; `permits` is N.
    pub(crate) fn new(permits: usize, max_machines: usize) -> Idle {
        debug_assert!(permits <= max_machines && max_machines <= MAX_MACHINES);
        let machines = Machines {
            asleep: Vec::new(),
            total: 0,
            may_start: max_machines > permits,
        };
        Idle {
            state: AtomicU64::new(permits as u64 * ONE_PERMIT),
            max_machines,
            machines: Mutex::new(machines),
            watcher: AtomicUsize::new(usize::MAX),
        }
    }

    /// The machine will sleep in a source of events: while others sleep too, they are woken for
    /// work, and it goes on to listen. (A hint: any order would do.)
    pub(crate) fn watch(&self, machine: usize) {
        self.watcher.store(machine, Ordering::Relaxed);
    }

    /// The two counts.
    pub(crate) fn counts(&self) -> Counts {
        Counts::from(self.word())
    }

    /// N, at this moment.
    pub(crate) fn permits(&self) -> usize {
        permits(self.word())
    }

    fn word(&self) -> u64 {
        // Ordering: Relaxed; for show, and for decisions that the lock or a fence repeats.
        self.state.load(Ordering::Relaxed)
    }

    /// The machines that may exist, and so the most that N can be.
    pub(crate) fn max_machines(&self) -> usize {
        self.max_machines
    }

    /// Changes N. If it is higher now, the caller looks at the queues: see "to raise N". If it is
    /// lower, whoever is too many finds out by [`surplus`](Idle::surplus).
    ///
    /// As long as no machine is a spare, machines sleep without an end. When the first become
    /// spares, all that sleep are woken, and sleep again as such. There are no more machines than
    /// the N before then, so no more than that are active.
    pub(crate) fn set_permits(&self, permits: usize) -> PermitsSet {
        let mut machines = lock(&self.machines);
        machines.may_start = true;
        let before = self.permits();
        let had_spares = self.has_spares(&machines);
        let change = (permits as u64).wrapping_sub(before as u64);
        self.add(change.wrapping_mul(ONE_PERMIT));
        let woken = if !had_spares && self.has_spares(&machines) {
            self.take_sleepers(&mut machines, usize::MAX)
        } else {
            Vec::new()
        };
        PermitsSet { before, woken }
    }

    /// Wakes at most so many sleepers for work that waits, each as a searcher, as far as permits
    /// are free. The caller unparks them.
    pub(crate) fn wake_several(&self, most: usize) -> Vec<usize> {
        let mut machines = lock(&self.machines);
        let word = self.word();
        let free = permits(word).saturating_sub(Counts::from(word).active);
        self.take_sleepers(&mut machines, most.min(free))
    }

    /// Takes at most so many sleepers off the list, those who slept least, and counts them as
    /// searchers.
    fn take_sleepers(&self, machines: &mut Machines, most: usize) -> Vec<usize> {
        let rest = machines.asleep.len().saturating_sub(most);
        let taken = machines.asleep.split_off(rest);
        if !taken.is_empty() {
            self.add((ONE_ACTIVE + ONE_SEARCHING) * taken.len() as u64);
        }
        taken
    }

    /// Machines that exist, and those of them that are asleep.
    pub(crate) fn machines(&self) -> MachineCounts {
        lock(&self.machines).counts()
    }

    /// The same for a caller who may not wait: `None` while somebody holds the lock.
    #[cfg(all(unix, not(any(loom, shuttle))))]
    pub(crate) fn try_machines(&self) -> Option<MachineCounts> {
        try_lock(&self.machines).map(|machines| machines.counts())
    }

    /// Holds the lock, as a thread does that was stopped in a step.
    #[cfg(all(test, unix, not(any(loom, shuttle))))]
    pub(crate) fn hold(&self) -> impl Sized {
        lock(&self.machines)
    }

    /// Whether a poster should call [`notify`](Idle::notify), without the fence that makes the
    /// answer reliable: for hints whose loss costs some time but strands nothing.
    #[inline]
    pub(crate) fn may_notify(&self) -> bool {
        let word = self.word();
        // Nobody searches, and fewer than N are active. One comparison does for both: with a
        // searcher, the lower half of the word is more than any N.
        u64::from(word as u32) < word / ONE_PERMIT
    }

    /// Work was posted: decides who is woken for it. See "to post work".
    pub(crate) fn notify(&self) -> Notify {
        // Pairs with the fence in `fence_before_recheck`.
        fence(Ordering::SeqCst);
        if !self.may_notify() {
            return Notify::Nobody;
        }
        self.notify_slow(true)
    }

    #[cold]
    fn notify_slow(&self, may_start: bool) -> Notify {
        let mut machines = lock(&self.machines);
        if !self.may_notify() {
            return Notify::Nobody;
        }
        let watcher = self.watcher.load(Ordering::Relaxed);
        let decision = match machines.pop(watcher) {
            Some(machine) => Notify::Wake(machine),
            // With no machine left at all the executor is over; a late wake-up must not revive it.
            // And without stand-ins there are the initial machines, even while those end.
            None if may_start
                && machines.may_start
                && (1..self.max_machines).contains(&machines.total) =>
            {
                machines.total += 1;
                Notify::Start
            }
            None if machines.total >= self.max_machines => return Notify::Limit,
            None => return Notify::Nobody,
        };
        self.add(ONE_ACTIVE + ONE_SEARCHING);
        decision
    }

    /// The machine announced by [`Notify::Start`] cannot be had. Someone asleep may take the work
    /// instead: a machine that fell asleep meanwhile may have kept quiet because of this searcher.
    /// None if no machine is left: the executor is over, as after [`ended`](Idle::ended).
    pub(crate) fn start_failed(&self) -> Option<Notify> {
        self.leave(Part::SEARCHER);
        if self.ended() {
            return None;
        }
        // As in `notify`: it pairs with the fence of `fence_before_recheck`.
        fence(Ordering::SeqCst);
        Some(self.notify_slow(false))
    }

    /// Counts a machine of the initial set, which starts as a searcher.
    pub(crate) fn add_initial(&self) {
        lock(&self.machines).total += 1;
        self.add(ONE_ACTIVE + ONE_SEARCHING);
    }

    /// The full fence between leaving the word and looking at the queues once more. Pairs with
    /// `notify`.
    pub(crate) fn fence_before_recheck(&self) {
        fence(Ordering::SeqCst);
    }

    /// Asks to search. At most half as many as there are permits (rounded up) do so at once, beside
    /// those that were woken.
    pub(crate) fn start_searching(&self) -> bool {
        let word = self.word();
        if 2 * Counts::from(word).searching >= permits(word) {
            return false;
        }
        // Two may pass the test at once; the limit is about contention, not about correctness.
        self.add(ONE_SEARCHING);
        true
    }

    /// Stops searching; returns whether this was the last searcher.
    pub(crate) fn stop_searching(&self) -> bool {
        Counts::from(self.sub(ONE_SEARCHING)).searching == 1
    }

    /// Goes to sleep. The caller looks at the queues once more and then parks. Returns whether it
    /// should wake up by itself some time, see [`may_retire`](Idle::may_retire).
    pub(crate) fn sleep(&self, machine: usize, part: Part) -> bool {
        let mut machines = lock(&self.machines);
        machines.asleep.push(machine);
        self.leave(part);
        self.has_spares(&machines)
    }

    /// Gives a machine's permit away: its own, or, for the monitor, that of a machine in a poll
    /// that does not end. The caller looks at the queues once more.
    pub(crate) fn block(&self) {
        self.sub(ONE_ACTIVE);
    }

    /// Takes a permit again, if need be one too many: see [`surplus`](Idle::surplus).
    pub(crate) fn unblock(&self) {
        self.add(ONE_ACTIVE);
    }

    /// Whether more machines are active than there are permits.
    #[inline]
    pub(crate) fn surplus(&self) -> bool {
        let word = self.word();
        Counts::from(word).active > permits(word)
    }

    /// Goes to sleep if there is a surplus of active machines. The caller then gives its queue
    /// away, looks at the queues once more and parks, as after [`sleep`](Idle::sleep).
    pub(crate) fn step_back(&self, machine: usize, was_searching: bool) -> bool {
        let mut machines = lock(&self.machines);
        // The lock keeps two from stepping back for one surplus. If another machine blocks just
        // now, a permit stays free: it and the caller both look at the queues after this.
        let surplus = self.surplus();
        if surplus {
            machines.asleep.push(machine);
            self.leave(Part {
                searching: was_searching,
                permit: true,
            });
        }
        surplus
    }

    /// A sleeper wants to end because nobody needed it: granted while more machines than permits
    /// are free (asleep or active), and unless it is being woken at this moment. It is not woken
    /// any more then.
    pub(crate) fn retire(&self, machine: usize) -> bool {
        let mut machines = lock(&self.machines);
        let free = machines.asleep.len() + self.counts().active;
        let position = machines.asleep.iter().position(|&m| m == machine);
        match position {
            Some(position) if free > self.permits() => {
                machines.asleep.remove(position);
                true
            }
            _ => false,
        }
    }

    /// Whether a sleeper may be granted to [`retire`](Idle::retire) some day: there are more
    /// machines than permits, though some may be blocked now. (To ask for free ones here would not
    /// do: if a blocked machine comes back later, it is the one on top of the sleepers, in use now
    /// and then, and the one below, which nobody needs, would sleep on for ever.)
    pub(crate) fn may_retire(&self) -> bool {
        self.has_spares(&lock(&self.machines))
    }

    fn has_spares(&self, machines: &Machines) -> bool {
        machines.total > self.permits()
    }

    /// A sleeper has something to do: it takes a permit, as a searcher, if one is free, and unless
    /// it is being woken at this moment.
    pub(crate) fn wake_up(&self, machine: usize) -> WakeUp {
        let mut machines = lock(&self.machines);
        let position = machines.asleep.iter().position(|&m| m == machine);
        match position {
            None => WakeUp::BeingWoken,
            Some(position) if self.counts().active < self.permits() => {
                machines.asleep.remove(position);
                self.add(ONE_ACTIVE + ONE_SEARCHING);
                WakeUp::Done
            }
            Some(_) => WakeUp::NoPermit,
        }
    }

    /// A machine gives its permit up, if the monitor has not taken it before.
    pub(crate) fn leave(&self, part: Part) {
        let searching = if part.searching { ONE_SEARCHING } else { 0 };
        let active = if part.permit { ONE_ACTIVE } else { 0 };
        self.sub(active + searching);
    }

    /// The machines that sleep, and how many there are at all.
    pub(crate) fn sleepers(&self) -> (Vec<usize>, usize) {
        let machines = lock(&self.machines);
        (machines.asleep.clone(), machines.total)
    }

    /// A machine that has left or retired is gone, with all it held; returns whether it was the
    /// last of all.
    pub(crate) fn ended(&self) -> bool {
        let mut machines = lock(&self.machines);
        machines.total -= 1;
        machines.total == 0
    }

    /// Wakes every sleeper, each as a searcher, and returns them for the caller to unpark.
    pub(crate) fn wake_all(&self) -> Vec<usize> {
        self.take_sleepers(&mut lock(&self.machines), usize::MAX)
    }

    // Ordering: SeqCst on every change. The fences carry the proof above; SeqCst here only keeps
    // the order of these changes the one in which each thread made them.
    fn add(&self, counts: u64) {
        self.state.fetch_add(counts, Ordering::SeqCst);
    }

    fn sub(&self, counts: u64) -> u64 {
        let before = self.state.fetch_sub(counts, Ordering::SeqCst);
        debug_assert!(Counts::from(before).active as u64 >= Counts::from(counts).active as u64);
        debug_assert!(Counts::from(before).searching >= Counts::from(counts).searching);
        before
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
