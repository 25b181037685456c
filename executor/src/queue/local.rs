//! The local queue: a ring that one machine pushes to and any machine takes from.
//!
//! The design is Go's `runq` (`runtime/proc.go`, `runqput`, `runqget`, `runqgrab`).
//!
//! # Protocol
//!
//! ```text
//!        head                    tail
//!         │ pop, steal: CAS       │ push: plain store by the owner
//!         ▼                       ▼
//!   ┌───┬───┬───┬───┬───┬───┬───┬───┐
//!   │   │ a │ b │ c │ d │ e │ f │   │   index = position % N
//!   └───┴───┴───┴───┴───┴───┴───┴───┘
//! ```
//!
//! * Positions only grow (and wrap at `usize::MAX`, which N divides). `tail - head` is the length.
//! * **Push** (owner): write the slot, then publish it by storing `tail`. The owner writes a slot
//!   only when `tail - head < N`, so never while the slot's position lies in `head..tail`.
//! * **Take** (owner's pop, thief's steal): read the slots *first*, then claim them by moving
//!   `head` with a compare-exchange. If the exchange fails, another taker was faster: the values
//!   read are forgotten, and nothing was owned yet. If it succeeds, `head` had not moved, so no
//!   push can have overwritten what was read.
//! * A position is a whole `usize`. On 64-bit machines a thief would have to sleep for centuries of
//!   pushes to mistake one round of the ring for another (ABA).
//! * **Steal** copies straight into the thief's own ring, beyond its tail, where nobody looks. One
//!   store of the thief's tail publishes all that was stolen.
//!
//! # The window of a steal
//!
//! Between the claim (`head` moved) and the publication (the thief's `tail`) the stolen tasks are
//! in no queue. Whoever looks at all queues meanwhile sees none of them, and may fall asleep.
//!
//! No wake-up is lost by that. Only a *searcher* steals (`Worker::begin_to_steal`), and it counts as
//! one until it has published: it leaves the searchers afterwards (`Machine::stop_searching`), with a
//! read-modify-write of the word in `idle::accounting`. A machine that falls asleep changes that
//! word, too, before it looks. One of the two changes comes first:
//!
//! * The sleeper's: then the thief still counts as a searcher. Whoever is the last to stop
//!   searching, the thief or another, looks at every queue after that (a full fence), finds the
//!   tasks in the thief's, and notifies.
//! * The thief's: it has published before, and the sleeper looks afterwards. So the sleeper sees
//!   the tasks in the thief's queue, and notifies itself.
//!
//! Others who move tasks are no searchers. The monitor, which empties a stuck machine's queue, a
//! worker that takes a share of the global queue or puts the rest of a batch back, and an overflow
//! notify once the tasks are where they belong. A machine that gives its queue away looks again
//! afterwards (`Pool::recheck`).
//!
//! The model is `a_theft_that_is_not_published_yet_against_a_thief_that_falls_asleep` in
//! `idle/models/idle.rs`.
//!
//! # Rejected
//!
//! * tokio's two heads in one word: one thief at a time, and a thief that is preempted between its
//!   two steps keeps the owner from overflowing.
//! * A Chase-Lev deque: LIFO for the owner, which starves old tasks, and a full fence in each pop.

use super::Word;
use crate::sync::{Arc, AtomicPtr, AtomicUsize, Ordering};
use crossbeam_utils::CachePadded;
use std::{cell::Cell, collections::VecDeque, marker::PhantomData, ptr::NonNull};

/// Tasks that a local queue has room for; when it is full, half of them go to the global queue. The
/// figure is Go's: two KiB of pointers stay in the first-level cache. (Random schedules have room
/// for few, so that queues overflow.)
pub(crate) const CAPACITY: usize = if cfg!(shuttle) { 4 } else { 256 };

struct Ring<T, const N: usize> {
    head: CachePadded<AtomicUsize>,
    tail: CachePadded<AtomicUsize>,
    slots: Box<[AtomicPtr<()>; N]>,
    _owns: PhantomData<T>,
}

/// The right to push to and pop from a local queue. One exists per queue, on one thread at a time.
pub(crate) struct LocalQueue<T: Word, const N: usize = CAPACITY> {
    ring: Arc<Ring<T, N>>,
    /// `Send` but not `Sync`: the owner's operations must not run on two threads at once.
    _not_sync: PhantomData<Cell<()>>,
}

