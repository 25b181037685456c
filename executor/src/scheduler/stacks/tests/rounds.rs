//! Who is asked, and who answers.

use super::{Place, leave_forever};
use crate::scheduler::{
    stacks::{
        collection::{Answer, Asked, Claim, Collection, is_in_traced_poll},
        stack::Silence,
        turn::Turns,
    },
    task_id::TaskId,
};
use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

/// Tasks that are woken by a function.
struct Woken<W> {
    wake: W,
    is_asking: AtomicBool,
}

fn woken_by<W: Fn(&TaskId) -> bool>(wake: W) -> Woken<W> {
    Woken {
        wake,
        is_asking: AtomicBool::new(false),
    }
}

impl<W: Fn(&TaskId) -> bool> Asked for Woken<W> {
    type Task = TaskId;

    fn id(&self, &task: &TaskId) -> TaskId {
        task
    }

    fn wake(&self, task: &TaskId) -> bool {
        assert!(self.is_asking.load(Ordering::Relaxed));
        (self.wake)(task)
    }

    fn begin_to_ask(&self) {
        assert!(!self.is_asking.swap(true, Ordering::Relaxed));
    }

    fn end_to_ask(&self) {
        assert!(self.is_asking.swap(false, Ordering::Relaxed));
    }
}

impl<W> Drop for Woken<W> {
    fn drop(&mut self) {
        assert!(!*self.is_asking.get_mut());
    }
}

/// Tasks, and a thread that polls those that are woken.
struct Polled {
    collection: Collection,
    /// How often each was polled for the collection.
    polls: Mutex<HashMap<TaskId, usize>>,
}

impl Polled {
    fn new() -> Polled {
        Polled {
            collection: Collection::new(),
            polls: Mutex::default(),
        }
    }

