//! The lessons: one file each, and the list that gives them their names and order. What several share
//! is in `child`, `go_main`, `load`, `ticker` and `workers`.

mod child;
mod go_main;
mod gpm;
mod hello;
#[cfg(unix)]
mod http;
mod hundred_thousand;
mod leak;
#[cfg(unix)]
mod load;
mod main_exit;
mod pipeline;
mod primes;
mod simulate;
mod sleep;
mod spawn;
mod stuck;
mod ticker;
mod trace;
mod waitgroup;
mod workers;

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
    Waitgroup(workers::Workers),
    /// when main ends, every other task ends with it
    MainExit,
    /// which numbers are primes? All cores search
    Primes(primes::Options),
    /// a hundred thousand tasks, all alive at once
    HundredThousand(hundred_thousand::Options),
    /// the scheduler at work: queues, stealing, stand-ins
    Gpm(gpm::Options),
    /// generator, squarers, merger, joined by channels
    Pipeline(workers::Workers),
    /// three philosophers, each of whom waits for another
    Stuck(stuck::Options),
    /// tasks that nobody will ever wake, while others go on
    Leak(leak::Options),
    /// one program in a thousand orders, and an hour that is over at once
    Simulate(simulate::Options),
    /// what the workers did while they counted primes, and which task was slow
    Trace(trace::Options),
    /// a web server on hyper, under load, and beside handlers that block
    #[cfg(unix)]
    Http(http::Options),
}

impl Lesson {
    /// Runs the lesson's `main`.
    pub fn run(&self) -> Result<()> {
        match self {
            Lesson::Hello => hello::main(),
            Lesson::Spawn => spawn::main()?,
            Lesson::Sleep => sleep::main()?,
            Lesson::Waitgroup(workers) => waitgroup::main(*workers)?,
            Lesson::MainExit => main_exit::main()?,
            Lesson::Primes(options) => primes::main(options)?,
            Lesson::HundredThousand(options) => hundred_thousand::main(options)?,
            Lesson::Gpm(options) => gpm::main(options)?,
            Lesson::Pipeline(workers) => pipeline::main(*workers)?,
            Lesson::Stuck(options) => stuck::main(options)?,
            Lesson::Leak(options) => leak::main(options)?,
            Lesson::Simulate(options) => simulate::main(options)?,
            Lesson::Trace(options) => trace::main(options)?,
            #[cfg(unix)]
            Lesson::Http(options) => http::main(options)?,
        }
        Ok(())
    }
}
