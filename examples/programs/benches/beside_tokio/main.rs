//! `kv` and `chat` beside the same programs on tokio, by turns.
//!
//! ```sh
//! cargo bench --bench beside_tokio            # all
//! cargo bench --bench beside_tokio -- kv 9    # one of them, nine times each
//! MINI_REDIS=target/release/mini-redis-server cargo bench ...  # and tokio's own example
//! ```
//!
//! `kv` needs `redis-benchmark`, of the package `redis-tools`. The load is a process of its own, the
//! same for all, and shares the machine with the server. So two figures are printed: how much was
//! done in a second, and how much processor time the server took for each request or delivery.

mod chat;
mod kv;
#[allow(dead_code, reason = "what refuses clients is not compared")]
#[path = "../../src/bin/kv/protocol.rs"]
mod protocol;
#[allow(dead_code, reason = "nor what sweeps")]
#[path = "../../src/bin/kv/store.rs"]
mod store;

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// How often each is measured.
const TURNS: usize = 5;

/// Clock ticks of `/proc` in a second, on every Linux.
const TICKS: f64 = 100.0;

/// What is measured of one server: per second, microseconds of the processor each, and what else.
type Figures = (f64, f64, String);

/// What a load makes of the server at an address: how much in a second, how much in all, what else.
type Load = fn(&str) -> (f64, f64, String);

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    let runtime = || tokio::runtime::Runtime::new().expect("threads");
    match arguments.first().map(String::as_str) {
        Some("serve-kv") => return runtime().block_on(kv::serve()).expect("it serves"),
        Some("serve-chat") => return runtime().block_on(chat::serve()).expect("it serves"),
        _ => {}
    }
    let turns = arguments
        .get(1)
        .map_or(TURNS, |turns| turns.parse().expect("a number"));
    let only = arguments.first().map_or("", String::as_str);

    let myself = env::current_exe()
        .expect("this program")
        .display()
        .to_string();
    let ours = |name, path: &str| {
        (
            name,
            vec![path.to_owned(), "--listen=127.0.0.1:0".to_owned()],
        )
    };
    let on_tokio = |name, what: &str| (name, vec![myself.clone(), what.to_owned()]);
    if "kv".contains(only) {
        let mut servers = vec![
            ours("kv", env!("CARGO_BIN_EXE_kv")),
            on_tokio("kv on tokio", "serve-kv"),
        ];
        servers.extend(
            env::var("MINI_REDIS")
                .ok()
                .map(|path| ("mini-redis", vec![path])),
        );
        compare("SET", &servers, turns, |at| {
            redis_benchmark(at, "set", 1, 100_000)
        });
        compare("GET", &servers, turns, |at| {
            redis_benchmark(at, "get", 1, 100_000)
        });
        compare("SET -P 16", &servers, turns, |at| {
            redis_benchmark(at, "set", 16, 400_000)
        });
        compare("GET -P 16", &servers, turns, |at| {
            redis_benchmark(at, "get", 16, 400_000)
        });
    }
    if "chat".contains(only) {
        let servers = [
            ours("chat", env!("CARGO_BIN_EXE_chat")),
            on_tokio("chat on tokio", "serve-chat"),
        ];
        compare("1,000 members, 1 speaks", &servers, turns, |at| {
            chat_load(at, "1")
        });
        compare("1,000 members, 8 speak", &servers, turns, |at| {
            chat_load(at, "8")
        });
    }
}

/// Prints a line for each server, the medians of its turns.
fn compare(what: &str, servers: &[(&str, Vec<String>)], turns: usize, load: Load) {
    let mut all: Vec<Vec<Figures>> = vec![Vec::new(); servers.len()];
    for _ in 0..turns {
        for ((_, command), figures) in servers.iter().zip(&mut all) {
            figures.push(measure(command, load));
        }
    }
    println!("\n{what}");
    let mut ours = None;
    for ((name, _), mut figures) in servers.iter().zip(all) {
        figures.sort_by(|one, other| one.1.total_cmp(&other.1));
        let cpu = figures[turns / 2].1;
        figures.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (per_second, _, more) = &figures[turns / 2];
        let (first, first_cpu) = *ours.get_or_insert((*per_second, cpu));
        println!(
            "{name:14} {per_second:9.0} a second (1 / {:.2}), {cpu:6.2} us of the processor each \
             (x {:.2}) {more}",
            first / per_second,
            cpu / first_cpu
        );
    }
}

fn measure(command: &[String], load: Load) -> Figures {
    let (mut server, address) = start(command);
    load(&address); // warms up
    let before = processor_time(&server);
    let (per_second, in_all, more) = load(&address);
    let took = processor_time(&server) - before;
    server.kill().expect("it runs");
    server.wait().expect("it is a child");
    (per_second, took * 1e6 / in_all, more)
}

/// Starts a server, which prints where it listens; mini-redis has to be told.
fn start(command: &[String]) -> (Child, String) {
    let [program, arguments @ ..] = command else {
        unreachable!("a command has a program");
    };
    let mut command = Command::new(program);
    if arguments.is_empty() {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a port is free").port();
        command.args(["--port", &port.to_string()]);
        let child = command.stdout(Stdio::null()).spawn().expect("it starts");
        thread::sleep(Duration::from_millis(500));
        return (child, format!("127.0.0.1:{port}"));
    }
    let mut child = command
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("text");
    let address = line
        .trim_start_matches("Listening on ")
        .trim_start_matches("ws://");
    (child, address.trim_end().to_owned())
}

/// Seconds that the server has computed, system calls included (`man 5 proc_pid_stat`).
fn processor_time(server: &Child) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.id())).expect("Linux");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let ticks = fields.split(' ').skip(11).take(2);
    ticks
        .map(|ticks| ticks.parse::<f64>().expect("a number") / TICKS)
        .sum()
}

fn redis_benchmark(address: &str, test: &str, pipeline: u32, requests: u32) -> (f64, f64, String) {
    let (_, port) = address.rsplit_once(':').expect("a port");
    let (pipeline, all) = (pipeline.to_string(), requests.to_string());
    let mut command = Command::new("redis-benchmark");
    command.args([
        "-p", port, "-t", test, "-P", &pipeline, "-n", &all, "-r", "100000", "--csv",
    ]);
    let text = text_of(command, "redis-benchmark, of the package redis-tools");
    let fields = text.lines().last().expect("a table").split(',');
    let mut fields = fields.map(|field| field.trim_matches('"'));
    let per_second = fields
        .nth(1)
        .and_then(|field| field.parse().ok())
        .expect("a number");
    let median = fields.nth(2).expect("the median");
    let p99 = fields.nth(1).expect("the 99th percentile");
    (
        per_second,
        requests.into(),
        format!("median {median} ms, p99 {p99} ms"),
    )
}

fn chat_load(address: &str, speakers: &str) -> (f64, f64, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat"));
    command.args(["--load", address, "--speakers", speakers, "--seconds", "3"]);
    let text = text_of(command, "chat");
    let [_, deliveries, delays] = text.lines().collect::<Vec<_>>()[..] else {
        panic!("three lines: {text}");
    };
    let mut words = deliveries.split(' ');
    let in_all = words
        .next()
        .and_then(|word| word.parse().ok())
        .expect("a number");
    let per_second = words
        .nth(1)
        .and_then(|word| word.parse().ok())
        .expect("a number");
    (per_second, in_all, delays.to_owned())
}

fn text_of(mut command: Command, what: &str) -> String {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(output.status.success(), "{what} has failed: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}
