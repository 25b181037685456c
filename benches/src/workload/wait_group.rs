//! `WaitGroup`s: this project's and those of the crates `waitgroup` and `awaitgroup`.

use crate::runtime::Runtime;
use std::{future::Future, sync::Arc};

/// A group as the workload sees it: shared by the tasks, waited for by one.
///
/// The crates count handles instead of calls: there an `add` makes a handle, and a `done` drops it.
pub trait Count: Clone + Send + Sync + 'static {
    /// A group with one count, which the caller holds.
    fn with_one() -> Self;

    /// Adds one to the group and takes it away again.
    fn add_done(&self);

    /// Gives the caller's count back, and waits for the others.
    fn wait(self) -> impl Future<Output = ()> + Send;
}

/// This project's `WaitGroup`.
#[derive(Clone, Debug)]
pub struct OurGroup(waitgroup::WaitGroup);

impl Count for OurGroup {
    fn with_one() -> OurGroup {
        let group = waitgroup::WaitGroup::new();
        group.add(1);
        OurGroup(group)
    }

    fn add_done(&self) {
        self.0.add(1);
        self.0.done();
    }

    async fn wait(self) {
        self.0.done();
        self.0.wait().await;
    }
}

/// The `WaitGroup` of the crate `waitgroup` on crates.io: an `Arc` is its count.
#[derive(Clone)]
pub struct PeerGroup(Arc<waitgroup_peer::WaitGroup>);

impl std::fmt::Debug for PeerGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PeerGroup")
    }
}

impl Count for PeerGroup {
    fn with_one() -> PeerGroup {
        PeerGroup(Arc::new(waitgroup_peer::WaitGroup::new()))
    }

    fn add_done(&self) {
        drop(self.0.worker());
    }

    async fn wait(self) {
        // The tasks have given their clones back; the group itself is the caller's count.
        Arc::into_inner(self.0)
            .expect("the tasks are done with the group")
            .wait()
            .await;
    }
}

/// The `WaitGroup` of the crate `awaitgroup`.
#[derive(Debug)]
pub struct AwaitGroup {
    group: Arc<awaitgroup::WaitGroup>,
    held: Option<awaitgroup::Worker>,
}

impl Clone for AwaitGroup {
    fn clone(&self) -> AwaitGroup {
        AwaitGroup {
            group: self.group.clone(),
            held: None,
        }
    }
}

impl Count for AwaitGroup {
    fn with_one() -> AwaitGroup {
        let group = awaitgroup::WaitGroup::new();
        let held = Some(group.worker());
        AwaitGroup {
            group: Arc::new(group),
            held,
        }
    }

    fn add_done(&self) {
        self.group.worker().done();
    }

    async fn wait(self) {
        drop(self.held);
        Arc::into_inner(self.group)
            .expect("the tasks are done with the group")
            .wait()
            .await;
    }
}

/// `tasks` tasks add to one group and take away again, `times` times each.
pub async fn hammer<R: Runtime, G: Count>(tasks: usize, times: usize) {
    let group = G::with_one();
    let task = |_| {
        let group = group.clone();
        R::spawn(async move {
            for _ in 0..times {
                group.add_done();
            }
        })
    };
    for join in (0..tasks).map(task).collect::<Vec<_>>() {
        join.await;
    }
    group.wait().await;
}
