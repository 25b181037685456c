//! What is in a trace.

use super::{
    chrome,
    chrome::{Chrome, Flow},
    compute, pause,
};
use crate::common::{
    eventually, executor, in_some_attempt, patient_executor, quiet_panic, watchdog,
};
use executor::{
    Executor, Handle, TaskBuilder,
    time::sleep,
    trace::{self, Trace, TraceGuard},
    yield_now,
};
use std::{
    future::pending,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

#[test]
fn n_polls_in_are_n_slices_out() {
    let _watchdog = watchdog(60);
    for workers in [1, 2, 4] {
        let own = patient_executor(workers);
        let recording = own.handle().trace();
        let before = own.metrics();
        let polls = |metrics: &executor::Metrics| -> u64 {
            metrics.processors().iter().map(|p| p.polls()).sum()
        };
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                own.spawn(async {
                    for _ in 0..50 {
                        yield_now().await;
                    }
                })
            })
            .collect();
        let ids: Vec<_> = tasks.iter().map(|task| task.id()).collect();
        own.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        let trace = recording.snapshot();
        let counted = polls(&own.metrics()) - polls(&before);
        let chrome = chrome(&trace);
        assert_eq!(counted, 5_100);
        assert_eq!(chrome.polls().count() as u64, counted, "{trace:?}");
        for id in ids {
            let polls = chrome.polls_of(id);
            assert_eq!(polls.len(), 51);
            let last = polls.last().unwrap();
            assert!(polls.iter().all(|poll| poll.from <= last.from));
            let endings = polls.iter().filter(|poll| poll.args["ending"] == "ready");
            assert_eq!(endings.count(), 1);
            assert_eq!(last.args["ending"], "ready");
        }
        assert_eq!(trace.lost(), 0);
    }
}

#[test]
fn a_task_is_spawned_before_it_is_polled_and_is_there_until_its_last_poll_ends() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let recording = own.handle().trace();
    let task = own.spawn(async {
        for _ in 0..20 {
            executor::spawn(yield_now()).await.unwrap();
        }
    });
    let parent: Option<u64> = task.id().to_string().parse().ok();
    own.block_on(task).unwrap();
    let chrome = chrome(&recording.snapshot());
    let spawns = chrome.flows.iter().filter(|flow| flow.cat == "spawn");
    let children: Vec<_> = spawns.filter(|flow| Some(flow.task) != parent).collect();
    assert_eq!(children.len(), 20);
    for spawn in children {
        let polls = chrome.polls_of(spawn.task);
        assert_eq!(polls.len(), 2);
        assert!(
            polls
                .iter()
                .all(|poll| poll.args["parent"].as_u64() == parent)
        );
        assert!(
            polls
                .iter()
                .all(|poll| spawn.from.1 <= poll.from && poll.from <= poll.to)
        );
        let lives = chrome.lives.iter().filter(|life| life.cat == "task");
        let mut life = lives.filter(|life| life.args["task"] == spawn.task);
        let life = life.next().unwrap();
        assert_eq!(life.from, spawn.from.1);
        // A sum of binary fractions.
        assert!((life.to - polls[1].to).abs() < 0.000_5);
    }
}

#[test]
fn slices_of_polls_add_up_to_the_time_that_the_worker_was_busy() {
    let _watchdog = watchdog(60);
    // Long beside what the worker does between two polls, also where a sanitizer watches it.
    const STEP: Duration = Duration::from_millis(20);
    const STEPS: u32 = 20;
    in_some_attempt(|| {
        let own = patient_executor(1);
        let recording = own.handle().trace();
        let busy = |own: &Executor| own.metrics().processors()[0].busy_time();
        let before = busy(&own);
        own.block_on(own.spawn(async {
            for _ in 0..STEPS {
                compute(STEP);
                yield_now().await;
            }
        }))
        .unwrap();
        eventually("it sleeps", || own.metrics().idle_threads() == 1);
        let busy = (busy(&own) - before).as_secs_f64() * 1e6;
        let chrome = chrome(&recording.snapshot());
        let polling: f64 = chrome.polls().map(|poll| poll.to - poll.from).sum();
        assert!(polling >= (STEPS * STEP).as_secs_f64() * 1e6);
        (busy - polling).abs() < busy / 100.0
    });
}

