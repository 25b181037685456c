//! A process that has not asked for the time before. One test, so that none other asks first.

mod common;

use common::watchdog;
use executor::time::{interval_at, sleep_until};
use std::{
    thread,
    time::{Duration, Instant},
};

const PERIOD: Duration = Duration::from_secs(3600);

#[test]
fn an_instant_before_the_first_use_of_timers_is_kept_as_it_is() {
    let _watchdog = watchdog(60);
    let start = Instant::now();
    thread::sleep(Duration::from_millis(5));
    assert_eq!(sleep_until(start).deadline(), start);
    let mut ticks = interval_at(start, PERIOD);
    assert_eq!(executor::block_on(ticks.tick()), start);
    if let Some(long_ago) = start.checked_sub(PERIOD * 3) {
        let mut ticks = interval_at(long_ago, PERIOD);
        for missed in 0..3 {
            assert_eq!(executor::block_on(ticks.tick()), long_ago + PERIOD * missed);
        }
    }
}
