//! `EXECUTOR_DUMP`: the tasks of all executors are printed when a signal comes.
//!
//! Each test in a process of its own, most of which read what they print themselves.
#![cfg(all(feature = "signal", target_os = "linux", not(loom)))]

mod common;

use common::{
    Gate, PATIENCE, assert_passed, child, eventually, executor, full_pipe, in_own_process,
    in_some_attempt, is_child,
    limits::{in_fork, wait_for},
    output_of, role, watchdog,
};
use executor::{
    Executor, TaskBuilder,
    signal::{Signal, Signals},
    time::sleep,
};
use futures::StreamExt;
use std::{
    env, fs,
    future::pending,
    io::{self, PipeReader, Read},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
        unix::process::ExitStatusExt,
    },
    process, ptr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

const DUMP: &str = "EXECUTOR_DUMP";

/// How a dump on SIGUSR1 begins, and how each one ends.
const BEGIN: &str = "executor: SIGUSR1";
const END: &str = "executor: end of the dump\n";

/// Time in which what must not happen would.
const MOMENT: Duration = Duration::from_millis(200);

/// Standard error of this process, which it reads itself.
struct StandardError {
    before: OwnedFd,
    text: Arc<Mutex<Vec<u8>>>,
}

impl StandardError {
    /// One that is read all the time.
    fn read() -> StandardError {
        let (reader, writer) = io::pipe().unwrap();
        let error = StandardError::into(writer.as_fd().as_raw_fd());
        error.read_from(reader);
        error
    }

    /// One that nobody reads yet.
    fn into(fd: libc::c_int) -> StandardError {
        // SAFETY: duplicates an open descriptor.
        let before = unsafe { libc::fcntl(2, libc::F_DUPFD_CLOEXEC, 3) };
        assert!(before > 2);
        point_to(fd);
        StandardError {
            // SAFETY: it was made just now, for this.
            before: unsafe { OwnedFd::from_raw_fd(before) },
            text: Arc::default(),
        }
    }

    fn read_from(&self, mut reader: PipeReader) {
        let text = self.text.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                text.lock().unwrap().extend(&buffer[..read]);
            }
        });
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    /// The dumps so far, whole.
    fn dumps(&self) -> Vec<Printed> {
        let text = self.text();
        let (whole, _) = text.rsplit_once(END).unwrap_or_default();
        let dumps = whole.split(END).filter(|dump| dump.contains(BEGIN));
        dumps.map(Printed::of).collect()
    }

    fn signals(&self) -> usize {
        self.dumps().iter().map(|dump| dump.signals).sum()
    }

    /// Waits until so many signals have been answered.
    #[track_caller]
    fn dumps_of(&self, signals: usize) -> Vec<Printed> {
        eventually(format!("{signals} signals are answered"), || {
            self.signals() >= signals
        });
        assert_eq!(self.signals(), signals);
        self.dumps()
    }
}

/// Shows what was printed, for when the test fails.
impl Drop for StandardError {
    fn drop(&mut self) {
        point_to(self.before.as_raw_fd());
        eprintln!("{}", self.text());
    }
}

fn point_to(fd: libc::c_int) {
    // SAFETY: standard error is nobody's alone, and may become another file.
    assert_eq!(unsafe { libc::dup2(fd, 2) }, 2);
}

/// A dump.
struct Printed {
    /// How many signals it answers.
    signals: usize,
    text: String,
}

impl Printed {
    fn of(text: &str) -> Printed {
        let (_, rest) = text.split_once(BEGIN).unwrap();
        let times = rest.split_once(": ").unwrap().0;
        let signals = match times.strip_prefix(" (") {
            Some(times) => times.split(' ').next().unwrap().parse().unwrap(),
            None => 1,
        };
        Printed {
            signals,
            text: rest.to_owned(),
        }
    }

    /// With the tasks of [`with_tasks`].
    #[track_caller]
    fn assert_complete(&self) {
        let waiting = format!("\n3 tasks `wait` at {}:", file!());
        assert!(self.text.contains(&waiting), "{}", self.text);
    }
}

/// Runs `body` in a process of its own that prints when this signal comes.
#[track_caller]
fn in_process_that_dumps_on(signal: &str, body: impl FnOnce()) {
    in_own_process(|| {
        // SAFETY: no other thread of this process looks at the environment.
        unsafe { env::set_var(DUMP, signal) };
        body();
    });
}

