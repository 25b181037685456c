//! The table of workloads: names, sizes, units.

use crate::{
    contestant::Contestant,
    served::{Load, Pattern},
};

/// Which way a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Lower is better.
    Lower,
    /// Higher is better.
    Higher,
}

/// In which process a workload is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunsIn {
    /// In the runtime's process that lives through the rounds.
    Resident,
    /// In a process started for this one measurement.
    Fresh,
    /// In two fresh processes with one and with two workers: the figure is the first's time over
    /// the second's.
    OneThenTwoWorkers,
    /// In the runtime's process with sockets, which serves while another loads it.
    Served(Load),
}

/// Which columns a workload has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// One for each runtime.
    Runtimes,
    /// One for each runtime that has sockets.
    Sockets,
    /// One for each `WaitGroup`; the Rust ones all on this project's executor.
    WaitGroups,
    /// One for each crate with channels; all on this project's executor, but for Go's.
    Channels,
}

impl Group {
    /// All of them, in the order of the report.
    pub const ALL: [Group; 4] = [
        Group::Runtimes,
        Group::Sockets,
        Group::WaitGroups,
        Group::Channels,
    ];
}

/// What a workload measures; most measure one thing.
#[derive(Debug)]
pub struct Figure {
    /// The name of its row: the workload's, or with a suffix if there are several.
    pub row: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// The unit.
    pub unit: &'static str,
    /// Which way it is better.
    pub better: Better,
}

/// A workload.
#[derive(Debug)]
pub struct Workload {
    /// Its name, in kebab-case.
    pub name: &'static str,
    /// How large it is: as a rule the number of operations; of servers the milliseconds.
    pub size: usize,
    /// How large it is with `--quick`.
    pub quick: usize,
    /// How often a round repeats it; the round's figure is the median.
    pub repeats: usize,
    /// In which process it is measured.
    pub runs_in: RunsIn,
    /// Which columns it has.
    pub group: Group,
    /// Who cannot have it.
    pub without: &'static [Contestant],
    /// What it measures.
    pub figures: &'static [Figure],
}

/// The workload with this name.
pub fn find(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.name == name)
}

const fn figure(row: &'static str, unit: &'static str, about: &'static str) -> Figure {
    Figure {
        row,
        about,
        unit,
        better: Better::Lower,
    }
}

/// What most workloads are like.
const USUAL: Workload = Workload {
    name: "",
    size: 100_000,
    quick: 2_000,
    repeats: 3,
    runs_in: RunsIn::Resident,
    group: Group::Runtimes,
    without: &[],
    figures: &[],
};

/// A row of requests whose calls are announced: call time in the name and in words, connections,
/// requests, repeats. Its peers are those that have a place for such calls.
macro_rules! announced {
    ($time:literal, $words:literal, $at_once:literal, $requests:literal, $repeats:literal) => {
        Workload {
            without: &[Contestant::Futures, Contestant::Go],
            ..service!(
                concat!("service-", $time, "-", $at_once),
                concat!(
                    $at_once,
                    " connections, whose requests make an announced call that computes for ",
                    $words,
                    ", per request"
                ),
                $requests,
                $repeats
            )
        }
    };
}

/// The same without the announcement, which everybody has.
macro_rules! inline {
    ($time:literal, $words:literal, $at_once:literal, $requests:literal, $repeats:literal) => {
        service!(
            concat!("service-inline-", $time, "-", $at_once),
            concat!(
                $at_once,
                " connections, whose requests compute for ",
                $words,
                " without saying so, per request"
            ),
            $requests,
            $repeats
        )
    };
}

/// A row of requests.
macro_rules! service {
    ($row:expr, $about:expr, $requests:literal, $repeats:literal) => {
        Workload {
            name: $row,
            size: $requests,
            quick: 512,
            repeats: $repeats,
            figures: &[figure($row, "µs", $about)],
            ..USUAL
        }
    };
}

