//! Tasks that wait for ever while others go on: not a deadlock of all, so nobody but the task
//! itself would notice.
//!
//! ```go
//! func main() {
//!     go tick()                      // Something goes on all the time.
//!
//!     var group sync.WaitGroup
//!     group.Add(1)
//!     go func() {
//!         if !ready() {
//!             return                 // Without group.Done().
//!         }
//!         group.Done()
//!     }()
//!     go func() { group.Wait() }()   // For ever.
//!
//!     go func() { <-make(chan int) }()   // For ever: nobody else has the channel.
//!     ...
//! }
//! ```
//!
//! [`GO`] is silent about both. (Since 1.26 it has an experiment, the profile
//! `goroutineleak`, which looks for them when it is asked.)
//!
//! Here the last handle of a group that goes while work is counted tells those who
//! wait, and a program that tracks its tasks (`EXECUTOR_TRACK=1`) knows which of
//! them nobody can wake: those that wait with no waker left anywhere.
//!
//! The lesson starts itself as a child for each, and looks at what that says.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ::waitgroup::WaitGroup;
use clap::{Args, ValueEnum};
use executor::time::{interval, sleep, timeout};
use executor::{Handle, TaskBuilder, spawn};

use super::child::run_again;
use crate::Result;

/// What Go prints of the two.
const GO: &str = "(nothing: the goroutine that ticks is not asleep for ever)";

#[derive(Debug, Args)]
pub struct Options {
    /// Leak in this process, for as long as main takes to look
    #[arg(long, value_name = "WHAT")]
    only: Option<Leak>,
}

/// What is leaked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Leak {
    /// A wait for a group whose work is never counted off
    Group,
    /// A task whose waker nobody has
    Waker,
}

pub fn main(options: &Options) -> Result<()> {
    match options.only {
        Some(leak) => {
            executor::block_on(async {
                let ticker = spawn(tick()).abort_on_drop();
                match leak {
                    Leak::Group => wait_for_a_group().await,
                    Leak::Waker => lose_a_waker().await,
                }
                drop(ticker);
            });
            Ok(())
        }
        None => watch(),
    }
}

/// Something goes on all the time.
async fn tick() {
    let mut ticks = interval(Duration::from_millis(10));
    loop {
        ticks.tick().await;
    }
}

async fn wait_for_a_group() {
    let group = WaitGroup::new();
    group.add(1);
    let worker = group.clone();
    spawn(async move {
        if is_ready() {
            worker.done();
        }
    });
    let wait = group.wait();
    drop(group);
    // A guard, or `track`, would have counted off in any case.
    let given_up = timeout(Duration::from_millis(200), wait).await.is_err();
    println!("main has given up: {given_up}");
}

fn is_ready() -> bool {
    false
}

/// Waits, and gives its waker to nobody.
struct Forgetful;

impl Future for Forgetful {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

async fn lose_a_waker() {
    let builder = TaskBuilder::new().name("forgetful");
    let forgetful = builder.spawn(Forgetful);
    let waits_for_it = spawn(async { drop(forgetful.await) });
    drop(spawn(sleep(Duration::from_secs(3_600))));
    sleep(Duration::from_millis(200)).await;
    print!("{}", Handle::current().dump());
    println!("\nleaked: {}", Handle::current().dump().leaked().count());
    drop(waits_for_it);
}

/// Runs the children, and checks what they say.
fn watch() -> Result<()> {
    println!("A task is to count off what it has done, and returns before it does:\n");
    let group = run_again(&["leak", "--only", "group"], &[])?;
    group.must_succeed()?;
    group.must_say(&[
        "waitgroup: the last handle of a group is gone, and 1 wait for it will never end",
        "main has given up: true",
    ])?;

    println!("\nA task waits with a waker that nobody has, and another for the end of that one:\n");
    let waker = run_again(&["leak", "--only", "waker"], &[("EXECUTOR_TRACK", "1")])?;
    waker.must_succeed()?;
    waker.must_say(&["`forgetful`", "LEAKED", "leaked: 2\n"])?;

    println!("\nGo's program, in the source of this lesson, prints:\n\n| {GO}");
    Ok(())
}