/// As above, with standard error that is read.
#[track_caller]
fn in_process_that_dumps(body: impl FnOnce(&StandardError)) {
    in_process_that_dumps_on("USR1", || body(&StandardError::read()));
}

/// Sends it to this process, whichever thread gets it.
fn send(signal: libc::c_int) {
    // SAFETY: takes numbers.
    assert_eq!(unsafe { libc::kill(process::id() as i32, signal) }, 0);
}

/// Sends it to this thread, which comes back when the handlers have been called.
fn raise(signal: libc::c_int) {
    // SAFETY: takes a number.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

/// An executor with tasks that wait.
fn with_tasks() -> Executor {
    let own = executor(2);
    for _ in 0..3 {
        let task = TaskBuilder::new().name("wait");
        task.spawn_on(pending::<()>(), &own.handle());
    }
    eventually("they wait", || own.metrics().suspended_tasks() == 3);
    own
}

#[test]
fn a_signal_has_all_tasks_printed_and_the_program_goes_on() {
    in_process_that_dumps(|stderr| {
        let own = with_tasks();
        let other = with_tasks();
        for answered in 1..=3 {
            send(libc::SIGUSR1);
            stderr.dumps_of(answered);
        }
        let dumps = stderr.dumps_of(3);
        dumps.iter().for_each(Printed::assert_complete);
        assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
        assert_eq!(common::threads(Some("executor-dump")), 1, "for all");
        drop((own, other));
    });
}

#[test]
fn handlers_of_the_program_are_called_too() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn handler(_: libc::c_int) {
        CALLS.fetch_add(1, SeqCst);
    }
    in_process_that_dumps(|stderr| {
        // SAFETY: the handler adds to an atomic number.
        unsafe { libc::signal(libc::SIGUSR1, handler as *const () as libc::sighandler_t) };
        let own = with_tasks();
        let mut signals = Signals::new([Signal::Usr1]).unwrap();
        raise(libc::SIGUSR1);
        assert_eq!(CALLS.load(SeqCst), 1);
        let signal = own.block_on(signals.next()).unwrap().unwrap();
        assert_eq!(signal, Signal::Usr1);
        stderr.dumps_of(1)[0].assert_complete();
    });
}

/// Threads have that from the one that starts them.
#[test]
fn a_signal_that_the_program_blocks_is_heard_of_all_the_same() {
    in_process_that_dumps(|stderr| {
        let mut only = MaybeUninit::uninit();
        // SAFETY: it writes to `only`, which is ours.
        unsafe { libc::sigemptyset(only.as_mut_ptr()) };
        // SAFETY: as above, to a set that was made just now; and it is a signal's number.
        unsafe { libc::sigaddset(only.as_mut_ptr(), libc::SIGUSR1) };
        // SAFETY: it reads a set that was made just now.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, only.as_ptr(), ptr::null_mut()) };
        let _own = with_tasks();
        // The thread of this test has it blocked, and so has the main one, in which nothing happens.
        raise(libc::SIGUSR1);
        send(libc::SIGUSR1);
        stderr.dumps_of(1)[0].assert_complete();
    });
}

#[test]
fn signals_that_come_during_a_dump_are_counted_and_answered_by_one_more() {
    in_process_that_dumps_on("USR1", || {
        const STORM: usize = 5_000;
        let (reader, full) = full_pipe();
        let stderr = StandardError::into(full.as_raw_fd());
        drop(full);
        let _own = with_tasks();
        raise(libc::SIGUSR1);
        // The first dump waits for room.
        (0..STORM).for_each(|_| raise(libc::SIGUSR1));
        thread::sleep(MOMENT);
        stderr.read_from(reader);
        let dumps = stderr.dumps_of(1 + STORM);
        assert!(dumps.len() <= 2, "{}", dumps.len());
        dumps.iter().for_each(Printed::assert_complete);
    });
}

#[test]
fn a_storm_of_signals_while_executors_come_and_go_harms_nobody() {
    in_process_that_dumps(|stderr| {
        let own = with_tasks();
        let sent = AtomicUsize::new(0);
        let over = Gate::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.is_open() {
                    raise(libc::SIGUSR1);
                    sent.fetch_add(1, SeqCst);
                    thread::sleep(Duration::from_micros(100));
                }
            });
            for round in 0..50 {
                let short = executor(1 + round % 3);
                let tasks: Vec<_> = (0..10).map(|i| short.spawn(async move { i })).collect();
                for (i, task) in tasks.into_iter().enumerate() {
                    assert_eq!(short.block_on(task).unwrap(), i);
                }
                short.spawn(pending::<()>());
            }
            over.open();
        });
        let dumps = stderr.dumps_of(sent.load(SeqCst));
        dumps.iter().for_each(Printed::assert_complete);
        assert_eq!(own.metrics().suspended_tasks(), 3);
    });
}

