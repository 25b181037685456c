//! Random programs on random schedules of the whole scheduler, which is too large for loom.
//!
//! A program is a tree of tasks that spawn, wait for, abort and wake each other, sleep, block and
//! panic, on an executor that ends when all is done or in the midst of it. It follows from its
//! seed, each decision from the seed, the task and the step; the schedule does not. So the seed
//! that a failure prints is to be tried often:
//!
//! ```sh
//! EXECUTOR_TEST_SEED=42 cargo test --release -p executor --test schedules
//! ```
//!
//! runs that one program as many times as `EXECUTOR_TEST_PROGRAMS` says. The first seed of a run is
//! printed as it starts, for a failure that leaves no time to say more. (Schedules that can be
//! replayed, of smaller programs, are in `src/scheduler/schedules`.)

mod common;

use common::{Boxed, Ledger, OnDrop, Wakers, at_thread_end, eventually};
use executor::{Executor, Handle, JoinError, JoinHandle, block_in_place, time};
use fastrand::Rng;
use futures::{FutureExt, channel::oneshot};
use std::{
    env,
    future::{pending, poll_fn},
    io::{self, Write},
    panic::resume_unwind,
    pin::Pin,
    process,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    thread,
    time::{Duration, Instant},
};

/// Programs that are run at once: more than there are cores, for schedules that nobody would think
/// of.
const LANES: usize = 4;

/// Programs, if the environment does not say how many: some seconds of them.
const PROGRAMS: usize = if cfg!(debug_assertions) {
    6_000
} else {
    20_000
};

/// The numbers of an actor's steps begin here, above those of its children.
const STEPS: u64 = 1 << 32;

/// Tasks below a root, one below the other.
const DEPTH: usize = 4;

/// Far longer than any program takes.
const LIMIT: Duration = Duration::from_secs(30);

const THREAD_NAME: &str = "schedules";

#[test]
fn on_any_schedule_each_future_is_dropped_once_and_each_handle_settles() {
    let seed = variable("EXECUTOR_TEST_SEED");
    let programs = variable("EXECUTOR_TEST_PROGRAMS").map_or(PROGRAMS, |count| count as usize);
    let first = seed.unwrap_or_else(|| fastrand::u64(..));
    tell(&format!(
        "the first of {programs} programs is EXECUTOR_TEST_SEED={first}"
    ));
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                let lane = Lane::new();
                while let Some(index) = Some(next.fetch_add(1, SeqCst)).filter(|i| *i < programs) {
                    let index = if seed.is_some() { 0 } else { index as u64 };
                    lane.run(first.wrapping_add(index));
                }
            });
        }
    });
    #[cfg(target_os = "linux")]
    eventually("no thread is left", || {
        common::threads(Some(THREAD_NAME)) == 0
    });
}

fn variable(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
    )
}

/// Runs one program after the other; whatever goes wrong, its seed is told.
struct Lane(Arc<Mutex<(u64, Instant)>>);

impl Lane {
    fn new() -> Lane {
        let running = Arc::new(Mutex::new((0, Instant::now())));
        let watched = Arc::downgrade(&running);
        thread::spawn(move || watch(&watched));
        Lane(running)
    }

    fn run(&self, seed: u64) {
        *self.0.lock().unwrap() = (seed, Instant::now());
        let _tell = OnDrop(|| {
            if thread::panicking() {
                tell(&format!("the program of EXECUTOR_TEST_SEED={seed} failed"));
            }
        });
        run_program(seed);
    }
}

/// Ends the process when a program hangs.
fn watch(running: &Weak<Mutex<(u64, Instant)>>) {
    while let Some(running) = running.upgrade() {
        let (seed, start) = *running.lock().unwrap();
        if start.elapsed() > LIMIT {
            tell(&format!("the program of EXECUTOR_TEST_SEED={seed} hangs"));
            process::abort();
        }
        drop(running);
        thread::sleep(Duration::from_millis(100));
    }
}

