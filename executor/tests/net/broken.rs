//! Somebody closes the executor's own descriptors behind its back: what waits goes on by trying,
//! and it is said once.

use super::sockets::{fill, soon};
use crate::common::{
    activity, assert_passed, child, eventually, executor, in_own_process, is_child, output_of,
    steady_executor, watchdog,
};
use executor::{
    Executor,
    net::{Async, TcpListener, TcpStream, UdpSocket, unix::UnixStream},
    time::sleep,
};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use std::{
    fs::{self, File},
    io::{Read, Write},
    os::fd::{AsRawFd, RawFd},
    thread,
    time::{Duration, Instant},
};

/// What is said of it.
const TEXT: &str = "the system's selector fails";

/// Runs `body` in a process of its own, where the selectors of so many executors are lost. Each
/// says so, once.
#[track_caller]
fn said_once(executors: usize, body: impl FnOnce()) {
    if let Some((said, text)) = said_by(body) {
        assert_eq!(said, executors, "{text}");
    }
}

/// The same, where some may end before they notice.
#[track_caller]
fn said_at_most_once(executors: usize, body: impl FnOnce()) {
    if let Some((said, text)) = said_by(body) {
        assert!(said <= executors, "{text}");
    }
}

/// How often a process of its own, which runs `body`, says it, and all that it says. In that
/// process, nothing.
#[track_caller]
fn said_by(body: impl FnOnce()) -> Option<(usize, String)> {
    if is_child() {
        let _watchdog = watchdog(100);
        body();
        return None;
    }
    let output = output_of(child());
    assert_passed("in its own process", &output);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Some((text.matches(TEXT).count(), text))
}

/// What an executor waits with.
const SELECTOR: &str = "anon_inode:[eventpoll]";

/// The numbers of this process's descriptors of that kind.
fn numbers(kind: &str) -> Vec<RawFd> {
    let entries = fs::read_dir("/proc/self/fd").unwrap().map(Result::unwrap);
    let of_kind = entries
        .filter(|entry| fs::read_link(entry.path()).is_ok_and(|to| to.to_str() == Some(kind)));
    of_kind
        .map(|entry| entry.file_name().to_str().unwrap().parse().unwrap())
        .collect()
}

fn close(number: RawFd) {
    // SAFETY: none; that is what is tried.
    assert_eq!(unsafe { libc::close(number) }, 0);
}

/// Closes the descriptors that the executors of this process wait with.
fn close_selectors() -> Vec<RawFd> {
    let numbers = numbers(SELECTOR);
    assert!(!numbers.is_empty(), "nobody waits");
    numbers.iter().copied().for_each(close);
    numbers
}

/// An executor on which a task waits for a socket, whose peer is returned: a machine sleeps in the
/// selector.
fn with_sleeper(own: Executor) -> (Executor, executor::JoinHandle<usize>, UnixStream) {
    let (mut one, other) = UnixStream::pair().unwrap();
    let before = numbers(SELECTOR).len();
    let read = own.spawn(async move { one.read(&mut [0; 8]).await.unwrap() });
    eventually("it has something to sleep in", || {
        numbers(SELECTOR).len() > before
    });
    thread::sleep(Duration::from_millis(50));
    (own, read, other)
}

fn kinds_of_executors() -> [Executor; 3] {
    [executor(1), executor(2), steady_executor(1)]
}

/// Everything that waits still does what it did.
async fn everything_works() {
    // TCP, from the listener to the end.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = executor::spawn(async move {
        let mut stream = listener.incoming().next().await.unwrap().unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).await.unwrap();
        stream.write_all(&text).await.unwrap();
    });
    let mut stream = soon(TcpStream::connect(address)).await.unwrap();
    sleep(Duration::from_millis(30)).await;
    stream.write_all(b"hello").await.unwrap();
    stream.close().await.unwrap();
    let mut text = String::new();
    soon(stream.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "hello");
    soon(server).await.unwrap();
    // A write that waits for room.
    let (mut reader, writer) = std::io::pipe().unwrap();
    let writer = Async::new(writer).unwrap();
    let filled = fill(|bytes| writer.get_ref().write(bytes));
    let write = executor::spawn(async move {
        writer
            .write_with(|mut pipe| pipe.write(b"x"))
            .await
            .unwrap();
        writer.writable().await.unwrap();
    });
    sleep(Duration::from_millis(30)).await;
    assert!(!write.is_finished());
    reader.read_exact(&mut vec![0; filled]).unwrap();
    soon(write).await.unwrap();
    // Datagrams.
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let own = socket.local_addr().unwrap();
    let receive = executor::spawn(async move { socket.recv_from(&mut [0; 8]).await.unwrap() });
    sleep(Duration::from_millis(30)).await;
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(b"abc", own).unwrap();
    assert_eq!(
        soon(receive).await.unwrap(),
        (3, sender.local_addr().unwrap())
    );
}

#[test]
fn those_who_wait_are_served_and_so_are_those_who_begin_to() {
    said_once(3, || {
        for own in kinds_of_executors() {
            let (own, read, other) = with_sleeper(own);
            close_selectors();
            // Begins to wait while a machine still sleeps there.
            own.block_on(own.spawn(everything_works())).unwrap();
            assert!(!read.is_finished());
            own.block_on(async {
                (&other).write_all(b"x").await.unwrap();
                assert_eq!(soon(read).await.unwrap(), 1);
                everything_works().await;
            });
        }
    });
}

