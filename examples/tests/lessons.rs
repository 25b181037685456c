//! Every lesson, run as a user runs it: what it prints, and how it takes bad input.

#[path = "../../executor/tests/common/watchdog.rs"]
mod watchdog;

#[cfg(unix)]
#[path = "lessons/chapter.rs"]
mod chapter;

#[cfg(unix)]
#[path = "lessons/http.rs"]
mod http;

use std::{
    process::{Command, Output, Stdio},
    time::Duration,
};
use watchdog::Watchdog;

/// Far beyond what any lesson takes, on a slow machine too.
const PATIENCE: Duration = Duration::from_secs(900);

/// Aborts the process unless it is dropped in time: a lesson hangs.
#[track_caller]
fn watchdog() -> Watchdog {
    Watchdog::with(PATIENCE)
}

const LESSONS: &[&str] = &[
    "hello",
    "spawn",
    "sleep",
    "waitgroup",
    "main-exit",
    "primes",
    "hundred-thousand",
    "gpm",
    "pipeline",
    "stuck",
    "leak",
    "simulate",
    "trace",
    #[cfg(unix)]
    "http",
];

fn goroutines(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_goroutines"));
    command.args(arguments);
    command
}

/// Runs to a good end and returns what was printed.
fn output_of(arguments: &[&str]) -> String {
    let output = goroutines(arguments).output().expect("the binary starts");
    let (printed, errors) = texts(&output);
    assert!(
        output.status.success(),
        "{arguments:?}: {}\n{printed}{errors}",
        output.status
    );
    assert_eq!(errors, "", "{arguments:?} complained");
    printed
}

/// Runs to a bad end and returns the complaint.
fn complaint_about(arguments: &[&str]) -> String {
    let output = goroutines(arguments).output().expect("the binary starts");
    let (printed, errors) = texts(&output);
    assert_eq!(
        output.status.code(),
        Some(2),
        "{arguments:?}\n{printed}{errors}"
    );
    assert_eq!(printed, "", "{arguments:?} printed something");
    assert!(!errors.contains("panicked"), "{errors}");
    errors
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the output is UTF-8");
    (text(&output.stdout), text(&output.stderr))
}

/// Accepts one good run of several. A thread that is off its core at the wrong moment may spoil one
/// run; a fault spoils them all.
#[track_caller]
fn assert_some_run_shows(arguments: &[&str], shows: impl Fn(&str) -> bool) {
    const RUNS: usize = 5;
    let mut printed = String::new();
    for _ in 0..RUNS {
        printed = output_of(arguments);
        if shows(&printed) {
            return;
        }
    }
    panic!("none of {RUNS} runs shows what it should, the last one:\n{printed}");
}

#[track_caller]
fn assert_has_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[test]
fn hello_prints_before_main_goes_on() {
    let _watchdog = watchdog();
    assert_eq!(
        output_of(&["hello"]),
        "Hello Goroutine!\nmain goroutine done!\n"
    );
}

#[test]
fn spawn_ends_with_main_before_the_task_has_its_turn() {
    let _watchdog = watchdog();
    for _ in 0..20 {
        assert_eq!(output_of(&["spawn"]), "main goroutine done!\n");
    }
}

#[test]
fn sleep_prints_main_first_and_then_hello_in_every_run() {
    let _watchdog = watchdog();
    // All at once, since each sleeps a second.
    let runs: Vec<_> = (0..50)
        .map(|_| {
            goroutines(&["sleep"])
                .stdout(Stdio::piped())
                .spawn()
                .expect("the binary starts")
        })
        .collect();
    for run in runs {
        let output = run.wait_with_output().expect("the binary ends");
        assert!(output.status.success());
        assert_eq!(texts(&output).0, "main goroutine done!\nHello Goroutine!\n");
    }
}

#[test]
fn waitgroup_waits_for_ten_hellos_each_once() {
    let _watchdog = watchdog();
    let printed = output_of(&["waitgroup"]);
    let mut lines: Vec<&str> = printed.lines().collect();
    lines.sort_unstable();
    let expected: Vec<String> = (0..10).map(|i| format!("Hello Goroutine! {i}")).collect();
    assert_eq!(lines, expected);
}

