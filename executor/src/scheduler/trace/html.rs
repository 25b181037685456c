//! A trace as a page that a browser shows, without a network: `page`, with the events in it.
//!
//! What the page finds, in `#trace-data`, is JSON; events and tasks are base64 of little-endian words,
//! the events as `event` has them. Tracks are in the order of workers, that of other threads last.

use super::{Task, Trace, Track, Why, event::Kind, page::PAGE};
use crate::scheduler::{printable::Site, task_id::TaskId};
use base64::{engine::general_purpose::STANDARD, write::EncoderStringWriter};
use serde::Serialize;
use std::{
    collections::HashMap,
    io::{self, BufWriter, Write},
};

/// What in it the data comes in place of.
const PLACE: &str = "__TRACE__";

/// No string.
const NONE: u32 = u32::MAX;

#[derive(Serialize)]
struct Data<'a> {
    version: u32,
    program: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    duration_ns: u64,
    why: &'static str,
    tracks: Vec<TrackData<'a>>,
    sites: Vec<String>,
    strings: Vec<String>,
    tasks: Tasks,
}

#[derive(Serialize)]
struct TrackData<'a> {
    name: &'a str,
    kind: &'static str,
    index: usize,
    lost: u64,
    events: String,
}

#[derive(Serialize)]
struct Tasks {
    id_lo: String,
    id_hi: String,
    site: String,
    name: String,
    parent_lo: String,
    parent_hi: String,
}

impl Trace {
    /// Writes the trace as a page for a browser: a track for each worker, polls as slices, wake-ups as
    /// arrows. The page needs nothing else, and no network. Needs the feature `trace`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    ///
    /// ```
    /// let handle = executor::Handle::current();
    /// let recording = handle.trace();
    /// executor::block_on(handle.spawn(async {})).unwrap();
    /// let mut page = Vec::new();
    /// recording.snapshot().write_html(&mut page)?;
    /// assert!(page.starts_with(b"<!"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn write_html(&self, out: impl Write) -> io::Result<()> {
        let mut out = BufWriter::new(out);
        let (before, after) = PAGE.split_once(PLACE).expect("the page has a place for it");
        out.write_all(before.as_bytes())?;
        serde_json::to_writer(InScript(&mut out), &data(self))?;
        out.write_all(after.as_bytes())?;
        out.flush()
    }
}

/// Writes JSON inside of a `<script>`, which nothing in it may end or begin.
struct InScript<W>(W);

impl<W: Write> Write for InScript<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|&byte| byte == b'<') {
            match piece.strip_suffix(b"<") {
                Some(before) => {
                    self.0.write_all(before)?;
                    self.0.write_all(br"\u003c")?;
                }
                None => self.0.write_all(piece)?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn data(trace: &Trace) -> Data<'_> {
    let mut strings = Numbers::default();
    // In the order of their numbers.
    trace
        .strings
        .iter()
        .for_each(|&string| _ = strings.of(string));
    let (sites, tasks) = tasks(trace, &mut strings);
    Data {
        version: 1,
        program: &trace.program,
        started: super::day::rfc3339(trace.started),
        duration_ns: trace.duration,
        why: match trace.why {
            Why::Exit => "exit",
            Why::Dump => "dump",
            Why::Panic => "panic",
            Why::Stall => "stall",
            Why::Snapshot => "snapshot",
        },
        tracks: trace.tracks.iter().map(track_data).collect(),
        sites,
        strings: strings.all,
        tasks,
    }
}

fn track_data(track: &Track) -> TrackData<'_> {
    let words = track.events.iter().flat_map(|event| {
        debug_assert!(event.kind != Kind::Gap || event.payload == track.lost);
        event.words()
    });
    TrackData {
        name: &track.name,
        kind: if track.worker.is_some() {
            "worker"
        } else {
            "elsewhere"
        },
        index: track.worker.unwrap_or(0),
        lost: track.lost,
        events: base64(words.map(u64::to_le_bytes)),
    }
}

/// The lines that spawned them, and the tasks.
fn tasks(trace: &Trace, strings: &mut Numbers) -> (Vec<String>, Tasks) {
    let mut sites = Numbers::default();
    let all = || trace.tasks.iter();
    let site: Vec<_> = all()
        .map(|(id, _)| sites.of(&Site(id.spawned_at()).to_string()))
        .collect();
    let name: Vec<_> = all()
        .map(|(_, task)| task.name.as_ref().map_or(NONE, |name| strings.of(name)))
        .collect();
    let parent = |task: &Task| task.parent.map_or(0, TaskId::as_u64);
    let low = |id: u64| (id as u32).to_le_bytes();
    let high = |id: u64| ((id >> u32::BITS) as u32).to_le_bytes();
    let tasks = Tasks {
        id_lo: base64(all().map(|(id, _)| low(id.as_u64()))),
        id_hi: base64(all().map(|(id, _)| high(id.as_u64()))),
        site: base64(site.into_iter().map(u32::to_le_bytes)),
        name: base64(name.into_iter().map(u32::to_le_bytes)),
        parent_lo: base64(all().map(|(_, task)| low(parent(task)))),
        parent_hi: base64(all().map(|(_, task)| high(parent(task)))),
    };
    (sites.all, tasks)
}

/// Strings, each with a number.
#[derive(Default)]
struct Numbers {
    numbers: HashMap<String, u32>,
    all: Vec<String>,
}

impl Numbers {
    fn of(&mut self, string: &str) -> u32 {
        if let Some(&number) = self.numbers.get(string) {
            return number;
        }
        let number = self.all.len() as u32;
        self.numbers.insert(string.to_owned(), number);
        self.all.push(string.to_owned());
        number
    }
}

fn base64<const N: usize>(pieces: impl Iterator<Item = [u8; N]>) -> String {
    let mut encoder = EncoderStringWriter::new(&STANDARD);
    for piece in pieces {
        let written = encoder.write_all(&piece);
        written.expect("a string takes all");
    }
    encoder.into_inner()
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_data_ends_its_script() {
        let mut out = Vec::new();
        let text = ["</script><b>", "<", "a<", "<a"];
        serde_json::to_writer(InScript(&mut out), &text).unwrap();
        assert!(!out.contains(&b'<'));
        assert_eq!(serde_json::from_slice::<Vec<String>>(&out).unwrap(), text);
    }

    #[test]
    fn the_page_has_one_place_for_the_data() {
        assert_eq!(PAGE.matches(PLACE).count(), 1);
    }
}
