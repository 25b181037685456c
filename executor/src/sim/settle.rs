//! Waiting until all others are asleep.

use crate::scheduler::simulation::settle::{Refused, Turn};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Waits, in a simulation, until all others are asleep: each other task, and main, waits for
/// something, and nothing goes on before time passes. No time passes meanwhile. (Go's
/// `synctest.Wait`.)
///
/// So what can happen by now has happened, and may be looked at.
///
/// # Panics
///
/// Outside of a simulation; and while another `settle` waits, for neither of the two would be
/// asleep.
///
/// # Cancel safety
///
/// Dropping it ends the wait.
///
/// # Examples
///
/// ```
/// use executor::{sim::settle, spawn, time::{now, sleep}};
/// use std::time::Duration;
///
/// executor::simulate(async {
///     let start = now();
///     let task = spawn(sleep(Duration::from_secs(1)));
///     settle().await;
///     assert!(!task.is_finished() && now() == start);
///     sleep(Duration::from_secs(1)).await;
///     settle().await;
///     assert!(task.is_finished());
/// });
/// ```
pub fn settle() -> Settle {
    Settle { turn: None }
}

/// The future that [`settle`] returns.
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct Settle {
    turn: Option<Turn>,
}

impl Future for Settle {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(turn) = &self.turn {
            let all_sleep = turn.poll(cx.waker());
            if all_sleep.is_ready() {
                self.turn = None;
            }
            return all_sleep;
        }
        match Turn::begin(cx.waker()) {
            Ok(turn) => self.turn = Some(turn),
            Err(Refused::NoSimulation) => panic!(
                "`settle` outside of a simulation, where nobody knows whether all others are \
                 asleep: call it in `executor::simulate`"
            ),
            Err(Refused::Another) => panic!(
                "`settle` while another `settle` waits: each would wait for the other to be asleep"
            ),
        }
        Poll::Pending
    }
}
