//! When which client asks.

use super::{
    client::Client,
    target::{self, PATIENCE, Place, Target},
};
use mio::{Events, Poll, Token};
use std::{
    collections::VecDeque,
    fs, io,
    time::{Duration, Instant},
};

/// As many events as the system reports at once.
const EVENTS: usize = 256;

/// As many clients connect before the first of them asks: fewer than any server lets wait.
const AT_ONCE: usize = 64;

/// Of so many paced requests one is for the other path.
const ONE_OF: usize = 100;

/// More than any answer that comes in one part.
const BUFFER: usize = 128 << 10;

/// Clients and what they ask.
#[derive(Debug)]
pub struct Load {
    poll: Poll,
    events: Events,
    target: Target,
    clients: Vec<Client>,
    buffer: Vec<u8>,
}

impl Load {
    /// Connects so many clients; each has asked once then, and so the server knows all of them.
    pub fn open(target: Target, clients: usize) -> io::Result<Load> {
        let mut load = Load {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            target,
            clients: (0..clients).map(|i| Client::new(Token(i))).collect(),
            buffer: vec![0; BUFFER],
        };
        let connected = load.connect();
        if let Place::Unix(path) = &load.target.place {
            // All who will ever connect are.
            fs::remove_file(path)?;
        }
        connected.map(|()| load)
    }

    fn connect(&mut self) -> io::Result<()> {
        for first in (0..self.clients.len()).step_by(AT_ONCE) {
            let some = first..self.clients.len().min(first + AT_ONCE);
            if !self.target.connection_each {
                for client in &mut self.clients[some.clone()] {
                    client.connect(&self.target, self.poll.registry())?;
                }
            }
            self.drive_some(some, Duration::ZERO)?;
        }
        Ok(())
    }

    /// How many clients there are.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// All ask without a pause for so long, then until the last has its answer: how long each
    /// waited for each.
    pub fn drive(&mut self, time: Duration) -> io::Result<Vec<Duration>> {
        self.drive_some(0..self.clients.len(), time)
    }

    fn drive_some(
        &mut self,
        some: std::ops::Range<usize>,
        time: Duration,
    ) -> io::Result<Vec<Duration>> {
        let request = self.target.request.clone();
        let mut took = Vec::new();
        let mut since = vec![Instant::now(); some.len()];
        for i in some.clone() {
            since[i - some.start] = Instant::now();
            self.begin(i, &request)?;
        }
        let end = Instant::now() + time;
        let mut under_way = some.len();
        while under_way > 0 {
            self.wait(PATIENCE)?;
            for event in self.events.iter() {
                let i = event.token().0;
                let client = &mut self.clients[i];
                if !client.go_on(&self.target, &request, &mut self.buffer)? {
                    continue;
                }
                let now = Instant::now();
                let since = &mut since[i - some.start];
                took.push(now - *since);
                *since = now;
                if now < end {
                    client.begin(&self.target, &request, self.poll.registry())?;
                } else {
                    under_way -= 1;
                }
            }
        }
        Ok(took)
    }

    /// So many requests in a second, whatever becomes of them, for so long: how many there were, and
    /// how long each took that was not for `path`, as one of a hundred is.
    ///
    /// Who finds no free client waits for one, and that counts.
    pub fn pace(
        &mut self,
        time: Duration,
        rate: f64,
        path: &str,
    ) -> io::Result<(usize, Vec<Duration>)> {
        let usual = self.target.request.clone();
        let other = target::http_request(path, self.target.connection_each);
        let request = |number: usize| {
            if number % ONE_OF == ONE_OF / 2 {
                &other
            } else {
                &usual
            }
        };
        let mut free: VecDeque<usize> = (0..self.clients.len()).collect();
        // The number of each client's request, and since when it wants to be asked.
        let mut asked = vec![(0, Instant::now()); self.clients.len()];
        let mut waiting: VecDeque<(usize, Instant)> = VecDeque::new();
        let mut took = Vec::new();
        let (start, mut number) = (Instant::now(), 0);
        let all = (time.as_secs_f64() * rate) as usize;
        loop {
            let now = Instant::now();
            while number < all && due(start, number, rate) <= now {
                waiting.push_back((number, now));
                number += 1;
            }
            while let (Some(&i), Some(&next)) = (free.front(), waiting.front()) {
                free.pop_front();
                waiting.pop_front();
                asked[i] = next;
                self.begin(i, request(next.0))?;
            }
            if number == all && free.len() == self.clients.len() {
                return Ok((all, took));
            }
            if number < all {
                self.wait_until(due(start, number, rate))?;
            } else {
                self.wait(PATIENCE)?;
            }
            for event in self.events.iter() {
                let i = event.token().0;
                let (number, since) = asked[i];
                if self.clients[i].go_on(&self.target, request(number), &mut self.buffer)? {
                    free.push_back(i);
                    if number % ONE_OF != ONE_OF / 2 {
                        took.push(since.elapsed());
                    }
                }
            }
        }
    }

    /// So many clients ask once, one after the other: how long each waited.
    pub fn each(&mut self, clients: usize) -> io::Result<Vec<Duration>> {
        let clients = clients.min(self.clients.len());
        let mut took = Vec::with_capacity(clients);
        for i in 0..clients {
            // From all over the range.
            let i = i * self.clients.len() / clients;
            took.extend(self.drive_some(i..i + 1, Duration::ZERO)?);
        }
        Ok(took)
    }

    fn begin(&mut self, client: usize, request: &[u8]) -> io::Result<()> {
        self.clients[client].begin(&self.target, request, self.poll.registry())
    }

    /// Waits for events; an error if none come for so long.
    fn wait(&mut self, patience: Duration) -> io::Result<()> {
        self.poll(patience)?;
        if self.events.is_empty() {
            let why = format!("no answer within {} s", patience.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        Ok(())
    }

    /// Waits for events until then.
    fn wait_until(&mut self, moment: Instant) -> io::Result<()> {
        self.poll(moment.saturating_duration_since(Instant::now()))
    }

    fn poll(&mut self, time: Duration) -> io::Result<()> {
        loop {
            match self.poll.poll(&mut self.events, Some(time)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

/// When a request is due.
fn due(start: Instant, number: usize, rate: f64) -> Instant {
    start + Duration::from_secs_f64(number as f64 / rate)
}
