//! `EXECUTOR_TRACE`: when the file is written, and how. Each program is a process of its own.

use super::chrome::Chrome;
use crate::common::{PATIENCE, assert_passed, eventually, output_of, role, watchdog};
use executor::{Executor, trace, yield_now};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command, Output, Stdio},
    sync::{
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

const VARIABLE: &str = "EXECUTOR_TRACE";

/// A folder of its own, which is gone when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, SeqCst);
        let folder = env::temp_dir().join(format!("executor-trace-{}-{number}", process::id()));
        fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of all that is in it.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn command(name: &str, file: &Path) -> Command {
    let mut command = role(&format!("to_file::{name}"));
    command.env(VARIABLE, file);
    command
}

fn run(name: &str, file: &Path) -> Output {
    output_of(command(name, file))
}

fn read(file: &Path) -> Chrome {
    Chrome::parse(&fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

fn work() {
    executor::block_on(executor::spawn(async {
        for _ in 0..10 {
            yield_now().await;
        }
        trace::event("done");
    }))
    .unwrap();
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_returns_from_main() {
    let _watchdog = watchdog(60);
    work();
    // A recording of the program's own may begin and end.
    drop(executor::Handle::current().trace());
    work();
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_starts_four_workers() {
    let _watchdog = watchdog(60);
    let own = Executor::builder().workers(4).build().unwrap();
    eventually("all sleep", || own.metrics().idle_threads() == 4);
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_exits() {
    let _watchdog = watchdog(60);
    work();
    process::exit(7);
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_exits_in_a_task() {
    let _watchdog = watchdog(60);
    executor::block_on(executor::spawn(async {
        yield_now().await;
        process::exit(7)
    }))
    .unwrap()
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_panics() {
    let _watchdog = watchdog(60);
    work();
    executor::block_on(async { panic!("main") })
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_uses_two_executors() {
    let _watchdog = watchdog(60);
    for name in ["first", "second"] {
        let own = Executor::builder().workers(2).thread_name(name).build();
        let own = own.unwrap();
        own.block_on(own.spawn(yield_now())).unwrap();
    }
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_uses_many_executors() {
    let _watchdog = watchdog(60);
    for number in 0..30 {
        let builder = Executor::builder().workers(1);
        let own = builder.thread_name(format!("own{number}")).build().unwrap();
        own.block_on(own.spawn(yield_now())).unwrap();
    }
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_goes_elsewhere() {
    let _watchdog = watchdog(60);
    work();
    env::set_current_dir("/").unwrap();
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_stalls() {
    let _watchdog = watchdog(60);
    executor::block_on(executor::spawn(async {
        thread::sleep(Duration::from_secs(50));
    }))
    .unwrap();
}

#[test]
#[ignore = "a part of tests that set a variable"]
#[cfg(unix)]
fn role_exits_slowly_while_a_poll_lasts() {
    /// Long enough for the monitor to report the poll.
    extern "C" fn last_steps() {
        thread::sleep(Duration::from_secs(3));
    }
    let _watchdog = watchdog(60);
    // SAFETY: a function that lives as long as the program, and does not unwind. It is called after
    // those that are registered later, so after what writes the file.
    assert_eq!(unsafe { libc::atexit(last_steps) }, 0);
    let (began, begins) = mpsc::channel();
    drop(executor::spawn(async move {
        began.send(()).unwrap();
        thread::sleep(Duration::from_secs(50));
    }));
    begins.recv().unwrap();
    process::exit(7);
}

#[test]
#[ignore = "a part of tests that set a variable"]
#[cfg(target_os = "linux")]
fn role_forks() {
    let _watchdog = watchdog(60);
    work();
    // SAFETY: the child calls nothing but `exit`, which this is about.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: as above.
        unsafe { libc::exit(0) };
    }
    let mut status = 0;
    // SAFETY: a place for the answer.
    unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(status, 0);
    let file = PathBuf::from(env::var_os(VARIABLE).unwrap());
    assert!(!file.exists(), "the child has written it");
}

#[test]
#[ignore = "a part of tests that set a variable"]
#[cfg(target_os = "linux")]
fn role_may_write_no_more_than_a_hundred_bytes() {
    let _watchdog = watchdog(60);
    work();
    let little = libc::rlimit {
        rlim_cur: 100,
        rlim_max: 100,
    };
    // SAFETY: takes numbers.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    // SAFETY: it reads `little`.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &little) }, 0);
}

#[test]
#[ignore = "a part of tests that set a variable"]
#[cfg(all(feature = "signal", unix))]
fn role_gets_a_signal() {
    let _watchdog = watchdog(60);
    work();
    // SAFETY: takes a number.
    unsafe { libc::raise(libc::SIGUSR1) };
    let file = PathBuf::from(env::var_os(VARIABLE).unwrap());
    eventually("it is written", || file.exists());
}

#[test]
fn it_has_the_beginning_of_each_worker() {
    let _watchdog = watchdog(60);
    let folder = Folder::new();
    let file = folder.path("trace.json");
    assert_passed("it ends", &run("role_starts_four_workers", &file));
    assert_eq!(read(&file).instants("thread starts").len(), 4);
}

#[test]
fn it_is_written_when_main_returns() {
    let _watchdog = watchdog(60);
    let folder = Folder::new();
    let file = folder.path("trace.json");
    assert_passed("main returns", &run("role_returns_from_main", &file));
    let chrome = read(&file);
    assert_eq!(chrome.instants("done").len(), 2);
    assert_eq!(chrome.polls().count(), 22);
    assert_eq!(folder.names(), ["trace.json"], "and nothing is left behind");
}

#[test]
fn it_is_written_when_the_process_exits_wherever_that_is() {
    let _watchdog = watchdog(60);
    for name in ["role_exits", "role_exits_in_a_task", "role_panics"] {
        let folder = Folder::new();
        let file = folder.path("trace.json");
        let output = run(name, &file);
        let code = if name == "role_panics" { 101 } else { 7 };
        assert_eq!(output.status.code(), Some(code), "{name}");
        assert!(read(&file).polls().count() >= 2, "{name}");
    }
}

#[test]
fn a_page_has_the_same_and_asks_nobody() {
    let _watchdog = watchdog(60);
    let folder = Folder::new();
    let file = folder.path("trace.html");
    assert_passed("main returns", &run("role_returns_from_main", &file));
    let page = fs::read_to_string(&file).unwrap();
    let data = super::page::Data::of(&page);
    assert_eq!(data.why(), "exit");
    assert_eq!(data.count(2), 22);
}

#[test]
fn several_executors_are_in_one_file_and_those_that_have_ended_too() {
    let _watchdog = watchdog(60);
    let folder = Folder::new();
    let file = folder.path("trace.json");
    assert_passed("two executors", &run("role_uses_two_executors", &file));
    let chrome = read(&file);
    for name in ["first", "second"] {
        let of_executor = |tid: &u64| {
            let track = &chrome.tracks[tid];
            track.starts_with(name) && track.contains("worker")
        };
        let polls = chrome.polls().filter(|poll| of_executor(&poll.tid));
        assert_eq!(polls.count(), 2, "{name}: {:?}", chrome.tracks);
    }
    assert_passed("many executors", &run("role_uses_many_executors", &file));
    let chrome = read(&file);
    let has = |name: &str| chrome.tracks.values().any(|track| track.starts_with(name));
    assert!(
        has("own29 ") && has("own25 ") && !has("own3 "),
        "{:?}",
        chrome.tracks
    );
}

#[test]
fn the_file_is_where_the_program_was_started_also_if_it_goes_elsewhere() {
    let _watchdog = watchdog(60);
    let folder = Folder::new();
    let mut command = command("role_goes_elsewhere", Path::new("trace.json"));
    command.current_dir(&folder.0);
    assert_passed("it goes elsewhere", &output_of(command));
    assert!(read(&folder.path("trace.json")).polls().count() > 0);
}

#[test]
fn a_stall_has_it_written_while_it_lasts() {
    let _watchdog = watchdog(60);
    let folder = Folder::new();
    let file = folder.path("trace.json");
    let mut command = command("role_stalls", &file);
    command.env("EXECUTOR_WORKERS", "2");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut program = command.spawn().unwrap();
    eventually("it is written", || file.exists());
    program.kill().unwrap();
    program.wait().unwrap();
    let chrome = read(&file);
    let poll = chrome.polls().next().expect("the poll that does not end");
    assert_eq!(poll.args["ending"], "has not ended");
    assert!(poll.to - poll.from >= 900_000.0, "{poll:?}");
    let taken = chrome.instants("handed off: the poll does not end");
    let inside = |&(tid, at): &(u64, f64)| tid == poll.tid && poll.from < at && at < poll.to;
    assert!(taken.iter().any(inside), "{taken:?}, {poll:?}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("to_file.rs"), "where it was spawned");
}

#[test]
#[cfg(unix)]
fn what_is_written_at_the_exit_is_the_last() {
    let _watchdog = watchdog(60);
    let folder = Folder::new();
    let file = folder.path("trace.html");
    let mut command = command("role_exits_slowly_while_a_poll_lasts", &file);
    command.env("EXECUTOR_WORKERS", "2");
    let output = output_of(command);
    assert_eq!(output.status.code(), Some(7));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains(VARIABLE), "{said}");
    let page = fs::read_to_string(&file).unwrap();
    assert_eq!(super::page::Data::of(&page).why(), "exit");
    assert_eq!(folder.names(), ["trace.html"]);
}

#[test]
#[cfg(unix)]
fn its_name_may_be_as_long_as_the_system_allows() {
    let _watchdog = watchdog(60);
    let folder = Folder::new();
    let name = format!("{}.json", "x".repeat(250));
    let output = run("role_returns_from_main", &folder.path(&name));
    assert_passed("main returns", &output);
    assert_eq!(folder.names(), [name]);
}

#[test]
#[cfg(unix)]
fn a_symbolic_link_of_that_name_is_replaced_and_not_followed() {
    let _watchdog = watchdog(60);
    let folder = Folder::new();
    let (file, victim) = (folder.path("trace.json"), folder.path("victim"));
    fs::write(&victim, "dear").unwrap();
    std::os::unix::fs::symlink(&victim, &file).unwrap();
    assert_passed("main returns", &run("role_returns_from_main", &file));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "dear");
    assert!(fs::symlink_metadata(&file).unwrap().is_file());
    assert!(read(&file).polls().count() > 0);
}

#[test]
fn a_file_that_cannot_be_written_is_said_and_nothing_else() {
    let _watchdog = watchdog(60);
    let folder = Folder::new();
    let file = folder.path("nowhere/trace.html");
    let output = run("role_returns_from_main", &file);
    assert_passed("main returns", &output);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("could not be written"), "{text}");
    assert!(text.contains("nowhere"), "{text}");
    // A folder of that name.
    let file = folder.path("folder.html");
    fs::create_dir(&file).unwrap();
    let output = run("role_returns_from_main", &file);
    assert_passed("main returns", &output);
    assert!(String::from_utf8_lossy(&output.stderr).contains("could not be written"));
    assert_eq!(folder.names(), ["folder.html"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_is_said_and_nothing_half_written_is_left() {
    let _watchdog = watchdog(60);
    let folder = Folder::new();
    let file = folder.path("trace.html");
    fs::write(&file, "the one before").unwrap();
    let output = run("role_may_write_no_more_than_a_hundred_bytes", &file);
    assert_passed("no room", &output);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("could not be written"), "{text}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "the one before");
    assert_eq!(folder.names(), ["trace.html"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_forked_child_writes_nothing() {
    let _watchdog = watchdog(60);
    let folder = Folder::new();
    let file = folder.path("trace.json");
    let mut forks = command("role_forks", &file);
    // The child has none of the threads in whose stacks LeakSanitizer looks for what is in use.
    forks.env("LSAN_OPTIONS", "detect_leaks=0");
    assert_passed("it forks", &output_of(forks));
    assert_eq!(read(&file).instants("done").len(), 1);
}

#[test]
#[cfg(all(feature = "signal", unix))]
fn a_dump_has_it_written() {
    let _watchdog = watchdog(60);
    let folder = Folder::new();
    let file = folder.path("trace.html");
    let mut command = command("role_gets_a_signal", &file);
    command.env("EXECUTOR_DUMP", "USR1");
    assert_passed("a signal", &output_of(command));
}

#[test]
fn other_names_are_refused() {
    let _watchdog = watchdog(60);
    for wrong in ["1", "trace", "trace.txt", ".html"] {
        let output = run("role_returns_from_main", Path::new(wrong));
        assert!(!output.status.success(), "{wrong} is accepted");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let text = text + &String::from_utf8_lossy(&output.stdout);
        assert!(
            text.contains("EXECUTOR_TRACE is ") && text.contains(".html"),
            "{text}"
        );
    }
    assert_passed(
        "empty is unset",
        &run("role_returns_from_main", Path::new("")),
    );
}

#[test]
fn where_it_is_recorded_all_the_time_the_program_is_hardly_slower() {
    let _watchdog = watchdog(100);
    const POLLS: u32 = 1_000;
    /// Realistic polls take some microseconds.
    const POLL: Duration = Duration::from_micros(5);
    let own = crate::common::patient_executor(1);
    let run = || {
        own.block_on(own.spawn(async {
            let begin = Instant::now();
            for _ in 0..POLLS {
                let poll = Instant::now();
                while poll.elapsed() < POLL {}
                yield_now().await;
            }
            begin.elapsed()
        }))
        .unwrap()
    };
    // The least of several, for others use the machine too.
    let (mut off, mut on) = (PATIENCE, PATIENCE);
    for _ in 0..100 {
        off = off.min(run());
        let recording = own.handle().trace();
        on = on.min(run());
        drop(recording);
    }
    println!("off: {off:?}, on: {on:?}");
    // Without optimization it is more than the few percent that it is.
    let limit = if cfg!(debug_assertions) { 2.0 } else { 1.1 };
    assert!(on < off.mul_f64(limit), "off: {off:?}, on: {on:?}");
}
