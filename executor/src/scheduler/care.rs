//! What a poll heeds beside its task: the other half of `idle::attention`, out of the way of polls
//! that have nothing to heed.

#[cfg(feature = "dump")]
use super::stacks::{Collection, TracedPoll};
use super::{
    config::Config,
    observer::Observing,
    task_id::TaskId,
    trace::{event::Ending, recorder::Recorder},
    tracking::{Lent, Record, Tracking},
    wake_times::WakeTimes,
};
#[cfg(shuttle)]
use crate::sync::shuttle::LocalCell as _;
use crate::{
    idle::attention::{Attention, CLOSED, Heed},
    suspended::Registration,
    sync::{Mutex, thread_local},
};
use crossbeam_utils::CachePadded;
use std::{
    cell::Cell,
    marker::PhantomData,
    ptr::NonNull,
    sync::{Arc, OnceLock},
    task::Waker,
};

/// Tasks are tracked.
const TRACKED: u8 = 2;

/// A dump asks some tasks on what they wait.
#[cfg(feature = "dump")]
const ASKED: u8 = 4;

/// What happens to tasks is recorded.
pub(super) const RECORDED: u8 = 8;

/// An observer is told of it.
pub(super) const OBSERVED: u8 = 16;

/// What an executor heeds beside its tasks.
pub(super) struct Heeded {
    /// Read for each poll, so it has a cache line away from what changes.
    pub(super) attention: CachePadded<Attention>,
    /// If somebody wants tasks to be tracked.
    pub(super) tracking: Option<Box<Tracking>>,
    /// The tasks that a dump asks.
    #[cfg(feature = "dump")]
    pub(super) stacks: Collection,
    /// The tasks whose next wake-ups are measured.
    pub(super) wake_times: WakeTimes,
    /// If somebody has ever wanted a trace.
    pub(super) recorder: OnceLock<Arc<Recorder>>,
    /// How many want one now.
    pub(super) recordings: Mutex<usize>,
    /// If there is an observer.
    pub(super) observing: Option<Arc<Observing>>,
}

impl Heeded {
    /// Of an executor with these settings.
    pub(super) fn new(config: &mut Config) -> Heeded {
        let observing = config.hooks.observer.take().map(Observing::new);
        let tracked = if config.track { TRACKED } else { 0 };
        let observed = if observing.is_some() { OBSERVED } else { 0 };
        let from_the_start = tracked | observed;
        Heeded {
            attention: CachePadded::new(Attention::new(from_the_start)),
            tracking: config.track.then(Box::default),
            #[cfg(feature = "dump")]
            stacks: Collection::new(),
            wake_times: WakeTimes::default(),
            recorder: OnceLock::new(),
            recordings: Mutex::new(0),
            observing: observing.map(Arc::new),
        }
    }

    /// Whether a spawn has something to heed.
    #[inline]
    pub(super) fn is_for_spawns(&self) -> bool {
        self.attention.all() & (CLOSED | TRACKED | RECORDED | OBSERVED) != 0
    }

    /// Before a new task gets into a queue; returns whether it may, for the executor may have ended.
    #[cold]
    #[inline(never)]
    pub(super) fn attend_spawn(&self, id: TaskId) -> bool {
        let is_open = !self.attention.is_closed();
        if is_open && let Some(all) = &self.tracking {
            all.add(id, TaskId::current());
        }
        // In either case: of a task that is refused the end is told, too.
        self.tell_of_spawn(id);
        is_open
    }

    /// Whether a poll of a task has nothing to heed.
    #[inline]
    pub(super) fn is_clear(&self, registration: &Registration) -> bool {
        self.attention.before_poll(registration) == Heed::Nothing
    }