/// Nothing has been asked of the kernel since: the one who sleeps there hears of the event.
#[test]
fn an_event_reaches_who_waited_before() {
    said_once(3, || {
        for own in kinds_of_executors() {
            let (own, read, mut other) = with_sleeper(own);
            close_selectors();
            own.block_on(async {
                other.write_all(b"x").await.unwrap();
                assert_eq!(soon(read).await.unwrap(), 1);
            });
            own.block_on(own.spawn(everything_works())).unwrap();
        }
    });
}

/// A machine that sleeps until a timer, in the selector.
#[test]
fn timers_are_in_time_all_the_same() {
    said_once(6, || {
        for period in [Duration::from_millis(3), Duration::from_millis(40)] {
            for own in kinds_of_executors() {
                let (own, read, mut other) = with_sleeper(own);
                let ticks = own.spawn(async move {
                    for _ in 0..20 {
                        let begin = Instant::now();
                        sleep(period).await;
                        assert!(begin.elapsed() >= period);
                    }
                });
                thread::sleep(Duration::from_millis(5));
                close_selectors();
                own.block_on(async {
                    soon(ticks).await.unwrap();
                    other.write_all(b"x").await.unwrap();
                    assert_eq!(soon(read).await.unwrap(), 1);
                    everything_works().await;
                });
            }
        }
    });
}

#[test]
fn an_echo_takes_some_ten_milliseconds_and_waiting_takes_hardly_any_cpu() {
    said_once(3, || {
        for own in kinds_of_executors() {
            let (own, _read, _other) = with_sleeper(own);
            let (waiting, _peers): (Vec<_>, Vec<_>) =
                (0..50).map(|_| UnixStream::pair().unwrap()).unzip();
            let waiting = waiting
                .into_iter()
                .map(|mut one| own.spawn(async move { one.read(&mut [0; 8]).await.unwrap() }));
            let waiting: Vec<_> = waiting.collect();
            thread::sleep(Duration::from_millis(20));
            close_selectors();
            let (mut one, mut other) = UnixStream::pair().unwrap();
            let echo = own.spawn(async move {
                let mut byte = [0];
                while other.read(&mut byte).await.unwrap() == 1 {
                    other.write_all(&byte).await.unwrap();
                }
            });
            let rounds = own.spawn(async move {
                let mut took = Vec::new();
                for _ in 0..20 {
                    let begin = Instant::now();
                    one.write_all(b"x").await.unwrap();
                    soon(one.read_exact(&mut [0])).await.unwrap();
                    took.push(begin.elapsed());
                }
                took.sort();
                took[10]
            });
            let median = own.block_on(rounds).unwrap();
            assert!(median < Duration::from_millis(150), "{median:?}");
            own.block_on(soon(echo)).unwrap();
            let (cpu, _) = activity();
            thread::sleep(Duration::from_millis(1_000));
            let (cpu_after, _) = activity();
            assert!(cpu_after - cpu < 200_000_000, "{} ns", cpu_after - cpu);
            assert!(waiting.iter().all(|task| !task.is_finished()));
        }
    });
}

/// The executor has two numbers for its selector: by one it waits, by the other it registers.
#[test]
fn one_lost_number_of_two_is_as_bad() {
    said_once(6, || {
        for lost in [0, 1] {
            for own in kinds_of_executors() {
                let (own, read, mut other) = with_sleeper(own);
                let numbers = numbers(SELECTOR);
                assert_eq!(numbers.len(), 2);
                close(numbers[lost]);
                own.block_on(async {
                    everything_works().await;
                    other.write_all(b"x").await.unwrap();
                    assert_eq!(soon(read).await.unwrap(), 1);
                });
                drop(own);
                // What is ours no more is not closed by us: one of ours is left.
                close(numbers[1 - lost]);
            }
        }
    });
}

#[test]
fn the_executor_ends_and_drops_who_waits() {
    in_own_process(|| {
        for round in 0..20 {
            for own in kinds_of_executors() {
                let (own, read, other) = with_sleeper(own);
                close_selectors();
                if round % 2 == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
                drop(own);
                assert!(read.is_finished());
                let mut other = other.into_std().unwrap();
                assert_eq!(other.read(&mut [0]).unwrap(), 0);
            }
        }
    });
}

/// Loses the selectors of executors, and ends them when those numbers are somebody else's.
fn end_beside_others_files(is_noticed: bool) {
    for own in kinds_of_executors() {
        let (own, read, mut other) = with_sleeper(own);
        let lost = close_selectors();
        // The system gives the lowest numbers that are free.
        let open = || File::open("/dev/null").unwrap();
        let files: Vec<_> = std::iter::repeat_with(open).take(20).collect();
        let has = |number: &RawFd| files.iter().any(|file| file.as_raw_fd() == *number);
        assert!(lost.iter().all(has), "{lost:?}");
        own.block_on(async {
            other.write_all(b"x").await.unwrap();
            assert_eq!(soon(read).await.unwrap(), 1);
            if is_noticed {
                everything_works().await;
            }
        });
        drop(own);
        for file in &files {
            assert!(file.metadata().is_ok());
        }
    }
}

#[test]
fn the_end_closes_nothing_that_is_somebody_elses_by_then() {
    said_once(3, || end_beside_others_files(true));
}

/// The worker asks the selector once more after the event, unless the end comes first.
#[test]
fn the_end_closes_nothing_of_others_before_somebody_notices() {
    said_at_most_once(3, || end_beside_others_files(false));
}
