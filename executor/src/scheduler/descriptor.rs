//! What a socket waits with: the readiness of its descriptor, and who waits for it.
//!
//! It waits with the poller of the executor that it is first polled in, wherever it is polled later;
//! when that executor ends, with that of the next. The pattern of each operation is the same: if the
//! descriptor seems ready, try; if that would block, note it, and wait. So what has come is not lost
//! when a future is dropped: nothing was taken yet.

use super::{
    Scheduler, allowance::poll_leaf, context, default, driver::Source, leaf,
    shared_source::Selected, simulated, worker::Worker,
};
use crate::{
    idle::pool::Pool,
    netpoll::{
        readiness::{Place, Readiness, Seen, Waiter},
        slot::{NotArmed, Slot},
    },
    sync::panic::wake,
};
use std::{
    future::poll_fn,
    io,
    os::fd::{AsRawFd, BorrowedFd},
    sync::Arc,
    task::{Context, Poll, ready},
};

pub(crate) use crate::netpoll::slot::Direction;

/// No system moves more bytes in one call than fit into an `i32`; some move a little less.
const MOST_BYTES: usize = 1 << 30;

/// What an operation on a stream has done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    bytes: usize,
    /// It says that the next one would block.
    ran_short: bool,
}

impl Moved {
    /// So many bytes, of `length` that there was room for: if that is less, the next operation would
    /// block.
    pub(crate) fn of(bytes: usize, length: usize) -> Moved {
        // None at all is the end of the stream, which comes again.
        let ran_short = 0 < bytes && bytes < length.min(MOST_BYTES);
        Moved { bytes, ran_short }
    }

    /// So many bytes, which say nothing of the next operation.
    pub(crate) fn untold(bytes: usize) -> Moved {
        Moved {
            bytes,
            ran_short: false,
        }
    }
}

/// The readiness of a descriptor, which is registered with an executor's poller at the first wait.
#[derive(Debug)]
pub(crate) struct Descriptor(Arc<Slot<Selected>>);

impl Descriptor {
    /// Of a new socket: ready in both directions until an operation says that it would block.
    pub(crate) fn claiming() -> Descriptor {
        Descriptor(Arc::new(Slot::new(true)))
    }

    /// Calls `op` as soon as the descriptor is ready, until it does something other than
    /// `WouldBlock` (or `Interrupted`). One task at a time waits in this way for each direction: the
    /// last one that polled.
    pub(crate) fn poll_io<T>(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        cx: &mut Context<'_>,
        mut op: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        poll_leaf(cx, |cx| {
            self.poll_op(fd, direction, cx, None, &mut op, |_| false)
        })
    }

    /// The same for a stream, whose operations may run short.
    pub(crate) fn poll_stream(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        cx: &mut Context<'_>,
        mut op: impl FnMut() -> io::Result<Moved>,
    ) -> Poll<io::Result<usize>> {
        let moved = poll_leaf(cx, |cx| {
            self.poll_op(fd, direction, cx, None, &mut op, |moved| moved.ran_short)
        });
        moved.map_ok(|moved| moved.bytes)
    }

    /// As [`poll_io`](Descriptor::poll_io), but any number of tasks may wait at once.
    pub(crate) async fn io<T>(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        mut op: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        let mut waiting = self.waiting(direction);
        poll_fn(|cx| {
            let place = &mut waiting.place;
            poll_leaf(cx, |cx| {
                self.poll_op(fd, direction, cx, Some(place), &mut op, |_| false)
            })
        })
        .await
    }

    /// Waits until the descriptor is ready, for one task as `poll_io`.
    pub(crate) fn poll_ready(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        poll_leaf(cx, |cx| {
            self.poll_seen(fd, direction, cx, None).map_ok(drop)
        })
    }

    /// Waits until the descriptor is ready. Any number of tasks may do so at once.
    pub(crate) async fn ready(&self, fd: BorrowedFd<'_>, direction: Direction) -> io::Result<()> {
        let mut waiting = self.waiting(direction);
        poll_fn(|cx| {
            let place = &mut waiting.place;
            poll_leaf(cx, |cx| {
                self.poll_seen(fd, direction, cx, Some(place)).map_ok(drop)
            })
        })
        .await
    }

    /// Calls `op` once if the descriptor seems ready, or if nobody here would be told of it; else says
    /// `WouldBlock`. If `op` does, the descriptor is not ready until an event comes.
    pub(crate) fn try_io<T>(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        op: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let seen = self.0.readiness(direction).seen();
        let is_told = seen.is_armed() && !self.0.is_left_behind() && !simulated::is_on();
        if is_told && !seen.is_ready() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = self.try_now(direction, op);
        if would_block(&result) && !is_told && !leaf::poller().is_in_forked_child() {
            // If that fails, the next call calls `op` again.
            let _ = self.arm(fd, direction);
        }
        result
    }