#[test]
fn main_exit_prints_nothing_after_main_has_left() {
    let _watchdog = watchdog();
    let printed = output_of(&["main-exit"]);
    let of = |who: &str| -> Vec<String> {
        printed
            .lines()
            .filter_map(|line| line.strip_prefix(who))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(of("main goroutine: i = "), ["1", "2"]);
    // Whether the task gets a third turn at the very moment of the end is open, as in Go.
    let task = of("new goroutine: i = ");
    assert!(task == ["1", "2"] || task == ["1", "2", "3"], "{printed}");
    assert_eq!(printed.lines().count(), 2 + task.len(), "{printed}");
}

#[test]
fn primes_counts_small_limits_exactly() {
    let _watchdog = watchdog();
    for (limit, count) in [
        ("0", 0),
        ("1", 0),
        ("2", 1),
        ("3", 2),
        ("30", 10),
        ("100", 25),
        ("1000000", 78_498),
        ("3_000_000", 216_816),
    ] {
        let printed = output_of(&["primes", "--up-to", limit]);
        let limit = limit.replace('_', "");
        assert_has_all(&printed, &[&format!("{count} primes up to {limit}\n")]);
        assert_has_all(&printed, &["time: ", "workers: ", "speed-up: "]);
    }
}

#[test]
fn primes_gives_the_same_count_with_any_number_of_workers() {
    let _watchdog = watchdog();
    for workers in ["1", "2", "7"] {
        let printed = output_of(&["primes", "--up-to", "5_000_000", "--workers", workers]);
        assert_has_all(&printed, &["348513 primes up to 5000000\n"]);
        assert_has_all(&printed, &[&format!("workers:  {workers}\n")]);
    }
}

#[test]
fn primes_measures_the_speed_up_where_there_is_enough_work() {
    let _watchdog = watchdog();
    // Without optimization a small limit is enough work.
    let limit = if cfg!(debug_assertions) {
        "20_000_000"
    } else {
        "1_000_000_000"
    };
    let printed = output_of(&["primes", "--up-to", limit, "--workers", "2"]);
    assert_has_all(&printed, &["over one worker", "measured on "]);
}

#[test]
fn primes_refuses_bad_limits_and_says_the_way_out() {
    let _watchdog = watchdog();
    for limit in [
        "-5",
        "abc",
        "",
        "1.5",
        "10000000000001",
        "99999999999999999999999",
    ] {
        let complaint = complaint_about(&["primes", "--up-to", limit]);
        assert_has_all(
            &complaint,
            &["--up-to <N>", "from 0 to 10000000000000", "for example"],
        );
    }
}

#[test]
fn primes_refuses_bad_numbers_of_workers_and_says_the_way_out() {
    let _watchdog = watchdog();
    for workers in ["0", "-1", "abc", "1000000"] {
        let complaint = complaint_about(&["primes", "--workers", workers]);
        assert_has_all(
            &complaint,
            &["--workers <N>", "from 1 to 1024", "for example"],
        );
    }
}

#[test]
fn hundred_thousand_has_all_tasks_alive_at_one_moment_and_finishes_all() {
    let _watchdog = watchdog();
    let printed = output_of(&["hundred-thousand"]);
    assert_has_all(
        &printed,
        &["100000 tasks alive at once\n", "100000 tasks finished, "],
    );
    assert_has_all(&printed, &[" bytes a task "]);
}

#[test]
fn hundred_thousand_takes_another_number_of_tasks() {
    let _watchdog = watchdog();
    for tasks in ["1", "1_000"] {
        let printed = output_of(&["hundred-thousand", "--tasks", tasks]);
        let tasks = tasks.replace('_', "");
        assert_has_all(&printed, &[&format!("{tasks} tasks alive at once\n")]);
        assert_has_all(&printed, &[&format!("{tasks} tasks finished, ")]);
    }
}

#[test]
fn hundred_thousand_refuses_bad_numbers_of_tasks_and_says_the_way_out() {
    let _watchdog = watchdog();
    for tasks in ["0", "-1", "abc"] {
        let complaint = complaint_about(&["hundred-thousand", "--tasks", tasks]);
        assert_has_all(
            &complaint,
            &["--tasks <N>", "from 1 to 100000000", "for example"],
        );
    }
}

#[test]
fn gpm_shows_the_overflow_the_thieves_and_the_stand_in() {
    let _watchdog = watchdog();
    assert_some_run_shows(&["gpm"], |printed| {
        assert_has_all(
            printed,
            &["[1] ", "[2] ", "[3] ", "global queue |", "P0 ", "stolen"],
        );
        assert!(
            !printed.contains('\u{1b}'),
            "no escape sequences where no terminal is"
        );
        // If all goes well, the number of blocked threads is read before the first of them wakes
        // up, and the burst fills its local queue before its worker gets a stand-in.
        let stand_in = ["4 blocked, ", "stand-in 4 ", "[zzz][zzz][zzz][zzz]"];
        let overflowed = !printed.contains(" 0 times.");
        overflowed && stand_in.iter().all(|part| printed.contains(part))
    });
}

#[test]
fn gpm_shows_that_a_ticker_goes_on_beside_tasks_that_block_without_a_word() {
    let _watchdog = watchdog();
    assert_some_run_shows(&["gpm"], |printed| {
        let worst = |hand_off, they| worst_tick_late(printed, hand_off, they);
        worst("off", "sleep") > 250.0
            && worst("off", "compute") > 250.0
            && worst("on", "sleep") < 200.0
    });
}

/// In milliseconds, from the table of the lesson on the scheduler.
#[track_caller]
fn worst_tick_late(printed: &str, hand_off: &str, they: &str) -> f64 {
    let (_, table) = printed.split_once("[4] ").expect("a fourth part");
    let row = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|words| words.starts_with(&[hand_off, they]));
    let row = row.unwrap_or_else(|| panic!("no row {hand_off} {they}:\n{printed}"));
    row[2].parse().expect("milliseconds")
}

