//! What a hostile callback does: a little of everything.

use super::{Ledger, Wakers, eventually, executor, quiet_panic};
use executor::{Executor, Handle, JoinHandle};
use std::{
    future::pending,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

/// Tasks that wait, to be woken, aborted and detached by callbacks.
const VICTIMS: usize = 100;

/// Shared by the callbacks of one test.
#[derive(Debug)]
pub struct Mischief {
    /// Whether each callback panics at its end.
    pub panics: bool,
    /// Of everything that is to be dropped.
    pub ledger: Ledger,
    handle: OnceLock<Handle>,
    wakers: Wakers,
    victims: Mutex<Vec<JoinHandle<()>>>,
    acts: AtomicUsize,
}

impl Mischief {
    /// For callbacks that come before there is an executor.
    pub fn new(panics: bool) -> Arc<Mischief> {
        Arc::new(Mischief {
            panics,
            ledger: Ledger::new(),
            handle: OnceLock::new(),
            wakers: Wakers::new(),
            victims: Mutex::default(),
            acts: AtomicUsize::new(0),
        })
    }

    /// With victims that wait.
    pub fn on(own: &Executor, panics: bool) -> Arc<Mischief> {
        let mischief = Mischief::new(panics);
        mischief.begin(own);
        eventually("the victims wait", || mischief.wakers.len() == VICTIMS);
        mischief
    }

    /// Spawns the victims.
    pub fn begin(&self, own: &Executor) {
        self.handle.set(own.handle()).unwrap();
        let victims = (0..VICTIMS).map(|_| {
            let (guard, wait) = (self.ledger.guard(), self.wakers.forever());
            own.spawn(async move {
                let _guard = guard;
                wait.await
            })
        });
        let victims: Vec<_> = victims.collect();
        self.victims.lock().unwrap().extend(victims);
    }

    /// The callback: spawns, wakes, aborts, drops; and panics if it is to.
    pub fn act(&self) {
        let handle = self.handle.get().cloned().unwrap_or_else(Handle::current);
        let [polled, called] = [self.ledger.guard(), self.ledger.guard()];
        drop(handle.spawn(async move {
            let _polled = polled;
            executor::yield_now().await;
        }));
        drop(handle.spawn_blocking(move || drop(called)));
        let mut wakers = self.wakers.take();
        drop(wakers.pop());
        wakers.into_iter().for_each(|waker| waker.wake());
        // Each `pop` is a statement of its own, so that nothing is done under the lock.
        let aborted = self.victims.lock().unwrap().pop();
        aborted.iter().for_each(JoinHandle::abort);
        let detached = self.victims.lock().unwrap().pop();
        drop((aborted, detached));
        self.drop_another_executor();
        self.acts.fetch_add(1, SeqCst);
        if self.panics {
            quiet_panic("from a callback");
        }
    }

    fn drop_another_executor(&self) {
        let (another, guard) = (executor(1), self.ledger.guard());
        another.spawn(async move {
            let _guard = guard;
            pending::<()>().await
        });
    }

    /// Callbacks that came to their end.
    pub fn acts(&self) -> usize {
        self.acts.load(SeqCst)
    }

    /// After the executor's end: everything has been dropped.
    #[track_caller]
    pub fn assert_settled(&self) {
        self.ledger.assert_settled();
    }
}
