//! No test is without a watchdog: one that hangs ends with its name, and not with the patience of
//! whoever waits for it.
//!
//! What is read are the integration tests of this workspace, so that nobody has to remember it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The folders of tests, from that of this package on.
const FOLDERS: &[&str] = &["tests", "../waitgroup/tests", "../examples/tests"];

/// What starts a watchdog.
const WATCHES: &[&str] = &[
    "watchdog",
    "in_own_process",
    "in_process_with_log",
    // Of `simulate.rs`.
    "with_seeds",
    "found_within",
];

/// Files whose tests wait for nothing and nobody, or have something of their own that ends them.
const EXEMPT_FILES: &[&str] = &[
    // They read files.
    "../examples/tests/lessons/chapter.rs",
    "tests/layers.rs",
    "tests/watched.rs",
    // Watches each of its programs, to tell which one hangs.
    "tests/schedules.rs",
    // One thread, which polls.
    "../waitgroup/tests/model.rs",
    "../waitgroup/tests/panic_location.rs",
    // loom says who waits for ever.
    "../waitgroup/tests/loom.rs",
];

/// Tests that are over once they have been compiled, or must start no thread of their own.
const EXEMPT_TESTS: &[&str] = &[
    "every_public_type_is_send_sync_and_debug",
    "handles_are_send_and_sync_even_if_the_output_is_not_sync",
    "handles_are_unpin_whatever_the_output",
    "errors_are_errors_and_ids_are_keys",
    "handles_and_timers_may_cross_catch_unwind",
    "they_may_go_to_other_threads",
    "an_interval_may_be_moved_and_is_a_stream",
    "a_sleep_must_not_be_moved_and_a_time_out_neither",
    // Each allocation counts. Its parent ends it.
    "role_fails_the_nth_allocation",
];

/// The text of each function of a file, by its name, and which of them are tests.
#[derive(Default)]
struct Functions {
    bodies: BTreeMap<String, String>,
    tests: Vec<String>,
}

impl Functions {
    fn of(text: &str) -> Functions {
        let mut functions = Functions::default();
        let mut lines = text.lines();
        let mut is_test = false;
        while let Some(line) = lines.next() {
            is_test |= line.trim() == "#[test]";
            let Some((indent, name)) = function_name(line) else {
                continue;
            };
            let end = format!("{}}}", " ".repeat(indent));
            let mut body = line.to_owned();
            if !line.ends_with('}') {
                lines
                    .by_ref()
                    .take_while(|line| *line != end)
                    .for_each(|line| body.push_str(line));
            }
            functions.bodies.insert(name.to_owned(), body);
            if is_test {
                functions.tests.push(name.to_owned());
            }
            is_test = false;
        }
        functions
    }

    /// Whether this text, or a function of the file that it calls, starts a watchdog.
    fn watches(&self, text: &str, depth: usize) -> bool {
        let watches =
            |(name, body): (&String, &String)| calls(text, name) && self.watches(body, depth - 1);
        WATCHES.iter().any(|name| calls(text, name)) || depth > 0 && self.bodies.iter().any(watches)
    }

    fn unwatched(&self) -> impl Iterator<Item = &str> {
        let names = self.tests.iter().map(String::as_str);
        names.filter(|name| !EXEMPT_TESTS.contains(name) && !self.watches(&self.bodies[*name], 2))
    }
}

fn calls(text: &str, function: &str) -> bool {
    let is_in_a_name = |before: &str| before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    text.match_indices(&format!("{function}("))
        .any(|(place, _)| !is_in_a_name(&text[..place]))
}

/// How far a function is indented that begins in this line, and its name. (Its parameters may
/// follow in other lines.)
fn function_name(line: &str) -> Option<(usize, &str)> {
    let code = line.trim_start();
    let signature = code.strip_prefix("pub ").unwrap_or(code);
    let signature = signature.strip_prefix("async ").unwrap_or(signature);
    let (name, _) = signature.strip_prefix("fn ")?.split_once(['(', '<'])?;
    Some((line.len() - code.len(), name))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    // A package that was taken out of its workspace has no neighbours.
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn each_test_has_a_watchdog() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in FOLDERS {
        rust_files(&package.join(folder), &mut files);
    }
    files.retain(|file| {
        !EXEMPT_FILES
            .iter()
            .any(|exempt| *file == package.join(exempt))
    });
    let (mut tests, mut unwatched) = (Vec::new(), Vec::new());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let functions = Functions::of(&text);
        let marks = text.lines().filter(|line| line.trim() == "#[test]").count();
        assert_eq!(
            functions.tests.len(),
            marks,
            "{}: read wrongly",
            file.display()
        );
        let found = functions
            .unwatched()
            .map(|test| format!("{}: {test}", file.display()));
        unwatched.extend(found);
        tests.extend(functions.tests);
    }
    for exempt in EXEMPT_TESTS {
        assert!(
            tests.iter().any(|test| test == exempt),
            "`{exempt}` is no more"
        );
    }
    assert!(
        unwatched.is_empty(),
        "without a watchdog:\n{}",
        unwatched.join("\n")
    );
}