#[test]
fn a_ring_that_is_too_small_says_what_is_lost_and_keeps_the_newest() {
    let _watchdog = watchdog(60);
    let own = patient_executor(1);
    let recording = own.handle().trace();
    let task = own.spawn(async {
        for _ in 0..50_000 {
            yield_now().await;
        }
        trace::event("the last");
    });
    let id = task.id();
    own.block_on(task).unwrap();
    let trace = recording.snapshot();
    assert!(trace.lost() > 0, "{trace:?}");
    let chrome = chrome(&trace);
    let gaps: Vec<_> = chrome
        .instants
        .iter()
        .filter(|(name, ..)| name.contains("gap"))
        .collect();
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].3["count"].as_u64(), Some(trace.lost()));
    let polls = chrome.polls_of(id);
    assert!(polls.len() > 20_000, "{}", polls.len());
    assert!(polls.iter().all(|poll| poll.from >= gaps[0].2));
    assert_eq!(polls.last().unwrap().args["ending"], "ready");
    assert_eq!(chrome.instants("the last").len(), 1);
    assert!(trace.summary().to_string().contains("were overwritten"));
}

/// Has two tasks send each other so many messages. Returns what was recorded, and the ids of the one
/// that answers and the one that asks.
fn exchange(own: &Executor, rounds: usize) -> (Trace, String, String) {
    let recording = own.handle().trace();
    let (to_echo, at_echo) = async_channel::bounded::<usize>(1);
    let (to_main, at_main) = async_channel::bounded::<usize>(1);
    let echo = own.spawn(async move {
        while let Ok(number) = at_echo.recv().await {
            to_main.send(number).await.unwrap();
        }
    });
    let main = own.spawn(async move {
        for number in 0..rounds {
            to_echo.send(number).await.unwrap();
            assert_eq!(at_main.recv().await.unwrap(), number);
        }
    });
    let (echo_id, main_id) = (echo.id().to_string(), main.id().to_string());
    own.block_on(main).unwrap();
    own.block_on(echo).unwrap();
    (recording.snapshot(), echo_id, main_id)
}

fn wakes(chrome: &Chrome) -> Vec<&Flow> {
    let flows = chrome.flows.iter();
    flows.filter(|flow| flow.cat == "wake").collect()
}

/// Where both cores work, a task may find the answer before it has to wait.
#[test]
fn of_two_tasks_on_two_workers_no_wake_up_is_missing() {
    let _watchdog = watchdog(60);
    const ROUNDS: usize = 10_000;
    let own = patient_executor(2);
    let (trace, echo_id, main_id) = exchange(&own, ROUNDS);
    assert_eq!(trace.lost(), 0, "{trace:?}");
    let chrome = chrome(&trace);
    let wakes = wakes(&chrome);
    let polls = [&echo_id, &main_id].map(|id| chrome.polls_of(id).len());
    // Each poll but the first is led to by one wake-up.
    assert_eq!(wakes.len(), polls[0] + polls[1] - 2);
    let woken = |id: &str| {
        wakes
            .iter()
            .filter(|wake| wake.task.to_string() == id)
            .count()
    };
    assert!(woken(&main_id) <= ROUNDS + 1 && woken(&echo_id) <= ROUNDS + 1);
    assert_eq!(woken(&main_id), polls[1] - 1);
}

#[test]
fn on_one_worker_twenty_thousand_wake_ups_alternate() {
    let _watchdog = watchdog(60);
    const ROUNDS: usize = 10_000;
    let own = patient_executor(1);
    // A ring has room for the last 65,535 events: of each round six.
    let (trace, echo_id, _) = exchange(&own, ROUNDS);
    let chrome = chrome(&trace);
    let mut wakes = wakes(&chrome);
    wakes.sort_by(|a, b| a.from.1.total_cmp(&b.from.1));
    assert!(
        (2 * ROUNDS..=2 * ROUNDS + 2).contains(&wakes.len()),
        "{}",
        wakes.len()
    );
    for pair in wakes.windows(2).take(2 * ROUNDS - 1) {
        assert_ne!(pair[0].task, pair[1].task, "{pair:?}");
    }
    for wake in &wakes {
        let waker = chrome.polls().find(|poll| {
            poll.from <= wake.from.1 && wake.from.1 <= poll.to && poll.task() != wake.task
        });
        let is_echo = waker.map(|poll| poll.task().to_string() == echo_id);
        assert_eq!(is_echo, Some(wake.task.to_string() != echo_id), "{wake:?}");
        if wakes.len() > 500 && wake.from.1 > wakes[500].from.1 {
            // To look for the others would take long.
            break;
        }
    }
}

