//! Who waits until all others are asleep, with no time passed: the other side of `sim::settle`.

use super::{Simulation, with};
use crate::sync::panic::wake;
use std::{
    mem,
    sync::atomic::{AtomicU64, Ordering},
    task::{Poll, Waker},
};

/// The one that waits. Its waker is foreign code, so it is cloned, woken and dropped while nothing
/// is borrowed.
#[derive(Debug)]
pub(super) struct Settling {
    turn: u64,
    waker: Waker,
    all_sleep: bool,
}

/// The right to wait, of whoever has begun to: a number that no other has, in whatever simulation.
/// The future may come to another thread, or outlive its simulation, and must not disturb others.
#[derive(Debug)]
pub(crate) struct Turn(u64);

/// Why there is no such right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Outside of a simulation nobody knows whether all are asleep.
    NoSimulation,
    /// Each of two would wait for the other to sleep, and be awake itself.
    Another,
}

impl Turn {
    /// Begins to wait.
    pub(crate) fn begin(waker: &Waker) -> Result<Turn, Refused> {
        static TURNS: AtomicU64 = AtomicU64::new(0);
        let waker = waker.clone();
        with(|current| {
            let simulation = current.ok_or(Refused::NoSimulation)?;
            if simulation.settling.borrow().is_some() {
                return Err(Refused::Another);
            }
            // Ordering: Relaxed; it publishes nothing.
            let turn = TURNS.fetch_add(1, Ordering::Relaxed);
            *simulation.settling.borrow_mut() = Some(Settling {
                turn,
                waker,
                all_sleep: false,
            });
            Ok(Turn(turn))
        })
    }

    /// Whether all others have been asleep since.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<()> {
        let waker = waker.clone();
        let former = with(|current| {
            let mut settling = current?.settling.borrow_mut();
            let own = settling.as_mut().filter(|other| other.turn == self.0);
            let waits = own.filter(|settling| !settling.all_sleep)?;
            Some(mem::replace(&mut waits.waker, waker))
        });
        match former {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let own = with(|current| {
            let mut settling = current?.settling.borrow_mut();
            settling.take_if(|settling| settling.turn == self.0)
        });
        drop(own);
    }
}

impl Simulation {
    /// All are asleep: wakes the one that waits for that. Returns whether there is one.
    pub(super) fn settle(&self) -> bool {
        let waker = {
            let mut settling = self.settling.borrow_mut();
            let waits = settling.as_mut().filter(|settling| !settling.all_sleep);
            waits.map(|settling| {
                settling.all_sleep = true;
                mem::replace(&mut settling.waker, Waker::noop().clone())
            })
        };
        waker.map(wake).is_some()
    }
}
