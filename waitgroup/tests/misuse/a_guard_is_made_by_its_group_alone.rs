fn main() {
    let group = waitgroup::WaitGroup::new();
    drop(waitgroup::Guard { group }); //~ E0451
}