#[test]
fn a_wake_up_is_drawn_from_the_poll_that_it_comes_from() {
    let _watchdog = watchdog(60);
    const YIELDS: usize = 100;
    let own = patient_executor(1);
    let recording = own.handle().trace();
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            own.spawn(async {
                for _ in 0..YIELDS {
                    compute(Duration::from_micros(10));
                    yield_now().await;
                }
            })
        })
        .collect();
    let ids: Vec<_> = tasks.iter().map(|task| task.id().to_string()).collect();
    own.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    let chrome = chrome(&recording.snapshot());
    for id in ids {
        let wakes = chrome.flows.iter().filter(|flow| flow.cat == "wake");
        let own: Vec<_> = wakes.filter(|wake| wake.task.to_string() == id).collect();
        assert_eq!(own.len(), YIELDS);
        for wake in own {
            let from = wake.drawn_from.as_ref().unwrap();
            assert_eq!((&*from.cat, from.task()), ("poll", wake.task), "{wake:?}");
            assert!(from.to < wake.to.1 + 0.000_5, "{wake:?}");
        }
    }
}

#[test]
fn a_poll_that_does_not_end_is_handed_off_while_it_lasts() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let recording = own.handle().trace();
    let blocks = own.spawn(async { thread::sleep(Duration::from_millis(300)) });
    let id = blocks.id();
    let other = own.spawn(async {});
    own.block_on(other).unwrap();
    let during = recording.snapshot();
    own.block_on(blocks).unwrap();
    // It has not ended there.
    let polls = chrome(&during).polls_of(id);
    assert_eq!(polls.len(), 1);
    assert_eq!(polls[0].args["ending"], "has not ended");
    // Whoever awaits the task may hear of its end before its thread has come back.
    eventually("its permit is back", || {
        !chrome(&recording.snapshot())
            .instants("permit back")
            .is_empty()
    });
    let after = chrome(&recording.snapshot());
    let poll = &after.polls_of(id)[0];
    assert!(poll.to - poll.from >= 300_000.0, "{poll:?}");
    let taken = after.instants("handed off: the poll does not end");
    let inside = |&&(tid, at): &&(u64, f64)| tid == poll.tid && poll.from < at && at < poll.to;
    assert_eq!(
        taken.iter().filter(inside).count(),
        1,
        "{taken:?}, {poll:?}"
    );
    let back = after.instants("permit back");
    assert!(
        back.iter()
            .any(|&(tid, at)| tid == poll.tid && at > taken[0].1)
    );
}

#[test]
fn what_blocks_and_says_so_is_a_slice_inside_the_poll() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let recording = own.handle().trace();
    let blocks = own.spawn_blocking(|| thread::sleep(Duration::from_millis(50)));
    let id = blocks.id();
    own.block_on(blocks).unwrap();
    let chrome = chrome(&recording.snapshot());
    let call = chrome
        .slices
        .iter()
        .find(|slice| slice.cat == "blocking")
        .unwrap();
    let poll = &chrome.polls_of(id)[0];
    assert!(call.tid == poll.tid && poll.from <= call.from && call.to <= poll.to);
    assert!(call.to - call.from >= 50_000.0);
    let given = chrome.instants("handed off: a blocking call");
    assert!(
        given
            .iter()
            .all(|&(tid, at)| tid == call.tid && at > call.from),
        "{given:?}"
    );
}

#[test]
fn regions_and_events_of_the_users_are_inside_the_poll_that_they_were_in() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let handle = own.handle();
    assert_eq!(trace::region("nobody records", || 7), 7);
    let recording = handle.trace();
    let task = TaskBuilder::new().name("</script>").spawn_on(
        async {
            let sum = trace::region("outer", || {
                trace::event("cache miss");
                trace::region("inner", || 1) + 1
            });
            assert_eq!(sum, 2);
            let caught = std::panic::catch_unwind(|| trace::region("panics", || quiet_panic("x")));
            assert!(caught.is_err());
        },
        &handle,
    );
    let id = task.id();
    own.block_on(task).unwrap();
    own.block_on(async { trace::event("on main") });
    let chrome = chrome(&recording.snapshot());
    let poll = &chrome.polls_of(id)[0];
    assert_eq!(poll.name, "</script>", "also after the task has ended");
    let slice = |name: &str| {
        let mut found = chrome.slices.iter().filter(|slice| slice.name == name);
        let slice = found.next().unwrap_or_else(|| panic!("no `{name}`"));
        assert!(found.next().is_none());
        assert_eq!(slice.tid, poll.tid);
        slice
    };
    let (outer, inner) = (slice("outer"), slice("inner"));
    assert!(poll.from <= outer.from && outer.from <= inner.from);
    assert!(inner.to <= outer.to && outer.to <= poll.to);
    assert!(slice("panics").to <= poll.to);
    let (tid, at) = chrome.instants("cache miss")[0];
    assert!(tid == poll.tid && outer.from <= at && at <= inner.from);
    let (tid, _) = chrome.instants("on main")[0];
    assert!(chrome.tracks[&tid].contains("other threads"));
    assert!(
        !chrome
            .slices
            .iter()
            .any(|slice| slice.name == "nobody records")
    );
}

