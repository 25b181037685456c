//! The promises of the crate, one test each; the names are the specification.
#![cfg(not(loom))]

mod common;

use std::cell::RefCell;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use common::{Bell, watchdog};
use futures::executor::{ThreadPool, block_on};
use waitgroup::{Guard, Track, Wait, WaitGroup};

const HIGHEST_COUNT: usize = usize::MAX >> 2;

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// The text of the panic that `f` must end in.
fn panic_text(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("a panic");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().expect("a text").to_string(),
    }
}

mod counting {
    use super::*;

    #[test]
    fn a_new_group_counts_nothing() {
        let _watchdog = watchdog();
        assert_eq!(WaitGroup::new().count(), 0);
        assert_eq!(WaitGroup::default().count(), 0);
    }

    #[test]
    fn add_raises_the_count_by_n_and_done_lowers_it_by_one() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(3);
        group.done();
        assert_eq!(group.count(), 2);
    }

    #[test]
    fn clones_share_one_counter_and_new_groups_do_not() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.clone().add(1);
        assert_eq!(group.count(), 1);
        assert_eq!(WaitGroup::new().count(), 0);
    }

    #[test]
    fn the_count_is_the_same_while_somebody_waits() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(2);
        let _wait = group.wait();
        assert_eq!(group.count(), 2);
        group.add(1);
        assert_eq!(group.count(), 3);
    }

    #[test]
    fn add_of_zero_does_nothing() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(0);
        assert_eq!(group.count(), 0);
        assert!(poll(&mut group.wait()).is_ready());
        group.add(HIGHEST_COUNT);
        group.add(0);
        assert_eq!(group.count(), HIGHEST_COUNT);
    }
}

mod misuse {
    use super::*;

    #[test]
    fn done_of_a_zero_count_panics_with_gos_text_and_leaves_it_zero() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        for _ in 0..2 {
            assert_eq!(panic_text(|| group.done()), "negative WaitGroup counter");
            assert_eq!(group.count(), 0);
        }
    }

    #[test]
    fn a_group_is_usable_after_a_negative_done() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        panic_text(|| group.done());
        group.add(1);
        let mut wait = group.wait();
        assert!(poll(&mut wait).is_pending());
        group.done();
        assert!(poll(&mut wait).is_ready());
    }

    #[test]
    fn add_beyond_the_highest_count_panics_and_leaves_the_count() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(HIGHEST_COUNT);
        for n in [1, 2, HIGHEST_COUNT, HIGHEST_COUNT + 1, usize::MAX] {
            let text = panic_text(|| group.add(n));
            assert_eq!(
                text,
                format!(
                    "WaitGroup counter overflow: add({n}) would raise it above {HIGHEST_COUNT}"
                )
            );
            assert_eq!(group.count(), HIGHEST_COUNT);
        }
    }

    #[test]
    fn add_of_more_than_the_highest_count_panics_and_leaves_zero() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        for n in [HIGHEST_COUNT + 1, HIGHEST_COUNT + 2, usize::MAX] {
            assert!(panic_text(|| group.add(n)).starts_with("WaitGroup counter overflow"));
            assert_eq!(group.count(), 0);
            assert!(poll(&mut group.wait()).is_ready());
        }
    }

    #[test]
    fn an_overflow_leaves_the_waiters_waiting_and_loses_none() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(1);
        let mut wait = group.wait();
        panic_text(|| group.add(HIGHEST_COUNT));
        assert!(poll(&mut wait).is_pending());
        group.done();
        assert!(poll(&mut wait).is_ready());
    }

    #[test]
    fn guard_and_track_overflow_as_add_does() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(HIGHEST_COUNT);
        assert!(panic_text(|| drop(group.guard())).starts_with("WaitGroup counter overflow"));
        let text = panic_text(|| drop(group.track(ready(()))));
        assert!(text.starts_with("WaitGroup counter overflow"));
        assert_eq!(group.count(), HIGHEST_COUNT);
    }

    #[test]
    fn a_guard_whose_done_was_taken_panics_on_drop() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        let guard = group.guard();
        group.done();
        assert_eq!(panic_text(|| drop(guard)), "negative WaitGroup counter");
    }
}

mod waiting {
    use super::*;

    #[test]
    fn wait_on_a_zero_count_is_ready_at_once() {
        let _watchdog = watchdog();
        assert!(poll(&mut WaitGroup::new().wait()).is_ready());
        WaitGroup::new().wait_blocking();
    }

