//! The lesson on the web server: what it prints under its own load, and how it serves others.

use super::{
    assert_has_all, assert_some_run_shows, complaint_about,
    ending::{interrupt, output_soon},
    goroutines, output_of, texts, watchdog,
};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStdout, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// `http --listen`, killed if the test ends before it does.
struct Server {
    child: Option<Child>,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Server {
    fn start() -> Server {
        let mut command = goroutines(&["http", "--listen", "127.0.0.1:0"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it prints text");
        let address = line.trim_end().strip_prefix("Listening on http://");
        let address = address.expect("its address comes first");
        Server {
            child: Some(child),
            stdout,
            address: address.parse().expect("an address"),
        }
    }

    fn pid(&self) -> i32 {
        self.child.as_ref().expect("it runs").id().cast_signed()
    }

    /// A request that is under way: its handler runs, and waits for the second half of the body.
    fn half_a_request(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        let head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("the head is sent");
        stream.write_all(b"first,").expect("a half is sent");
        assert_has_all(&read_to(&mut stream, "first,"), &["HTTP/1.1 200 OK\r\n"]);
        stream
    }

    fn wait_until_it_refuses_connections(&self) {
        while let Ok(stream) = TcpStream::connect(self.address) {
            drop(stream);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end, and returns what else it has printed.
    fn ends(mut self) -> (Output, String) {
        let child = self.child.take().expect("it runs");
        let output = output_soon(child, "the server");
        let mut printed = String::new();
        let rest = self.stdout.read_to_string(&mut printed);
        rest.expect("it prints text");
        (output, printed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads until that has come.
fn read_to(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut byte = [0];
        let read = stream.read_exact(&mut byte);
        read.unwrap_or_else(|error| panic!("{error} after {text:?}"));
        text.push(char::from(byte[0]));
    }
    text
}

/// In milliseconds, from the figures under `heading`. There are none if no request was made, as
/// when the process was stopped for all the time.
fn median(printed: &str, heading: &str) -> Option<f64> {
    let (_, part) = printed.split_once(heading).expect("the heading");
    let figures = part.lines().nth(2).expect("figures, after an empty line");
    let (_, from_median) = figures.split_once(" requests/s; p50 ")?;
    let (median, _) = from_median.split_once(" ms")?;
    Some(median.parse().expect("milliseconds"))
}

#[test]
fn http_goes_on_beside_handlers_that_block() {
    let _watchdog = watchdog();
    assert_some_run_shows(&["http"], |printed| {
        assert_has_all(
            printed,
            &["Serving on http://127.0.0.1:", " requests served\n"],
        );
        let medians = ["[1] ", "[2] ", "Those that blocked; "].map(|of| median(printed, of));
        let [Some(calm), Some(beside), Some(blocked)] = medians else {
            return false;
        };
        assert_has_all(printed, &[", p90 ", ", p99 ", ", max ", " ms |#"]);
        assert!(blocked >= 100.0, "{printed}");
        calm < 50.0 && beside < 50.0
    });
}

#[test]
fn http_ends_by_itself_within_five_seconds() {
    let _watchdog = watchdog();
    let is_in_time = || {
        let begin = Instant::now();
        output_of(&["http"]);
        begin.elapsed() < Duration::from_secs(5)
    };
    assert!((0..5).any(|_| is_in_time()), "none of 5 runs is in time");
}

#[test]
fn http_serves_until_ctrl_c_and_lets_a_request_under_way_end() {
    let _watchdog = watchdog();
    let server = Server::start();
    let mut idle = TcpStream::connect(server.address).expect("it listens");
    // Two requests on one connection, which stays open.
    for (path, status, body) in [
        ("/", "200 OK", "Hello, world!\n"),
        ("/sleep", "200 OK", "Good morning!\n"),
        ("/none", "404 Not Found", "There is no such page.\n"),
    ] {
        write!(idle, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is sent");
        assert_has_all(
            &read_to(&mut idle, body),
            &[&format!("HTTP/1.1 {status}\r\n")],
        );
    }
    let unused = TcpStream::connect(server.address).expect("it listens");
    let mut under_way = server.half_a_request();

    interrupt(server.pid());
    server.wait_until_it_refuses_connections();
    under_way.write_all(b"second").expect("it still reads");
    let mut rest = String::new();
    under_way.read_to_string(&mut rest).expect("it ends well");
    assert_eq!(rest, "second");

    let (output, printed) = server.ends();
    assert_eq!(texts(&output).1, "");
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.ends_with("\n4 requests served\n"), "{printed}");
    drop(unused);
    assert_eq!(idle.read(&mut [0]).expect("it was closed well"), 0);
}

#[test]
fn http_ends_at_once_at_the_second_ctrl_c() {
    let _watchdog = watchdog();
    let mut server = Server::start();
    let _under_way = server.half_a_request();
    interrupt(server.pid());
    server.wait_until_it_refuses_connections();
    // The one that comes before it waits for a second one is none.
    let child = server.child.as_mut().expect("it runs");
    while child.try_wait().expect("it is a child").is_none() {
        interrupt(child.id().cast_signed());
        thread::sleep(Duration::from_millis(20));
    }
    let (output, printed) = server.ends();
    assert_eq!(texts(&output).1, "");
    assert_eq!(output.status.signal(), Some(libc::SIGINT), "{printed}");
}

#[test]
fn http_refuses_what_is_no_address_and_says_the_way_out() {
    let _watchdog = watchdog();
    for address in [
        "",
        "abc",
        "127.0.0.1",
        ":8080",
        "127.0.0.1:99999",
        "localhost:",
    ] {
        assert_has_all(
            &complaint_about(&["http", "--listen", address]),
            &["--listen <ADDR>", "a host and a port", "for example"],
        );
    }
}

#[test]
fn http_says_which_address_it_cannot_listen_on() -> io::Result<()> {
    let _watchdog = watchdog();
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let output = goroutines(&["http", "--listen", &address]).output()?;
    let (printed, errors) = texts(&output);
    assert_eq!((output.status.code(), &*printed), (Some(1), ""), "{errors}");
    let complaint = format!("error: cannot listen on {address}: ");
    assert!(errors.starts_with(&complaint), "{errors}");
    Ok(())
}