#[test]
fn regions_of_threads_that_are_no_workers_may_overlap() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let recording = own.handle().trace();
    let (first, second) = (Barrier::new(2), Barrier::new(2));
    let region = |inside: &dyn Fn()| own.block_on(async { trace::region("overlaps", inside) });
    thread::scope(|scope| {
        scope.spawn(|| {
            region(&|| {
                first.wait();
                second.wait();
            });
        });
        scope.spawn(|| {
            region(&|| _ = first.wait());
            thread::sleep(Duration::from_millis(20));
            second.wait();
        });
    });
    let chrome = chrome(&recording.snapshot());
    assert!(chrome.slices.iter().all(|slice| slice.cat != "region"));
    let regions = chrome.lives.iter().filter(|life| life.cat == "region");
    let mut times: Vec<_> = regions.map(|life| (life.to, life.from)).collect();
    times.sort_by(|one, other| one.partial_cmp(other).unwrap());
    let &[(short_to, short_from), (long_to, long_from)] = &times[..] else {
        panic!("{times:?}");
    };
    assert!(long_from < short_to && short_from < long_to, "{times:?}");
    assert!(long_to - long_from >= 20_000.0, "{times:?}");
}

#[test]
fn in_a_simulation_each_poll_has_its_wake_up_though_all_are_at_one_time() {
    let _watchdog = watchdog(60);
    executor::simulate(async {
        let recording = Handle::current().trace();
        let task = executor::spawn(async {
            for _ in 0..10 {
                yield_now().await;
            }
        });
        let id = task.id();
        task.await.unwrap();
        let chrome = chrome(&recording.snapshot());
        assert_eq!(chrome.polls_of(id).len(), 11);
        let flows = chrome.flows.iter();
        let own = flows.filter(|flow| flow.task.to_string() == id.to_string());
        assert_eq!(own.count(), 11);
    });
}

#[test]
fn polls_end_as_their_tasks_do() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let recording = own.handle().trace();
    let panics = own.spawn(async { quiet_panic("as it should") });
    let waits = own.spawn(pending::<()>());
    let ids = [panics.id(), waits.id()];
    assert!(own.block_on(panics).unwrap_err().is_panic());
    eventually("it waits", || own.metrics().suspended_tasks() == 1);
    assert!(own.block_on(waits.cancel()).is_none());
    let chrome = chrome(&recording.snapshot());
    let endings = ids.map(|id| {
        let polls = chrome.polls_of(id).into_iter();
        polls
            .map(|poll| poll.args["ending"].clone())
            .collect::<Vec<_>>()
    });
    assert_eq!(endings, [["panicked"], ["pending"]]);
    let drops: Vec<_> = chrome.drops().collect();
    assert_eq!(drops.len(), 1);
    assert_eq!(drops[0].task().to_string(), ids[1].to_string());
    assert_eq!(drops[0].args["ending"], "cancelled");
}

#[test]
fn what_comes_between_two_polls_is_part_of_neither() {
    /// Takes its time to be dropped.
    struct Slow;

    impl Drop for Slow {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(20));
        }
    }

    let _watchdog = watchdog(60);
    let own = patient_executor(1);
    let recording = own.handle().trace();
    let spawns = own.spawn(async {
        // Then it looks at its sources after many polls only, and not between the next two.
        for _ in 0..1_000 {
            yield_now().await;
        }
        // Nobody wants its output.
        let slow = executor::spawn(async { Slow }).id();
        let others = [executor::spawn(async {}), executor::spawn(async {})];
        for other in others {
            other.await.unwrap();
        }
        slow
    });
    let slow = own.block_on(spawns).unwrap();
    eventually("it sleeps", || own.metrics().idle_threads() == 1);
    let chrome = chrome(&recording.snapshot());
    let slow = &chrome.polls_of(slow)[0];
    let later = chrome.polls().filter(|poll| poll.from > slow.from);
    let next = later.map(|poll| poll.from).fold(f64::MAX, f64::min);
    assert!(next - slow.to >= 20_000.0, "{next}, {slow:?}");
}

