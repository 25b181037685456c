//! `EXECUTOR_WORKERS` and `EXECUTOR_SCHEDTRACE`, each value in a process of its own.

mod common;

use common::{assert_passed, output_of, role, watchdog};
use executor::{Executor, Handle};
use std::{
    panic::catch_unwind,
    process::Output,
    thread,
    time::{Duration, Instant},
};

const WORKERS: &str = "EXECUTOR_WORKERS";
const TRACE: &str = "EXECUTOR_SCHEDTRACE";

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_uses_the_default_executor() {
    let _watchdog = watchdog(60);
    let workers = executor::block_on(async { Handle::current().metrics().workers() });
    assert_eq!(executor::block_on(executor::spawn(async { 7 })).unwrap(), 7);
    println!("<{workers} workers>");
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_builds_an_executor() {
    let _watchdog = watchdog(60);
    println!("<{} workers>", Executor::new().unwrap().metrics().workers());
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_asks_for_three_workers() {
    let _watchdog = watchdog(60);
    let own = Executor::builder().workers(3).build().unwrap();
    println!("<{} workers>", own.metrics().workers());
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_is_idle_with_three_workers_for_a_while() {
    let _watchdog = watchdog(60);
    let own = Executor::builder()
        .workers(3)
        .handoff(false)
        .build()
        .unwrap();
    (0..5).for_each(|_| drop(own.spawn(std::future::pending::<()>())));
    // Fifty lines of the trace; on a busy machine some of them.
    thread::sleep(Duration::from_secs(1));
    drop(own);
    println!("<dropped>");
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_ends_an_executor_at_once() {
    let _watchdog = watchdog(60);
    let start = Instant::now();
    drop(Executor::builder().workers(1).build().unwrap());
    println!("<{}>", start.elapsed() < Duration::from_secs(20));
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_tries_the_default_executor_again() {
    let _watchdog = watchdog(60);
    let attempt = || {
        let payload = catch_unwind(|| drop(executor::spawn(async {}))).unwrap_err();
        payload.downcast::<String>().unwrap()
    };
    assert_eq!(attempt(), attempt());
    println!("<the same panic twice>");
}

fn run(name: &str, variable: &str, value: &str) -> Output {
    let mut command = role(name);
    command.env(variable, value);
    output_of(command)
}

#[track_caller]
fn expect(name: &str, variable: &str, value: &str, answer: &str) -> Output {
    let output = run(name, variable, value);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_passed(format!("{name} with {variable}={value}"), &output);
    assert!(text.contains(answer), "{variable}={value}: {text}");
    output
}

#[track_caller]
fn expect_panic(name: &str, variable: &str, value: &str, words: &[&str]) {
    let output = run(name, variable, value);
    assert!(!output.status.success(), "{variable}={value} is accepted");
    assert!(
        output.status.code().is_some(),
        "{variable}={value}: a panic, not a crash: {output:?}"
    );
    let text = String::from_utf8_lossy(&output.stderr);
    for word in [&[variable], words].concat() {
        assert!(
            text.contains(word),
            "{variable}={value}: no {word:?} in {text}"
        );
    }
}

#[test]
fn executor_workers_is_the_number_of_workers() {
    let _watchdog = watchdog(60);
    for number in ["1", "2", "8", "64"] {
        let answer = format!("<{number} workers>");
        expect("role_uses_the_default_executor", WORKERS, number, &answer);
        expect("role_builds_an_executor", WORKERS, number, &answer);
    }
}

#[test]
fn an_empty_executor_workers_counts_as_unset() {
    let _watchdog = watchdog(60);
    let unset = output_of(role("role_builds_an_executor"));
    assert_passed("role_builds_an_executor", &unset);
    let text = String::from_utf8_lossy(&unset.stdout);
    let (_, rest) = text.split_once('<').unwrap();
    let answer = format!("<{}>", rest.split_once('>').unwrap().0);
    assert!(!answer.contains("<0"));
    expect("role_builds_an_executor", WORKERS, "", &answer);
}

#[test]
fn workers_given_to_the_builder_count_more_than_the_variable() {
    let _watchdog = watchdog(60);
    expect("role_asks_for_three_workers", WORKERS, "5", "<3 workers>");
    expect(
        "role_asks_for_three_workers",
        WORKERS,
        "nonsense",
        "<3 workers>",
    );
}

#[test]
fn a_bad_executor_workers_panics_and_says_what_is_wanted() {
    let _watchdog = watchdog(60);
    for value in [
        "0",
        "abc",
        "-1",
        "1.5",
        " 2",
        "2 ",
        "0x10",
        "99999999999999999999999",
    ] {
        let words = ["a positive integer", &format!("{value:?}")];
        expect_panic("role_uses_the_default_executor", WORKERS, value, &words);
    }
    expect_panic(
        "role_builds_an_executor",
        WORKERS,
        "0",
        &["a positive integer", "unset"],
    );
}

#[test]
#[cfg(unix)]
fn an_executor_workers_that_is_no_text_panics_too() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let _watchdog = watchdog(60);
    let mut command = role("role_builds_an_executor");
    command.env(WORKERS, OsStr::from_bytes(b"\xff"));
    let output = output_of(command);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains(WORKERS));
}

#[test]
fn more_workers_than_are_possible_are_an_error_that_names_the_variable() {
    let _watchdog = watchdog(60);
    expect_panic(
        "role_uses_the_default_executor",
        WORKERS,
        "1000000",
        &["1000000"],
    );
}

#[test]
fn a_bad_variable_panics_each_time_and_poisons_nothing() {
    let _watchdog = watchdog(60);
    expect(
        "role_tries_the_default_executor_again",
        WORKERS,
        "0",
        "<the same panic twice>",
    );
    expect(
        "role_tries_the_default_executor_again",
        TRACE,
        "no",
        "<the same panic twice>",
    );
}

#[test]
fn executor_schedtrace_prints_a_line_every_so_many_milliseconds() {
    let _watchdog = watchdog(60);
    let idle = "role_is_idle_with_three_workers_for_a_while";
    let output = expect(idle, TRACE, "20", "<dropped>");
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("SCHED "))
        .collect();
    assert!(lines.len() >= 2, "{text}");
    for line in &lines {
        for part in ["ms:", "workers=3", "globalq=", "localq=["] {
            assert!(line.contains(part), "{line}");
        }
    }
    // Not on each line: a slow machine prints one while the executor starts, or ends.
    assert!(text.contains("threads=3"), "{text}");
    let last = lines.last().expect("at least two");
    let ms = last["SCHED ".len()..].split("ms:").next().expect("checked");
    let ms: usize = ms.parse().expect("whole milliseconds");
    assert!(lines.len() <= ms / 20, "one in 20 ms: {text}");
    assert!(text.contains("suspended=5"), "{text}");
    let silent = output_of(role(idle));
    assert_passed(idle, &silent);
    assert!(!String::from_utf8_lossy(&silent.stderr).contains("SCHED "));
}

#[test]
fn an_empty_executor_schedtrace_counts_as_unset() {
    let _watchdog = watchdog(60);
    let output = expect(
        "role_is_idle_with_three_workers_for_a_while",
        TRACE,
        "",
        "<dropped>",
    );
    assert!(!String::from_utf8_lossy(&output.stderr).contains("SCHED "));
}

#[test]
fn a_bad_executor_schedtrace_panics_and_says_what_is_wanted() {
    let _watchdog = watchdog(60);
    for value in ["0", "often", "-5"] {
        let words = ["a positive number of milliseconds", value];
        expect_panic("role_uses_the_default_executor", TRACE, value, &words);
        expect_panic("role_asks_for_three_workers", TRACE, value, &words);
    }
}

#[test]
fn a_long_period_of_the_trace_does_not_hold_up_the_end() {
    let _watchdog = watchdog(60);
    for period in ["3600000", "18446744073709551615"] {
        expect("role_ends_an_executor_at_once", TRACE, period, "<true>");
    }
}
