//! A reader of Chrome's Trace Event Format, which holds a file to the rules of the format:
//! <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>.

use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// A slice on a track.
#[derive(Debug, Clone)]
pub struct Slice {
    pub name: String,
    pub cat: String,
    pub tid: u64,
    pub from: f64,
    pub to: f64,
    pub args: Value,
}

impl Slice {
    /// The number of the task that is polled.
    pub fn task(&self) -> u64 {
        self.args["task"].as_u64().expect("a poll is of a task")
    }
}

/// An arrow from one slice to another.
#[derive(Debug, Clone)]
pub struct Flow {
    pub cat: String,
    pub from: (u64, f64),
    pub to: (u64, f64),
    pub task: u64,
    id: u64,
    /// The slice that Perfetto draws it from, if it draws it.
    pub drawn_from: Option<Slice>,
}

/// What is in a file.
#[derive(Debug)]
pub struct Chrome {
    /// The names of tracks.
    pub tracks: BTreeMap<u64, String>,
    pub slices: Vec<Slice>,
    pub flows: Vec<Flow>,
    /// Name, track and time of each.
    pub instants: Vec<(String, u64, f64, Value)>,
    /// Asynchronous ones.
    pub lives: Vec<Slice>,
}

fn number(event: &Value, key: &str) -> f64 {
    let number = event[key].as_f64();
    let number = number.unwrap_or_else(|| panic!("no number `{key}` in {event}"));
    assert!(number >= 0.0 && number.is_finite(), "`{key}` in {event}");
    number
}

fn text(event: &Value, key: &str) -> String {
    let text = event[key].as_str();
    let text = text.unwrap_or_else(|| panic!("no text `{key}` in {event}"));
    assert!(!text.is_empty(), "`{key}` in {event}");
    text.to_owned()
}

/// What Perfetto draws each flow from: the last slice of its track that began before it, by time and
/// by place in the file, and was not over when another one began. An instant is a slice, too.
fn draw(events: &[Value]) -> HashMap<u64, Slice> {
    let nanoseconds =
        |event: &Value, key| (event[key].as_f64().unwrap_or(0.0) * 1e3).round() as u64;
    let has_part = |event: &&Value| ["X", "i", "s"].map(Value::from).contains(&event["ph"]);
    let mut events: Vec<_> = events.iter().filter(has_part).collect();
    events.sort_by_key(|event| nanoseconds(event, "ts"));
    let mut open: HashMap<u64, Vec<(u64, &Value)>> = HashMap::new();
    let mut drawn = HashMap::new();
    for event in events {
        let at = nanoseconds(event, "ts");
        let tid = number(event, "tid") as u64;
        let slices = open.entry(tid).or_default();
        if event["ph"] != "s" {
            while slices.pop_if(|(end, _)| *end <= at).is_some() {}
            slices.push((at + nanoseconds(event, "dur"), event));
        } else if let Some((end, slice)) = slices.last() {
            let slice = Slice {
                name: text(slice, "name"),
                cat: text(slice, "cat"),
                tid,
                from: number(slice, "ts"),
                to: *end as f64 / 1e3,
                args: slice["args"].clone(),
            };
            drawn.insert(event["id"].as_u64().unwrap(), slice);
        }
    }
    drawn
}

impl Chrome {
    /// Reads a file, and panics where it breaks a rule of the format.
    pub fn parse(json: &[u8]) -> Chrome {
        let all: Value = serde_json::from_slice(json).expect("it is JSON");
        let mut chrome = Chrome {
            tracks: BTreeMap::new(),
            slices: Vec::new(),
            flows: Vec::new(),
            instants: Vec::new(),
            lives: Vec::new(),
        };
        let mut begun_flows = HashMap::new();
        let mut begun_lives = HashMap::new();
        let events = all["traceEvents"].as_array().expect("there is a list");
        for event in events {
            chrome.add(event, &mut begun_flows, &mut begun_lives);
        }
        let mut drawn = draw(events);
        for flow in &mut chrome.flows {
            flow.drawn_from = drawn.remove(&flow.id);
        }
        assert!(
            begun_flows.is_empty(),
            "flows without an end: {begun_flows:?}"
        );
        assert!(begun_lives.is_empty(), "no end of {begun_lives:?}");
        chrome.check();
        chrome
    }

