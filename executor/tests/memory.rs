//! What stays of the memory that a burst has taken. (A test binary of its own, for its allocator.)
#![cfg(not(loom))]

mod common;

use common::{eventually, in_own_process, steady_executor};
use executor::time::sleep;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    future::pending,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// The system's, which counts the bytes that are in use.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), SeqCst);
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), SeqCst);
        // SAFETY: as above; the block is the system's.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that `burst` leaves in use, the second time.
fn left_by(mut burst: impl FnMut()) -> usize {
    burst();
    let before = BYTES.load(SeqCst);
    burst();
    BYTES.load(SeqCst).saturating_sub(before)
}

#[test]
fn of_a_burst_of_waiting_tasks_nothing_stays_although_some_wait_on() {
    in_own_process(|| {
        const BURST: usize = 200_000;
        let own = steady_executor(1);
        let waiting = || own.metrics().suspended_tasks();
        let begin = BYTES.load(SeqCst);
        let wait_and_go = || {
            let stay = own.spawn(pending::<()>());
            let tasks: Vec<_> = (0..BURST).map(|_| own.spawn(pending::<()>())).collect();
            eventually("all wait", || waiting() > BURST);
            tasks.iter().for_each(|task| task.abort());
            eventually("one waits", || waiting() < BURST / 100);
            drop(tasks);
            drop(stay);
        };
        (0..2).for_each(|_| wait_and_go());
        // The queues keep some of theirs.
        let left = BYTES.load(SeqCst).saturating_sub(begin);
        assert!(left < 4 * BURST, "{left} bytes of {BURST} tasks");
    });
}

#[test]
fn of_many_threads_that_were_in_block_on_at_once_little_stays() {
    in_own_process(|| {
        const THREADS: usize = 200;
        let left = {
            let mut threads = THREADS;
            left_by(|| {
                let together = Arc::new(Barrier::new(threads));
                let wait = |_| {
                    let together = together.clone();
                    thread::spawn(move || {
                        executor::block_on(async {
                            together.wait();
                            sleep(Duration::from_millis(1)).await;
                            together.wait();
                        });
                    })
                };
                let all: Vec<_> = (0..threads).map(wait).collect();
                all.into_iter().for_each(|thread| thread.join().unwrap());
                // More than the first time.
                threads = 2 * THREADS;
            })
        };
        assert!(left < THREADS * 1_024, "{left} bytes of {THREADS} threads");
    });
}
