//! `time`: sleeping, time-outs, intervals.

use crate::common::{
    Boxed, Gate, Ledger, OnDrop, PATIENCE, at_thread_end, eventually, executor, patient_executor,
    quiet_panic, steady_executor, watchdog, work_for, worker_counts,
};
use executor::{
    Executor, block_in_place, block_on,
    time::{
        Elapsed, Interval, MissedTickBehavior, Sleep, Tick, Timeout, interval, interval_at, sleep,
        sleep_until, timeout, timeout_at,
    },
};
use futures::{FutureExt, Stream, StreamExt, future::join_all, stream::FuturesUnordered};
use std::{
    error::Error,
    fmt::Debug,
    future::{Future, pending, poll_fn, ready},
    io,
    iter::repeat_with,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

const SHORT: Duration = Duration::from_millis(5);

/// Longer than it takes to poll something and to hand it on, short enough to wait for.
const A_WHILE: Duration = Duration::from_millis(60);

const HOUR: Duration = Duration::from_secs(3600);

/// Sleeps, and not too short.
async fn nap() {
    let deadline = Instant::now() + SHORT;
    sleep(SHORT).await;
    assert!(Instant::now() >= deadline, "early");
}

/// A sleep that has been polled, so that it has its place in the calling thread's timers.
async fn begun(duration: Duration) -> Pin<Box<Sleep>> {
    let mut sleep = Box::pin(sleep(duration));
    let _ = futures::poll!(sleep.as_mut());
    sleep
}

/// Waits for the end of a sleep that has begun elsewhere.
async fn the_rest_of(sleep: Pin<Box<Sleep>>) {
    let deadline = sleep.deadline();
    sleep.await;
    assert!(Instant::now() >= deadline, "early");
}

/// A future that several tasks may poll.
type Shared<F> = Arc<Mutex<Pin<Box<F>>>>;

fn shared<F>(future: F) -> Shared<F> {
    Arc::new(Mutex::new(Box::pin(future)))
}

async fn wait_for(sleep: Shared<Sleep>) {
    poll_fn(|cx| sleep.lock().unwrap().as_mut().poll(cx)).await;
    let deadline = sleep.lock().unwrap().deadline();
    assert!(Instant::now() >= deadline, "early");
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Bell {
    fn new() -> (Arc<Bell>, Waker) {
        let bell = Arc::new(Bell::default());
        (bell.clone(), Waker::from(bell))
    }

    fn rings(&self) -> usize {
        self.0.load(SeqCst)
    }
}

fn poll_with<F: Future>(waker: &Waker, future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

mod places {
    //! Where a sleep works: everywhere.

    use super::*;

    #[test]
    fn a_sleep_works_in_tasks_and_in_block_on() {
        let _watchdog = watchdog(60);
        block_on(nap());
        block_on(executor::spawn(nap())).unwrap();
        for workers in worker_counts() {
            let own = executor(workers);
            own.block_on(nap());
            own.block_on(own.spawn(nap())).unwrap();
        }
    }

    #[test]
    fn a_sleep_works_in_nested_block_on() {
        let _watchdog = watchdog(60);
        for own in [executor(1), steady_executor(1)] {
            let nested = || block_on(async { block_on(nap()) });
            own.block_on(async { nested() });
            own.block_on(own.spawn(async move { nested() })).unwrap();
        }
    }

    #[test]
    fn a_sleep_works_in_a_foreign_block_on_that_blocks_a_worker() {
        let _watchdog = watchdog(60);
        let own = executor(1);
        let foreign = || futures::executor::block_on(nap());
        own.block_on(own.spawn(async move { block_in_place(foreign) }))
            .unwrap();
        own.block_on(own.spawn_blocking(foreign)).unwrap();
        // Nobody has said that it blocks.
        own.block_on(own.spawn(async move { foreign() })).unwrap();
    }

    #[test]
    fn a_sleep_works_on_a_thread_of_no_executor() {
        let _watchdog = watchdog(60);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| futures::executor::block_on(nap()));
            }
        });
    }

    #[test]
    fn a_sleep_works_in_a_runtime_of_tokio() {
        let _watchdog = watchdog(60);
        use tokio::runtime::Builder;
        for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
            let tokio = builder.build().unwrap();
            tokio.block_on(nap());
            tokio.block_on(tokio.spawn(nap())).unwrap();
        }
    }

    #[test]
    fn a_sleep_works_in_another_executors_worker() {
        let _watchdog = watchdog(60);
        let (own, other) = (executor(1), Arc::new(executor(1)));
        let inside = other.clone();
        let task = own.spawn(async move {
            inside.block_on(nap());
            inside.spawn(nap()).await.unwrap();
            inside.block_on(inside.spawn(nap())).unwrap();
            nap().await;
        });
        own.block_on(task).unwrap();
    }

    #[test]
    fn timers_of_async_io_work_in_tasks() {
        let _watchdog = watchdog(60);
        let own = executor(1);
        let task = own.spawn(async {
            let deadline = Instant::now() + SHORT;
            async_io::Timer::after(SHORT).await;
            nap().await;
            Instant::now() >= deadline + SHORT
        });
        assert!(own.block_on(task).unwrap());
    }

    #[test]
    fn sleeps_of_tokio_work_in_tasks_when_a_runtime_of_tokio_drives_them() {
        let _watchdog = watchdog(60);
        let own = executor(1);
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let handle = tokio.handle().clone();
        let task = own.spawn(async move {
            let deadline = Instant::now() + SHORT;
            let sleep = {
                let _inside = handle.enter();
                tokio::time::sleep(SHORT)
            };
            sleep.await;
            nap().await;
            Instant::now() >= deadline + SHORT
        });
        assert!(own.block_on(task).unwrap());
    }

    #[test]
    fn a_sleep_works_while_another_future_is_being_dropped() {
        let _watchdog = watchdog(60);
        let own = executor(1);
        let (bell, waker) = Bell::new();
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keep = kept.clone();
        let on_drop = OnDrop(move || {
            let mut sleep = Box::pin(sleep(SHORT));
            let first_poll = poll_with(&waker, &mut sleep);
            keep.lock().unwrap().push((sleep, first_poll));
            block_on(nap());
        });
        let dropped_inside = own.spawn(async move { drop(on_drop) });
        own.block_on(dropped_inside).unwrap();
        let (sleep, first_poll) = kept.lock().unwrap().pop().unwrap();
        // One that is over at its first poll wakes nobody.
        if first_poll.is_pending() {
            eventually("it rings", || bell.rings() == 1);
        }
        assert!(sleep.is_elapsed());
    }
}

