//! Misuse that does not compile, because a type or a bound forbids it.
//!
//! Each file of `misuse`, here and in `waitgroup`, is a program with one mistake. The line of the
//! mistake says what the compiler has to say of it: the error's code, in this line and nowhere
//! else. So all the rest of the program is right, and it is this mistake that is refused.
//!
//! Codes stay what they are when the compiler is updated. The texts do not, which is why this is no
//! `trybuild`, which compares them. A `compile_fail` in the docs would not do: it is content with
//! any error, unless the compiler is a nightly one.
//!
//! What the attributes of the feature `macros` say is this project's own. So of those, all of the
//! text stands behind "without a code".

mod common;

use common::{output_of, watchdog};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Behind the code that is demanded of this line.
const HERE: &str = "//~ ";

/// The same of the next line.
const NEXT: &str = "//~v ";

/// Of errors to which the compiler gives no code.
const NO_CODE: &str = "without a code";

/// An error: the name of a program, the line, and the code. One without a code may have its text
/// there.
type Mistake = (String, usize, String);

fn programs() -> Vec<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["tests/misuse", "../waitgroup/tests/misuse"];
    let entries = folders.map(|folder| fs::read_dir(package.join(folder)).unwrap());
    entries
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect()
}

fn name_of(program: &Path) -> String {
    program.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// What a program says of itself.
fn announced(program: &Path) -> Vec<Mistake> {
    let text = fs::read_to_string(program).unwrap();
    let mistakes = text.lines().zip(1..).filter_map(|(line, number)| {
        let (number, code) = match (line.split_once(HERE), line.split_once(NEXT)) {
            (Some((_, code)), _) => (number, code),
            (_, Some((_, code))) => (number + 1, code),
            _ => return None,
        };
        Some((name_of(program), number, code.to_owned()))
    });
    mistakes.collect()
}

/// A line such as `path/program.rs:7:5: error[E0277]: …`, in what the compiler has printed.
fn reported(line: &str) -> Option<Mistake> {
    let (path, rest) = line.split_once(".rs:")?;
    let (number, rest) = rest.split_once(':')?;
    let (_column, rest) = rest.split_once(": error")?;
    let code = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let code = code.map_or(format!("{NO_CODE}{rest}"), |(code, _)| code.to_owned());
    Some((name_of(Path::new(path)), number.parse().ok()?, code))
}

/// Makes a package of the programs, apart from the workspace, with the versions of the workspace.
fn package(programs: &[PathBuf]) -> PathBuf {
    let executor = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("misuse");
    let mut manifest = format!(
        "[package]\nname = \"misuse\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\nexecutor = {{ path = {executor:?}, features = [\"macros\"] }}\nwaitgroup.path = {:?}\n",
        executor.join("../waitgroup")
    );
    for program in programs {
        let name = name_of(program);
        manifest += &format!("[[bin]]\nname = {name:?}\npath = {program:?}\n");
    }
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::copy(executor.join("../Cargo.lock"), package.join("Cargo.lock")).unwrap();
    package
}

#[test]
fn each_mistake_is_refused_where_it_is_made_and_nothing_else_is() {
    let _watchdog = watchdog(200);
    let programs = programs();
    let package = package(&programs);
    let mut check = Command::new(env!("CARGO"));
    check.args([
        "check",
        "--bins",
        "--keep-going",
        "--offline",
        "--message-format=short",
    ]);
    check
        .arg("--target-dir")
        .arg(package.join("target"))
        .current_dir(&package);
    // Those of a sanitizer or a model are not for the programs.
    check
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    let output = output_of(check);
    let text = String::from_utf8_lossy(&output.stderr);
    let announced: BTreeSet<_> = programs
        .iter()
        .flat_map(|program| announced(program))
        .collect();
    let without_text = |(name, line, code): Mistake| {
        let untold = (name.clone(), line, NO_CODE.to_owned());
        if announced.contains(&untold) {
            untold
        } else {
            (name, line, code)
        }
    };
    let reported = text.lines().filter_map(reported);
    let reported: BTreeSet<_> = reported.map(without_text).collect();
    assert_eq!(announced.len(), programs.len(), "one mistake each");
    assert_eq!(reported, announced, "{text}");
}
