//! `EXECUTOR_TRACE`: what all executors of the process do, but simulated ones, is recorded from their
//! start, and written to a file.
//!
//! | when                                | on which thread                                |
//! | ----------------------------------- | ---------------------------------------------- |
//! | `main` returns, or unwinds; `process::exit` | the one that exits (`atexit`)          |
//! | a panic, with `panic = "abort"`     | the one that panics (a panic hook)             |
//! | the signal of `EXECUTOR_DUMP`       | the one that prints                            |
//! | a poll has lasted for a second      | one of its own: the monitor waits for no disk  |
//!
//! Each time the file is written anew, beside the old one, and then takes its place. So whoever reads
//! it finds a whole one, and what is at the end of a symbolic link of that name is left alone. What is
//! written because the process ends is the last: it could end in the middle of another one, and leave
//! half a file behind.
//!
//! A forked child writes nothing: the file is its parent's.

#[cfg(not(all(feature = "trace", not(shuttle))))]
#[cfg_attr(not(all(feature = "signal", unix)), allow(unused_imports))]
pub(crate) use absent::{Destination, asked, start, write, write_soon};
#[cfg(all(feature = "trace", not(shuttle)))]
#[cfg_attr(not(all(feature = "signal", unix)), allow(unused_imports))]
pub(crate) use present::{Destination, asked, start, write, write_soon};

const VARIABLE: &str = "EXECUTOR_TRACE";

#[cfg(all(feature = "trace", not(shuttle)))]
mod present {
    use super::VARIABLE;
    use crate::{
        scheduler::{
            env,
            helpers::Helper,
            report,
            trace::{
                Trace, Why,
                collect::{Part, collect},
                recorder::Recorder,
                recording::Recording,
            },
        },
        sync::{forked::Process, lock_static, panic::caught},
    };
    use std::{
        cell::Cell,
        ffi::OsString,
        fs::{self, File, OpenOptions},
        io::{self, ErrorKind},
        path::{self, Path, PathBuf},
        process,
        sync::{
            Arc, Mutex, OnceLock,
            atomic::{AtomicBool, Ordering},
        },
        thread,
    };

    /// So many executors that have ended are still in the file, the latest.
    const ENDED: usize = 8;