/// The right to steal from a local queue, from any thread.
pub(crate) struct Stealer<T: Word, const N: usize = CAPACITY> {
    ring: Arc<Ring<T, N>>,
}

/// Makes an empty local queue.
pub(crate) fn local_queue<T: Word, const N: usize>() -> (LocalQueue<T, N>, Stealer<T, N>) {
    local_queue_at(0)
}

/// Makes an empty local queue whose first position is `start`. Tests begin just before the wrap.
pub(crate) fn local_queue_at<T: Word, const N: usize>(
    start: usize,
) -> (LocalQueue<T, N>, Stealer<T, N>) {
    const { assert!(N.is_power_of_two() && N >= 2) };
    let slots: Box<[_]> = (0..N)
        .map(|_| AtomicPtr::new(std::ptr::null_mut()))
        .collect();
    let ring = Arc::new(Ring {
        head: CachePadded::new(AtomicUsize::new(start)),
        tail: CachePadded::new(AtomicUsize::new(start)),
        slots: slots.try_into().expect("there are N of them"),
        _owns: PhantomData,
    });
    (
        LocalQueue {
            ring: ring.clone(),
            _not_sync: PhantomData,
        },
        Stealer { ring },
    )
}

impl<T: Word, const N: usize> Ring<T, N> {
    fn slot(&self, position: usize) -> &AtomicPtr<()> {
        &self.slots[position % N]
    }

    /// Reads a slot before it is claimed. If the claim fails, the pointer must be forgotten.
    fn peek(&self, position: usize) -> *mut () {
        // Ordering: Relaxed, since `tail` (Acquire here, Release in `push`) published the slot.
        self.slot(position).load(Ordering::Relaxed)
    }

    fn len(&self) -> usize {
        // Ordering: Relaxed; a guess. The two loads may see different moments, and so a tail behind
        // the head: that counts as empty.
        let head = self.head.load(Ordering::Relaxed);
        let tail = self.tail.load(Ordering::Relaxed);
        let len = tail.wrapping_sub(head);
        if len > isize::MAX as usize {
            0
        } else {
            len.min(N)
        }
    }

    /// Moves `head` from `from` by `count`, unless another taker was faster.
    fn claim(&self, from: usize, count: usize) -> Result<(), usize> {
        // Ordering: Release pairs with the Acquire load of `head` in `push`: our reads of the slots
        // come before the owner's next write to them. With the Acquire of the next taker it also
        // hands on the `tail` that we have seen, so that no taker finds a tail behind its head.
        // Acquire on failure: a taker that goes on from there needs that, too.
        self.head
            .compare_exchange(
                from,
                from.wrapping_add(count),
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .map(drop)
    }
}

/// Turns a claimed slot's pointer back into the value.
///
/// # Safety
///
/// `raw` was read from a slot, the caller has claimed that slot since, and calls this once for it.
unsafe fn claimed<T: Word>(raw: *mut ()) -> T {
    let raw = NonNull::new(raw).expect("a slot between head and tail holds a pointer");
    // SAFETY: a slot's pointer came from `into_raw` in `push`; and nobody else has taken it back,
    // for a claim is one taker's, and this caller does so once.
    unsafe { T::from_raw(raw) }
}

impl<T: Word, const N: usize> LocalQueue<T, N> {
    /// Appends `task`. When the ring is full, its older half and `task` go to `overflow` instead.
    /// They do so in two parts: one of more than a KiB would make glibc's malloc merge all that has
    /// been freed.
    ///
    /// Returns whether there was an overflow.
    pub(crate) fn push(&self, task: T, overflow: impl FnMut(VecDeque<T>)) -> bool {
        let ring = &*self.ring;
        // Ordering: Relaxed; only this owner stores `tail`.
        let tail = ring.tail.load(Ordering::Relaxed);
        // Ordering: Acquire pairs with the Release in `claim`: whoever freed the slot has finished
        // reading it.
        let head = ring.head.load(Ordering::Acquire);
        if tail.wrapping_sub(head) < N {
            // Ordering: Relaxed; published by `tail` below.
            ring.slot(tail)
                .store(task.into_raw().as_ptr(), Ordering::Relaxed);
            // Ordering: Release pairs with the thieves' Acquire load of `tail`.
            ring.tail.store(tail.wrapping_add(1), Ordering::Release);
            return false;
        }
        self.overflow(head, task, overflow)
    }