mod migration {
    //! Sleeps that begin in one place and end in another.

    use super::*;

    #[test]
    fn a_sleep_that_began_in_block_on_goes_on_elsewhere() {
        let _watchdog = watchdog(60);
        end_everywhere(block_on(join_all([(); 4].map(|()| begun(A_WHILE)))));
    }

    #[test]
    fn a_sleep_that_began_in_a_task_outlives_the_executor() {
        let _watchdog = watchdog(60);
        let first = executor(1);
        let task = first.spawn(join_all([(); 4].map(|()| begun(A_WHILE))));
        let sleeps = first.block_on(task).unwrap();
        drop(first);
        end_everywhere(sleeps);
    }

    /// Without a call of our `block_on` on this thread, which might see to what an earlier one has left.
    #[track_caller]
    fn end_everywhere(sleeps: Vec<Pin<Box<Sleep>>>) {
        let own = executor(1);
        let [in_task, in_block_on, in_a_block_on_of_own, in_foreign] = sleeps
            .try_into()
            .map(|all: [_; 4]| all.map(the_rest_of))
            .unwrap();
        let task = own.spawn(in_task);
        let handle = own.handle();
        let threads = [
            thread::spawn(|| block_on(in_block_on)),
            thread::spawn(move || handle.block_on(in_a_block_on_of_own)),
        ];
        futures::executor::block_on(in_foreign);
        futures::executor::block_on(task).unwrap();
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn a_task_that_waits_for_a_sleep_from_elsewhere_survives_the_end_of_that_place() {
        let _watchdog = watchdog(60);
        let own = steady_executor(1);
        for handoff in [false, true] {
            let first = Executor::builder()
                .workers(1)
                .handoff(handoff)
                .build()
                .unwrap();
            let sleep = first.block_on(first.spawn(begun(A_WHILE))).unwrap();
            let from_executor = own.spawn(the_rest_of(sleep));
            let (send, receive) = mpsc::channel();
            block_on(async {
                send.send(own.spawn(the_rest_of(begun(A_WHILE).await)))
                    .unwrap();
                // Both have been polled there by the time this ends.
                own.spawn(async {}).await.unwrap();
            });
            let from_block_on = receive.recv().unwrap();
            // Keeps the scheduler in memory, but nobody works there any more.
            let _handle = first.handle();
            drop(first);
            // Our own would see to what the call above has left.
            futures::executor::block_on(from_executor).unwrap();
            futures::executor::block_on(from_block_on).unwrap();
        }
    }

    #[test]
    fn dropping_an_executor_does_not_wait_for_sleeps_but_drops_them() {
        let _watchdog = watchdog(60);
        for (workers, handoff) in [(1, true), (4, true), (1, false), (4, false)] {
            let (ledger, threads) = (Ledger::new(), Ledger::new());
            let count = threads.clone();
            let own = Executor::builder()
                .workers(workers)
                .handoff(handoff)
                .on_thread_start(move || {
                    let guard = count.guard();
                    at_thread_end(|| drop(guard));
                })
                .build()
                .unwrap();
            for i in 0..100 {
                let guard = ledger.guard();
                drop(own.spawn(async move {
                    sleep(if i == 0 { SHORT } else { HOUR }).await;
                    drop(guard);
                }));
            }
            eventually("most wait", || own.metrics().suspended_tasks() >= 99);
            drop(own);
            ledger.assert_settled();
            threads.assert_settled();
        }
    }
}

mod blocked {
    //! What becomes of the timers of a worker that blocks.

    use super::*;

    /// The one worker runs into `block` when it has registered sleeps of others, and `block` returns
    /// when those are over.
    #[track_caller]
    fn sleeps_end_meanwhile(own: Executor, block: impl FnOnce(&Gate) + Send + 'static) {
        let (gate, left) = (Gate::new(), Arc::new(AtomicUsize::new(10)));
        let sleepers: Vec<_> = (0..10)
            .map(|i| {
                let (gate, left) = (gate.clone(), left.clone());
                own.spawn(async move {
                    let deadline = Instant::now() + A_WHILE + i * SHORT;
                    sleep_until(deadline).await;
                    assert!(Instant::now() >= deadline, "early");
                    if left.fetch_sub(1, SeqCst) == 1 {
                        gate.open();
                    }
                })
            })
            .collect();
        let blocker = own.spawn(async move {
            block(&gate);
            gate.is_open()
        });
        assert!(own.block_on(blocker).unwrap(), "blocked in vain");
        for sleeper in sleepers {
            own.block_on(sleeper).unwrap();
        }
    }

    #[test]
    fn sleeps_end_while_their_worker_sleeps_in_the_system() {
        let _watchdog = watchdog(60);
        sleeps_end_meanwhile(executor(1), Gate::wait);
    }

    #[test]
    fn sleeps_end_while_their_worker_computes() {
        let _watchdog = watchdog(60);
        sleeps_end_meanwhile(executor(1), |gate| {
            let start = Instant::now();
            while !gate.is_open() && start.elapsed() < PATIENCE {
                std::hint::spin_loop();
            }
        });
    }

    #[test]
    fn sleeps_end_while_their_worker_blocks_in_place() {
        let _watchdog = watchdog(60);
        sleeps_end_meanwhile(executor(1), |gate| block_in_place(|| gate.wait()));
    }

    #[test]
    fn sleeps_end_while_a_worker_blocks_that_has_woken_up_for_one_of_them() {
        let _watchdog = watchdog(60);
        let (own, gate) = (executor(1), Gate::new());
        // Long enough for everybody to fall asleep meanwhile.
        let due = Instant::now() + Duration::from_millis(500);
        let opens = gate.clone();
        let later = own.spawn(async move {
            sleep_until(due + A_WHILE).await;
            opens.open();
        });
        let blocker = own.spawn(async move {
            sleep_until(due).await;
            gate.wait();
            gate.is_open()
        });
        assert!(own.block_on(blocker).unwrap(), "blocked in vain");
        own.block_on(later).unwrap();
    }

    #[test]
    fn sleeps_end_although_their_worker_is_never_idle() {
        let _watchdog = watchdog(60);
        let (own, over) = (steady_executor(1), Arc::new(AtomicBool::new(false)));
        let busy: Vec<_> = (0..3)
            .map(|_| {
                let over = over.clone();
                own.spawn(async move {
                    while !over.load(SeqCst) {
                        executor::yield_now().await;
                    }
                })
            })
            .collect();
        let sleeps = own.spawn(async move {
            nap().await;
            over.store(true, SeqCst);
        });
        own.block_on(sleeps).unwrap();
        own.block_on(join_all(busy));
    }

