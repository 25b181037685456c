//! No runnable task waits for ever, whatever the others do.

use crate::common::{eventually, executor, watchdog};
use executor::{Executor, Handle};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// What keeps the workers busy until the flag is raised.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Load {
    /// Two tasks that wake each other: they would live in the next slot.
    WakeEachOther,
    /// One that always yields.
    Yields,
    /// Ever new spawns, each of which ends at once.
    SpawnsOthers,
    /// A chain: each task spawns its successor and ends.
    Chain,
}

const LOADS: [Load; 4] = [
    Load::WakeEachOther,
    Load::Yields,
    Load::SpawnsOthers,
    Load::Chain,
];

fn start(own: &Executor, load: Load, stop: &Arc<AtomicBool>) {
    match load {
        Load::WakeEachOther => {
            let (ping, at_pong) = async_channel::bounded::<()>(1);
            let (pong, at_ping) = async_channel::bounded::<()>(1);
            for (send, receive) in [(ping, at_ping), (pong.clone(), at_pong)] {
                let stop = stop.clone();
                own.spawn(async move {
                    while !stop.load(SeqCst) && receive.recv().await.is_ok() {
                        if send.send(()).await.is_err() {
                            break;
                        }
                    }
                });
            }
            pong.try_send(()).unwrap();
        }
        Load::Yields => {
            let stop = stop.clone();
            own.spawn(async move {
                while !stop.load(SeqCst) {
                    executor::yield_now().await;
                }
            });
        }
        Load::SpawnsOthers => {
            let stop = stop.clone();
            own.spawn(async move {
                while !stop.load(SeqCst) {
                    executor::spawn(async {});
                    executor::spawn(async { executor::yield_now().await });
                    executor::yield_now().await;
                }
            });
        }
        Load::Chain => {
            fn link(stop: Arc<AtomicBool>) {
                executor::spawn(async move {
                    if !stop.load(SeqCst) {
                        link(stop);
                    }
                });
            }
            let stop = stop.clone();
            own.spawn(async move { link(stop) });
        }
    }
}

/// Turns that a victim takes.
const TURNS: usize = 300;

/// Polls of others that a task which can run may have to wait for, as a rule, on each worker. Those
/// that share a queue with it wait for each other's turns, up to 16 tasks from the next slot at a
/// time; the global queue has its turn each 61st poll. Measured: 70 at most.
const POLLS_BEFORE_A_TURN: u64 = 300;

/// Polls of tasks so far.
fn polls(own: &Handle) -> u64 {
    let metrics = own.metrics();
    metrics
        .processors()
        .iter()
        .map(|processor| processor.polls())
        .sum()
}

/// Notes how many polls of others came between the moments in which a task could run, and ran.
#[derive(Debug)]
struct Turns {
    own: Handle,
    waits: Vec<u64>,
    could_run: u64,
}

impl Turns {
    fn of(own: &Handle) -> Turns {
        Turns {
            own: own.clone(),
            waits: Vec::new(),
            could_run: 0,
        }
    }

    fn can_run(&mut self) {
        self.could_run = polls(&self.own);
    }

    fn runs(&mut self) {
        self.waits
            .push(polls(&self.own).saturating_sub(self.could_run));
    }
}

/// A task that yields, and notes its turns.
async fn yields(mut turns: Turns) -> Turns {
    for _ in 0..TURNS {
        turns.can_run();
        executor::yield_now().await;
        turns.runs();
    }
    turns
}

/// Runs `victim` under the loads; it must have had its turns, none after too many polls of others.
/// (A thread that is off its core lets others go on meanwhile, and so does who notes the turns:
/// what counts is what most of them waited for.)
#[track_caller]
fn under_load<F: Future<Output = Turns>>(
    workers: usize,
    loads: &[Load],
    victim: impl FnOnce(Handle) -> F,
) {
    let own = executor(workers);
    let stop = Arc::new(AtomicBool::new(false));
    // As many of each as there are workers, so that none of them is free for the victim.
    for _ in 0..workers {
        loads.iter().for_each(|&load| start(&own, load, &stop));
    }
    let mut waits = own.block_on(victim(own.handle())).waits;
    stop.store(true, SeqCst);
    assert_eq!(waits.len(), TURNS);
    waits.sort_unstable();
    let usual = waits[TURNS / 2];
    assert!(
        usual <= POLLS_BEFORE_A_TURN * workers as u64,
        "{workers} workers, {loads:?}: {usual} polls before a turn"
    );
}