    /// Appends `task` to a ring that was full when its head was `head`. Kept out of line so that
    /// `push` stays short.
    #[cold]
    fn overflow(&self, head: usize, task: T, mut overflow: impl FnMut(VecDeque<T>)) -> bool {
        let ring = &*self.ring;
        if ring.claim(head, N / 2).is_err() {
            // Thieves have made room meanwhile.
            return self.push(task, overflow);
        }
        let mut older = (0..N / 2).map(|i| {
            // SAFETY: this slot was claimed just now, and each is read once. That it is read after
            // the claim does no harm: only this owner writes slots.
            unsafe { claimed(ring.peek(head.wrapping_add(i))) }
        });
        // The rings of some models have no quarters.
        if N >= 4 {
            overflow(older.by_ref().take(N / 4).collect());
        }
        overflow(older.chain([task]).collect());
        true
    }

    /// Takes the oldest task.
    pub(crate) fn pop(&self) -> Option<T> {
        let ring = &*self.ring;
        // Ordering: Relaxed; only this owner stores `tail`.
        let tail = ring.tail.load(Ordering::Relaxed);
        // Ordering: Relaxed; the owner has written every slot itself.
        let mut head = ring.head.load(Ordering::Relaxed);
        while head != tail {
            let raw = ring.peek(head);
            match ring.claim(head, 1) {
                // SAFETY: read from the slot at `head`, which is claimed since; once.
                Ok(()) => return Some(unsafe { claimed(raw) }),
                Err(moved) => head = moved,
            }
        }
        None
    }

    /// Tasks in the queue; thieves may take some at any moment.
    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }
}

impl<T: Word, const N: usize> Stealer<T, N> {
    /// Moves the older half of this queue, rounded up, to the thief's; except the oldest task,
    /// which it returns, with the number of tasks taken, this one included.
    pub(crate) fn steal_into(&self, thief: &LocalQueue<T, N>) -> Option<(T, usize)> {
        let (from, to) = (&*self.ring, &*thief.ring);
        // Ordering: Relaxed for the thief's own tail; Acquire for its head, as in `push`.
        let to_tail = to.tail.load(Ordering::Relaxed);
        let room = N - to_tail.wrapping_sub(to.head.load(Ordering::Acquire));
        // Ordering: Acquire pairs with `claim`: a tail read after it is not behind this head.
        let mut head = from.head.load(Ordering::Acquire);
        loop {
            // Ordering: Acquire pairs with the Release store in `push`: the slots are written, and
            // so is everything the tasks point to.
            let available = from.tail.load(Ordering::Acquire).wrapping_sub(head);
            let count = available.div_ceil(2).min(room + 1);
            if available == 0 {
                return None;
            }
            if available > N {
                // The owner went round the ring since `head` was read.
                head = from.head.load(Ordering::Acquire);
                continue;
            }
            let oldest = from.peek(head);
            for i in 1..count {
                let raw = from.peek(head.wrapping_add(i));
                // Ordering: Relaxed; the slot is beyond the thief's tail, and published by it
                // below.
                to.slot(to_tail.wrapping_add(i - 1))
                    .store(raw, Ordering::Relaxed);
            }
            match from.claim(head, count) {
                Ok(()) => {
                    // Ordering: Release, as in `push`.
                    to.tail
                        .store(to_tail.wrapping_add(count - 1), Ordering::Release);
                    // SAFETY: read from the slot at `head`, which is claimed since; once.
                    return Some((unsafe { claimed(oldest) }, count));
                }
                Err(moved) => head = moved,
            }
        }
    }

    /// Takes the oldest task.
    pub(crate) fn steal_one(&self) -> Option<T> {
        let ring = &*self.ring;
        // Ordering: as in `steal_into`, for both.
        let mut head = ring.head.load(Ordering::Acquire);
        while ring.tail.load(Ordering::Acquire) != head {
            let raw = ring.peek(head);
            match ring.claim(head, 1) {
                // SAFETY: read from the slot at `head`, which is claimed since; once.
                Ok(()) => return Some(unsafe { claimed(raw) }),
                Err(moved) => head = moved,
            }
        }
        None
    }

