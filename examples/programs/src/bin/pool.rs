//! A pool of workers: the SHA-256 of each file below some folders, as `sha256sum` prints them.
//!
//! A walker sends paths into a bounded channel, and so many workers as are wanted take them out. The
//! first error, or Ctrl-C, cancels the rest: also a digest that is under way.
//!
//! After the last section of Go's "Pipelines and cancellation"
//! (<https://go.dev/blog/pipelines>), whose program is the same.

use async_channel::{Receiver, Sender, bounded};
use clap::Parser;
use executor::{
    JoinSet,
    signal::{Signal, Signals},
    spawn, spawn_blocking,
};
use futures::StreamExt;
use sha2::{Digest, Sha256};
use std::{
    error::Error,
    fs::{self, File},
    io::{self, ErrorKind, Read, Write, stdout},
    path::{Path, PathBuf},
    process::{self, ExitCode},
};
use tokio_util::sync::CancellationToken;

/// How much of a file is read before a worker looks whether it is to stop.
const CHUNK: usize = 64 << 10;

/// What shells show of a program that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Prints the SHA-256 of each file below some folders
#[derive(Debug, Parser)]
struct Options {
    #[arg(default_value = ".")]
    folders: Vec<PathBuf>,

    /// How many files are read at a time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
}

#[executor::main]
async fn main() -> ExitCode {
    match digest_all(Options::parse()).await {
        Ok(Some(files)) => {
            eprintln!("{files} files");
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::from(INTERRUPTED),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns how many files there were; `None` if Ctrl-C came before the last one.
async fn digest_all(options: Options) -> Result<Option<usize>> {
    let interrupted = CancellationToken::new();
    let on_ctrl_c = interrupted.clone();
    let mut interrupts = Signals::new([Signal::Int])?;
    spawn(async move {
        while let Some(caught) = interrupts.next().await {
            match caught {
                // The second one ends it at once, whatever blocks.
                Ok(_) if on_ctrl_c.is_cancelled() => process::exit(INTERRUPTED.into()),
                Ok(_) => on_ctrl_c.cancel(),
                Err(error) => return eprintln!("warning: no Ctrl-C is heard any more: {error}"),
            }
        }
    });
    // Cancelled by Ctrl-C, too; but not the other way round.
    let cancel = interrupted.child_token();

    let workers = usize::from(options.workers);
    let (sender, paths) = bounded(workers);
    let mut pool = JoinSet::new();
    let stop = cancel.clone();
    pool.spawn_blocking(move || {
        let folders = options.folders.iter();
        let walks = folders.map(|folder| walk(folder, &sender, &stop));
        walks.collect::<Result>().map(|()| 0)
    });
    for _ in 0..workers {
        pool.spawn(work(paths.clone(), cancel.clone()));
    }
    drop(paths); // the walker's sends fail once all workers have ended

    let (mut files, mut first_error) = (0, None);
    while let Some(ended) = pool.join_next().await {
        match ended.unwrap_or_else(|panic| Err(panic.into())) {
            Ok(digested) => files += digested,
            Err(error) if !cancel.is_cancelled() => {
                cancel.cancel();
                first_error = Some(error);
            }
            // What the others say after that is that they were cancelled.
            Err(_) => {}
        }
    }
    match first_error {
        _ if interrupted.is_cancelled() => Ok(None),
        Some(error) => Err(error),
        None => Ok(Some(files)),
    }
}

/// Sends all files below `folder`, and waits where the workers do not keep up. Links are passed by.
fn walk(folder: &Path, paths: &Sender<PathBuf>, stop: &CancellationToken) -> Result {
    let within = |error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(within)? {
        let entry = entry.map_err(within)?;
        let kind = entry.file_type().map_err(within)?;
        if stop.is_cancelled() {
            return Err("cancelled".into());
        } else if kind.is_dir() {
            walk(&entry.path(), paths, stop)?;
        } else if kind.is_file() && paths.send_blocking(entry.path()).is_err() {
            return Err("cancelled".into());
        }
    }
    Ok(())
}

/// Prints digests until there are no more paths, or until it is cancelled; or until nobody reads
/// them, which cancels the rest. Returns how many.
async fn work(paths: Receiver<PathBuf>, cancel: CancellationToken) -> Result<usize> {
    let mut digested = 0;
    while let Some(Ok(path)) = cancel.run_until_cancelled(paths.recv()).await {
        let stop = cancel.clone();
        // A file has no readiness: to read it blocks.
        let line = spawn_blocking(move || match digest(&path, &stop) {
            Ok(digest) => Ok(digest.map(|digest| format!("{digest}  {}", path.display()))),
            Err(error) => Err(format!("{}: {error}", path.display())),
        });
        let Some(line) = line.await?? else { break };
        match writeln!(stdout(), "{line}") {
            Ok(()) => digested += 1,
            // Whoever reads has enough, as `head` has.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => cancel.cancel(),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(digested)
}

/// `None` if it was cancelled.
fn digest(path: &Path, stop: &CancellationToken) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let mut chunk = vec![0; CHUNK];
    let mut digest = Sha256::new();
    while !stop.is_cancelled() {
        match file.read(&mut chunk)? {
            0 => return Ok(Some(format!("{:x}", digest.finalize()))),
            read => digest.update(&chunk[..read]),
        }
    }
    Ok(None)
}
