//! The lessons: one file each, and the list that gives them their names and order.

mod go_main;
mod gpm;
mod hello;
mod hundred_thousand;
mod main_exit;
mod pipeline;
mod primes;
mod sleep;
mod spawn;
mod ticker;
mod waitgroup;

use clap::Subcommand;

use crate::Result;

/// Every lesson, in the order in which they are read.
#[derive(Debug, Subcommand)]
pub enum Lesson {
    /// a plain call, no task yet
    Hello,
    /// main starts a task and returns at once: too early for the task
    Spawn,
    /// main sleeps a second, and the task gets its turn
    Sleep,
    /// ten tasks, and a WaitGroup that waits for them all
    Waitgroup,
    /// when main ends, every other task ends with it
    MainExit,
    /// which numbers are primes? All cores search
    Primes(primes::Options),
    /// a hundred thousand tasks, all alive at once
    HundredThousand(hundred_thousand::Options),
    /// the scheduler at work: queues, stealing, stand-ins
    Gpm,
    /// generator, squarers, merger, joined by channels
    Pipeline,
}

impl Lesson {
    /// Runs the lesson's `main`.
    pub fn run(&self) -> Result<()> {
        match self {
            Lesson::Hello => hello::main(),
            Lesson::Spawn => spawn::main()?,
            Lesson::Sleep => sleep::main()?,
            Lesson::Waitgroup => waitgroup::main(),
            Lesson::MainExit => main_exit::main()?,
            Lesson::Primes(options) => primes::main(options)?,
            Lesson::HundredThousand(options) => hundred_thousand::main(options)?,
            Lesson::Gpm => gpm::main()?,
            Lesson::Pipeline => pipeline::main()?,
        }
        Ok(())
    }
}