    #[test]
    fn sleeps_end_while_their_worker_is_in_a_nested_block_on() {
        let _watchdog = watchdog(60);
        let poll_the_gate = |gate: &Gate| {
            let opens = async {
                while !gate.is_open() {
                    sleep(SHORT).await;
                }
            };
            let _ = block_on(timeout(PATIENCE, opens));
        };
        sleeps_end_meanwhile(executor(1), poll_the_gate);
    }

    #[test]
    fn announced_blocking_hands_sleeps_over_however_patient_the_monitor() {
        let _watchdog = watchdog(60);
        sleeps_end_meanwhile(patient_executor(1), |gate| block_in_place(|| gate.wait()));
        let own = patient_executor(1);
        sleeps_end_meanwhile(own, |gate| {
            let gate = gate.clone();
            block_on(executor::spawn_blocking(move || gate.wait())).unwrap();
        });
    }

    #[test]
    fn without_handoff_a_worker_that_blocks_delays_its_sleeps_and_loses_none() {
        let _watchdog = watchdog(60);
        let own = steady_executor(1);
        let sleepers: Vec<_> = (0..10).map(|_| own.spawn(nap())).collect();
        let blocker = own.spawn(async { thread::sleep(SHORT * 4) });
        own.block_on(blocker).unwrap();
        for sleeper in sleepers {
            own.block_on(sleeper).unwrap();
        }
    }

    #[test]
    fn sleeps_that_a_stand_in_has_begun_end_when_it_is_not_needed_any_more() {
        let _watchdog = watchdog(60);
        let own = executor(1);
        let (stop, stopped) = mpsc::channel::<()>();
        let blocker = own.spawn(async move { block_in_place(|| stopped.recv()) });
        let sleepers: Vec<_> = (0..10)
            .map(|_| own.spawn(async { the_rest_of(begun(A_WHILE).await).await }))
            .collect();
        own.block_on(own.spawn(async {})).unwrap();
        drop(stop);
        assert!(own.block_on(blocker).unwrap().is_err());
        for sleeper in sleepers {
            own.block_on(sleeper).unwrap();
        }
    }

    /// What `wait` does has to end in time, on a thread of its own.
    #[track_caller]
    fn ends(wait: impl FnOnce() + Send + 'static) {
        let (done, is_done) = mpsc::channel();
        let thread = thread::spawn(move || {
            wait();
            done.send(()).unwrap();
        });
        assert_eq!(is_done.recv_timeout(PATIENCE), Ok(()), "it hangs");
        thread.join().unwrap();
    }

    #[test]
    fn a_sleep_works_in_a_foreign_block_on_inside_of_block_on() {
        let _watchdog = watchdog(60);
        ends(|| block_on(async { futures::executor::block_on(nap()) }));
        ends(|| block_on(async { block_in_place(|| futures::executor::block_on(nap())) }));
    }

    #[test]
    fn a_sleep_that_began_in_an_outer_block_on_ends_in_an_inner_one() {
        let _watchdog = watchdog(60);
        ends(|| block_on(async { block_on(the_rest_of(begun(A_WHILE).await)) }));
    }

    #[test]
    fn a_sleep_that_began_in_a_worker_ends_in_block_on_inside_of_its_task() {
        let _watchdog = watchdog(60);
        let own = executor(1);
        let task = own.spawn(async { block_on(the_rest_of(begun(A_WHILE).await)) });
        own.block_on(task).unwrap();
    }

    #[test]
    fn a_sleep_that_began_in_a_worker_without_handoff_ends_in_block_on_inside_of_its_task() {
        let _watchdog = watchdog(60);
        ends(|| {
            let own = steady_executor(1);
            let task = own.spawn(async { block_on(the_rest_of(begun(A_WHILE).await)) });
            own.block_on(task).unwrap();
        });
    }

    #[test]
    fn a_sleep_works_in_a_foreign_block_on_on_the_only_worker_without_handoff() {
        let _watchdog = watchdog(60);
        ends(|| {
            let own = steady_executor(1);
            let task = own.spawn(async { futures::executor::block_on(nap()) });
            own.block_on(task).unwrap();
            let task = own.spawn_blocking(|| futures::executor::block_on(nap()));
            own.block_on(task).unwrap();
            let task = own.spawn(async {
                let sleep = begun(A_WHILE).await;
                futures::executor::block_on(the_rest_of(sleep));
            });
            own.block_on(task).unwrap();
        });
    }

    #[test]
    fn tasks_in_a_task_sleep_without_handoff_too() {
        let _watchdog = watchdog(60);
        ends(|| {
            let own = steady_executor(1);
            let naps = (0..3).map(|_| nap()).collect::<FuturesUnordered<_>>();
            assert_eq!(own.block_on(own.spawn(naps.count())).unwrap(), 3);
        });
    }

    #[test]
    fn a_sleep_works_in_a_foreign_block_on_in_a_poll_that_has_been_stuck_for_long() {
        let _watchdog = watchdog(60);
        ends(|| {
            let own = executor(1);
            let stuck = own.spawn(async {
                // Until its permit is taken, its stall is reported, and the monitor sleeps.
                thread::sleep(Duration::from_millis(1_500));
                futures::executor::block_on(nap());
            });
            let waits = own.spawn(async {});
            own.block_on(waits).unwrap();
            own.block_on(stuck).unwrap();
        });
    }

