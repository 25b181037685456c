//! Shards live for ever, and are used again.
//!
//! An entry knows its shard by address, and may outlive the executor or the call of `block_on` that the
//! shard belonged to. A count of references would cost each timer two atomic operations; as many
//! shards as were ever in use at once cost 9 KiB each.

use super::Timers;
use crate::clock;
#[cfg(not(shuttle))]
use crate::sync::lock_static as lock;
#[cfg(shuttle)]
use crate::sync::{Mutex, lock};
#[cfg(not(shuttle))]
use std::sync::Mutex;
use std::{fmt, ops::Deref};

#[cfg(not(shuttle))]
static FREE: Mutex<Vec<&'static Timers>> = Mutex::new(Vec::new());

#[cfg(shuttle)]
shuttle::lazy_static! {
    static ref FREE: Free = Free(Mutex::new(Vec::new()));
}

/// For ever is one execution of shuttle's, whose locks are good for no other.
#[cfg(shuttle)]
struct Free(Mutex<Vec<&'static Timers>>);

#[cfg(shuttle)]
impl Deref for Free {
    type Target = Mutex<Vec<&'static Timers>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[cfg(shuttle)]
impl Drop for Free {
    fn drop(&mut self) {
        let shards = self.0.get_mut();
        for shard in shards.into_iter().flat_map(|shards| shards.drain(..)) {
            // SAFETY: leaked by `take`, and nobody uses it any more: the execution is over.
            drop(unsafe { Box::from_raw(std::ptr::from_ref(shard).cast_mut()) });
        }
    }
}

/// The use of a shard until this is dropped.
pub(crate) struct Shard(&'static Timers);

impl Shard {
    /// Takes a shard that nobody uses, or makes one.
    pub(crate) fn take() -> Shard {
        let free = lock(&FREE).pop();
        let shard = free.unwrap_or_else(|| Box::leak(Box::new(Timers::new())));
        shard.skip_to(clock::now());
        Shard(shard)
    }

    /// The shard itself.
    pub(crate) fn timers(&self) -> &'static Timers {
        self.0
    }
}

impl Deref for Shard {
    type Target = Timers;

    fn deref(&self) -> &Timers {
        self.0
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").finish_non_exhaustive()
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.evict();
        self.set_attended(false);
        lock(&FREE).push(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_used_again() {
        // Other tests take shards too, so one of many attempts has to find its own.
        let again = (0..1_000).any(|_| {
            let first: *const Timers = Shard::take().timers();
            std::ptr::eq(first, Shard::take().timers())
        });
        assert!(again);
    }
}
