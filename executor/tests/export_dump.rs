//! `export_dump!`: what a debugger has a stopped process print.
#![cfg(all(target_os = "linux", not(loom)))]

mod common;

use common::{
    Gate, PATIENCE, child, eventually, executor, full_pipe, in_own_process, is_child, watchdog,
};
use executor::{Executor, TaskBuilder};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fs::File,
    future::pending,
    io::{self, BufRead, BufReader, Read},
    os::fd::{AsRawFd, FromRawFd},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

executor::export_dump!();

/// Counts what a thread allocates while it must not.
struct Counting;

thread_local!(static IS_FORBIDDEN: Cell<bool> = const { Cell::new(false) });

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

fn count() {
    if IS_FORBIDDEN.get() {
        ALLOCATIONS.fetch_add(1, SeqCst);
    }
}

// SAFETY: the system's allocator, and a count.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count();
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Calls `f` with a pipe as standard error, and returns what it has written there.
fn written_by(f: impl FnOnce()) -> String {
    let (mut reader, writer) = io::pipe().unwrap();
    let text = thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    with_standard_error(&File::from(std::os::fd::OwnedFd::from(writer)), f);
    text.join().unwrap()
}

/// Takes `file` for standard error while it calls `f`.
fn with_standard_error(file: &File, f: impl FnOnce()) {
    // SAFETY: duplicates an open descriptor.
    let before = unsafe { libc::fcntl(2, libc::F_DUPFD_CLOEXEC, 3) };
    assert!(before > 2);
    // SAFETY: standard error is nobody's alone, and may become another file.
    assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), 2) }, 2);
    f();
    // SAFETY: as above.
    assert_eq!(unsafe { libc::dup2(before, 2) }, 2);
    // SAFETY: it was made here.
    drop(unsafe { File::from_raw_fd(before) });
}

/// An executor with tasks that wait, one of which has a name, and one that is in a poll until the
/// gate is opened.
fn with_tasks() -> (Executor, Gate) {
    let (own, gate) = (executor(2), Gate::new());
    (0..100).for_each(|_| drop(own.spawn(pending::<()>())));
    TaskBuilder::new()
        .name("conn\n7")
        .spawn_on(pending::<()>(), &own.handle());
    eventually("they wait", || own.metrics().suspended_tasks() == 101);
    let (polled, begun) = (gate.clone(), Gate::new());
    let begins = begun.clone();
    own.spawn(async move {
        begins.open();
        polled.wait();
    });
    begun.wait();
    (own, gate)
}

#[test]
fn it_prints_all_tasks_allocates_nothing_and_leaves_errno_alone() {
    in_own_process(|| {
        let (own, gate) = with_tasks();
        let text = written_by(|| {
            IS_FORBIDDEN.set(true);
            // SAFETY: it gives the address of a number of the calling thread.
            let errno = unsafe { libc::__errno_location() };
            // SAFETY: as above.
            unsafe { *errno = libc::EXDEV };
            executor_dump();
            IS_FORBIDDEN.set(false);
            let error = io::Error::last_os_error();
            assert_eq!(error.raw_os_error(), Some(libc::EXDEV));
        });
        assert_eq!(ALLOCATIONS.load(SeqCst), 0);
        assert_complete(&text);
        gate.open();
        drop(own);
    });
}

/// Of a process that says nothing else, but that a poll has not ended for long.
#[track_caller]
fn assert_complete(text: &str) {
    let is_of_dump = |line: &&str| !line.contains(" has been in one poll for ");
    let text: String = text.split_inclusive('\n').filter(is_of_dump).collect();
    assert_eq!(text.matches("\n  waits: task ").count(), 101, "{text}");
    let of_this_file = format!(", spawned at {}:", file!());
    assert_eq!(text.matches(&of_this_file).count(), 102, "{text}");
    assert!(text.contains(r" `conn\n7`, spawned at "), "{text}");
    let runs = text.lines().find(|line| line.contains("  thread "));
    assert!(runs.is_some_and(|line| line.contains(": task ")), "{text}");
    assert!(
        text.ends_with("executor: end of what is at hand\n"),
        "{text}"
    );
}

#[test]
fn where_nobody_takes_what_it_prints_it_returns() {
    in_own_process(|| {
        let (own, gate) = with_tasks();
        let (reader, full) = full_pipe();
        let begin = Instant::now();
        with_standard_error(&full, || executor_dump());
        assert!(
            begin.elapsed() >= Duration::from_millis(900),
            "it is patient"
        );
        assert!(begin.elapsed() < PATIENCE);
        drop(reader);
        with_standard_error(&full, || executor_dump());
        with_standard_error(&File::open("/dev/null").unwrap(), || executor_dump());
        gate.open();
        drop(own);
    });
}

/// What gdb prints, and the process that it is told to attach to.
fn call_by_gdb(process: u32) -> Option<String> {
    let gdb = Command::new("gdb")
        .args(["-p", &process.to_string(), "-batch"])
        // All other threads stay where they are.
        .args(["-ex", "set scheduler-locking on"])
        .args(["-ex", "call (void)executor_dump()"])
        .stdin(Stdio::null())
        .output();
    let gdb = gdb.ok()?;
    let both = [gdb.stdout, gdb.stderr].concat();
    Some(String::from_utf8_lossy(&both).into_owned())
}

#[test]
fn a_debugger_can_call_it_in_a_process_that_hangs() {
    let _watchdog = watchdog(100);
    if is_child() {
        let (own, gate) = with_tasks();
        println!("<ready>");
        own.block_on(async move { gate.wait() });
        return;
    }
    let mut command = child();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.stdin(Stdio::null()).spawn().unwrap();
    let mut stderr = process.stderr.take().unwrap();
    let text = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let stdout = BufReader::new(process.stdout.take().unwrap());
    let is_ready = stdout.lines().any(|line| line.unwrap().contains("<ready>"));
    assert!(is_ready);
    let gdb = call_by_gdb(process.id());
    process.kill().unwrap();
    process.wait().unwrap();
    let text = text.join().unwrap();
    match gdb {
        None => println!("there is no gdb here"),
        Some(gdb) if gdb.contains("ptrace: Operation not permitted") => {
            println!("gdb may not attach to processes here")
        }
        Some(gdb) => {
            println!("{gdb}");
            assert_complete(&text);
            let waits = format!("\n  block_on at {}:", file!());
            assert!(text.contains(&waits), "{text}");
        }
    }
}