    #[test]
    fn wait_is_pending_until_the_count_is_zero() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(2);
        let mut wait = group.wait();
        assert!(poll(&mut wait).is_pending());
        group.done();
        assert!(poll(&mut wait).is_pending());
        group.done();
        assert!(poll(&mut wait).is_ready());
    }

    #[test]
    fn wait_begins_with_the_call_and_not_with_the_first_poll() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(1);
        let mut wait = group.wait();
        group.done();
        group.add(1);
        assert!(poll(&mut wait).is_ready());
    }

    #[test]
    fn wait_called_on_a_zero_count_stays_ready_when_the_count_is_raised_before_the_first_poll() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        let mut wait = group.wait();
        group.add(1);
        assert!(poll(&mut wait).is_ready());
    }

    #[test]
    fn a_zero_before_the_call_does_not_count() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(1);
        group.done();
        group.add(1);
        assert!(poll(&mut group.wait()).is_pending());
    }

    #[test]
    fn a_finished_wait_is_ready_again_when_polled_again() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(1);
        let mut wait = group.wait();
        group.done();
        group.add(1);
        for _ in 0..3 {
            assert!(poll(&mut wait).is_ready());
        }
    }

    #[test]
    fn any_number_of_waiters_is_woken_once_each_by_the_last_done() {
        let _watchdog = watchdog();
        const WAITERS: usize = 1_000;
        let group = WaitGroup::new();
        group.add(2);
        let (bell, waker) = Bell::new();
        let mut waits: Vec<Wait> = (0..WAITERS).map(|_| group.wait()).collect();
        for wait in &mut waits {
            assert!(
                Pin::new(wait)
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        group.done();
        assert_eq!(bell.rings(), 0);
        group.done();
        assert_eq!(bell.rings(), WAITERS);
        assert!(waits.iter_mut().all(|wait| poll(wait).is_ready()));
    }

    #[test]
    fn the_waker_of_the_latest_poll_is_the_one_that_is_woken() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(1);
        let mut wait = group.wait();
        let ((first, first_waker), (second, second_waker)) = (Bell::new(), Bell::new());
        for waker in [first_waker, second_waker] {
            assert!(
                Pin::new(&mut wait)
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        group.done();
        assert_eq!((first.rings(), second.rings()), (0, 1));
    }

    #[test]
    fn dropping_a_wait_loses_nobody_elses_wake_up() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(1);
        let mut waits: Vec<Wait> = (0..4).map(|_| group.wait()).collect();
        assert!(waits.iter_mut().all(|wait| poll(wait).is_pending()));
        drop(waits.remove(0)); // before the last `done`
        group.done();
        drop(waits.remove(0)); // after it, woken but not polled
        assert!(waits.iter_mut().all(|wait| poll(wait).is_ready()));
    }

    #[test]
    fn a_wait_that_everybody_dropped_does_not_disturb_the_next_round() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(1);
        drop(group.wait());
        group.done();
        assert_eq!(group.count(), 0);
        group.add(1);
        assert!(poll(&mut group.wait()).is_pending());
    }

    #[test]
    fn each_round_wakes_its_own_waiters_only() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        let mut earlier: Option<Wait> = None;
        for _ in 0..100 {
            group.add(1);
            let mut wait = group.wait();
            assert!(poll(&mut wait).is_pending());
            assert!(earlier.is_none_or(|mut wait| poll(&mut wait).is_ready()));
            group.done();
            earlier = Some(wait);
        }
    }

    #[test]
    fn a_wait_outlives_every_handle() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        let guard = group.guard();
        let mut wait = group.wait();
        drop(group);
        assert!(poll(&mut wait).is_pending());
        drop(guard);
        assert!(poll(&mut wait).is_ready());
    }

    #[test]
    fn a_wait_whose_last_handle_is_gone_is_woken_once_stays_pending_and_keeps_no_waker() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(1);
        let mut wait = group.wait();
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(bell.clone());
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(&mut wait).poll(&mut cx).is_pending());
        let other = group.clone();
        drop(group);
        assert_eq!(bell.rings(), 0, "another handle is there");
        drop(other);
        assert_eq!(bell.rings(), 1);
        for _ in 0..2 {
            assert!(Pin::new(&mut wait).poll(&mut cx).is_pending());
            assert_eq!(Arc::strong_count(&bell), 2, "`bell` and `waker`");
        }
        assert_eq!(
            format!("{wait:?}"),
            "Wait { finished: false, orphaned: true }"
        );
        assert_eq!(bell.rings(), 1);
    }

    #[test]
    fn a_wait_that_ended_before_its_last_handle_went_is_ready() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        group.add(1);
        let mut early = group.wait();
        group.done();
        group.add(1);
        let mut late = group.wait();
        drop(group);
        assert!(poll(&mut early).is_ready());
        assert!(poll(&mut late).is_pending());
    }

    #[test]
    fn a_waker_that_panics_as_the_last_handle_goes_costs_nobody_else_the_wake_up() {
        let _watchdog = watchdog();
        struct Panicking;
        impl Wake for Panicking {
            fn wake(self: Arc<Self>) {
                std::panic::resume_unwind(Box::new(()));
            }
        }
        let bell = Arc::new(Bell::default());
        let wakers = [Waker::from(Arc::new(Panicking)), Waker::from(bell.clone())];
        let group = WaitGroup::new();
        group.add(1);
        let mut waits = [group.wait(), group.wait()];
        for (wait, waker) in waits.iter_mut().zip(&wakers) {
            let mut cx = Context::from_waker(waker);
            assert!(Pin::new(wait).poll(&mut cx).is_pending());
        }
        drop(group);
        assert_eq!(bell.rings(), 1);
    }

    #[test]
    fn a_waker_may_use_the_group_it_is_woken_by() {
        let _watchdog = watchdog();
        struct Reuse(WaitGroup);
        impl Wake for Reuse {
            fn wake(self: Arc<Self>) {
                assert_eq!(self.0.count(), 0);
                self.0.add(1);
                let mut next = self.0.wait();
                assert!(poll(&mut next).is_pending());
                self.0.done();
                assert!(poll(&mut next).is_ready());
                self.0.wait_blocking();
            }
        }
        let group = WaitGroup::new();
        group.add(1);
        let waker = Waker::from(Arc::new(Reuse(group.clone())));
        let mut wait = group.wait();
        assert!(
            Pin::new(&mut wait)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        // In a thread of its own: a waker that runs under a lock of the group never returns.
        let (returned, done) = mpsc::channel();
        let thread = thread::spawn(move || {
            group.done();
            returned.send(()).expect("the test waits");
        });
        done.recv_timeout(Duration::from_secs(30))
            .expect("`done` returns");
        thread.join().expect("no panic");
        assert!(poll(&mut wait).is_ready());
    }

    /// A waker that does something whenever it is woken, cloned or dropped.
    mod foreign {
        use super::*;
        use std::task::{RawWaker, RawWakerVTable};

        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Event {
            Woken,
            Cloned,
            Dropped,
        }

        type Act = Arc<dyn Fn(Event) + Send + Sync>;

        /// Calls `act` for all that happens to the waker and its clones.
        pub fn waker(act: impl Fn(Event) + Send + Sync + 'static) -> Waker {
            let act: Act = Arc::new(act);
            // SAFETY: the functions of the table take what `raw` makes, each reference once.
            unsafe { Waker::from_raw(raw(act)) }
        }

        fn raw(act: Act) -> RawWaker {
            let data = Box::into_raw(Box::new(act));
            RawWaker::new(data.cast_const().cast(), &TABLE)
        }

        static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

        fn act_of(data: *const ()) -> Act {
            // SAFETY: from `raw`, and not dropped before its waker is.
            let act = unsafe { &*data.cast::<Act>() };
            Arc::clone(act)
        }

        unsafe fn clone(data: *const ()) -> RawWaker {
            let act = act_of(data);
            act(Event::Cloned);
            raw(act)
        }

        unsafe fn wake(data: *const ()) {
            // SAFETY: from `raw`; the waker is no more after this.
            let act = *unsafe { Box::from_raw(data.cast::<Act>().cast_mut()) };
            act(Event::Woken);
        }

        unsafe fn wake_by_ref(data: *const ()) {
            act_of(data)(Event::Woken);
        }

        unsafe fn drop_waker(data: *const ()) {
            // SAFETY: from `raw`; the waker is no more after this.
            let act = *unsafe { Box::from_raw(data.cast::<Act>().cast_mut()) };
            act(Event::Dropped);
        }
    }

    /// Uses the group in every way, and a wait of whatever round it is in.
    fn use_all_of(group: &WaitGroup, wait: &Arc<Mutex<Option<Wait>>>) {
        let _ = group.count();
        group.add(1);
        let mut next = group.wait();
        let _ = poll(&mut next);
        drop(group.guard());
        drop(group.track(ready(())));
        group.done();
        drop(next);
        if let Ok(mut wait) = wait.try_lock() {
            if let Some(wait) = &mut *wait {
                let _ = poll(wait);
            }
            drop(wait.take());
        }
    }

    #[test]
    fn a_waker_may_use_the_group_when_it_is_woken_cloned_or_dropped() {
        let _watchdog = watchdog();
        use foreign::Event;
        for when in [Event::Woken, Event::Cloned, Event::Dropped] {
            let group = WaitGroup::new();
            group.add(1);
            // Of the same round, for the waker to poll and to drop.
            let (mut first, second) = (group.wait(), group.wait());
            let second = Arc::new(Mutex::new(Some(second)));
            let times = Arc::new(AtomicUsize::new(0));
            let (used, acts) = (group.clone(), Arc::clone(&times));
            let waker = foreign::waker(move |event| {
                if event == when {
                    acts.fetch_add(1, Ordering::SeqCst);
                    use_all_of(&used, &second);
                }
            });
            // In a thread of its own: a waker that runs under a lock of the group never returns.
            let (returned, has_returned) = mpsc::channel();
            let thread = thread::spawn(move || {
                for waker in [&waker, &waker.clone()] {
                    let mut cx = Context::from_waker(waker);
                    assert!(Pin::new(&mut first).poll(&mut cx).is_pending());
                }
                group.done();
                assert!(poll(&mut first).is_ready());
                // And one that is dropped before it is over.
                group.add(1);
                let mut dropped = group.wait();
                let mut cx = Context::from_waker(&waker);
                assert!(Pin::new(&mut dropped).poll(&mut cx).is_pending());
                drop(dropped);
                group.done();
                returned.send(group.count()).expect("the test waits");
            });
            let count = has_returned.recv_timeout(Duration::from_secs(30));
            assert_eq!(count, Ok(0), "{when:?}");
            thread.join().expect("no panic");
            assert!(times.load(Ordering::SeqCst) > 0, "{when:?}");
        }
    }

    #[test]
    fn a_waker_that_panics_costs_nobody_else_the_wake_up() {
        let _watchdog = watchdog();
        const WAITERS: usize = 5;
        let group = WaitGroup::new();
        group.add(1);
        let (bell, calm) = Bell::new();
        let panics = foreign::waker(|event| {
            if event == foreign::Event::Woken {
                std::panic::resume_unwind(Box::new("on purpose"));
            }
        });
        let mut waits: Vec<Wait> = (0..2 * WAITERS).map(|_| group.wait()).collect();
        for (waker, wait) in [&panics, &calm].into_iter().cycle().zip(&mut waits) {
            let mut cx = Context::from_waker(waker);
            assert!(Pin::new(wait).poll(&mut cx).is_pending());
        }
        group.done();
        assert_eq!(bell.rings(), WAITERS);
        // Some are dropped unpolled: what counts listeners must be right.
        waits.truncate(WAITERS);
        assert!(waits.iter_mut().all(|wait| poll(wait).is_ready()));
        drop(waits);
        group.add(1);
        assert!(poll(&mut group.wait()).is_pending());
        group.done();
        block_on(group.wait());
    }

    #[test]
    fn done_may_be_called_by_the_destructor_of_a_thread_local() {
        let _watchdog = watchdog();
        thread_local!(static GUARD: RefCell<Option<Guard>> = const { RefCell::new(None) });
        let group = WaitGroup::new();
        let guard = group.guard();
        let (bell, waker) = Bell::new();
        let mut wait = group.wait();
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(&mut wait).poll(&mut cx).is_pending());
        let thread = thread::spawn(move || GUARD.set(Some(guard)));
        thread.join().expect("no panic");
        assert_eq!(bell.rings(), 1);
        assert!(poll(&mut wait).is_ready());
    }

    #[test]
    fn wait_blocking_returns_once_the_count_is_zero() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        let finished = Arc::new(AtomicUsize::new(0));
        let start = |_| {
            let guard = group.guard();
            let finished = Arc::clone(&finished);
            thread::spawn(move || {
                let _guard = guard;
                finished.fetch_add(1, Ordering::Relaxed);
            })
        };
        let threads: Vec<_> = (0..4).map(start).collect();
        group.wait_blocking();
        assert_eq!(finished.load(Ordering::Relaxed), 4);
        for thread in threads {
            thread.join().expect("no panic");
        }
    }
}