/// Not with `eprintln`, which the test harness captures.
fn tell(text: &str) {
    let _ = io::stderr().write_all(format!("\n{text}\n").as_bytes());
}

/// A seed that follows from another and a number.
fn derived(seed: u64, number: u64) -> u64 {
    let number = Rng::with_seed(number).u64(..);
    Rng::with_seed(seed ^ number).u64(..)
}

fn run_program(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let handoff = rng.bool();
    let (own, threads) = start_executor(&mut rng, handoff);
    let world = Arc::new(World::new(own.handle(), handoff));
    let ending = Ending::random(&mut rng);
    let roots: Vec<_> = (0..rng.u64(1..4))
        .map(|root| {
            let free = ending == Ending::InTheMidst;
            Actor::new(&world, derived(seed, root), DEPTH, free).spawn_outside()
        })
        .collect();
    match ending {
        Ending::WhenDone => own.block_on(world.settle_all(roots)),
        Ending::InTheMidst => {
            pause(&mut rng);
            world.outside.lock().unwrap().extend(roots);
        }
        Ending::ByATask => {
            *world.executor.lock().unwrap() = Some(own);
            world.handle.block_on(world.settle_all(roots));
            world.end(&mut rng);
            return world.check_after_the_end(&threads);
        }
    }
    *world.executor.lock().unwrap() = Some(own);
    let joined = world.end(&mut rng);
    if joined {
        threads.assert_settled();
        world.ledger_of_futures.assert_settled();
    }
    world.check_after_the_end(&threads);
}

/// With a ledger of its threads.
fn start_executor(rng: &mut Rng, handoff: bool) -> (Executor, Ledger) {
    let threads = Ledger::new();
    let in_thread = threads.clone();
    let builder = Executor::builder()
        .workers(rng.usize(1..=3))
        .thread_name(THREAD_NAME)
        .handoff(handoff)
        .handoff_after(Duration::from_micros(rng.u64(100..10_000)))
        .on_thread_start(move || {
            let guard = in_thread.guard();
            at_thread_end(move || drop(guard));
        });
    (builder.build().unwrap(), threads)
}

/// When the executor is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// After the roots, but not what they have detached.
    WhenDone,
    InTheMidst,
    /// By a task that says so, if any does, else when done.
    ByATask,
}

impl Ending {
    fn random(rng: &mut Rng) -> Ending {
        match rng.u8(..5) {
            0 | 1 => Ending::WhenDone,
            2 | 3 => Ending::InTheMidst,
            _ => Ending::ByATask,
        }
    }
}

/// Lets some time pass, in the range in which the races are.
fn pause(rng: &mut Rng) {
    match rng.u8(..4) {
        0 => {}
        1 => thread::yield_now(),
        2 => thread::sleep(Duration::from_micros(rng.u64(..200))),
        _ => (0..rng.u32(..2_000)).for_each(|_| std::hint::spin_loop()),
    }
}

/// What the tasks of a program share.
struct World {
    handle: Handle,
    /// Without it a task that blocks its worker must not wait for another task.
    handoff: bool,
    ledger_of_futures: Ledger,
    ledger_of_outputs: Ledger,
    /// Of tasks that are woken for nothing, perhaps when they are long over.
    wakers: Wakers,
    /// Handles and timers that outlive the executor.
    outside: Mutex<Vec<Child>>,
    timers: Mutex<Vec<Pin<Box<time::Sleep>>>>,
    /// For whoever ends it.
    executor: Mutex<Option<Executor>>,
    /// Somebody has begun to end the executor.
    closing: AtomicBool,
    /// The executor's drop has returned, and nothing is polled any more.
    over: AtomicBool,
    /// What a task has found wrong: its own panic would be caught.
    complaints: Mutex<Vec<String>>,
}