    /// Tasks in the queue, as far as this thread can see.
    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether the queue looks empty from here.
    ///
    /// A caller that falls asleep by the answer has a fence before the call (see `idle`).
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Word, const N: usize> Drop for LocalQueue<T, N> {
    fn drop(&mut self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::queue::testing::Number;
    use std::{
        collections::HashSet,
        sync::atomic::{AtomicBool, Ordering::SeqCst},
        thread,
    };

    fn numbers<const N: usize>() -> (LocalQueue<Number, N>, Stealer<Number, N>) {
        local_queue()
    }

    fn no_overflow(tasks: VecDeque<Number>) {
        panic!("{tasks:?} overflowed");
    }

    fn drain<const N: usize>(owner: &LocalQueue<Number, N>) -> Vec<usize> {
        std::iter::from_fn(|| owner.pop()).map(|n| n.0).collect()
    }

    #[test]
    fn tasks_leave_in_the_order_they_came() {
        let (owner, _) = numbers::<8>();
        for i in 1..=8 {
            assert!(!owner.push(Number(i), no_overflow));
        }
        assert_eq!(drain(&owner), (1..=8).collect::<Vec<_>>());
        assert!(owner.pop().is_none());
    }

    #[test]
    fn a_full_queue_gives_its_older_half_and_the_new_task_away() {
        let (owner, _) = numbers::<8>();
        (1..=8).for_each(|i| assert!(!owner.push(Number(i), no_overflow)));
        let mut spilled = Vec::new();
        assert!(owner.push(Number(9), |tasks| spilled.push(tasks)));
        assert_eq!(
            spilled,
            [
                vec![Number(1), Number(2)],
                vec![Number(3), Number(4), Number(9)]
            ]
        );
        assert_eq!(drain(&owner), [5, 6, 7, 8]);
    }

    #[test]
    fn a_thief_takes_half_rounded_up_and_runs_the_oldest_first() {
        let (victim, stealer) = numbers::<8>();
        let (thief, _) = numbers::<8>();
        (1..=5).for_each(|i| assert!(!victim.push(Number(i), no_overflow)));
        let (first, moved) = stealer.steal_into(&thief).unwrap();
        assert_eq!((first.0, moved), (1, 3));
        assert_eq!(drain(&thief), [2, 3]);
        assert_eq!(drain(&victim), [4, 5]);
        assert!(stealer.steal_into(&thief).is_none());
    }

    #[test]
    fn positions_may_wrap() {
        let (owner, stealer) = local_queue_at::<Number, 4>(usize::MAX - 2);
        let (thief, _) = local_queue_at::<Number, 4>(usize::MAX);
        for round in 0..4 {
            (1..=4).for_each(|i| assert!(!owner.push(Number(10 * round + i), no_overflow)));
            assert_eq!(owner.len(), 4);
            let (first, moved) = stealer.steal_into(&thief).unwrap();
            assert_eq!((first.0, moved), (10 * round + 1, 2));
            assert_eq!(drain(&thief), [10 * round + 2]);
            assert_eq!(drain(&owner), [10 * round + 3, 10 * round + 4]);
        }
    }

    #[test]
    fn no_task_is_lost_or_doubled_under_a_stampede_of_thieves() {
        const TASKS: usize = 200_000;
        const THIEVES: usize = 3;
        let (owner, stealer) = numbers::<16>();
        let stealer = std::sync::Arc::new(stealer);
        let done = AtomicBool::new(false);
        let mut seen = Vec::new();
        thread::scope(|scope| {
            let thieves: Vec<_> = (0..THIEVES)
                .map(|_| {
                    let (stealer, done) = (stealer.clone(), &done);
                    scope.spawn(move || {
                        let (own, _) = numbers::<16>();
                        let mut got = Vec::new();
                        loop {
                            let finished = done.load(SeqCst);
                            match stealer.steal_into(&own) {
                                Some((first, _)) => {
                                    got.push(first.0);
                                    got.extend(drain(&own));
                                }
                                None if finished => return got,
                                None => thread::yield_now(),
                            }
                        }
                    })
                })
                .collect();
            for i in 1..=TASKS {
                owner.push(Number(i), |tasks| seen.extend(tasks.iter().map(|n| n.0)));
                if i % 3 == 0 {
                    seen.extend(owner.pop().map(|n| n.0));
                }
            }
            seen.extend(drain(&owner));
            done.store(true, SeqCst);
            for thief in thieves {
                seen.extend(thief.join().unwrap());
            }
        });
        assert_eq!(seen.len(), TASKS);
        assert_eq!(seen.into_iter().collect::<HashSet<_>>().len(), TASKS);
    }
}
