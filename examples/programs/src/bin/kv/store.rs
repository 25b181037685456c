//! What the server knows, and the commands that it takes. No I/O.

use dashmap::{DashMap, Entry as Slot};
use std::time::{Duration, Instant};

use crate::protocol::{array, bulk, error, integer, nothing, number, parse, simple};

/// Answers are sent when they are as long as this, before more commands are looked at.
pub const ENOUGH: usize = 256 << 10;

/// How many bytes of a name that is unknown are said again.
const MAX_ECHO: usize = 128;

const NO_INTEGER: &str = "ERR value is not an integer or out of range";

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    ends: Option<Instant>,
}

impl Entry {
    fn zero() -> Entry {
        let value = b"0".into();
        Entry { value, ends: None }
    }

    fn lives(&self) -> bool {
        self.ends.is_none_or(|ends| ends > Instant::now())
    }
}

/// The connection ends, with the last answer, and what else has come is not looked at.
#[derive(Debug)]
pub struct Ended;

/// Keys and their values.
#[derive(Debug, Default)]
pub struct Store(DashMap<Vec<u8>, Entry>);

impl Store {
    /// Executes the commands that have come as a whole, and appends the answers to `out`. Returns
    /// how many bytes they have: 0 if there is no whole command.
    pub fn execute(&self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Ended> {
        let (mut rest, mut words) = (input, Vec::new());
        while out.len() < ENOUGH {
            words.clear();
            match parse(rest, &mut words) {
                Ok(Some(after)) => rest = after,
                Ok(None) => break,
                Err(error) => {
                    error.answer(out);
                    return Err(Ended);
                }
            }
            if let [name, arguments @ ..] = &words[..] {
                if name.eq_ignore_ascii_case(b"QUIT") {
                    simple(out, "OK");
                    return Err(Ended);
                }
                self.answer(name, arguments, out);
            }
        }
        Ok(input.len() - rest.len())
    }

    /// Frees what is over and nobody has asked for.
    pub fn sweep(&self) {
        self.0.retain(|_, entry| entry.lives());
    }

    fn answer(&self, name: &[u8], arguments: &[&[u8]], out: &mut Vec<u8>) {
        match (&name.to_ascii_uppercase()[..], arguments) {
            (b"PING", []) => simple(out, "PONG"),
            (b"PING" | b"ECHO", [text]) => bulk(out, text),
            (b"GET", [key]) => match self.0.get(*key).filter(|entry| entry.lives()) {
                Some(entry) => bulk(out, &entry.value),
                None => nothing(out),
            },
            (b"SET", [key, value, options @ ..]) => self.set(key, value, options, out),
            (b"DEL", keys @ [_, ..]) => {
                let removed = keys.iter().filter_map(|key| self.0.remove(*key));
                let lived = removed.filter(|(_, entry)| entry.lives());
                number(out, lived.count() as i64);
            }
            (b"EXISTS", keys @ [_, ..]) => {
                let lives = |key: &&&[u8]| self.0.get(**key).is_some_and(|entry| entry.lives());
                number(out, keys.iter().filter(lives).count() as i64);
            }
            (b"INCR", [key]) => self.increment(key, out),
            (b"EXPIRE", [key, seconds]) => {
                let Some(ends) = integer(seconds).and_then(|seconds| ends_in(seconds, 1000)) else {
                    return error(out, NO_INTEGER);
                };
                let entry = self.0.get_mut(*key).filter(|entry| entry.lives());
                number(out, entry.is_some().into());
                if let Some(mut entry) = entry {
                    entry.ends = Some(ends);
                }
            }
            (b"TTL", [key]) => {
                let entry = self.0.get(*key).filter(|entry| entry.lives());
                let left = |ends: Instant| ends.saturating_duration_since(Instant::now());
                let seconds = match entry.map(|entry| entry.ends) {
                    None => -2,
                    Some(None) => -1,
                    Some(Some(ends)) => left(ends).as_secs_f64().round() as i64,
                };
                number(out, seconds);
            }
            (b"DBSIZE", []) => number(out, self.0.len() as i64),
            // What clients ask at first: they do without.
            (b"COMMAND", _) => array(out, 0),
            (b"CONFIG", [get, name]) if get.eq_ignore_ascii_case(b"GET") => {
                array(out, 2);
                bulk(out, name);
                bulk(out, b"");
            }
            (
                b"PING" | b"ECHO" | b"GET" | b"SET" | b"DEL" | b"EXISTS" | b"INCR" | b"EXPIRE"
                | b"TTL" | b"DBSIZE" | b"CONFIG",
                _,
            ) => {
                let name = String::from_utf8_lossy(name).to_lowercase();
                let wrong = format!("ERR wrong number of arguments for '{name}' command");
                error(out, &wrong);
            }
            _ => {
                let name = name[..name.len().min(MAX_ECHO)].escape_ascii();
                error(out, &format!("ERR unknown command '{name}'"));
            }
        }
    }

    /// `SET key value [EX seconds | PX milliseconds] [NX | XX]`
    fn set(&self, key: &[u8], value: &[u8], options: &[&[u8]], out: &mut Vec<u8>) {
        let (mut ends, mut if_exists, mut options) = (None, None, options.iter());
        while let Some(option) = options.next() {
            match &option.to_ascii_uppercase()[..] {
                b"NX" if if_exists.is_none() => if_exists = Some(false),
                b"XX" if if_exists.is_none() => if_exists = Some(true),
                unit @ (b"EX" | b"PX") if ends.is_none() => {
                    let time = options.next().and_then(|time| integer(time));
                    let milliseconds = if unit == b"EX" { 1000 } else { 1 };
                    ends = time
                        .filter(|time| *time > 0)
                        .and_then(|time| ends_in(time, milliseconds));
                    if ends.is_none() {
                        return error(out, "ERR invalid expire time in 'set' command");
                    }
                }
                _ => return error(out, "ERR syntax error"),
            }
        }
        let slot = self.0.entry(key.to_vec()); // nobody else changes it in between
        let exists = matches!(&slot, Slot::Occupied(slot) if slot.get().lives());
        if if_exists.is_some_and(|wanted| wanted != exists) {
            return nothing(out);
        }
        let value = value.to_vec();
        slot.insert(Entry { value, ends });
        simple(out, "OK");
    }

    fn increment(&self, key: &[u8], out: &mut Vec<u8>) {
        let mut entry = self.0.entry(key.to_vec()).or_insert_with(Entry::zero);
        if !entry.lives() {
            *entry = Entry::zero();
        }
        match integer(&entry.value).and_then(|value| value.checked_add(1)) {
            None => error(out, NO_INTEGER),
            Some(value) => {
                entry.value = value.to_string().into();
                number(out, value);
            }
        }
    }
}

/// So many units from now.
fn ends_in(time: i64, milliseconds: u64) -> Option<Instant> {
    let time = u64::try_from(time.max(0)).ok()?.checked_mul(milliseconds)?;
    Instant::now().checked_add(Duration::from_millis(time))
}
