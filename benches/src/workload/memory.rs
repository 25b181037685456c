//! What tasks that wait cost in resident memory. Each run wants a fresh process, for the tasks
//! stay.

use crate::runtime::{Runtime, run_as_task};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

/// How long the sleeping tasks sleep: nobody waits for them.
const LONG: Duration = Duration::from_secs(3600);

/// Tasks that have been polled. A static, so that the tasks carry nothing for the sake of counting.
static POLLED: AtomicUsize = AtomicUsize::new(0);

/// A future that leaves its waker in a place of its own and waits for ever.
#[derive(Debug)]
struct Waiting {
    place: &'static Mutex<Waker>,
}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        *self.place.lock().expect("nobody panics") = cx.waker().clone();
        POLLED.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    }
}

/// Resident bytes for each of `tasks` detached tasks that wait for something that holds their
/// waker.
///
/// # Errors
///
/// If this system does not tell the resident memory.
pub fn pending_tasks<R: Runtime>(tasks: usize) -> Result<f64, String> {
    // The places are there, and written to, before the first look at the memory.
    let places: &'static [Mutex<Waker>] = (0..tasks)
        .map(|_| Mutex::new(Waker::noop().clone()))
        .collect::<Vec<_>>()
        .leak();
    per_task::<R>(tasks, move || {
        for place in places {
            R::spawn_detached(Waiting { place });
        }
    })
}

/// Resident bytes for each of `tasks` detached tasks that sleep.
///
/// # Errors
///
/// If this system does not tell the resident memory.
pub fn sleeping_tasks<R: Runtime>(tasks: usize) -> Result<f64, String> {
    per_task::<R>(tasks, move || {
        for _ in 0..tasks {
            R::spawn_detached(async {
                POLLED.fetch_add(1, Ordering::Relaxed);
                R::sleep(LONG).await;
            });
        }
    })
}

fn per_task<R: Runtime>(
    tasks: usize,
    spawn_all: impl FnOnce() + Send + 'static,
) -> Result<f64, String> {
    POLLED.store(0, Ordering::Relaxed);
    let before = resident()?;
    run_as_task::<R, _>(async move { spawn_all() });
    while POLLED.load(Ordering::Relaxed) < tasks {
        thread::sleep(Duration::from_millis(1));
    }
    // The last ones that counted are still in their poll.
    thread::sleep(Duration::from_millis(50));
    Ok(resident()?.saturating_sub(before) as f64 / tasks as f64)
}

fn resident() -> Result<usize, String> {
    memory_stats::memory_stats()
        .map(|stats| stats.physical_mem)
        .ok_or_else(|| "the resident memory is not known on this system".to_owned())
}