    /// A file, and what it is to be.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) struct Destination {
        path: PathBuf,
        is_page: bool,
    }

    /// What the environment asks for.
    #[track_caller]
    pub(crate) fn asked() -> Option<Destination> {
        let value = env::text(VARIABLE)?;
        match Destination::of(&value) {
            Some(destination) => Some(destination),
            None => panic!(
                "{VARIABLE} is {value:?}, but must be the path of a file whose name ends in .html (a \
                 page for a browser) or .json (for Perfetto), or unset for no trace"
            ),
        }
    }

    impl Destination {
        fn of(value: &OsString) -> Option<Destination> {
            let path = Path::new(value);
            let extension = path.extension()?;
            let is_page = extension == "html";
            if !is_page && extension != "json" {
                return None;
            }
            // The program may go elsewhere.
            let path = path::absolute(path).unwrap_or_else(|_| path.to_owned());
            Some(Destination { path, is_page })
        }

        fn write(&self, trace: &Trace) -> io::Result<()> {
            let (file, beside) = self.new_file_beside()?;
            let written = if self.is_page {
                trace.write_html(&file)
            } else {
                trace.write_chrome(&file)
            };
            drop(file);
            let replaced = written.and_then(|()| fs::rename(&beside, &self.path));
            replaced.inspect_err(|_| {
                // What is half written is in the way of whatever fills the disk.
                let _ = fs::remove_file(&beside);
            })
        }

        /// A file that nobody else has, in the same folder.
        fn new_file_beside(&self) -> io::Result<(File, PathBuf)> {
            /// Names may be taken by what was left behind by a process that was killed.
            const ATTEMPTS: u32 = 100;
            let mut attempt = 0;
            loop {
                // Short, since the file's own name may be as long as the system allows.
                let beside = format!(".executor-trace-{}-{attempt}", process::id());
                let path = self.path.with_file_name(beside);
                let file = OpenOptions::new().write(true).create_new(true).open(&path);
                match file {
                    Ok(file) => return Ok((file, path)),
                    Err(error)
                        if error.kind() == ErrorKind::AlreadyExists && attempt < ATTEMPTS =>
                    {
                        attempt += 1;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// What is recorded, and where to.
    struct Writer {
        destination: Destination,
        process: Process,
        recordings: Mutex<Vec<Recording>>,
        /// Held by whoever writes. Whether the last one has written: the process ends.
        is_over: Mutex<bool>,
        /// Somebody is about to write.
        will_write: AtomicBool,
    }

    static WRITER: OnceLock<Writer> = OnceLock::new();

    thread_local! {
        /// This thread is about to write, or writes.
        static IS_WRITING: Cell<bool> = const { Cell::new(false) };
    }

    /// Until this is dropped, this thread writes.
    struct Done;

    impl Drop for Done {
        fn drop(&mut self) {
            IS_WRITING.set(false);
        }
    }

    /// That of this process.
    fn writer() -> Option<&'static Writer> {
        WRITER.get().filter(|writer| !writer.process.is_forked())
    }

    /// Has an executor record what it does, by `record`, if that was asked for. Where to, was decided by
    /// the first one.
    pub(crate) fn start(asked: Option<Destination>, record: impl FnOnce() -> Arc<Recorder>) {
        let Some(destination) = asked else {
            return;
        };
        WRITER.get_or_init(|| {
            write_when_the_process_ends();
            Writer {
                destination,
                process: Process::this(),
                recordings: Mutex::default(),
                is_over: Mutex::new(false),
                will_write: AtomicBool::new(false),
            }
        });
        if let Some(writer) = writer() {
            writer.add(Recording::begin(record()));
        }
    }

    fn write_when_the_process_ends() {
        #[cfg(unix)]
        {
            extern "C" fn at_exit() {
                // Nothing may unwind out of it, and nobody is left to be told.
                let _ = caught(|| write(Why::Exit));
            }
            // SAFETY: a function that lives as long as the program, and does not unwind. If there is no
            // memory for it, there is no file.
            let _failed = unsafe { libc::atexit(at_exit) };
        }
        if cfg!(panic = "abort") {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                before(panic);
                write(Why::Panic);
            }));
        }
    }

    impl Writer {
        fn add(&self, recording: Recording) {
            let mut recordings = lock_static(&self.recordings);
            let has_ended = |recording: &Recording| recording.is_of_an_ended_executor();
            let ended = recordings.iter().filter(|recording| has_ended(recording));
            let mut surplus = (ended.count() + 1).saturating_sub(ENDED);
            let forgotten: Vec<_> = recordings
                .extract_if(.., |recording| {
                    let is_surplus = surplus > 0 && has_ended(recording);
                    surplus -= usize::from(is_surplus);
                    is_surplus
                })
                .collect();
            recordings.push(recording);
            drop(recordings);
            drop(forgotten);
        }

        fn write(&self, why: Why) {
            // Where panics abort, one in here gets back here by the hook, and may hold each lock.
            if IS_WRITING.replace(true) {
                return;
            }
            let _done = Done;
            let mut is_over = lock_static(&self.is_over);
            if *is_over {
                return;
            }
            *is_over = matches!(why, Why::Exit | Why::Panic);
            let trace = {
                let recordings = lock_static(&self.recordings);
                let parts: Vec<_> = recordings.iter().map(Part::of).collect();
                collect(&parts, why)
            };
            if let Err(error) = self.destination.write(&trace) {
                let path = self.destination.path.display();
                report::line(&format!(
                    "executor: {VARIABLE}: `{path}` could not be written: {error}"
                ));
            }
        }
    }

    /// Writes the file, if there is to be one.
    pub(crate) fn write(why: Why) {
        if let Some(writer) = writer() {
            writer.write(why);
        }
    }

    /// Has the file written on a thread of its own, if there is to be one.
    pub(crate) fn write_soon(why: Why) {
        let Some(writer) = writer() else {
            return;
        };
        // Ordering: Relaxed for both; what is recorded has an order of its own. Whoever finds it set
        // has his incident in the file that is about to be written, or will be: it lasts.
        if writer.will_write.swap(true, Ordering::Relaxed) {
            return;
        }
        let thread = thread::Builder::new().name("executor-trace".into());
        let started = thread.spawn(move || {
            let _helper = Helper::this_thread();
            writer.will_write.store(false, Ordering::Relaxed);
            writer.write(why);
        });
        if started.is_err() {
            writer.will_write.store(false, Ordering::Relaxed);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_name_says_what_the_file_is_to_be() {
            let is_page = |name: &str| {
                let destination = Destination::of(&name.into())?;
                assert!(destination.path.is_absolute() && destination.path.ends_with(name));
                Some(destination.is_page)
            };
            assert_eq!(is_page("trace.html"), Some(true));
            assert_eq!(is_page("some/where/trace.json"), Some(false));
            for wrong in ["1", "trace", ".html", "trace.txt", "html", "/"] {
                assert_eq!(is_page(wrong), None, "{wrong}");
            }
        }
    }
}

/// Without what it takes.
#[cfg(not(all(feature = "trace", not(shuttle))))]
mod absent {
    use super::VARIABLE;
    use crate::scheduler::{
        env, report,
        trace::{Why, recorder::Recorder},
    };
    use std::{
        convert::Infallible,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    /// None can be had.
    pub(crate) type Destination = Infallible;

    /// Says that what the environment asks for is not there.
    pub(crate) fn asked() -> Option<Destination> {
        static SAID: AtomicBool = AtomicBool::new(false);
        // Ordering: Relaxed; it publishes nothing.
        if env::text(VARIABLE).is_some() && !SAID.swap(true, Ordering::Relaxed) {
            report::line(&format!(
                "executor: {VARIABLE} is set, and has no effect: this program was built without the \
                 feature `trace` of `executor`"
            ));
        }
        None
    }

    /// There is nothing to start.
    pub(crate) fn start(_: Option<Destination>, _: impl FnOnce() -> Arc<Recorder>) {}

    /// There is nothing to write.
    #[cfg_attr(
        not(all(feature = "signal", unix, not(shuttle))),
        allow(dead_code, reason = "signals ask for it")
    )]
    pub(crate) fn write(_: Why) {}

    /// There is nothing to write.
    pub(crate) fn write_soon(_: Why) {}
}
