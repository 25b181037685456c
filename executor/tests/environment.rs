//! The variables that the executor heeds, each value in a process of its own. (What
//! `EXECUTOR_DUMP` does is in `dump_signal.rs`, and `EXECUTOR_TRACE` in `trace/to_file.rs`.)

mod common;

use common::{assert_passed, output_of, role, watchdog};
use executor::{Executor, Handle};
use std::{
    panic::{catch_unwind, set_hook},
    process::Output,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

const WORKERS: &str = "EXECUTOR_WORKERS";
const TRACE: &str = "EXECUTOR_SCHEDTRACE";
const DUMP: &str = "EXECUTOR_DUMP";
#[cfg(not(feature = "trace"))]
const FILE: &str = "EXECUTOR_TRACE";

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
fn role_builds_two_executors() {
    let _watchdog = watchdog(60);
    (0..2).for_each(|_| drop(Executor::builder().workers(1).build().unwrap()));
    println!("<two>");
}

#[test]
#[ignore = "a part of tests that set a variable"]
#[cfg(target_os = "linux")]
fn role_builds_an_executor_where_it_may_use_one_core() {
    let _watchdog = watchdog(60);
    // SAFETY: an array of bits, for which zero is a value.
    let mut first: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: a place for the answer, and its size.
    let asked = unsafe { libc::sched_getaffinity(0, size_of_val(&first), &mut first) };
    assert_eq!(asked, 0);
    // SAFETY: the number of each is within the set.
    let mut allowed =
        (0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &first) });
    let one = allowed.next().expect("this runs on some core");
    // SAFETY: as above.
    let mut only: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    unsafe { libc::CPU_SET(one, &mut only) };
    // SAFETY: a set, and its size.
    let set = unsafe { libc::sched_setaffinity(0, size_of_val(&only), &only) };
    assert_eq!(set, 0);
    println!("<{} workers>", Executor::new().unwrap().metrics().workers());
}

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_uses_the_default_executor_for_a_while() {
    let _watchdog = watchdog(60);
    // Also on a busy machine long enough for a line of the trace.
    executor::block_on(executor::time::sleep(Duration::from_secs(1)));
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

#[test]
#[ignore = "a part of tests that set a variable"]
fn role_tries_the_default_executor_in_the_panic_hook() {
    let _watchdog = watchdog(60);
    static IS_FIRST: AtomicBool = AtomicBool::new(true);
    let attempt = || catch_unwind(|| drop(executor::spawn(async {}))).is_err();
    set_hook(Box::new(move |_| {
        if IS_FIRST.swap(false, SeqCst) {
            assert!(thread::spawn(attempt).join().unwrap());
        }
    }));
    assert!(attempt() && !IS_FIRST.load(SeqCst));
    println!("<it panics in the hook as well>");
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
fn without_executor_workers_there_is_one_for_each_core_and_empty_counts_as_unset() {
    let _watchdog = watchdog(60);
    let answer = format!("<{} workers>", num_cpus::get());
    for name in ["role_builds_an_executor", "role_uses_the_default_executor"] {
        let unset = output_of(role(name));
        assert_passed(name, &unset);
        let text = String::from_utf8_lossy(&unset.stdout);
        assert!(text.contains(&answer), "not {answer}: {text}");
        expect(name, WORKERS, "", &answer);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_core_that_the_process_may_not_use_has_no_worker() {
    let _watchdog = watchdog(60);
    let name = "role_builds_an_executor_where_it_may_use_one_core";
    expect(name, WORKERS, "", "<1 workers>");
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
fn a_bad_variable_panics_under_no_lock() {
    let _watchdog = watchdog(60);
    for (variable, value) in [(WORKERS, "0"), (TRACE, "no")] {
        let name = "role_tries_the_default_executor_in_the_panic_hook";
        expect(name, variable, value, "<it panics in the hook as well>");
    }
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
    let at_rest = "workers=3 threads=3 idle=3 searching=0 blocked=0 suspended=5 handoffs=0 \
                   globalq=0 localq=[0, 0, 0]";
    assert!(text.contains(at_rest), "{text}");
    let time = |line: &&str| {
        let ms = line["SCHED ".len()..].split("ms:").next().expect("checked");
        ms.parse::<usize>().expect("whole milliseconds")
    };
    let times: Vec<_> = lines.iter().map(time).collect();
    assert!(
        lines.len() <= times[times.len() - 1] / 20,
        "more than one in 20 ms: {text}"
    );
    // A busy machine may be late, but not each time.
    let shortest = times.windows(2).map(|pair| pair[1] - pair[0]).min();
    assert!(shortest < Some(2 * 20), "less than one in 20 ms: {text}");
    let silent = output_of(role(idle));
    assert_passed(idle, &silent);
    assert!(!String::from_utf8_lossy(&silent.stderr).contains("SCHED "));
}

#[test]
fn executor_schedtrace_traces_the_default_executor_as_well() {
    let _watchdog = watchdog(60);
    let output = run("role_uses_the_default_executor_for_a_while", TRACE, "20");
    assert_passed("for a while", &output);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("\nSCHED ") || text.starts_with("SCHED "),
        "{text}"
    );
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

#[test]
#[cfg(feature = "signal")]
fn a_bad_executor_dump_panics_and_says_what_is_wanted() {
    let _watchdog = watchdog(60);
    for value in ["1", "usr1", "SIGUSR1", "USR1,QUIT", "INT"] {
        let words = ["USR1", "QUIT", &format!("{value:?}")];
        expect_panic("role_uses_the_default_executor", DUMP, value, &words);
        expect_panic("role_asks_for_three_workers", DUMP, value, &words);
    }
    expect(
        "role_tries_the_default_executor_again",
        DUMP,
        "no",
        "<the same panic twice>",
    );
}

#[test]
#[cfg(not(feature = "signal"))]
fn an_executor_dump_without_its_feature_is_said_to_have_no_effect_once() {
    let _watchdog = watchdog(60);
    for value in ["USR1", "nonsense"] {
        let output = expect("role_builds_two_executors", DUMP, value, "<two>");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(text.matches(DUMP).count(), 1, "{text}");
        assert!(text.contains("feature `signal`"), "{text}");
    }
}

#[test]
fn an_empty_executor_dump_counts_as_unset() {
    let _watchdog = watchdog(60);
    let output = expect("role_builds_two_executors", DUMP, "", "<two>");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains(DUMP), "{text}");
}

#[test]
#[cfg(not(feature = "trace"))]
fn an_executor_trace_without_its_feature_is_said_to_have_no_effect_once() {
    let _watchdog = watchdog(60);
    for value in ["trace.html", "nonsense"] {
        let output = expect("role_builds_two_executors", FILE, value, "<two>");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(text.matches(FILE).count(), 1, "{text}");
        assert!(text.contains("feature `trace`"), "{text}");
    }
}

/// What becomes of a line that nobody takes.
#[cfg(unix)]
mod standard_error {
    use super::*;
    use std::{
        fs::File,
        io::{self, Read},
        panic,
        process::{Command, Stdio},
        sync::atomic::{AtomicBool, Ordering::SeqCst},
    };

    #[test]
    #[ignore = "a part of tests that set a variable"]
    fn role_is_traced_and_ends() {
        let _watchdog = watchdog(60);
        static PANICKED: AtomicBool = AtomicBool::new(false);
        panic::set_hook(Box::new(|_| PANICKED.store(true, SeqCst)));
        let own = Executor::builder().workers(1).build().unwrap();
        own.block_on(executor::time::sleep(Duration::from_millis(500)));
        let start = Instant::now();
        own.shutdown_timeout(Duration::from_millis(200)).unwrap();
        println!("<{:?}>", start.elapsed() < Duration::from_secs(10));
        println!("<panicked: {}>", PANICKED.load(SeqCst));
    }

    /// Runs the role with that standard error; returns what it prints.
    #[track_caller]
    fn traced_into(stderr: impl Into<Stdio>) -> String {
        let mut command: Command = role("standard_error::role_is_traced_and_ends");
        command
            .env(TRACE, "20")
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut stdout = child.stdout.take().unwrap();
        let reader = thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if start.elapsed() > Duration::from_secs(60) {
                child.kill().unwrap();
                panic!("it hangs");
            }
            thread::sleep(Duration::from_millis(5));
        }
        reader.join().unwrap()
    }

    #[track_caller]
    fn assert_undisturbed(text: &str) {
        assert!(
            text.contains("<true>") && text.contains("<panicked: false>"),
            "{text}"
        );
    }

    #[test]
    fn a_trace_into_a_pipe_that_nobody_reads_any_more_disturbs_nobody() {
        let _watchdog = watchdog(60);
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        assert_undisturbed(&traced_into(writer));
    }

    #[test]
    fn a_trace_into_a_full_pipe_disturbs_nobody() {
        let _watchdog = watchdog(60);
        let (reader, full) = common::full_pipe();
        assert_undisturbed(&traced_into(full));
        drop(reader);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_trace_into_a_full_device_disturbs_nobody() {
        let _watchdog = watchdog(60);
        let full = File::options().write(true).open("/dev/full").unwrap();
        assert_undisturbed(&traced_into(full));
    }
}

/// A copy of this program that has the rights of its owner, root, as another user runs it.
#[cfg(target_os = "linux")]
mod elevated_rights {
    use super::*;
    use std::{
        env, fs,
        os::unix::{fs::PermissionsExt, process::CommandExt},
        process::{self, Command},
    };

    #[test]
    #[ignore = "a part of tests that set a variable"]
    fn role_says_whether_its_rights_are_elevated() {
        // SAFETY: takes a number.
        println!("<elevated: {}>", unsafe {
            libc::getauxval(libc::AT_SECURE) != 0
        });
        role_is_idle_with_three_workers_for_a_while();
        println!("<{} workers>", Executor::new().unwrap().metrics().workers());
        let dumps = common::threads(Some("executor-dump")) > 0;
        println!("<prints dumps: {dumps}>");
        executor::simulate(async {});
    }

    #[test]
    fn with_elevated_rights_the_number_of_workers_is_heeded_and_nothing_else() {
        const NOBODY: u32 = 65_534;
        let _watchdog = watchdog(60);
        // SAFETY: asks for a number.
        if unsafe { libc::geteuid() } != 0 {
            return println!("only root can make such a program");
        }
        let copy = env::temp_dir().join(format!("executor-elevated-{}", process::id()));
        fs::copy(env::current_exe().unwrap(), &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o4755)).unwrap();
        let mut command = Command::new(&copy);
        let name = "elevated_rights::role_says_whether_its_rights_are_elevated";
        command.args([
            "--exact",
            name,
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ]);
        command.env(TRACE, "20").env(WORKERS, "3").env(DUMP, "USR1");
        command.current_dir("/");
        command.env("EXECUTOR_DEADLOCK", "nonsense");
        command.env("EXECUTOR_SEED", "nonsense");
        let output = output_of_user(command, NOBODY);
        fs::remove_file(&copy).unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        if text.contains("<elevated: false>") {
            return println!("this file system has no such programs");
        }
        assert_passed(name, &output);
        assert!(text.contains("<3 workers>"), "{text}");
        assert!(text.contains("<prints dumps: false>"), "{text}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!text.contains("SCHED ") && !text.contains(DUMP), "{text}");
    }

    fn output_of_user(mut command: Command, user: u32) -> Output {
        command.uid(user);
        output_of(command)
    }
}
