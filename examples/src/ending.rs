//! How the program ends when its output goes nowhere, or somebody interrupts it: as Unix tools do.
//!
//! | what happens                      | the program                                |
//! | --------------------------------- | ------------------------------------------ |
//! | nobody reads its output any more  | ends without a word, by `SIGPIPE`          |
//! | its output cannot be written      | says so, and ends with an error            |
//! | Ctrl-C                            | leaves the terminal clean, ends by `SIGINT` |
//!
//! When all lessons run, each in a process of its own, the program ends as the lesson does.

use std::{
    io, panic,
    process::{self, ExitStatus},
    sync::atomic::{AtomicBool, Ordering},
};

/// The exit code of what a signal would end, where there are no signals: the shell's figure for
/// `SIGINT`.
#[cfg(not(unix))]
const INTERRUPTED: i32 = 130;

/// Call first thing in `main`.
pub fn prepare() {
    // Rust ignores the signal: `println!` would panic, in a task perhaps, and others wait for it.
    #[cfg(unix)]
    default_action(libc::SIGPIPE);
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // There is no other way to hear of what `println!` comes upon.
        let message = info.payload().downcast_ref::<String>();
        let failed = message.and_then(|text| text.strip_prefix("failed printing to stdout: "));
        match failed {
            Some(error) => cannot_print(error),
            None => report(info),
        }
    }));
}

/// Ends the process: whatever else is going on, its output would not be seen.
fn cannot_print(error: &str) -> ! {
    // Perhaps standard error is the same file, so its failure is none that could be told.
    let _ = io::Write::write_fmt(
        &mut io::stderr(),
        format_args!("error: cannot print: {error}\n"),
    );
    process::exit(1);
}

/// Has `clean_up` run, on a thread of its own, before Ctrl-C ends the process.
pub fn on_interrupt(mut clean_up: impl FnMut() + Send + 'static) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(move || {
        clean_up();
        end_as_interrupted();
    })
}

/// Ends the process as Ctrl-C does.
pub fn end_as_interrupted() -> ! {
    #[cfg(unix)]
    end_by(libc::SIGINT);
    #[cfg(not(unix))]
    process::exit(INTERRUPTED);
}

/// Somebody has interrupted the program, perhaps as no lesson ran that would have ended.
static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Leaves Ctrl-C to the lesson that runs, which the terminal tells as well.
pub fn leave_interrupts_to_the_lesson() -> Result<(), ctrlc::Error> {
    // Relaxed: nothing else is read.
    ctrlc::set_handler(|| IS_INTERRUPTED.store(true, Ordering::Relaxed))
}

/// Ends as the lesson did, if that was ended by nobody reading on, or by Ctrl-C. To be called after
/// each lesson.
pub fn end_with(status: ExitStatus) {
    let is_interrupted = IS_INTERRUPTED.load(Ordering::Relaxed);
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal @ (libc::SIGPIPE | libc::SIGINT)) = status.signal() {
            end_by(signal);
        }
        if is_interrupted {
            end_by(libc::SIGINT);
        }
    }
    #[cfg(not(unix))]
    if is_interrupted || status.code() == Some(INTERRUPTED) {
        process::exit(INTERRUPTED);
    }
}

#[cfg(unix)]
fn default_action(signal: i32) {
    // SAFETY: a signal that exists, and the action that needs no function.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Ends by a signal, so that whoever started the program sees why it ended.
#[cfg(unix)]
fn end_by(signal: i32) -> ! {
    default_action(signal);
    // SAFETY: a signal that exists. Its action, which ends the process, is the system's.
    unsafe { libc::raise(signal) };
    process::exit(128 + signal);
}
