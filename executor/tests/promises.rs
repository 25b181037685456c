//! The promises of the executor, each once more while the system refuses something: the tests are
//! named `<what is refused>::<promise>`. The matrix in CONTRIBUTING.md says which there are, and why
//! others are not.
#![cfg(all(target_os = "linux", not(loom)))]

mod common;

use common::{
    Gate, Ledger, OnDrop, eventually, full_pipe, in_own_process,
    limits::{become_an_ordinary_user, in_fork, limit_threads},
    quiet_panic, sanitized, watchdog,
};
use executor::{
    Executor, Handle, TaskBuilder, TaskId,
    time::{interval, sleep, timeout},
};
use futures::future::join_all;
use std::{
    collections::BTreeSet,
    env,
    fs::{self, File},
    future::{Future, pending, poll_fn, ready},
    io, mem,
    os::fd::{AsRawFd, IntoRawFd, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::{self, Command},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

const MOMENT: Duration = Duration::from_millis(3);

/// What a promise is tested on: two workers, one of which a test may block.
fn two_workers() -> Executor {
    common::executor(2)
}

/// The tests of one fault: it has begun before the promise is put to the test.
macro_rules! under {
    ($($fault:ident: $($promise:ident)*;)*) => {$(
        mod $fault {
            $(
                #[test]
                fn $promise() {
                    super::in_own_process(|| super::faults::$fault(super::promises::$promise));
                }
            )*
        }
    )*};
}

under! {
    threads_refused: block_on block_on_in_a_task spawn a_task_that_panics drop_of_a_handle abort
        drop_of_the_executor fairness handle timers foreign_code owned_executors idle;
    no_descriptors: block_on block_on_in_a_task spawn a_task_that_panics drop_of_a_handle abort
        drop_of_the_executor blocking_in_a_task fairness handle timers foreign_code owned_executors
        idle;
    no_proc: block_on block_on_in_a_task spawn a_task_that_panics drop_of_a_handle abort
        drop_of_the_executor blocking_in_a_task fairness handle timers foreign_code owned_executors
        idle;
    stderr_closed: block_on block_on_in_a_task spawn a_task_that_panics drop_of_a_handle abort
        drop_of_the_executor blocking_in_a_task fairness handle timers foreign_code owned_executors;
    stderr_full: block_on block_on_in_a_task spawn a_task_that_panics drop_of_a_handle abort
        drop_of_the_executor blocking_in_a_task fairness handle timers foreign_code owned_executors;
    forked: block_on block_on_in_a_task spawn a_task_that_panics drop_of_a_handle abort
        drop_of_the_executor blocking_in_a_task fairness handle timers foreign_code owned_executors
        idle;
    stopped: block_on block_on_in_a_task spawn a_task_that_panics drop_of_a_handle abort
        drop_of_the_executor blocking_in_a_task fairness handle timers foreign_code owned_executors
        idle;
}

/// What the system does to a process in which a promise is put to the test.
mod faults {
    use super::*;

    pub fn threads_refused(promise: fn(Executor)) {
        let own = two_workers();
        become_an_ordinary_user();
        limit_threads(1);
        let refused = thread::Builder::new().spawn(|| {});
        assert!(refused.is_err(), "the limit does not hold");
        promise(own);
        // A sanitizer has threads, too.
        limit_threads(libc::RLIM_INFINITY);
    }

    pub fn no_descriptors(promise: fn(Executor)) {
        // Few, so that taking them is quick.
        let limit = libc::rlimit {
            rlim_cur: 100,
            rlim_max: 100,
        };
        // SAFETY: it reads a struct of ours.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
        let all: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        promise(two_workers());
        drop(all);
    }

    pub fn no_proc(promise: fn(Executor)) {
        if sanitized() {
            // It reads there itself.
            return;
        }
        // SAFETY: a path that ends with a NUL.
        if unsafe { libc::chroot(c"/dev".as_ptr()) } != 0 {
            println!("not allowed: {}", io::Error::last_os_error());
            return;
        }
        assert!(!Path::new("/proc/self").exists());
        promise(two_workers());
    }

    pub fn stderr_closed(promise: fn(Executor)) {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        traced_into(writer.into(), promise);
    }

    pub fn stderr_full(promise: fn(Executor)) {
        let (reader, full) = full_pipe();
        traced_into(full.into(), promise);
        drop(reader);
    }

    /// With so much to write that some of it is on the way at any time.
    fn traced_into(stderr: OwnedFd, promise: fn(Executor)) {
        // SAFETY: two open files.
        assert_eq!(unsafe { libc::dup2(stderr.as_raw_fd(), 2) }, 2);
        // SAFETY: no other thread of this process reads the environment meanwhile.
        unsafe { env::set_var("EXECUTOR_SCHEDTRACE", "1") };
        promise(two_workers());
        // A panic of the test's own is not for a pipe that nobody empties.
        let _ = stderr.into_raw_fd();
    }

    /// In a child of a process that has executors, on one of its own.
    pub fn forked(promise: fn(Executor)) {
        let parents = two_workers();
        parents.block_on(parents.spawn(async {})).unwrap();
        executor::block_on(executor::spawn(async {})).unwrap();
        in_fork(|| promise(two_workers()));
        parents.block_on(parents.spawn(async {})).unwrap();
    }

    /// Again and again, for half a second.
    pub fn stopped(promise: fn(Executor)) {
        let own = two_workers();
        let script = format!(
            "for i in 1 2 3 4 5 6; do kill -STOP {0}; sleep 0.06; kill -CONT {0}; sleep 0.02; done",
            process::id()
        );
        let mut shell = Command::new("sh").args(["-c", &script]).spawn().unwrap();
        promise(own);
        assert!(shell.wait().unwrap().success());
    }
}

/// Each on an executor with two workers.
mod promises {
    use super::*;

    pub fn block_on(own: Executor) {
        let (gate, inside) = (Gate::new(), Gate::new());
        let blocks = blocked(&own, &gate, &inside);
        let caller = thread::current().id();
        let future = async {
            sleep(MOMENT).await;
            thread::current().id()
        };
        assert_eq!(own.block_on(future), caller);
        let panics = || own.block_on(async { quiet_panic("in block_on") });
        catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
        gate.open();
        own.block_on(blocks).unwrap();
    }

    /// A task that sits in its poll until the gate opens.
    fn blocked(own: &Executor, gate: &Gate, inside: &Gate) -> executor::JoinHandle<()> {
        let (waits, says) = (gate.clone(), inside.clone());
        let task = own.spawn(async move {
            says.open();
            waits.wait();
        });
        inside.wait();
        task
    }

    pub fn block_on_in_a_task(own: Executor) {
        let nested = || executor::block_on(async { executor::spawn(async { 7 }).await.unwrap() });
        let twice = own.spawn(async move { nested() + nested() });
        assert_eq!(own.block_on(twice).unwrap(), 14);
    }

    pub fn spawn(own: Executor) {
        let (ledger, handle) = (Ledger::new(), own.handle());
        let (of_drop, guard) = (handle.clone(), ledger.guard());
        let mut guard = Some(guard);
        let spawns = OnDrop(move || {
            let guard = guard.take();
            drop(of_drop.spawn(async move { drop(guard) }));
        });
        own.block_on(own.spawn(async move { drop(spawns) }))
            .unwrap();
        eventually("it has run", || ledger.dropped() == 1);
        drop(own);
        let guard = ledger.guard();
        let late = handle.spawn(async move { drop(guard) });
        assert_eq!(ledger.dropped(), 2, "at once");
        assert!(handle.block_on(late).unwrap_err().is_cancelled());
    }

    pub fn a_task_that_panics(own: Executor) {
        for name in ["first", "second", "third"] {
            let task = TaskBuilder::new()
                .name(name)
                .spawn_on(async { quiet_panic("in a task") }, &own.handle());
            let end = own.block_on(async { task.await.map(|never: ()| never) });
            let payload = end.unwrap_err().into_panic();
            assert_eq!(*payload.downcast::<&str>().unwrap(), "in a task");
        }
        assert_eq!(own.block_on(own.spawn(async { 7 })).unwrap(), 7);
    }

    pub fn drop_of_a_handle(own: Executor) {
        let ledger = Ledger::new();
        let guard = ledger.guard();
        drop(own.spawn(async move {
            sleep(MOMENT).await;
            drop(guard);
        }));
        eventually("it goes on", || ledger.dropped() == 1);
    }

    pub fn abort(own: Executor) {
        let dropper = Arc::new(Mutex::new(None));
        let told = dropper.clone();
        let says = OnDrop(move || *told.lock().unwrap() = Some(thread::current().id()));
        let task = own.spawn(async move {
            let _says = says;
            pending::<()>().await
        });
        eventually("it waits", || own.metrics().suspended_tasks() == 1);
        task.abort();
        assert!(own.block_on(task).unwrap_err().is_cancelled());
        let dropper = dropper.lock().unwrap().expect("it was dropped");
        assert_ne!(dropper, thread::current().id(), "by a worker");
    }

    pub fn drop_of_the_executor(own: Executor) {
        let (ledger, handle) = (Ledger::new(), own.handle());
        for _ in 0..10 {
            own.spawn(ledger.track(pending::<()>()));
        }
        drop(own);
        ledger.assert_settled();
        assert_eq!(handle.metrics().threads(), 0);
    }

    pub fn blocking_in_a_task(own: Executor) {
        let gate = Gate::new();
        let blocks = (0..6).map(|i| {
            let gate = gate.clone();
            own.spawn(async move {
                match i % 3 {
                    0 => gate.wait(),
                    1 => executor::block_in_place(|| gate.wait()),
                    _ => executor::spawn_blocking(move || gate.wait()).await.unwrap(),
                }
            })
        });
        let blocks: Vec<_> = blocks.collect();
        let opener = gate.clone();
        let opens = own.spawn(async move {
            sleep(MOMENT).await;
            opener.open();
        });
        own.block_on(opens).unwrap();
        own.block_on(join_all(blocks));
    }

    pub fn fairness(own: Executor) {
        let over = Arc::new(AtomicBool::new(false));
        let yields = (0..4).map(|_| {
            let over = over.clone();
            own.spawn(async move {
                while !over.load(SeqCst) {
                    executor::yield_now().await;
                }
            })
        });
        let yields: Vec<_> = yields.collect();
        let endless = own.spawn(async {
            loop {
                sleep(Duration::ZERO).await;
            }
        });
        own.block_on(own.spawn(sleep(MOMENT))).unwrap();
        endless.abort();
        assert!(own.block_on(endless).unwrap_err().is_cancelled());
        over.store(true, SeqCst);
        own.block_on(join_all(yields));
    }

    pub fn handle(own: Executor) {
        let name = format!("{:?}", own.handle());
        let current = || Handle::try_current().map(|handle| format!("{handle:?}"));
        assert_eq!(current(), None);
        assert_eq!(own.block_on(async { current() }), Some(name.clone()));
        let of_task = own.spawn(async move { current() });
        assert_eq!(own.block_on(of_task).unwrap(), Some(name.clone()));
        let handle = own.handle();
        drop(own);
        let entered = handle.enter();
        assert_eq!(current(), Some(name));
        drop(entered);
        assert_eq!(current(), None);
    }

    async fn all_timers() {
        let begin = Instant::now();
        sleep(MOMENT).await;
        assert!(begin.elapsed() >= MOMENT, "never early");
        timeout(MOMENT, pending::<()>()).await.unwrap_err();
        assert_eq!(timeout(Duration::ZERO, ready(7)).await.unwrap(), 7);
        let mut ticks = interval(MOMENT);
        let tick = Box::pin(ticks.tick());
        assert!(futures::poll!(tick).is_ready(), "the first is immediate");
        ticks.tick().await;
    }

    pub fn timers(own: Executor) {
        own.block_on(all_timers());
        own.block_on(own.spawn(all_timers())).unwrap();
        let nested = || async { futures::executor::block_on(sleep(MOMENT)) };
        own.block_on(own.spawn(nested())).unwrap();
    }

    /// Waits as it is woken.
    struct Waits {
        inside: Gate,
        gate: Gate,
    }

    impl Wake for Waits {
        fn wake(self: Arc<Self>) {
            self.inside.open();
            self.gate.wait();
        }
    }

    pub fn foreign_code(own: Executor) {
        // A waker of a timer takes its time, on the worker that fires it.
        let waits = Arc::new(Waits {
            inside: Gate::new(),
            gate: Gate::new(),
        });
        let waker = Waker::from(waits.clone());
        let mut slow = Box::pin(sleep(MOMENT));
        let slow = own.spawn(poll_fn(move |_| {
            let cx = &mut Context::from_waker(&waker);
            // It is over at once if the process is stopped before the poll.
            while slow.as_mut().poll(cx).is_ready() {
                slow = Box::pin(sleep(MOMENT));
            }
            Poll::Ready([mem::replace(&mut slow, Box::pin(sleep(MOMENT)))])
        }));
        let slow = own.block_on(slow).unwrap();
        eventually("it is woken", || waits.inside.is_open());
        own.block_on(own.spawn(sleep(MOMENT))).unwrap();
        // A destructor panics, and spawns.
        let bomb = OnDrop(|| {
            drop(executor::spawn(async {}));
            quiet_panic("from a drop");
        });
        let panics = own.spawn(async move { drop(bomb) });
        assert!(own.block_on(panics).unwrap_err().is_panic());
        // Nobody waits longer than he wants to.
        let handle = own.handle();
        let end = own.shutdown_timeout(MOMENT).unwrap_err();
        assert!(end.threads() > 0);
        waits.gate.open();
        eventually("it ends", || handle.metrics().threads() == 0);
        drop(slow);
    }

    pub fn owned_executors(own: Executor) {
        // SAFETY: no other thread of this process reads the environment meanwhile.
        unsafe { env::set_var("EXECUTOR_WORKERS", "nonsense") };
        let set = || join_all((0..40).map(|_| sleep(MOMENT)));
        own.block_on(set());
        own.block_on(own.spawn(async move { set().await })).unwrap();
        assert!(TaskId::current().is_none() && Handle::try_current().is_none());
    }

    pub fn idle(own: Executor) {
        own.spawn(pending::<()>());
        thread::sleep(Duration::from_millis(100));
        let before = cpu_time();
        thread::sleep(Duration::from_millis(300));
        let used = cpu_time() - before;
        assert!(used < Duration::from_millis(30), "{used:?}");
    }

    /// What all threads of this process have had of the cores.
    fn cpu_time() -> Duration {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: it writes to `time`, which is ours.
        let asked = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
        assert_eq!(asked, 0);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}

/// In a cell of the matrix: the tests of this file for the row and the column.
const HERE: &str = "●";

/// The rows of the matrix in CONTRIBUTING.md, each a list of cells.
fn matrix() -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../CONTRIBUTING.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, text) = text.split_once("## Promises and faults").unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    rows.map(cells).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The tests of this file, as the harness knows them.
fn tests_here() -> BTreeSet<String> {
    let own = Command::new(env::current_exe().unwrap())
        .arg("--list")
        .output()
        .unwrap();
    let text = String::from_utf8(own.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
    let names = names.filter(|name| name.contains("::"));
    names.map(str::to_owned).collect()
}

/// Whether a file of tests, `tests/<file>.rs` or `tests/<file>/…`, has a test of this name.
fn exists(file: &str, test: &str) -> bool {
    fn texts(path: &Path, texts_of: &mut String) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                texts(&entry.unwrap().path(), texts_of);
            }
        } else if let Ok(text) = fs::read_to_string(path) {
            texts_of.push_str(&text);
        }
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut text = String::new();
    texts(&tests.join(format!("{file}.rs")), &mut text);
    if tests.join(file).is_dir() {
        texts(&tests.join(file), &mut text);
    }
    text.contains(&format!("fn {test}("))
}

#[test]
fn each_cell_of_the_matrix_in_contributing_is_a_test_that_exists_or_a_reason() {
    let _watchdog = watchdog(60);
    let rows = matrix();
    let (columns, rows) = (&rows[0], &rows[2..]);
    let mut named = BTreeSet::new();
    for row in rows {
        assert_eq!(row.len(), columns.len(), "{row:?}");
        let promise = quoted(&row[0]).next().expect("a row names its promise");
        for (cell, column) in row.iter().zip(columns).skip(1) {
            assert!(!cell.is_empty(), "neither a test nor a reason: {row:?}");
            if cell == HERE {
                named.extend(quoted(column).map(|fault| format!("{fault}::{promise}")));
            }
            for test in quoted(cell) {
                let (file, test) = test.split_once("::").expect("a file and a test");
                let test = test.rsplit("::").next().expect("not empty");
                assert!(exists(file, test), "{file} has no test {test}");
            }
        }
    }
    assert_eq!(named, tests_here());
    assert!(rows.len() >= 14, "{} promises", rows.len());
}