/// Of a figure more is better.
const fn higher(figure: Figure) -> Figure {
    Figure {
        better: Better::Higher,
        ..figure
    }
}

/// What most workloads with sockets are like.
const SERVER: Workload = Workload {
    size: 600,
    quick: 100,
    repeats: 1,
    group: Group::Sockets,
    ..USUAL
};

/// A row of a server whose clients ask all the time: its name, what it serves, how it is reached, by
/// how many clients, what they say, and all that in words.
macro_rules! driven {
    ($row:literal, $service:literal, $transport:literal, $clients:literal, $message:literal, $about:literal) => {
        Workload {
            name: $row,
            runs_in: RunsIn::Served(Load {
                service: $service,
                transport: $transport,
                clients: $clients,
                message: $message,
                pattern: Pattern::Driven,
            }),
            figures: &[
                figure(
                    $row,
                    "µs",
                    concat!($about, "; the server's CPU time per request"),
                ),
                higher(figure(
                    concat!($row, "-rate"),
                    "1/s",
                    "requests in a second",
                )),
                figure(concat!($row, "-p50"), "µs", "latency, median"),
                figure(concat!($row, "-p99"), "µs", "latency, 99th percentile"),
            ],
            ..SERVER
        }
    };
}

/// A row of a server of which few requests want something that takes its time: its name, for which
/// path they ask, and what that does.
macro_rules! paced {
    ($row:literal, $path:literal, $about:literal) => {
        Workload {
            name: $row,
            size: 2_000,
            quick: 300,
            runs_in: RunsIn::Served(Load {
                service: "http",
                transport: "tcp",
                clients: 64,
                message: "/",
                pattern: Pattern::Paced {
                    rate: 1_000,
                    path: $path,
                },
            }),
            figures: &[
                figure(
                    $row,
                    "µs",
                    concat!(
                        "hyper (or net/http) gets 1,000 requests a second, of which each hundredth ",
                        $about,
                        "; latency of the others, 99th percentile"
                    ),
                ),
                figure(concat!($row, "-p50"), "µs", "the same, median"),
                figure(concat!($row, "-most"), "µs", "the same, maximum"),
                figure(
                    concat!($row, "-cpu"),
                    "µs",
                    "the server's CPU time per request, of all",
                ),
            ],
            ..SERVER
        }
    };
}

/// A row of a server whose clients are silent: its name, how long, what it serves, what they have
/// said before, and that in words.
macro_rules! idle {
    ($row:literal, $millis:literal, $quick:literal, $service:literal, $message:literal, $about:literal) => {
        Workload {
            name: $row,
            size: $millis,
            quick: $quick,
            runs_in: RunsIn::Served(Load {
                service: $service,
                transport: "tcp",
                clients: 10_000,
                message: $message,
                pattern: Pattern::Idle,
            }),
            figures: &[
                figure(
                    $row,
                    "bytes",
                    concat!("10,000 connections, silent after ", $about, "; resident bytes each"),
                ),
                figure(
                    concat!($row, "-cpu"),
                    "µs",
                    "the server's CPU time in that silence",
                ),
                figure(
                    concat!($row, "-first"),
                    "µs",
                    "latency of the first answer after it",
                ),
                figure(
                    concat!($row, "-p99"),
                    "µs",
                    "latency of a thousand clients that ask then, one after the other, 99th percentile",
                ),
            ],
            ..SERVER
        }
    };
}

/// A row of channels: its name, what it is about, and who cannot have it.
macro_rules! channels {
    ($row:literal, $about:literal, $without:expr) => {
        Workload {
            name: $row,
            group: Group::Channels,
            without: $without,
            figures: &[figure($row, "ns", $about)],
            ..USUAL
        }
    };
}

/// Whose channels have one receiver.
const ONE_RECEIVER: &[Contestant] = &[
    Contestant::Tachyonix,
    Contestant::TokioSync,
    Contestant::FuturesMpsc,
];

/// Whose channels always have a limit.
const LIMITED: &[Contestant] = &[Contestant::Tachyonix, Contestant::Go];

