//! This program once more, as a child, for lessons on programs that hang.

use std::env;
use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// Longer than any of them takes that ends by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of a child.
pub struct Ended {
    pub status: ExitStatus,
    /// What it has printed, in the order in which it came.
    pub printed: String,
}

/// Runs this program with these arguments and variables to its end, and prints what it prints.
pub fn run_again(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Ended> {
    let set: String = variables
        .iter()
        .map(|(name, value)| format!("{name}={value} "))
        .collect();
    println!("$ {set}goroutines {}", arguments.join(" "));
    io::stdout().flush()?;
    let (mut reader, writer) = io::pipe()?;
    let mut command = Command::new(env::current_exe()?);
    command
        .args(arguments)
        // What a panic says is enough.
        .env_remove("RUST_BACKTRACE")
        // What is simulated is the lesson's to say.
        .env_remove("EXECUTOR_SEED")
        .env_remove("EXECUTOR_SEEDS")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let child = command.spawn()?;
    // It has the other end of the pipe, which is to be nobody else's.
    drop(command);
    let read = thread::spawn(move || {
        let mut text = Vec::new();
        reader.read_to_end(&mut text).map(|_| text)
    });
    let status = end_of(child)?;
    let printed = read.join().expect("it reads and does not panic")?;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    printed.lines().for_each(|line| println!("| {line}"));
    println!("({status})");
    Ok(Ended { status, printed })
}

fn end_of(mut child: Child) -> Result<ExitStatus> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if begin.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Err("the child does not end".into());
        }
        thread::sleep(Duration::from_millis(2));
    }
}

impl Ended {
    /// Fails, with what it should show, if one of these is not in what it has printed.
    pub fn must_say(&self, parts: &[&str]) -> Result<()> {
        let missing = parts.iter().find(|part| !self.printed.contains(**part));
        match missing {
            Some(part) => Err(format!("the child should have said {part:?}").into()),
            None => Ok(()),
        }
    }

    /// Fails if it has not ended well.
    pub fn must_succeed(&self) -> Result<()> {
        if self.status.success() {
            Ok(())
        } else {
            Err(format!("the child failed: {}", self.status).into())
        }
    }
}
