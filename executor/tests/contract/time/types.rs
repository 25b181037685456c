//! Traits of the types.

use super::*;

fn send_sync_debug<T: Send + Sync + Debug>() {}
fn unpin<T: Unpin>() {}
fn send<T: Send>() {}

#[test]
fn they_may_go_to_other_threads() {
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
