//! What the system refuses to a process, and forks of it.
#![cfg(target_os = "linux")]

use super::PATIENCE;
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    process, thread,
    time::{Duration, Instant},
};

/// The soft limit of threads (and processes) of this process's user.
pub fn limit_threads(limit: libc::rlim_t) {
    let mut limits = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a place for the answer.
    let asked = unsafe { libc::getrlimit(libc::RLIMIT_NPROC, &mut limits) };
    limits.rlim_cur = limit.min(limits.rlim_max);
    // SAFETY: reads the limits, which are there.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &limits) };
    assert_eq!((asked, set), (0, 0), "{}", io::Error::last_os_error());
}

/// The limit does not hold for root: become somebody who has no other process.
pub fn become_an_ordinary_user() {
    // SAFETY: asks only.
    if unsafe { libc::geteuid() } == 0 {
        let user = 60_000 + process::id() % 5_000;
        // It fails in a user namespace that has no other user, where the limit holds for its root,
        // too. SAFETY: takes numbers; the C library changes all threads.
        let _ = unsafe { libc::setresuid(user, user, user) };
        // Which hides the process from itself, and from a sanitizer that looks for leaks at the
        // end. SAFETY: takes numbers.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1) };
    }
}

/// Runs `body` in a fork of this process, where no other thread exists, and waits for its end.
#[track_caller]
pub fn in_fork(body: impl FnOnce()) {
    // SAFETY: the C library keeps its own locks, the allocator's among them, usable in the child;
    // of what else a vanished thread may have left half done the child uses what is to be tested.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "the system does not fork");
    if pid == 0 {
        let outcome = catch_unwind(AssertUnwindSafe(body));
        // SAFETY: takes a number; nothing of this process is used after it.
        unsafe { libc::_exit(i32::from(outcome.is_err())) };
    }
    let status = wait_for(pid);
    assert!(libc::WIFEXITED(status), "the child ended with {status:#x}");
    assert_eq!(libc::WEXITSTATUS(status), 0, "the child's exit code");
}

/// How a forked child ended, which it must in good time.
#[track_caller]
pub fn wait_for(pid: libc::pid_t) -> libc::c_int {
    let begin = Instant::now();
    let mut status = 0;
    // SAFETY: a child of ours that nobody else waits for, and a place for its status.
    while unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) } == 0 {
        if begin.elapsed() > PATIENCE {
            // SAFETY: not waited for yet, so the number is still that child's.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            panic!("the forked child hangs");
        }
        thread::sleep(Duration::from_millis(1));
    }
    status
}