    /// How many polls lie between the ends of the first and the last of many sleeps with one deadline,
    /// beside tasks that leave their worker no rest. `None`: the deadline came before all that was ready.
    fn polls_between_sleeps_that_end_together(sleepers: usize) -> Option<usize> {
        // Longer than the system keeps a thread off its core as a rule: then it would look stuck.
        let builder = Executor::builder().workers(1);
        let own = builder.handoff_after(A_WHILE).build().unwrap();
        let polls = Arc::new(AtomicUsize::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let busy = |_| {
            let (polls, over) = (polls.clone(), over.clone());
            own.spawn(async move {
                while !over.load(SeqCst) {
                    // The worker looks at its timers after 61 of them, the monitor twice meanwhile.
                    work_for(Duration::from_millis(1));
                    polls.fetch_add(1, SeqCst);
                    executor::yield_now().await;
                }
            })
        };
        let due = Instant::now() + A_WHILE * 2;
        let sleepers: Vec<_> = (0..sleepers)
            .map(|_| {
                let polls = polls.clone();
                own.spawn(async move {
                    sleep_until(due).await;
                    polls.load(SeqCst)
                })
            })
            .collect();
        // Else they would wait their turn in the global queue.
        eventually("all sleep", || {
            own.metrics().suspended_tasks() == sleepers.len() || Instant::now() >= due
        });
        let busy: Vec<_> = (0..20).map(busy).collect();
        let in_time = Instant::now() < due;
        let ends = own.block_on(join_all(sleepers));
        over.store(true, SeqCst);
        own.block_on(join_all(busy));
        let ends = || ends.iter().map(|end| *end.as_ref().unwrap());
        in_time.then(|| ends().max().unwrap() - ends().min().unwrap())
    }

    #[test]
    fn sleeps_that_end_together_do_not_wait_for_each_other_on_a_busy_worker() {
        const SLEEPERS: usize = 100;
        const ROUNDS: usize = 5;
        let _watchdog = watchdog(100);
        let round = || polls_between_sleeps_that_end_together(SLEEPERS);
        let rounds: Vec<_> = repeat_with(round).flatten().take(ROUNDS).collect();
        // From the global queue they come one by one, with 61 polls in between. A worker that the system
        // keeps off its core looks stuck, and then that happens; but not as a rule.
        let good = rounds.iter().filter(|polls| **polls < SLEEPERS * 20);
        assert!(2 * good.count() > ROUNDS, "polls in each round: {rounds:?}");
    }

    #[test]
    fn a_sleep_that_began_in_block_on_ends_in_a_task_while_that_thread_blocks() {
        let _watchdog = watchdog(60);
        ends(|| {
            let own = executor(1);
            block_on(async {
                let (done, is_done) = mpsc::channel();
                let sleep = begun(A_WHILE).await;
                drop(own.spawn(async move {
                    the_rest_of(sleep).await;
                    done.send(()).unwrap();
                }));
                block_in_place(|| is_done.recv().unwrap());
            });
        });
    }
}

mod sleeping {
    //! The sleep itself.

    use super::*;
    use std::pin::pin;

    #[test]
    fn no_duration_overflows() {
        let _watchdog = watchdog(60);
        let own = executor(1);
        for duration in [
            Duration::MAX,
            Duration::from_millis(u64::MAX),
            Duration::from_nanos(u64::MAX),
        ] {
            block_on(async {
                let mut long = begun(duration).await;
                assert!(!long.is_elapsed() && long.deadline() > Instant::now() + HOUR);
                let far = long.deadline();
                long.as_mut().reset(far);
                assert!(futures::poll!(long).is_pending());
                timeout(duration, executor::yield_now()).await.unwrap();
                let mut ticks = interval(duration);
                ticks.tick().await;
                assert!(ticks.tick().now_or_never().is_none());
                ticks.reset();
                assert!(ticks.tick().now_or_never().is_none());
            });
            let never = own.spawn(sleep(duration));
            own.block_on(own.spawn(nap())).unwrap();
            assert!(!never.is_finished());
        }
    }

    #[test]
    fn zero_and_the_past_are_ready_at_the_first_poll() {
        let _watchdog = watchdog(60);
        let now = Instant::now();
        let before = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        let sleeps = || [sleep(Duration::ZERO), sleep_until(now), sleep_until(before)];
        for sleep in sleeps() {
            assert!(sleep.is_elapsed());
            assert_eq!(sleep.now_or_never(), Some(()));
        }
        for sleep in sleeps() {
            assert_eq!(block_on(async { sleep.now_or_never() }), Some(()));
        }
    }

    #[test]
    fn a_sleep_counts_from_its_creation() {
        let _watchdog = watchdog(60);
        let before = Instant::now();
        let mut late = Box::pin(sleep(A_WHILE));
        let after = Instant::now();
        thread::sleep(SHORT);
        let _ = poll_with(Waker::noop(), &mut late);
        assert!((before + A_WHILE..=after + A_WHILE).contains(&late.deadline()));
        block_on(the_rest_of(late));
    }

    #[test]
    fn sleeps_of_one_worker_end_in_the_order_of_their_deadlines() {
        let _watchdog = watchdog(60);
        while !they_end_in_order() {}
    }

    /// `false`: the worker was too slow to begin all before the first deadline.
    fn they_end_in_order() -> bool {
        struct Note(mpsc::Sender<u32>, u32);
        impl Wake for Note {
            fn wake(self: Arc<Self>) {
                self.0.send(self.1).unwrap();
            }
        }
        let own = steady_executor(1);
        let (send, woken) = mpsc::channel();
        let task = own.spawn(async move {
            let first = Instant::now() + A_WHILE;
            let sleeps = [3, 0, 7, 5, 1, 9, 8, 2, 6, 4].map(|i| {
                let deadline = first + Duration::from_millis(2) * i;
                let mut sleep = Box::pin(sleep_until(deadline));
                let waker = Waker::from(Arc::new(Note(send.clone(), i)));
                let _ = poll_with(&waker, &mut sleep);
                sleep
            });
            (Instant::now() < first).then_some(sleeps)
        });
        let Some(sleeps) = own.block_on(task).unwrap() else {
            return false;
        };
        let order: Vec<_> = woken.iter().take(10).collect();
        assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(sleeps.iter().all(|sleep| sleep.is_elapsed()));
        true
    }

    #[test]
    fn ten_thousand_sleeps_at_once_all_end_and_none_early() {
        let _watchdog = watchdog(60);
        let (own, ledger) = (executor(2), Ledger::new());
        let tasks: Vec<_> = (0..10_000_u64)
            .map(|i| {
                let guard = ledger.guard();
                own.spawn(async move {
                    let _guard = guard;
                    // A prime, so that they are spread over 100 ms.
                    let duration = Duration::from_micros(i * 7919 % 100_000);
                    let deadline = Instant::now() + duration;
                    sleep(duration).await;
                    assert!(Instant::now() >= deadline, "early");
                })
            })
            .collect();
        for outcome in own.block_on(join_all(tasks)) {
            outcome.unwrap();
        }
        ledger.assert_settled();
    }

    #[test]
    fn once_over_it_stays_over() {
        let _watchdog = watchdog(60);
        block_on(async {
            let mut sleep = pin!(sleep(SHORT));
            sleep.as_mut().await;
            for _ in 0..3 {
                assert!(sleep.is_elapsed());
                assert!(futures::poll!(sleep.as_mut()).is_ready());
            }
        });
    }

