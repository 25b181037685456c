//! Which tasks nobody will ever wake.
//!
//! A task waits for good if it waits, and no waker of it is left (`tracking` tells why that is exact);
//! or if each of those that are left waits for the end of a task that waits for good, and that
//! nobody can abort. The largest set of which that holds is what is wanted: two tasks that wait for
//! each other are in it.
//!
//! What is known of each task is read one after the other, and may have changed before the last was
//! read. So all are read again in the end: if nothing has changed of the tasks in the set, then all
//! of it held at one moment between, and it holds for ever. Of two readings that are the same, no
//! poll lies between, since polls are counted; so the task waits for what it waited for. If something
//! has changed, those tasks are left out, and the set is made anew. Whose end somebody has asked for
//! is found out between the two: who has asked, and then dropped his abort handle, was counted in
//! the first reading, or is seen to have asked.

use crate::scheduler::{
    task_id::TaskId,
    tracking::{Known, Phase, Record},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

type Candidates<'a> = HashMap<TaskId, (&'a Record, Known)>;

/// The tasks that nobody will ever wake, but for those that `aborted` finds: whose end somebody has
/// asked for.
pub(super) fn find(
    records: &[Arc<Record>],
    aborted: impl FnOnce() -> HashSet<TaskId>,
) -> HashSet<TaskId> {
    let records = records.iter();
    let mut candidates: Candidates<'_> = records
        .map(|record| (record.id, (&**record, record.known())))
        .filter(|(_, (_, known))| may_wait_for_good(known))
        .collect();
    for id in aborted() {
        candidates.remove(&id);
    }
    loop {
        close(&mut candidates);
        let before = candidates.len();
        candidates.retain(|_, (record, known)| record.known() == *known);
        if candidates.len() == before {
            return candidates.into_keys().collect();
        }
    }
}

/// Whether it waits, and wakers of it are at most where it waits for tasks.
fn may_wait_for_good(known: &Known) -> bool {
    known.phase == Phase::Waits && !known.is_woken && known.only_joins()
}

/// Leaves out whoever waits for a task that is not there, or may be aborted, and whoever waits for
/// those, until nobody does. Each wait is looked at twice at most, however long chains are.
fn close(candidates: &mut Candidates<'_>) {
    let mut waiters: HashMap<TaskId, Vec<TaskId>> = HashMap::new();
    for (&id, (_, known)) in candidates.iter() {
        for joined in known.joined() {
            waiters.entry(joined).or_default().push(id);
        }
    }
    let may_end = |id: &TaskId| match candidates.get(id) {
        Some((_, known)) => known.aborters > 0,
        None => true,
    };
    let mut may_end: Vec<TaskId> = waiters.keys().copied().filter(may_end).collect();
    while let Some(id) = may_end.pop() {
        // A task is in the list when it has left the candidates, or can be aborted: once each.
        for waiter in waiters.remove(&id).into_iter().flatten() {
            if candidates.remove(&waiter).is_some() {
                may_end.push(waiter);
            }
        }
    }
}
