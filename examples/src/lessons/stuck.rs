//! Three philosophers, each of whom waits for the fork in a neighbour's hand.
//!
//! ```go
//! func philosopher(left, right *sync.Mutex, eaten *sync.WaitGroup) {
//!     defer eaten.Done()
//!     left.Lock()
//!     defer left.Unlock()
//!     time.Sleep(100 * time.Millisecond) // The others take theirs.
//!     right.Lock()
//!     defer right.Unlock()
//! }
//!
//! func main() {
//!     var forks [3]sync.Mutex
//!     var eaten sync.WaitGroup
//!     for i := range forks {
//!         eaten.Add(1)
//!         go philosopher(&forks[i], &forks[(i+1)%3], &eaten)
//!     }
//!     eaten.Wait()
//! }
//! ```
//!
//! Nobody is left who could wake anybody, and Go's runtime ends the program with
//! [`GO`]. So does the executor, if the environment says `EXECUTOR_DEADLOCK=abort`;
//! else it reports, and goes on waiting. It says nothing if a timer, a socket or a
//! foreign thread could still wake somebody.
//!
//! The lesson starts itself as a child, which hangs, and looks at what that says.

use std::time::Duration;

use ::waitgroup::WaitGroup;
use async_channel::{Receiver, Sender};
use clap::{Args, ValueEnum};
use executor::TaskBuilder;
use executor::time::timeout;

use super::child::run_again;
use crate::Result;

const PHILOSOPHERS: usize = 3;

/// What Go 1.25 prints for the program above, without addresses and the frames of its own.
const GO: &str = "\
fatal error: all goroutines are asleep - deadlock!

goroutine 1 [sync.WaitGroup.Wait]:
main.main()
        stuck.go:24

goroutine 6 [sync.Mutex.Lock]:
main.philosopher()
        stuck.go:13
created by main.main in goroutine 1
        stuck.go:22

goroutine 7 [sync.Mutex.Lock]:
    (the same, and so goroutine 8)
exit status 2";

#[derive(Debug, Args)]
pub struct Options {
    /// Dine in this process; left-first hangs, until Ctrl-C
    #[arg(long, value_name = "MANNERS")]
    dine: Option<Manners>,
}

/// Which fork is taken first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Manners {
    /// The one on the left
    LeftFirst,
    /// The one with the lower number
    InOrder,
}

/// A mutex: whoever has taken the one token out of the channel has the fork.
#[derive(Clone)]
struct Fork {
    put_back: Sender<()>,
    token: Receiver<()>,
}

/// A fork in a hand, which puts it back.
struct Taken(Fork);

impl Fork {
    fn new() -> Fork {
        let (put_back, token) = async_channel::bounded(1);
        let fork = Fork { put_back, token };
        drop(Taken(fork.clone()));
        fork
    }

    async fn take(self) -> Taken {
        self.token.recv().await.expect("this is a sender");
        Taken(self)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let put = self.0.put_back.try_send(());
        put.expect("there is room for the token, which is in this hand");
    }
}

pub fn main(options: &Options) -> Result<()> {
    match options.dine {
        Some(manners) => {
            dump_no_core();
            executor::block_on(dine(manners));
            Ok(())
        }
        None => watch(),
    }
}

async fn dine(manners: Manners) {
    let forks: Vec<Fork> = (0..PHILOSOPHERS).map(|_| Fork::new()).collect();
    let (seated, eaten) = (WaitGroup::new(), WaitGroup::new());
    seated.add(PHILOSOPHERS);
    for i in 0..PHILOSOPHERS {
        let (left, right) = (i, (i + 1) % PHILOSOPHERS);
        let (first, second) = match manners {
            Manners::LeftFirst => (left, right),
            Manners::InOrder => (left.min(right), left.max(right)),
        };
        let (first, second) = (forks[first].clone(), forks[second].clone());
        let eats = philosopher(i, first, second, seated.clone());
        TaskBuilder::new()
            .name(format!("philosopher {i}"))
            .spawn(eaten.track(eats));
    }
    eaten.wait().await;
}

async fn philosopher(i: usize, first: Fork, second: Fork, seated: WaitGroup) {
    let _first = first.take().await;
    // The others take theirs; in the right order one of them cannot.
    seated.done();
    let _ = timeout(Duration::from_millis(500), seated.wait()).await;
    let _second = second.take().await;
    println!("philosopher {i} has eaten");
}

/// Runs the children, and checks what they say.
fn watch() -> Result<()> {
    println!(
        "Each of three philosophers takes the fork on the left, and waits for the right one.\n"
    );
    let stuck = ["stuck", "--dine", "left-first"];
    if !cfg!(target_os = "linux") {
        println!("Only Linux says that nobody else is there who could wake one of them:");
        println!("`goroutines {}` hangs, and says nothing.", stuck.join(" "));
    } else {
        let hung = run_again(&stuck, &[("EXECUTOR_DEADLOCK", "abort")])?;
        hung.must_say(&["all tasks are asleep: deadlock!", "block_on at "])?;
        for i in 0..PHILOSOPHERS {
            hung.must_say(&[&format!("`philosopher {i}`")])?;
        }
        if hung.status.success() {
            return Err("the child should have been aborted".into());
        }
    }

    println!("\nGo's program, in the source of this lesson, prints:\n");
    GO.lines().for_each(|line| println!("| {line}"));

    println!("\nIf each takes the fork with the lower number first, one waits with empty hands:\n");
    let dined = run_again(&["stuck", "--dine", "in-order"], &[])?;
    dined.must_succeed()?;
    for i in 0..PHILOSOPHERS {
        dined.must_say(&[&format!("philosopher {i} has eaten\n")])?;
    }
    Ok(())
}

/// An abort that is part of the lesson leaves no file behind.
fn dump_no_core() {
    #[cfg(unix)]
    {
        let none = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: it takes a number, and reads `none`. If it fails, there may be a file.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
    }
}
