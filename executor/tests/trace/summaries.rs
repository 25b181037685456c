//! What a summary says.

use super::compute;
use crate::common::{eventually, patient_executor, watchdog};
use executor::{TaskBuilder, trace::Party, yield_now};
use std::{future::pending, time::Duration};

#[test]
fn a_summary_names_the_longest_poll_and_who_waited_for_it() {
    let _watchdog = watchdog(60);
    const LONG: Duration = Duration::from_millis(100);
    let own = patient_executor(1);
    let recording = own.handle().trace();
    let main = own.spawn(async {
        // Spawned last, it comes into the next slot, and so before the other.
        let waits = executor::spawn(async {});
        let slow = TaskBuilder::new()
            .name("slow")
            .spawn(async { compute(LONG) });
        let ids = (slow.id(), waits.id());
        slow.await.unwrap();
        waits.await.unwrap();
        (0..100).for_each(|_| drop(executor::spawn(yield_now())));
        ids
    });
    let (slow, waits) = own.block_on(main).unwrap();
    let summary = recording.snapshot().summary();
    let longest = &summary.longest_polls()[0];
    assert_eq!((longest.task(), longest.name()), (slow, Some("slow")));
    assert!(longest.lasted() >= LONG && longest.has_ended());
    assert_eq!(longest.spawned_at(), slow.spawned_at());
    assert_eq!(longest.worker(), "worker 0");
    assert!(summary.longest_polls().len() <= 10);
    assert!(
        summary
            .longest_polls()
            .is_sorted_by(|a, b| a.lasted() >= b.lasted())
    );
    let wait = &summary.longest_waits()[0];
    assert_eq!(wait.task(), waits, "{summary}");
    assert!(wait.lasted() >= LONG);
    let worker = &summary.workers()[0];
    assert!(worker.polling() >= LONG && worker.share() > 0.0 && worker.share() <= 1.0);
    assert!(worker.polls() >= 3);
    let text = summary.to_string();
    for words in [
        "worker 0: ",
        "`slow` at ",
        "summaries.rs",
        "the longest waits",
        "who woke whom",
    ] {
        assert!(text.contains(words), "no `{words}`: {text}");
    }
}

#[test]
fn the_drop_of_a_cancelled_future_is_no_poll() {
    /// Takes its time to be dropped.
    struct Slow;

    impl Drop for Slow {
        fn drop(&mut self) {
            compute(Duration::from_millis(50));
        }
    }

    let _watchdog = watchdog(60);
    let own = patient_executor(1);
    let recording = own.handle().trace();
    let waits = own.spawn(async {
        let _slow = Slow;
        pending::<()>().await;
    });
    eventually("it waits", || own.metrics().suspended_tasks() == 1);
    own.block_on(waits.cancel());
    let summary = recording.snapshot().summary();
    assert_eq!(summary.longest_polls().len(), 1, "{summary}");
    assert_eq!(summary.workers()[0].polls(), 1);
    assert_eq!(
        summary.workers()[0].polling(),
        summary.longest_polls()[0].lasted()
    );
}

#[test]
fn a_summary_tells_who_woke_whom_most_often() {
    let _watchdog = watchdog(60);
    let own = patient_executor(1);
    let recording = own.handle().trace();
    let (sender, receiver) = async_channel::bounded::<()>(1);
    let receives = own.spawn(async move { while receiver.recv().await.is_ok() {} });
    let sends = own.spawn(async move {
        for _ in 0..1_000 {
            sender.send(()).await.unwrap();
        }
    });
    let lines = (sends.id().spawned_at(), receives.id().spawned_at());
    own.block_on(sends).unwrap();
    own.block_on(receives).unwrap();
    let summary = recording.snapshot().summary();
    let most = summary.wakes().iter().take(2);
    let pairs: Vec<_> = most.map(|wakes| (wakes.by(), wakes.woken())).collect();
    assert!(
        pairs.contains(&(Party::Tasks(lines.0), lines.1)),
        "{summary}"
    );
    assert!(
        pairs.contains(&(Party::Tasks(lines.1), lines.0)),
        "{summary}"
    );
    assert!(summary.wakes()[0].count() >= 400);
}
