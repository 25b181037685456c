//! Putting a trace together from what is in the rings.

#[cfg(feature = "trace")]
use super::names;
use super::{
    Task, Trace, Track, Why,
    event::{Event, Kind, LONGEST, TIMES},
    recorder::Events,
    recording::Recording,
    track::Step,
};
use crate::{
    scheduler::{task_id::TaskId, task_name::Name},
    sync::clock,
};
use std::collections::{BTreeMap, HashMap};
#[cfg(feature = "trace")]
use std::{
    env,
    time::{Duration, SystemTime},
};

/// What is in the rings of one executor.
pub(super) struct Part<'a> {
    recording: &'a Recording,
    rings: Vec<(usize, Events)>,
}

impl<'a> Part<'a> {
    /// Copies what is there now.
    pub(super) fn of(recording: &'a Recording) -> Part<'a> {
        let rings = recording.recorder.copy(|ring| recording.first(ring));
        Part { recording, rings }
    }
}

/// Makes a trace of the executors whose rings have been copied.
pub(super) fn collect(parts: &[Part<'_>], why: Why) -> Trace {
    // After the copies, so that no event of them is later.
    let now = parts.iter().map(|part| part.recording.recorder.now()).max();
    let now = now.unwrap_or_else(clock::now);
    let began = parts.iter().map(|part| part.recording.since).min();
    // It lies ahead if time was virtual then, and is not any more.
    let began = began.unwrap_or(now).min(now);
    let since = began.max(now.saturating_sub(LONGEST));
    let mut tracks = Vec::new();
    let mut offset = 0;
    let mut names = HashMap::new();
    for part in parts {
        offset += add_tracks(&mut tracks, part, parts.len() > 1, offset, since, now);
        names.extend(part.recording.recorder.names());
    }
    Trace {
        why,
        #[cfg(feature = "trace")]
        program: program(),
        #[cfg(feature = "trace")]
        started: SystemTime::now() - Duration::from_nanos(now - since),
        duration: now - since,
        tasks: tasks(&tracks, names),
        tracks,
        #[cfg(feature = "trace")]
        strings: names::all(),
    }
}

/// Adds the tracks of one executor, whose workers are numbered from `offset` on. Returns how many
/// numbers they take.
fn add_tracks(
    tracks: &mut Vec<Track>,
    part: &Part<'_>,
    is_one_of_several: bool,
    offset: usize,
    since: u64,
    now: u64,
) -> usize {
    let recorder = &part.recording.recorder;
    let began = part.recording.since.clamp(since, now) - since;
    let elsewhere = recorder.workers();
    let of = if is_one_of_several {
        format!("{}: ", recorder.executor())
    } else {
        String::new()
    };
    // What others have recorded of a worker.
    let mut of_workers: BTreeMap<usize, Vec<Event>> = BTreeMap::new();
    let (mut own, mut workers) = (Vec::new(), 0);
    // That of other threads comes last, and so is read first.
    for (ring, copied) in part.rings.iter().rev() {
        let lost = copied.lost;
        let mut events = read(copied, since);
        let worker = (*ring != elsewhere).then_some(offset + ring);
        let known_from = if lost == 0 {
            began
        } else {
            events.first().map_or(now - since, |event| event.time)
        };
        if worker.is_none() {
            let is_of_worker =
                |event: &Event| matches!(event.kind, Kind::PermitTaken | Kind::PermitGiven);
            for event in events.extract_if(.., |event| is_of_worker(event)) {
                let worker = of_workers.entry(event.payload as usize).or_default();
                worker.push(event);
            }
        } else {
            workers = workers.max(ring + 1);
            // What is older than all that is left of a worker's own would belong to nothing.
            let others = of_workers.remove(ring).unwrap_or_default().into_iter();
            events.extend(others.filter(|event| lost == 0 || event.time >= known_from));
            events.sort_by_key(|event| event.time);
        }
        for event in &mut events {
            match event.kind {
                Kind::Stolen => event.payload += offset as u64,
                Kind::PermitTaken | Kind::PermitGiven => event.payload = 0,
                _ => {}
            }
        }
        if worker.is_some() && lost == 0 && is_asleep_at_first(&events) {
            let parks = Event {
                time: known_from,
                kind: Kind::Parks,
                argument: 0,
                payload: 0,
            };
            events.insert(0, parks);
        }
        if lost > 0 {
            let gap = Event {
                time: known_from,
                kind: Kind::Gap,
                argument: 0,
                payload: lost,
            };
            events.insert(0, gap);
        }
        let name = match worker {
            Some(_) => format!("{of}worker {ring}"),
            None => format!("{of}other threads"),
        };
        own.push(Track {
            name,
            worker,
            lost,
            known_from,
            all_known_from: None,
            events,
        });
    }
    let cut = own.iter().filter(|track| track.lost > 0);
    let all_known_from = cut.map(|track| track.known_from).max();
    for track in &mut own {
        track.all_known_from = all_known_from;
    }
    own.reverse();
    tracks.extend(own);
    workers
}

/// Whether a worker of whom all events are there slept when the recording began.
fn is_asleep_at_first(events: &[Event]) -> bool {
    let mut kinds = events.iter().map(|event| event.kind);
    let first = kinds.find(|kind| matches!(kind, Kind::Parks | Kind::Unparked));
    first == Some(Kind::Unparked)
}

/// The events of a ring, with their times from when the recording began. Of each time the low bits
/// are known, and that the next event came soon after; so they are read from the newest to the
/// oldest.
fn read(events: &Events, since: u64) -> Vec<Event> {
    let mut time = events.newest;
    let mut read = Vec::with_capacity(events.copied.events.len());
    for event in events.copied.events.iter().rev() {
        let Some(event) = Event::of(*event) else {
            continue;
        };
        time = time.saturating_sub(time.wrapping_sub(event.time) % TIMES);
        let Some(time) = time.checked_sub(since) else {
            break;
        };
        read.push(Event { time, ..event });
    }
    read.reverse();
    read
}

/// The tasks that occur.
fn tasks(tracks: &[Track], mut names: HashMap<TaskId, Name>) -> BTreeMap<TaskId, Task> {
    let mut tasks: BTreeMap<TaskId, Task> = BTreeMap::new();
    for track in tracks {
        track.steps(|step| match step {
            Step::Spawns { id, by, .. } => tasks.entry(id).or_default().parent = by,
            Step::Polled { id, .. } | Step::Woken { id, .. } => _ = tasks.entry(id).or_default(),
            Step::Other(_) => {}
        });
    }
    for (id, task) in &mut tasks {
        task.name = names.remove(id).or_else(|| id.name());
    }
    tasks
}

#[cfg(feature = "trace")]
fn program() -> String {
    let program = env::current_exe().ok();
    let name = program.as_ref().and_then(|path| path.file_stem());
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::{record::ring::CAPACITY, scheduler::trace::recorder::Recorder};
    use std::{sync::Arc, thread, time::Duration};

    #[test]
    fn a_worker_that_slept_when_the_recording_began_sleeps_from_then_on() {
        let recording = recording();
        thread::sleep(PAUSE);
        recording.add(0, Kind::Unparked, 0);
        recording.add(1, Kind::Parks, 0);
        recording.add(1, Kind::Unparked, 0);
        let trace = recording.trace();
        let summary = trace.summary();
        let [sleeps, does_not] = summary.workers() else {
            panic!("{summary}");
        };
        assert!(sleeps.asleep() >= PAUSE, "{summary}");
        assert!(does_not.asleep() < trace.duration() - PAUSE, "{summary}");
    }

    #[test]
    fn a_poll_that_was_overwritten_is_not_taken_for_a_later_one() {
        let recording = recording();
        let [task, other] = [TaskId::here(), TaskId::here()].map(TaskId::as_u64);
        let poll = |worker, task| {
            recording.add(worker, Kind::PollBegins, task);
            recording.add(worker, Kind::PollEnds, task);
        };
        // This worker has nothing else to record, the other one much.
        recording.add(0, Kind::Woken, task);
        poll(1, task);
        thread::sleep(PAUSE);
        recording.add(1, Kind::Woken, task);
        (0..MANY / 2).for_each(|_| poll(1, other));
        poll(1, task);
        let causes = |trace: &Trace| {
            let waits = trace.summary().longest_waits().len();
            #[cfg(feature = "trace")]
            {
                let mut json = Vec::new();
                trace.write_chrome(&mut json).unwrap();
                let flows = String::from_utf8(json).unwrap();
                assert_eq!(flows.matches(r#""ph":"s""#).count(), waits);
            }
            waits
        };
        assert_eq!(causes(&recording.trace()), 0);
        recording.add(0, Kind::Woken, task);
        poll(1, task);
        assert_eq!(causes(&recording.trace()), 1);
    }

    const HOUR: u64 = 3_600_000_000_000;

    /// More than a ring has room for.
    const MANY: usize = CAPACITY + 100;

    const PAUSE: Duration = Duration::from_millis(50);

    /// What is recorded of two workers from now on.
    fn recording() -> Recording {
        Recording::begin(Arc::new(Recorder::new("test", 2, false)))
    }

    impl Recording {
        /// An event of a worker, now.
        fn add(&self, worker: usize, kind: Kind, payload: u64) {
            let event = Event {
                time: self.recorder.now(),
                kind,
                argument: 0,
                payload,
            };
            self.recorder.record(worker, event);
        }

        fn trace(&self) -> Trace {
            collect(&[Part::of(self)], Why::Snapshot)
        }
    }

    #[test]
    fn what_others_have_recorded_of_a_worker_is_lost_with_its_own_events() {
        let recording = recording();
        let task = TaskId::here().as_u64();
        let taken = || {
            let recorder = &recording.recorder;
            recorder.record_elsewhere(Kind::PermitTaken, 0, 0);
        };
        taken();
        thread::sleep(PAUSE);
        // The first that is left is an end.
        for number in 0..MANY {
            let kind = match number % 2 {
                0 => Kind::PollBegins,
                _ => Kind::PollEnds,
            };
            recording.add(0, kind, task);
        }
        taken();
        let trace = recording.trace();
        let events = &trace.tracks[0].events;
        assert_eq!(
            (events[0].kind, events[1].kind),
            (Kind::Gap, Kind::PollEnds)
        );
        assert_eq!(events[0].time, events[1].time);
        assert_eq!(events.last().unwrap().kind, Kind::PermitTaken, "it is new");
        let summary = trace.summary();
        let known_from = Duration::from_nanos(events[0].time);
        let mut polls = summary.longest_polls().iter();
        assert!(polls.all(|poll| poll.began() >= known_from), "{summary}");
        let worker = &summary.workers()[0];
        let known = trace.duration() - known_from;
        let share = worker.polling().as_secs_f64() / known.as_secs_f64();
        assert!((worker.share() - share.min(1.0)).abs() < 0.001, "{summary}");
    }

    #[test]
    fn a_poll_that_lasts_since_before_the_recording_begins_with_it() {
        let recording = recording();
        thread::sleep(PAUSE);
        recording.add(0, Kind::PollEnds, TaskId::here().as_u64());
        thread::sleep(PAUSE);
        let summary = recording.trace().summary();
        let poll = &summary.longest_polls()[0];
        assert_eq!(poll.began(), Duration::ZERO);
        assert!(poll.lasted() >= PAUSE, "{summary}");
        let share = summary.workers()[0].share();
        assert!(share > 0.0 && share < 1.0, "{summary}");
    }

    /// The times that are read of events at these, by hours, from an hour on.
    fn times(hours: &[u64], since: u64) -> Vec<u64> {
        let recorder = Recorder::new("test", 1, false);
        for hour in hours {
            let event = Event {
                time: hour * HOUR,
                kind: Kind::User,
                argument: 0,
                payload: 0,
            };
            recorder.record(0, event);
        }
        let (_, events) = &recorder.copy(|_| 0)[0];
        assert_eq!(events.lost, 0);
        let read = read(events, since * HOUR);
        read.iter().map(|event| since + event.time / HOUR).collect()
    }

    #[test]
    fn events_of_long_ago_do_not_come_back() {
        let all: Vec<u64> = (0..500).collect();
        assert_eq!(times(&all, 470), all[470..]);
        assert_eq!(times(&all, 0), all, "each comes soon after the one before");
        // Low bits of their times begin anew after 78 hours.
        assert!(times(&[1, 2, 3], 100).is_empty());
        assert_eq!(times(&[1, 2, 81, 82], 50), [81, 82]);
        assert_eq!(times(&[1, 2, 81, 200, 201], 190), [200, 201]);
    }
}
