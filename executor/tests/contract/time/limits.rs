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
