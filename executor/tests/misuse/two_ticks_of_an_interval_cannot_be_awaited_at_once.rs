use std::time::Duration;

fn main() {
    let mut ticks = executor::time::interval(Duration::from_secs(1));
    let first = ticks.tick();
    let second = ticks.tick(); //~ E0499
    executor::block_on(async { (first.await, second.await) });
}
