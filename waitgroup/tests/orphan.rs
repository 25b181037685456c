//! What a group says on standard error when its last handle goes while somebody waits: each case in
//! a process of its own.
#![cfg(not(loom))]

mod common;

use std::env;
use std::future::{Future, pending, poll_fn};
use std::io::{BufRead, BufReader, Read, Write, stdin};
use std::panic::{catch_unwind, resume_unwind};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use common::watchdog;
use futures::executor::block_on;
use waitgroup::{Wait, WaitGroup};

fn counted(n: usize) -> WaitGroup {
    let group = WaitGroup::new();
    group.add(n);
    group
}

fn poll(wait: &mut Wait) -> Poll<()> {
    Pin::new(wait).poll(&mut Context::from_waker(Waker::noop()))
}

/// Runs one of the roles below, which must pass, and returns what it says on standard error.
#[track_caller]
fn said_by(role: &str) -> String {
    let mut command = command(role);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut stderr = BufReader::new(process.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    // It is heard.
    drop(process.stdin.take());
    stderr.read_to_string(&mut said).unwrap();
    let output = process.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{role}: {output:?}"
    );
    said
}

/// For a role: waits until its parent has heard a line.
fn until_heard() {
    stdin().read_to_end(&mut Vec::new()).unwrap();
    leave_time_for_more();
}

/// For a role: in so much time it would be said what is not to be said.
fn leave_time_for_more() {
    thread::sleep(Duration::from_millis(100));
}

fn command(role: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", role, "--ignored", "--nocapture"]);
    command.stdin(Stdio::null());
    command
}

#[test]
#[ignore = "a part of another test"]
fn role_waits_twice_as_the_last_handle_goes() {
    let _watchdog = watchdog();
    let group = counted(3);
    let (tell, told) = mpsc::channel();
    for mut wait in [group.wait(), group.wait()] {
        let tell = tell.clone();
        let waits = poll_fn(move |cx| {
            let polled = Pin::new(&mut wait).poll(cx);
            tell.send(polled).unwrap();
            polled
        });
        thread::spawn(|| block_on(waits));
        assert!(told.recv().unwrap().is_pending());
    }
    group.done();
    drop(group);
    // Each is woken, and finds out.
    let both = [told.recv().unwrap(), told.recv().unwrap()];
    assert_eq!(both, [Poll::Pending; 2]);
    until_heard();
}

#[test]
fn whoever_waits_for_a_group_that_nobody_can_count_off_says_so_once() {
    let _watchdog = watchdog();
    assert_eq!(
        said_by("role_waits_twice_as_the_last_handle_goes"),
        "waitgroup: the last handle of a group is gone, and 2 waits for it will never end \
         (counter 2)\n"
    );
}

#[test]
#[ignore = "a part of another test"]
fn role_panics_with_the_last_handle() {
    let _watchdog = watchdog();
    let group = counted(1);
    let mut wait = group.wait();
    assert!(poll(&mut wait).is_pending());
    let panicked = catch_unwind(move || {
        let _group = group;
        resume_unwind(Box::new(()));
    });
    assert!(panicked.is_err() && poll(&mut wait).is_pending());
    until_heard();
}

#[test]
fn it_is_said_of_a_handle_that_goes_in_a_panic() {
    let _watchdog = watchdog();
    assert_eq!(
        said_by("role_panics_with_the_last_handle"),
        "waitgroup: the last handle of a group is gone, and 1 wait for it will never end \
         (counter 1)\n"
    );
}

#[test]
#[ignore = "a part of another test"]
fn role_waits_in_vain_in_no_way() {
    let _watchdog = watchdog();
    // Nobody waits, or nobody any more.
    drop(counted(1));
    let group = counted(1);
    drop(group.wait());
    drop(group);
    // All of it goes together, as in a task that is cancelled.
    let group = counted(1);
    let mut wait = group.wait();
    assert!(poll(&mut wait).is_pending());
    drop(group);
    drop(wait);
    // The last handle counts off.
    let group = WaitGroup::new();
    let guard = group.guard();
    let tracked = group.track(pending::<()>());
    let mut wait = group.wait();
    drop(group);
    drop(guard);
    assert!(poll(&mut wait).is_pending());
    drop(tracked);
    assert!(poll(&mut wait).is_ready());
    // There is nothing to wait for.
    let group = WaitGroup::new();
    let mut wait = group.wait();
    drop(group);
    assert!(poll(&mut wait).is_ready());
    leave_time_for_more();
}

#[test]
fn nothing_is_said_where_nobody_waits_in_vain() {
    let _watchdog = watchdog();
    assert_eq!(said_by("role_waits_in_vain_in_no_way"), "");
}

#[test]
#[cfg(unix)]
fn standard_error_that_nobody_reads_disturbs_nobody() {
    let _watchdog = watchdog();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = command("role_panics_with_the_last_handle");
    let status = command.stdout(Stdio::null()).stderr(writer).status();
    assert!(status.unwrap().success());
}

#[test]
#[cfg(unix)]
fn a_poll_does_not_wait_for_whoever_does_not_empty_a_pipe() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let _watchdog = watchdog();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut also_writer = writer.try_clone().unwrap();
    let written = std::sync::Arc::new(AtomicUsize::new(0));
    let so_far = written.clone();
    // Until the reader is gone.
    let fills = thread::spawn(move || {
        while let Ok(n) = also_writer.write(&[b'x'; 512]) {
            so_far.fetch_add(n, Ordering::Relaxed);
        }
    });
    let mut before = 0;
    let is_full = || {
        thread::sleep(Duration::from_millis(50));
        let now = written.load(Ordering::Relaxed);
        std::mem::replace(&mut before, now) == now && now > 0
    };
    assert!(std::iter::repeat_with(is_full).any(|is_full| is_full));
    let mut command = command("role_panics_with_the_last_handle");
    let status = command.stdout(Stdio::null()).stderr(writer).status();
    assert!(status.unwrap().success());
    drop((command, reader));
    fills.join().unwrap();
}
