//! The marks of the public interface: what errors say and become, standard traits, and the line
//! that a panic names.

mod common;

/// The end of an executor that is not down in time.
mod shutdown_errors {
    use super::common::{Gate, executor, watchdog};
    use executor::{Executor, ShutdownError};
    use std::{error::Error, io, sync::mpsc, time::Duration};

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

    #[test]
    fn as_an_io_error_it_is_a_time_out_with_the_same_text_and_comes_back_whole() {
        let _watchdog = watchdog(60);
        let error = of_blocked_threads(1);
        let io = io::Error::from(error.clone());
        assert_eq!(io.kind(), io::ErrorKind::TimedOut);
        assert_eq!(io.to_string(), error.to_string());
        let inside: Box<dyn Error> = io.into_inner().unwrap();
        assert_eq!(*inside.downcast::<ShutdownError>().unwrap(), error);
    }
}

/// Tasks without an output, in functions that return `io::Result`.
mod join_errors {
    use super::common::watchdog;
    use executor::JoinError;
    use std::{future::pending, io, panic::resume_unwind};

    fn panicked() -> JoinError {
        let task = executor::spawn(async { resume_unwind(Box::new("no cheese")) });
        executor::block_on(async { task.await.map(|never: ()| never) }).unwrap_err()
    }

    fn cancelled() -> JoinError {
        let task = executor::spawn(pending::<()>());
        task.abort();
        executor::block_on(task).unwrap_err()
    }

    #[test]
    fn as_an_io_error_it_is_other_with_the_same_text_and_comes_back_whole() {
        let _watchdog = watchdog(60);
        for error in [panicked(), cancelled()] {
            let (text, id) = (error.to_string(), error.id());
            let io = io::Error::from(error);
            assert_eq!(io.kind(), io::ErrorKind::Other);
            assert_eq!(io.to_string(), text);
            let inside = io.into_inner().unwrap().downcast::<JoinError>().unwrap();
            assert_eq!(inside.id(), id);
        }
        let io = io::Error::from(panicked());
        assert!(io.to_string().contains("no cheese"), "{io}");
    }

    #[test]
    fn a_question_mark_is_enough_where_io_errors_are_returned() {
        let _watchdog = watchdog(60);
        fn answer() -> io::Result<u32> {
            Ok(executor::block_on(executor::spawn(async { 42 }))?)
        }
        assert_eq!(answer().unwrap(), 42);
    }
}

/// `Debug`, `Builder::new`, and traits that others rely on.
mod traits {
    use super::common::{executor, watchdog};
    use executor::{
        AbortHandle, AbortOnDrop, Builder, Executor, Handle, JoinError, JoinHandle, Metrics,
        ProcessorMetrics,
        time::{Interval, Sleep, Timeout},
    };
    use std::{
        cell::Cell,
        future::Ready,
        panic::{RefUnwindSafe, UnwindSafe},
    };

    #[test]
    fn debug_tells_two_executors_apart_and_shows_that_a_handle_belongs_to_its_executor() {
        let _watchdog = watchdog(60);
        let (one, other) = (executor(1), executor(1));
        assert_ne!(format!("{one:?}"), format!("{other:?}"));
        assert_ne!(
            format!("{:?}", one.handle()),
            format!("{:?}", other.handle())
        );
        for own in [&one, &other] {
            let handle = format!("{:?}", own.handle()).replace("Handle", "Executor");
            assert_eq!(format!("{own:?}"), handle);
        }
    }

    #[test]
    fn debug_names_the_threads_and_the_number_of_workers() {
        let _watchdog = watchdog(60);
        let own = Builder::new()
            .workers(2)
            .thread_name("crawler")
            .build()
            .unwrap();
        let text = format!("{own:?}");
        assert!(text.starts_with("Executor {"), "{text}");
        assert!(text.contains("thread_name: \"crawler\", id: "), "{text}");
        assert!(text.contains("workers: 2"), "{text}");
    }

    #[test]
    fn a_new_builder_is_the_one_that_the_executor_gives() {
        let _watchdog = watchdog(60);
        let builders = [Builder::new(), Builder::default(), Executor::builder()];
        let texts = builders.map(|builder| format!("{builder:?}"));
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    }

    #[test]
    fn metrics_can_be_compared_and_begin_at_zero() {
        let _watchdog = watchdog(60);
        let metrics = executor(2).metrics();
        assert_eq!(metrics.clone(), metrics);
        assert_ne!(metrics, Metrics::default());
        assert_eq!(Metrics::default().handoffs(), 0);
        assert!(Metrics::default().processors().is_empty());
        assert_eq!(ProcessorMetrics::default().polls(), 0);
        assert_eq!(
            metrics.processors()[0].index(),
            ProcessorMetrics::default().index()
        );
    }

    /// Is checked as this file is compiled.
    #[test]
    fn handles_and_timers_may_cross_catch_unwind() {
        fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
        // Not unwind safe itself, as what a task yields may be.
        type Output = Cell<u32>;
        unwind_safe::<Executor>();
        unwind_safe::<Handle>();
        unwind_safe::<Builder>();
        unwind_safe::<JoinHandle<Output>>();
        unwind_safe::<AbortOnDrop<Output>>();
        unwind_safe::<AbortHandle>();
        unwind_safe::<JoinError>();
        unwind_safe::<Sleep>();
        unwind_safe::<Interval>();
        unwind_safe::<Timeout<Ready<u32>>>();
    }
}

/// What README says of tokio's types in our tasks.
mod beside_tokio {
    use super::common::watchdog;
    use std::{future::Future, time::Duration};

    /// How the panic begins that README quotes.
    const NO_REACTOR: &str =
        "there is no reactor running, must be called from the context of a Tokio 1.x runtime";