impl World {
    fn new(handle: Handle, handoff: bool) -> World {
        World {
            handle,
            handoff,
            ledger_of_futures: Ledger::new(),
            ledger_of_outputs: Ledger::new(),
            wakers: Wakers::new(),
            outside: Mutex::default(),
            timers: Mutex::default(),
            executor: Mutex::default(),
            closing: AtomicBool::new(false),
            over: AtomicBool::new(false),
            complaints: Mutex::default(),
        }
    }

    fn expect(&self, condition: bool, otherwise: &str) {
        if !condition {
            self.complaints.lock().unwrap().push(otherwise.to_owned());
        }
    }

    async fn settle_all(&self, children: Vec<Child>) {
        for child in children {
            child.settle(self).await;
        }
    }

    /// Ends the executor in one of several ways, if nobody has. Returns whether all is over now.
    fn end(&self, rng: &mut Rng) -> bool {
        let Some(own) = self.executor.lock().unwrap().take() else {
            return false;
        };
        self.closing.store(true, SeqCst);
        let joined = match rng.u8(..4) {
            0 => own.shutdown_timeout(LIMIT).is_ok(),
            1 => own.shutdown_timeout(Duration::ZERO).is_ok(),
            _ => {
                drop(own);
                !in_a_task()
            }
        };
        self.over.fetch_or(joined, SeqCst);
        joined
    }

    fn check_after_the_end(&self, threads: &Ledger) {
        eventually("its machines have ended", || {
            self.handle.metrics().threads() == 0
        });
        eventually("its threads have ended", || {
            threads.dropped() == threads.made()
        });
        self.over.store(true, SeqCst);
        for child in std::mem::take(&mut *self.outside.lock().unwrap()) {
            assert!(child.handle.is_finished(), "a handle that never settles");
            futures::executor::block_on(child.settle(self));
        }
        self.wakers
            .take()
            .into_iter()
            .for_each(|waker| waker.wake());
        let timers = std::mem::take(&mut *self.timers.lock().unwrap());
        self.handle.block_on(futures::future::join_all(timers));
        self.ledger_of_futures.assert_settled();
        self.ledger_of_outputs.assert_settled();
        assert_eq!(self.handle.metrics().suspended_tasks(), 0);
        let complaints = self.complaints.lock().unwrap();
        assert!(complaints.is_empty(), "{complaints:?}");
    }
}

fn in_a_task() -> bool {
    thread::current().name() == Some(THREAD_NAME)
}

/// What is known about a task from outside.
#[derive(Default)]
struct Record {
    aborted: AtomicBool,
    returned: AtomicBool,
    panicked: AtomicBool,
    dropped: AtomicUsize,
}

/// The payload of each panic that is meant to happen.
struct Meant(Arc<Record>);

/// What each task returns.
struct Output {
    record: Arc<Record>,
    _guard: common::Guard,
}

/// Part of each future.
struct Life {
    record: Arc<Record>,
    _guard: common::Guard,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.record.dropped.fetch_add(1, SeqCst);
    }
}

struct Child {
    handle: JoinHandle<Output>,
    record: Arc<Record>,
}

impl Child {
    fn abort(&self) {
        self.record.aborted.store(true, SeqCst);
        self.handle.abort();
    }

    async fn settle(self, world: &World) {
        let outcome = self.handle.await;
        check_outcome(world, &self.record, outcome);
    }
}

/// A whole outcome is one that fits what the task has done and what has been done to it.
fn check_outcome(world: &World, record: &Arc<Record>, outcome: Result<Output, JoinError>) {
    let dropped = record.dropped.load(SeqCst);
    world.expect(
        dropped == 1,
        "a result without the future having been dropped once",
    );
    match outcome.map_err(JoinError::try_into_panic) {
        Ok(output) => {
            world.expect(Arc::ptr_eq(&output.record, record), "another task's output");
            world.expect(record.returned.load(SeqCst), "an output out of nowhere");
        }
        Err(Ok(payload)) => {
            let meant = payload.downcast_ref::<Meant>();
            let own = meant.is_some_and(|meant| Arc::ptr_eq(&meant.0, record));
            world.expect(own, "another panic than the task's");
        }
        Err(Err(_cancelled)) => {
            let reason = record.aborted.load(SeqCst) || world.closing.load(SeqCst);
            world.expect(reason, "cancelled for no reason");
            let ended = record.returned.load(SeqCst) || record.panicked.load(SeqCst);
            world.expect(!ended, "cancelled though it has ended by itself");
        }
    }
}

