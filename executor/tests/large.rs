//! Large futures, outputs and closures on a stack of 2 MiB, without optimization: what a program
//! that is run for the first time has.

mod common;

use common::{
    Guard, Ledger, assert_passed, eventually, executor, output_of, quiet_panic, role, watchdog,
};
use executor::{
    Executor, Handle, JoinHandle, JoinSet, TaskBuilder, block_on, sim::Simulation, simulate, spawn,
    spawn_blocking, yield_now,
};
use std::{env, future::pending, hint::black_box, thread};

/// std's default for threads.
const STACK: usize = 2 << 20;

const SIZE: &str = "EXECUTOR_TEST_SIZE";
const CASE: &str = "EXECUTOR_TEST_CASE";

/// A future of so many bytes.
async fn future<const N: usize>() -> usize {
    let bytes = [1_u8; N];
    yield_now().await;
    black_box(&bytes).len()
}

/// A future whose output has so many bytes.
async fn output<const N: usize>() -> [u8; N] {
    [1; N]
}

fn closure<const N: usize>() -> impl FnOnce() -> usize + Send {
    let bytes = [1_u8; N];
    move || black_box(&bytes).len()
}

/// The attribute's test cannot be generic, so it is of the most that is to fit.
#[cfg(feature = "macros")]
#[executor::test(simulate)]
async fn simulated_test() {
    assert_eq!(future::<{ 512 << 10 }>().await, 512 << 10);
}

