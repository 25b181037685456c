//! The goroutine lessons as async tasks: each prints what its Go original prints.
//!
//! `cargo run --release -p examples` runs them all, `-- --list` names them,
//! `-- waitgroup` runs one. Every lesson is a `main` of its own, in its own file
//! under `lessons`.

mod ending;
mod lessons;
mod sieve;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use lessons::Lesson;

/// The goroutine lessons as async tasks.
#[derive(Debug, Parser)]
#[command(
    name = "goroutines",
    version,
    disable_help_subcommand = true,
    subcommand_value_name = "LESSON",
    subcommand_help_heading = "Lessons",
    after_help = "Without a lesson, all of them run in this order.\n\
                  `<LESSON> --help` tells about a lesson and its options."
)]
struct Cli {
    /// Name the lessons, a line each, and run none.
    #[arg(long)]
    list: bool,

    #[command(subcommand)]
    choice: Option<Choice>,
}

#[derive(Debug, Subcommand)]
enum Choice {
    #[command(flatten)]
    Known(Lesson),
    #[command(external_subcommand)]
    Unknown(Vec<OsString>),
}

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    ending::prepare();
    let cli = Cli::parse();
    let outcome = match cli.choice {
        _ if cli.list => {
            list();
            Ok(())
        }
        Some(Choice::Known(lesson)) => lesson.run(),
        Some(Choice::Unknown(words)) => no_such_lesson(&words).exit(),
        None => run_all(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The name of each lesson and what it is about, as clap knows them.
fn lessons() -> Vec<(String, String)> {
    let about = |lesson: &clap::Command| lesson.get_about().map(ToString::to_string);
    Cli::command()
        .get_subcommands()
        .map(|lesson| {
            (
                lesson.get_name().to_owned(),
                about(lesson).unwrap_or_default(),
            )
        })
        .collect()
}

fn list() {
    for (name, about) in lessons() {
        println!("{name:16} {about}");
    }
}

/// Runs every lesson in a process of its own: each is a Go `main`, and when
/// that returns, whatever else it started ends with it.
fn run_all() -> Result<()> {
    let program = env::current_exe()?;
    ending::leave_interrupts_to_the_lesson()?;
    for (number, (name, about)) in (1..).zip(lessons()) {
        println!(
            "{}=== {number}. {name}: {about} ===",
            if number == 1 { "" } else { "\n" }
        );
        let status = Command::new(&program)
            .arg(&name)
            .status()
            .map_err(|error| format!("lesson '{name}' did not start: {error}"))?;
        ending::end_with(status);
        if !status.success() {
            return Err(format!("lesson '{name}' failed: {status}").into());
        }
    }
    Ok(())
}

fn no_such_lesson(words: &[OsString]) -> clap::Error {
    let word = words
        .first()
        .map(|word| word.to_string_lossy())
        .unwrap_or_default();
    let names: Vec<String> = lessons().into_iter().map(|(name, _)| name).collect();
    let names = names.join(", ");
    Cli::command().error(
        ErrorKind::InvalidSubcommand,
        format!("there is no lesson '{word}'; choose one of: {names}; or none, to run them all"),
    )
}
