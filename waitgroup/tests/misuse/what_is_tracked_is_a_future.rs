fn main() {
    let group = waitgroup::WaitGroup::new();
    drop(group.track(|| 7)); //~ E0277
}
