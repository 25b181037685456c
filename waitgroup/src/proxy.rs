//! A waker's proxy, which is woken in its stead under a lock.
//!
//! event-listener wakes, clones and drops the wakers of its listeners under the lock of their list.
//! Wakers are foreign code. One that panics there would cost the listeners behind it their wake-up,
//! and one that comes back to the list would wait for itself. So a listener of ours knows a
//! [`Proxy`]. When that is woken, it does no more than take its place in a list of the calling
//! thread. Whoever notifies wakes those in the list once the lock is gone ([`wake_all`]).
//!
//! The price: one allocation of 48 bytes for each wait that is polled before it is over, and one
//! more list, as long as there are such waits, for the last `done` of a round.

use std::{
    cell::RefCell,
    mem::{self, ManuallyDrop},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
    task::{Wake, Waker},
};

use crate::sync::{Mutex, MutexGuard, local};

/// See the module's text.
pub(crate) struct Proxy {
    /// The waker of the latest poll; `None` once it has been woken.
    waker: Mutex<Option<Waker>>,
}

/// Those that were woken on this thread; `None` if nobody would look.
type Woken = Option<Vec<Arc<Proxy>>>;

local! {
    // It has no destructor, and so is there for the destructors of other thread-locals. Nothing
    // leaks: `wake_all` leaves what it has found.
    static WOKEN: RefCell<ManuallyDrop<Woken>> = const { RefCell::new(ManuallyDrop::new(None)) };
}

fn replace_woken(woken: Woken) -> Woken {
    WOKEN.with(|cell| ManuallyDrop::into_inner(cell.replace(ManuallyDrop::new(woken))))
}

impl Proxy {
    pub(crate) fn new(waker: Waker) -> Arc<Proxy> {
        Arc::new(Proxy {
            waker: Mutex::new(Some(waker)),
        })
    }

    /// Has `waker` woken from now on; returns whether the proxy has not been woken before. No code
    /// of either waker runs under the lock.
    pub(crate) fn renew(&self, waker: &Waker) -> bool {
        match &*self.lock() {
            Some(own) if own.will_wake(waker) => return true,
            Some(_) => {}
            None => return false,
        }
        let mut waker = Some(waker.clone());
        let mut own = self.lock();
        if own.is_none() {
            return false;
        }
        mem::swap(&mut *own, &mut waker);
        // What was there is dropped without the lock.
        drop(own);
        true
    }

    fn wake_waker(&self) {
        let waker = self.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        // Nothing panics under this lock.
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Proxy {
    fn wake(self: Arc<Self>) {
        let mut own = Some(self);
        WOKEN.with(|woken| {
            if let Some(woken) = &mut **woken.borrow_mut() {
                woken.extend(own.take());
            }
        });
        // Nobody notifies here.
        if let Some(proxy) = own {
            proxy.wake_waker();
        }
    }
}

/// Calls `notify`, which wakes proxies under a lock, and then wakes those that they stand for. A
/// panic of one of these has been reported by the panic hook, and keeps no other from being woken.
pub(crate) fn wake_all(notify: impl FnOnce()) {
    // There is no outer list: under the lock runs no foreign code that could notify.
    replace_woken(Some(Vec::new()));
    notify();
    for proxy in replace_woken(None).unwrap_or_default() {
        caught(|| proxy.wake_waker());
    }
}

/// Runs foreign code, and swallows its panic. If the payload panics as it is dropped, what that
/// throws is leaked: it could go on for ever.
fn caught(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f))
        && let Err(next) = catch_unwind(AssertUnwindSafe(|| drop(payload)))
    {
        mem::forget(next);
    }
}