    #[test]
    fn the_latest_task_to_poll_is_woken_and_no_earlier_one() {
        let _watchdog = watchdog(60);
        let own = executor(1);
        while !the_latest_is_woken(block_on(own.spawn(begun(A_WHILE))).unwrap()) {}
        while !the_latest_is_woken(Box::pin(sleep(A_WHILE))) {}
    }

    /// `false`: this thread was too slow to poll twice before the deadline.
    fn the_latest_is_woken(mut sleep: Pin<Box<Sleep>>) -> bool {
        let (first, first_waker) = Bell::new();
        let (latest, latest_waker) = Bell::new();
        let _ = poll_with(&first_waker, &mut sleep);
        let _ = poll_with(&latest_waker, &mut sleep);
        let in_time = Instant::now() < sleep.deadline();
        if in_time {
            eventually("the latest is woken", || latest.rings() == 1);
            assert_eq!(first.rings(), 0);
        }
        in_time
    }

    #[test]
    fn one_task_may_go_on_with_what_another_has_begun() {
        let _watchdog = watchdog(60);
        let own = executor(2);
        let sleep = shared(sleep(A_WHILE));
        let begins = sleep.clone();
        let first = own.spawn(poll_fn(move |cx| {
            let _ = begins.lock().unwrap().as_mut().poll(cx);
            Poll::Ready(())
        }));
        own.block_on(first).unwrap();
        own.block_on(own.spawn(wait_for(sleep))).unwrap();
    }

    #[test]
    fn a_waker_that_panics_harms_nobody_else() {
        let _watchdog = watchdog(60);
        let own = steady_executor(1);
        let inside = |wakers| {
            let begins = own.spawn(async { begun_beside_bad_wakers(wakers) });
            own.block_on(begins).unwrap()
        };
        while !all_are_woken("a worker", inside) {}
        own.block_on(own.spawn(nap())).unwrap();

        while !all_are_woken("the default executor", begun_beside_bad_wakers) {}
        futures::executor::block_on(nap());
    }

    type Sleeps = Vec<Pin<Box<Sleep>>>;

    /// `begin` begins sleeps with the wakers it is given, and others. `false`: it was too slow.
    #[track_caller]
    fn all_are_woken(by: &str, begin: impl Fn(Vec<Waker>) -> Option<Sleeps>) -> bool {
        // New ones each time: of sleeps that were begun too slowly some may have fired.
        let (bells, wakers): (Vec<_>, Vec<_>) = (0..40).map(|_| Bell::new()).unzip();
        let Some(sleeps) = begin(wakers) else {
            return false;
        };
        eventually(format_args!("{by} has fired them"), || {
            bells.iter().all(|bell| bell.rings() == 1)
        });
        assert!(sleeps.iter().all(|sleep| sleep.is_elapsed()));
        true
    }

    /// Sleeps with the same deadline, every second one with a bad waker. `None`: the deadline came before
    /// all had begun.
    fn begun_beside_bad_wakers(good: Vec<Waker>) -> Option<Sleeps> {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                quiet_panic("from a waker");
            }
        }
        let deadline = Instant::now() + A_WHILE * 5;
        let bad = Waker::from(Arc::new(Panics));
        let begin = |waker| {
            let mut sleep = Box::pin(sleep_until(deadline));
            let _ = poll_with(waker, &mut sleep);
            sleep
        };
        let wakers = good.iter().flat_map(|good| [good, &bad]);
        let sleeps = wakers.map(begin).collect();
        (Instant::now() < deadline).then_some(sleeps)
    }

    #[test]
    fn wakers_are_released_with_the_sleep_or_when_it_is_over() {
        let _watchdog = watchdog(60);
        let (bell, waker) = Bell::new();
        let wakers = || Arc::strong_count(&bell) - 2;
        let mut long = Box::pin(sleep(HOUR));
        let _ = poll_with(&waker, &mut long);
        let _ = poll_with(&waker, &mut long);
        assert_eq!(wakers(), 1);
        drop(long);
        assert_eq!(wakers(), 0);
        let mut short = Box::pin(sleep(SHORT));
        // One that is over at its first poll wakes nobody.
        if poll_with(&waker, &mut short).is_pending() {
            eventually("it is woken", || bell.rings() == 1);
        }
        eventually("the waker is gone", || wakers() == 0);
    }
}

mod resetting {
    //! `Sleep::reset`.

    use super::*;

    /// A task waits for a sleep of `first`, and then `reset` changes its deadline.
    #[track_caller]
    fn the_task_wakes_at_the_new_deadline(first: Duration, second: Duration) {
        while !it_does_after_a_reset_on_its_thread(first, second) {}
        while !it_does_after_a_reset_from_outside(first, second) {}
    }

    /// `false`: the reset came after the first deadline.
    fn it_does_after_a_reset_on_its_thread(first: Duration, second: Duration) -> bool {
        let own = steady_executor(1);
        let on_its_thread = own.spawn(async move {
            let sleep = shared(sleep(first));
            let task = executor::spawn(wait_for(sleep.clone()));
            executor::yield_now().await;
            let deadline = Instant::now() + second;
            let in_time = reset_in_time(&sleep, deadline);
            if in_time {
                task.await.unwrap();
                assert!(Instant::now() >= deadline, "early");
            }
            in_time
        });
        own.block_on(on_its_thread).unwrap()
    }

    /// `false`: the reset came after the first deadline.
    #[track_caller]
    fn it_does_after_a_reset_from_outside(first: Duration, second: Duration) -> bool {
        let own = steady_executor(1);
        let sleep = shared(sleep(first));
        let waits = own.spawn(wait_for(sleep.clone()));
        eventually("it waits", || {
            own.metrics().suspended_tasks() == 1 || waits.is_finished()
        });
        let deadline = Instant::now() + second;
        let in_time = reset_in_time(&sleep, deadline);
        if in_time {
            own.block_on(waits).unwrap();
            assert!(Instant::now() >= deadline, "early");
        }
        in_time
    }

    /// Resets the sleep; returns whether that was before the deadline it had.
    fn reset_in_time(sleep: &Shared<Sleep>, deadline: Instant) -> bool {
        let mut sleep = sleep.lock().unwrap();
        let first = sleep.deadline();
        sleep.as_mut().reset(deadline);
        Instant::now() < first
    }

