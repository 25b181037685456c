fn main() {
    let group = waitgroup::WaitGroup::new();
    let tracked = group.track(async { 7 });
    executor::block_on(async {
        tracked.await;
        tracked.await; //~ E0382
    });
}