    /// Calls `op` once, whatever is known of the descriptor: for whoever has never waited, nobody
    /// tells of events. If it says `WouldBlock`, the descriptor is not ready any more.
    pub(crate) fn try_now<T>(
        &self,
        direction: Direction,
        op: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let readiness = self.0.readiness(direction);
        let seen = readiness.seen();
        let result = op();
        if would_block(&result) {
            readiness.would_block(seen);
        }
        result
    }

    /// Ends the registration, if there is one, and wakes whoever waits. Call before `fd` is closed,
    /// or goes to somebody else.
    pub(crate) fn deregister(&self, fd: BorrowedFd<'_>) {
        self.0.disarm(fd.as_raw_fd()).into_iter().for_each(wake);
    }

    /// Tries `op` whenever the descriptor is ready.
    fn poll_op<T>(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        cx: &mut Context<'_>,
        mut place: Option<&mut Option<Place>>,
        op: &mut impl FnMut() -> io::Result<T>,
        is_short: impl Fn(&T) -> bool,
    ) -> Poll<io::Result<T>> {
        let readiness = self.0.readiness(direction);
        loop {
            let seen = ready!(self.poll_seen(fd, direction, cx, place.as_deref_mut()))?;
            match op() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    readiness.would_block(seen);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    if result.as_ref().is_ok_and(&is_short) {
                        readiness.ran_short(seen);
                    }
                    return Poll::Ready(result);
                }
            }
        }
    }

    /// Waits until the descriptor seems ready.
    fn poll_seen(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        cx: &Context<'_>,
        mut place: Option<&mut Option<Place>>,
    ) -> Poll<io::Result<Seen>> {
        let readiness = self.0.readiness(direction);
        let seen = readiness.seen();
        if seen.is_armed() && !seen.is_ready() {
            // The poller of an executor outside would wake the task. What is not armed, `arm` refuses.
            simulated::refuse_descriptor(fd.as_raw_fd())?;
        }
        loop {
            if self.0.is_left_behind() {
                self.arm(fd, direction)?;
            }
            let waiter = match &mut place {
                Some(place) => Waiter::Many(place),
                None => Waiter::One,
            };
            let seen = readiness.poll(cx, waiter);
            if seen.is_ready() {
                return Poll::Ready(Ok(seen));
            }
            if seen.is_armed() {
                return Poll::Pending;
            }
            self.arm(fd, direction)?;
        }
    }

    #[cold]
    fn arm(&self, fd: BorrowedFd<'_>, direction: Direction) -> io::Result<()> {
        simulated::refuse_descriptor(fd.as_raw_fd())?;
        match self.arm_with(&leaf::poller(), fd, direction) {
            Err(NotArmed::Refused(error)) => Err(error),
            // It is closed now, or the last of its machines has just ended.
            Err(NotArmed::Ended) => match self.arm_with(default::scheduler(), fd, direction) {
                Err(NotArmed::Refused(error)) => Err(error),
                _ => Ok(()),
            },
            Ok(()) => Ok(()),
        }
    }

    fn arm_with(
        &self,
        scheduler: &Arc<Scheduler>,
        fd: BorrowedFd<'_>,
        direction: Direction,
    ) -> Result<(), NotArmed> {
        scheduler.refuse_in_forked_child();
        let sockets = &scheduler.shared_source.sockets;
        if self.0.arm(sockets, fd.as_raw_fd(), direction)? {
            scheduler.descriptor_is_new();
        }
        Ok(())
    }

    fn waiting(&self, direction: Direction) -> Waiting<'_> {
        Waiting {
            readiness: self.0.readiness(direction),
            place: None,
        }
    }
}

/// A future that waits, with the place of its waker.
struct Waiting<'a> {
    readiness: &'a Readiness,
    place: Option<Place>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.readiness.leave(place);
        }
    }
}

impl Scheduler {
    /// A descriptor has been registered from this thread: somebody has to look at the poller.
    fn descriptor_is_new(self: &Arc<Self>) {
        // A worker that is active looks as soon as it has nothing else to do.
        let looks = |worker: &Worker| worker.is_of(self) && worker.will_look();
        if context::with_worker(|worker| worker.is_some_and(looks)) {
            return;
        }
        // After the fence: whoever sleeps there has seen the descriptor, or is seen.
        self.idle.fence_before_recheck();
        if self.shared_source.is_unwatched() {
            self.call_watcher();
        }
    }
}

fn would_block<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
