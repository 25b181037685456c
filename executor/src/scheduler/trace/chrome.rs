//! A trace in Chrome's Trace Event Format, for Perfetto and the like.
//!
//! | what                              | is                                                      |
//! | --------------------------------- | ------------------------------------------------------- |
//! | a poll                            | a slice (`X`) on the track of its worker                |
//! | that a future is dropped instead  | the same, of the category `drop`                        |
//! | a region, a blocking call, a sleep | a slice, inside of a poll or between two               |
//! | a region on another thread        | an asynchronous slice (`b`, `e`): threads share a track |
//! | a wake-up, a spawn                | a flow (`s`, `f`) to the poll that it leads to; on the  |
//! |                                   | track of other threads from a slice of its own          |
//! | a theft, a hand-off, and so on    | an instant (`i`)                                        |
//! | a task, a call of `block_on`      | an asynchronous slice (`b`, `e`): tasks change threads  |
//!
//! (A poll is no pair of `B` and `E`: those must be nested on each track, and one that was overwritten
//! would leave the other alone.)

use super::{
    Shown, Task, Trace, Track,
    event::{Ending, Event, Kind},
    track::{By, Step, Turn, put_in_turn},
};
use crate::scheduler::{
    printable::{Printable, Site},
    task_id::TaskId,
};
use serde::Serialize;
use std::{
    collections::HashMap,
    io::{self, BufWriter, Write},
};

/// All of it is one process.
const PROCESS: u32 = 1;

/// One event of the format.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    ph: char,
    pid: u32,
    tid: usize,
    /// In microseconds, as all times.
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cat: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    /// The end of a flow is bound to the slice around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    bp: Option<&'static str>,
    /// An instant is of its track.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Arguments<'a>>,
}

#[derive(Serialize, Default)]
struct Arguments<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spawned_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ending: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1_000.0
}

impl Trace {
    /// Writes the trace as JSON that <https://ui.perfetto.dev> and `chrome://tracing` open: Chrome's
    /// Trace Event Format. Needs the feature `trace`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    ///
    /// ```
    /// let handle = executor::Handle::current();
    /// let recording = handle.trace();
    /// executor::block_on(handle.spawn(async {})).unwrap();
    /// let mut json = Vec::new();
    /// recording.snapshot().write_chrome(&mut json)?;
    /// assert!(json.starts_with(b"{\"traceEvents\":["));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn write_chrome(&self, out: impl Write) -> io::Result<()> {
        let mut writer = Writer {
            trace: self,
            out: BufWriter::new(out),
            is_first: true,
            regions: 0,
            error: None,
        };
        writer.out.write_all(b"{\"traceEvents\":[\n")?;
        writer.all();
        let Writer { mut out, error, .. } = writer;
        error.map_or(Ok(()), Err)?;
        out.write_all(b"\n],\"displayTimeUnit\":\"ns\"}\n")?;
        out.flush()
    }
}

struct Writer<'a, W: Write> {
    trace: &'a Trace,
    out: BufWriter<W>,
    is_first: bool,
    /// How many asynchronous regions there were.
    regions: u64,
    /// The first; nothing is written after it.
    error: Option<io::Error>,
}

