//! What the integration tests share: a watchdog, drop counting, gates, child processes, figures
//! about the process.
#![allow(dead_code, unused_imports)] // Each test binary uses a part of it.

pub mod mischief;
mod scale;

use executor::{Executor, Metrics};
pub use scale::{effort, few_workers, total, worker_counts};
use std::{
    cell::Cell,
    env,
    fmt::Display,
    fs,
    future::{Future, poll_fn},
    io::{self, Write},
    panic::Location,
    pin::Pin,
    process::{self, Command, Output, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Poll, Waker},
    thread,
    time::{Duration, Instant},
};

/// Far longer than anything tested takes on a busy machine; for conditions that come by themselves.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Aborts the process, with the name of the test, unless it is dropped in time.
#[must_use = "dropped at once it watches nothing"]
pub struct Watchdog(Option<(mpsc::Sender<()>, thread::JoinHandle<()>)>);

impl Drop for Watchdog {
    /// Its thread is gone then: LeakSanitizer takes what a thread holds that is ending as the process
    /// does for a leak.
    fn drop(&mut self) {
        let (alive, thread) = self.0.take().expect("dropped once");
        drop(alive);
        thread.join().expect("it does not panic");
    }
}

/// Starts a [`Watchdog`] for what takes a small part of so many seconds with the usual effort on a
/// machine that has nothing else to do. It waits three times as long: what hangs, hangs for ever.
#[track_caller]
pub fn watchdog(seconds: u64) -> Watchdog {
    let seconds = 3 * seconds * scale::asked_effort() as u64;
    let place = Location::caller();
    let test = thread::current().name().unwrap_or("?").to_owned();
    let (alive, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let end = ended.recv_timeout(Duration::from_secs(seconds));
        if end == Err(mpsc::RecvTimeoutError::Timeout) {
            let text = format!("\nwatchdog: test `{test}` ({place}) hangs: {seconds} s are over\n");
            // Not `eprintln`, which the test harness captures.
            let _ = io::stderr().write_all(text.as_bytes());
            process::abort();
        }
    });
    Watchdog(Some((alive, thread)))
}

/// An executor with `workers` workers.
pub fn executor(workers: usize) -> Executor {
    Executor::builder().workers(workers).build().unwrap()
}

/// An executor whose threads are its workers and nobody else: no stand-in comes, also when the
/// machine is so busy that a worker looks stuck.
pub fn steady_executor(workers: usize) -> Executor {
    Executor::builder()
        .workers(workers)
        .handoff(false)
        .build()
        .unwrap()
}

/// An executor whose stand-ins come for calls that announce themselves, and for nothing else.
pub fn patient_executor(workers: usize) -> Executor {
    let builder = Executor::builder().workers(workers);
    builder
        .handoff_after(Duration::from_secs(3600))
        .build()
        .unwrap()
}

/// Waits until `condition` holds, which it must soon.
#[track_caller]
pub fn eventually(what: impl Display, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// Whether all threads are asleep. (One that steps back counts as asleep before it wakes another for what
/// it leaves.)
pub fn is_at_rest(metrics: &Metrics) -> bool {
    metrics.idle_threads() == metrics.threads() && metrics.searching_threads() == 0
}

/// The executor still does its work, and has lost no thread.
#[track_caller]
pub fn assert_sound(own: &Executor) {
    for i in 0..50 {
        assert_eq!(own.block_on(own.spawn(async move { i })).unwrap(), i);
    }
    assert!(own.metrics().threads() >= own.metrics().workers());
}

/// Panics without the panic hook's noise.
pub fn quiet_panic(text: &'static str) -> ! {
    std::panic::resume_unwind(Box::new(text))
}

/// Counts guards made and guards dropped.
#[derive(Clone, Default, Debug)]
pub struct Ledger(Arc<Entries>);

#[derive(Default, Debug)]
struct Entries {
    made: AtomicUsize,
    dropped: AtomicUsize,
}

/// Notes its drop in the [`Ledger`] it came from.
#[derive(Debug)]
pub struct Guard(Ledger);

impl Ledger {
    pub fn new() -> Ledger {
        Ledger::default()
    }

    pub fn guard(&self) -> Guard {
        self.0.made.fetch_add(1, SeqCst);
        Guard(self.clone())
    }

    pub fn made(&self) -> usize {
        self.0.made.load(SeqCst)
    }

    pub fn dropped(&self) -> usize {
        self.0.dropped.load(SeqCst)
    }

    /// Each guard that was made has been dropped, once.
    #[track_caller]
    pub fn assert_settled(&self) {
        assert_eq!(self.dropped(), self.made(), "guards dropped, guards made");
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.dropped.fetch_add(1, SeqCst);
    }
}

/// Blocks threads until it is opened, without telling the executor.
#[derive(Clone, Default, Debug)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn new() -> Gate {
        Gate::default()
    }

    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub fn is_open(&self) -> bool {
        *self.0.0.lock().unwrap()
    }

    /// Not for ever, so that a test that fails before it opens the gate comes to its end.
    pub fn wait(&self) {
        let closed = self.0.0.lock().unwrap();
        drop(
            self.0
                .1
                .wait_timeout_while(closed, PATIENCE * 3 / 2, |open| !*open)
                .unwrap(),
        );
    }
}

