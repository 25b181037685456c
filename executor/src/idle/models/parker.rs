//! Models of the parker.

use super::explore;
use crate::idle::parker::Parker;
use loom::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};
use std::time::Instant;

#[test]
fn parker_park_against_two_unparks() {
    explore("park against two unparks", None, || {
        let parker = Arc::new(Parker::new());
        let flag = Arc::new(AtomicBool::new(false));
        let wakers = [(); 2].map(|()| {
            let (parker, flag) = (parker.clone(), flag.clone());
            thread::spawn(move || {
                flag.store(true, Relaxed);
                parker.unpark();
            })
        });
        parker.park();
        assert!(
            flag.load(Relaxed),
            "what was done before the wake-up is visible"
        );
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
    });
}

#[test]
fn parker_time_out_against_unpark() {
    // A token that comes as the time is over is taken, or lies there for the next time.
    explore("time-out against unpark", None, || {
        let parker = Arc::new(Parker::new());
        let flag = Arc::new(AtomicBool::new(false));
        let waker = {
            let (parker, flag) = (parker.clone(), flag.clone());
            thread::spawn(move || {
                flag.store(true, Relaxed);
                parker.unpark();
            })
        };
        if !parker.park_until(Instant::now()) {
            parker.park();
        }
        assert!(
            flag.load(Relaxed),
            "what was done before the wake-up is visible"
        );
        assert!(!parker.take_token(), "one token was left, and one taken");
        waker.join().unwrap();
    });
}
