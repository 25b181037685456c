//! hyper's `Executor` and `Timer`: see `net` for its `Read` and `Write`.

use crate::{
    handle::Handle,
    time::{self, Sleep},
};
use hyper::rt;
use std::{
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

/// Spawns, and detaches the task. Needs the feature `hyper`.
impl<F> rt::Executor<F> for Handle
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        drop(self.spawn(future));
    }
}

/// Timers that the executor serves in which they are polled. Needs the feature `hyper`.
impl rt::Timer for Handle {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(time::sleep(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(time::sleep_until(deadline))
    }

    fn now(&self) -> Instant {
        time::now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(sleep) => sleep.reset(deadline),
            // Somebody else's.
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

/// Needs the feature `hyper`.
impl rt::Sleep for Sleep {}
