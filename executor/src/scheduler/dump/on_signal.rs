//! `EXECUTOR_DUMP`: a signal has the tasks of all executors printed, like Go's SIGQUIT.
//!
//! One thread for the process, started with its first executor, waits for the signal and prints. It
//! needs no worker, so it does so also while all of them sleep or compute. The signal's handler says
//! that there is something to do, and nothing else; handlers that were there before are called, too
//! (`signal-hook-registry`). Signals that come during a dump are counted, and answered by one more.
//!
//! A forked child has the handler, and not the thread: to the handler it is as if there were none,
//! until the child starts an executor of its own, which starts a thread.
//!
//! Nobody waits for the thread, and the process ends without it.

#[cfg(not(all(feature = "signal", unix, not(shuttle))))]
pub(crate) use absent::{Asked, asked, start};
#[cfg(all(feature = "signal", unix, not(shuttle)))]
pub(crate) use present::{Asked, asked, start};

const VARIABLE: &str = "EXECUTOR_DUMP";

#[cfg(all(feature = "signal", unix, not(shuttle)))]
mod present {
    use super::VARIABLE;
    use crate::{
        scheduler::{
            env, executor_id,
            helpers::Helper,
            printable::Printable,
            report,
            trace::{Why, to_file},
        },
        sync::{forked::Process, thread},
    };
    use signal_hook_registry::register;
    use std::{
        ffi::c_int,
        fmt::Write as _,
        io::{self, ErrorKind, Read, Write as _},
        mem::MaybeUninit,
        os::unix::net::UnixStream,
        process, ptr,
        sync::{
            Arc,
            atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicUsize, Ordering::SeqCst},
        },
        time::Duration,
    };

    /// What the process does about the signal.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Asked {
        /// On SIGUSR1 it prints.
        Usr1,
        /// On SIGQUIT it prints, and dies of it.
        Quit,
    }

    /// How long standard error may take nothing before a process that is to die does so without
    /// having printed all.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// What the environment asks for.
    #[track_caller]
    pub(crate) fn asked() -> Option<Asked> {
        let choices = [("USR1", Asked::Usr1), ("QUIT", Asked::Quit)];
        let wanted = "USR1 (print all tasks on this signal) or QUIT (print them, and die of it), or \
                      unset for neither";
        env::choice(VARIABLE, &choices, wanted)
    }

    impl Asked {
        fn number(self) -> c_int {
            match self {
                Asked::Usr1 => libc::SIGUSR1,
                Asked::Quit => libc::SIGQUIT,
            }
        }

        fn name(self) -> &'static str {
            match self {
                Asked::Usr1 => "SIGUSR1",
                Asked::Quit => "SIGQUIT",
            }
        }
    }

    /// What the handler and the thread share.
    struct Bell {
        asked: Asked,
        /// The process that has the thread.
        process: Process,
        /// Signals that the thread has not heard of.
        signals: AtomicUsize,
        /// What the thread reads comes from here.
        stream: UnixStream,
    }

    static BELL: AtomicPtr<Bell> = AtomicPtr::new(ptr::null_mut());

    /// The process whose thread has been started, or is being started. (No lock: a child could be
    /// forked while it is held.)
    static STARTED_IN: AtomicU32 = AtomicU32::new(0);

    /// The signal that has the handler, if there is one.
    static HANDLED: AtomicI32 = AtomicI32::new(0);

    /// Starts what has been asked for, unless this process has it. What was asked for first counts.
    pub(crate) fn start(asked: Option<Asked>) -> io::Result<()> {
        let Some(asked) = asked else {
            return Ok(());
        };
        let this_process = process::id();
        if STARTED_IN.swap(this_process, SeqCst) == this_process {
            return Ok(());
        }
        start_thread(asked).inspect_err(|_| STARTED_IN.store(0, SeqCst))
    }

    fn start_thread(asked: Asked) -> io::Result<()> {
        let (alarm, stream) = UnixStream::pair()?;
        stream.set_nonblocking(true)?;
        let bell = Arc::new(Bell {
            asked,
            process: Process::this(),
            signals: AtomicUsize::new(0),
            stream,
        });
        let of_thread = bell.clone();
        let thread = thread::Builder::new().name("executor-dump".into());
        thread.spawn(move || serve(&of_thread, alarm))?;
        // For ever: nobody knows when the last handler has returned.
        BELL.store(Arc::into_raw(bell.clone()).cast_mut(), SeqCst);
        let number = asked.number();
        if HANDLED.swap(number, SeqCst) != number {
            // SAFETY: `ring` does nothing that a handler may not do.
            unsafe { register(number, move || ring(number)) }
                .inspect_err(|_| HANDLED.store(0, SeqCst))?;
        }
        // The thread learns that there is one.
        let _ = (&bell.stream).write(&[0]);
        Ok(())
    }

    /// What the handler does. It waits for nobody and allocates nothing.
    fn ring(number: c_int) {
        // SAFETY: null, or a bell that lives for ever.
        let Some(bell) = (unsafe { BELL.load(SeqCst).as_ref() }) else {
            return;
        };
        if bell.asked.number() != number {
            // Of the process that this one was forked from.
        } else if !bell.process.is_forked() {
            // For all signals that the thread has not heard of there is one byte.
            if bell.signals.fetch_add(1, SeqCst) == 0 {
                let _ = (&bell.stream).write(&[0]);
            }
        } else if bell.asked == Asked::Quit {
            // When the handler returns, for until then this signal is blocked.
            raise_by_default(number);
        }
    }

    /// The life of the thread.
    fn serve(bell: &Bell, mut alarm: UnixStream) {
        let _helper = Helper::this_thread();
        loop {
            match alarm.read(&mut [0; 16]) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Somebody has closed or shut down what is not his: no signal will be heard of.
                Ok(0) | Err(_) => return,
            }
            // There is a handler now. A program may keep the signal from the thread that has started
            // this one, and so from all.
            unblock(bell.asked.number());
            let signals = bell.signals.swap(0, SeqCst);
            if signals == 0 {
                continue;
            }
            let text = text(bell.asked, signals);
            let patience = (bell.asked == Asked::Quit).then_some(PATIENCE);
            report::write_whole(text.as_bytes(), patience);
            to_file::write(Why::Dump);
            if bell.asked == Asked::Quit {
                die(libc::SIGQUIT);
            }
        }
    }

    /// For the tasks of an executor to say on what they wait. Whoever has sent the signal waits, too.
    const LIMIT: Duration = Duration::from_secs(1);

    fn text(asked: Asked, signals: usize) -> String {
        let mut text = format!("executor: {}", asked.name());
        if signals > 1 {
            let _ = write!(text, " ({signals} times)");
        }
        let schedulers = executor_id::all();
        let own = schedulers
            .iter()
            .filter(|scheduler| !scheduler.is_in_forked_child());
        match own.clone().count() {
            0 => text.push_str(": there is no executor\n"),
            1 => text.push_str(": the tasks of 1 executor\n"),
            executors => _ = writeln!(text, ": the tasks of {executors} executors"),
        }
        for scheduler in own {
            let name = Printable(&scheduler.config.thread_name);
            let _ = write!(text, "\nexecutor {} `{name}`: ", scheduler.id.get());
            let _ = writeln!(text, "{}", scheduler.dump_in_full(LIMIT));
        }
        text.push_str("executor: end of the dump\n");
        text
    }

    /// Ends the process by this signal, as if nobody had ever caught it.
    fn die(number: c_int) -> ! {
        unblock(number);
        raise_by_default(number);
        // Nothing happens to the first process of a container. A shell says the same of one that
        // died.
        // SAFETY: takes a number, and does not return.
        unsafe { libc::_exit(128 + number) }
    }

    /// Has the calling thread take a signal that it was not to be disturbed by.
    fn unblock(number: c_int) {
        let mut only = MaybeUninit::uninit();
        // SAFETY: it writes to `only`, which is ours.
        unsafe { libc::sigemptyset(only.as_mut_ptr()) };
        // SAFETY: as above, to a set that was made just now; and it is a signal's number.
        unsafe { libc::sigaddset(only.as_mut_ptr(), number) };
        // SAFETY: it reads a set that was made just now.
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, only.as_ptr(), ptr::null_mut()) };
    }

    /// Sends a signal to the calling thread, which has the system's default action.
    fn raise_by_default(number: c_int) {
        // SAFETY: it sets no function of ours, and may be called by a handler.
        unsafe { libc::signal(number, libc::SIG_DFL) };
        // SAFETY: takes a number, and may be called by a handler.
        unsafe { libc::raise(number) };
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::sync::mpsc;

        #[test]
        fn where_no_signal_can_be_heard_of_the_thread_ends() {
            let (alarm, stream) = UnixStream::pair().unwrap();
            stream.shutdown(std::net::Shutdown::Both).unwrap();
            let bell = Bell {
                asked: Asked::Usr1,
                process: Process::this(),
                signals: AtomicUsize::new(0),
                stream,
            };
            let (ended, is_over) = mpsc::channel();
            std::thread::spawn(move || {
                serve(&bell, alarm);
                ended.send(()).unwrap();
            });
            assert!(is_over.recv_timeout(Duration::from_secs(20)).is_ok());
        }
    }
}

/// Without what it takes.
#[cfg(not(all(feature = "signal", unix, not(shuttle))))]
mod absent {
    use super::VARIABLE;
    use crate::scheduler::{env, report};
    use std::{
        convert::Infallible,
        io,
        sync::atomic::{AtomicBool, Ordering},
    };

    /// Nothing that can be had.
    pub(crate) type Asked = Infallible;

    /// Says that what the environment asks for is not there.
    pub(crate) fn asked() -> Option<Asked> {
        static SAID: AtomicBool = AtomicBool::new(false);
        // Ordering: Relaxed; it publishes nothing.
        if env::is_set(VARIABLE) && !SAID.swap(true, Ordering::Relaxed) {
            report::line(&format!(
                "executor: {VARIABLE} is set, and has no effect: this program was built without the \
                 feature `signal` of `executor`"
            ));
        }
        None
    }

    /// There is nothing to start.
    pub(crate) fn start(_: Option<Asked>) -> io::Result<()> {
        Ok(())
    }
}
