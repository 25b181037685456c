//! What a thread of this process does, in words for people: it computes, or it sleeps in some system
//! call.
//!
//! Linux says so in files, which may be missing or closed to us; see `system`. Elsewhere nothing is
//! known.

use super::{
    system::{self, RunState},
    system_calls,
};
use std::fmt;

/// See the module's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ThreadActivity {
    /// It is on a core, or wants one.
    Computing,
    /// It sleeps; in the system call with this number, if the system says so.
    Asleep(Option<u64>),
}

impl ThreadActivity {
    /// What the thread with this number does at the moment; `None` if that is unknown.
    pub(crate) fn of(thread: u64) -> Option<ThreadActivity> {
        match system::run_state(thread)? {
            RunState::Running => Some(ThreadActivity::Computing),
            RunState::Asleep => Some(ThreadActivity::Asleep(system::sleeping_call(thread))),
        }
    }
}

/// As part of a sentence about a thread.
impl fmt::Display for ThreadActivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ThreadActivity::Computing => f.write_str("computing"),
            ThreadActivity::Asleep(None) => f.write_str("asleep"),
            ThreadActivity::Asleep(Some(call)) => match system_calls::name(call) {
                Some(name) => write!(f, "asleep in {name}"),
                None => write!(f, "asleep in system call {call}"),
            },
        }
    }
}

#[cfg(all(test, target_os = "linux", not(shuttle)))]
mod tests {
    use super::*;
    use std::{io, io::Read, sync::mpsc, thread, time::Duration};

    /// A thread that sleeps in `call`, until what that waits for is dropped, is seen to do one of
    /// these things. (It may sleep elsewhere before.)
    #[track_caller]
    fn assert_seen<T>(texts: &[&str], held: T, call: impl FnOnce() + Send + 'static) {
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            tell.send(system::current_thread()).unwrap();
            call();
        });
        let number = told.recv().unwrap();
        let mut last = None;
        let seen = (0..10_000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            last = ThreadActivity::of(number);
            last.is_some_and(|activity| texts.contains(&&*activity.to_string()))
        });
        drop(held);
        thread.join().unwrap();
        assert!(seen, "{last:?}");
    }

    #[test]
    fn a_thread_that_sleeps_is_seen_in_its_system_call() {
        let (mut reader, writer) = io::pipe().unwrap();
        assert_seen(&["asleep in read"], writer, move || {
            drop(reader.read(&mut [0]));
        });
        let (sender, receiver) = mpsc::channel::<()>();
        assert_seen(&["asleep in futex"], sender, move || _ = receiver.recv());
        let sleeps = ["asleep in clock_nanosleep", "asleep in nanosleep"];
        assert_seen(&sleeps, (), || thread::sleep(Duration::from_millis(500)));
    }

    #[test]
    fn a_thread_that_asks_for_itself_computes_and_one_that_is_gone_does_nothing_known() {
        let own = ThreadActivity::of(system::current_thread());
        assert_eq!(own, Some(ThreadActivity::Computing));
        assert_eq!(ThreadActivity::of(u64::MAX), None);
        let gone = thread::spawn(system::current_thread).join().unwrap();
        assert!((0..10_000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            ThreadActivity::of(gone).is_none()
        }));
    }

    #[test]
    fn a_call_without_a_name_is_shown_by_its_number_and_none_as_sleep_alone() {
        let of = |call| ThreadActivity::Asleep(call).to_string();
        assert_eq!(of(Some(99_999)), "asleep in system call 99999");
        assert_eq!(of(None), "asleep");
    }
}