    #[test]
    fn an_earlier_deadline_wakes_the_task_earlier_from_any_thread() {
        let _watchdog = watchdog(60);
        the_task_wakes_at_the_new_deadline(HOUR, SHORT);
        the_task_wakes_at_the_new_deadline(HOUR, Duration::ZERO);
        the_task_wakes_at_the_new_deadline(Duration::MAX, SHORT);
    }

    #[test]
    fn a_later_deadline_wakes_the_task_later_from_any_thread() {
        let _watchdog = watchdog(60);
        // Long enough for the task to wait when the reset comes.
        the_task_wakes_at_the_new_deadline(
            Duration::from_millis(1000),
            Duration::from_millis(1200),
        );
    }

    #[test]
    fn a_deadline_in_the_past_is_now() {
        let _watchdog = watchdog(60);
        let now = Instant::now();
        block_on(async {
            let mut unpolled = Box::pin(sleep(HOUR));
            unpolled.as_mut().reset(now);
            assert!(futures::poll!(unpolled).is_ready());
            let mut polled = begun(HOUR).await;
            polled.as_mut().reset(now);
            assert!(polled.is_elapsed());
            assert!(futures::poll!(polled).is_ready());
        });
        let mut polled = Box::pin(sleep(HOUR));
        let (bell, waker) = Bell::new();
        let _ = poll_with(&waker, &mut polled);
        polled.as_mut().reset(now);
        assert_eq!(bell.rings(), 1, "whoever waits for it is woken");
    }

    #[test]
    fn a_sleep_that_is_over_starts_again() {
        let _watchdog = watchdog(60);
        block_on(async {
            let mut again = begun(SHORT).await;
            for _ in 0..5 {
                again.as_mut().await;
                let deadline = Instant::now() + SHORT;
                again.as_mut().reset(deadline);
                assert_eq!(again.deadline(), deadline);
                again.as_mut().await;
                assert!(Instant::now() >= deadline, "early");
            }
            again.as_mut().reset(Instant::now() + HOUR);
            assert!(!again.is_elapsed());
            assert!(futures::poll!(again).is_pending());
        });
    }

    #[test]
    fn a_sleep_may_be_reset_before_its_first_poll() {
        let _watchdog = watchdog(60);
        let deadline = Instant::now() + A_WHILE;
        for first in [Duration::ZERO, SHORT, HOUR] {
            let mut reset = Box::pin(sleep(first));
            reset.as_mut().reset(deadline);
            assert_eq!(reset.deadline(), deadline);
            block_on(the_rest_of(reset));
        }
    }

    #[test]
    fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
        let _watchdog = watchdog(60);
        let mut reset = Box::pin(sleep(HOUR));
        let (first, first_waker) = Bell::new();
        let (last, last_waker) = Bell::new();
        let _ = poll_with(&first_waker, &mut reset);
        let _ = poll_with(&last_waker, &mut reset);
        reset.as_mut().reset(Instant::now() + SHORT);
        eventually("the last one is woken", || last.rings() == 1);
        assert_eq!(first.rings(), 0);
        assert!(poll_with(&first_waker, &mut reset).is_ready());
    }
}

mod limits {
    //! `timeout` and `timeout_at`.

    use super::*;

    #[test]
    fn a_future_that_is_ready_at_the_first_poll_is_never_too_late() {
        let _watchdog = watchdog(60);
        let now = Instant::now();
        let long_ago = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        let late = timeout(Duration::from_millis(1), ready(3));
        thread::sleep(SHORT);
        block_on(async {
            assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
            assert_eq!(timeout_at(long_ago, ready(2)).await, Ok(2));
            assert_eq!(late.await, Ok(3));
        });
    }

    #[test]
    fn a_future_that_is_done_in_time_gives_its_output() {
        let _watchdog = watchdog(60);
        let in_time = async {
            nap().await;
            7
        };
        assert_eq!(block_on(timeout(HOUR, in_time)), Ok(7));
        let own = executor(1);
        let limited = own.spawn(timeout(HOUR, nap()));
        assert_eq!(own.block_on(limited).unwrap(), Ok(()));
        // Into a future, too.
        assert_eq!(block_on(timeout(HOUR, ReadyLater)), Ok(8));
    }

    struct ReadyLater;

    impl IntoFuture for ReadyLater {
        type Output = u32;
        type IntoFuture = Boxed<u32>;

        fn into_future(self) -> Boxed<u32> {
            Box::pin(async {
                executor::yield_now().await;
                8
            })
        }
    }

    #[test]
    fn a_future_that_is_not_done_in_time_gives_elapsed_and_never_early() {
        let _watchdog = watchdog(60);
        let own = executor(1);
        let deadline = Instant::now() + SHORT;
        let late = own.spawn(timeout(SHORT, pending::<()>()));
        assert!(own.block_on(late).unwrap().is_err());
        assert!(Instant::now() >= deadline, "early");
        let deadline = Instant::now() + SHORT;
        assert!(block_on(timeout_at(deadline, pending::<()>())).is_err());
        assert!(Instant::now() >= deadline, "early");
        let never = pending::<()>();
        let at_once = block_on(async { timeout(Duration::ZERO, never).now_or_never() });
        assert!(at_once.unwrap().is_err());
    }

    #[test]
    fn a_time_out_counts_from_its_creation() {
        let _watchdog = watchdog(60);
        // If it counted from the first poll, both would last too long.
        assert!(is_over_soon_after_a_late_poll() || is_over_soon_after_a_late_poll());
    }

    fn is_over_soon_after_a_late_poll() -> bool {
        let limit = Duration::from_secs(2);
        let late = timeout(limit, pending::<()>());
        thread::sleep(limit);
        let first_poll = Instant::now();
        assert!(block_on(late).is_err());
        first_poll.elapsed() < limit
    }

    #[test]
    fn the_future_is_dropped_with_the_time_out_and_not_before() {
        let _watchdog = watchdog(60);
        let ledger = Ledger::new();
        let guard = ledger.guard();
        let holds = async move {
            let _guard = guard;
            pending::<()>().await;
        };
        let mut late = Box::pin(timeout(SHORT, holds));
        assert!(block_on(late.as_mut()).is_err());
        assert_eq!(ledger.dropped(), 0);
        drop(late);
        ledger.assert_settled();

        let guard = ledger.guard();
        let unpolled = timeout(HOUR, async move { drop(guard) });
        drop(unpolled);
        ledger.assert_settled();
    }

