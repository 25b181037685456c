fn main() {
    let group = waitgroup::WaitGroup::new();
    let guard = group.guard();
    drop((guard.clone(), guard)); //~ E0599
}
