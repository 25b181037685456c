//! A Redis server of the system's, for one test.

use crate::common::PATIENCE;
use redis::{Client, Connection};
use std::{
    env,
    io::ErrorKind,
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// It is killed when the test ends.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    pub url: String,
}

impl RedisServer {
    pub fn start() -> RedisServer {
        // Somebody may take the port before Redis does.
        (0..10)
            .find_map(|_| RedisServer::try_to_start())
            .expect("a port that nobody takes")
    }

    fn try_to_start() -> Option<RedisServer> {
        let port = free_port().to_string();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", ""]);
        command.current_dir(env::temp_dir());
        let child = command.stdout(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| match error.kind() {
            ErrorKind::NotFound => panic!(
                "this test needs redis-server: `apt-get install redis-server`, or \
                 `brew install redis`"
            ),
            _ => panic!("redis-server does not start: {error}"),
        });
        let url = format!("redis://127.0.0.1:{port}");
        let mut server = RedisServer { child, url };
        let begin = Instant::now();
        while server.client().get_connection().is_err() {
            if server.child.try_wait().expect("it is a child").is_some() {
                return None;
            }
            assert!(begin.elapsed() < PATIENCE, "redis-server does not answer");
            thread::sleep(Duration::from_millis(5));
        }
        Some(server)
    }

    fn client(&self) -> Client {
        Client::open(&*self.url).expect("the URL is well-formed")
    }

    pub fn connection(&self) -> Connection {
        self.client().get_connection().expect("it runs")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port on which nobody listens, a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
