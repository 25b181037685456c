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
    /// The channels of async-channel
    AsyncChannel,
    /// The channels of flume
    Flume,
    /// The channels of kanal
    Kanal,
    /// The channels of crossfire
    Crossfire,
    /// The channels of tachyonix
    Tachyonix,
    /// The channels of `tokio::sync::mpsc`
    TokioSync,
    /// The channels of `futures::channel::mpsc`
    FuturesMpsc,
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
            Contestant::AsyncChannel => "async-channel",
            Contestant::Flume => "flume",
            Contestant::Kanal => "kanal",
            Contestant::Crossfire => "crossfire",
            Contestant::Tachyonix => "tachyonix",
            Contestant::TokioSync => "tokio-sync",
            Contestant::FuturesMpsc => "futures-mpsc",
        }
    }

    /// The head of its column.
    pub fn title(self, group: Group) -> &'static str {
        match (self, group) {
            (Contestant::Executor, Group::Runtimes) => "executor, owned",
            (Contestant::Executor, Group::Sockets) => "executor",
            (Contestant::Executor, _) => "waitgroup (this project's)",
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
            (Contestant::TokioSync, _) => "tokio `sync::mpsc`",
            (Contestant::FuturesMpsc, _) => "futures `channel::mpsc`",
            _ => self.name(),
        }
    }

    /// What it comes from: the key of its version.
    pub fn package(self) -> &'static str {
        match self {
            Contestant::Executor | Contestant::ExecutorDefault | Contestant::ExecutorNet => {
                "executor"
            }
            Contestant::Tokio | Contestant::TokioSync => "tokio",
            Contestant::AsyncExecutor | Contestant::StaticExecutor => "async-executor",
            Contestant::Futures | Contestant::FuturesMpsc => "futures",
            Contestant::WaitgroupCrate => "waitgroup",
            _ => self.name(),
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
            Contestant::Go => true,
            Contestant::Executor => group != Group::Channels,
            Contestant::Tokio | Contestant::AsyncExecutor => {
                matches!(group, Group::Runtimes | Group::Sockets)
            }
            Contestant::WaitgroupCrate | Contestant::Awaitgroup => group == Group::WaitGroups,
            Contestant::ExecutorDefault
            | Contestant::ExecutorNet
            | Contestant::StaticExecutor
            | Contestant::Futures => group == Group::Runtimes,
            Contestant::AsyncChannel
            | Contestant::Flume
            | Contestant::Kanal
            | Contestant::Crossfire
            | Contestant::Tachyonix
            | Contestant::TokioSync
            | Contestant::FuturesMpsc => group == Group::Channels,
        }
    }

    /// Of a crate with channels, whether a receive that is cancelled loses no message whose sender
    /// has seen it sent. `tests/channels.rs` holds each to what is said here.
    pub fn keeps_messages(self) -> bool {
        self != Contestant::Kanal
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