#[test]
fn pipeline_delivers_every_square_once_and_holds_back_the_generator() {
    let _watchdog = watchdog();
    let printed = output_of(&["pipeline"]);
    assert_has_all(
        &printed,
        &["100 squares", "sum of the squares: 338350", "10000"],
    );
    assert_has_all(&printed, &["room for 21", "back-pressure held\n"]);
}

#[test]
#[cfg(target_os = "linux")]
fn stuck_shows_a_deadlock_with_all_who_wait_and_how_to_have_none() {
    let _watchdog = watchdog();
    let printed = output_of(&["stuck"]);
    let parts = [
        "| executor: all tasks are asleep: deadlock!\n",
        "| block_on at examples/src/lessons/stuck.rs:",
        "`philosopher 2` at examples/src/lessons/stuck.rs:",
        "| fatal error: all goroutines are asleep - deadlock!\n",
        "| philosopher 1 has eaten\n",
    ];
    assert_has_all(&printed, &parts);
    assert_eq!(printed.matches("asleep: deadlock!").count(), 1);
}

#[test]
fn leak_shows_a_wait_that_never_ends_and_tasks_that_nobody_wakes() {
    let _watchdog = watchdog();
    let printed = output_of(&["leak"]);
    let parts = [
        "| waitgroup: the last handle of a group is gone, and 1 wait for it will never end",
        "| main has given up: true\n",
        "`forgetful` at examples/src/lessons/leak.rs:",
        "LEAKED",
        "| leaked: 2\n",
    ];
    assert_has_all(&printed, &parts);
}

#[test]
fn simulate_finds_what_is_lost_replays_it_and_skips_an_hour() {
    let _watchdog = watchdog();
    let printed = output_of(&["simulate"]);
    let parts = [
        "of two deposits\n",
        "| to have it happen again, set EXECUTOR_SEED=",
        "$ EXECUTOR_SEED=",
        "| nothing is lost\n",
        "one after the other: 3600s, in ",
    ];
    assert_has_all(&printed, &parts);
    let moments: Vec<_> = printed
        .lines()
        .filter(|line| line.starts_with("| in a simulation with seed "))
        .collect();
    assert_eq!(moments.len(), 2, "{printed}");
    assert_eq!(moments[0], moments[1]);
}

#[test]
fn trace_tells_which_poll_was_slow_and_leaves_a_file_only_if_asked() {
    let _watchdog = watchdog();
    let printed = output_of(&["trace"]);
    let parts = [
        " primes up to ",
        "how busy each worker was:\n  worker ",
        " at examples/src/lessons/trace.rs:",
        "`slow disk`",
        "who woke whom:\n",
        "--write trace.html",
    ];
    assert_has_all(&printed, &parts);
    let folder = env!("CARGO_TARGET_TMPDIR");
    for (name, begins) in [("trace.html", "<!"), ("trace.json", "{\"traceEvents\":[")] {
        let file = format!("{folder}/{name}");
        let _ = std::fs::remove_file(&file);
        let printed = output_of(&["trace", "--write", &file]);
        assert_has_all(&printed, &["Open it ", &file]);
        let text = std::fs::read_to_string(&file).expect("it was written");
        assert!(text.starts_with(begins) && text.contains("slow disk"));
        std::fs::remove_file(&file).expect("it is ours");
    }
    let complaint = complaint_about(&["trace", "--write", "trace.txt"]);
    assert!(complaint.contains(".html or .json"), "{complaint}");
}

#[test]
fn list_names_every_lesson_in_order() {
    let _watchdog = watchdog();
    let printed = output_of(&["--list"]);
    let names: Vec<&str> = printed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(names, LESSONS);
}