/// Wakers that somebody else is to wake: tasks that wait here leave theirs behind.
#[derive(Clone, Default, Debug)]
pub struct Wakers(Arc<Mutex<Vec<Waker>>>);

impl Wakers {
    pub fn new() -> Wakers {
        Wakers::default()
    }

    pub fn add(&self, waker: &Waker) {
        self.0.lock().unwrap().push(waker.clone());
    }

    pub fn take(&self) -> Vec<Waker> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Never ready; leaves a waker here at each poll.
    pub fn forever(&self) -> impl Future<Output = ()> + Send + use<> {
        let wakers = self.clone();
        poll_fn(move |cx| {
            wakers.add(cx.waker());
            Poll::Pending
        })
    }

    /// Pending once, with its waker left here.
    pub fn once(&self) -> impl Future<Output = ()> + Send + use<> {
        let wakers = self.clone();
        let mut waited = false;
        poll_fn(move |cx| {
            if waited {
                return Poll::Ready(());
            }
            waited = true;
            wakers.add(cx.waker());
            Poll::Pending
        })
    }
}

/// Runs a closure as it is dropped.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Has `f` called by the destructor of a thread-local variable as this thread ends; a second call
/// replaces the first.
pub fn at_thread_end(f: impl FnOnce() + 'static) {
    struct AtEnd(Cell<Option<Box<dyn FnOnce()>>>);

    impl Drop for AtEnd {
        fn drop(&mut self) {
            if let Some(f) = self.0.take() {
                f();
            }
        }
    }

    thread_local!(static AT_END: AtEnd = const { AtEnd(Cell::new(None)) });
    AT_END.with(|at_end| at_end.0.set(Some(Box::new(f))));
}

/// A future on the heap, for recursion.
pub type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Spins for that long: works, as the scheduler sees it.
pub fn work_for(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Set in a process that [`in_own_process`] or [`child`] has started.
const CHILD: &str = "EXECUTOR_TEST_CHILD";

/// Whether this process was started for the sake of one test.
pub fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// A command that runs the test of that name (with its modules) in a process of its own, without
/// the variables that the executor heeds.
pub fn child(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command
        .env(CHILD, "1")
        .env_remove("EXECUTOR_WORKERS")
        .env_remove("EXECUTOR_SCHEDTRACE");
    command
}

/// Runs a command to its end.
pub fn output_of(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// Whether a process made by [`child`] ran its one test, and that passed. (Its exit code alone says
/// as much of a name that fits no test.)
pub fn passed(output: &Output) -> bool {
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success() && text.contains("test result: ok. 1 passed;")
}

/// Panics, with all that it has printed, unless the test of a process made by [`child`] passed.
#[track_caller]
pub fn assert_passed(what: impl Display, output: &Output) {
    assert!(
        passed(output),
        "{what}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs `body` in a process of its own: because it could end the process, or because it measures
/// the process. `test` is the calling test's full name. Passes `EXECUTOR_WORKERS` on.
#[track_caller]
pub fn in_own_process(test: &str, body: impl FnOnce()) {
    if is_child() {
        return body();
    }
    let mut command = child(test);
    if let Some(workers) = env::var_os("EXECUTOR_WORKERS") {
        command.env("EXECUTOR_WORKERS", workers);
    }
    assert_passed(format!("{test} in its own process"), &output_of(command));
}

/// Threads of this process, or only those with that name.
#[cfg(target_os = "linux")]
pub fn threads(name: Option<&str>) -> usize {
    let tasks = fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(Result::ok);
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names
        .filter(|comm| name.is_none_or(|name| comm.trim_end() == name))
        .count()
}

/// Open files of this process.
#[cfg(target_os = "linux")]
pub fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Whether a sanitizer runs along, as who starts the tests says: its own memory, and what it holds back
/// of ours that has been freed, must not be measured.
pub fn sanitized() -> bool {
    env::var_os("EXECUTOR_TEST_SANITIZED").is_some()
}

/// Bytes of memory that are resident.
#[cfg(target_os = "linux")]
pub fn resident_bytes() -> usize {
    number_after(&fs::read_to_string("/proc/self/status").unwrap(), "VmRSS:") << 10
}

/// The sum over all threads of (nanoseconds on a CPU, times they went to sleep).
#[cfg(target_os = "linux")]
pub fn activity() -> (u64, usize) {
    let mut sum = (0, 0);
    for task in fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(Result::ok)
    {
        let on_cpu = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let on_cpu = on_cpu
            .split_whitespace()
            .next()
            .and_then(|ns| ns.parse::<u64>().ok());
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        sum.0 += on_cpu.unwrap_or(0);
        sum.1 += number_after(&status, "\nvoluntary_ctxt_switches:");
    }
    sum
}

#[cfg(target_os = "linux")]
fn number_after(text: &str, key: &str) -> usize {
    let rest = text.split_once(key).map_or("0", |(_, rest)| rest);
    rest.split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}
