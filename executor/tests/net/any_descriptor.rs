//! `Async`: whatever has a descriptor.

use super::sockets::{everywhere, fill, poll_once, soon};
use crate::common::{eventually, executor, in_own_process, is_child, steady_executor, watchdog};
use executor::{
    net::{Async, Interest},
    time::sleep,
};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{
    fs::File,
    future::poll_fn,
    io::{ErrorKind, PipeReader, PipeWriter, Read, Write, pipe},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

#[test]
fn regular_files_and_directories_are_refused_and_the_way_out_is_named() {
    let _watchdog = watchdog(60);
    for path in ["Cargo.toml", "src"] {
        let error = Async::new(File::open(path).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path}");
        assert!(error.to_string().contains("spawn_blocking"), "{error}");
    }
}

#[test]
fn what_the_system_does_not_watch_is_an_error_and_no_hang() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        // Never would block, so it works as long as nobody waits.
        let zero = Async::new(File::open("/dev/zero").unwrap()).unwrap();
        assert_eq!(soon((&zero).read(&mut [1; 5])).await.unwrap(), 5);
        let would_block = || zero.read_with(|_| Err::<(), _>(ErrorKind::WouldBlock.into()));
        let error = soon(would_block()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    });
}

#[test]
fn readable_does_not_lie() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (reader, mut writer) = pipe().unwrap();
        let reader = Async::new(reader).unwrap();
        assert!(poll_once(reader.readable()).is_pending());
        for _ in 0..100 {
            writer.write_all(b"ab").unwrap();
            soon(reader.readable()).await.unwrap();
            // By `get_ref`, so that nobody here learns that there is nothing any more.
            assert_eq!(reader.get_ref().read(&mut [0; 8]).unwrap(), 2);
            assert!(poll_once(reader.readable()).is_pending());
        }
        drop(writer);
        soon(reader.readable()).await.unwrap();
    });
}

/// One event wakes both; the first takes what there is.
#[test]
fn whoever_comes_too_late_goes_on_waiting() {
    let _watchdog = watchdog(60);
    // On one thread, one after the other.
    let own = steady_executor(1);
    let (reader, mut writer) = pipe().unwrap();
    let reader = Arc::new(Async::new(reader).unwrap());
    let mut waiting: Vec<_> = (0..4)
        .map(|number| {
            let reader = reader.clone();
            own.spawn(async move {
                if number % 2 == 0 {
                    reader.readable().await.unwrap();
                } else {
                    poll_fn(|cx| reader.poll_readable(cx)).await.unwrap();
                }
                reader.get_ref().read(&mut [0; 8]).unwrap()
            })
        })
        .collect();
    // Of those who poll, the last one is woken.
    let replaced = waiting.remove(1);
    while !waiting.is_empty() {
        std::thread::sleep(Duration::from_millis(10));
        assert!(waiting.iter().all(|task| !task.is_finished()));
        writer.write_all(b"x").unwrap();
        eventually("one has read", || {
            waiting.iter().any(|task| task.is_finished())
        });
        let left = waiting.len() - 1;
        waiting.retain(|task| !task.is_finished());
        assert_eq!(waiting.len(), left);
    }
    drop(replaced);
}

#[test]
fn writable_does_not_lie() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (mut reader, writer) = pipe().unwrap();
        let writer = Async::new(writer).unwrap();
        soon(writer.writable()).await.unwrap();
        let filled = fill(|bytes| writer.get_ref().write(bytes));
        assert!(poll_once(writer.writable()).is_pending());
        reader.read_exact(&mut vec![0; filled]).unwrap();
        soon(writer.writable()).await.unwrap();
    });
}

#[test]
fn closures_read_and_write() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, other) = UnixStream::pair().unwrap();
        let (one, other) = (Async::new(one).unwrap(), Async::new(other).unwrap());
        let calls = Arc::new(AtomicUsize::new(0));
        let called = calls.clone();
        let read = executor::spawn(async move {
            let read = one.read_with(|mut one| {
                called.fetch_add(1, SeqCst);
                one.read(&mut [0; 8])
            });
            soon(read).await.unwrap()
        });
        while calls.load(SeqCst) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        other
            .write_with(|mut other| other.write(b"hello"))
            .await
            .unwrap();
        // Called when it is ready, and not in between.
        assert_eq!(soon(read).await.unwrap(), 5);
        assert_eq!(calls.load(SeqCst), 2);
    });
}