mod guarding {
    use super::*;

    #[test]
    fn a_guard_is_counted_until_it_is_dropped() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        let guard = group.guard();
        assert_eq!(group.count(), 1);
        let mut wait = group.wait();
        assert!(poll(&mut wait).is_pending());
        drop(guard);
        assert_eq!(group.count(), 0);
        assert!(poll(&mut wait).is_ready());
    }

    #[test]
    fn a_guard_is_counted_off_when_its_scope_panics() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        let guard = group.guard();
        panic_text(move || {
            let _guard = guard;
            panic!("on purpose");
        });
        assert_eq!(group.count(), 0);
    }

    #[test]
    fn a_guard_is_counted_off_when_its_task_is_cancelled() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        let guard = group.guard();
        let mut task = Box::pin(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        assert!(poll(&mut task).is_pending());
        assert_eq!(group.count(), 1);
        drop(task);
        assert_eq!(group.count(), 0);
    }
}

mod tracking {
    use super::*;

    /// Notes the count of the group at the time it is dropped.
    struct CountAtDrop {
        group: WaitGroup,
        seen: Rc<RefCell<Vec<usize>>>,
    }

    impl Drop for CountAtDrop {
        fn drop(&mut self) {
            self.seen.borrow_mut().push(self.group.count());
        }
    }