    /// Asks `tasks` while a worker answers by `answer`. Returns who has said what, each once.
    fn collect(
        &self,
        tasks: &[TaskId],
        limit: Duration,
        answer: impl Fn(TaskId, Claim<'_>) + Sync,
    ) -> HashMap<TaskId, Answer> {
        let (send, woken) = mpsc::channel();
        let worker = || {
            for id in woken {
                if let Some(claim) = self.collection.claim(id) {
                    *self.polls.lock().unwrap().entry(id).or_default() += 1;
                    answer(id, claim);
                }
            }
        };
        let ids = tasks.to_vec();
        let answers = thread::scope(|scope| {
            scope.spawn(worker);
            let wake = move |&id: &TaskId| send.send(id).is_ok();
            let deadline = Instant::now() + limit;
            self.collection
                .collect(&turns().take(LONG).unwrap(), &woken_by(wake), ids, deadline)
        });
        assert_eq!(answers.len(), tasks.len());
        let answers: HashMap<_, _> = answers.into_iter().collect();
        assert!(tasks.iter().all(|id| answers.contains_key(id)));
        answers
    }
}

/// Whose turn it is elsewhere in the process, is no concern of a test.
fn turns() -> &'static Turns {
    /// Where a leak detector finds them.
    static ALL: Mutex<Vec<&Turns>> = Mutex::new(Vec::new());
    let own: &'static Turns = Box::leak(Box::new(Turns::new()));
    ALL.lock().unwrap().push(own);
    own
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

fn some_tasks(number: usize) -> Vec<TaskId> {
    (0..number).map(|_| TaskId::here()).collect()
}

/// Polls a task by a claim.
fn poll<T>(claim: Claim<'_>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    let traced = claim.begin_poll(Waker::noop(), &0_u8);
    let result = poll(&mut Context::from_waker(traced.waker()));
    if result.is_pending() {
        traced.answer();
    }
    result
}

fn wait_once(claim: Claim<'_>) {
    let mut future = std::pin::pin!(leave_forever(Place::default()));
    assert!(poll(claim, |cx| future.as_mut().poll(cx)).is_pending());
}

#[test]
fn every_task_is_polled_once_and_equal_stacks_are_one() {
    let tasks = some_tasks(3_000);
    let polled = Polled::new();
    let answers = polled.collect(&tasks, LONG, |_, claim| wait_once(claim));
    let mut all = answers.values().map(|answer| match answer {
        Answer::Waits(stacks) => &stacks.different[..],
        answer => panic!("{answer:?}"),
    });
    let [first] = all.next().unwrap() else {
        panic!("one stack");
    };
    assert!(all.all(|stacks| stacks.len() == 1 && Arc::ptr_eq(&stacks[0], first)));
    let polls = polled.polls.lock().unwrap();
    assert!(tasks.iter().all(|id| polls[id] == 1));
}

/// How many of `tasks` are asked at a time, at most, while a worker answers.
fn most_asked(tasks: Vec<TaskId>) -> usize {
    let collection = Collection::new();
    let (asked, most) = (&AtomicUsize::new(0), &AtomicUsize::new(0));
    let (send, woken) = mpsc::channel::<TaskId>();
    thread::scope(|scope| {
        scope.spawn(|| {
            for id in woken {
                collection.claim(id).into_iter().for_each(wait_once);
                asked.fetch_sub(1, Ordering::Relaxed);
            }
        });
        let wake = move |&id: &TaskId| {
            most.fetch_max(1 + asked.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
            send.send(id).is_ok()
        };
        let deadline = Instant::now() + LONG;
        let all = tasks.len();
        let turn = turns().take(LONG).unwrap();
        let answers = collection.collect(&turn, &woken_by(wake), tasks, deadline);
        assert_eq!(answers.len(), all);
    });
    most.load(Ordering::Relaxed)
}

#[test]
fn few_are_asked_at_a_time() {
    // The machine may be slow, and the worker then silent for a while.
    assert!((0..20).any(|_| most_asked(some_tasks(2_000)) < 1_000));
}

#[test]
fn tasks_that_are_stuck_keep_no_other_from_answering() {
    let tasks = some_tasks(1_000);
    let polled = Polled::new();
    let is_stuck = |id: TaskId| tasks[..300].contains(&id);
    // Their claims are held, and they are therefore in a poll, until all is over.
    let held = Mutex::new(Vec::new());
    let (send, woken) = mpsc::channel::<TaskId>();
    thread::scope(|scope| {
        scope.spawn(|| {
            for id in woken {
                match polled.collection.claim(id) {
                    Some(claim) if is_stuck(id) => held.lock().unwrap().push(claim),
                    Some(claim) => wait_once(claim),
                    None => {}
                }
            }
        });
        let wake = move |&id: &TaskId| send.send(id).is_ok();
        let deadline = Instant::now() + Duration::from_millis(1_500);
        let answers = polled.collection.collect(
            &turns().take(LONG).unwrap(),
            &woken_by(wake),
            tasks.clone(),
            deadline,
        );
        assert_eq!(answers.len(), tasks.len());
        for (id, answer) in answers {
            match answer {
                Answer::None(Silence::InPoll) if is_stuck(id) => {}
                Answer::Waits(_) if !is_stuck(id) => {}
                answer => panic!("{id}: {answer:?}"),
            }
        }
    });
    // They answer now, which nobody wants to know, nor is it taken for the answer to the next.
    let late = held.into_inner().unwrap();
    let silent = polled.collection.collect(
        &turns().take(LONG).unwrap(),
        &woken_by(|_: &TaskId| true),
        tasks[..300].to_vec(),
        Instant::now() + SHORT,
    );
    late.into_iter().for_each(wait_once);
    let is_silent = |(_, answer): &(TaskId, Answer)| {
        matches!(answer, Answer::None(Silence::NotPolled | Silence::NotAsked))
    };
    assert!(silent.iter().all(is_silent));
}

#[test]
fn those_who_are_silent_for_long_are_seldom_woken_again() {
    let tasks = some_tasks(300);
    let collection = Collection::new();
    let wakes = Mutex::new(HashMap::<TaskId, usize>::new());
    let held = Mutex::new(Vec::new());
    let is_stuck = |id: TaskId| tasks[..150].contains(&id);
    let wake = |&id: &TaskId| {
        *wakes.lock().unwrap().entry(id).or_default() += 1;
        if is_stuck(id) {
            held.lock().unwrap().extend(collection.claim(id));
        }
        true
    };
    let answers = collection.collect(
        &turns().take(LONG).unwrap(),
        &woken_by(wake),
        tasks.clone(),
        Instant::now() + Duration::from_millis(1_500),
    );
    assert_eq!(answers.len(), tasks.len());
    for (id, wakes) in wakes.into_inner().unwrap() {
        // To wake who is in the poll that is to answer is to have him polled once more.
        let most = if is_stuck(id) { 1 } else { 20 };
        assert!((1..=most).contains(&wakes), "{wakes}");
    }
}

#[test]
fn an_answer_to_an_earlier_dump_is_none_to_the_next() {
    let [id] = some_tasks(1)[..] else {
        unreachable!()
    };
    let collection = Collection::new();
    let first = Mutex::new(None);
    let wake = |_: &TaskId| {
        first
            .lock()
            .unwrap()
            .get_or_insert_with(|| collection.claim(id));
        true
    };
    let ask = |limit, wake: &dyn Fn(&TaskId) -> bool| {
        let answers = collection.collect(
            &turns().take(LONG).unwrap(),
            &woken_by(wake),
            vec![id],
            Instant::now() + limit,
        );
        answers.into_iter().next().unwrap().1
    };
    assert!(matches!(ask(SHORT, &wake), Answer::None(Silence::InPoll)));
    let answer_late = |_: &TaskId| {
        drop(first.lock().unwrap().take());
        true
    };
    assert!(matches!(
        ask(SHORT, &answer_late),
        Answer::None(Silence::NotPolled)
    ));
}

#[test]
fn a_task_that_has_ended_says_so_however_it_ends() {
    let tasks = some_tasks(6);
    let polled = Polled::new();
    let answers = polled.collect(&tasks, LONG, |id, claim| {
        let index = tasks.iter().position(|&task| task == id).unwrap();
        match index % 3 {
            // Cancelled, for example.
            0 => drop(claim),
            1 => assert!(poll(claim, |_| Poll::Ready(())).is_ready()),
            _ => {
                let poll = || poll(claim, |_| -> Poll<()> { panic!("as it is to") });
                let poll = std::panic::AssertUnwindSafe(poll);
                assert!(std::panic::catch_unwind(poll).is_err());
            }
        }
    });
    assert!(
        answers
            .values()
            .all(|answer| matches!(answer, Answer::Ended))
    );
}

#[test]
fn a_task_that_ends_without_being_polled_is_not_waited_for() {
    let tasks = some_tasks(400);
    let start = Instant::now();
    let collection = Collection::new();
    // Half of them have ended already, the others end in a poll that has begun before.
    let wakes = AtomicUsize::new(0);
    let wake = |_: &TaskId| wakes.fetch_add(1, Ordering::Relaxed) < 200;
    let answers = collection.collect(
        &turns().take(LONG).unwrap(),
        &woken_by(wake),
        tasks,
        start + LONG,
    );
    assert!(
        answers
            .iter()
            .all(|(_, answer)| matches!(answer, Answer::Ended))
    );
    assert!(start.elapsed() < LONG / 2);
}

#[test]
fn a_task_that_wakes_itself_does_not_wait() {
    let tasks = some_tasks(1);
    let answers = Polled::new().collect(&tasks, LONG, |_, claim| {
        let poll = poll(claim, |cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(poll.is_pending());
    });
    assert!(matches!(answers[&tasks[0]], Answer::IsWoken(_)));
}

#[test]
fn whoever_was_not_polled_or_not_asked_is_named() {
    let tasks = some_tasks(10);
    let collection = Collection::new();
    let ask = |limit| {
        collection.collect(
            &turns().take(LONG).unwrap(),
            &woken_by(|_: &TaskId| true),
            tasks.clone(),
            Instant::now() + limit,
        )
    };
    let all_are = |answers: Vec<(TaskId, Answer)>, expected: Silence| {
        assert_eq!(answers.len(), 10);
        for (id, answer) in answers {
            assert!(
                matches!(answer, Answer::None(silence) if silence == expected),
                "{answer:?}"
            );
            assert!(collection.claim(id).is_none());
        }
    };
    all_are(ask(SHORT), Silence::NotPolled);
    all_are(ask(Duration::ZERO), Silence::NotAsked);
}

#[test]
fn a_poll_that_a_dump_waits_for_is_known_as_one() {
    let tasks = some_tasks(1);
    assert!(!is_in_traced_poll());
    Polled::new().collect(&tasks, LONG, |_, claim| {
        let poll = poll(claim, |_| {
            assert!(is_in_traced_poll());
            Poll::<()>::Pending
        });
        assert!(poll.is_pending());
        assert!(!is_in_traced_poll());
    });
}

#[test]
fn rounds_that_follow_each_other_do_not_mix() {
    let tasks = some_tasks(500);
    let polled = Polled::new();
    for round in 1..=4 {
        let answers = polled.collect(&tasks, LONG, |_, claim| wait_once(claim));
        assert!(
            answers
                .values()
                .all(|answer| matches!(answer, Answer::Waits(_)))
        );
        let polls = polled.polls.lock().unwrap();
        assert!(polls.values().all(|&polls| polls == round));
    }
}

#[test]
fn a_waker_that_panics_ends_the_dump_and_not_the_next() {
    let tasks = some_tasks(3);
    let polled = Polled::new();
    let collect = || {
        let wake = |_: &TaskId| -> bool { panic!("as it is to") };
        polled.collection.collect(
            &turns().take(LONG).unwrap(),
            &woken_by(wake),
            tasks.clone(),
            Instant::now() + LONG,
        );
    };
    let collect = std::panic::AssertUnwindSafe(collect);
    assert!(std::panic::catch_unwind(collect).is_err());
    let answers = polled.collect(&tasks, LONG, |_, claim| wait_once(claim));
    assert!(
        answers
            .values()
            .all(|answer| matches!(answer, Answer::Waits(_)))
    );
}
