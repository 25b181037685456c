//! What is loaded: where it is, how it is reached, and what is said to it.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    time::Duration,
};

/// How long a server may be silent before it counts as hung.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Where a server is, and how it is reached.
#[derive(Clone, Debug)]
pub enum Place {
    Tcp(SocketAddr),
    Udp(SocketAddr),
    Unix(PathBuf),
}

/// What is loaded.
#[derive(Clone, Debug)]
pub struct Target {
    pub place: Place,
    /// Whether each request has a connection of its own.
    pub connection_each: bool,
    /// What is said.
    pub request: Vec<u8>,
    /// How long the answer is. All have the same length.
    pub answer: usize,
    /// What an answer begins with.
    pub begins: Vec<u8>,
}

impl Target {
    /// For HTTP it asks once, to learn the length of the answers.
    pub fn new(transport: &str, address: &str, message: &str) -> Result<Target, String> {
        let is_path = message.starts_with('/');
        let connection_each = transport == "tcp-each";
        let place = match transport {
            "tcp" | "tcp-each" => Place::Tcp(socket_address(address)?),
            "udp" if !is_path => Place::Udp(socket_address(address)?),
            "unix" if !is_path => Place::Unix(address.into()),
            "udp" | "unix" => return Err(format!("no HTTP over {transport}")),
            _ => return Err(format!("there is no transport '{transport}'")),
        };
        let (request, answer, begins) = match &place {
            Place::Tcp(address) if is_path => {
                let request = http_request(message, connection_each);
                let answer = length_of_answer(*address, &request)
                    .map_err(|error| format!("asked for {message}: {error}"))?;
                (request, answer, b"HTTP/1.1 200 OK\r\n".to_vec())
            }
            _ => {
                let bytes = super::number(message)?;
                let request: Vec<u8> = (0..bytes).map(|i| i as u8).collect();
                let begins = request.iter().copied().take(64).collect();
                (request, bytes, begins)
            }
        };
        Ok(Target {
            place,
            connection_each,
            request,
            answer,
            begins,
        })
    }
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|error| format!("'{text}' is no address: {error}"))
}

/// A request for a path, after which the connection is kept, or not.
pub fn http_request(path: &str, close: bool) -> Vec<u8> {
    let close = if close { "Connection: close\r\n" } else { "" };
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{close}\r\n").into_bytes()
}

/// Asks, and reads the answer by the rules: how long it is.
fn length_of_answer(address: SocketAddr, request: &[u8]) -> io::Result<usize> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(io::Error::other("the connection ended within the answer"));
        }
        answer.extend_from_slice(&buffer[..read]);
        if let Some(length) = length(&String::from_utf8_lossy(&answer))? {
            return Ok(length);
        }
    }
}

/// How long an answer is that begins like this, if its head is there.
fn length(answer: &str) -> io::Result<Option<usize>> {
    let Some((head, _)) = answer.split_once("\r\n\r\n") else {
        return Ok(None);
    };
    let (status, fields) = head.split_once("\r\n").unwrap_or((head, ""));
    if status != "HTTP/1.1 200 OK" {
        return Err(io::Error::other(format!("the answer is '{status}'")));
    }
    let body = fields.lines().find_map(|field| {
        let (name, value) = field.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let body = body.ok_or_else(|| io::Error::other("the answer has no length"))?;
    Ok(Some(head.len() + 4 + body))
}