#[test]
fn a_short_read_does_not_look_like_the_end_of_what_there_is() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        // A pipe of packets: each read returns one, however large the buffer.
        let mut ends = [0; 2];
        // SAFETY: a place for two numbers.
        let made = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_DIRECT | libc::O_CLOEXEC) };
        assert_eq!(made, 0);
        // SAFETY: descriptors that nobody else has.
        let [reader, mut writer] = ends.map(|end| unsafe { File::from_raw_fd(end) });
        let mut reader = Async::new(reader).unwrap();
        assert!(poll_once(reader.read(&mut [0; 100])).is_pending());
        (0..5).for_each(|_| writer.write_all(b"abc").unwrap());
        for _ in 0..5 {
            assert_eq!(soon(reader.read(&mut [0; 100])).await.unwrap(), 3);
        }
    });
}

#[test]
fn what_is_taken_back_is_not_watched_any_more_and_can_be_used_again() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (reader, mut writer) = pipe().unwrap();
        let mut reader = Async::new(reader).unwrap();
        for _ in 0..10 {
            assert!(poll_once(reader.read(&mut [0])).is_pending());
            reader = Async::new(reader.into_inner()).unwrap();
        }
        writer.write_all(b"x").unwrap();
        assert_eq!(soon(reader.read(&mut [0; 8])).await.unwrap(), 1);
    });
}

#[test]
fn a_duplicate_keeps_no_dead_registration_alive() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (one, mut other) = UnixStream::pair().unwrap();
        let duplicate = one.try_clone().unwrap();
        let one = Async::new(one).unwrap();
        assert!(poll_once((&one).read(&mut [0])).is_pending());
        drop(one);
        // Would be told to whoever has the place, or the number, of the one before.
        let (next, mut next_other) = UnixStream::pair().unwrap();
        let next = Async::new(next).unwrap();
        assert!(poll_once((&next).read(&mut [0])).is_pending());
        other.write_all(b"x").unwrap();
        sleep(Duration::from_millis(2)).await;
        assert!(poll_once((&next).read(&mut [0])).is_pending());
        let duplicate = Async::new(duplicate).unwrap();
        assert_eq!(soon((&duplicate).read(&mut [0; 8])).await.unwrap(), 1);
        next_other.write_all(b"x").unwrap();
        assert_eq!(soon((&next).read(&mut [0; 8])).await.unwrap(), 1);
    });
}

/// Closes by number, which may be anybody's by the second close: in a process of its own.
#[test]
fn a_descriptor_that_is_closed_behind_its_back_harms_nobody_else() {
    in_own_process(|| {
        let own = executor(1);
        own.block_on(async {
            for _ in 0..100 {
                let (one, mut other) = UnixStream::pair().unwrap();
                let one = Async::new(one).unwrap();
                assert!(poll_once((&one).read(&mut [0])).is_pending());
                // SAFETY: none; that is what is tried. Nobody opens anything before the drop.
                unsafe { libc::close(one.as_raw_fd()) };
                let error = poll_once((&one).write(b"x"));
                let is_bad = |error: &std::io::Error| error.raw_os_error() == Some(libc::EBADF);
                assert!(matches!(error, std::task::Poll::Ready(Err(error)) if is_bad(&error)));
                assert!(other.write_all(b"x").is_err());
                // Does nothing to others.
                std::mem::forget(one.into_inner());
            }
            let (one, mut other) = UnixStream::pair().unwrap();
            let mut one = Async::new(one).unwrap();
            let read = executor::spawn(async move { one.read(&mut [0; 8]).await });
            sleep(Duration::from_millis(2)).await;
            other.write_all(b"x").unwrap();
            assert_eq!(soon(read).await.unwrap().unwrap(), 1);
        });
    });
}