    /// Before a poll of a task: what has to be heeded.
    pub(super) fn attend(&self, registration: &Registration, own: &Waker) -> Attended<'_> {
        match self.attention.before_poll(registration) {
            Heed::Nothing => Attended::Settled,
            Heed::End => Attended::Dropped,
            Heed::Others => self.attend_to_others(registration, own),
        }
    }

    #[cold]
    #[inline(never)]
    fn attend_to_others(&self, registration: &Registration, own: &Waker) -> Attended<'_> {
        let all = self.attention.all();
        if with_attended(registration, |own| own.is_some()) {
            return Attended::Settled;
        }
        let id = TaskId::from_u64(registration.id());
        let id = id.expect("a task is registered under its id");
        let is_end = registration.is_aborted() || all & CLOSED != 0;
        let is_watched = registration.is_watched() && self.attend_watched(registration, id, is_end);
        let is_told = all & (RECORDED | OBSERVED) != 0;
        #[cfg(feature = "dump")]
        let claim = self.stacks.claim(id);
        let record = self.tracking.as_ref().and_then(|all| all.find(id));
        if is_end && !is_told {
            self.end_record(record.as_deref());
            return Attended::Dropped;
        }
        let mut care = Care {
            id,
            is_end,
            is_told,
            is_watched,
            #[cfg(feature = "dump")]
            traced: None,
            tracked: None,
            all: self,
        };
        if is_end {
            self.end_record(record.as_deref());
        } else {
            care.tracked = record.map(|record| (record.begin_poll(own), record));
            #[cfg(feature = "dump")]
            if let Some(claim) = claim {
                let beneath = care.tracked.as_ref().map_or(own, |(lent, _)| lent.waker());
                care.traced = Some(claim.begin_poll(beneath, own));
            }
        }
        if is_told {
            self.tell_of_poll(id, is_end);
        }
        Attended::Now(care)
    }

    /// Has polls heed that some tasks are asked on what they wait.
    #[cfg(feature = "dump")]
    pub(super) fn begin_to_ask(&self) {
        self.attention.raise(ASKED);
    }

    /// None is asked any more.
    #[cfg(feature = "dump")]
    pub(super) fn end_to_ask(&self) {
        self.attention.lower(ASKED);
    }

    fn end_record(&self, record: Option<&Record>) {
        if let (Some(all), Some(record)) = (&self.tracking, record) {
            all.remove(record);
        }
    }
}

/// What a poll heeds is settled before it, and then `Guarded::poll` is called once more, from the
/// inside: a second function that polls the future would keep the compiler from making the future's
/// code a part of the first. Here is, by its id, the task whose poll that is, and its own waker.
type Inside = Cell<Option<(u64, NonNull<Waker>)>>;

thread_local! {
    static INSIDE: Inside = const { Cell::new(None) };
}

/// From now on, until the guard is dropped, polls of this task have been attended to.
pub(super) fn attended<'a>(registration: &Registration, own: &'a Waker) -> AttendedGuard<'a> {
    AttendedGuard {
        outer: INSIDE.replace(Some((registration.id(), NonNull::from(own)))),
        _own: PhantomData,
    }
}

/// See [`attended`]. Callers keep it on the stack, so that guards are dropped in the reverse order.
pub(super) struct AttendedGuard<'a> {
    outer: Option<(u64, NonNull<Waker>)>,
    _own: PhantomData<&'a Waker>,
}

impl Drop for AttendedGuard<'_> {
    fn drop(&mut self) {
        INSIDE.set(self.outer);
    }
}

/// Calls `f` with the task's own waker, if the poll of the task has been attended to.
pub(super) fn with_attended<R>(
    registration: &Registration,
    f: impl FnOnce(Option<&Waker>) -> R,
) -> R {
    let inside = INSIDE.get().filter(|(id, _)| *id == registration.id());
    // SAFETY: borrowed by the guard of that task, which lies below on this stack.
    f(inside.map(|(_, own)| unsafe { own.as_ref() }))
}

/// What comes of it that a poll may have something to heed.
pub(super) enum Attended<'a> {
    /// The task is to be dropped instead.
    Dropped,
    /// It is to be polled with care.
    Now(Care<'a>),
    /// There is nothing to heed, or it was attended to.
    Settled,
}

/// What a poll heeds; see the module's text.
pub(super) struct Care<'a> {
    id: TaskId,
    /// The task is to be dropped instead.
    pub(super) is_end: bool,
    /// Somebody is told of it.
    is_told: bool,
    /// The task's next wake-up is measured.
    is_watched: bool,
    /// Its waker refers to the one below.
    #[cfg(feature = "dump")]
    traced: Option<TracedPoll<'a>>,
    /// Its waker first: it refers to the record.
    tracked: Option<(Lent, Arc<Record>)>,
    all: &'a Heeded,
}

impl Care<'_> {
    /// The waker to poll with, in place of the task's own.
    pub(super) fn waker<'a>(&'a self, own: &'a Waker) -> &'a Waker {
        #[cfg(feature = "dump")]
        if let Some(traced) = &self.traced {
            return traced.waker();
        }
        match &self.tracked {
            Some((lent, _)) => lent.waker(),
            None => own,
        }
    }

    /// The poll is over, and has left the task pending.
    pub(super) fn waits(self) {
        if self.is_told {
            self.all.tell_of_end_of_poll(self.id, Ending::Pending);
        }
        #[cfg(feature = "dump")]
        if let Some(traced) = self.traced {
            traced.answer();
        }
    }

    /// The task has ended in this poll.
    pub(super) fn end(&self, ending: Ending) {
        if self.is_watched {
            self.all.wake_times.polled(self.id, 0);
        }
        if self.is_told {
            self.all.tell_of_end_of_poll(self.id, ending);
        }
        let record = self.tracked.as_ref().map(|(_, record)| &**record);
        self.all.end_record(record);
    }
}
