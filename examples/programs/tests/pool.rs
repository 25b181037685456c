//! `pool` prints what `sha256sum` would, and ends early when it is told to.

mod common;

use common::{Program, texts, watchdog};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process,
};

const POOL: &str = env!("CARGO_BIN_EXE_pool");

/// Of "abc", as the standard has it (FIPS 180-2, appendix B).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A folder, for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = env::temp_dir().join(format!("pool-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn start(&self) -> Program {
        Program::start(POOL, &[self.0.to_str().unwrap(), "--workers=4"])
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn each_file_of_the_tree_has_its_digest_printed_once() {
    let _watchdog = watchdog();
    let folder = Folder::new("tree");
    let mut expected = BTreeSet::new();
    for number in 0..100 {
        let path = folder.0.join(format!("{}/{number}", number % 7));
        write(&path, "abc");
        expected.insert(format!("{ABC}  {}", path.display()));
    }
    let output = folder.start().ends();
    let [printed, errors] = texts(&output);
    assert_eq!(errors, "100 files\n");
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<_> = printed.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 100);
    assert_eq!(BTreeSet::from_iter(lines), expected);
}

#[test]
fn whoever_reads_one_line_and_goes_ends_it() {
    let _watchdog = watchdog();
    let folder = Folder::new("head");
    for number in 0..2_000 {
        write(&folder.0.join(number.to_string()), "abc"); // more than a pipe keeps
    }
    long_file(&folder.0.join("takes-an-hour"));
    let mut program = folder.start();
    assert!(program.line().starts_with(ABC));
    program.close_its_output();
    let output = program.ends();
    let [_, errors] = texts(&output);
    assert!(errors.ends_with(" files\n"), "{errors}");
    assert_eq!((errors.lines().count(), output.status.code()), (1, Some(0)));
}

/// A file that is as long as is said, and takes no place.
fn long_file(path: &Path) {
    let file = fs::File::create(path).unwrap();
    file.set_len(1 << 40).unwrap();
}

#[test]
fn the_first_error_ends_the_rest() {
    let _watchdog = watchdog();
    let folder = Folder::new("error");
    long_file(&folder.0.join("takes-an-hour"));
    let missing = folder.0.join("missing");
    let folders = [&folder.0, &missing].map(|folder| folder.to_str().unwrap());
    let output = Program::start(POOL, &folders).ends();
    let [printed, errors] = texts(&output);
    let complaint = format!("error: {}: ", missing.display());
    assert!(errors.starts_with(&complaint), "{errors}");
    assert_eq!((output.status.code(), &*printed), (Some(1), ""));
}

#[test]
fn ctrl_c_ends_digests_that_are_under_way() {
    let _watchdog = watchdog();
    let folder = Folder::new("interrupted");
    write(&folder.0.join("short"), "abc");
    for number in 0..3 {
        long_file(&folder.0.join(format!("takes-an-hour-{number}")));
    }
    let mut program = folder.start();
    assert!(program.line().starts_with(ABC));
    program.interrupt();
    let output = program.ends();
    assert_eq!(texts(&output), ["", ""]);
    assert_eq!(output.status.code(), Some(130));
}