    fn message_of_panic(future: impl Future<Output = ()> + Send + 'static) -> String {
        let error = executor::block_on(executor::spawn(future)).unwrap_err();
        match error.into_panic().downcast::<&str>() {
            Ok(text) => (*text).to_owned(),
            Err(other) => *other.downcast::<String>().unwrap(),
        }
    }

    #[test]
    fn what_needs_its_reactor_panics_without_a_runtime_and_harms_nobody_else() {
        let _watchdog = watchdog(60);
        let text = message_of_panic(async { tokio::time::sleep(Duration::ZERO).await });
        assert!(text.contains(NO_REACTOR), "{text}");
        let text = message_of_panic(async { drop(tokio::spawn(async {})) });
        assert!(text.contains(NO_REACTOR), "{text}");
        assert_eq!(executor::block_on(executor::spawn(async { 7 })).unwrap(), 7);
    }

    #[test]
    fn our_tasks_and_timers_work_in_its_tasks() {
        let _watchdog = watchdog(60);
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let task = tokio.spawn(async {
            executor::time::sleep(Duration::from_millis(1)).await;
            executor::spawn(async { 7 }).await.unwrap()
        });
        assert_eq!(executor::block_on(task).unwrap(), 7);
    }
}

/// A panic that is the caller's names the caller's line.
mod locations {
    use super::common::{assert_passed, child, executor, is_child, output_of, watchdog};
    use executor::{
        Builder, Executor, Handle,
        time::{interval, interval_at},
    };
    use std::{
        cell::RefCell,
        future::pending,
        panic::{AssertUnwindSafe, catch_unwind, set_hook},
        sync::Once,
        time::{Duration, Instant},
    };

    thread_local!(static LATEST: RefCell<Option<(String, u32)>> = const { RefCell::new(None) });

    /// Where the panic of `f` says that it happened.
    fn location_of_panic<T>(f: impl FnOnce() -> T) -> (String, u32) {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            set_hook(Box::new(|info| {
                let at = info.location().expect("panics have a location");
                LATEST.set(Some((at.file().to_owned(), at.line())));
            }));
        });
        assert!(
            catch_unwind(AssertUnwindSafe(f)).is_err(),
            "it does not panic"
        );
        LATEST.take().expect("the hook was called on this thread")
    }

    #[test]
    fn into_panic_of_a_task_that_did_not_panic() {
        let _watchdog = watchdog(60);
        let task = executor::spawn(pending::<()>());
        task.abort();
        let error = executor::block_on(task).unwrap_err();
        let at = location_of_panic(|| error.into_panic());
        assert_eq!(at, (file!().to_owned(), line!() - 1));
    }

    #[test]
    fn a_period_of_zero() {
        let _watchdog = watchdog(60);
        let at = location_of_panic(|| interval(Duration::ZERO));
        assert_eq!(at, (file!().to_owned(), line!() - 1));
        let at = location_of_panic(|| interval_at(Instant::now(), Duration::ZERO));
        assert_eq!(at, (file!().to_owned(), line!() - 1));
    }

    /// The functions that consult the environment, or start the default executor.
    #[test]
    fn a_bad_variable() {
        let _watchdog = watchdog(60);
        let calls: [(fn(), u32); 7] = [
            (|| drop(Builder::new().build()), line!()),
            (|| drop(Executor::new()), line!()),
            (|| drop(Handle::current()), line!()),
            (|| executor::block_on(async {}), line!()),
            (|| drop(executor::spawn(async {})), line!()),
            (|| drop(executor::spawn(async { [0; 4096] })), line!()),
            (|| drop(executor::spawn_blocking(|| ())), line!()),
        ];
        if is_child() {
            for (call, line) in calls {
                assert_eq!(location_of_panic(call), (file!().to_owned(), line));
            }
            return;
        }
        let variables = [
            "EXECUTOR_WORKERS",
            "EXECUTOR_SCHEDTRACE",
            #[cfg(feature = "signal")]
            "EXECUTOR_DUMP",
        ];
        for variable in variables {
            let mut command = child();
            command.env(variable, "nonsense");
            assert_passed(variable, &output_of(command));
        }
    }

    /// Runs `f` in a process forked from this one, and returns whether `f` did.
    #[cfg(unix)]
    fn holds_in_fork(f: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child runs `f`, which takes no lock that a thread of this process could hold:
        // this process runs one test, whose executor is idle; and it ends by `_exit`.
        let child = unsafe { libc::fork() };
        assert!(child >= 0, "no fork");
        if child == 0 {
            let holds = catch_unwind(AssertUnwindSafe(f)).unwrap_or(false);
            // SAFETY: takes any number, and does not return.
            unsafe { libc::_exit(if holds { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: the child is ours, and `status` may be written.
        let waited = unsafe { libc::waitpid(child, &mut status, 0) };
        waited == child && status == 0
    }

    #[test]
    #[cfg(unix)]
    fn a_forked_child_that_would_wait_for_ever() {
        super::common::in_own_process(|| {
            let own = executor(1);
            let handle = own.handle();
            assert!(holds_in_fork(|| {
                let at = location_of_panic(|| own.block_on(pending::<()>()));
                at == (file!().to_owned(), line!() - 1)
            }));
            assert!(holds_in_fork(|| {
                let at = location_of_panic(|| handle.block_on(pending::<()>()));
                at == (file!().to_owned(), line!() - 1)
            }));
            executor::block_on(async {});
            assert!(holds_in_fork(|| {
                let at = location_of_panic(|| executor::block_on(pending::<()>()));
                at == (file!().to_owned(), line!() - 1)
            }));
            assert!(holds_in_fork(|| {
                let at = location_of_panic(|| own.shutdown_timeout(Duration::MAX));
                at == (file!().to_owned(), line!() - 1)
            }));
        });
    }
}
