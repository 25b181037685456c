//! The page for a browser: what is in its data. (How a browser shows it: `scripts/browser`.)

use crate::common::{executor, patient_executor, watchdog};
use executor::{TaskBuilder, trace, yield_now};
use serde_json::Value;

/// What a page has to show.
pub struct Data(Value);

impl Data {
    /// Of a page.
    pub fn of(page: &str) -> Data {
        let begin = "<script id=\"trace-data\" type=\"application/json\">";
        let (_, rest) = page.split_once(begin).expect("there is data");
        let (json, _) = rest.split_once("</script>").expect("the data ends");
        assert!(!json.contains('<'), "what could end the script is escaped");
        Data(serde_json::from_str(json).expect("it is JSON"))
    }

    pub fn why(&self) -> &str {
        self.0["why"].as_str().unwrap()
    }

    fn tracks(&self) -> &[Value] {
        self.0["tracks"].as_array().unwrap()
    }

    /// Time, kind, argument and payload of each event of a track.
    fn events(track: &Value) -> Vec<(u64, u8, u8, u64)> {
        let bytes = decode(track["events"].as_str().unwrap());
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
        let events = bytes.chunks_exact(16).map(|event| {
            let (first, payload) = (word(&event[..8]), word(&event[8..]));
            let time = first & ((1 << 48) - 1);
            (time, (first >> 48) as u8, (first >> 56) as u8, payload)
        });
        events.collect()
    }

    /// How many events of a kind there are.
    pub fn count(&self, kind: u8) -> usize {
        let all = self.tracks().iter().flat_map(Data::events);
        all.filter(|event| event.1 == kind).count()
    }

    fn words(&self, column: &str) -> Vec<u32> {
        let bytes = decode(self.0["tasks"][column].as_str().unwrap());
        let words = bytes.chunks_exact(4);
        words
            .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
            .collect()
    }

    /// The ids of the tasks.
    fn ids(&self) -> Vec<u64> {
        let (low, high) = (self.words("id_lo"), self.words("id_hi"));
        assert_eq!(low.len(), high.len());
        let both = low.into_iter().zip(high);
        both.map(|(low, high)| u64::from(low) | u64::from(high) << 32)
            .collect()
    }

    fn text(&self, list: &str, index: u32) -> &str {
        self.0[list][index as usize].as_str().unwrap()
    }
}

/// Base64, as RFC 4648 has it.
fn decode(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} is no letter of base64"),
    };
    let letters = text.trim_end_matches('=').as_bytes();
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for &letter in letters {
        bits = bits << 6 | u32::from(value(letter));
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

fn page(trace: &trace::Trace) -> String {
    let mut page = Vec::new();
    trace.write_html(&mut page).unwrap();
    String::from_utf8(page).unwrap()
}

#[test]
fn its_data_is_what_was_recorded() {
    let _watchdog = watchdog(60);
    let own = patient_executor(2);
    let recording = own.handle().trace();
    let parent = own.spawn(async {
        let child = TaskBuilder::new()
            .name("</script><script>alert(1)</script>")
            .spawn(yield_now());
        let id = child.id();
        child.await.unwrap();
        trace::event("<event>");
        id
    });
    let parent_id = parent.id();
    let child_id = own.block_on(parent).unwrap();
    let data = Data::of(&page(&recording.snapshot()));
    assert_eq!(
        (data.0["version"].as_u64(), data.why()),
        (Some(1), "snapshot")
    );
    assert!(data.0["program"].as_str().unwrap().starts_with("trace-"));
    let duration = data.0["duration_ns"].as_u64().unwrap();
    for track in data.tracks() {
        let events = Data::events(track);
        assert!(events.is_sorted_by_key(|event| event.0), "{track}");
        assert!(events.iter().all(|event| event.0 <= duration));
        assert_eq!(track["lost"], 0);
    }
    assert_eq!(data.count(1), 2, "spawned");
    assert_eq!(data.count(2), data.count(3), "polls begun and ended");
    let ids = data.ids();
    let (sites, names) = (data.words("site"), data.words("name"));
    let (low, high) = (data.words("parent_lo"), data.words("parent_hi"));
    let mut found = 0;
    for (index, &id) in ids.iter().enumerate() {
        let site = data.text("sites", sites[index]);
        assert!(site.contains("page.rs"), "{site}");
        let parent = u64::from(low[index]) | u64::from(high[index]) << 32;
        let number = (id >> 16).to_string();
        if number == child_id.to_string() {
            found += 1;
            assert_eq!((parent >> 16).to_string(), parent_id.to_string());
            let name = data.text("strings", names[index]);
            assert_eq!(name, "</script><script>alert(1)</script>");
        } else if number == parent_id.to_string() {
            found += 1;
            assert_eq!((parent, names[index]), (0, u32::MAX));
        }
    }
    assert_eq!(found, 2);
    let events = data.tracks().iter().flat_map(Data::events);
    let mut marks = events.filter(|event| event.1 == 19);
    assert_eq!(
        data.text("strings", marks.next().unwrap().3 as u32),
        "<event>"
    );
}

#[test]
fn it_names_no_place_in_the_network() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let recording = own.handle().trace();
    own.block_on(own.spawn(async {})).unwrap();
    let page = page(&recording.snapshot());
    for words in [
        "http://",
        "https://",
        "//cdn",
        "@import",
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
    ] {
        // A namespace is a name.
        let named = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!named.contains(words), "`{words}` is in the page");
    }
}

#[test]
fn many_names_of_tasks_are_dropped_and_nothing_breaks() {
    let _watchdog = watchdog(100);
    const TASKS: usize = 70_000;
    let own = patient_executor(1);
    let handle = own.handle();
    let recording = handle.trace();
    own.block_on(own.spawn(async {
        for number in 0..TASKS {
            let task = TaskBuilder::new().name(format!("task {number}"));
            task.spawn(async {}).await.unwrap();
        }
    }))
    .unwrap();
    let data = Data::of(&page(&recording.snapshot()));
    let names = data.words("name");
    let last = names.iter().filter(|&&name| name != u32::MAX);
    assert!(last.clone().count() > 5_000);
    assert!(
        last.clone()
            .any(|&name| data.text("strings", name) == "task 69999")
    );
}
