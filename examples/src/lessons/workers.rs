//! The option `--workers` of the lessons in which tasks run side by side.

use clap::Args;
use executor::{Builder, Executor};

use crate::Result;

/// The largest accepted number of workers: far beyond any machine's use.
const MAX_WORKERS: usize = 1024;

#[derive(Debug, Clone, Copy, Args)]
pub struct Workers {
    /// Use this many workers [default: EXECUTOR_WORKERS, else the number of CPUs]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = parse_workers)]
    workers: Option<usize>,
}

pub fn parse_workers(text: &str) -> std::result::Result<usize, String> {
    text.parse()
        .ok()
        .filter(|workers| (1..=MAX_WORKERS).contains(workers))
        .ok_or_else(|| {
            format!(
                "the number of workers must be from 1 to {MAX_WORKERS}, for example `--workers 2`; \
                 leave the option out for one worker a CPU"
            )
        })
}

impl Workers {
    /// So many; `None` for as many as the executor takes by itself.
    pub fn new(workers: Option<usize>) -> Workers {
        Workers { workers }
    }

    /// Starts an executor with so many workers.
    pub fn executor(self) -> Result<Executor> {
        self.build(Executor::builder())
    }

    /// Starts an executor with so many workers, and what else `builder` says.
    pub fn build(self, builder: Builder) -> Result<Executor> {
        let builder = match self.workers {
            Some(workers) => builder.workers(workers),
            None => builder,
        };
        builder
            .build()
            .map_err(|error| format!("the executor did not start: {error}").into())
    }
}
