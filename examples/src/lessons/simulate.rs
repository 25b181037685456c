//! The same program in a thousand orders, one of which loses money; and an hour that is over at
//! once.
//!
//! ```go
//! func deposit(account *Account) {
//!     balance := account.Balance()     // Another goroutine asks, too,
//!     account.Set(balance + 1)         // and one of the two deposits is lost.
//! }
//!
//! func TestDeposits(t *testing.T) {
//!     synctest.Test(t, func(t *testing.T) {
//!         account := NewAccount()
//!         go deposit(account)
//!         go deposit(account)
//!         synctest.Wait()
//!         if account.Balance() != 2 { t.Error("lost") }
//!     })
//! }
//! ```
//!
//! Go's `testing/synctest` makes time virtual, as here; but each run of it has one order of its
//! goroutines, which cannot be asked for again.
//!
//! Here a number, the seed, chooses the order of the tasks and whatever else is left to chance. A
//! thousand seeds are a thousand orders. The one that loses something is told by its seed, and comes
//! again with it: on any machine, under a debugger, after a `println!` has been put in.
//!
//! The lesson starts itself as a child, which fails, and looks at what that says.

use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use clap::{Args, ValueEnum};
use executor::sim::{Simulation, random};
use executor::spawn;
use executor::time::{now, sleep, timeout};

use super::child::{Ended, run_again};
use crate::Result;

/// Orders that are tried.
const SEEDS: u64 = 1_000;

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub struct Options {
    /// Do it in this process, in a thousand orders, or in that of `EXECUTOR_SEED`
    #[arg(long, value_name = "HOW")]
    deposit: Option<How>,
}

/// How money is paid in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    /// Ask for the balance, and set another
    AskAndSet,
    /// Say what is to be added
    Add,
}

/// What one may ask an account.
enum Message {
    Balance(Sender<u64>),
    Set(u64),
    Add(u64),
}

/// A task that keeps an account, until nobody is left to ask it anything.
async fn account(messages: Receiver<Message>) {
    let mut balance = 0;
    while let Ok(message) = messages.recv().await {
        match message {
            // Whoever has asked may have gone.
            Message::Balance(reply) => drop(reply.send(balance).await),
            Message::Set(to) => balance = to,
            Message::Add(amount) => balance += amount,
        }
    }
}

async fn balance(account: &Sender<Message>) -> u64 {
    let (reply, replied) = async_channel::bounded(1);
    send(account, Message::Balance(reply)).await;
    replied.recv().await.expect("the account answers")
}

async fn send(account: &Sender<Message>, message: Message) {
    account.send(message).await.expect("the account is kept");
}

/// A customer comes at some time of the hour.
async fn deposit(account: Sender<Message>, how: How) {
    sleep(random() as u32 % 60 * MINUTE).await;
    match how {
        How::AskAndSet => {
            let before = balance(&account).await;
            // A clerk types it in.
            sleep(MINUTE).await;
            send(&account, Message::Set(before + 1)).await;
        }
        How::Add => send(&account, Message::Add(1)).await,
    }
}

/// The program: two customers, and their bank.
async fn hour(how: How) {
    let (counter, messages) = async_channel::unbounded();
    let bank = spawn(account(messages));
    let customers = [(); 2].map(|()| spawn(deposit(counter.clone(), how)));
    for customer in customers {
        customer.await.expect("nobody panics");
    }
    assert_eq!(balance(&counter).await, 2, "of two deposits");
    drop(counter);
    bank.await.expect("nobody panics");
}

pub fn main(options: &Options) -> Result<()> {
    match options.deposit {
        Some(how) => {
            Simulation::new().seeds(SEEDS).run(|| hour(how))?;
            println!("nothing is lost");
            Ok(())
        }
        None => show(),
    }
}

fn show() -> Result<()> {
    println!("Two customers pay in 1 each, in {SEEDS} orders:\n");
    let asks = ["simulate", "--deposit", "ask-and-set"];
    let found = run_again(&asks, &[])?;
    let seed = failure_of(&found, "with seed ", ",")?;
    let moment = failure_of(&found, "at step ", " of virtual time")?;

    println!("\nOnce more, with the seed that has lost something. The same comes of it:\n");
    let replayed = run_again(&asks, &[("EXECUTOR_SEED", seed)])?;
    replayed.must_say(&[&format!("with seed {seed}, at step {moment}")])?;
    failure_of(&replayed, "of two ", "s")?;

    println!("\nSay what is to be added, instead of what there is to be:\n");
    let mended = run_again(&["simulate", "--deposit", "add"], &[])?;
    mended.must_succeed()?;

    let begin = Instant::now();
    let virtually = executor::simulate(sixty_minutes());
    let really = begin.elapsed();
    println!("\nSixty time-outs of a minute, one after the other: {virtually:?}, in {really:?}.");
    Ok(())
}

/// What stands between these in what a child has said that has failed, as it should.
fn failure_of<'a>(child: &'a Ended, from: &str, to: &str) -> Result<&'a str> {
    let text = child.printed.split_once(from);
    let text = text.and_then(|(_, text)| text.split_once(to));
    match text {
        Some((text, _)) if !child.status.success() => Ok(text),
        _ => Err("the child should have found that something is lost".into()),
    }
}

/// Waits in vain sixty times; returns how long that has taken.
async fn sixty_minutes() -> Duration {
    let start = now();
    for _ in 0..60 {
        let late = timeout(MINUTE, std::future::pending::<()>()).await;
        late.expect_err("nobody answers");
    }
    now() - start
}
