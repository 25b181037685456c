//! `web` answers, keeps to its limits, shows its metrics, and drains at Ctrl-C.

mod common;

use common::{Program, texts, wait_until, watchdog};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

fn start() -> (Program, SocketAddr) {
    let mut program = Program::start(env!("CARGO_BIN_EXE_web"), &["--listen", "127.0.0.1:0"]);
    let address = program.line_after("Listening on http://");
    (program, address.parse().expect("an address"))
}

/// Sends a request, after which the server closes the connection.
fn send(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("the head is sent");
    // It may answer before it has read all.
    let _ = stream.write_all(body);
    stream
}

/// The status and the body of the answer.
fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    let status = text.strip_prefix("HTTP/1.1 ").expect("an answer");
    let status = status[..3].parse().expect("a status");
    let (_, body) = text.split_once("\r\n\r\n").expect("an end of the head");
    (status, body.to_owned())
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    answer(send(address, "GET", path, b""))
}

#[test]
fn each_page_answers() {
    let _watchdog = watchdog();
    let (program, address) = start();
    assert_eq!(get(address, "/").0, 200);
    assert_eq!(
        get(address, "/hello/world"),
        (200, "Hello, world!\n".into())
    );
    assert_eq!(get(address, "/sleep/1"), (200, "Good morning!\n".into()));
    assert_eq!(get(address, "/sleep/long").0, 400);
    assert_eq!(get(address, "/none").0, 404);
    let (status, body) = answer(send(address, "HEAD", "/hello/world", b""));
    assert_eq!((status, &*body), (200, ""));
    for (method, path, allowed) in [("POST", "/", "GET, HEAD"), ("GET", "/digest", "POST")] {
        let mut text = String::new();
        let mut stream = send(address, method, path, b"");
        stream.read_to_string(&mut text).expect("it answers");
        assert!(text.starts_with("HTTP/1.1 405 "), "{text}");
        assert!(text.contains(&format!("allow: {allowed}\r\n")), "{text}");
    }
    let digest = answer(send(address, "POST", "/digest", b"abc"));
    let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
    assert_eq!(digest, (200, of_abc.into()));
    program.interrupt();
    assert!(program.ends_well().ends_with("9 requests served\n"));
}

#[test]
fn metrics_are_what_prometheus_reads() {
    let _watchdog = watchdog();
    let (program, address) = start();
    get(address, "/hello/world");
    let mut raw = String::new();
    let mut stream = send(address, "GET", "/metrics", b"");
    stream.read_to_string(&mut raw).expect("it answers");
    let (head, text) = raw.split_once("\r\n\r\n").expect("an end of the head");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    // Without it Prometheus does not read on.
    assert!(head.contains("content-type: text/plain"), "{head}");
    let value = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
        line.trim().parse().expect("a number")
    };
    assert_eq!(value("http_requests_total "), 1.0);
    assert!(value("executor_spawned_tasks_total ") >= 2.0);
    assert!(value("executor_alive_tasks ") >= 1.0);
    assert!(value("executor_workers ") >= 1.0);
    assert!(value("executor_busy_seconds_total{processor=\"0\"} ") >= 0.0);
    // Each name has its type before its first value.
    let mut typed = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            typed.extend(rest.split(' ').next());
        } else {
            let name = line.split([' ', '{']).next().unwrap();
            assert!(typed.contains(&name), "{line}");
        }
    }
    program.interrupt();
    program.ends_well();
}

#[test]
fn what_is_too_large_or_too_slow_is_refused_and_others_are_served() {
    let _watchdog = watchdog();
    let (program, address) = start();
    let slow = send(address, "GET", "/sleep/3600000", b"");
    let mut endless = TcpStream::connect(address).expect("it listens");
    endless
        .write_all(b"GET / HTTP/1.1\r\nHost: ")
        .expect("sent");
    assert_eq!(
        answer(send(address, "POST", "/digest", &vec![0; (1 << 20) + 1])).0,
        413
    );
    // It is read to the end, so that its client learns of it.
    assert_eq!(
        answer(send(address, "POST", "/digest", &vec![0; 16 << 20])).0,
        413
    );
    assert_eq!(
        answer(send(address, "POST", "/digest", &vec![0; 1 << 20])).0,
        200
    );

    let mut long = TcpStream::connect(address).expect("it listens");
    let head = format!(
        "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "x".repeat(1 << 20)
    );
    let _ = long.write_all(head.as_bytes());
    let mut status = [0; 12];
    // It may be reset, with what it has sent.
    if long.read_exact(&mut status).is_ok() {
        assert_eq!(&status, b"HTTP/1.1 431");
    }

    assert_eq!(answer(slow), (503, "Too slow.\n".into()));
    let mut text = String::new();
    let begin = Instant::now();
    let _ = endless.read_to_string(&mut text);
    assert!(begin.elapsed() < Duration::from_secs(30));
    assert!(!text.contains("200"), "{text}");
    program.interrupt();
    program.ends_well();
}

#[test]
fn ctrl_c_lets_a_request_under_way_end_and_accepts_no_other() {
    let _watchdog = watchdog();
    let (mut program, address) = start();
    let idle = TcpStream::connect(address).expect("it listens");
    let under_way = send(address, "GET", "/sleep/3000", b"");
    wait_until("it sleeps", || {
        let (_, text) = get(address, "/metrics");
        // `stop_on`, and three connections: one idle, one asleep, its own.
        text.contains("executor_alive_tasks 4\n")
    });
    program.interrupt();
    assert!(program.line().starts_with("Requests under way have "));
    wait_until("it refuses", || TcpStream::connect(address).is_err());
    assert_eq!(answer(under_way), (200, "Good morning!\n".into()));
    program.ends_well();
    drop(idle);
}

#[test]
fn sigterm_drains_it_too_and_a_second_signal_ends_it_at_once() {
    let _watchdog = watchdog();
    let (mut program, address) = start();
    let _under_way = send(address, "GET", "/sleep/3000", b"");
    wait_until("it sleeps", || {
        get(address, "/metrics")
            .1
            .contains("executor_alive_tasks 3\n")
    });
    program.signal(libc::SIGTERM);
    assert!(program.line().starts_with("Requests under way have "));
    thread::sleep(Duration::from_millis(50));
    program.interrupt();
    let output = program.ends();
    assert_eq!(output.status.code(), Some(130), "{:?}", texts(&output));
}

#[test]
fn it_drains_though_nobody_reads_what_it_prints() {
    let _watchdog = watchdog();
    let (mut program, address) = start();
    assert_eq!(get(address, "/hello/world").0, 200);
    program.close_its_output();
    program.interrupt();
    program.ends_well();
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let _watchdog = watchdog();
    let (_program, address) = start();
    let output = Program::start(
        env!("CARGO_BIN_EXE_web"),
        &["--listen", &address.to_string()],
    );
    let output = output.ends();
    let [_, errors] = texts(&output);
    let error = format!("error: cannot listen on {address}: ");
    assert!(errors.starts_with(&error), "{errors}");
    assert_eq!(output.status.code(), Some(1));
}