impl<W: Write> Writer<'_, W> {
    fn write(&mut self, entry: &Entry<'_>) {
        if self.error.is_some() {
            return;
        }
        let comma: &[u8] = if self.is_first { b"" } else { b",\n" };
        self.is_first = false;
        let written = self.out.write_all(comma);
        let written = written.and_then(|()| Ok(serde_json::to_writer(&mut self.out, entry)?));
        self.error = written.err();
    }

    fn all(&mut self) {
        let trace = self.trace;
        self.name("process_name", 0, &trace.program, None);
        for (number, track) in trace.tracks.iter().enumerate() {
            self.name("thread_name", number, &track.name, None);
            self.name("thread_sort_index", number, "", Some(number));
            self.track(number, track);
        }
        self.flows();
        self.tasks();
    }

    /// The name of a track, or of the process; or where it stands.
    fn name(&mut self, what: &str, tid: usize, name: &str, sort_index: Option<usize>) {
        let args = Arguments {
            name: sort_index.is_none().then_some(name),
            sort_index,
            ..Arguments::default()
        };
        self.write(&Entry {
            ts: None,
            args: Some(args),
            ..entry(what, 'M', tid, 0)
        });
    }

    fn track(&mut self, tid: usize, track: &Track) {
        let trace = self.trace;
        // What has begun on this track, beside polls.
        let mut open: Vec<Event> = Vec::new();
        let is_of_worker = track.worker.is_some();
        track.steps(|step| match step {
            Step::Polled {
                id,
                from,
                to,
                is_call,
                ..
            } => self.poll(tid, is_of_worker, id, from, to, is_call),
            Step::Spawns { .. } | Step::Woken { .. } => {}
            Step::Other(event) => match event.kind {
                Kind::Parks | Kind::BlockingBegins | Kind::RegionBegins => {
                    open.push(*event);
                }
                Kind::Unparked | Kind::BlockingEnds | Kind::RegionEnds => {
                    if let Some(begun) = take_begun(&mut open, event) {
                        self.slice(tid, is_of_worker, begun, event.time);
                    }
                }
                _ => self.instant(tid, event),
            },
        });
        for begun in open {
            self.slice(tid, is_of_worker, begun, trace.duration);
        }
    }

    /// A poll. Those of threads that share a track may overlap, so they are asynchronous.
    fn poll(
        &mut self,
        tid: usize,
        is_of_worker: bool,
        id: TaskId,
        from: u64,
        to: Option<(u64, Ending)>,
        is_call: bool,
    ) {
        let name = if is_call {
            format!("block_on at {}", Site(id.spawned_at()))
        } else {
            title(self.trace, id)
        };
        let end = to.map_or(self.trace.duration, |(end, _)| end);
        let ending = to.map_or("has not ended", |(_, ending)| ending.word());
        let args = Some(self.about(id, Some(ending)));
        let cat = Some(match to {
            _ if is_call => "block_on",
            Some((_, Ending::Cancelled)) => "drop",
            _ => "poll",
        });
        if is_of_worker {
            let poll = Entry {
                dur: Some(microseconds(end.saturating_sub(from))),
                cat,
                args,
                ..entry(&name, 'X', tid, from)
            };
            self.write(&poll);
            return;
        }
        let begin = Entry {
            cat,
            id: Some(id.as_u64()),
            args,
            ..entry(&name, 'b', tid, from)
        };
        self.write(&begin);
        self.write(&Entry {
            cat,
            id: Some(id.as_u64()),
            ..entry(&name, 'e', tid, end)
        });
    }

    fn about(&self, id: TaskId, ending: Option<&'static str>) -> Arguments<'static> {
        let task = self.trace.tasks.get(&id);
        let parent = task.and_then(|task: &Task| task.parent);
        Arguments {
            task: Some(id.number()),
            spawned_at: id.spawned_at().map(ToString::to_string),
            parent: parent.map(TaskId::number),
            ending,
            ..Arguments::default()
        }
    }

    fn slice(&mut self, tid: usize, is_of_worker: bool, begun: Event, to: u64) {
        let (name, cat) = match begun.kind {
            Kind::RegionBegins => (self.trace.string(begun.payload), "region"),
            Kind::BlockingBegins => ("blocking call", "blocking"),
            _ => ("asleep", "sleep"),
        };
        let entry = |ph, at| Entry {
            cat: Some(cat),
            ..entry(name, ph, tid, at)
        };
        if is_of_worker {
            self.write(&Entry {
                dur: Some(microseconds(to.saturating_sub(begun.time))),
                ..entry('X', begun.time)
            });
            return;
        }
        // Those of threads that share a track may overlap.
        self.regions += 1;
        let id = Some(self.regions);
        for (ph, at) in [('b', begun.time), ('e', to)] {
            self.write(&Entry {
                id,
                ..entry(ph, at)
            });
        }
    }

    fn instant(&mut self, tid: usize, event: &Event) {
        let mut args = Arguments::default();
        let stolen;
        let name = match event.kind {
            Kind::Stolen => {
                args.count = Some(event.argument.into());
                stolen = format!("stolen from worker {}", event.payload);
                &stolen
            }
            Kind::User => self.trace.string(event.payload),
            Kind::Gap => {
                args.count = Some(event.payload);
                "gap: events were overwritten"
            }
            Kind::Searches => "searches",
            Kind::PermitTaken => "handed off: the poll does not end",
            Kind::PermitGiven => "handed off: a blocking call",
            Kind::PermitBack => "permit back",
            Kind::Fired => "timers and sockets",
            Kind::ThreadStarts => "thread starts",
            Kind::ThreadEnds => "thread ends",
            _ => return,
        };
        self.write(&Entry {
            cat: Some("scheduler"),
            s: Some("t"),
            args: args.count.is_some().then_some(args),
            ..entry(name, 'i', tid, event.time)
        });
    }

    /// From each wake-up and spawn to the poll that it leads to.
    fn flows(&mut self) {
        for (number, flow) in flows(self.trace).into_iter().enumerate() {
            let (name, cat) = match flow.by {
                None => ("spawn", "spawn"),
                Some(_) => ("wake", "wake"),
            };
            let id = Some(number as u64 + 1);
            let (track, at) = flow.from;
            if self.trace.tracks[track].worker.is_none() {
                // There are no slices, and a flow from none is not drawn.
                let name = match flow.by {
                    None => "spawns",
                    Some(_) => "wakes",
                };
                self.write(&Entry {
                    dur: Some(microseconds(1)),
                    cat: Some(cat),
                    args: Some(self.about(flow.task, None)),
                    ..entry(name, 'X', track, at)
                });
            }
            self.write(&Entry {
                cat: Some(cat),
                id,
                args: Some(self.about(flow.task, None)),
                ..entry(name, 's', track, at)
            });
            self.write(&Entry {
                cat: Some(cat),
                id,
                bp: Some("e"),
                ..entry(name, 'f', flow.to.0, flow.to.1)
            });
        }
    }

    /// How long each task was there.
    fn tasks(&mut self) {
        let trace = self.trace;
        let mut lives: HashMap<TaskId, (u64, Option<u64>)> = HashMap::new();
        for track in &trace.tracks {
            track.steps(|step| {
                let (id, at, end) = match step {
                    Step::Polled { is_call: true, .. } | Step::Other(_) => return,
                    Step::Polled { id, from, to, .. } => {
                        let end = to.filter(|(_, ending)| *ending != Ending::Pending);
                        (id, from, end.map(|(end, _)| end))
                    }
                    Step::Spawns { id, at, .. } | Step::Woken { id, at, .. } => (id, at, None),
                };
                let life = lives.entry(id).or_insert((at, None));
                life.0 = life.0.min(at);
                life.1 = life.1.or(end);
            });
        }
        let mut lives: Vec<_> = lives.into_iter().collect();
        lives.sort();
        let tid = trace.tracks.len();
        if !lives.is_empty() {
            self.name("thread_name", tid, "tasks", None);
        }
        for (id, (from, to)) in lives {
            let name = title(trace, id);
            let life = |ph, at| Entry {
                cat: Some("task"),
                id: Some(id.as_u64()),
                ..entry(&name, ph, tid, at)
            };
            let begin = Entry {
                args: Some(self.about(id, None)),
                ..life('b', from)
            };
            self.write(&begin);
            self.write(&life('e', to.unwrap_or(trace.duration)));
        }
    }
}

