//! Whether a thread sleeps in the system or wants a core.
//!
//! The monitor asks, and only for threads that look stuck. Linux answers in
//! `/proc/self/task/<thread>/stat`. Elsewhere, or without `/proc`, the answer is unknown.

#[cfg(not(shuttle))]
use std::fs;

/// What the system says about a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ThreadState {
    /// In a system call that waits.
    Asleep,
    /// On a core, or waiting for one, or unknown.
    Burning,
}

/// The calling thread's number in the system; 0 if the system does not say.
#[cfg(not(shuttle))]
pub(crate) fn current_thread() -> u64 {
    let link = fs::read_link("/proc/thread-self");
    let number = link
        .ok()
        .and_then(|link| link.file_name()?.to_str()?.parse().ok());
    number.unwrap_or(0)
}

/// The state of a thread of this process.
#[cfg(not(shuttle))]
pub(super) fn of(thread: u64) -> ThreadState {
    let stat = fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
    match stat.as_deref().map(state_letter) {
        Ok(Some('S' | 'D')) => ThreadState::Asleep,
        _ => ThreadState::Burning,
    }
}

#[cfg(shuttle)]
pub(crate) fn current_thread() -> u64 {
    0
}

/// What shuttle chooses at random: the monitor has to cope with wrong answers.
#[cfg(shuttle)]
pub(super) fn of(_: u64) -> ThreadState {
    use shuttle::rand::{Rng, thread_rng};
    if thread_rng().r#gen() {
        ThreadState::Asleep
    } else {
        ThreadState::Burning
    }
}

/// The third field: the letter after the name. The name stands in parentheses, and may hold any
/// character.
#[cfg(not(shuttle))]
fn state_letter(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::{sync::mpsc, thread, time::Duration};

    #[test]
    fn the_letter_is_found_behind_a_hostile_name() {
        assert_eq!(state_letter("17 (a) R b) S 1 2"), Some('S'));
        assert_eq!(state_letter("garbage"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_sleeping_thread_is_told_from_one_that_burns() {
        let (tell, told) = mpsc::channel();
        let (wake, woken) = mpsc::channel::<()>();
        let sleeper = thread::spawn(move || {
            tell.send(current_thread()).unwrap();
            woken.recv()
        });
        let sleeper_number = told.recv().unwrap();
        let asleep = (0..1_000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            of(sleeper_number) == ThreadState::Asleep
        });
        assert!(asleep);
        assert_eq!(
            of(current_thread()),
            ThreadState::Burning,
            "the one that asks runs"
        );
        drop(wake);
        assert!(sleeper.join().unwrap().is_err());
    }
}
