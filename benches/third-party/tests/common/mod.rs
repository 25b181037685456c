//! What the tests with sockets share.
#![allow(dead_code, reason = "no test uses all of it")]

#[path = "../../../../executor/tests/common/watchdog.rs"]
mod watchdog;

use executor::{
    Builder, Executor, JoinError,
    net::{TcpListener, TcpStream},
    time::timeout,
};
use futures::future::try_join;
use std::{error::Error, io, thread, time::Duration};
use tokio::runtime;
use watchdog::Watchdog;

/// The whole takes less than a second; what hangs, hangs for ever.
const PATIENCE: Duration = Duration::from_secs(60);

const THREAD_NAME: &str = "runs-their-tasks";

pub type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn builder() -> Builder {
    Executor::builder().workers(2).thread_name(THREAD_NAME)
}

/// Runs the whole of a test in a task, on two workers.
#[track_caller]
pub fn run(test: impl Future<Output = Result> + Send + 'static) {
    let _watchdog = Watchdog::with(3 * PATIENCE);
    let ended = run_on(builder(), test);
    ended.expect("no panic").expect("no error");
}

/// As [`run`], inside of a runtime of tokio.
#[track_caller]
pub fn run_inside_tokio(test: impl Future<Output = Result> + Send + 'static) {
    let _watchdog = Watchdog::with(3 * PATIENCE);
    let mut tokio = runtime::Builder::new_multi_thread();
    let tokio = tokio.worker_threads(1).enable_all().build();
    let tokio = tokio.expect("a thread");
    let ended = run_on(builder().enter_tokio(tokio.handle().clone()), test);
    ended.expect("no panic").expect("no error");
}

/// As [`run`], of what panics. Returns what the panic says.
#[track_caller]
pub fn panic_of(test: impl Future<Output = Result> + Send + 'static) -> String {
    let _watchdog = Watchdog::with(3 * PATIENCE);
    let panic = run_on(builder(), test).expect_err("it panics");
    match panic.into_panic().downcast::<&str>() {
        Ok(text) => (*text).to_owned(),
        Err(other) => *other.downcast::<String>().expect("a text"),
    }
}

#[track_caller]
fn run_on(
    builder: Builder,
    test: impl Future<Output = Result> + Send + 'static,
) -> std::result::Result<Result, JoinError> {
    let executor = builder.build().expect("two threads");
    let ended = executor.block_on(executor.spawn(timeout(PATIENCE, test)));
    // Not left to the drop of the executor, which would wait for a poll that never returns.
    executor.shutdown_timeout(PATIENCE).expect("no poll hangs");
    ended.map(|in_time| in_time.expect("no task hangs"))
}

/// The panic of tokio's own types, and of most crates that stand on them, outside of a runtime.
pub const NO_REACTOR: &str =
    "there is no reactor running, must be called from the context of a Tokio 1.x runtime";

pub fn is_on_our_threads() -> bool {
    thread::current().name() == Some(THREAD_NAME)
}

/// The calling task is one of ours.
#[track_caller]
pub fn assert_is_on_our_threads() {
    assert!(is_on_our_threads(), "{:?}", thread::current().name());
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