    #[test]
    fn of_nested_time_outs_the_shorter_wins() {
        let _watchdog = watchdog(60);
        let inner_first = timeout(HOUR, timeout(SHORT, pending::<()>()));
        let outer_first = timeout(SHORT, timeout(HOUR, pending::<()>()));
        let own = executor(1);
        assert!(
            own.block_on(own.spawn(inner_first))
                .unwrap()
                .unwrap()
                .is_err()
        );
        assert!(own.block_on(own.spawn(outer_first)).unwrap().is_err());
    }

    #[test]
    fn a_panic_passes_through() {
        let _watchdog = watchdog(60);
        let panics = async {
            nap().await;
            quiet_panic("inside")
        };
        let call = || block_on(timeout::<Boxed<()>>(HOUR, Box::pin(panics)));
        let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "inside");
        block_on(nap());
    }

    #[test]
    fn elapsed_is_an_error_of_the_time_out_kind() {
        let _watchdog = watchdog(60);
        let elapsed = block_on(timeout(SHORT, pending::<()>())).unwrap_err();
        let as_error: &dyn Error = &elapsed;
        assert!(as_error.to_string().contains("time"));
        let text = elapsed.to_string();
        let error = io::Error::from(elapsed);
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), text);
        let inner = error.into_inner().unwrap();
        assert_eq!(*inner.downcast::<Elapsed>().unwrap(), elapsed);
    }
}

mod ticking {
    //! `interval` and `interval_at`.

    use super::*;
    use MissedTickBehavior::{Burst, Delay, Skip};

    const PERIOD: Duration = Duration::from_millis(20);

    #[test]
    fn the_first_tick_comes_at_once_or_at_the_given_start() {
        let _watchdog = watchdog(60);
        let before = Instant::now();
        let first = interval(HOUR).tick().now_or_never().unwrap();
        assert!((before..=Instant::now()).contains(&first));
        let start = Instant::now() + SHORT;
        let mut ticks = interval_at(start, HOUR);
        assert_eq!(block_on(ticks.tick()), start);
        assert!(Instant::now() >= start, "early");
    }

    #[test]
    fn a_tick_comes_each_period_and_says_when_it_was_due() {
        let _watchdog = watchdog(60);
        let own = executor(1);
        let task = own.spawn(async {
            let start = Instant::now();
            let mut ticks = interval_at(start, SHORT);
            for i in 0..10 {
                assert_eq!(ticks.tick().await, start + SHORT * i);
                assert!(Instant::now() >= start + SHORT * i, "early");
            }
        });
        own.block_on(task).unwrap();
    }

    /// An interval of which more than three ticks have been missed, its first tick, and when the
    /// pause ended.
    fn paused(behavior: MissedTickBehavior) -> (Interval, Instant, Instant) {
        let start = Instant::now();
        let mut ticks = interval_at(start, PERIOD);
        assert_eq!(ticks.tick().now_or_never(), Some(start));
        // Not before: the first tick may be a late one, too.
        ticks.set_missed_tick_behavior(behavior);
        work_for(PERIOD * 3 + PERIOD / 2);
        (ticks, start, Instant::now())
    }

    #[test]
    fn burst_makes_up_for_missed_ticks_at_once() {
        let _watchdog = watchdog(60);
        let (mut ticks, start, _) = paused(Burst);
        // The first of them is waited for: it was scheduled before it was missed.
        assert_eq!(block_on(ticks.tick()), start + PERIOD);
        for i in 2..=3 {
            assert_eq!(ticks.tick().now_or_never(), Some(start + PERIOD * i));
        }
        assert_eq!(block_on(ticks.tick()), start + PERIOD * 4);
        assert!(Instant::now() >= start + PERIOD * 4, "early");
    }

    #[test]
    fn delay_ticks_a_whole_period_after_the_late_tick() {
        let _watchdog = watchdog(60);
        let (mut ticks, start, end) = paused(Delay);
        assert_eq!(block_on(ticks.tick()), start + PERIOD);
        let after = Instant::now();
        let next = block_on(ticks.tick());
        assert!((end + PERIOD..=after + PERIOD).contains(&next));
        assert!(Instant::now() >= next, "early");
    }

    #[test]
    fn skip_leaves_missed_ticks_out_and_keeps_the_schedule() {
        let _watchdog = watchdog(60);
        let (mut ticks, start, end) = paused(Skip);
        assert_eq!(block_on(ticks.tick()), start + PERIOD);
        let after = Instant::now();
        let next = block_on(ticks.tick());
        assert!(next > end && next <= after + PERIOD);
        assert_eq!((next - start).as_nanos() % PERIOD.as_nanos(), 0);
        assert!(Instant::now() >= next, "early");
    }

    #[test]
    fn an_interval_is_a_stream_without_an_end() {
        let _watchdog = watchdog(60);
        let start = Instant::now();
        let mut ticks = interval_at(start, SHORT);
        assert_eq!(ticks.size_hint(), (usize::MAX, None));
        let first: Vec<_> = block_on(ticks.by_ref().take(3).collect());
        assert_eq!(first, [start, start + SHORT, start + SHORT * 2]);
        assert_eq!(block_on(ticks.next()), Some(start + SHORT * 3));
    }

    #[test]
    fn dropping_a_tick_loses_none() {
        let _watchdog = watchdog(60);
        let own = executor(1);
        // If this is off its core until all are due, all come at once.
        while own.block_on(own.spawn(dropped_until_ten_came())).unwrap() == 0 {}
    }

    /// Takes ten ticks; returns how many futures of ticks were dropped meanwhile.
    async fn dropped_until_ten_came() -> usize {
        let start = Instant::now() + SHORT;
        let mut ticks = interval_at(start, SHORT);
        let (mut seen, mut dropped) = (0, 0);
        while seen < 10 {
            match timeout(Duration::from_micros(500), ticks.tick()).await {
                Ok(due) => {
                    assert_eq!(due, start + SHORT * seen);
                    seen += 1;
                }
                Err(_) => dropped += 1,
            }
        }
        dropped
    }

    #[test]
    fn reset_starts_anew_with_a_whole_period() {
        let _watchdog = watchdog(60);
        let mut ticks = interval_at(Instant::now() + HOUR, SHORT);
        assert!(ticks.tick().now_or_never().is_none());
        let before = Instant::now();
        ticks.reset();
        let after = Instant::now();
        let first = block_on(ticks.tick());
        assert!((before + SHORT..=after + SHORT).contains(&first));
        assert_eq!(block_on(ticks.tick()), first + SHORT);
    }

