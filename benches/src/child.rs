//! The measured side of the protocol: a process that runs workloads on one runtime.
//!
//! The parent writes `run <workload> <size> <repeats>`; the answer is `ok <figure> ...`, each the
//! median over the repeats, or `error <why>`. The end of the input ends the process.
//!
//! The programs with sockets understand three lines more, as Go's does: `serve <service>` is answered
//! by the address at which that is served from now on, `cpu` by the microseconds of CPU time that the
//! process has used so far, and `memory` by its resident bytes.

#[cfg(feature = "channels")]
use crate::channel::{self, Channels};
#[cfg(feature = "futures-pool")]
use crate::runtime::FuturesPool;
#[cfg(feature = "tokio")]
use crate::runtime::Tokio;
#[cfg(feature = "async-executor")]
use crate::runtime::{OwnedSmol, StaticSmol};
use crate::{
    contestant::Contestant,
    runtime::{DefaultExecutor, OwnedExecutor, Runtime},
    stats,
    workload::{self, AwaitGroup, Count, OurGroup, PeerGroup},
};
use clap::Parser;
use std::{
    io::{self, BufRead, Write},
    panic,
    process::{self, ExitCode},
};

/// Runs workloads that standard input names. For `compare`, which starts it.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to run them on
    contestant: Contestant,
    /// How many workers it has
    #[arg(long)]
    workers: usize,
}

/// The program.
pub fn main() -> ExitCode {
    let Arguments {
        contestant,
        workers,
    } = Arguments::parse();
    match serve(contestant, workers) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what standard input asks for, until it ends.
fn serve(contestant: Contestant, workers: usize) -> io::Result<()> {
    // A panic in a task must not leave the parent waiting for that task.
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        report(info);
        process::abort();
    }));
    match contestant {
        #[cfg(not(feature = "executor-net"))]
        Contestant::Executor => answer_all::<OwnedExecutor, OurGroup>(workers),
        #[cfg(feature = "executor-net")]
        Contestant::Executor | Contestant::ExecutorNet => {
            answer_with_sockets::<OwnedExecutor>(workers)
        }
        Contestant::ExecutorDefault => answer_all::<DefaultExecutor, OurGroup>(workers),
        #[cfg(all(feature = "tokio", not(feature = "tokio-net")))]
        Contestant::Tokio => answer_all::<Tokio, OurGroup>(workers),
        #[cfg(feature = "tokio-net")]
        Contestant::Tokio => answer_with_sockets::<Tokio>(workers),
        #[cfg(all(feature = "async-executor", not(feature = "smol-net")))]
        Contestant::AsyncExecutor => answer_all::<OwnedSmol, OurGroup>(workers),
        #[cfg(feature = "smol-net")]
        Contestant::AsyncExecutor => answer_with_sockets::<OwnedSmol>(workers),
        #[cfg(feature = "async-executor")]
        Contestant::StaticExecutor => answer_all::<StaticSmol, OurGroup>(workers),
        #[cfg(feature = "futures-pool")]
        Contestant::Futures => answer_all::<FuturesPool, OurGroup>(workers),
        Contestant::WaitgroupCrate => answer_all::<OwnedExecutor, PeerGroup>(workers),
        Contestant::Awaitgroup => answer_all::<OwnedExecutor, AwaitGroup>(workers),
        #[cfg(feature = "channels")]
        Contestant::AsyncChannel => answer_channels::<channel::AsyncChannel>(workers),
        #[cfg(feature = "channels")]
        Contestant::Flume => answer_channels::<channel::Flume>(workers),
        #[cfg(feature = "channels")]
        Contestant::Kanal => answer_channels::<channel::Kanal>(workers),
        #[cfg(feature = "channels")]
        Contestant::Crossfire => answer_channels::<channel::Crossfire>(workers),
        #[cfg(feature = "channels")]
        Contestant::Tachyonix => answer_channels::<channel::Tachyonix>(workers),
        #[cfg(feature = "channels")]
        Contestant::TokioSync => answer_channels::<channel::TokioSync>(workers),
        #[cfg(feature = "channels")]
        Contestant::FuturesMpsc => answer_channels::<channel::FuturesMpsc>(workers),
        _ => Err(io::Error::other(format!(
            "{contestant} is not part of this program"
        ))),
    }
}

fn answer_all<R: Runtime, G: Count>(workers: usize) -> io::Result<()> {
    R::start(workers);
    answer_by(|line| run::<R, G>(line, workers).map(in_words))
}

#[cfg(feature = "channels")]
fn answer_channels<C: Channels>(workers: usize) -> io::Result<()> {
    OwnedExecutor::start(workers);
    answer_by(|line| repeat(line, workload::run_channels::<C>).map(in_words))
}

#[cfg(feature = "net")]
fn answer_with_sockets<R: crate::server::Net>(workers: usize) -> io::Result<()> {
    R::start(workers);
    answer_by(|line| match line.split_once(' ') {
        Some(("serve", service)) => crate::server::serve::<R>(service),
        None if line == "cpu" => crate::server::cpu_micros().map(|cpu| in_words([cpu])),
        None if line == "memory" => crate::server::resident().map(|bytes| in_words([bytes])),
        _ => run::<R, OurGroup>(line, workers).map(in_words),
    })
}

fn in_words(figures: impl AsRef<[f64]>) -> String {
    let words: Vec<String> = figures.as_ref().iter().map(f64::to_string).collect();
    words.join(" ")
}

fn answer_by(answer: impl Fn(&str) -> Result<String, String>) -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let answer = match answer(&line?) {
            Ok(words) => format!("ok {words}"),
            Err(why) => format!("error {why}"),
        };
        let mut out = io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    // Not by returning: tasks of `rss-pending` are left, and their runtime need not end.
    process::exit(0)
}

fn run<R: Runtime, G: Count>(line: &str, workers: usize) -> Result<Vec<f64>, String> {
    repeat(line, |name, size| {
        workload::run::<R, G>(name, size, workers)
    })
}

/// Runs a workload as often as a line says: the medians.
fn repeat(
    line: &str,
    once: impl Fn(&str, usize) -> Result<Vec<f64>, String>,
) -> Result<Vec<f64>, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["run", name, size, repeats] = words[..] else {
        return Err(format!("not understood: '{line}'"));
    };
    let number = |word: &str| match word.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("not a positive number: '{word}'")),
    };
    let (size, repeats): (usize, usize) = (number(size)?, number(repeats)?);
    let runs = (0..repeats)
        .map(|_| once(name, size))
        .collect::<Result<Vec<_>, _>>()?;
    Ok((0..runs[0].len())
        .map(|figure| stats::median(&runs.iter().map(|run| run[figure]).collect::<Vec<_>>()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::{
        runtime::{OwnedExecutor, Runtime},
        workload::OurGroup,
    };

    #[test]
    fn what_is_not_understood_is_an_error() {
        let error = |line| run::<OwnedExecutor, OurGroup>(line, 2).unwrap_err();
        assert!(error("walk").contains("not understood"));
        assert!(error("run yields 1000").contains("not understood"));
        assert!(error("run yields many 1").contains("not a positive number"));
        assert!(error("run yields 1000 0").contains("not a positive number"));
        assert!(error("run idle-hands 1 1").contains("no workload 'idle-hands'"));
    }

    #[test]
    fn each_figure_is_answered() {
        OwnedExecutor::start(2);
        let ran = run::<OwnedExecutor, OurGroup>("run wake-parked 5 2", 2).unwrap();
        assert_eq!(ran.len(), 2);
        assert!(ran[0] > 0.0 && ran[0] <= ran[1]);
    }
}
