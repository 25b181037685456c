//! Sockets in a process that was forked from one whose executor was running.

use super::sockets::{poll_once, soon};
use crate::common::{PATIENCE, executor, in_own_process};
use executor::{Executor, net::unix::UnixStream};
use futures::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

/// Runs `body` in a fork of this process, and waits for its end.
#[track_caller]
fn in_fork(body: impl FnOnce()) {
    // SAFETY: of what a vanished thread may have left half done, the child uses what is tested.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "the system does not fork");
    if pid == 0 {
        let outcome = catch_unwind(AssertUnwindSafe(body));
        // SAFETY: takes a number; nothing of this process is used after it.
        unsafe { libc::_exit(i32::from(outcome.is_err())) };
    }
    let (begin, mut status) = (Instant::now(), 0);
    // SAFETY: a child of ours that nobody else waits for, and a place for its status.
    while unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) } == 0 {
        if begin.elapsed() > PATIENCE {
            // SAFETY: not waited for yet, so the number is still that child's.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            panic!("the forked child hangs");
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert!(
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
        "{status:#x}"
    );
}

/// It panics with the text about forks.
#[track_caller]
fn assert_refused<T>(body: impl FnOnce() -> T) {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(body()))).expect_err("it must not return");
    let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(
        text.contains("was forked") && text.contains("in the child"),
        "{text}"
    );
}

/// A pair, the first of which has waited on `own`.
fn waited_on(own: &Executor) -> (UnixStream, UnixStream) {
    let (one, other) = UnixStream::pair().unwrap();
    own.block_on(async {
        assert!(poll_once((&one).read(&mut [0])).is_pending());
    });
    thread::sleep(Duration::from_millis(50));
    (one, other)
}

#[test]
fn a_wait_in_the_child_panics_and_names_the_way_out() {
    in_own_process(|| {
        let own = executor(1);
        let (mut one, _other) = waited_on(&own);
        let (mut new, _peer) = UnixStream::pair().unwrap();
        in_fork(|| {
            assert_refused(|| own.block_on(one.read(&mut [0])));
            assert_refused(|| own.block_on(new.read(&mut [0])));
        });
    });
}

#[test]
fn what_the_child_does_to_its_sockets_the_parent_does_not_notice() {
    in_own_process(|| {
        let own = executor(1);
        let (one, mut other) = waited_on(&own);
        let one = std::cell::Cell::new(Some(one));
        in_fork(|| drop(one.take()));
        let mut one = one.take().unwrap();
        let read = own.spawn(async move { soon(one.read(&mut [0; 8])).await });
        thread::sleep(Duration::from_millis(5));
        own.block_on(other.write_all(b"x")).unwrap();
        assert_eq!(own.block_on(read).unwrap().unwrap(), 1);
    });
}

#[test]
fn halves_that_the_child_drops_are_open_in_the_parent() {
    in_own_process(|| {
        let own = executor(1);
        let (one, mut other) = waited_on(&own);
        let (mut read, write) = one.into_split();
        let write = std::cell::Cell::new(Some(write));
        in_fork(|| drop(write.take()));
        let mut write = write.take().unwrap();
        own.block_on(async {
            write.write_all(b"x").await.unwrap();
            soon(other.read_exact(&mut [0])).await.unwrap();
            other.write_all(b"y").await.unwrap();
            soon(read.read_exact(&mut [0])).await.unwrap();
        });
        in_fork(|| {
            let (one, mut other) = UnixStream::pair().unwrap();
            drop(one.into_split());
            let end = executor(1).block_on(async { soon(other.read(&mut [0])).await });
            assert_eq!(end.unwrap(), 0, "what is the child's own ends");
        });
    });
}

#[test]
fn an_executor_that_is_made_in_the_child_serves_its_sockets() {
    in_own_process(|| {
        let own = executor(1);
        let (_one, _other) = waited_on(&own);
        in_fork(|| {
            let own = executor(1);
            let (mut one, mut other) = UnixStream::pair().unwrap();
            let read = own.spawn(async move { soon(one.read(&mut [0; 8])).await });
            thread::sleep(Duration::from_millis(5));
            own.block_on(other.write_all(b"x")).unwrap();
            assert_eq!(own.block_on(read).unwrap().unwrap(), 1);
        });
    });
}

#[test]
fn a_socket_that_has_waited_in_the_parent_waits_in_the_child() {
    in_own_process(|| {
        let own = executor(1);
        let (one, other) = waited_on(&own);
        let one = std::cell::Cell::new(Some(one));
        in_fork(|| {
            let own = executor(1);
            let mut one = one.take().unwrap();
            let read = own.spawn(async move { soon(one.read(&mut [0; 8])).await });
            thread::sleep(Duration::from_millis(5));
            own.block_on((&other).write_all(b"x")).unwrap();
            assert_eq!(own.block_on(read).unwrap().unwrap(), 1);
        });
    });
}

/// Whoever waits is a task of the parent's.
#[test]
fn a_drop_in_the_child_wakes_nobody() {
    struct Wakes(AtomicUsize);
    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    in_own_process(|| {
        let own = executor(1);
        let (one, _other) = UnixStream::pair().unwrap();
        let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
        let waker = Waker::from(wakes.clone());
        own.block_on(async {
            let cx = &mut Context::from_waker(&waker);
            let read = Pin::new(&mut &one).poll_read(cx, &mut [0]);
            assert!(read.is_pending());
        });
        let one = std::cell::Cell::new(Some(one));
        in_fork(|| {
            drop(one.take());
            assert_eq!(wakes.0.load(SeqCst), 0);
        });
    });
}
