//! Regions and events of the user's, and the numbers that stand for their names.

use super::{event::Kind, names};
use crate::scheduler::{Scheduler, context, default};
use std::sync::atomic::{AtomicU8, Ordering};

/// A number that tells this thread from others whose events are in the same ring: if those are not
/// many, for after 256 threads numbers are used again.
fn thread() -> u8 {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    std::thread_local! {
        static OWN: u8 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // A thread that ends has none any more.
    OWN.try_with(|own| *own).unwrap_or(0)
}

/// Records a mark on the executor that this thread is in, or else on the default one, if anybody wants
/// that.
fn mark(kind: Kind, name: &'static str) {
    context::with_current(|current| {
        let scheduler = match current {
            Some(current) => Some(current),
            None => default::started(),
        };
        if let Some(Scheduler { heeded, .. }) = scheduler.map(|scheduler| &**scheduler)
            && heeded.is_recording()
        {
            heeded.record(kind, thread(), names::number_of(name));
        }
    });
}

/// Runs `f`, and records that as a region of the trace, if there is one: a slice of that name, inside
/// the poll.
///
/// Where nothing is recorded it costs a nanosecond or two. For what is awaited inside, there is
/// nothing like it: a region begins and ends on one thread.
///
/// # Panics
///
/// A panic of `f` unwinds out of this call, and ends the region.
///
/// # Examples
///
/// ```
/// use executor::trace::region;
///
/// let numbers = region("parse", || "1 2 3".split(' ').map(str::len).sum::<usize>());
/// assert_eq!(numbers, 3);
/// ```
pub fn region<R>(name: &'static str, f: impl FnOnce() -> R) -> R {
    struct Ends(&'static str);

    impl Drop for Ends {
        fn drop(&mut self) {
            mark(Kind::RegionEnds, self.0);
        }
    }

    mark(Kind::RegionBegins, name);
    let _ends = Ends(name);
    f()
}

/// Records that something has happened, in the trace, if there is one.
///
/// Where nothing is recorded it costs a nanosecond or two.
///
/// # Examples
///
/// ```
/// executor::trace::event("cache miss");
/// ```
pub fn event(name: &'static str) {
    mark(Kind::User, name);
}
