//! Signals, each test in a process of its own.

use super::sockets::{executors, soon};
use crate::common::{executor, in_own_process, watchdog};
use executor::{
    signal::{Signal, Signals, ctrl_c},
    time::{sleep, timeout},
};
use futures::{FutureExt, StreamExt};
use std::{
    io::ErrorKind,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
    time::Duration,
};

fn raise(signal: Signal) {
    // SAFETY: it takes a number; the signal is caught.
    assert_eq!(unsafe { libc::raise(signal.number()) }, 0);
}

/// Nothing comes.
async fn nothing(signals: &mut Signals) {
    let waited = timeout(Duration::from_millis(20), signals.next()).await;
    assert!(waited.is_err(), "{waited:?}");
}

async fn next(signals: &mut Signals) -> Signal {
    soon(signals.next()).await.expect("it never ends").unwrap()
}

#[test]
fn signals_come_to_who_waits_and_to_who_does_not_yet() {
    in_own_process(|| {
        for own in executors() {
            own.block_on(async {
                let mut signals = Signals::new([Signal::Usr1, Signal::Hup]).unwrap();
                nothing(&mut signals).await;
                raise(Signal::Usr1);
                assert_eq!(next(&mut signals).await, Signal::Usr1);
                let waiting = own.spawn(async move {
                    let signal = next(&mut signals).await;
                    (signal, signals)
                });
                sleep(Duration::from_millis(2)).await;
                raise(Signal::Hup);
                let (signal, mut signals) = waiting.await.unwrap();
                assert_eq!(signal, Signal::Hup);
                nothing(&mut signals).await;
            });
        }
    });
}

#[test]
fn several_kinds_at_once_all_come_and_each_once() {
    in_own_process(|| {
        let own = executor(1);
        own.block_on(async {
            let all = [Signal::Usr1, Signal::Usr2, Signal::Term, Signal::Winch];
            let mut signals = Signals::new(all).unwrap();
            for round in 0..1_000 {
                all.into_iter().for_each(raise);
                let mut came = Vec::new();
                for _ in all {
                    came.push(next(&mut signals).await);
                }
                came.sort();
                let mut expected = all;
                expected.sort();
                assert_eq!(came, expected);
                if round % 100 == 0 {
                    nothing(&mut signals).await;
                }
            }
        });
    });
}

#[test]
fn each_listener_gets_each_signal() {
    in_own_process(|| {
        executor::block_on(async {
            let mut one = Signals::new([Signal::Usr1]).unwrap();
            let mut other = Signals::new([Signal::Usr1, Signal::Usr1]).unwrap();
            raise(Signal::Usr1);
            assert_eq!(next(&mut one).await, Signal::Usr1);
            drop(one);
            assert_eq!(next(&mut other).await, Signal::Usr1);
            raise(Signal::Usr1);
            assert_eq!(next(&mut other).await, Signal::Usr1);
            nothing(&mut other).await;
        });
    });
}

#[test]
fn a_handler_that_was_there_is_called_as_well() {
    in_own_process(|| {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        extern "C" fn count(_: libc::c_int) {
            CALLS.fetch_add(1, SeqCst);
        }
        let handler: extern "C" fn(libc::c_int) = count;
        // SAFETY: the handler works on an atomic.
        unsafe { libc::signal(libc::SIGUSR2, handler as libc::sighandler_t) };
        executor::block_on(async {
            let mut signals = Signals::new([Signal::Usr2]).unwrap();
            raise(Signal::Usr2);
            assert_eq!(next(&mut signals).await, Signal::Usr2);
            assert_eq!(CALLS.load(SeqCst), 1);
            drop(signals);
            raise(Signal::Usr2);
            assert_eq!(CALLS.load(SeqCst), 2);
        });
    });
}

#[test]
fn ctrl_c_is_awaited_and_the_default_action_does_not_come_back() {
    in_own_process(|| {
        executor::block_on(async {
            // Caught from the first poll on.
            let [mut first, mut second] = [Box::pin(ctrl_c()), Box::pin(ctrl_c())];
            assert!(first.as_mut().now_or_never().is_none());
            assert!(second.as_mut().now_or_never().is_none());
            let waiting = executor::spawn(first);
            sleep(Duration::from_millis(5)).await;
            raise(Signal::Int);
            soon(waiting).await.unwrap().unwrap();
            soon(second).await.unwrap();
        });
        // Nobody waits, and the process lives.
        raise(Signal::Int);
        thread::sleep(Duration::from_millis(5));
    });
}

#[test]
fn signals_from_other_threads_and_under_other_executors_come() {
    in_own_process(|| {
        let mut signals = Signals::new([Signal::Usr1]).unwrap();
        let raiser = thread::spawn(|| {
            for _ in 0..20 {
                thread::sleep(Duration::from_millis(1));
                raise(Signal::Usr1);
            }
        });
        futures::executor::block_on(async {
            assert_eq!(next(&mut signals).await, Signal::Usr1);
        });
        raiser.join().unwrap();
    });
}

#[test]
fn what_cannot_be_caught_is_an_error_and_catches_nothing_else() {
    in_own_process(|| {
        // The last two are beyond the system's, where it has any signals above 32 at all.
        let wrong = [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, 0, -1, 9_999];
        for number in wrong.into_iter().chain([100, 127]) {
            let error = Signals::new([Signal::Usr1, Signal::Other(number)]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{number}");
            assert!(error.to_string().contains(&number.to_string()), "{error}");
        }
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: no new action, and a place for the present one.
        let asked =
            unsafe { libc::sigaction(libc::SIGUSR1, std::ptr::null(), action.as_mut_ptr()) };
        assert_eq!(asked, 0);
        // SAFETY: all zeros is an action, too.
        let action = unsafe { action.assume_init() };
        assert_eq!(action.sa_sigaction, libc::SIG_DFL);
    });
}

#[test]
fn they_are_listed_and_may_go_to_other_threads() {
    let _watchdog = watchdog(60);
    fn check<T: Send + Sync + Unpin>() {}
    check::<Signals>();
    let signals = Signals::new([Signal::Winch]).unwrap();
    assert_eq!(format!("{signals:?}"), "Signals [Winch]");
}

#[test]
fn of_no_signals_none_comes_and_waiting_for_none_ends_each_poll() {
    in_own_process(|| {
        let _watchdog = watchdog(60);
        let mut signals = Signals::new([]).unwrap();
        // Where no allowance ends a poll.
        let polled = futures::executor::block_on(async { futures::poll!(signals.next()) });
        assert!(polled.is_pending());
        executor(1).block_on(nothing(&mut signals));
    });
}
