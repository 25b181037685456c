//! What the tests with sockets share.
#![allow(dead_code, reason = "no test uses all of it")]

#[path = "../../../../executor/tests/common/watchdog.rs"]
mod watchdog;

use executor::{
    Executor,
    net::{TcpListener, TcpStream},
    time::timeout,
};
use futures::future::try_join;
use std::{error::Error, io, thread, time::Duration};
use watchdog::Watchdog;

/// The whole takes less than a second; what hangs, hangs for ever.
const PATIENCE: Duration = Duration::from_secs(60);

const THREAD_NAME: &str = "runs-their-tasks";

pub type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Runs the whole of a test in a task, on two workers.
#[track_caller]
pub fn run(test: impl Future<Output = Result> + Send + 'static) {
    let _watchdog = Watchdog::with(3 * PATIENCE);
    let builder = Executor::builder().workers(2).thread_name(THREAD_NAME);
    let executor = builder.build().expect("two threads");
    let outcome = executor.block_on(executor.spawn(timeout(PATIENCE, test)));
    // Not left to the drop of the executor, which would wait for a poll that never returns.
    executor.shutdown_timeout(PATIENCE).expect("no poll hangs");
    let in_time = outcome.expect("no panic").expect("no task hangs");
    in_time.expect("no error");
}

/// The calling task is one of ours.
#[track_caller]
pub fn assert_is_on_our_threads() {
    assert_eq!(thread::current().name(), Some(THREAD_NAME));
}

/// Both ends of a connection.
pub async fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let connect = TcpStream::connect(listener.local_addr()?);
    let (near, (far, _)) = try_join(connect, listener.accept()).await?;
    Ok((near, far))
}

/// So many bytes, in which no two places nearby are alike; other ones for each number.
pub fn payload(number: usize, length: usize) -> Vec<u8> {
    (0..length)
        .map(|place| {
            ((place ^ number) as u32)
                .wrapping_mul(2_654_435_761)
                .to_be_bytes()[0]
        })
        .collect()
}
