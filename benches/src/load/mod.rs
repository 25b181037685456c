//! The program that loads a server and measures how it answers: one thread and an epoll (by mio)
//! without an async runtime, so that every server meets the same clients.
//!
//! Standard input says what to do; each line has one answer, `ok <figure> ...` or `error <why>`. A
//! client waits for its answer before it asks again.
//!
//! | line | what | figures |
//! | --- | --- | --- |
//! | `open <transport> <address> <clients> <message>` | connects clients, each of which asks once | clients |
//! | `drive <ms>` | all ask without a pause | requests, requests/s, p50, p99 |
//! | `pace <ms> <requests/s> <path>` | so many ask in a second, each hundredth for the path | requests, p50, p99 and maximum of the others |
//! | `each <clients>` | so many ask, one after the other | the first's latency, p50, p99 |
//! | `close` | ends the connections | |
//!
//! Transports are `tcp`, `tcp-each` (a connection for each request), `udp` and `unix`. A message is
//! a path, which is asked for over HTTP/1.1, or a number of bytes to come back as they are.
//! Latencies are in microseconds. When the answer is there no request is under way any more: what a
//! server has used until then, it has used for the requests that were counted.

mod client;
mod drive;
mod target;

use self::drive::Load;
use crate::{open_files, stats};
use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

/// The program.
pub fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does what standard input asks for, until it ends.
fn serve() -> io::Result<()> {
    let mut load = None;
    for line in io::stdin().lock().lines() {
        let answer = match answer(&line?, &mut load) {
            Ok(figures) => figures.iter().fold("ok".to_owned(), |answer, figure| {
                format!("{answer} {figure}")
            }),
            Err(why) => {
                load = None;
                format!("error {why}")
            }
        };
        let mut out = io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn answer(line: &str, load: &mut Option<Load>) -> Result<Vec<f64>, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if let ["open", transport, address, clients, message] = words[..] {
        let clients = as_many_as_allowed(number(clients)?)?;
        // The connections of before end first.
        *load = None;
        let target = target::Target::new(transport, address, message)?;
        let opened = load.insert(Load::open(target, clients).map_err(in_words)?);
        return Ok(vec![opened.clients() as f64]);
    }
    let open = load.as_mut().ok_or("nothing is open")?;
    match words[..] {
        ["drive", millis] => {
            let start = Instant::now();
            let took = open.drive(millis_of(millis)?).map_err(in_words)?;
            let rate = took.len() as f64 / start.elapsed().as_secs_f64();
            let quantiles = quantiles(&took, [0.5, 0.99]);
            Ok([&[took.len() as f64, rate], &quantiles[..]].concat())
        }
        ["pace", millis, rate, path] => {
            let (millis, rate) = (millis_of(millis)?, number(rate)? as f64);
            let (all, others) = open.pace(millis, rate, path).map_err(in_words)?;
            Ok([&[all as f64], &quantiles(&others, [0.5, 0.99, 1.0])[..]].concat())
        }
        ["each", clients] => {
            let took = open.each(number(clients)?).map_err(in_words)?;
            Ok([&[micros(took[0])], &quantiles(&took, [0.5, 0.99])[..]].concat())
        }
        ["close"] => {
            *load = None;
            Ok(Vec::new())
        }
        _ => Err(format!("not understood: '{line}'")),
    }
}

fn in_words(error: io::Error) -> String {
    error.to_string()
}

fn number(word: &str) -> Result<usize, String> {
    match word.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("not a positive number: '{word}'")),
    }
}

fn millis_of(word: &str) -> Result<Duration, String> {
    Ok(Duration::from_millis(number(word)? as u64))
}

fn micros(took: Duration) -> f64 {
    took.as_nanos() as f64 / 1e3
}

fn quantiles<const N: usize>(took: &[Duration], at: [f64; N]) -> [f64; N] {
    let micros: Vec<f64> = took.iter().copied().map(micros).collect();
    at.map(|q| stats::quantile(&micros, q))
}