/// What a child process of this test writes and how it ends.
#[test]
fn child_processes_are_read_and_awaited() {
    if is_child() {
        return;
    }
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = Async::new(child.stdin.take().unwrap()).unwrap();
        let mut stdout = Async::new(child.stdout.take().unwrap()).unwrap();
        let text = vec![7; 300_000];
        let expected = text.clone();
        let write = executor::spawn(async move {
            stdin.write_all(&text).await.unwrap();
            stdin.close().await.unwrap();
        });
        let mut read = Vec::new();
        soon(stdout.read_to_end(&mut read)).await.unwrap();
        assert!(read == expected);
        write.await.unwrap();
        // SAFETY: takes numbers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
        assert!(fd >= 0);
        // SAFETY: a descriptor that nobody else has.
        let ended = Async::new(unsafe { OwnedFd::from_raw_fd(fd as i32) }).unwrap();
        soon(ended.readable()).await.unwrap();
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn a_timer_of_the_system_is_awaited() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        // SAFETY: takes numbers.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) };
        assert!(fd >= 0);
        // SAFETY: a descriptor that nobody else has.
        let timer = Async::new(unsafe { File::from_raw_fd(fd) }).unwrap();
        let zero = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let after = libc::itimerspec {
            it_interval: zero,
            it_value: libc::timespec {
                tv_nsec: 5_000_000,
                ..zero
            },
        };
        let begin = Instant::now();
        // SAFETY: a time to read, and no place for the one before.
        unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &after, std::ptr::null_mut()) };
        soon((&timer).read(&mut [0; 8])).await.unwrap();
        assert!(begin.elapsed() >= Duration::from_millis(5));
    });
}

#[test]
fn try_io_calls_once_and_only_if_ready() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (reader, mut writer) = pipe().unwrap();
        let reader = Async::new(reader).unwrap();
        let read = |mut reader: &PipeReader| reader.read(&mut [0; 8]);
        let error = reader.try_io(Interest::READABLE, read).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let not_called = reader.try_io(Interest::READABLE, |_| -> std::io::Result<()> {
            unreachable!("nobody has said that it is ready")
        });
        assert_eq!(not_called.unwrap_err().kind(), ErrorKind::WouldBlock);
        writer.write_all(b"x").unwrap();
        soon(reader.readable()).await.unwrap();
        assert_eq!(reader.try_io(Interest::READABLE, read).unwrap(), 1);
    });
}

#[test]
fn try_io_succeeds_again_after_an_event_that_nobody_has_waited_for() {
    let _watchdog = watchdog(60);
    everywhere(|| async {
        let (reader, writer) = pipe().unwrap();
        let (reader, writer) = (Async::new(reader).unwrap(), Async::new(writer).unwrap());
        let read = |mut reader: &PipeReader| reader.read(&mut [0; 1 << 16]);
        let write = |mut writer: &PipeWriter| writer.write(&[7; 1 << 12]);
        let would_block = |error: std::io::Error| error.kind() == ErrorKind::WouldBlock;
        assert!(would_block(
            reader.try_io(Interest::READABLE, read).unwrap_err()
        ));
        for _ in 0..10 {
            let full = loop {
                match writer.try_io(Interest::WRITABLE, write) {
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert!(would_block(full));
            let until_it_would_block = async || {
                let mut moved = 0;
                loop {
                    match reader.try_io(Interest::READABLE, read) {
                        Ok(bytes) => moved += bytes,
                        Err(error) if moved == 0 => assert!(would_block(error)),
                        Err(error) => break assert!(would_block(error)),
                    }
                    executor::time::sleep(Duration::from_micros(100)).await;
                }
            };
            soon(until_it_would_block()).await;
            let until_there_is_room = async || {
                while writer.try_io(Interest::WRITABLE, write).is_err() {
                    executor::time::sleep(Duration::from_micros(100)).await;
                }
            };
            soon(until_there_is_room()).await;
        }
    });
}
