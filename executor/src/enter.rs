//! Threads that make an executor the current one.

use crate::{
    handle::Handle,
    scheduler::{bridge::Inside, context::Entered},
};
use std::{fmt, thread};

/// As long as this exists, an executor is the current one on the thread. [`Handle::enter`] returns
/// it.
///
/// Forgetting it, as by [`std::mem::forget`], leaves that executor the current one for as long as
/// the thread lives.
///
/// # Panics
///
/// Guards must be dropped in the reverse order in which they were acquired, and outside of calls of
/// [`block_on`](crate::block_on) and tasks that began later. The drop of one that is not the latest
/// panics, unless the thread is panicking; what is the current executor then is not said.
///
/// # Examples
///
/// ```
/// let executor = executor::Executor::builder().thread_name("own").build()?;
/// let handle = executor.handle();
/// let guard = handle.enter();
/// let task = executor::spawn(async { std::thread::current().name().map(str::to_owned) });
/// drop(guard);
/// assert_eq!(executor::block_on(task)?.as_deref(), Some("own"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "dropping the guard leaves the executor"]
pub struct EnterGuard<'a> {
    /// `None` only while the guard is being dropped. Belongs to this thread, and so does the guard.
    entered: Option<Entered>,
    /// Borrows the handle, as tokio's guard does.
    _inside: Inside<'a>,
}

impl Handle {
    /// Makes this executor the current one on the calling thread, until the guard is dropped: the
    /// free functions act on it, and [`Handle::current`] returns it. A task, or a `block_on`, that
    /// runs on this thread meanwhile is in its own executor all the same.
    ///
    /// For code that calls [`executor::spawn`](crate::spawn) where no executor is current, such as
    /// a constructor or a test. It neither keeps the executor running nor waits for it. It also
    /// serves the timers of a future that somebody else's executor polls on this thread; once it
    /// has ended, the default executor does.
    ///
    /// With `Builder::enter_tokio`, the thread is in that runtime's context as well.
    ///
    /// The name and the meaning are those of tokio's `Handle::enter`.
    ///
    /// # Panics
    ///
    /// See [`EnterGuard`].
    ///
    /// ```
    /// use executor::{Executor, Handle};
    ///
    /// let executor = Executor::builder().workers(3).build()?;
    /// let handle = executor.handle();
    /// let _guard = handle.enter();
    /// assert_eq!(Handle::current().metrics().workers(), 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard {
            entered: Some(Entered::new(self.scheduler.clone())),
            _inside: self.scheduler.config.bridge.enter(),
        }
    }
}

impl Drop for EnterGuard<'_> {
    fn drop(&mut self) {
        let entered = self.entered.take().expect("present until dropped");
        if entered.leave().is_err() && !thread::panicking() {
            panic!(
                "`EnterGuard` values dropped out of order: a guard of `Handle::enter` must be \
                 dropped before those that were there when it was acquired, and outside of what \
                 began later"
            );
        }
    }
}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}
