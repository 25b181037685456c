//! "All tasks are asleep: deadlock!": when it is said, and above all when it is not.
//!
//! Each program runs in a process of its own, which must have no thread that is not the executor's.
//! The usual harness has some, so this file has a `main` of its own: called with the name of a
//! program it is that program, else it runs the tests.
#![cfg(target_os = "linux")]

mod common;

use common::{PATIENCE, sanitized};
use std::{
    env,
    io::Read,
    os::unix::process::ExitStatusExt,
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Child, Command, ExitStatus, Stdio, exit},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

/// Names the program that the process is to be.
const PROGRAM: &str = "EXECUTOR_TEST_PROGRAM";

const SAID: &str = "executor: all tasks are asleep: deadlock!\n";

/// In so much time it would be said, in a program that is asleep.
const LONG: Duration = Duration::from_millis(1_500);

type Case = (&'static str, fn());

fn main() {
    if let Ok(name) = env::var(PROGRAM) {
        let (_, program) = programs::ALL.iter().find(|(own, _)| *own == name).unwrap();
        return program();
    }
    // Of the harness's arguments, names of tests alone mean something.
    let arguments: Vec<_> = env::args().skip(1).collect();
    let exact = arguments.iter().any(|argument| argument == "--exact");
    let names: Vec<_> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let is_asked_for = |test: &str| match exact {
        true => names.iter().any(|name| *name == test),
        false => names.is_empty() || names.iter().any(|name| test.contains(name.as_str())),
    };
    let asked = TESTS.iter().filter(|(name, _)| is_asked_for(name));
    if arguments.iter().any(|argument| argument == "--list") {
        return asked.for_each(|(name, _)| println!("{name}: test"));
    }
    let tests: Vec<_> = asked.collect();
    println!("\nrunning {} tests", tests.len());
    let failed = run(&tests);
    let passed = tests.len() - failed;
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {result}. {passed} passed; {failed} failed; 0 ignored\n");
    exit(if failed == 0 { 0 } else { 101 });
}

/// Runs some tests at a time, which wait most of the time; returns how many have failed.
fn run(tests: &[&Case]) -> usize {
    if sanitized() {
        // A sanitizer has threads, too: nothing is ever said.
        println!("not under a sanitizer");
        return 0;
    }
    let failed = Mutex::new(0);
    let left = Mutex::new(tests.iter());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((name, test)) = left.lock().unwrap().next() else {
                        return;
                    };
                    let ok = catch_unwind(AssertUnwindSafe(test)).is_ok();
                    println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
                    *failed.lock().unwrap() += usize::from(!ok);
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

/// What the processes do.
mod programs {
    use executor::{Executor, block_in_place, block_on, spawn, time::sleep};
    use futures::future::pending;
    use std::{
        io::{Write, stderr, stdout},
        sync::Arc,
        thread,
        time::{Duration, Instant},
    };
    use tokio::sync::{Barrier, Mutex};

    pub(super) const ALL: &[super::Case] = &[
        ("philosophers", philosophers),
        ("main_alone", main_alone),
        ("a_task_that_main_forgets", a_task_that_main_forgets),
        ("a_group_without_a_handle", a_group_without_a_handle),
        ("two_executors", two_executors),
        ("an_executor_that_has_ended", an_executor_that_has_ended),
        ("a_time_without_an_end", a_time_without_an_end),
        #[cfg(feature = "net")]
        (
            "a_socket_that_nobody_waits_for",
            a_socket_that_nobody_waits_for,
        ),
        ("a_task_that_blocks", a_task_that_blocks),
        (
            "philosophers_in_a_task_that_blocks",
            philosophers_in_a_task_that_blocks,
        ),
        (
            "a_call_below_a_task_that_blocks",
            a_call_below_a_task_that_blocks,
        ),
        ("restless_tasks_that_block", restless_tasks_that_block),
        ("main_waits_late", main_waits_late),
        ("two_threads_that_wait_late", two_threads_that_wait_late),
        ("without_a_free_descriptor", without_a_free_descriptor),
        ("after_a_call_that_blocks", after_a_call_that_blocks),
        ("after_a_poll_that_blocks", after_a_poll_that_blocks),
        ("after_a_timer", after_a_timer),
        ("after_a_timer_of_main", after_a_timer_of_main),
        ("after_the_end_of_another", after_the_end_of_another),
        #[cfg(feature = "net")]
        ("after_the_last_socket", after_the_last_socket),
        ("a_foreign_thread", a_foreign_thread),
        ("main_sleeps_elsewhere", main_sleeps_elsewhere),
        ("a_thread_is_joined", a_thread_is_joined),
        ("an_hour", an_hour),
        ("an_hour_in_main", an_hour_in_main),
        ("an_hour_elsewhere", an_hour_elsewhere),
        ("a_call_that_blocks", a_call_that_blocks),
        ("a_foreign_block_on", a_foreign_block_on),
        (
            "another_executor_without_hand_off",
            another_executor_without_hand_off,
        ),
        ("an_executor_without_hand_off", an_executor_without_hand_off),
        ("idle", idle),
        ("restless", restless),
        ("in_a_forked_child", in_a_forked_child),
        #[cfg(feature = "net")]
        ("a_server_without_clients", a_server_without_clients),
        #[cfg(feature = "signal")]
        ("ctrl_c", ctrl_c),
        #[cfg(feature = "signal")]
        ("a_child_process", a_child_process),
    ];

    fn say(text: &str) {
        let mut out = stdout().lock();
        writeln!(out, "<{text}>").unwrap();
        out.flush().unwrap();
    }

    /// Three of them with a fork in the left hand, each of which waits for the right one.
    async fn dine() {
        let forks: Vec<_> = (0..3).map(|_| Arc::new(Mutex::new(()))).collect();
        let at_table = Arc::new(Barrier::new(3));
        let philosophers: Vec<_> = (0..3)
            .map(|i| {
                let (left, right) = (forks[i].clone(), forks[(i + 1) % 3].clone());
                let at_table = at_table.clone();
                spawn(async move {
                    let _left = left.lock().await;
                    at_table.wait().await;
                    let _right = right.lock().await;
                })
            })
            .collect();
        say("ready");
        for philosopher in philosophers {
            philosopher.await.unwrap();
        }
    }

    fn philosophers() {
        block_on(dine());
    }

    fn main_alone() {
        say("ready");
        block_on(pending::<()>());
    }

    fn a_task_that_main_forgets() {
        drop(spawn(pending::<()>()));
        main_alone();
    }

    /// The thread that says so is gone soon.
    fn a_group_without_a_handle() {
        block_on(async {
            let group = waitgroup::WaitGroup::new();
            group.add(1);
            let wait = group.wait();
            drop(spawn(async move { drop(group) }));
            wait.await;
        });
    }

    fn two_executors() {
        // One of the default executor's.
        drop(spawn(pending::<()>()));
        let own = Executor::builder().workers(1).build().unwrap();
        own.block_on(dine());
    }

    fn an_executor_that_has_ended() {
        let own = Executor::builder().workers(1).build().unwrap();
        let _handle = own.handle();
        drop(own.spawn(pending::<()>()));
        drop(own);
        philosophers();
    }

    fn a_time_without_an_end() {
        drop(spawn(sleep(Duration::MAX)));
        philosophers();
    }

    /// It was waited for, and is open.
    #[cfg(feature = "net")]
    fn a_socket_that_nobody_waits_for() {
        use futures::{AsyncReadExt, AsyncWriteExt};

        let (mut one, mut other) = executor::net::unix::UnixStream::pair().unwrap();
        block_on(async {
            let reads = spawn(async move {
                other.read_exact(&mut [0; 3]).await.unwrap();
                other
            });
            sleep(Duration::from_millis(20)).await;
            one.write_all(b"abc").await.unwrap();
            let _other = reads.await.unwrap();
            dine().await;
        });
    }

    /// It waits in `block_on`, on its worker's thread.
    fn a_task_that_blocks() {
        let blocks = spawn(async {
            say("ready");
            block_on(pending::<()>());
        });
        block_on(blocks).unwrap();
    }

    fn philosophers_in_a_task_that_blocks() {
        let own = Executor::builder().workers(1).build().unwrap();
        let blocks = own.spawn(async { philosophers() });
        own.block_on(blocks).unwrap();
    }

    fn a_call_below_a_task_that_blocks() {
        let blocks = spawn(async {
            let hour = executor::spawn_blocking(|| thread::sleep(HOUR));
            say("ready");
            block_on(hour).unwrap();
        });
        block_on(blocks).unwrap();
    }

    /// Each wakes the other from `block_on`, and takes its time.
    fn restless_tasks_that_block() {
        say("ready");
        for pause in [0, 20, 110, 230] {
            let pause = Duration::from_millis(pause);
            let (there, from_here) = async_channel::bounded::<()>(1);
            let (back, from_there) = async_channel::bounded::<()>(1);
            let one = spawn(async move {
                for _ in 0..4 {
                    thread::sleep(pause);
                    there.send_blocking(()).unwrap();
                    block_on(from_there.recv()).unwrap();
                }
            });
            let other = spawn(async move {
                while block_on(from_here.recv()).is_ok() {
                    thread::sleep(pause);
                    back.send_blocking(()).unwrap();
                }
            });
            block_on(async {
                one.await.unwrap();
                other.await.unwrap();
            });
        }
    }

    fn without_a_free_descriptor() {
        let none = libc::rlimit {
            rlim_cur: 3,
            rlim_max: 3,
        };
        // SAFETY: takes a number, and reads `none`.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &none) }, 0);
        assert!(std::fs::File::open("/dev/null").is_err());
        philosophers();
    }

    fn main_waits_late() {
        let dinner = spawn(dine());
        thread::sleep(Duration::from_millis(500));
        block_on(dinner).unwrap();
    }

    fn two_threads_that_wait_late() {
        let other = spawn(dine());
        thread::spawn(|| {
            thread::sleep(Duration::from_millis(500));
            block_on(other).unwrap();
        });
        thread::sleep(Duration::from_millis(1_000));
        block_on(pending::<()>());
    }

    fn after_a_call_that_blocks() {
        block_on(async {
            executor::spawn_blocking(|| thread::sleep(Duration::from_millis(400)))
                .await
                .unwrap();
            block_in_place(|| thread::sleep(Duration::from_millis(400)));
            let _ = stderr().write_all(b"<awake so far>\n");
            dine().await;
        });
    }

    fn after_a_poll_that_blocks() {
        let blocks = spawn(async {
            thread::sleep(Duration::from_millis(800));
            let _ = stderr().write_all(b"<awake so far>\n");
        });
        block_on(async {
            blocks.await.unwrap();
            dine().await;
        });
    }

    fn after_a_timer() {
        block_on(async {
            sleep(Duration::from_millis(800)).await;
            let _ = stderr().write_all(b"<awake so far>\n");
            dine().await;
        });
    }

    /// All are asleep already when main still sleeps for a time.
    fn after_a_timer_of_main() {
        block_on(async {
            let dinner = spawn(dine());
            sleep(Duration::from_millis(800)).await;
            let _ = stderr().write_all(b"<awake so far>\n");
            dinner.await.unwrap();
        });
    }

    fn after_the_end_of_another() {
        let own = without_hand_off();
        let dinner = spawn(dine());
        thread::sleep(Duration::from_millis(800));
        let _ = stderr().write_all(b"<awake so far>\n");
        drop(own);
        block_on(dinner).unwrap();
    }

    #[cfg(feature = "net")]
    fn after_the_last_socket() {
        block_on(async {
            let listener = executor::net::TcpListener::bind("127.0.0.1:0")
                .await
                .unwrap();
            assert!(futures::FutureExt::now_or_never(listener.accept()).is_none());
            let dinner = spawn(dine());
            thread::sleep(Duration::from_millis(800));
            let _ = stderr().write_all(b"<awake so far>\n");
            drop(listener);
            dinner.await.unwrap();
        });
    }

    fn a_foreign_thread() {
        thread::spawn(|| {
            loop {
                thread::park();
            }
        });
        philosophers();
    }

    fn main_sleeps_elsewhere() {
        drop(spawn(dine()));
        loop {
            thread::park();
        }
    }

    fn a_thread_is_joined() {
        thread::spawn(philosophers).join().unwrap();
    }

    const HOUR: Duration = Duration::from_secs(3_600);

    fn an_hour() {
        drop(spawn(sleep(HOUR)));
        philosophers();
    }

    fn an_hour_in_main() {
        let _ = block_on(executor::time::timeout(HOUR, dine()));
    }

    fn an_hour_elsewhere() {
        // It is in the wheel of the default executor's monitor, for no worker polls it.
        let mut hour = Box::pin(sleep(HOUR));
        assert!(futures::FutureExt::now_or_never(&mut hour).is_none());
        let own = Executor::builder().workers(1).build().unwrap();
        own.block_on(dine());
    }

    fn a_call_that_blocks() {
        drop(executor::spawn_blocking(|| thread::sleep(HOUR)));
        philosophers();
    }

    fn a_foreign_block_on() {
        drop(spawn(async {
            futures::executor::block_on(pending::<()>())
        }));
        philosophers();
    }

    fn another_executor_without_hand_off() {
        let _own = without_hand_off();
        philosophers();
    }

    fn an_executor_without_hand_off() {
        without_hand_off().block_on(dine());
    }

    fn without_hand_off() -> Executor {
        Executor::builder()
            .workers(1)
            .handoff(false)
            .build()
            .unwrap()
    }

    /// It has nothing to do, and nobody waits.
    fn idle() {
        block_on(spawn(async {})).unwrap();
        say("ready");
        let own = Executor::new().unwrap();
        thread::sleep(Duration::from_millis(800));
        drop(own);
    }

    /// Something always happens in the end, and looks for a moment as if nothing would.
    fn restless() {
        say("ready");
        let (ping, pings) = async_channel::bounded::<()>(1);
        let (pong, pongs) = async_channel::bounded::<()>(1);
        // Two threads that wake each other, and no executor between.
        let other = thread::spawn(move || {
            block_on(async { while pings.recv().await.is_ok() && pong.send(()).await.is_ok() {} });
        });
        block_on(async {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(700) {
                ping.send(()).await.unwrap();
                pongs.recv().await.unwrap();
            }
            drop(ping);
        });
        other.join().unwrap();
        // Long polls and short ones, by turns on each side.
        for pause in [1, 20, 110, 230] {
            let pause = Duration::from_millis(pause);
            let (there, from_here) = async_channel::bounded::<()>(1);
            let (back, from_there) = async_channel::bounded::<()>(1);
            let task = spawn(async move {
                while from_here.recv().await.is_ok() {
                    thread::sleep(pause);
                    back.send(()).await.unwrap();
                }
            });
            block_on(async {
                for _ in 0..3 {
                    there.send(()).await.unwrap();
                    from_there.recv().await.unwrap();
                    thread::sleep(pause);
                    sleep(pause).await;
                }
                drop(there);
                task.await.unwrap();
            });
        }
    }

    fn in_a_forked_child() {
        // The parent's executor is asleep as it forks.
        block_on(spawn(async {})).unwrap();
        // SAFETY: the child uses what executors promise to a forked child, and ends by a signal.
        if unsafe { libc::fork() } == 0 {
            // SAFETY: it takes numbers. The child dies with its parent.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            let own = Executor::builder().workers(1).build().unwrap();
            own.block_on(dine());
        }
        loop {
            thread::park();
        }
    }

    #[cfg(feature = "net")]
    fn a_server_without_clients() {
        block_on(async {
            let listener = executor::net::TcpListener::bind("127.0.0.1:0")
                .await
                .unwrap();
            drop(spawn(async move { listener.accept().await.map(drop) }));
            dine().await;
        });
    }

    #[cfg(feature = "signal")]
    fn ctrl_c() {
        block_on(async {
            let dinner = spawn(dine());
            executor::signal::ctrl_c().await.unwrap();
            dinner.cancel().await;
        });
    }

    /// A child is waited for by its signal.
    #[cfg(feature = "signal")]
    fn a_child_process() {
        use executor::signal::{Signal, Signals};
        use futures::StreamExt;
        block_on(async {
            let mut ended = Signals::new([Signal::Chld]).unwrap();
            let child = std::process::Command::new("sleep").arg("0.8").spawn();
            let dinner = spawn(dine());
            ended.next().await.unwrap().unwrap();
            child.unwrap().wait().unwrap();
            dinner.cancel().await;
        });
    }
}

/// A program that runs.
struct Program {
    process: Child,
    began: Instant,
    said: Arc<Mutex<String>>,
    stdout: mpsc::Receiver<String>,
}

impl Program {
    fn start(name: &str) -> Program {
        Program::with(name, |_| ())
    }

    fn with(name: &str, prepare: impl FnOnce(&mut Command)) -> Program {
        let mut command = Command::new(env::current_exe().unwrap());
        command.env(PROGRAM, name);
        for variable in ["DEADLOCK", "DUMP", "SCHEDTRACE", "TRACK"] {
            command.env_remove(format!("EXECUTOR_{variable}"));
        }
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        prepare(&mut command);
        let began = Instant::now();
        let mut process = command.spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let heard = said.clone();
        let mut stderr = process.stderr.take().unwrap();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = stderr.read(&mut bytes) {
                heard
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        });
        let (tell, stdout) = mpsc::channel();
        let pipe = process.stdout.take().unwrap();
        thread::spawn(move || {
            let lines = std::io::BufRead::lines(std::io::BufReader::new(pipe));
            lines
                .map_while(Result::ok)
                .for_each(|line| drop(tell.send(line)));
        });
        Program {
            process,
            began,
            said,
            stdout,
        }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    #[track_caller]
    fn expect(&self, line: &str) {
        assert_eq!(
            self.stdout.recv_timeout(PATIENCE).as_deref(),
            Ok(line),
            "{}",
            self.said()
        );
    }

    #[track_caller]
    fn expect_said(&self, text: &str) {
        common::eventually(text, || self.said().contains(text));
    }

    /// Waits until it has said that all is over; returns in what time from its start.
    #[track_caller]
    fn expect_deadlock(&self) -> Duration {
        while !self.said().contains(SAID) {
            let waited = self.began.elapsed();
            assert!(waited < PATIENCE, "nothing is said: {}", self.said());
            thread::sleep(Duration::from_millis(1));
        }
        self.began.elapsed()
    }

    /// It runs on, and says nothing.
    #[track_caller]
    fn expect_silence(&mut self) {
        self.expect("<ready>");
        thread::sleep(LONG);
        assert_eq!(self.process.try_wait().unwrap(), None);
        assert!(!self.said().contains(SAID), "{}", self.said());
    }

    fn end(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "it runs on");
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn signal(&self, number: i32) {
        // SAFETY: takes numbers; the process has not been waited for, so the number is its own.
        assert_eq!(unsafe { libc::kill(self.process.id() as i32, number) }, 0);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const TESTS: &[Case] = &[
    (
        "three_philosophers_are_reported_within_a_second_with_main",
        three_philosophers_are_reported_within_a_second_with_main,
    ),
    (
        "whoever_waits_for_nothing_that_comes_is_reported",
        whoever_waits_for_nothing_that_comes_is_reported,
    ),
    (
        "it_is_reported_once_something_else_has_come_to_its_end",
        it_is_reported_once_something_else_has_come_to_its_end,
    ),
    (
        "it_is_reported_on_any_number_of_workers",
        it_is_reported_on_any_number_of_workers,
    ),
    ("it_is_reported_once", it_is_reported_once),
    (
        "no_thread_of_an_idle_executor_wakes_up_to_look",
        no_thread_of_an_idle_executor_wakes_up_to_look,
    ),
    (
        "it_is_reported_also_where_no_descriptor_is_free",
        it_is_reported_also_where_no_descriptor_is_free,
    ),
    ("abort_ends_the_process", abort_ends_the_process),
    ("off_is_silence", off_is_silence),
    (
        "an_empty_variable_is_as_good_as_none_and_report_is_the_default",
        an_empty_variable_is_as_good_as_none_and_report_is_the_default,
    ),
    (
        "another_value_panics_and_says_what_is_wanted",
        another_value_panics_and_says_what_is_wanted,
    ),
    (
        "nothing_is_said_while_somebody_else_may_wake_a_task",
        nothing_is_said_while_somebody_else_may_wake_a_task,
    ),
    (
        "nothing_is_said_where_the_executor_has_no_monitor",
        nothing_is_said_where_the_executor_has_no_monitor,
    ),
    (
        "nothing_is_said_of_programs_that_only_look_like_it",
        nothing_is_said_of_programs_that_only_look_like_it,
    ),
    (
        "nothing_is_said_in_a_forked_child",
        nothing_is_said_in_a_forked_child,
    ),
    (
        "a_process_that_is_stopped_and_continued_is_not_asleep",
        a_process_that_is_stopped_and_continued_is_not_asleep,
    ),
    #[cfg(feature = "net")]
    (
        "a_server_without_clients_stays_silent",
        a_server_without_clients_stays_silent,
    ),
    #[cfg(feature = "signal")]
    (
        "whoever_waits_for_ctrl_c_or_a_child_is_not_asleep",
        whoever_waits_for_ctrl_c_or_a_child_is_not_asleep,
    ),
];

fn three_philosophers_are_reported_within_a_second_with_main() {
    let in_time = (0..5).any(|_| {
        let program = Program::start("philosophers");
        let time = program.expect_deadlock();
        println!("said after {time:?}");
        // All four: main, and those who dine, who do the same.
        for line in [
            "3 tasks, 1 call of `block_on`; ",
            "block_on at ",
            "3 tasks at ",
        ] {
            program.expect_said(line);
        }
        // And where, if a dump can say it: down to the lock, which is tokio's.
        #[cfg(feature = "dump")]
        program.expect_said("src/sync/");
        time < Duration::from_secs(1)
    });
    assert!(in_time, "in none of 5 attempts");
}

fn whoever_waits_for_nothing_that_comes_is_reported() {
    for name in [
        "main_alone",
        "a_task_that_main_forgets",
        "a_group_without_a_handle",
        "two_executors",
        "an_executor_that_has_ended",
        "a_time_without_an_end",
        #[cfg(feature = "net")]
        "a_socket_that_nobody_waits_for",
        "a_task_that_blocks",
        "philosophers_in_a_task_that_blocks",
    ] {
        Program::start(name).expect_deadlock();
    }
}

fn it_is_reported_once_something_else_has_come_to_its_end() {
    for name in [
        "after_a_call_that_blocks",
        "after_a_poll_that_blocks",
        "after_a_timer",
        "after_a_timer_of_main",
        "after_the_end_of_another",
        #[cfg(feature = "net")]
        "after_the_last_socket",
    ] {
        let program = Program::start(name);
        program.expect_deadlock();
        assert!(program.said().starts_with("<awake so far>\n"), "{name}");
    }
    for name in ["main_waits_late", "two_threads_that_wait_late"] {
        let program = Program::start(name);
        let after = program.expect_deadlock();
        assert!(after > Duration::from_millis(500), "{name}");
    }
}

fn it_is_reported_on_any_number_of_workers() {
    for workers in ["1", "2", "64"] {
        let program = Program::with("philosophers", |command| {
            command.env("EXECUTOR_WORKERS", workers);
        });
        program.expect_deadlock();
    }
    // The threads that print are the executor's; and wakers that are counted are wakers.
    let program = Program::with("philosophers", |command| {
        command.env("EXECUTOR_SCHEDTRACE", "3600000");
        command.env("EXECUTOR_TRACK", "1");
        if cfg!(feature = "signal") {
            command.env("EXECUTOR_DUMP", "USR1");
        }
    });
    program.expect_deadlock();
}

fn no_thread_of_an_idle_executor_wakes_up_to_look() {
    for name in ["a_foreign_thread", "an_hour", "philosophers"] {
        let program = Program::start(name);
        program.expect("<ready>");
        // Some busy machine may be late with the looks that there are.
        let asleep = (0..20).any(|_| {
            let before = wake_ups(&program);
            thread::sleep(LONG / 3);
            wake_ups(&program) == before
        });
        assert!(asleep, "{name}");
    }
}

/// How often the threads of a program have fallen asleep, thread by thread.
fn wake_ups(program: &Program) -> Vec<String> {
    let tasks = format!("/proc/{}/task", program.process.id());
    let mut lines: Vec<_> = std::fs::read_dir(tasks)
        .unwrap()
        .map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).unwrap())
        .map(|status| {
            let mut lines = status.lines();
            let line = lines.find(|line| line.starts_with("voluntary_ctxt_switches"));
            line.unwrap().to_owned()
        })
        .collect();
    lines.sort();
    lines
}

fn it_is_reported_once() {
    // Two monitors find it.
    let program = Program::start("two_executors");
    program.expect_deadlock();
    program.expect_said("executor 1 ");
    for signal in [libc::SIGSTOP, libc::SIGCONT] {
        thread::sleep(LONG / 4);
        program.signal(signal);
    }
    thread::sleep(LONG / 2);
    assert_eq!(program.said().matches(SAID).count(), 1);
}

fn it_is_reported_also_where_no_descriptor_is_free() {
    Program::start("without_a_free_descriptor").expect_deadlock();
}

fn abort_ends_the_process() {
    let mut program = Program::with("philosophers", |command| {
        command.env("EXECUTOR_DEADLOCK", "abort");
    });
    program.expect_deadlock();
    assert_eq!(program.end().signal(), Some(libc::SIGABRT));
    let mut silent = Program::with("an_hour", |command| {
        command.env("EXECUTOR_DEADLOCK", "abort");
    });
    silent.expect_silence();
}

fn off_is_silence() {
    let mut program = Program::with("philosophers", |command| {
        command.env("EXECUTOR_DEADLOCK", "off");
    });
    program.expect_silence();
}

fn an_empty_variable_is_as_good_as_none_and_report_is_the_default() {
    for value in ["", "report"] {
        let mut program = Program::with("philosophers", |command| {
            command.env("EXECUTOR_DEADLOCK", value);
        });
        program.expect_deadlock();
        thread::sleep(Duration::from_millis(100));
        assert_eq!(program.process.try_wait().unwrap(), None, "it goes on");
    }
}

fn another_value_panics_and_says_what_is_wanted() {
    for value in ["on", "1", "Report", " off"] {
        for name in ["philosophers", "an_executor_without_hand_off"] {
            let mut program = Program::with(name, |command| {
                command.env("EXECUTOR_DEADLOCK", value);
            });
            assert_eq!(program.end().code(), Some(101), "{value}");
            let wanted =
                format!("EXECUTOR_DEADLOCK is {value:?}, but must be report, abort or off");
            program.expect_said(&wanted);
        }
    }
}

fn nothing_is_said_while_somebody_else_may_wake_a_task() {
    let names = [
        "a_foreign_thread",
        "main_sleeps_elsewhere",
        "a_thread_is_joined",
        "an_hour",
        "an_hour_in_main",
        "an_hour_elsewhere",
        "a_call_that_blocks",
        "a_call_below_a_task_that_blocks",
        "a_foreign_block_on",
    ];
    expect_silence(&names);
}

fn nothing_is_said_where_the_executor_has_no_monitor() {
    expect_silence(&[
        "another_executor_without_hand_off",
        "an_executor_without_hand_off",
    ]);
}

#[track_caller]
fn expect_silence(names: &[&str]) {
    let mut programs: Vec<_> = names.iter().map(|name| Program::start(name)).collect();
    for (program, name) in programs.iter_mut().zip(names) {
        println!("{name}");
        // After the first the others have had their time.
        program.expect_silence();
    }
}

fn nothing_is_said_of_programs_that_only_look_like_it() {
    for name in ["idle", "restless", "restless_tasks_that_block"] {
        let mut program = Program::start(name);
        program.expect("<ready>");
        let status = program.end();
        assert!(status.success(), "{name}: {status}");
        assert_eq!(program.said(), "", "{name}");
    }
}

fn nothing_is_said_in_a_forked_child() {
    Program::start("in_a_forked_child").expect_silence();
}

fn a_process_that_is_stopped_and_continued_is_not_asleep() {
    let mut program = Program::start("restless");
    program.expect("<ready>");
    for _ in 0..10 {
        program.signal(libc::SIGSTOP);
        thread::sleep(Duration::from_millis(150));
        program.signal(libc::SIGCONT);
        thread::sleep(Duration::from_millis(50));
    }
    assert!(program.end().success());
    assert_eq!(program.said(), "");
}

#[cfg(feature = "net")]
fn a_server_without_clients_stays_silent() {
    expect_silence(&["a_server_without_clients"]);
}

#[cfg(feature = "signal")]
fn whoever_waits_for_ctrl_c_or_a_child_is_not_asleep() {
    let mut program = Program::start("ctrl_c");
    program.expect_silence();
    program.signal(libc::SIGINT);
    assert!(program.end().success());
    let mut program = Program::start("a_child_process");
    program.expect("<ready>");
    assert!(program.end().success());
    assert_eq!(program.said(), "");
}