/// What a task does.
struct Actor {
    world: Arc<World>,
    /// What it does follows from this one.
    seed: u64,
    /// Of the step that it is in.
    rng: Rng,
    children_made: u64,
    depth: usize,
    /// Nobody waits for its end, or for that of a task which waits for it, so it need not come.
    free: bool,
    /// Somebody waits for its abort, so no poll of it waits for a task that is free.
    abortable: bool,
    record: Arc<Record>,
    children: Vec<Child>,
}

impl Actor {
    fn new(world: &Arc<World>, seed: u64, depth: usize, free: bool) -> Actor {
        Actor {
            world: world.clone(),
            seed,
            rng: Rng::with_seed(seed),
            children_made: 0,
            depth,
            free,
            abortable: false,
            record: Arc::default(),
            children: Vec::new(),
        }
    }

    fn life(&self) -> Life {
        Life {
            record: self.record.clone(),
            _guard: self.world.ledger_of_futures.guard(),
        }
    }

    fn output(&self) -> Output {
        self.record.returned.store(true, SeqCst);
        Output {
            record: self.record.clone(),
            _guard: self.world.ledger_of_outputs.guard(),
        }
    }

    fn panic(&self) -> ! {
        self.record.panicked.store(true, SeqCst);
        resume_unwind(Box::new(Meant(self.record.clone())))
    }

    fn spawn_outside(self) -> Child {
        let (handle, record) = (self.world.handle.clone(), self.record.clone());
        Child {
            handle: handle.spawn(self.live()),
            record,
        }
    }

    /// From within a task.
    fn spawn(mut self) -> Child {
        if self.rng.bool() {
            return self.spawn_outside();
        }
        let record = self.record.clone();
        Child {
            handle: executor::spawn(self.live()),
            record,
        }
    }

    fn spawn_blocking(mut self) -> Child {
        let (record, life) = (self.record.clone(), self.life());
        let handle = executor::spawn_blocking(move || {
            let _life = life;
            pause(&mut self.rng);
            if self.rng.u8(..8) == 0 {
                self.panic();
            }
            self.output()
        });
        Child { handle, record }
    }

    fn live(mut self) -> Boxed<Output> {
        let life = self.life();
        Box::pin(async move {
            let _life = life;
            for step in 0..self.rng.u64(..10) {
                self.expect_polls_allowed();
                // How many numbers a step takes may depend on the schedule, and no other step's do.
                self.rng = Rng::with_seed(derived(self.seed, STEPS + step));
                self.act().await;
            }
            let children = std::mem::take(&mut self.children);
            self.world.settle_all(children).await;
            self.output()
        })
    }

    fn expect_polls_allowed(&self) {
        let over = self.world.over.load(SeqCst);
        self.world.expect(!over, "polled after the end");
    }

    async fn act(&mut self) {
        match self.rng.u8(..64) {
            0..20 => self.add_child(),
            20..30 => self.treat_child().await,
            30..36 => executor::yield_now().await,
            36..40 => self.leave_waker().await,
            40..44 => self.wake_somebody(),
            44..48 => time::sleep(self.moment()).await,
            48..51 => self.give_a_timer_away(),
            51..53 => self.wait_for_a_message().await,
            53..55 => self.abort_at_once().await,
            55 => self.abort_an_outsider(),
            56..58 => block_in_place(|| pause(&mut self.rng)),
            58 => executor::block_on(time::sleep(self.moment())),
            59 => _ = self.world.end(&mut self.rng),
            60..62 if self.free => pending().await,
            _ if self.rng.bool() => self.panic(),
            _ => {}
        }
    }