/// Of what has begun, what ends with this event; if its beginning is there still. On a track that
/// threads share the argument says whose it is.
fn take_begun(open: &mut Vec<Event>, end: &Event) -> Option<Event> {
    let kind = match end.kind {
        Kind::Unparked => Kind::Parks,
        Kind::BlockingEnds => Kind::BlockingBegins,
        _ => Kind::RegionBegins,
    };
    let what = (kind, end.payload, end.argument);
    let begun = open
        .iter()
        .rposition(|begun| (begun.kind, begun.payload, begun.argument) == what)?;
    Some(open.remove(begun))
}

/// An event without what most have not.
fn entry(name: &str, ph: char, tid: usize, at: u64) -> Entry<'_> {
    Entry {
        name,
        ph,
        pid: PROCESS,
        tid,
        ts: Some(microseconds(at)),
        dur: None,
        cat: None,
        id: None,
        bp: None,
        s: None,
        args: None,
    }
}

/// What a task is called.
fn title(trace: &Trace, id: TaskId) -> String {
    match trace.name_of(id) {
        Some(name) => Printable(name).to_string(),
        None => Shown(trace, id).to_string(),
    }
}

/// What leads to a poll, where both are there.
struct Flow {
    task: TaskId,
    /// `None`: it was spawned.
    by: Option<By>,
    /// The track, and where on it the flow is drawn from.
    from: (usize, u64),
    to: (usize, u64),
}

fn flows(trace: &Trace) -> Vec<Flow> {
    let mut turns = Vec::new();
    for (number, track) in trace.tracks.iter().enumerate() {
        // The poll that has ended last.
        let mut ended = None;
        track.steps(|step| {
            if let Step::Polled { id, from, to, .. } = step {
                ended = to.map(|(to, _)| (id, from, to));
            }
            let (id, at, is_poll, by) = match step {
                Step::Spawns { id, at, .. } => (id, at, false, None),
                Step::Woken { id, at, by } => (id, at, false, Some(by)),
                Step::Polled {
                    id,
                    from,
                    is_cut: false,
                    is_call: false,
                    ..
                } => (id, from, true, None),
                Step::Polled { .. } | Step::Other(_) => return,
            };
            // At the end of its slice it would be drawn from the next one, which may begin there.
            let drawn_at = match (by, ended) {
                (Some(By::Task(by)), Some((id, from, to))) if (id, to) == (by, at) => {
                    from.max(at.saturating_sub(1))
                }
                _ => at,
            };
            if !is_poll && !track.is_poll_kept(at) {
                return;
            }
            turns.push(Turn {
                id,
                at,
                is_poll,
                what: (number, by, drawn_at),
            });
        });
    }
    let turns = put_in_turn(turns);
    let flows = turns.windows(2).filter_map(|pair| {
        let [before, poll] = pair else {
            return None;
        };
        let is_flow = before.id == poll.id && !before.is_poll && poll.is_poll;
        is_flow.then_some(Flow {
            task: poll.id,
            by: before.what.1,
            from: (before.what.0, before.what.2),
            to: (poll.what.0, poll.at),
        })
    });
    flows.collect()
}
