//! Whether ThreadSanitizer, as `scripts/tsan` sets it up, can be trusted: it must report nothing of `sound`,
//! where each of std's ways to wait hands a number over, and must report `racy`, where nothing does.

use std::{
    cell::UnsafeCell,
    env,
    sync::{
        Arc, Barrier, Condvar, Mutex, OnceLock, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

/// What is handed over. Only who has it may touch it, and the compiler does not check that.
#[derive(Default)]
struct Shared(UnsafeCell<u64>);

// SAFETY: not sound in `racy`, which is the point.
unsafe impl Sync for Shared {}

impl Shared {
    #[inline(never)]
    fn touch(&self) {
        // SAFETY: as above.
        unsafe { *self.0.get() += 1 };
    }
}

const TIMES: usize = 2_000;

fn sound() {
    let (mutex, rwlock, shared) = (Mutex::new(false), RwLock::new(()), Shared::default());
    let (signal, barrier) = (Condvar::new(), Barrier::new(2));
    let by_rwlock = Shared::default();
    let turns = |mine: bool| {
        for _ in 0..TIMES {
            let mut turn = mutex.lock().unwrap();
            while *turn != mine {
                turn = if mine {
                    signal.wait(turn).unwrap()
                } else {
                    signal
                        .wait_timeout(turn, Duration::from_millis(1))
                        .unwrap()
                        .0
                };
            }
            *turn = !mine;
            shared.touch();
            drop(turn);
            signal.notify_one();
            let guard = rwlock.write().unwrap();
            by_rwlock.touch();
            drop(guard);
            drop(rwlock.read().unwrap());
            println!("{mine}");
        }
        for _ in 0..TIMES / 10 {
            if barrier.wait().is_leader() {
                shared.touch();
            }
            barrier.wait();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| turns(true));
        scope.spawn(|| turns(false));
    });
    shared.touch();
    for _ in 0..TIMES / 10 {
        let (once, shared, flag) = (OnceLock::new(), Shared::default(), AtomicBool::new(false));
        let sleeper = thread::current();
        thread::scope(|scope| {
            let init = || once.get_or_init(|| shared.touch());
            scope.spawn(init);
            init();
        });
        shared.touch();
        thread::scope(|scope| {
            scope.spawn(|| {
                shared.touch();
                flag.store(true, Relaxed);
                sleeper.unpark();
            });
            while !flag.load(Relaxed) {
                thread::park();
            }
        });
        let counted = Arc::new(shared);
        let other = counted.clone();
        let thread = thread::spawn(move || drop(other));
        drop(counted);
        thread.join().unwrap();
    }
}

fn racy() {
    // Not once: the sanitizer keeps quiet where it cannot tell any more what the other thread did.
    for _ in 0..TIMES / 10 {
        let (flag, shared, lock) = (AtomicBool::new(false), Shared::default(), Mutex::new(()));
        thread::scope(|scope| {
            scope.spawn(|| {
                shared.touch();
                flag.store(true, Relaxed);
            });
            while !flag.load(Relaxed) {}
            let _one_sided = lock.lock().unwrap();
            shared.touch();
        });
    }
}

fn main() {
    match env::args().nth(1).as_deref() {
        Some("racy") => racy(),
        _ => sound(),
    }
}
