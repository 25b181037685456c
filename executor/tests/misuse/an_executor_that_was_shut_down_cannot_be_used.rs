use std::time::Duration;

fn main() {
    let own = executor::Executor::new().unwrap();
    own.shutdown_timeout(Duration::from_secs(1)).unwrap();
    drop(own.spawn(async {})); //~ E0382
}