/// A number of workers, and nothing else that takes long.
const WITH_WORKERS: &[&[&str]] = &[
    &["waitgroup"],
    &["primes", "--up-to", "1000"],
    &["hundred-thousand", "--tasks", "1000"],
    &["gpm"],
    &["pipeline"],
    #[cfg(unix)]
    &["http"],
];

#[test]
fn lessons_whose_tasks_run_side_by_side_take_a_number_of_workers() {
    let _watchdog = watchdog();
    for &arguments in WITH_WORKERS {
        for workers in ["1", "3"] {
            let printed = output_of(&[arguments, &["--workers", workers]].concat());
            if arguments == ["gpm"] {
                assert_has_all(&printed, &[&format!("{workers} workers, each with a P")]);
            }
        }
        let complaint = complaint_about(&[arguments, &["--workers", "0"]].concat());
        assert_has_all(&complaint, &["--workers <N>", "from 1 to 1024"]);
    }
}

#[cfg(unix)]
mod ending {
    use super::*;
    use std::{
        fs::{File, OpenOptions},
        io::{self, Read},
        os::{
            fd::{FromRawFd, OwnedFd},
            unix::process::{CommandExt, ExitStatusExt},
        },
        process::Child,
        ptr, thread,
        time::Instant,
    };

    /// Each lesson, and all of them.
    fn each() -> impl Iterator<Item = Vec<&'static str>> {
        let all = vec![];
        let few = vec!["hundred-thousand", "--tasks", "1000"];
        let small = vec!["primes", "--up-to", "1000"];
        let quick = LESSONS
            .iter()
            .copied()
            .filter(|lesson| !["hundred-thousand", "primes"].contains(lesson));
        quick
            .map(|lesson| vec![lesson])
            .chain([few, small, vec!["--list"], vec!["--help"], all])
    }

    /// Waits for the end, which must come soon: the longest lesson sleeps two seconds.
    #[track_caller]
    pub fn output_soon(mut child: Child, what: &str) -> Output {
        let begin = Instant::now();
        while child.try_wait().expect("it was started").is_none() {
            if begin.elapsed() > Duration::from_secs(60) {
                child.kill().expect("it runs");
                panic!("{what} hangs");
            }
            thread::sleep(Duration::from_millis(5));
        }
        child.wait_with_output().expect("it has ended")
    }

    #[test]
    fn a_pipe_that_nobody_reads_ends_the_program_without_a_word() {
        let _watchdog = watchdog();
        for arguments in each() {
            let (reader, writer) = io::pipe().expect("a pipe");
            drop(reader);
            let mut command = goroutines(&arguments);
            command.stdout(writer).stderr(Stdio::piped());
            let child = command.spawn().expect("the binary starts");
            drop(command);
            let output = output_soon(child, &format!("{arguments:?}"));
            let (_, errors) = texts(&output);
            assert_eq!(errors, "", "{arguments:?} complained");
            // clap takes no notice of what becomes of its help.
            if arguments != ["--help"] {
                let signal = output.status.signal();
                assert_eq!(
                    signal,
                    Some(libc::SIGPIPE),
                    "{arguments:?}: {}",
                    output.status
                );
            }
        }
    }

    #[test]
    fn a_reader_that_has_seen_enough_ends_all_lessons_without_a_word() {
        let _watchdog = watchdog();
        let mut command = goroutines(&[]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut printed = [0; 100];
        let mut stdout = child.stdout.take().expect("a pipe");
        stdout.read_exact(&mut printed).expect("so much is printed");
        drop(stdout);
        let output = output_soon(child, "all lessons");
        assert_eq!(texts(&output).1, "");
        assert_eq!(output.status.signal(), Some(libc::SIGPIPE));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn output_that_cannot_be_written_is_an_error_and_the_program_ends() {
        let _watchdog = watchdog();
        for arguments in each() {
            let full = OpenOptions::new().write(true).open("/dev/full");
            let mut command = goroutines(&arguments);
            command
                .stdout(full.expect("the device is there"))
                .stderr(Stdio::piped());
            let child = command.spawn().expect("the binary starts");
            let output = output_soon(child, &format!("{arguments:?}"));
            if arguments == ["--help"] {
                continue;
            }
            let (_, errors) = texts(&output);
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
            assert!(errors.starts_with("error: cannot print: "), "{errors}");
            assert!(!errors.contains("panicked"), "{errors}");
        }
    }

    /// Both sides of a terminal.
    fn terminal() -> (File, File) {
        let (mut master, mut slave) = (-1, -1);
        // SAFETY: places for two numbers; nothing else is asked for.
        let opened = unsafe {
            libc::openpty(
                &mut master,
                &mut slave,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        assert_eq!(opened, 0, "a terminal");
        let file = |fd| {
            // SAFETY: just opened, and owned by nobody else.
            File::from(unsafe { OwnedFd::from_raw_fd(fd) })
        };
        (file(master), file(slave))
    }

    pub fn interrupt(pid: i32) {
        // SAFETY: a process, or a group of them, that is a child's and was not waited for.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGINT) }, 0);
    }

    #[test]
    fn an_interrupt_leaves_nothing_of_the_bar_of_primes_behind() {
        let _watchdog = watchdog();
        let (mut ours, its) = terminal();
        let mut command = goroutines(&["primes", "--up-to", "10_000_000_000_000"]);
        command.stdout(Stdio::null()).stderr(its);
        let child = command.spawn().expect("the binary starts");
        drop(command);
        let reader = thread::spawn(move || {
            let (mut text, mut part) = (String::new(), [0; 4096]);
            let mut told = Some(child);
            let mut ended = None;
            // At the end of the other side, an error.
            while let Ok(length @ 1..) = ours.read(&mut part) {
                text.push_str(&String::from_utf8_lossy(&part[..length]));
                if text.contains(" %, ")
                    && let Some(child) = told.take()
                {
                    interrupt(child.id().cast_signed());
                    ended = Some(child);
                }
            }
            (text, ended)
        });
        let (text, child) = reader.join().expect("it reads to the end");
        let output = output_soon(child.expect("a bar was drawn"), "primes");
        assert_eq!(output.status.signal(), Some(libc::SIGINT), "{text:?}");
        let (_, after) = text.rsplit_once(" %, ").expect("a bar was drawn");
        assert!(
            after.ends_with("\r\u{1b}[2K"),
            "the line is still there: {text:?}"
        );
    }

    #[test]
    fn an_interrupt_ends_all_lessons_without_a_word() {
        let _watchdog = watchdog();
        let mut command = goroutines(&[]);
        // A group of their own, as a shell gives them.
        command.process_group(0);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut printed = String::new();
        let stdout = child.stdout.as_mut().expect("a pipe");
        while !printed.contains("2. spawn") {
            let mut part = [0; 1];
            stdout.read_exact(&mut part).expect("so much is printed");
            printed.push(char::from(part[0]));
        }
        // In whatever lesson it is by now; the next ones sleep for a second or more.
        interrupt(-child.id().cast_signed());
        let output = output_soon(child, "all lessons");
        assert_eq!(texts(&output).1, "");
        assert_eq!(output.status.signal(), Some(libc::SIGINT));
    }
}

#[test]
fn help_tells_of_every_lesson_and_of_its_options() {
    let _watchdog = watchdog();
    assert_has_all(&output_of(&["--help"]), LESSONS);
    assert_has_all(
        &output_of(&["primes", "--help"]),
        &["--up-to <N>", "--workers <N>"],
    );
    assert_has_all(
        &output_of(&["hundred-thousand", "--help"]),
        &["--tasks <N>"],
    );
    for &lesson in LESSONS {
        assert_has_all(
            &output_of(&[lesson, "--help"]),
            &["Usage: goroutines", lesson],
        );
    }
}

#[test]
fn an_unknown_lesson_is_refused_with_the_names_of_all() {
    let _watchdog = watchdog();
    let complaint = complaint_about(&["no-such-lesson"]);
    assert_has_all(&complaint, &["there is no lesson 'no-such-lesson'"]);
    assert_has_all(&complaint, LESSONS);
}

#[test]
fn an_unknown_option_is_refused() {
    let _watchdog = watchdog();
    assert_has_all(
        &complaint_about(&["--no-such-option"]),
        &["--no-such-option", "--help"],
    );
    assert_has_all(
        &complaint_about(&["hello", "too", "much"]),
        &["'too'", "--help"],
    );
}

/// Takes minutes without optimization, for the sake of `primes` alone.
#[cfg(not(debug_assertions))]
#[test]
fn without_a_name_all_lessons_run_in_order_each_under_its_heading() {
    let _watchdog = watchdog();
    let printed = output_of(&[]);
    let headings: Vec<&str> = printed
        .lines()
        .filter_map(|line| {
            line.strip_prefix("=== ")?
                .split_once(". ")?
                .1
                .split_once(':')
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(headings, LESSONS);
    assert_has_all(
        &printed,
        &["50847534 primes up to 1000000000\n", "back-pressure held\n"],
    );
}
