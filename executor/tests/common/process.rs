//! Tests that run in a process of their own: because they could end the process, because they
//! measure it, or because a process has only one of what they need.

use super::{PATIENCE, watchdog, watchdog_limit};
use std::{
    env,
    fmt::Display,
    io::Read,
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
#[cfg(unix)]
use std::{
    fs::File,
    io::{self, PipeReader, Write},
    os::fd::{AsRawFd, OwnedFd},
};

/// Set in a process that [`in_own_process`], [`child`] or [`role`] has started.
const CHILD: &str = "EXECUTOR_TEST_CHILD";

/// For the [`watchdog`] of a test in a process of its own.
const SECONDS: u64 = 100;

/// Whether this process was started for the sake of one test.
pub fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// The name of the calling test, with its modules: the harness gives it to the thread.
fn own_name() -> String {
    let thread = thread::current();
    thread.name().expect("it runs on its own thread").to_owned()
}

/// A command that runs the calling test once more, in a process of its own, without the variables
/// that the executor heeds.
pub fn child() -> Command {
    command(&own_name(), None)
}

/// A command that runs, in a process of its own, a test that is ignored because it is nothing but a
/// part of the calling one.
pub fn role(test: &str) -> Command {
    command(test, Some("--ignored"))
}

fn command(test: &str, which: Option<&str>) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.args(which);
    command
        .env(CHILD, "1")
        .env_remove("EXECUTOR_WORKERS")
        .env_remove("EXECUTOR_SCHEDTRACE")
        .env_remove("EXECUTOR_DUMP")
        .env_remove("EXECUTOR_TRACE")
        .env_remove("EXECUTOR_DEADLOCK")
        .env_remove("EXECUTOR_SEED")
        .env_remove("EXECUTOR_SEEDS");
    command
}

/// Runs a command to its end. Later than its own watchdog would, it is killed.
#[track_caller]
pub fn output_of(command: Command) -> Output {
    output_within(watchdog_limit(SECONDS) + PATIENCE, command)
}

/// Runs a command to its end. If that has not come after so long a time, it is killed, and this
/// panics with what it has printed.
#[track_caller]
pub fn output_within(limit: Duration, mut command: Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    // Read all the time: who writes into a full pipe waits for somebody to empty it.
    let stdout = read(process.stdout.take().unwrap());
    let stderr = read(process.stderr.take().unwrap());
    let Some(status) = wait_or_kill(&mut process, limit) else {
        // What it has started may live on, and keep the pipes open.
        thread::sleep(Duration::from_millis(100));
        let ended = [stdout, stderr]
            .into_iter()
            .filter(|reader| reader.is_finished());
        let text: Vec<_> = ended.flat_map(|reader| reader.join().unwrap()).collect();
        let text = String::from_utf8_lossy(&text);
        panic!("{command:?} hangs: {limit:?} are over\n{text}");
    };
    let [stdout, stderr] = [stdout, stderr].map(|reader| reader.join().unwrap());
    Output {
        status,
        stdout,
        stderr,
    }
}

fn read(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).unwrap();
        text
    })
}

/// `None`: it had to be killed.
fn wait_or_kill(process: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let begin = Instant::now();
    while begin.elapsed() < limit {
        if let Some(status) = process.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(1));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    None
}

/// Whether a process made by [`child`] or [`role`] ran its one test, and that passed. (Its exit
/// code alone says as much of a name that fits no test.)
pub fn passed(output: &Output) -> bool {
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success() && text.contains("test result: ok. 1 passed;")
}

/// Panics, with all that it has printed, unless the test of a process made by [`child`] or [`role`]
/// passed.
#[track_caller]
pub fn assert_passed(what: impl Display, output: &Output) {
    assert!(
        passed(output),
        "{what}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs `body`, which is all that the calling test does, in a process of its own, under a watchdog.
/// Passes `EXECUTOR_WORKERS` on.
#[track_caller]
pub fn in_own_process(body: impl FnOnce()) {
    if is_child() {
        let _watchdog = watchdog(SECONDS);
        return body();
    }
    let mut command = child();
    if let Some(workers) = env::var_os("EXECUTOR_WORKERS") {
        command.env("EXECUTOR_WORKERS", workers);
    }
    assert_passed("in its own process", &output_of(command));
}

/// A pipe that takes nothing more, and who could empty it.
#[cfg(unix)]
pub fn full_pipe() -> (PipeReader, File) {
    let (reader, writer) = io::pipe().unwrap();
    let full = File::from(OwnedFd::from(writer));
    let set_blocking = |on: bool| {
        let flags = if on { 0 } else { libc::O_NONBLOCK };
        // SAFETY: an open file, and a flag that files have.
        let set = unsafe { libc::fcntl(full.as_raw_fd(), libc::F_SETFL, flags) };
        assert_eq!(set, 0);
    };
    set_blocking(false);
    while (&full).write(&[b'x'; 4096]).is_ok() {}
    while (&full).write(b"x").is_ok() {}
    set_blocking(true);
    (reader, full)
}