    /// Zero now and then.
    fn moment(&mut self) -> Duration {
        Duration::from_micros(self.rng.u64(..200) * self.rng.u64(..2))
    }

    fn child(&mut self, free: bool) -> Actor {
        self.children_made += 1;
        let seed = derived(self.seed, self.children_made);
        Actor::new(&self.world, seed, self.depth - 1, free || self.free)
    }

    fn add_child(&mut self) {
        if self.depth == 0 {
            return;
        }
        match self.rng.u8(..6) {
            0 => drop(self.child(true).spawn()),
            1 => {
                let child = self.child(true).spawn();
                self.world.outside.lock().unwrap().push(child);
            }
            2 => {
                let child = self.child(false).spawn_blocking();
                self.children.push(child);
            }
            _ => {
                let child = self.child(false).spawn();
                self.children.push(child);
            }
        }
    }

    async fn treat_child(&mut self) {
        let Some(child) = self.children.pop() else {
            return;
        };
        match self.rng.u8(..6) {
            0 => child.abort(),
            1 => drop(child),
            2 => {
                child.abort();
                child.settle(&self.world).await;
            }
            3 => self.cancel(child).await,
            4 if self.world.handoff && !self.abortable => {
                executor::block_on(child.settle(&self.world))
            }
            5 => self.limit(child).await,
            _ => child.settle(&self.world).await,
        }
    }

    async fn cancel(&self, child: Child) {
        child.record.aborted.store(true, SeqCst);
        let output = child.handle.cancel().await;
        let whole = output.is_none_or(|output| Arc::ptr_eq(&output.record, &child.record));
        self.world.expect(whole, "another task's output");
        let dropped = child.record.dropped.load(SeqCst);
        self.world.expect(dropped == 1, "cancelled without a drop");
    }

    /// Waits for a while, and aborts it then.
    async fn limit(&mut self, child: Child) {
        let task = child.handle.abort_on_drop();
        child.record.aborted.store(true, SeqCst);
        if let Ok(outcome) = time::timeout(self.moment(), task).await {
            check_outcome(&self.world, &child.record, outcome);
        }
    }

    async fn leave_waker(&self) {
        poll_fn(|cx| {
            self.world.wakers.add(cx.waker());
            Poll::Ready(())
        })
        .await;
    }

    fn wake_somebody(&mut self) {
        for waker in self.world.wakers.take() {
            if self.rng.bool() {
                waker.wake_by_ref();
                self.world.wakers.add(&waker);
            }
            waker.wake();
        }
    }

    /// Polled here, it waits in this worker's shard, and is awaited elsewhere.
    fn give_a_timer_away(&mut self) {
        let mut timer = Box::pin(time::sleep(self.moment()));
        let _ = timer.as_mut().now_or_never();
        match self.rng.u8(..3) {
            0 => {}
            1 => self.world.timers.lock().unwrap().push(timer),
            _ => drop(executor::spawn(timer)),
        }
    }

    /// From a child; it comes also if the child is aborted, panics or is never polled.
    async fn wait_for_a_message(&mut self) {
        if self.depth == 0 {
            return;
        }
        let (message, arrival) = oneshot::channel::<()>();
        let child = self.child(false);
        let (record, future) = (child.record.clone(), child.live());
        let handle = executor::spawn(async move {
            let message = message;
            let output = future.await;
            let _ = message.send(());
            output
        });
        self.children.push(Child { handle, record });
        let _ = arrival.await;
    }

    /// It may be in its first poll by then, and it may be one that would never end.
    async fn abort_at_once(&mut self) {
        if self.depth > 0 {
            let mut child = self.child(true);
            child.abortable = true;
            let child = child.spawn();
            pause(&mut self.rng);
            self.cancel(child).await;
        }
    }

    fn abort_an_outsider(&mut self) {
        if let Some(child) = self.rng.choice(&*self.world.outside.lock().unwrap()) {
            child.abort();
        }
    }
}
