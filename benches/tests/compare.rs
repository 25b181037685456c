//! The program as users run it.
//!
//! It builds the programs that it measures, which takes minutes. So a debug build leaves out what
//! needs them, unless told to include what is ignored: `.ci/run` has them built anyway, for its
//! comparison of everything.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

fn compare(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_compare"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A path for this test alone.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
#[cfg_attr(debug_assertions, ignore = "builds programs: for `--release`")]
fn a_run_prints_a_table_and_writes_its_files() {
    let (json, chart, results) = (file("run.json"), file("run.svg"), file("run.md"));
    let output = compare(&[
        "--quick",
        "--only=yields,wake-parked,rss-pending,speed-up,waitgroup-2",
        "--runtimes=executor,executor-default,tokio,static-executor,awaitgroup",
        "--rounds=2",
        "--workers=2",
        &format!("--json={}", json.display()),
        &format!("--chart={}", chart.display()),
        &format!("--results={}", results.display()),
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    for word in [
        "| yields | ns |",
        "tokio",
        "wake-parked-p99",
        "rss-pending",
        "crate awaitgroup",
    ] {
        assert!(table.contains(word), "{word} is not in {table}");
    }
    assert!(fs::read_to_string(chart).unwrap().starts_with("<svg"));
    assert!(
        fs::read_to_string(results)
            .unwrap()
            .contains("| tokio | 1.")
    );

    // The record against itself, and against one in which this executor was a thousand times as
    // fast.
    let record = fs::read_to_string(&json).unwrap();
    let json = json.to_str().unwrap();
    let same = compare(&["--from", json, "--check", json]);
    assert!(same.status.success(), "{}", text(&same.stderr));
    let mut faster: serde_json::Value = serde_json::from_str(&record).unwrap();
    for row in faster["rows"].as_array_mut().unwrap() {
        if row["name"] == "yields" {
            for value in row["values"]["executor"].as_array_mut().unwrap() {
                *value = (value.as_f64().unwrap() / 1e3).into();
            }
        }
    }
    let base = file("faster.json");
    fs::write(&base, faster.to_string()).unwrap();
    let slower = compare(&["--from", json, "--check", base.to_str().unwrap()]);
    assert_eq!(slower.status.code(), Some(1), "{}", text(&slower.stderr));
    assert!(text(&slower.stdout).contains("REGRESSION"));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "builds programs: for `--release`")]
fn a_runtime_that_takes_too_long_is_reported_and_does_not_stop_the_others() {
    /// `idle-cpu` answers some 20 ms after the limit, which is in time for a program that was kept
    /// from its core until then.
    const ATTEMPTS: usize = 5;
    let measured = || {
        compare(&[
            "--only=idle-cpu,yields",
            "--runtimes=executor,tokio",
            "--rounds=1",
            "--workers=2",
            "--limit=1",
        ])
    };
    let is_reported = |output: &Output| {
        text(&output.stderr).contains("idle-cpu on executor in round 1: no answer within 1 s")
    };
    let mut output = measured();
    for _ in 1..ATTEMPTS {
        if !is_reported(&output) {
            output = measured();
        }
    }
    assert!(is_reported(&output), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let table = text(&output.stdout);
    assert!(table.contains("| yields | ns |"), "{table}");
    assert!(table.contains("Not measured"), "{table}");
}

#[test]
fn nonsense_is_refused_with_status_2() {
    for (arguments, told) in [
        (["--only", "nothing"], "possible values"),
        (["--runtimes", "cobol"], "possible values"),
        (["--rounds", "0"], "whole number"),
        (
            ["--check", "no-such-file.json"],
            "cannot read no-such-file.json",
        ),
        (
            ["--json", "no-such-folder/a.json"],
            "cannot write no-such-folder/a.json",
        ),
        (["--from", "Cargo.toml"], "not a record"),
        (
            ["--runtimes=tokio", "--chart=a.svg"],
            "needs the column `executor`",
        ),
    ] {
        let output = compare(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = text(&output.stderr);
        assert!(error.contains(told), "{arguments:?}: {error}");
    }
}

#[test]
fn a_program_that_cannot_be_built_is_an_error_with_status_2() {
    for (cargo, told) in [
        ("no-such-cargo", "did not start"),
        // It does not know the subcommand `build`.
        (env!("CARGO_BIN_EXE_compare"), "could not build"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
        command.args(["--quick", "--only=yields", "--runtimes=executor"]);
        let output = command.env("CARGO", cargo).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
        let error = text(&output.stderr);
        assert!(error.contains(told), "{error}");
        assert!(error.contains("contestant-executor"), "{error}");
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "builds programs: for `--release`")]
fn a_runtime_is_measured_in_a_program_without_the_others() {
    let output = compare(&[
        "--quick",
        "--only=yields",
        "--runtimes=executor,async-executor",
        "--rounds=1",
        "--workers=2",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for (program, runtime, is_there) in [
        (env!("CARGO_BIN_EXE_contestant-executor"), "executor", true),
        (env!("CARGO_BIN_EXE_contestant-executor"), "tokio", false),
        (
            env!("CARGO_BIN_EXE_contestant-executor"),
            "async-executor",
            false,
        ),
        (
            env!("CARGO_BIN_EXE_contestant-async-executor"),
            "static-executor",
            true,
        ),
        (
            env!("CARGO_BIN_EXE_contestant-async-executor"),
            "futures",
            false,
        ),
    ] {
        let mut command = Command::new(program);
        command.args([runtime, "--workers=2"]).stdin(Stdio::null());
        let output = command.output().unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.success(), is_there, "{program}: {error}");
        assert_eq!(error.contains("not part of this program"), !is_there);
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "builds programs: for `--release`")]
fn servers_are_measured_under_load() {
    let output = compare(&[
        "--quick",
        "--only=net-connect-16,net-unix-8,net-block-100ms,net-idle-echo",
        "--runtimes=executor,tokio,async-executor",
        "--rounds=1",
        "--workers=2",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    for row in [
        "| net-connect-16 | µs |",
        "| net-unix-8-rate | 1/s |",
        "| net-block-100ms-most | µs |",
        "| net-idle-echo | bytes |",
        "async-executor with async-io",
    ] {
        assert!(table.contains(row), "{row} is not in {table}");
    }
}
