//! Days without descriptors.

use super::sockets::soon;
use crate::common::{executor, in_own_process};
use executor::{
    net::TcpListener,
    time::{sleep, timeout},
};
use futures::StreamExt;
use std::{
    fs::File,
    io::{self, ErrorKind},
    net::TcpStream,
    time::Duration,
};

/// All descriptors that the process may have are taken while this lives.
struct NoneLeft {
    limit: libc::rlimit,
    _files: Vec<File>,
}

fn set_limit(limit: &libc::rlimit) {
    // SAFETY: a limit to read.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, limit) }, 0);
}

impl NoneLeft {
    fn new() -> NoneLeft {
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: a place for the limit.
        let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
        assert_eq!(result, 0);
        set_limit(&libc::rlimit {
            rlim_cur: 100,
            ..limit
        });
        let open = || File::open("/dev/null");
        let files = std::iter::repeat_with(open).map_while(Result::ok).collect();
        NoneLeft {
            limit,
            _files: files,
        }
    }
}

impl Drop for NoneLeft {
    fn drop(&mut self) {
        set_limit(&self.limit);
    }
}

#[test]
fn incoming_waits_while_there_is_no_descriptor_goes_on_then_and_burns_nothing() {
    in_own_process(|| {
        let own = executor(1);
        own.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut incoming = listener.incoming();
            // One in good days.
            let mut clients = vec![TcpStream::connect(address).unwrap()];
            let first = soon(incoming.next()).await.unwrap().unwrap();
            clients.extend((0..10).map(|_| TcpStream::connect(address).unwrap()));
            let none_left = NoneLeft::new();
            let begin = process_time();
            let waited = timeout(Duration::from_millis(500), incoming.next()).await;
            assert!(waited.is_err(), "{waited:?}");
            let used = process_time() - begin;
            assert!(used < Duration::from_millis(100), "{used:?}");
            // `accept` itself says so.
            let error = listener.accept().await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            drop(none_left);
            let mut accepted = vec![first];
            while accepted.len() < 11 {
                accepted.push(soon(incoming.next()).await.unwrap().unwrap());
            }
        });
    });
}

/// The CPU time that this process has used.
fn process_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a place for the time.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn without_a_descriptor_for_the_poller_the_first_wait_is_an_error_and_the_next_one_goes_well() {
    in_own_process(|| {
        let own = executor(1);
        let (one, other) = executor::net::unix::UnixStream::pair().unwrap();
        let none_left = NoneLeft::new();
        own.block_on(async {
            use futures::{AsyncReadExt, AsyncWriteExt};
            let read: io::Result<usize> = soon((&one).read(&mut [0])).await;
            assert_eq!(read.unwrap_err().raw_os_error(), Some(libc::EMFILE));
            drop(none_left);
            let read = executor::spawn(async move { soon((&one).read(&mut [0; 8])).await });
            sleep(Duration::from_millis(2)).await;
            (&other).write_all(b"x").await.unwrap();
            assert_eq!(read.await.unwrap().unwrap(), 1);
        });
    });
}

#[test]
fn what_cannot_be_made_without_a_descriptor_says_so() {
    in_own_process(|| {
        let own = executor(1);
        own.block_on(async {
            let none_left = NoneLeft::new();
            let is_none_left = |error: io::Error| error.raw_os_error() == Some(libc::EMFILE);
            let connect = executor::net::TcpStream::connect("127.0.0.1:1");
            assert!(is_none_left(soon(connect).await.unwrap_err()));
            assert!(is_none_left(
                TcpListener::bind("127.0.0.1:0").await.unwrap_err()
            ));
            let pair = executor::net::unix::UnixStream::pair();
            assert!(is_none_left(pair.unwrap_err()));
            drop(none_left);
            let error = soon(executor::net::TcpStream::connect("127.0.0.1:1")).await;
            assert_eq!(error.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        });
    });
}
