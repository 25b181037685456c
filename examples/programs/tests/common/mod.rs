//! What the tests share: a program under test, and what it prints.
#![allow(dead_code, reason = "no test uses all of it")]

#[path = "../../../../executor/tests/common/watchdog.rs"]
mod watchdog;

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    os::fd::OwnedFd,
    process::{Child, ChildStdout, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use watchdog::Watchdog;

/// Each test takes some seconds; what hangs, hangs for ever.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Ends the process if the calling test hangs.
#[track_caller]
pub fn watchdog() -> Watchdog {
    Watchdog::with(2 * PATIENCE)
}

/// A program that runs. It is killed if the test ends before it does.
#[derive(Debug)]
pub struct Program {
    child: Option<Child>,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    /// Starts the binary at `path`, which is a `env!("CARGO_BIN_EXE_...")`.
    pub fn start(path: &str, arguments: &[&str]) -> Program {
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Program {
            child: Some(child),
            stdout,
        }
    }

    /// The next line that it prints, without its end; empty after the last one.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it prints text");
        line.trim_end().to_owned()
    }

    /// What comes after `prefix` in the next line, such as an address.
    #[track_caller]
    pub fn line_after(&mut self, prefix: &str) -> String {
        let line = self.line();
        let rest = line.strip_prefix(prefix);
        rest.unwrap_or_else(|| panic!("{line:?} does not begin with {prefix:?}"))
            .to_owned()
    }

    /// Reads no more of what it prints, as `head` at its end.
    pub fn close_its_output(&mut self) {
        let nothing = OwnedFd::from(File::open("/dev/null").expect("it is there"));
        self.stdout = BufReader::new(nothing.into());
    }

    pub fn pid(&self) -> i32 {
        self.child.as_ref().expect("it runs").id().cast_signed()
    }

    /// Sends it a signal, such as `libc::SIGINT`.
    pub fn signal(&self, number: i32) {
        // SAFETY: sends a signal to a child that nobody has waited for yet, so the id is its own.
        let sent = unsafe { libc::kill(self.pid(), number) };
        assert_eq!(sent, 0, "the signal is sent");
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        self.signal(libc::SIGINT);
    }

    /// Waits for its end. Returns its status, and all that it has printed and nobody has read.
    #[track_caller]
    pub fn ends(mut self) -> Output {
        let mut child = self.child.take().expect("it runs");
        let mut errors = child.stderr.take().expect("a pipe");
        let errors = thread::spawn(move || {
            let mut text = Vec::new();
            errors.read_to_end(&mut text).map(|_| text)
        });
        let mut printed = Vec::new();
        let read = self.stdout.read_to_end(&mut printed);
        read.expect("it can be read");
        let errors = errors.join().expect("no panic").expect("it can be read");
        Output {
            status: child.wait().expect("it is a child"),
            stdout: printed,
            stderr: errors,
        }
    }

    /// Waits for an end without a complaint, and returns the rest of what it has printed.
    #[track_caller]
    pub fn ends_well(self) -> String {
        let output = self.ends();
        let [printed, errors] = texts(&output);
        assert_eq!((output.status.code(), &*errors), (Some(0), ""), "{printed}");
        printed
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Standard output, and standard error.
pub fn texts(output: &Output) -> [String; 2] {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned())
}

/// Waits until `is_so`.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "not so yet: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