#[test]
fn a_dump_is_written_whole_into_a_pipe_that_is_emptied_late_and_slowly() {
    in_process_that_dumps_on("USR1", || {
        let (mut reader, full) = full_pipe();
        // Whose pipe is such that no write waits must not lose anything, either.
        // SAFETY: an open file, and a flag that files have.
        unsafe { libc::fcntl(full.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        let stderr = StandardError::into(full.as_raw_fd());
        drop(full);
        let own = with_tasks();
        send(libc::SIGUSR1);
        thread::sleep(MOMENT);
        assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
        let mut byte = [0];
        for _ in 0..1_000 {
            reader.read_exact(&mut byte).unwrap();
            assert_eq!(byte, *b"x");
        }
        stderr.read_from(reader);
        stderr.dumps_of(1)[0].assert_complete();
    });
}

#[test]
fn where_standard_error_is_closed_or_not_read_any_more_nothing_happens_and_it_may_come_back() {
    in_process_that_dumps_on("USR1", || {
        let (gone, writer) = io::pipe().unwrap();
        drop(gone);
        let stderr = StandardError::into(writer.as_raw_fd());
        let own = with_tasks();
        send(libc::SIGUSR1);
        thread::sleep(MOMENT);
        // Before, for else they are standard error.
        let (reader, writer) = io::pipe().unwrap();
        // SAFETY: standard error is nobody's alone.
        unsafe { libc::close(2) };
        send(libc::SIGUSR1);
        thread::sleep(MOMENT);
        assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
        point_to(writer.as_raw_fd());
        stderr.read_from(reader);
        send(libc::SIGUSR1);
        eventually("that is answered", || stderr.dumps().len() == 1);
        stderr.dumps()[0].assert_complete();
        own.shutdown_timeout(PATIENCE).unwrap();
    });
}

#[test]
fn a_dump_comes_within_two_seconds_while_no_poll_ends() {
    in_process_that_dumps(|stderr| {
        let builder = Executor::builder().workers(2).max_threads(2);
        let (own, over, busy) = (builder.build().unwrap(), Gate::new(), AtomicUsize::new(0));
        let busy = Arc::new(busy);
        for _ in 0..2 {
            let (over, busy) = (over.clone(), busy.clone());
            own.spawn(async move {
                busy.fetch_add(1, SeqCst);
                over.spin();
            });
        }
        eventually("all workers compute", || busy.load(SeqCst) == 2);
        thread::sleep(MOMENT);
        in_some_attempt(|| {
            let (begin, before) = (Instant::now(), stderr.dumps().len());
            send(libc::SIGUSR1);
            eventually("it is answered", || stderr.dumps().len() > before);
            begin.elapsed() < Duration::from_secs(2)
        });
        let text = stderr.dumps().remove(0).text;
        for worker in ["on worker 0", "on worker 1"] {
            assert!(text.contains(worker), "{text}");
        }
        over.open();
    });
}

#[test]
fn neither_the_end_of_an_executor_nor_that_of_the_process_waits_for_a_dump() {
    in_process_that_dumps_on("USR1", || {
        let (_reader, full) = full_pipe();
        let stderr = StandardError::into(full.as_raw_fd());
        drop(full);
        let own = with_tasks();
        send(libc::SIGUSR1);
        thread::sleep(MOMENT);
        own.shutdown_timeout(PATIENCE).unwrap();
        // Which the thread cannot print.
        let reading = StandardError::text(&stderr);
        assert_eq!(reading, "");
    });
}

#[test]
fn after_the_end_of_all_executors_a_dump_says_that_there_is_none() {
    in_process_that_dumps(|stderr| {
        drop(with_tasks());
        send(libc::SIGUSR1);
        let dump = stderr.dumps_of(1).remove(0);
        assert!(dump.text.contains("no executor"), "{}", dump.text);
    });
}

/// Signals with a handler, as bits.
fn caught() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let (_, rest) = status.split_once("SigCgt:").unwrap();
    u64::from_str_radix(rest.split_whitespace().next().unwrap(), 16).unwrap()
}

fn bit(signal: libc::c_int) -> u64 {
    1 << (signal - 1)
}

#[test]
fn no_signal_is_caught_unless_the_variable_says_so() {
    in_own_process(|| {
        let before = caught();
        let own = with_tasks();
        executor::block_on(sleep(Duration::from_millis(1)));
        assert_eq!(caught(), before);
        assert_eq!(common::threads(Some("executor-dump")), 0);
        drop(own);
    });
}

#[test]
fn of_the_two_signals_the_one_that_is_asked_for_is_caught_alone() {
    let choices = [("USR1", libc::SIGUSR1), ("QUIT", libc::SIGQUIT)];
    if is_child() {
        let _watchdog = watchdog(60);
        let asked = env::var(DUMP).unwrap();
        let (_, number) = choices
            .into_iter()
            .find(|(name, _)| *name == asked)
            .unwrap();
        let before = caught();
        let _own = with_tasks();
        return assert_eq!(caught(), before | bit(number));
    }
    for (name, _) in choices {
        let mut command = child();
        command.env(DUMP, name);
        assert_passed(name, &output_of(command));
    }
}

#[test]
#[ignore = "a part of tests that send signals"]
fn role_dies_of_a_signal() {
    let _watchdog = watchdog(60);
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: reads the limits, which are there.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
    // Whoever runs the tests in the background may have it ignored.
    // SAFETY: sets no handler.
    unsafe { libc::signal(libc::SIGQUIT, libc::SIG_DFL) };
    let _own = with_tasks();
    send(libc::SIGQUIT);
    thread::sleep(PATIENCE);
    println!("<lives>");
}

#[test]
fn quit_prints_and_the_process_dies_of_it() {
    let _watchdog = watchdog(60);
    let mut command = role("role_dies_of_a_signal");
    command.env(DUMP, "QUIT");
    let output = output_of(command);
    assert_eq!(output.status.signal(), Some(libc::SIGQUIT), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("executor: SIGQUIT: "), "{text}");
    assert!(text.contains(file!()) && text.ends_with(END), "{text}");
    // As it does without.
    let output = output_of(role("role_dies_of_a_signal"));
    assert_eq!(output.status.signal(), Some(libc::SIGQUIT), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
#[ignore = "a part of tests that send signals"]
fn role_dies_of_a_signal_although_nobody_reads() {
    let (reader, full) = full_pipe();
    point_to(full.as_raw_fd());
    drop(full);
    role_dies_of_a_signal();
    drop(reader);
}

#[test]
fn quit_ends_a_process_whose_standard_error_takes_nothing() {
    let _watchdog = watchdog(60);
    let mut command = role("role_dies_of_a_signal_although_nobody_reads");
    command.env(DUMP, "QUIT");
    let begin = Instant::now();
    let output = output_of(command);
    assert_eq!(output.status.signal(), Some(libc::SIGQUIT), "{output:?}");
    assert!(begin.elapsed() >= Duration::from_secs(10), "it is patient");
}

#[test]
fn a_forked_child_ignores_the_signal_until_it_has_an_executor() {
    in_process_that_dumps(|stderr| {
        let _own = with_tasks();
        in_fork(|| {
            raise(libc::SIGUSR1);
            thread::sleep(MOMENT);
        });
        assert_eq!(stderr.text(), "", "nobody prints");
        in_fork(|| {
            let own = with_tasks();
            raise(libc::SIGUSR1);
            thread::sleep(MOMENT);
            drop(own);
        });
        stderr.dumps_of(1)[0].assert_complete();
        // The parent prints as before.
        raise(libc::SIGUSR1);
        stderr.dumps_of(2)[1].assert_complete();
    });
}

#[test]
fn a_forked_child_dies_of_quit_and_the_parent_prints_nothing() {
    in_process_that_dumps_on("QUIT", || {
        let stderr = StandardError::read();
        let _own = with_tasks();
        // SAFETY: the child makes two system calls.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let none = libc::rlimit {
                rlim_cur: 0,
                rlim_max: 0,
            };
            // SAFETY: reads the limits, which are there.
            unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
            raise(libc::SIGQUIT);
            // SAFETY: takes a number.
            unsafe { libc::_exit(0) };
        }
        let status = wait_for(pid);
        assert!(libc::WIFSIGNALED(status), "{status:#x}");
        assert_eq!(libc::WTERMSIG(status), libc::SIGQUIT);
        thread::sleep(MOMENT);
        assert_eq!(stderr.text(), "");
    });
}