type Case<const N: usize> = (&'static str, fn(&Executor) -> usize);

fn cases<const N: usize>() -> Vec<Case<N>> {
    vec![
        ("spawn", |own| {
            own.block_on(async { spawn(future::<N>()).await.unwrap() })
        }),
        ("Handle::spawn", |own| {
            own.block_on(own.handle().spawn(future::<N>())).unwrap()
        }),
        ("Executor::spawn", |own| {
            own.block_on(own.spawn(future::<N>())).unwrap()
        }),
        ("spawn in a task", |own| {
            let outer = own.spawn(async { spawn(future::<N>()).await.unwrap() });
            own.block_on(outer).unwrap()
        }),
        ("block_on", |_| block_on(future::<N>())),
        ("Handle::block_on", |own| {
            own.handle().block_on(future::<N>())
        }),
        ("Executor::block_on", |own| own.block_on(future::<N>())),
        ("block_on in a task", |own| {
            own.block_on(own.spawn(async { block_on(future::<N>()) }))
                .unwrap()
        }),
        ("simulate", |_| simulate(future::<N>())),
        ("Simulation::run", |_| {
            Simulation::new().run(future::<N>).unwrap()
        }),
        ("Simulation::run, twice", |_| {
            let simulation = Simulation::new().check_determinism(true);
            simulation.run(future::<N>).unwrap()
        }),
        ("Simulation::run of a task", |_| {
            let main = || async { spawn(future::<N>()).await.unwrap() };
            Simulation::new().run(main).unwrap()
        }),
        #[cfg(feature = "macros")]
        ("executor::test", |_| {
            simulated_test();
            N
        }),
        ("output", |own| {
            own.block_on(own.spawn(output::<N>())).unwrap().len()
        }),
        ("output, awaited in a task", |own| {
            let inner: JoinHandle<[u8; N]> = own.spawn(output::<N>());
            let outer = own.spawn(async { inner.await.unwrap().len() });
            own.block_on(outer).unwrap()
        }),
        ("output of block_on", |own| {
            own.block_on(output::<N>()).len()
        }),
        ("spawn_blocking", |own| {
            own.block_on(async { spawn_blocking(closure::<N>()).await.unwrap() })
        }),
        ("Handle::spawn_blocking", |own| {
            let handle: Handle = own.handle();
            own.block_on(handle.spawn_blocking(closure::<N>())).unwrap()
        }),
        ("JoinSet::spawn", |own| {
            own.block_on(async {
                let mut set = JoinSet::new();
                set.spawn(future::<N>());
                set.join_next().await.unwrap().unwrap()
            })
        }),
        ("JoinSet::spawn_on", |own| {
            let mut set = JoinSet::new();
            set.spawn_on(future::<N>(), &own.handle());
            own.block_on(set.join_next()).unwrap().unwrap()
        }),
        ("JoinSet::spawn_blocking", |own| {
            own.block_on(async {
                let mut set = JoinSet::new();
                set.spawn_blocking(closure::<N>());
                set.join_next().await.unwrap().unwrap()
            })
        }),
        ("JoinSet::spawn_blocking_on", |own| {
            let mut set = JoinSet::new();
            set.spawn_blocking_on(closure::<N>(), &own.handle());
            own.block_on(set.join_next()).unwrap().unwrap()
        }),
        ("output of a task of a JoinSet", |own| {
            let mut set = JoinSet::new();
            set.spawn_on(output::<N>(), &own.handle());
            own.block_on(set.join_next()).unwrap().unwrap().len()
        }),
        ("TaskBuilder::spawn", |own| {
            let task = async { TaskBuilder::new().name("large").spawn(future::<N>()).await };
            own.block_on(task).unwrap()
        }),
        ("TaskBuilder::spawn_on", |own| {
            let task = TaskBuilder::new().spawn_on(future::<N>(), &own.handle());
            own.block_on(task).unwrap()
        }),
        ("TaskBuilder::spawn_blocking", |own| {
            let task = async { TaskBuilder::new().spawn_blocking(closure::<N>()).await };
            own.block_on(task).unwrap()
        }),
        ("TaskBuilder::spawn_blocking_on", |own| {
            let builder = TaskBuilder::new().name("large");
            own.block_on(builder.spawn_blocking_on(closure::<N>(), &own.handle()))
                .unwrap()
        }),
        ("output of spawn_blocking", |own| {
            own.block_on(own.spawn_blocking(|| [1_u8; N]))
                .unwrap()
                .len()
        }),
    ]
}

fn run<const N: usize>(case: &str) {
    let cases = cases::<N>();
    let (_, body) = cases.into_iter().find(|(name, _)| *name == case).unwrap();
    let thread = thread::Builder::new().stack_size(STACK);
    let size = thread
        .spawn(move || body(&executor(1)))
        .unwrap()
        .join()
        .unwrap();
    assert!(size >= N);
}

#[test]
#[ignore = "a part of the test below"]
fn role_uses_so_many_bytes() {
    let _watchdog = watchdog(60);
    let case = env::var(CASE).unwrap();
    match env::var(SIZE).unwrap().as_str() {
        "128" => run::<{ 128 << 10 }>(&case),
        "256" => run::<{ 256 << 10 }>(&case),
        "512" => run::<{ 512 << 10 }>(&case),
        other => panic!("{other}"),
    }
}

/// What is to fit, in KiB: of a future or a closure, and of an output, which whoever awaits it
/// copies as well.
const FUTURES: &str = "512";
const OUTPUTS: &str = "256";
/// A set copies them more often.
const OUTPUTS_OF_SETS: &str = "128";

#[test]
fn large_futures_outputs_and_closures_fit_an_ordinary_stack_without_optimization() {
    let _watchdog = watchdog(100);
    for (case, _) in cases::<1>() {
        let is_output = case.contains("output");
        let mut command = role("role_uses_so_many_bytes");
        let size = match is_output {
            true if case.contains("JoinSet") => OUTPUTS_OF_SETS,
            true => OUTPUTS,
            false => FUTURES,
        };
        command.env(CASE, case).env(SIZE, size);
        assert_passed(format!("{case} of {size} KiB"), &output_of(command));
    }
}

#[test]
fn large_outputs_are_dropped_once_whatever_becomes_of_their_task() {
    let _watchdog = watchdog(60);
    type Output = (Guard, [u8; 4 << 10]);
    let (own, ledger) = (executor(2), Ledger::new());
    let spawn = || {
        let guard = ledger.guard();
        let future = async move {
            yield_now().await;
            (guard, [7; 4 << 10])
        };
        own.spawn(future)
    };
    let awaited: JoinHandle<Output> = spawn();
    assert_eq!(own.block_on(awaited).unwrap().1[1], 7);
    drop(spawn());
    assert!(
        own.block_on(spawn().cancel())
            .is_none_or(|output| output.1[1] == 7)
    );
    let finished = spawn();
    eventually("it is finished", || finished.is_finished());
    drop(finished);
    let mut never = own.spawn(async { pending::<Output>().await });
    assert!(
        own.block_on(async { futures::poll!(&mut never) })
            .is_pending()
    );
    never.abort();
    assert!(own.block_on(never).unwrap_err().is_cancelled());
    let panics = own.spawn(async { quiet_panic("no output") });
    assert!(
        own.block_on(panics)
            .map(|never: Output| never)
            .unwrap_err()
            .is_panic()
    );
    drop(own);
    ledger.assert_settled();
}