#[test]
fn a_recording_has_what_happens_while_it_lasts_and_several_may_at_once() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let run = |recording: Option<&TraceGuard>| {
        let task = own.spawn(yield_now());
        let id = task.id();
        own.block_on(task).unwrap();
        let polls = recording.map(|recording| chrome(&recording.snapshot()).polls_of(id).len());
        (id, polls)
    };
    let (before, _) = run(None);
    let first = own.handle().trace();
    let (early, polls) = run(Some(&first));
    assert_eq!(polls, Some(2));
    let second = own.handle().trace();
    let (late, _) = run(None);
    let counts = |recording: &TraceGuard| {
        let chrome = chrome(&recording.snapshot());
        [before, early, late].map(|id| chrome.polls_of(id).len())
    };
    assert_eq!(counts(&first), [0, 2, 2]);
    assert_eq!(counts(&second), [0, 0, 2]);
    drop(first);
    let (_, polls) = run(Some(&second));
    assert_eq!(polls, Some(2), "the other goes on");
    drop(second);
    let events = |guard: &TraceGuard| guard.snapshot().events();
    (0..10).for_each(|_| _ = run(None));
    let third = own.handle().trace();
    assert_eq!(chrome(&third.snapshot()).polls().count(), 0);
    assert!(events(&third) < 20);
}

#[test]
fn sleeps_thefts_and_timers_are_recorded() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let recording = own.handle().trace();
    own.block_on(own.spawn(async { sleep(Duration::from_millis(20)).await }))
        .unwrap();
    in_some_attempt(|| {
        let main = own.spawn(async {
            let tasks: Vec<_> = (0..100)
                .map(|_| executor::spawn(async { compute(Duration::from_micros(100)) }))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        own.block_on(main).unwrap();
        own.metrics().processors().iter().any(|p| p.steals() > 0)
    });
    eventually("all sleep", || own.metrics().idle_threads() == 2);
    pause();
    let stolen: u64 = own.metrics().processors().iter().map(|p| p.steals()).sum();
    let chrome = chrome(&recording.snapshot());
    assert_eq!(chrome.instants("stolen from worker").len() as u64, stolen);
    assert!(!chrome.instants("timers and sockets").is_empty());
    assert!(!chrome.instants("searches").is_empty());
    let sleeps = chrome.slices.iter().filter(|slice| slice.cat == "sleep");
    assert!(
        sleeps
            .clone()
            .any(|sleep| sleep.to - sleep.from >= 10_000.0)
    );
    for sleep in sleeps {
        let mut polls = chrome.polls().filter(|poll| poll.tid == sleep.tid);
        assert!(polls.all(|poll| poll.to <= sleep.from + 0.001 || sleep.to <= poll.from + 0.001));
    }
}

#[test]
fn futures_of_block_on_are_there_and_are_no_tasks() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let recording = own.handle().trace();
    own.block_on(async {
        yield_now().await;
        own.spawn(async {}).await.unwrap();
    });
    let chrome = chrome(&recording.snapshot());
    let calls: Vec<_> = chrome
        .lives
        .iter()
        .filter(|life| life.cat == "block_on")
        .collect();
    assert!(calls.len() >= 2, "{calls:?}");
    assert!(calls.iter().all(|call| call.name.contains("events.rs")));
    assert_eq!(chrome.polls().count(), 1);
}

#[test]
fn snapshots_may_be_taken_all_the_time_and_from_anywhere() {
    let _watchdog = watchdog(60);
    let own = executor(2);
    let recording = own.handle().trace();
    let is_enough = Arc::new(AtomicBool::new(false));
    let stops = is_enough.clone();
    let works = own.spawn(async move {
        while !stops.load(SeqCst) {
            executor::spawn(yield_now()).await.unwrap();
        }
    });
    let (begin, mut snapshots) = (Instant::now(), 0);
    while snapshots < 3 || begin.elapsed() < Duration::from_millis(500) {
        let trace = recording.snapshot();
        // It checks that nothing overlaps, and that all has its order.
        chrome(&trace);
        snapshots += 1;
    }
    is_enough.store(true, SeqCst);
    own.block_on(works).unwrap();
    let handle = own.handle();
    drop(own);
    // An executor that has ended.
    let late = handle.trace();
    assert!(late.snapshot().summary().longest_polls().is_empty());
    assert!(recording.snapshot().events() > 0);
}