#[test]
fn a_task_that_yields_gets_its_turn_under_every_load() {
    let _watchdog = watchdog(120);
    for workers in [1, 2] {
        for load in LOADS {
            under_load(workers, &[load], |own| {
                let task = own.spawn(yields(Turns::of(&own)));
                async { task.await.unwrap() }
            });
        }
    }
}

#[test]
fn a_task_gets_its_turn_under_all_loads_at_once() {
    let _watchdog = watchdog(120);
    for workers in [1, 2, 4] {
        under_load(workers, &LOADS, |own| {
            let task = own.spawn(yields(Turns::of(&own)));
            async { task.await.unwrap() }
        });
    }
}

#[test]
fn tasks_in_the_global_queue_get_their_turn_under_constant_local_load() {
    let _watchdog = watchdog(120);
    for workers in [1, 2] {
        for loads in [
            &LOADS[..1],
            &LOADS[1..2],
            &LOADS[2..3],
            &LOADS[3..],
            &LOADS[..],
        ] {
            // Spawned from outside, one after the other: each has to pass the global queue.
            under_load(workers, loads, |own| async move {
                let mut turns = Turns::of(&own);
                for _ in 0..TURNS {
                    turns.can_run();
                    let task = own.spawn(async move {
                        turns.runs();
                        turns
                    });
                    turns = task.await.unwrap();
                }
                turns
            });
        }
    }
}

#[test]
fn a_task_that_is_woken_from_outside_gets_its_turn_under_every_load() {
    let _watchdog = watchdog(120);
    for load in LOADS {
        under_load(1, &[load], |own| {
            let (there, at_task) = async_channel::bounded::<Turns>(1);
            let (back, here) = async_channel::bounded::<Turns>(1);
            let mut turns = Turns::of(&own);
            own.spawn(async move {
                while let Ok(mut turns) = at_task.recv().await {
                    turns.runs();
                    back.send(turns).await.unwrap();
                }
            });
            async move {
                for _ in 0..TURNS {
                    turns.can_run();
                    there.send(turns).await.unwrap();
                    turns = here.recv().await.unwrap();
                }
                turns
            }
        });
    }
}

#[test]
fn tasks_that_wake_each_other_get_their_turn_beside_one_that_always_yields() {
    let _watchdog = watchdog(120);
    under_load(1, &[Load::Yields, Load::SpawnsOthers], |own| {
        let (ping, at_pong) = async_channel::bounded::<Turns>(1);
        let (pong, at_ping) = async_channel::bounded::<Turns>(1);
        let mut turns = Turns::of(&own);
        own.spawn(async move {
            while let Ok(mut turns) = at_pong.recv().await {
                turns.runs();
                pong.send(turns).await.unwrap();
            }
        });
        let task = own.spawn(async move {
            for _ in 0..TURNS {
                turns.can_run();
                ping.send(turns).await.unwrap();
                turns = at_ping.recv().await.unwrap();
            }
            turns
        });
        async { task.await.unwrap() }
    });
}

/// What a long poll wakes waits for its end alone where no other worker is free.
#[test]
fn two_tasks_that_hand_work_on_do_it_side_by_side() {
    const MESSAGES: usize = 100;
    let _watchdog = watchdog(60);
    for handoff in [true, false] {
        let builder = Executor::builder().workers(2).handoff(handoff);
        let own = builder.build().unwrap();
        eventually("two tasks share two workers", || {
            own.block_on(worked_side_by_side(&own, MESSAGES)) > MESSAGES / 2
        });
    }
}

/// Two tasks, of which one hands messages on to the other: each works on each for a millisecond.
/// Returns with how many the second was at work while the first was, too.
async fn worked_side_by_side(own: &Executor, messages: usize) -> usize {
    const PIECE: Duration = Duration::from_millis(1);
    let (sender, receiver) = async_channel::bounded::<()>(1);
    let busy = Arc::new(AtomicBool::new(false));
    let source = own.spawn({
        let busy = busy.clone();
        async move {
            for _ in 0..messages {
                busy.store(true, SeqCst);
                thread::sleep(PIECE);
                busy.store(false, SeqCst);
                sender.send(()).await.unwrap();
            }
        }
    });
    let sink = own.spawn(async move {
        let mut side_by_side = 0;
        while receiver.recv().await.is_ok() {
            thread::sleep(PIECE / 2);
            side_by_side += usize::from(busy.load(SeqCst));
            thread::sleep(PIECE / 2);
        }
        side_by_side
    });
    source.await.unwrap();
    sink.await.unwrap()
}
