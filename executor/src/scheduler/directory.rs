//! Finds an executor that may be gone by its address.
//!
//! A `JoinHandle` may outlive the executor, and knows no more of it than the address in the task's
//! metadata. Only an abort needs the way from there to the executor, so it takes the slow road: a
//! map under a lock, instead of an `Arc` in every handle.

use super::Scheduler;
use crate::sync::lock;
use std::{
    collections::BTreeMap,
    ptr::NonNull,
    sync::{Arc, Mutex, Weak},
};

static EXECUTORS: Mutex<BTreeMap<usize, Weak<Scheduler>>> = Mutex::new(BTreeMap::new());

/// Makes `scheduler` known.
pub(super) fn enter(scheduler: &Arc<Scheduler>) {
    let address = NonNull::from(&**scheduler).addr().get();
    lock(&EXECUTORS).insert(address, Arc::downgrade(scheduler));
}

/// Forgets a scheduler that is being dropped.
pub(super) fn leave(scheduler: &Scheduler) {
    lock(&EXECUTORS).remove(&NonNull::from(scheduler).addr().get());
}

/// The scheduler at that address, or none if it is gone. A later one at the same address is
/// possible: the caller must be able to tell.
pub(crate) fn find(address: NonNull<Scheduler>) -> Option<Arc<Scheduler>> {
    let found = lock(&EXECUTORS).get(&address.addr().get()).cloned();
    found.and_then(|scheduler| scheduler.upgrade())
}