    /// A group and a value that tells at which count it was dropped.
    fn observed() -> (WaitGroup, Rc<RefCell<Vec<usize>>>, CountAtDrop) {
        let (group, seen) = (WaitGroup::new(), Rc::default());
        let owned = CountAtDrop {
            group: group.clone(),
            seen: Rc::clone(&seen),
        };
        (group, seen, owned)
    }

    #[test]
    fn a_tracked_future_is_counted_from_the_call_and_gives_its_output() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        let tracked = group.track(async { 42 });
        assert_eq!(group.count(), 1);
        assert_eq!(block_on(tracked), 42);
    }

    #[test]
    fn a_finished_future_is_counted_off_though_the_track_is_kept() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        let mut tracked = group.track(ready(7));
        assert_eq!(poll(&mut tracked), Poll::Ready(7));
        assert_eq!(group.count(), 0);
        drop(tracked);
        assert_eq!(group.count(), 0);
    }

    #[test]
    fn a_pending_future_stays_counted() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        let mut tracked = group.track(pending::<()>());
        assert!(poll(&mut tracked).is_pending());
        assert_eq!(group.count(), 1);
    }

    #[test]
    fn a_future_that_is_dropped_before_or_after_its_first_poll_is_counted_off() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        drop(group.track(pending::<()>()));
        assert_eq!(group.count(), 0);
        let mut tracked = group.track(pending::<()>());
        assert!(poll(&mut tracked).is_pending());
        drop(tracked);
        assert_eq!(group.count(), 0);
    }

    #[test]
    fn a_finished_future_has_been_dropped_before_it_is_counted_off() {
        let _watchdog = watchdog();
        // `poll_fn` keeps what it owns until it is dropped itself.
        let (group, seen, owned) = observed();
        let mut tracked = group.track(std::future::poll_fn(move |_| {
            let _ = &owned;
            Poll::Ready(())
        }));
        assert!(poll(&mut tracked).is_ready());
        assert_eq!(*seen.borrow(), [1]);
        assert_eq!(group.count(), 0);
    }

    #[test]
    fn a_cancelled_future_has_been_dropped_before_it_is_counted_off() {
        let _watchdog = watchdog();
        let (group, seen, owned) = observed();
        drop(group.track(async move {
            let _owned = owned;
            pending::<()>().await;
        }));
        assert_eq!(*seen.borrow(), [1]);
        assert_eq!(group.count(), 0);
    }

    #[test]
    fn a_future_whose_poll_panics_is_dropped_and_counted_off_as_the_panic_leaves_the_poll() {
        let _watchdog = watchdog();
        let (group, seen, owned) = observed();
        let mut tracked = group.track(std::future::poll_fn(move |_| -> Poll<()> {
            let _ = &owned;
            panic!("on purpose")
        }));
        assert_eq!(
            panic_text(|| assert!(poll(&mut tracked).is_ready())),
            "on purpose"
        );
        assert_eq!(*seen.borrow(), [1]);
        assert_eq!(group.count(), 0);
    }

    #[test]
    fn a_future_whose_drop_panics_is_counted_off() {
        let _watchdog = watchdog();
        struct PanicsOnDrop;
        impl Drop for PanicsOnDrop {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        let group = WaitGroup::new();
        let owner = |owned: PanicsOnDrop| {
            std::future::poll_fn(move |_| {
                let _ = &owned;
                Poll::Ready(())
            })
        };
        let mut finished = group.track(owner(PanicsOnDrop));
        assert_eq!(
            panic_text(|| assert!(poll(&mut finished).is_ready())),
            "in drop"
        );
        assert_eq!(group.count(), 0);
        let cancelled = group.track(owner(PanicsOnDrop));
        assert_eq!(panic_text(|| drop(cancelled)), "in drop");
        assert_eq!(group.count(), 0);
    }

    #[test]
    fn a_track_polled_after_it_finished_or_panicked_says_so() {
        let _watchdog = watchdog();
        const TEXT: &str = "`Track` polled after it finished or panicked; await it only once";
        let group = WaitGroup::new();
        let mut finished = group.track(ready(()));
        assert!(poll(&mut finished).is_ready());
        assert_eq!(panic_text(|| assert!(poll(&mut finished).is_ready())), TEXT);

        let mut panicked = group.track(std::future::poll_fn(|_| -> Poll<()> { panic!("once") }));
        panic_text(|| assert!(poll(&mut panicked).is_ready()));
        assert_eq!(panic_text(|| assert!(poll(&mut panicked).is_ready())), TEXT);
        assert_eq!(group.count(), 0);
    }

    #[test]
    fn tracked_futures_need_be_neither_send_nor_static_nor_unpin() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        let local = Rc::new(1);
        let borrowed = &local;
        let sum = block_on(group.track(async move {
            futures::future::ready(()).await;
            **borrowed + 1
        }));
        assert_eq!(sum, 2);
    }
}

