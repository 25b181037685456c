//! The marks of the public interface: what errors say and become, standard traits, and the line that a
//! panic names.

mod common;

/// The end of an executor that is not down in time.
mod shutdown_errors {
    use super::common::{Gate, executor, watchdog};
    use executor::{Executor, ShutdownError};
    use std::{sync::mpsc, time::Duration};

    /// What `shutdown_timeout` says of an executor with `blocked` workers, all in a blocking call.
    fn of_blocked_threads(blocked: usize) -> ShutdownError {
        // Without stand-ins, so that the number of threads is certain.
        let own = Executor::builder()
            .workers(blocked)
            .handoff(false)
            .build()
            .unwrap();
        let gate = Gate::new();
        let (started, is_started) = mpsc::channel();
        for _ in 0..blocked {
            let (gate, started) = (gate.clone(), started.clone());
            own.spawn(async move {
                started.send(()).unwrap();
                gate.wait();
            });
        }
        (0..blocked).for_each(|_| is_started.recv().unwrap());
        let error = own.shutdown_timeout(Duration::from_millis(20)).unwrap_err();
        gate.open();
        error
    }

    /// What `shutdown_timeout` says on a thread of the executor that it ends.
    fn of_own_thread() -> ShutdownError {
        let own = executor(2);
        let (send, receive) = mpsc::channel::<Executor>();
        let end = own.spawn_blocking(move || {
            let own = receive.recv().unwrap();
            own.shutdown_timeout(Duration::from_secs(40)).unwrap_err()
        });
        send.send(own).unwrap();
        executor::block_on(end).unwrap()
    }

    #[test]
    fn a_thread_in_a_blocking_call_is_spoken_of_in_the_singular_and_several_in_the_plural() {
        let _watchdog = watchdog(60);
        let text = of_blocked_threads(1).to_string();
        assert!(
            text.starts_with("1 thread of the executor still sits in a blocking call"),
            "{text}"
        );
        assert!(
            text.contains("after 20ms") && text.contains("it ends by itself"),
            "{text}"
        );
        let text = of_blocked_threads(2).to_string();
        assert!(
            text.starts_with("2 threads of the executor still sit in blocking calls"),
            "{text}"
        );
        assert!(
            text.contains("after 20ms") && text.contains("they end by themselves"),
            "{text}"
        );
    }

    #[test]
    fn on_an_own_thread_the_error_says_so_and_speaks_of_no_time_that_was_waited() {
        let _watchdog = watchdog(60);
        let error = of_own_thread();
        let text = error.to_string();
        assert!(
            text.contains("on one of the executor's own threads"),
            "{text}"
        );
        assert!(text.contains("cannot wait for itself"), "{text}");
        assert!(text.contains("by themselves"), "{text}");
        assert!(
            !text.contains("40s") && !text.contains("blocking call"),
            "{text}"
        );
        assert_eq!(error.waited(), Duration::ZERO);
        assert!(error.threads() >= 1);
    }

    #[test]
    fn it_tells_how_long_the_call_waited() {
        let _watchdog = watchdog(60);
        assert_eq!(of_blocked_threads(1).waited(), Duration::from_millis(20));
    }

    #[test]
    fn it_can_be_kept_and_compared() {
        let _watchdog = watchdog(60);
        let error = of_blocked_threads(1);
        assert_eq!(error.clone(), error);
        assert_ne!(error, of_own_thread());
        assert!(format!("{error:?}").contains("ShutdownError"));
    }
}
