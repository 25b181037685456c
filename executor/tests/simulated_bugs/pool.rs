//! [sqlx#622](https://github.com/transact-rs/sqlx/issues/622), mended in
//! [8f1d8c7e](https://github.com/transact-rs/sqlx/commit/8f1d8c7e2fc912597cef6e76a935e3d705547571)
//! ([#1211](https://github.com/transact-rs/sqlx/pull/1211)): `Pool::acquire` times out, while
//! connections lie idle.
//!
//! Whoever gives a connection back wakes one of those who wait, and takes it out of their queue. If
//! that task is cancelled before it is polled, as a handler is when its client goes away, the
//! wake-up is lost: the connection lies idle, and the others wait until their time is over. The mend
//! is a destructor that passes the wake-up on.

use crate::{Version, common::watchdog, find, find_nothing};
use executor::{
    sim::{FailureKind, random},
    spawn,
    time::{now, sleep, timeout},
};
use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// sqlx's default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

struct Pool {
    version: Version,
    /// How many connections are idle. There is one in all.
    idle: Mutex<usize>,
    waiters: Mutex<VecDeque<Weak<Woken>>>,
}

/// A connection in use.
struct Connection(Arc<Pool>);

#[derive(Debug)]
struct TimedOut;

/// In the queue.
struct Woken {
    woken: AtomicBool,
    waker: Waker,
}

/// Who is in the queue.
struct Waiter<'a> {
    inner: Arc<Woken>,
    pool: &'a Pool,
    has_noticed: bool,
}

impl Pool {
    fn new(version: Version) -> Arc<Pool> {
        Arc::new(Pool {
            version,
            idle: Mutex::new(1),
            waiters: Mutex::default(),
        })
    }

    async fn acquire(self: &Arc<Pool>) -> Result<Connection, TimedOut> {
        let (deadline, mut has_waited) = (now() + CONNECT_TIMEOUT, false);
        loop {
            // Nobody jumps the queue.
            if has_waited || self.waiters.lock().unwrap().is_empty() {
                let mut idle = self.idle.lock().unwrap();
                if *idle > 0 {
                    *idle -= 1;
                    return Ok(Connection(self.clone()));
                }
            }
            self.wait(deadline).await?;
            has_waited = true;
        }
    }

    async fn wait(&self, deadline: Instant) -> Result<(), TimedOut> {
        let mut waiter = None;
        let woken = poll_fn(|cx| {
            let waiter = waiter.get_or_insert_with(|| Waiter::enqueue(self, cx));
            if waiter.inner.woken.load(SeqCst) {
                waiter.has_noticed = true;
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        let limited = timeout(deadline.saturating_duration_since(now()), woken);
        limited.await.map_err(|_| TimedOut)
    }

    fn wake_one(&self) {
        let next = || self.waiters.lock().unwrap().pop_front();
        while let Some(waiter) = next() {
            if let Some(waiter) = waiter.upgrade()
                && !waiter.woken.swap(true, SeqCst)
            {
                return waiter.waker.wake_by_ref();
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        *self.0.idle.lock().unwrap() += 1;
        self.0.wake_one();
    }
}

impl<'a> Waiter<'a> {
    fn enqueue(pool: &'a Pool, cx: &mut Context<'_>) -> Waiter<'a> {
        let inner = Arc::new(Woken {
            woken: AtomicBool::new(false),
            waker: cx.waker().clone(),
        });
        let mut waiters = pool.waiters.lock().unwrap();
        waiters.push_back(Arc::downgrade(&inner));
        Waiter {
            inner,
            pool,
            has_noticed: false,
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let is_mended = self.pool.version == Version::Mended;
        if is_mended && self.inner.woken.load(SeqCst) && !self.has_noticed {
            self.pool.wake_one();
        }
    }
}

/// Four handlers with a query each, one of whose clients goes away at some moment.
async fn program(version: Version) {
    let pool = Pool::new(version);
    let mut handlers: Vec<_> = (0..4)
        .map(|_| {
            let pool = pool.clone();
            spawn(async move {
                let connection = pool.acquire().await.expect("a connection in time");
                sleep(Duration::from_millis(1 + random() % 3)).await;
                drop(connection);
            })
        })
        .collect();
    let goes_away = handlers.swap_remove(random() as usize % handlers.len());
    sleep(Duration::from_millis(1 + random() % 3)).await;
    goes_away.abort();
    for handler in handlers {
        handler.await.unwrap();
    }
}

#[test]
fn a_wake_up_that_a_cancelled_task_takes_along_is_found() {
    let _watchdog = watchdog(60);
    let failure = find(program, FailureKind::Panic);
    assert!(failure.time() >= CONNECT_TIMEOUT, "{failure}");
}

#[test]
fn a_wake_up_that_is_passed_on_is_not_lost() {
    let _watchdog = watchdog(60);
    find_nothing(program);
}