mod executors {
    use super::*;

    #[test]
    fn it_works_in_a_thread_pool_of_futures() {
        let _watchdog = watchdog();
        const TASKS: usize = 500;
        let pool = ThreadPool::builder().pool_size(4).create().expect("a pool");
        let group = WaitGroup::new();
        let finished = Arc::new(AtomicUsize::new(0));
        for _ in 0..TASKS {
            let finished = Arc::clone(&finished);
            pool.spawn_ok(group.track(async move {
                finished.fetch_add(1, Ordering::Relaxed);
            }));
        }
        let (inside, outside) = futures::channel::oneshot::channel();
        let waiting = group.clone();
        pool.spawn_ok(async move {
            waiting.wait().await;
            inside.send(()).expect("the test waits");
        });
        block_on(group.wait());
        block_on(outside).expect("the task has waited too");
        assert_eq!(finished.load(Ordering::Relaxed), TASKS);
    }
}

mod types {
    use super::*;

    #[test]
    fn all_types_are_send_and_sync_and_own_what_they_need() {
        let _watchdog = watchdog();
        fn whole<T: Send + Sync + Unpin + 'static>() {}
        whole::<WaitGroup>();
        whole::<Wait>();
        whole::<Guard>();
        whole::<Track<std::future::Ready<()>>>();
    }

    #[test]
    fn debug_shows_the_count_and_whether_a_future_is_finished() {
        let _watchdog = watchdog();
        let group = WaitGroup::new();
        let guard = group.guard();
        let mut wait = group.wait();
        let mut tracked = group.track(ready(()));
        assert_eq!(format!("{group:?}"), "WaitGroup { count: 2 }");
        assert_eq!(
            format!("{guard:?}"),
            "Guard { group: WaitGroup { count: 2 } }"
        );
        assert_eq!(format!("{wait:?}"), "Wait { finished: false }");
        assert_eq!(format!("{tracked:?}"), "Track { finished: false, .. }");
        assert!(poll(&mut tracked).is_ready());
        drop(guard);
        assert!(poll(&mut wait).is_ready());
        assert_eq!(format!("{wait:?}"), "Wait { finished: true }");
        assert_eq!(format!("{tracked:?}"), "Track { finished: true, .. }");
    }
}