/// Whose channels have one of these.
const LIMITED_OR_ONE_RECEIVER: &[Contestant] = &[
    Contestant::Tachyonix,
    Contestant::TokioSync,
    Contestant::FuturesMpsc,
    Contestant::Go,
];

/// All workloads, in the order of the report.
pub static WORKLOADS: &[Workload] = &[
    Workload {
        name: "spawn-join",
        size: 10_000,
        repeats: 9,
        figures: &[figure(
            "spawn-join",
            "ns",
            "spawn 10,000 tasks from a task, then join them, per task",
        )],
        ..USUAL
    },
    Workload {
        name: "set-in-order",
        size: 10_000,
        repeats: 9,
        // It has no such thing.
        without: &[Contestant::Go],
        figures: &[figure(
            "set-in-order",
            "ns",
            "spawn 10,000 tasks from a task into a set (a `JoinSet`, else a `FuturesUnordered` of \
             handles), then join them, per task",
        )],
        ..USUAL
    },
    Workload {
        name: "set-at-random",
        without: &[Contestant::Go],
        figures: &[figure(
            "set-at-random",
            "ns",
            "the same with 100,000 tasks that wait, and that another task lets end in random order, \
             per task",
        )],
        ..USUAL
    },
    Workload {
        name: "one-at-a-time-main",
        size: 10_000,
        quick: 500,
        // A goroutine is all there is.
        without: &[Contestant::Go],
        figures: &[figure(
            "one-at-a-time-main",
            "ns",
            "spawn and await 10,000 tasks, one at a time, directly in `block_on`, per task",
        )],
        ..USUAL
    },
    Workload {
        name: "one-at-a-time-task",
        size: 10_000,
        repeats: 9,
        figures: &[figure(
            "one-at-a-time-task",
            "ns",
            "the same in `block_on(spawn(main))`, per task",
        )],
        ..USUAL
    },
    Workload {
        name: "detached",
        figures: &[figure(
            "detached",
            "ns",
            "spawn 100,000 detached tasks from a task and count them down, per task",
        )],
        ..USUAL
    },
    Workload {
        name: "outside",
        figures: &[figure(
            "outside",
            "ns",
            "the same from an outside thread, per task",
        )],
        ..USUAL
    },
    Workload {
        name: "chained",
        figures: &[figure(
            "chained",
            "ns",
            "100,000 tasks, each spawned by the one before, per task",
        )],
        ..USUAL
    },
    Workload {
        name: "skynet",
        size: 1_000_000,
        quick: 1_000,
        repeats: 1,
        figures: &[figure(
            "skynet",
            "ms",
            "a tree of tasks, ten below each, 1,000,000 leaves",
        )],
        ..USUAL
    },
    Workload {
        name: "yields",
        // Its pool polls a task that woke itself again at once: that lets nobody run.
        without: &[Contestant::Futures],
        size: 200_000,
        quick: 4_000,
        figures: &[figure(
            "yields",
            "ns",
            "200 tasks yield 1,000 times each, per yield",
        )],
        ..USUAL
    },
    Workload {
        name: "pairs",
        size: 1_000,
        quick: 200,
        repeats: 15,
        figures: &[figure(
            "pairs",
            "ns",
            "1,000 pairs of new tasks exchange one message each way, per pair",
        )],
        ..USUAL
    },
    Workload {
        name: "ping-pong",
        repeats: 1,
        figures: &[figure(
            "ping-pong",
            "ns",
            "one pair exchanges 100,000 messages each way, per round trip",
        )],
        ..USUAL
    },
    Workload {
        name: "fan-in",
        figures: &[figure(
            "fan-in",
            "ns",
            "8 producers send 100,000 messages to one consumer over a channel with room for 100, \
             per message",
        )],
        ..USUAL
    },
    Workload {
        name: "forks",
        size: 8_000,
        quick: 80,
        figures: &[figure(
            "forks",
            "ns",
            "8,000 tasks that work for 5 µs each are spawned and joined, eight at a time, per task",
        )],
        ..USUAL
    },
    Workload {
        name: "pipeline",
        size: 5_000,
        quick: 100,
        figures: &[figure(
            "pipeline",
            "ns",
            "one task hands 5,000 messages on to another over a channel with room for one, and \
             each works for 5 µs on each, per message",
        )],
        ..USUAL
    },
    announced!("5us", "5 µs", 64, 10_240, 3),
    announced!("5us", "5 µs", 256, 10_240, 3),
    announced!("20us", "20 µs", 64, 5_120, 3),
    announced!("20us", "20 µs", 256, 5_120, 3),
    announced!("100us", "100 µs", 64, 2_048, 3),
    announced!("100us", "100 µs", 256, 2_048, 3),
    announced!("1ms", "1 ms", 64, 512, 1),
    announced!("1ms", "1 ms", 256, 512, 1),
    inline!("5us", "5 µs", 64, 10_240, 3),
    inline!("5us", "5 µs", 256, 10_240, 3),
    inline!("20us", "20 µs", 64, 5_120, 3),
    inline!("20us", "20 µs", 256, 5_120, 3),
    inline!("100us", "100 µs", 64, 2_048, 3),
    inline!("100us", "100 µs", 256, 2_048, 3),
    inline!("1ms", "1 ms", 64, 512, 1),
    inline!("1ms", "1 ms", 256, 512, 1),
    Workload {
        without: &[Contestant::Futures, Contestant::Go],
        ..service!(
            "service-asleep-100us-64",
            "64 connections, whose requests make an announced call that sleeps for 100 µs, per \
             request",
            5_120,
            3
        )
    },
    Workload {
        name: "wake-parked",
        size: 500,
        quick: 20,
        repeats: 1,
        figures: &[
            figure(
                "wake-parked-p50",
                "µs",
                "from an outside thread's wake until the task runs, all workers parked, median",
            ),
            figure("wake-parked-p99", "µs", "the same, 99th percentile"),
        ],
        ..USUAL
    },
    Workload {
        name: "idle-cpu",
        size: 1_000,
        quick: 50,
        repeats: 1,
        figures: &[figure(
            "idle-cpu",
            "µs",
            "CPU time of the process in a second in which there is nothing to do",
        )],
        ..USUAL
    },
    Workload {
        name: "speed-up",
        size: 64,
        quick: 8,
        runs_in: RunsIn::OneThenTwoWorkers,
        figures: &[Figure {
            better: Better::Higher,
            ..figure(
                "speed-up",
                "×",
                "64 tasks that compute: time with 1 worker over time with 2; higher is better",
            )
        }],
        ..USUAL
    },
    Workload {
        name: "ticker-asleep",
        size: 1_000,
        quick: 50,
        repeats: 1,
        figures: &[figure(
            "ticker-asleep",
            "ms",
            "worst delay of a 5 ms ticker while every worker sleeps in a poll for a second",
        )],
        ..USUAL
    },
    Workload {
        name: "ticker-spinning",
        size: 1_000,
        quick: 50,
        repeats: 1,
        figures: &[figure(
            "ticker-spinning",
            "ms",
            "the same while every worker spins in a poll for a second",
        )],
        ..USUAL
    },
    Workload {
        name: "sleeps",
        repeats: 1,
        figures: &[
            figure(
                "sleeps",
                "ms",
                "100,000 tasks that sleep for 1 to 100 ms each, until all are done",
            ),
            figure("sleeps-cpu", "ns", "the CPU time of the same, per task"),
            figure(
                "sleeps-late-p50",
                "ms",
                "by how much the same sleeps are too long, median",
            ),
            figure("sleeps-late-p99", "ms", "the same, 99th percentile"),
        ],
        ..USUAL
    },
    Workload {
        name: "million-sleeps",
        size: 1_000_000,
        quick: 4_000,
        repeats: 1,
        figures: &[
            figure(
                "million-sleeps",
                "ms",
                "1,000,000 tasks that sleep for 1 to 1,000 ms each, until all are done",
            ),
            figure(
                "million-sleeps-cpu",
                "ns",
                "the CPU time of the same, per task",
            ),
            figure(
                "million-sleeps-late-p50",
                "ms",
                "by how much the same sleeps are too long, median",
            ),
            figure("million-sleeps-late-p99", "ms", "the same, 99th percentile"),
        ],
        ..USUAL
    },
    Workload {
        name: "lone-sleep",
        size: 300,
        quick: 20,
        repeats: 1,
        figures: &[
            figure(
                "lone-sleep-p50",
                "µs",
                "by how much a sleep of 1 ms is too long where nothing else happens, median",
            ),
            figure("lone-sleep-p99", "µs", "the same, 99th percentile"),
        ],
        ..USUAL
    },
    Workload {
        name: "abandoned-sleep-1",
        figures: &[figure(
            "abandoned-sleep-1",
            "ns",
            "1 task makes a sleep of 30 s, polls it and drops it, 100,000 times, per time",
        )],
        ..USUAL
    },
    Workload {
        name: "abandoned-sleep-2",
        figures: &[figure(
            "abandoned-sleep-2",
            "ns",
            "2 tasks do, 50,000 times each, per time",
        )],
        ..USUAL
    },
    Workload {
        name: "abandoned-sleep-8",
        figures: &[figure(
            "abandoned-sleep-8",
            "ns",
            "8 tasks do, 12,500 times each, per time",
        )],
        ..USUAL
    },
    Workload {
        name: "timeout",
        figures: &[figure(
            "timeout",
            "ns",
            "a limit of 30 s around a future that is ready, 100,000 times, per time",
        )],
        ..USUAL
    },
    Workload {
        name: "rss-pending",
        size: 1_000_000,
        quick: 10_000,
        repeats: 1,
        runs_in: RunsIn::Fresh,
        figures: &[figure(
            "rss-pending",
            "bytes",
            "resident memory per pending task, of 1,000,000",
        )],
        ..USUAL
    },
    Workload {
        name: "rss-sleeping",
        size: 1_000_000,
        quick: 10_000,
        repeats: 1,
        runs_in: RunsIn::Fresh,
        figures: &[figure(
            "rss-sleeping",
            "bytes",
            "resident memory per sleeping task, of 1,000,000",
        )],
        ..USUAL
    },
    Workload {
        name: "rss-sleeping-fewer",
        size: 100_000,
        quick: 10_000,
        repeats: 1,
        runs_in: RunsIn::Fresh,
        figures: &[figure(
            "rss-sleeping-fewer",
            "bytes",
            "the same, of 100,000",
        )],
        ..USUAL
    },
    driven!(
        "net-hello-1",
        "http",
        "tcp",
        1,
        "/",
        "1 client asks hyper's server (or net/http), over a kept connection"
    ),
    driven!("net-hello-8", "http", "tcp", 8, "/", "8 do, one each"),
    driven!("net-hello-64", "http", "tcp", 64, "/", "64 do"),
    driven!("net-hello-512", "http", "tcp", 512, "/", "512 do"),
    driven!(
        "net-connect-16",
        "http",
        "tcp-each",
        16,
        "/",
        "16 do, over a connection for each request"
    ),
    driven!(
        "net-blocking-64",
        "http",
        "tcp",
        64,
        "/announced",
        "64 do, over kept connections; for each the server makes an announced call that computes          for 20 µs"
    ),
    driven!(
        "net-echo-8",
        "echo",
        "tcp",
        8,
        "64",
        "64 bytes come back over TCP, 8 connections"
    ),
    driven!("net-echo-64", "echo", "tcp", 64, "64", "64 connections"),
    driven!(
        "net-echo-64k-8",
        "echo",
        "tcp",
        8,
        "65536",
        "64 KiB come back over TCP, 8 connections"
    ),
    driven!(
        "net-udp-8",
        "udp",
        "udp",
        8,
        "64",
        "datagrams of 64 bytes come back to 8 clients, over one socket"
    ),
    driven!(
        "net-unix-8",
        "unix",
        "unix",
        8,
        "64",
        "64 bytes come back over a Unix socket, 8 connections"
    ),
    paced!("net-block-100ms", "/block", "blocks its thread for 100 ms"),
    paced!("net-compute-50ms", "/compute", "computes for 50 ms"),
    idle!(
        "net-idle-hello",
        10_000,
        2_000,
        "http",
        "/",
        "a request each to hyper's server (or net/http), for 10 s"
    ),
    idle!(
        "net-idle-echo",
        1_000,
        200,
        "echo-small",
        "64",
        "an echo each, with buffers of 64 bytes, for 1 s"
    ),
    Workload {
        name: "waitgroup-1",
        size: 2_000_000,
        quick: 20_000,
        group: Group::WaitGroups,
        figures: &[figure(
            "waitgroup-1",
            "ns",
            "1 task calls `add` and `done` 2,000,000 times, per pair of calls",
        )],
        ..USUAL
    },
    Workload {
        name: "waitgroup-2",
        size: 2_000_000,
        quick: 20_000,
        group: Group::WaitGroups,
        figures: &[figure(
            "waitgroup-2",
            "ns",
            "2 tasks do on one group, 1,000,000 times each",
        )],
        ..USUAL
    },
    Workload {
        name: "waitgroup-8",
        size: 2_000_000,
        quick: 20_000,
        group: Group::WaitGroups,
        figures: &[figure(
            "waitgroup-8",
            "ns",
            "8 tasks do on one group, 250,000 times each",
        )],
        ..USUAL
    },
    channels!(
        "channel-pair",
        "one task sends 100,000 messages to another over a channel with room for 100, per message",
        &[]
    ),
    channels!(
        "channel-ping-pong",
        "one pair exchanges 100,000 messages each way over channels with room for one, per round \
         trip",
        &[]
    ),
    channels!(
        "channel-fan-in",
        "8 producers send 100,000 messages to one consumer over a channel with room for 100, per \
         message",
        &[]
    ),
    channels!(
        "channel-fan-out",
        "one producer sends 100,000 messages to 8 consumers over a channel with room for 100, per \
         message",
        ONE_RECEIVER
    ),
    channels!(
        "channel-pair-unbounded",
        "as `channel-pair`, over a channel with room for all",
        LIMITED
    ),
    channels!(
        "channel-ping-pong-unbounded",
        "as `channel-ping-pong`, over channels with room for all",
        LIMITED
    ),
    channels!(
        "channel-fan-in-unbounded",
        "as `channel-fan-in`, over a channel with room for all",
        LIMITED
    ),
    channels!(
        "channel-fan-out-unbounded",
        "as `channel-fan-out`, over a channel with room for all",
        LIMITED_OR_ONE_RECEIVER
    ),
];

#[cfg(test)]
mod tests {
    use super::{Group, WORKLOADS, find};
    use std::collections::HashSet;

    #[test]
    fn names_of_workloads_and_rows_are_unique_and_kebab_case() {
        let mut rows = HashSet::new();
        for workload in WORKLOADS {
            assert_eq!(find(workload.name).unwrap().name, workload.name);
            assert!(!workload.figures.is_empty());
            for figure in workload.figures {
                assert!(rows.insert(figure.row), "{} twice", figure.row);
                assert!(figure.row.starts_with(workload.name));
                assert!(
                    figure
                        .row
                        .bytes()
                        .all(|b| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit())
                );
            }
        }
    }

    #[test]
    fn groups_are_together_and_in_order() {
        let groups: Vec<Group> = WORKLOADS.iter().map(|workload| workload.group).collect();
        let groups: Vec<Group> = groups.chunk_by(Group::eq).map(|same| same[0]).collect();
        assert_eq!(groups, Group::ALL);
    }
}
