//! The same seed, the same run: in this process and in another, with one thread, without a sleep.

use crate::{SECOND, common};
use executor::{
    JoinSet, block_on,
    sim::{Simulation, buggify, is_simulated, random},
    spawn, spawn_blocking,
    time::{now, sleep},
    yield_now,
};
use std::{
    cell::RefCell,
    collections::HashSet,
    env,
    fmt::Write,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// A program in which much is left to chance; returns what has happened, in order.
async fn program() -> String {
    let log = Arc::new(Mutex::new(String::new()));
    let start = now();
    let mut set = JoinSet::new();
    for i in 0..20 {
        let log = log.clone();
        set.spawn(async move {
            for _ in 0..i % 3 {
                yield_now().await;
            }
            if i % 5 == 0 {
                sleep(i * SECOND).await;
            }
            if i % 7 == 0 {
                block_on(sleep(SECOND));
            }
            let id = executor::TaskId::current().unwrap();
            let (passed, random) = (now() - start, random() % 100);
            writeln!(log.lock().unwrap(), "{i} {id} {passed:?} {random}").unwrap();
            spawn_blocking(move || i).await.unwrap()
        });
    }
    while let Some(ended) = set.join_next().await {
        writeln!(log.lock().unwrap(), "{} has ended", ended.unwrap()).unwrap();
    }
    let log = log.lock().unwrap();
    log.clone()
}

fn chancy() -> Simulation {
    let late = Simulation::new().lateness(Duration::from_millis(5));
    late.spurious_wakes(0.02)
}

fn logs(seeds: u64) -> Vec<String> {
    let run = |seed| chancy().seed(seed).run(program).unwrap();
    (0..seeds).map(run).collect()
}

#[test]
fn each_seed_is_another_order_and_always_the_same() {
    let _watchdog = common::watchdog(60);
    let first = logs(200);
    assert_eq!(logs(200), first);
    let different: HashSet<_> = first.iter().collect();
    assert!(different.len() > 190, "{}", different.len());
}

/// (Debug and release builds agree, too: `LOG` has a run of either write what it did.)
#[test]
fn a_seed_does_in_another_process_and_on_one_core_what_it_does_here() {
    let _watchdog = common::watchdog(60);
    let logs = logs(20).join("\n");
    if common::is_child() {
        let path = env::var_os("LOG").unwrap();
        return std::fs::write(path, logs).unwrap();
    }
    let path = env::temp_dir().join(format!("simulated-{}", std::process::id()));
    let on_one_core: &[&str] = match cfg!(target_os = "linux") {
        true => &["taskset", "-c", "0"],
        false => &[],
    };
    for prefix in [&[], on_one_core] {
        let child = common::child();
        let words = prefix.iter().map(|word| word.as_ref());
        let words: Vec<_> = words
            .chain([child.get_program()])
            .chain(child.get_args())
            .collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("LOG", &path);
        for (name, value) in child.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let output = common::output_of(command);
        common::assert_passed(format_args!("{prefix:?}"), &output);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), logs);
    }
    std::fs::remove_file(path).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn no_thread_is_started_and_nobody_sleeps() {
    common::in_own_process(|| {
        let threads = || common::threads(None);
        let before = threads();
        let switches = voluntary_switches();
        let begin = Instant::now();
        let seen = RefCell::new(HashSet::new());
        for seed in 0..50 {
            let counted = async {
                seen.borrow_mut().insert(threads());
                let log = program().await;
                let in_task = spawn(async move { common::threads(None) });
                let in_task = in_task.await.unwrap();
                seen.borrow_mut().insert(in_task);
                log
            };
            let counted = RefCell::new(Some(counted));
            chancy().seed(seed).run(|| counted.take().unwrap()).unwrap();
        }
        assert_eq!(seen.into_inner(), HashSet::from([before]));
        assert_eq!(threads(), before);
        // A lock or the allocator may sleep once, a timer would each time.
        assert!(voluntary_switches() - switches < 50);
        assert!(begin.elapsed() < Duration::from_secs(30));
    });
}

/// How often this thread has gone to sleep.
#[cfg(target_os = "linux")]
fn voluntary_switches() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let mut lines = status.lines();
    let line = lines
        .find(|line| line.starts_with("voluntary_ctxt_switches"))
        .unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}

#[test]
fn the_environment_says_which_seed_and_how_many() {
    let _watchdog = common::watchdog(60);
    let seeds = |variables: &[(&str, &str)]| {
        let mut command = common::role("replay::prints_its_seeds");
        command.envs(variables.iter().copied());
        let output = common::output_of(command);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let text = text + &String::from_utf8_lossy(&output.stderr);
        let line = text.lines().find_map(|line| line.split_once("seeds are "));
        match line {
            Some((_, seeds)) => seeds.to_owned(),
            None => text,
        }
    };
    assert_eq!(seeds(&[]), "4,5,6");
    assert_eq!(seeds(&[("EXECUTOR_SEED", "")]), "4,5,6");
    assert_eq!(
        seeds(&[("EXECUTOR_SEED", "18446744073709551615")]),
        "18446744073709551615"
    );
    assert_eq!(seeds(&[("EXECUTOR_SEEDS", "2")]), "4,5");
    let wrong = seeds(&[("EXECUTOR_SEED", "x")]);
    assert!(
        wrong.contains("EXECUTOR_SEED is \"x\", but must be"),
        "{wrong}"
    );
    let none = seeds(&[("EXECUTOR_SEEDS", "0")]);
    assert!(none.contains("EXECUTOR_SEEDS is 0, but must be"), "{none}");
}

#[test]
#[ignore = "a part of the test above"]
fn prints_its_seeds() {
    let _watchdog = common::watchdog(60);
    let simulation = Simulation::new().seed(4).seeds(3);
    let runs = RefCell::new(0);
    simulation.run(async || *runs.borrow_mut() += 1).unwrap();
    // A failure says its seed.
    let seed_of = |last| {
        let runs = RefCell::new(0);
        let failure = simulation.run(async || {
            let run = runs.replace_with(|&mut run| run + 1);
            assert!(run != last);
        });
        failure.unwrap_err().seed().to_string()
    };
    let seeds: Vec<_> = (0..runs.into_inner()).map(seed_of).collect();
    println!("seeds are {}", seeds.join(","));
}

#[test]
fn chance_of_the_program_s_own_follows_the_seed_inside_and_nothing_outside() {
    let _watchdog = common::watchdog(60);
    assert!(!is_simulated() && random() != random());
    assert!((0..1_000).all(|_| !buggify(1.0)));
    let run = |seed| {
        let numbers = Simulation::new().seed(seed).run(async || {
            let bugs = (0..1_000).filter(|_| buggify(0.5)).count();
            assert!((300..700).contains(&bugs));
            [random(), random()]
        });
        numbers.unwrap()
    };
    assert_eq!(run(1), run(1));
    assert!(run(1) != run(2) && run(1)[0] != run(1)[1]);
}

#[test]
fn a_hundred_thousand_steps_take_a_moment() {
    let _watchdog = common::watchdog(60);
    // A tenth of a second as a rule: the limit is for machines that have much else to do.
    let begin = Instant::now();
    let run = async || {
        let tasks = (0..100).map(|_| {
            spawn(async {
                for _ in 0..1_000 {
                    yield_now().await;
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        for task in tasks {
            task.await.unwrap();
        }
    };
    Simulation::new().seed(1).run(run).unwrap();
    let took = begin.elapsed();
    println!("{:.0} steps a second", 100_000.0 / took.as_secs_f64());
    assert!(took < Duration::from_secs(30), "{took:?}");
}