/// So many clients, or fewer if the process may not have as many files; says so then.
fn as_many_as_allowed(clients: usize) -> Result<usize, String> {
    /// For what else is open, here and in the server, which has the same limit as a rule.
    const OTHERS: usize = 100;
    let limit = open_files::raise_limit().map_err(in_words)?;
    let allowed = clients.min(limit.saturating_sub(OTHERS));
    if allowed < clients {
        eprintln!(
            "note: {allowed} connections instead of {clients}: no more than {limit} files may be open"
        );
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::{Load, answer};
    use std::{
        io::{Read, Write},
        net::{Shutdown, TcpListener, TcpStream, UdpSocket},
        thread,
        time::Duration,
    };

    /// Says each line to the program: the figures of each answer.
    fn say(lines: &[String]) -> Vec<Vec<f64>> {
        let mut load: Option<Load> = None;
        let answers = lines.iter().map(|line| answer(line, &mut load));
        answers.collect::<Result<_, _>>().unwrap()
    }

    /// A server with a thread for each connection.
    fn serve(each: fn(TcpStream)) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for connection in listener.incoming() {
                thread::spawn(move || each(connection.unwrap()));
            }
        });
        address
    }

    fn echo(mut stream: TcpStream) {
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..read]).unwrap();
        }
    }

    /// Answers each request, however it comes in, in two parts; for `/slow` after a while.
    fn hello(mut stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let (mut request, mut buffer) = (Vec::new(), [0; 16]);
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            request.extend_from_slice(&buffer[..read]);
            if !request.ends_with(b"\r\n\r\n") {
                continue;
            }
            if request.starts_with(b"GET /slow ") {
                thread::sleep(Duration::from_millis(100));
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n")
                .unwrap();
            stream.write_all(b"\r\nhi").unwrap();
            if request.windows(17).any(|part| part == b"Connection: close") {
                stream.shutdown(Shutdown::Both).unwrap();
            }
            request.clear();
        }
    }

    fn are_figures_of_a_drive(figures: &[f64]) {
        let [requests, rate, p50, p99] = figures[..] else {
            panic!("{figures:?}");
        };
        assert!(requests >= 1.0 && rate > 0.0, "{figures:?}");
        assert!(p50 > 0.0 && p50 <= p99, "{figures:?}");
    }

    #[test]
    fn bytes_come_back() {
        let address = serve(echo);
        // The larger message is not written at once, and comes back in parts.
        for bytes in [64, 1 << 20] {
            let answers = say(&[
                format!("open tcp {address} 3 {bytes}"),
                "drive 20".to_owned(),
                "each 2".to_owned(),
                "close".to_owned(),
            ]);
            assert_eq!(answers[0], [3.0]);
            are_figures_of_a_drive(&answers[1]);
            assert_eq!(answers[2].len(), 3);
            assert!(answers[3].is_empty());
        }
    }

    #[test]
    fn datagrams_come_back() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            loop {
                let (read, from) = socket.recv_from(&mut buffer).unwrap();
                socket.send_to(&buffer[..read], from).unwrap();
            }
        });
        let answers = say(&[format!("open udp {address} 2 64"), "drive 20".to_owned()]);
        are_figures_of_a_drive(&answers[1]);
    }

    #[test]
    fn http_is_asked_over_kept_connections_and_over_one_for_each_request() {
        let address = serve(hello);
        for transport in ["tcp", "tcp-each"] {
            let answers = say(&[
                format!("open {transport} {address} 4 /"),
                "drive 20".to_owned(),
            ]);
            are_figures_of_a_drive(&answers[1]);
        }
    }

    #[test]
    fn the_slow_requests_are_counted_and_not_among_the_latencies() {
        let address = serve(hello);
        let answers = say(&[
            format!("open tcp {address} 8 /"),
            "pace 400 1000 /slow".to_owned(),
        ]);
        let [requests, p50, _, most] = answers[1][..] else {
            panic!("{answers:?}");
        };
        assert_eq!(requests, 400.0);
        assert!(p50 <= most && p50 < 100e3, "{answers:?}");
    }

    #[test]
    fn what_goes_wrong_is_said() {
        let error = |lines: &[&str]| {
            let mut load = None;
            let mut answers = lines.iter().map(|line| answer(line, &mut load));
            answers.find_map(Result::err).unwrap().to_lowercase()
        };
        assert!(error(&["drive 10"]).contains("nothing is open"));
        assert!(error(&["open ftp 127.0.0.1:1 1 /"]).contains("no transport 'ftp'"));
        assert!(error(&["open tcp 127.0.0.1 1 /"]).contains("127.0.0.1"));
        assert!(error(&["open udp 127.0.0.1:1 1 /"]).contains("no http"));
        let address = serve(drop);
        assert!(error(&[&format!("open tcp {address} 1 64")]).contains("connection"));
        let refuses = serve(|mut stream| {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        });
        assert!(error(&[&format!("open tcp {refuses} 1 /")]).contains("404"));
    }
}
