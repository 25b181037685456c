//! Who takes part: the columns of the tables.

use crate::workload::{Group, Workload};
use clap::ValueEnum;
use std::fmt;

/// What is measured in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Contestant {
    /// This project's executor, an owned one
    Executor,
    /// This project's default executor, by the free functions
    ExecutorDefault,
    /// The owned one, built with its sockets and without using one; only if asked for
    ExecutorNet,
    /// tokio's multi-threaded runtime
    Tokio,
    /// smol's `async_executor::Executor`
    AsyncExecutor,
    /// smol's `async_executor::StaticExecutor`
    StaticExecutor,
    /// futures' `ThreadPool`
    Futures,
    /// Go, if a `go` is on PATH
    Go,
    /// The `WaitGroup` of the crate `waitgroup` on crates.io
    WaitgroupCrate,
    /// The `WaitGroup` of the crate `awaitgroup`
    Awaitgroup,
}

impl Contestant {
    /// The one that the others are compared with.
    pub const OURS: Contestant = Contestant::Executor;

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Contestant::Executor => "executor",
            Contestant::ExecutorDefault => "executor-default",
            Contestant::ExecutorNet => "executor-net",
            Contestant::Tokio => "tokio",
            Contestant::AsyncExecutor => "async-executor",
            Contestant::StaticExecutor => "static-executor",
            Contestant::Futures => "futures",
            Contestant::Go => "go",
            Contestant::WaitgroupCrate => "waitgroup-crate",
            Contestant::Awaitgroup => "awaitgroup",
        }
    }

    /// The head of its column.
    pub fn title(self, group: Group) -> &'static str {
        match (self, group) {
            (Contestant::Executor, Group::Runtimes) => "executor, owned",
            (Contestant::Executor, Group::Sockets) => "executor",
            (Contestant::Executor, Group::WaitGroups) => "waitgroup (this project's)",
            (Contestant::ExecutorDefault, _) => "executor, default",
            (Contestant::ExecutorNet, _) => "executor, owned, with `net`",
            (Contestant::AsyncExecutor, Group::Sockets) => "async-executor with async-io",
            (Contestant::AsyncExecutor, _) => "async-executor `Executor`",
            (Contestant::StaticExecutor, _) => "async-executor `StaticExecutor`",
            (Contestant::Futures, _) => "futures `ThreadPool`",
            (Contestant::Go, Group::WaitGroups) => "Go `sync.WaitGroup`",
            (Contestant::Go, _) => "Go",
            (Contestant::WaitgroupCrate, _) => "crate waitgroup",
            (Contestant::Awaitgroup, _) => "crate awaitgroup",
            (Contestant::Tokio, _) => "tokio",
        }
    }

    /// What it comes from: the key of its version.
    pub fn package(self) -> &'static str {
        match self {
            Contestant::Executor | Contestant::ExecutorDefault | Contestant::ExecutorNet => {
                "executor"
            }
            Contestant::Tokio => "tokio",
            Contestant::AsyncExecutor | Contestant::StaticExecutor => "async-executor",
            Contestant::Futures => "futures",
            Contestant::Go => "go",
            Contestant::WaitgroupCrate => "waitgroup",
            Contestant::Awaitgroup => "awaitgroup",
        }
    }

    /// Whether it is this project's, and so nobody's peer.
    pub fn is_ours(self) -> bool {
        self.package() == "executor"
    }

    /// Whether it takes part although nobody has asked for it.
    pub fn is_usual(self) -> bool {
        self != Contestant::ExecutorNet
    }

    /// Whether it takes part in a group of workloads.
    pub fn is_in(self, group: Group) -> bool {
        match self {
            Contestant::Executor | Contestant::Go => true,
            Contestant::Tokio | Contestant::AsyncExecutor => group != Group::WaitGroups,
            Contestant::WaitgroupCrate | Contestant::Awaitgroup => group == Group::WaitGroups,
            _ => group == Group::Runtimes,
        }
    }

    /// Whether it has a version of this workload.
    pub fn runs(self, workload: &Workload) -> bool {
        self.is_in(workload.group) && !workload.without.contains(&self)
    }
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Contestant;
    use clap::ValueEnum;

    #[test]
    fn names_are_those_of_the_command_line() {
        for contestant in Contestant::value_variants() {
            let value = contestant.to_possible_value().unwrap();
            assert_eq!(value.get_name(), contestant.name());
        }
    }
}
