//! What these tests share: pairs of sockets, and the places where they have to work.

use crate::common::{PATIENCE, executor, steady_executor, worker_counts};
use executor::{
    Executor,
    net::{TcpListener, TcpStream},
    time::timeout,
};
use std::{
    future::Future,
    io::{self, ErrorKind},
    net,
    os::fd::{AsFd, AsRawFd},
    pin::pin,
    task::{Context, Poll},
};

/// The executors that sockets have to work on.
pub fn executors() -> Vec<Executor> {
    let executors = worker_counts().into_iter().map(executor);
    executors.chain([steady_executor(1)]).collect()
}

/// Runs `body` wherever a socket may be: in a task, in `block_on`, and under other people's
/// executors.
pub fn everywhere<F>(body: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for own in executors() {
        own.block_on(own.spawn(body())).unwrap();
        own.block_on(body());
    }
    futures::executor::block_on(body());
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    tokio.block_on(async { tokio.spawn(body()).await }).unwrap();
}

/// What comes by itself, in time.
#[track_caller]
pub fn soon<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        let output = timeout(PATIENCE, future).await;
        output.unwrap_or_else(|_| panic!("{place}: it does not come"))
    }
}

/// Two ends of a connection.
pub async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (other, peer) = soon(listener.accept()).await.unwrap();
    assert_eq!(peer, one.local_addr().unwrap());
    (one, other)
}

/// Two ends of a connection, one of them std's, which blocks.
pub async fn tcp_with_std() -> (TcpStream, net::TcpStream) {
    let (one, other) = tcp_pair().await;
    let other = other.into_std().unwrap();
    other.set_nonblocking(false).unwrap();
    (one, other)
}

/// Polls once, for nobody.
pub fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    let cx = &mut Context::from_waker(std::task::Waker::noop());
    pin!(future).poll(cx)
}

/// Writes until there is no more room.
pub fn fill(mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> usize {
    let mut written = 0;
    loop {
        match write(&[7; 10_000]) {
            Ok(length) => written += length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return written,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Has the close of this socket reset its connection.
pub fn reset_on_close(socket: &impl AsFd) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: what the option asks for, with its length.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of_val(&linger) as libc::socklen_t,
        )
    };
    assert_eq!(result, 0);
}
