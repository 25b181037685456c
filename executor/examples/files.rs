//! Files: no system says when one is ready, so they are read and written by `spawn_blocking`, which
//! has no pool of threads, and no limit but that of all threads.
//!
//! `cargo run -p executor --example files`

use executor::{JoinSet, spawn_blocking};
use std::{
    env, fs,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    process,
};

fn main() -> io::Result<()> {
    executor::block_on(async {
        let folder = env::temp_dir().join(format!("files-{}", process::id()));
        fs::create_dir(&folder)?;
        let counted = write_and_count(&folder).await;
        fs::remove_dir_all(folder)?;
        println!("{} lines", counted?);
        Ok(())
    })
}

/// Each file is one closure, from open to close: what is handed over is the work on a file, not each
/// of its reads and writes.
async fn write_and_count(folder: &Path) -> io::Result<usize> {
    let paths: Vec<_> = (0..10).map(|i| folder.join(i.to_string())).collect();
    let mut writes = JoinSet::new();
    for path in paths.clone() {
        writes.spawn_blocking(move || write(&path));
    }
    for written in writes.join_all().await {
        written?;
    }
    let mut lines = 0;
    for path in paths {
        // One after the other; this task waits, and its worker does not.
        lines += spawn_blocking(move || count(path)).await??;
    }
    Ok(lines)
}

fn write(path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(fs::File::create(path)?);
    for line in 0..1_000 {
        writeln!(file, "line {line}")?;
    }
    file.flush()
}

fn count(path: PathBuf) -> io::Result<usize> {
    let file = BufReader::new(fs::File::open(path)?);
    file.lines()
        .try_fold(0, |count, line| line.map(|_| count + 1))
}