    #[test]
    fn an_interval_may_change_its_place_between_ticks() {
        let _watchdog = watchdog(60);
        let start = Instant::now();
        let (mut ticks, mut seen) = (interval_at(start, SHORT), Vec::new());
        for _ in 0..4 {
            let own = executor(1);
            let task = own.spawn(async move {
                // The second one is waited for here, and elsewhere.
                let dues = [Some(ticks.tick().await), ticks.tick().now_or_never()];
                (dues, ticks)
            });
            let (dues, back) = own.block_on(task).unwrap();
            seen.extend(dues.into_iter().flatten());
            ticks = back;
        }
        seen.push(block_on(ticks.tick()));
        let schedule = (0..).map(|i| start + SHORT * i);
        assert!(seen.iter().copied().eq(schedule.take(seen.len())));
    }

    #[test]
    #[should_panic(expected = "the period of an interval must not be zero")]
    fn a_period_of_zero_panics() {
        let _watchdog = watchdog(60);
        let _ = interval(Duration::ZERO);
    }

    #[test]
    fn the_panic_about_a_period_of_zero_names_the_callers_line() {
        use crate::common::in_own_process;
        use std::panic;
        in_own_process(
            "time::ticking::the_panic_about_a_period_of_zero_names_the_callers_line",
            || {
                let _watchdog = watchdog(60);
                let (send, places) = mpsc::channel();
                panic::set_hook(Box::new(move |info| {
                    let place = info.location().unwrap();
                    send.send((place.file().to_owned(), place.line())).unwrap();
                }));
                let line = line!() + 2;
                let outcomes = [
                    catch_unwind(|| drop(interval(Duration::ZERO))),
                    catch_unwind(|| drop(interval_at(Instant::now(), Duration::ZERO))),
                ];
                drop(panic::take_hook());
                assert!(outcomes.iter().all(Result::is_err));
                let lines: Vec<_> = places.iter().collect();
                assert_eq!(lines, [line, line + 1].map(|l| (file!().to_owned(), l)));
            },
        );
    }
}

mod types {
    //! Traits of the types.

    use super::*;

    fn send_sync_debug<T: Send + Sync + Debug>() {}
    fn unpin<T: Unpin>() {}
    fn send<T: Send>() {}

    #[test]
    fn they_may_go_to_other_threads() {
        let _watchdog = watchdog(60);
        send_sync_debug::<Sleep>();
        send_sync_debug::<Interval>();
        send_sync_debug::<Tick<'_>>();
        send_sync_debug::<Elapsed>();
        send_sync_debug::<MissedTickBehavior>();
        send_sync_debug::<Timeout<Sleep>>();
        send::<Timeout<Boxed<()>>>();
    }

    #[test]
    fn an_interval_may_be_moved_and_is_a_stream() {
        fn stream<T: Stream<Item = Instant>>() {}
        let _watchdog = watchdog(60);
        unpin::<Interval>();
        unpin::<Tick<'_>>();
        stream::<Interval>();
    }

    #[test]
    fn a_sleep_must_not_be_moved_and_a_time_out_neither() {
        // Were the type `Unpin`, the compiler could not tell which of the two is meant.
        trait NotUnpin<T> {
            fn holds() {}
        }
        struct OfUnpinOnes;
        impl<T: ?Sized> NotUnpin<()> for T {}
        impl<T: ?Sized + Unpin> NotUnpin<OfUnpinOnes> for T {}
        let _watchdog = watchdog(60);
        <Sleep as NotUnpin<_>>::holds();
        <Timeout<std::future::Ready<()>> as NotUnpin<_>>::holds();
    }

    #[test]
    fn debug_output_says_something() {
        let _watchdog = watchdog(60);
        let over = format!("{:?}", sleep(Duration::ZERO));
        assert!(over.contains("Sleep") && over.contains("deadline") && over.contains("true"));
        assert!(format!("{:?}", sleep(HOUR)).contains("false"));
        let mut ticks = interval(HOUR);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let text = format!("{ticks:?}");
        assert!(text.contains("3600s") && text.contains("Skip"));
        assert!(format!("{:?}", ticks.tick()).contains("3600s"));
        let limited = timeout(HOUR, ready(1234));
        let text = format!("{limited:?}");
        assert!(text.contains("1234") && text.contains("3600s"));
        let elapsed = block_on(timeout(Duration::ZERO, pending::<()>())).unwrap_err();
        assert!(format!("{elapsed:?}").contains("Elapsed"));
    }
}

#[cfg(target_os = "linux")]
mod silence {
    //! What timers cost that are not due.

    use super::*;
    use crate::{
        common::{Wakers, in_own_process},
        idle::assert_silent,
    };
    use executor::Handle;

    #[test]
    fn long_sleeps_use_no_cpu() {
        in_own_process("time::silence::long_sleeps_use_no_cpu", || {
            let _watchdog = watchdog(60);
            let own = executor(4);
            for duration in [HOUR, Duration::MAX, Duration::from_millis(u64::MAX)] {
                drop(own.spawn(sleep(duration)));
                drop(executor::spawn(sleep(duration)));
            }
            let waits = thread::spawn(|| block_on(timeout(Duration::MAX, pending::<()>())));
            // On a thread without an executor.
            let outside = futures::executor::block_on(begun(Duration::MAX));
            let bells = Wakers::new();
            drop(own.spawn(timeout(HOUR, bells.forever())));
            eventually("they wait", || {
                own.metrics().suspended_tasks() == 4 && bells.len() == 1
            });
            // The threads of the default one may not all have started.
            assert_silent(&[own.handle(), Handle::current()]);
            assert!(!outside.is_elapsed() && !waits.is_finished());
            assert_eq!(own.metrics().suspended_tasks(), 4);
        });
    }

    #[test]
    fn sleeps_that_are_no_more_use_no_cpu() {
        in_own_process("time::silence::sleeps_that_are_no_more_use_no_cpu", || {
            let _watchdog = watchdog(60);
            let own = executor(4);
            let tasks: Vec<_> = (0..100)
                .map(|_| {
                    own.spawn(async {
                        for _ in 0..10 {
                            drop(
                                join_all([(); 100].map(|()| begun(Duration::from_secs(30)))).await,
                            );
                            executor::yield_now().await;
                        }
                    })
                })
                .collect();
            for outcome in own.block_on(join_all(tasks)) {
                outcome.unwrap();
            }
            assert_silent(&[own.handle()]);
        });
    }
}