    fn add(
        &mut self,
        event: &Value,
        flows: &mut HashMap<u64, (String, u64, f64, u64)>,
        lives: &mut HashMap<(String, u64), Vec<Slice>>,
    ) {
        assert_eq!(number(event, "pid"), 1.0);
        let tid = number(event, "tid") as u64;
        let ph = text(event, "ph");
        let name = text(event, "name");
        if ph == "M" {
            let args = event["args"].as_object().expect("metadata has arguments");
            match &*name {
                "process_name" => _ = text(&event["args"], "name"),
                "thread_name" => _ = self.tracks.insert(tid, text(&event["args"], "name")),
                "thread_sort_index" => _ = number(&event["args"], "sort_index"),
                other => panic!("metadata `{other}`: {args:?}"),
            }
            return;
        }
        let at = number(event, "ts");
        let cat = text(event, "cat");
        let slice = |to| Slice {
            name: name.clone(),
            cat: cat.clone(),
            tid,
            from: at,
            to,
            args: event["args"].clone(),
        };
        let id = || {
            event["id"]
                .as_u64()
                .unwrap_or_else(|| panic!("no id: {event}"))
        };
        match &*ph {
            "X" => self.slices.push(slice(at + number(event, "dur"))),
            "i" => {
                assert_eq!(event["s"], "t", "the scope of {event}");
                let instant = (name.clone(), tid, at, event["args"].clone());
                self.instants.push(instant);
            }
            "s" => {
                let task = event["args"]["task"].as_u64().unwrap();
                let before = flows.insert(id(), (cat, tid, at, task));
                assert!(before.is_none(), "two flows with one id: {event}");
            }
            "f" => {
                assert_eq!(event["bp"], "e", "what {event} is bound to");
                let begun = flows.remove(&id());
                let (begun_cat, from, began, task) = begun.expect("a flow begins before it ends");
                assert_eq!(begun_cat, cat, "{event}");
                assert!(began <= at, "a flow goes forward in time: {event}");
                self.flows.push(Flow {
                    cat,
                    from: (from, began),
                    to: (tid, at),
                    task,
                    id: id(),
                    drawn_from: None,
                });
            }
            "b" => lives
                .entry((cat.clone(), id()))
                .or_default()
                .push(slice(at)),
            "e" => {
                let begun = lives.get_mut(&(cat.clone(), id()));
                let begun = begun.and_then(Vec::pop);
                let mut life = begun.expect("what ends has begun");
                assert_eq!(life.name, name, "{event}");
                assert!(life.from <= at, "{event}");
                life.to = at;
                self.lives.push(life);
                lives.retain(|_, begun| !begun.is_empty());
            }
            other => panic!("phase `{other}`: {event}"),
        }
    }

    /// What no single event shows.
    fn check(&mut self) {
        self.slices.sort_by(|a, b| a.from.total_cmp(&b.from));
        for slice in &self.slices {
            assert!(self.tracks.contains_key(&slice.tid), "{slice:?}");
        }
        for cat in ["poll", "drop", "sleep"] {
            for (tid, name) in &self.tracks {
                let of_track = |slice: &&Slice| slice.tid == *tid && slice.cat == cat;
                let slices: Vec<_> = self.slices.iter().filter(of_track).collect();
                for pair in slices.windows(2) {
                    // Half a nanosecond: times are binary fractions of microseconds.
                    let overlap = pair[0].to - pair[1].from;
                    assert!(overlap < 0.000_5, "on `{name}`: {pair:?}");
                }
            }
        }
        for flow in self.flows.iter().filter(|flow| self.is_worker(flow.to.0)) {
            let is_bound = |slice: &Slice| {
                slice.tid == flow.to.0
                    && ["poll", "drop"].contains(&&*slice.cat)
                    && (slice.from - flow.to.1).abs() < 0.000_5
                    && slice.task() == flow.task
            };
            // They are sorted.
            let first = self
                .slices
                .partition_point(|slice| slice.from < flow.to.1 - 0.001);
            let mut near = self.slices[first..].iter();
            let mut near = near
                .by_ref()
                .take_while(|slice| slice.from < flow.to.1 + 0.001);
            assert!(near.any(is_bound), "no poll for {flow:?}");
        }
        for flow in &self.flows {
            let name = flow.drawn_from.as_ref().map(|slice| &*slice.name);
            let is_of_others = !self.is_worker(flow.from.0);
            let expected = match &*flow.cat {
                "spawn" => "spawns",
                _ => "wakes",
            };
            assert!(
                !is_of_others || name == Some(expected),
                "{flow:?} is not drawn"
            );
        }
    }

    fn is_worker(&self, tid: u64) -> bool {
        self.tracks[&tid].contains("worker")
    }

    /// The polls on workers, of tasks that these are.
    pub fn polls(&self) -> impl Iterator<Item = &Slice> {
        self.slices.iter().filter(|slice| slice.cat == "poll")
    }

    /// The drops of futures on workers, of tasks that were cancelled.
    pub fn drops(&self) -> impl Iterator<Item = &Slice> {
        self.slices.iter().filter(|slice| slice.cat == "drop")
    }

    /// Those of the task with this number, as `TaskId` prints it.
    pub fn polls_of(&self, task: impl ToString) -> Vec<Slice> {
        let task = task.to_string();
        let polls = self.polls().filter(|poll| poll.task().to_string() == task);
        polls.cloned().collect()
    }

    /// How often there is an instant with these words in its name.
    pub fn instants(&self, words: &str) -> Vec<(u64, f64)> {
        let found = self
            .instants
            .iter()
            .filter(|(name, ..)| name.contains(words));
        found.map(|(_, tid, at, _)| (*tid, *at)).collect()
    }
}
